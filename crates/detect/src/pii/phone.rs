//! Telephone numbers: international (ITU-T E.164), the usual national notations, and bare ones after a word.

use super::number::{glued_left, glued_right, spaced_left};
use super::{Hit, context};
use crate::view::{Ahead, ViewText, byte_before};
use cordon_types::FindingKind;

const WORDS: &[&str] = &[
    "phone",
    "tel",
    "mobile",
    "mobil",
    "cell",
    "call",
    "fax",
    "whatsapp",
    "sms",
    "text me",
    "contact",
    "dial",
    "handy",
    "ruf",
    "appel",
    "llam",
    "movil",
    "cellulare",
    "numero",
    "hotline",
    "reach me",
    "reach us",
    "ring",
];

/// At most so many groups and digits are read: E.164 has 15 digits, an exit code two or three more.
const MAX_GROUPS: usize = 8;
const MAX_DIGITS: usize = 18;

/// The groups of digits of a candidate, as far as they go.
#[derive(Debug, Default)]
struct Groups {
    lens: [usize; MAX_GROUPS],
    ends: [usize; MAX_GROUPS],
    count: usize,
    digits: Vec<u8>,
    separators: [u8; MAX_GROUPS],
    too_long: bool,
}

impl Groups {
    fn lens(&self) -> &[usize] {
        self.lens.get(..self.count).unwrap_or(&[])
    }

    fn end(&self) -> usize {
        self.count.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0)
    }

    fn starts_with(&self, prefix: &[u8]) -> bool {
        self.digits.starts_with(prefix)
    }
}

/// Reads groups of digits from `at` on, with the separators that numbers have, up to `max` digits.
fn read(ahead: &mut Ahead<'_>, mut at: usize, max: usize) -> Groups {
    let mut g = Groups { digits: Vec::with_capacity(MAX_DIGITS), ..Groups::default() };
    let mut paren = false;
    let mut separator = 0u8;
    while g.count < MAX_GROUPS {
        if ahead.at(at) == b'(' {
            paren = true;
            at += 1;
        }
        let end = ahead_digits(ahead, at, max + 1 - g.digits.len());
        let len = end - at;
        if len == 0 {
            break;
        }
        if g.digits.len() + len > max {
            g.too_long = g.count == 0 || separator != b' ';
            break;
        }
        for i in at..end {
            g.digits.push(ahead.at(i));
        }
        let n = g.count;
        if let (Some(l), Some(e), Some(s)) = (g.lens.get_mut(n), g.ends.get_mut(n), g.separators.get_mut(n)) {
            (*l, *e, *s) = (len, end, separator);
        }
        g.count += 1;
        at = end;
        if paren && ahead.at(at) == b')' {
            paren = false;
            at += 1;
        }
        separator = ahead.at(at);
        match separator {
            b' ' if ahead.at(at + 1) == b'-' && ahead.at(at + 2) == b' ' => at += 3,
            b' ' | b'-' | b'.' | b'/' => at += 1,
            b'(' => {}
            // Right after a closing parenthesis no separator is needed.
            b'0'..=b'9' => separator = b')',
            _ => break,
        }
    }
    g
}

fn ahead_digits(ahead: &mut Ahead<'_>, from: usize, most: usize) -> usize {
    let mut i = from;
    while i - from < most && ahead.at(i).is_ascii_digit() {
        i += 1;
    }
    i
}

/// A telephone number that begins at `start` (a digit, `+` or an opening parenthesis).
pub(super) fn phone(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let before = byte_before(view.text.as_bytes(), start);
    if ahead.at(start) == b'+' {
        if before.is_ascii_alphanumeric() || matches!(before, b'+' | b'_' | b'.' | b'/') {
            return None;
        }
        return international(view, ahead, start, start + 1, 900);
    }
    if glued_left(view, start)
        || matches!(before, b'+' | b'#' | b'$' | b'=' | b'*' | b'<' | b'"' | b'^' | b'~' | b'(')
    {
        // After a quote or an equals sign a bare number is data, unless a word before says otherwise.
        let named = matches!(before, b'"' | b'=' | b'<' | b'*') && context(view, start, WORDS);
        if !named {
            return None;
        }
    }
    if spaced_left(view, start) {
        return None;
    }
    if ahead.at(start) == b'0' && ahead.at(start + 1) == b'0' && matches!(ahead.at(start + 2), b'1'..=b'9') {
        let separated = {
            let g = read(ahead, start, MAX_DIGITS);
            g.count > 1
        };
        if separated || context(view, start, WORDS) {
            return international(view, ahead, start, start + 2, 750);
        }
        return None;
    }
    national(view, ahead, start)
}

