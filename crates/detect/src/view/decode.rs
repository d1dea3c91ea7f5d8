//! Bounded decodings: what of a text is written in another way, and what it says then.
//!
//! Two forms. *Substitution* (percent, HTML entities, `\u` and `\x` escapes) rewrites a whole view in place and
//! keeps a map. *Runs* (base64, hexadecimal, also over wrapped lines) stand for themselves: what they decode to is
//! a text of its own, whose findings lie on the whole run.
//!
//! What always holds: no decoding gives more bytes than it read, and each reads its input once.

use super::map::Map;
use super::tokens::{self, LONG, NOT_BASE64, Token};
use super::{byte, byte_before};
use std::ops::Range;

/// A line of wrapped base64 has at least and at most so many characters (PEM has 64, MIME 76).
const WRAPPED_LINE: std::ops::RangeInclusive<usize> = 32..=128;
/// The longest single escape (`&#x0001F600;`): keeps what a window can cut in half small.
const LONGEST_ESCAPE: usize = 12;

/// The view with every escape replaced, and the map from it to the view. None when there is none.
pub(crate) fn substitute(text: &str) -> Option<(String, Map)> {
    let bytes = text.as_bytes();
    let mut out: Option<(String, Map)> = None;
    let mut copied = 0;
    for at in memchr::memchr3_iter(b'%', b'&', b'\\', bytes) {
        if at < copied {
            continue;
        }
        let Some((decoded, len)) = escape(text, at) else { continue };
        let (new, map) = out.get_or_insert_with(|| (String::with_capacity(text.len()), Map::default()));
        map.push_linear(new.len(), copied, at - copied);
        new.push_str(text.get(copied..at)?);
        map.push_replaced(new.len(), decoded.len_utf8(), at, len);
        new.push(decoded);
        copied = at + len;
    }
    let (mut new, mut map) = out?;
    map.push_linear(new.len(), copied, text.len() - copied);
    new.push_str(text.get(copied..)?);
    Some((new, map))
}

/// The escape that starts at `at`: its character and its length.
fn escape(text: &str, at: usize) -> Option<(char, usize)> {
    let rest = text.as_bytes().get(at..)?;
    match (byte(rest, 0), byte(rest, 1)) {
        (b'%', _) => percent(rest),
        (b'&', _) => entity(rest),
        (b'\\', b'x') => Some((char::from(hex_byte(rest, 2)?), 4)),
        (b'\\', b'u') if byte(rest, 2) == b'{' => {
            let end = rest.iter().take(LONGEST_ESCAPE).position(|b| *b == b'}')?;
            Some((char::from_u32(hex(rest.get(3..end)?)?)?, end + 1))
        }
        (b'\\', b'u') => {
            let first = hex(rest.get(2..6)?)?;
            if !(0xD800..0xDC00).contains(&first) {
                return Some((char::from_u32(first)?, 6));
            }
            let second = hex(rest.get(6..12).filter(|r| r.starts_with(b"\\u"))?.get(2..)?)?;
            let low = second.checked_sub(0xDC00).filter(|l| *l < 0x400)?;
            Some((char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low)?, 12))
        }
        _ => None,
    }
}

fn percent(rest: &[u8]) -> Option<(char, usize)> {
    let first = hex_byte(rest, 1)?;
    let len = match first {
        0..=0x7F => return Some((char::from(first), 3)),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut utf8 = [first, 0, 0, 0];
    for (i, slot) in utf8.iter_mut().enumerate().take(len).skip(1) {
        if byte(rest, i * 3) != b'%' {
            return None;
        }
        *slot = hex_byte(rest, i * 3 + 1)?;
    }
    Some((std::str::from_utf8(utf8.get(..len)?).ok()?.chars().next()?, len * 3))
}

fn entity(rest: &[u8]) -> Option<(char, usize)> {
    let end = rest.iter().take(LONGEST_ESCAPE).position(|b| *b == b';')?;
    let name = rest.get(1..end)?;
    let c = match name {
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" | b"Tab" | b"NewLine" => ' ',
        b"colon" => ':',
        b"commat" => '@',
        b"period" => '.',
        b"sol" => '/',
        b"lpar" => '(',
        b"rpar" => ')',
        b"lsqb" | b"lbrack" => '[',
        b"rsqb" | b"rbrack" => ']',
        b"excl" => '!',
        b"equals" => '=',
        _ => return None,
    };
    Some((c, end + 1))
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0u32, |n, b| n.checked_mul(16)?.checked_add(char::from(*b).to_digit(16)?))
}

