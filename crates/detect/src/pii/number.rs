//! Numbers with check digits or fixed structure: payment cards, IBANs, US social security numbers.

use super::{Hit, context};
use crate::view::{Ahead, ViewText, byte_before};
use cordon_types::FindingKind;

/// The most digits a card number has (ISO/IEC 7812-1).
const CARD_MAX: usize = 19;

const CARD_WORDS: &[&str] = &[
    "card",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "amex",
    "maestro",
    "karte",
    "carte",
    "tarjeta",
    "carta",
    "cc",
];
const SSN_WORDS: &[&str] =
    &["ssn", "social security", "social-security", "soc sec", "ss#", "ss number", "tax id", "taxpayer"];

/// Whether the number that begins at `start` is glued to something on its left: part of a longer token.
pub(super) fn glued_left(view: &ViewText<'_>, start: usize) -> bool {
    let bytes = view.text.as_bytes();
    let before = byte_before(bytes, start);
    let further = start.checked_sub(1).map_or(0, |p| byte_before(bytes, p));
    before.is_ascii_alphanumeric()
        || before == b'_'
        || before >= 0x80
        || (matches!(before, b'-' | b'.' | b'/' | b',') && further.is_ascii_alphanumeric())
}

/// Whether the number that ends at `end` goes on to its right.
pub(super) fn glued_right(ahead: &mut Ahead<'_>, end: usize) -> bool {
    let next = ahead.at(end);
    if next.is_ascii_alphanumeric() || next == b'_' {
        return true;
    }
    matches!(next, b'-' | b'.' | b'/' | b',' | b':') && ahead.at(end + 1).is_ascii_digit()
}

/// A payment card: an issuer's prefix, a length that the issuer uses, and a Luhn check digit (ISO/IEC 7812-1).
pub(super) fn card(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    if glued_left(view, start) {
        return None;
    }
    let mut digits = [0u8; CARD_MAX];
    let mut count = 0;
    let mut groups: [usize; CARD_MAX] = [0; CARD_MAX];
    let mut group = 0;
    let mut separator = 0u8;
    let mut best = None;
    let mut i = start;
    loop {
        let b = ahead.at(i);
        if b.is_ascii_digit() {
            *digits.get_mut(count)? = b - b'0';
            *groups.get_mut(group)? += 1;
            count += 1;
            i += 1;
            if count < CARD_MAX || !ahead.at(i).is_ascii_digit() {
                continue_or_note(&mut best, digits.get(..count)?, groups.get(..=group)?, i, ahead);
                if count == CARD_MAX {
                    break;
                }
                continue;
            }
            // The run goes on beyond any card: what was a card by its own groups stays one. Digits written behind
            // a card must not hide it.
            break;
        }
        if !matches!(b, b' ' | b'-')
            || (separator != 0 && separator != b)
            || !ahead.at(i + 1).is_ascii_digit()
        {
            break;
        }
        separator = b;
        group += 1;
        i += 1;
    }
    let (end, mut confidence) = best?;
    if confidence < 950 && context(view, start, CARD_WORDS) {
        confidence = 990;
    }
    (confidence >= 400).then_some(Hit { end, kind: FindingKind::PaymentCard, confidence, rule: "card.luhn" })
}

/// Notes the digits so far as the best candidate when they are a card by themselves.
fn continue_or_note(
    best: &mut Option<(usize, u16)>,
    digits: &[u8],
    groups: &[usize],
    end: usize,
    ahead: &mut Ahead<'_>,
) {
    if digits.len() < 12 || ahead.at(end).is_ascii_digit() {
        return;
    }
    let Some(known) = issuer(digits) else { return };
    let first = digits.first().copied().unwrap_or(0);
    if !luhn(digits) || digits.iter().all(|d| *d == first) || !plausible(groups) || glued_right(ahead, end) {
        return;
    }
    let confidence = match (groups.len(), digits.len()) {
        _ if !known => 300,
        (2.., 14..=16) => 990,
        (2.., _) => 900,
        (1, 15 | 16) => 950,
        _ => 700,
    };
    *best = Some((end, confidence));
}

/// Groups as people write them: all the same size but the last, or one of the known uneven patterns.
fn plausible(groups: &[usize]) -> bool {
    match groups {
        [] | [_] => true,
        [4, 6, 4 | 5] => true,
        [first, middle @ .., last] => {
            matches!(first, 1..=6) && middle.iter().all(|g| g == first) && (*last <= *first || *first >= 4)
        }
    }
}

