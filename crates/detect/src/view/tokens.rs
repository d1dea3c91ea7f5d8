//! One pass over a view: where its tokens lie and what classes of characters they hold.
//!
//! Ordinary words are dropped at once; detectors then look only at tokens that can matter to them.

use super::{byte, is_break};

/// Digits.
pub(crate) const DIGIT: u8 = 1;
/// `@`.
pub(crate) const AT: u8 = 2;
/// `:`.
pub(crate) const COLON: u8 = 4;
/// A character outside base64's and base64url's alphabets and padding.
pub(crate) const NOT_BASE64: u8 = 8;
/// Not a hexadecimal digit.
pub(crate) const NOT_HEX: u8 = 16;
const SPACE: u8 = 64;
const WIDE: u8 = 128;

/// From how many bytes on a token may hold an encoded run.
pub(crate) const LONG: usize = 16;

/// A maximal run of characters without a break that holds a digit, an `@`, a `:`, or is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where it starts in the view.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The classes of its characters.
    pub classes: u8,
}

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a table of 256, built at compile time"
)]
const fn classes() -> [u8; 256] {
    let mut table = [NOT_BASE64 | NOT_HEX; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = match b {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => 0,
            b'g'..=b'z' | b'G'..=b'Z' | b'+' | b'/' | b'-' | b'_' | b'=' => NOT_HEX,
            b'@' => AT | NOT_BASE64 | NOT_HEX,
            b':' => COLON | NOT_BASE64 | NOT_HEX,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SPACE,
            0xE0 | 0xE3..=0xFF => WIDE | NOT_BASE64 | NOT_HEX,
            _ => NOT_BASE64 | NOT_HEX,
        };
        i += 1;
    }
    table
}

/// The class of a byte.
#[expect(clippy::indexing_slicing, reason = "a table of 256 indexed by a byte")]
pub(crate) fn class(b: u8) -> u8 {
    CLASSES[usize::from(b)]
}

/// The tokens that can matter, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut start = 0;
    let mut seen = 0u8;
    let mut i = 0;
    while i < bytes.len() {
        let c = class(byte(bytes, i));
        if c & (SPACE | WIDE) == 0 {
            seen |= c;
            i += 1;
            continue;
        }
        let mut len = 1;
        if c & WIDE != 0 {
            let wide = text.get(i..).and_then(|t| t.chars().next());
            len = wide.map_or(1, char::len_utf8);
            if !wide.is_some_and(is_break) {
                seen |= c;
                i += len;
                continue;
            }
        }
        push(&mut out, start, i, seen);
        i += len;
        start = i;
        seen = 0;
    }
    push(&mut out, start, i, seen);
    out
}

fn push(out: &mut Vec<Token>, start: usize, end: usize, classes: u8) {
    if classes & (DIGIT | AT | COLON) != 0 || end - start >= LONG {
        out.push(Token { start, end, classes });
    }
}