fn hex_byte(rest: &[u8], at: usize) -> Option<u8> {
    u8::try_from(hex(rest.get(at..at + 2)?)?).ok()
}

/// An encoded run in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it stands in the view.
    pub range: Range<usize>,
    /// What it decodes to.
    pub text: String,
    /// Whether the budget cut it short.
    pub truncated: bool,
}

/// The encoded runs of a view that start at or after `floor`, and where an open one starts (`usize::MAX`: none).
pub(crate) fn runs(text: &str, tokens: &[Token], floor: usize, budget: usize) -> (Vec<Run>, usize) {
    let mut out = Vec::new();
    let mut chain: Option<(Range<usize>, usize)> = None;
    let bytes = text.as_bytes();
    for t in tokens.iter().filter(|t| t.end - t.start >= LONG) {
        let line = t.end - t.start;
        let wrapped = t.classes & NOT_BASE64 == 0
            && line <= *WRAPPED_LINE.end()
            && matches!(byte_before(bytes, t.start), 0 | b'\n');
        // Two lines belong together when the first is not the shorter one: looks at these two lines only.
        let joined = wrapped
            && chain.as_ref().is_some_and(|(c, last)| {
                *last >= line && text.get(c.end..t.start).is_some_and(|gap| gap == "\n" || gap == "\r\n")
            });
        if joined {
            if let Some((c, last)) = chain.as_mut() {
                c.end = t.end;
                *last = line;
            }
            continue;
        }
        close(text, chain.take(), floor, budget, &mut out);
        if wrapped && line >= *WRAPPED_LINE.start() {
            chain = Some((t.start..t.end, line));
        } else if t.start >= floor {
            in_token(text, t.start..t.end, budget, &mut out);
        }
    }
    let open = chain
        .as_ref()
        .filter(|(c, _)| {
            text.get(c.end..).is_some_and(|rest| rest.len() <= *WRAPPED_LINE.end() + 2 && short_tail(rest))
        })
        .map_or(usize::MAX, |(c, _)| c.start);
    close(text, chain, floor, budget, &mut out);
    (out, open)
}

/// Whether what follows a wrapped line may still become its next line: a line break and base64 up to the end.
fn short_tail(rest: &str) -> bool {
    let next = rest.trim_start_matches('\r').strip_prefix('\n');
    rest.is_empty()
        || rest == "\r"
        || next.is_some_and(|n| n.bytes().all(|b| tokens::class(b) & NOT_BASE64 == 0 && b > b' '))
}

fn close(text: &str, chain: Option<(Range<usize>, usize)>, floor: usize, budget: usize, out: &mut Vec<Run>) {
    let Some((range, _)) = chain.filter(|(c, _)| c.start >= floor) else { return };
    let joined: String =
        text.get(range.clone()).unwrap_or("").chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if joined.len() == range.len() {
        in_token(text, range, budget, out);
    } else if let Some((text, truncated)) = decode(&joined, budget) {
        out.push(Run { range, text, truncated });
    }
}