/// The most digits that numbers of a country code have, the code included.
fn longest(digits: &[u8]) -> usize {
    match digits {
        [b'1' | b'7', ..]
        | [b'3', b'3' | b'4' | b'1' | b'2', ..]
        | [b'4', b'1' | b'8', ..]
        | [b'6', b'1', ..] => 11,
        [b'4', b'4' | b'5' | b'6' | b'7', ..] | [b'9', b'1', ..] | [b'3', b'5', ..] | [b'8', b'1', ..] => 12,
        [b'4', b'9' | b'3', ..] | [b'3', b'9', ..] | [b'5', _, ..] | [b'8', b'6', ..] => 14,
        _ => 15,
    }
}

fn international(
    view: &ViewText<'_>,
    ahead: &mut Ahead<'_>,
    start: usize,
    digits_at: usize,
    confidence: u16,
) -> Option<Hit> {
    let code = [ahead.at(digits_at), ahead.at(digits_at + 1)];
    if !matches!(code, [b'1'..=b'9', b'0'..=b'9' | b' ' | b'-' | b'.' | b'(']) {
        return None;
    }
    // A trunk zero in parentheses, as in +44 (0)20, comes on top.
    let trunk = (1..8).any(|i| ahead.at(digits_at + i) == b'(' && ahead.at(digits_at + i + 1) == b'0');
    let g = read(ahead, digits_at, longest(&code) + usize::from(trunk));
    if g.too_long || g.digits.len() < 8 || all_same(&g.digits) {
        return None;
    }
    let end = extension(ahead, g.end());
    if glued_right(ahead, end) {
        return None;
    }
    let confidence = if context(view, start, WORDS) { confidence.max(950) } else { confidence };
    Some(Hit { end, kind: FindingKind::Phone, confidence, rule: "phone.international" })
}

fn all_same(digits: &[u8]) -> bool {
    digits.iter().all(|d| Some(d) == digits.first())
}

/// Past an extension such as `x123`, if one follows.
fn extension(ahead: &mut Ahead<'_>, end: usize) -> usize {
    if !matches!(ahead.at(end), b'x' | b'X') {
        return end;
    }
    let stop = ahead_digits(ahead, end + 1, 6);
    if (2..=5).contains(&(stop - end - 1)) { stop } else { end }
}

fn national(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let g = read(ahead, start, 15);
    if g.too_long || g.digits.len() < 7 || all_same(&g.digits) {
        return None;
    }
    let end = extension(ahead, g.end());
    if glued_right(ahead, end) || matches!(ahead.at(end), b'%' | b'(') || is_date(&g) {
        return None;
    }
    let named = context(view, start, WORDS);
    let shape = north_american(&g, ahead.at(start) == b'(').or_else(|| leading_zero(&g));
    let (confidence, rule) = match shape {
        Some(c) if named => (c.max(900), "phone.national"),
        Some(c) => (c, "phone.national"),
        // One point between two groups is a decimal fraction.
        None if named && !(g.count == 2 && g.separators.get(1) == Some(&b'.')) => (650, "phone.context"),
        None => return None,
    };
    Some(Hit { end, kind: FindingKind::Phone, confidence, rule })
}

/// `(212) 555-0123`, `212-555-0123`, `1-212-555-0123`, `212.555.0123`, `212 555 0123`: NANP.
fn north_american(g: &Groups, paren: bool) -> Option<u16> {
    let lens = match g.lens() {
        [1, rest @ ..] if g.starts_with(b"1") => rest,
        lens => lens,
    };
    let skip = usize::from(lens.len() < g.count);
    let area = g.digits.get(skip).copied()?;
    if lens != [3, 3, 4] || !matches!(area, b'2'..=b'9') {
        return None;
    }
    let last = g.count.checked_sub(1).and_then(|i| g.separators.get(i)).copied()?;
    Some(match last {
        _ if paren => 850,
        b'-' => 800,
        b'.' => 700,
        _ => 600,
    })
}

/// A trunk zero and plausible groups: `020 7946 0958`, `030 123456`, `06-12345678`, `01 23 45 67 89`.
fn leading_zero(g: &Groups) -> Option<u16> {
    if !matches!(g.digits.as_slice(), [b'0', b'1'..=b'9', ..]) || !(9..=12).contains(&g.digits.len()) {
        return None;
    }
    match g.lens() {
        [2, 2, 2, 2, 2] => Some(700),
        [2..=5, second, ..] if *second >= 3 && g.count <= 5 => Some(600),
        _ => None,
    }
}

/// Days, months and years, also with a time after them.
fn is_date(g: &Groups) -> bool {
    matches!(g.lens(), [4, 2, 2, ..] | [2, 2, 4, ..] | [1, 1 | 2, 4, ..] | [2, 1, 4, ..] | [4, 1, 1 | 2, ..])
        || (g.lens().first() == Some(&8) && (g.starts_with(b"19") || g.starts_with(b"20")))
}