/// Whether prefix and length are those of an issuer. `Some(false)`: only with a word that says so.
fn issuer(digits: &[u8]) -> Option<bool> {
    let prefix = digits.iter().take(4).fold(0u32, |n, d| n * 10 + u32::from(*d));
    let len = digits.len();
    Some(match prefix {
        4000..=4999 if matches!(len, 13 | 16 | 19) => true,
        5100..=5599 | 2221..=2720 if len == 16 => true,
        3400..=3499 | 3700..=3799 if len == 15 => true,
        6011 | 6440..=6599 if (16..=19).contains(&len) => true,
        3000..=3059 | 3600..=3699 | 3800..=3999 if matches!(len, 14 | 16) => true,
        3528..=3589 if (16..=19).contains(&len) => true,
        2131 | 1800 if len == 15 => true,
        6200..=6299 if (16..=19).contains(&len) => true,
        2200..=2204 if len == 16 => true,
        5018 | 5020 | 5038 | 5600..=5899 | 6304 | 6390 | 6759 | 6761..=6763 if len >= 16 => true,
        5018 | 5020 | 5038 | 5600..=5899 | 6304 | 6390 | 6759 | 6761..=6763 => false,
        _ => return None,
    })
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d);
            if i % 2 == 0 { d } else { d * 2 - if d > 4 { 9 } else { 0 } }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Lengths by country (the IBAN registry, SWIFT).
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An IBAN (ISO 13616): country, its length, mod 97 equal to 1; single spaces or hyphens between groups.
pub(super) fn iban(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let country = [ahead.at(start).to_ascii_uppercase(), ahead.at(start + 1).to_ascii_uppercase()];
    let before = byte_before(view.text.as_bytes(), start);
    let len = IBAN_LENGTHS.iter().find(|(c, _)| **c == country)?.1;
    if before.is_ascii_alphanumeric() || before == b'_' || !ahead.at(start + 3).is_ascii_digit() {
        return None;
    }
    let mut head = [0u8; 4];
    let mut rest = 0u32;
    let mut count = 0;
    let mut i = start;
    while count < len {
        let b = ahead.at(i);
        if b.is_ascii_alphanumeric() {
            match head.get_mut(count) {
                Some(slot) => *slot = b,
                None => rest = mod97(rest, b),
            }
            count += 1;
        } else if !matches!(b, b' ' | b'-') || !ahead.at(i + 1).is_ascii_alphanumeric() {
            return None;
        }
        i += 1;
    }
    let valid = head.iter().fold(rest, |r, b| mod97(r, *b)) == 1;
    let next = ahead.at(i);
    (valid && !next.is_ascii_alphanumeric() && next != b'_').then_some(Hit {
        end: i,
        kind: FindingKind::Iban,
        confidence: 990,
        rule: "iban.mod97",
    })
}

fn mod97(rest: u32, b: u8) -> u32 {
    match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b.to_ascii_uppercase() - b'A') + 10) % 97,
    }
}

/// A US social security number: area, group and serial that are given out (SSA, "randomization" of 2011 on).
pub(super) fn ssn(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    if glued_left(view, start) {
        return None;
    }
    let separator = Some(ahead.at(start + 3)).filter(|b| matches!(b, b'-' | b' ' | b'.'));
    let mut digits = [0u32; 9];
    let mut i = start;
    for (n, slot) in digits.iter_mut().enumerate() {
        if let Some(s) = separator
            && matches!(n, 3 | 5)
        {
            if ahead.at(i) != s {
                return None;
            }
            i += 1;
        }
        *slot = char::from(ahead.at(i)).to_digit(10)?;
        i += 1;
    }
    let [a, b, c, d, e, f, g, h, k] = digits;
    let (area, group, serial) = (a * 100 + b * 10 + c, d * 10 + e, f * 1000 + g * 100 + h * 10 + k);
    if area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0 || glued_right(ahead, i) {
        return None;
    }
    let named = context(view, start, SSN_WORDS);
    let (confidence, rule) = match (separator, named) {
        (Some(b'-'), true) => (980, "ssn.separated"),
        (Some(b'-'), false) => (850, "ssn.separated"),
        (Some(b' '), false)
            if !spaced_left(view, start) && (ahead.at(i) != b' ' || !ahead.at(i + 1).is_ascii_digit()) =>
        {
            (500, "ssn.separated")
        }
        (_, true) => (900, "ssn.context"),
        _ => return None,
    };
    Some(Hit { end: i, kind: FindingKind::UsSsn, confidence, rule })
}

/// Whether another number stands before this one, a space between.
pub(super) fn spaced_left(view: &ViewText<'_>, start: usize) -> bool {
    let bytes = view.text.as_bytes();
    byte_before(bytes, start) == b' '
        && start.checked_sub(1).is_some_and(|p| byte_before(bytes, p).is_ascii_digit())
}