/// Runs of base64's alphabet inside a token; where the whole says nothing, its pieces between separators.
fn in_token(text: &str, token: Range<usize>, budget: usize, out: &mut Vec<Run>) {
    let bytes = text.as_bytes();
    let mut at = token.start;
    while at < token.end {
        if !in_alphabet(byte(bytes, at)) {
            at += 1;
            continue;
        }
        let start = at;
        while at < token.end && in_alphabet(byte(bytes, at)) {
            at += 1;
        }
        let mut end = at;
        while end < token.end && end < at + 2 && byte(bytes, end) == b'=' {
            end += 1;
        }
        at = at.max(end);
        if end - start < LONG {
            continue;
        }
        if let Some((decoded, truncated)) = text.get(start..end).and_then(|t| decode(t, budget)) {
            out.push(Run { range: start..end, text: decoded, truncated });
        } else {
            pieces(text, start..end, budget, out);
        }
    }
}

fn pieces(text: &str, run: Range<usize>, budget: usize, out: &mut Vec<Run>) {
    let Some(slice) = text.get(run.clone()) else { return };
    let mut start = run.start;
    for piece in slice.split(['/', '-', '_', '+']) {
        if piece.len() >= LONG
            && piece.len() < run.len()
            && let Some((text, truncated)) = decode(piece, budget)
        {
            out.push(Run { range: start..start + piece.len(), text, truncated });
        }
        start += piece.len() + 1;
    }
}

fn in_alphabet(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

/// What a run says in hexadecimal or base64, if it says text. At most `budget` bytes; then true.
fn decode(run: &str, budget: usize) -> Option<(String, bool)> {
    let digits = run.strip_prefix("0x").unwrap_or(run);
    let bytes = digits.as_bytes();
    if bytes.iter().all(u8::is_ascii_hexdigit) {
        if !bytes.len().is_multiple_of(2) {
            return None;
        }
        let cut = bytes.len().min(budget * 2);
        let decoded: Option<Vec<u8>> = bytes.get(..cut)?.chunks(2).map(|p| hex_byte(p, 0)).collect();
        return as_text(decoded?).map(|t| (t, cut < bytes.len()));
    }
    let bytes = run.trim_end_matches('=').as_bytes();
    // A look at the head decides for most words, paths and hashes.
    as_text(base64(bytes.get(..12)?))?;
    let cut = bytes.len().min(budget / 3 * 4);
    as_text(base64(bytes.get(..cut)?)).map(|t| (t, cut < bytes.len()))
}

/// Both alphabets, without padding; a rest of one character is dropped.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    for quad in bytes.chunks(4) {
        let n = quad.iter().fold(0u32, |n, b| (n << 6) | sextet(*b)) << (6 * (4 - quad.len()));
        let [_, a, b, c] = n.to_be_bytes();
        out.extend([a, b, c].iter().take(quad.len().saturating_sub(1)));
    }
    out
}

fn sextet(b: u8) -> u32 {
    u32::from(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    })
}

/// Decoded base64url as bytes, for those who know what they hold.
pub(crate) fn base64_bytes(run: &str) -> Vec<u8> {
    base64(run.trim_end_matches('=').as_bytes())
}

/// The bytes as text, if that is what they are: UTF-8 (or UTF-16 of ASCII) without control characters.
fn as_text(mut bytes: Vec<u8>) -> Option<String> {
    if bytes.len() >= 8 && bytes.iter().skip(1).step_by(2).all(|b| *b == 0) {
        bytes = bytes.into_iter().step_by(2).collect();
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            // A cut may have split the last character.
            let valid = e.utf8_error().valid_up_to();
            let mut bytes = e.into_bytes();
            if bytes.len() - valid > 3 || valid < 6 {
                return None;
            }
            bytes.truncate(valid);
            String::from_utf8(bytes).ok()?
        }
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    (text.len() >= 6 && text.chars().all(printable)).then_some(text)
}

/// The other 13 letters of the alphabet; same length, same offsets.
pub(crate) fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| match u8::try_from(c) {
            Ok(b @ (b'a'..=b'm' | b'A'..=b'M')) => char::from(b + 13),
            Ok(b @ (b'n'..=b'z' | b'N'..=b'Z')) => char::from(b - 13),
            _ => c,
        })
        .collect()
}
