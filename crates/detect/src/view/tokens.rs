//! One pass over a view: where its tokens lie and what classes of characters they hold.
//!
//! Ordinary words are dropped at once; detectors then look only at tokens that can matter to them.

use super::{byte, eight, is_break};

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

/// From the start of a token, the start of one that may matter, or of one near the end: those between are ASCII's
/// ordinary words. Most text is, so eight bytes are looked at in one step.
fn past_words(bytes: &[u8], mut start: usize) -> usize {
    let words = bytes.get(start..).unwrap_or_default().as_chunks::<8>().0;
    let mut at = start;
    for word in words {
        let word = u64::from_le_bytes(*word);
        if eight::matters(word) {
            break;
        }
        let spaces = eight::spaces(word);
        let end = at + eight::first(spaces);
        if end - start >= LONG {
            break;
        }
        if spaces != 0 {
            start = at + 8 - (spaces.leading_zeros() / 8) as usize;
        }
        at += 8;
    }
    start
}

/// The tokens that can matter, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut start = past_words(bytes, 0);
    let mut seen = 0u8;
    let mut i = start;
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
        let mattered = push(&mut out, start, i, seen);
        // Where the last one mattered, or the script is not ASCII's, the next one is likely to be like it.
        start = if mattered || len > 1 { i + len } else { past_words(bytes, i + len) };
        i = start;
        seen = 0;
    }
    push(&mut out, start, i, seen);
    out
}

/// Keeps a token if it matters; whether it does.
fn push(out: &mut Vec<Token>, start: usize, end: usize, classes: u8) -> bool {
    let matters = classes & (DIGIT | AT | COLON) != 0 || end - start >= LONG;
    if matters {
        out.push(Token { start, end, classes });
    }
    matters
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one character after another.
    fn plainly(text: &str) -> Vec<Token> {
        let (mut out, mut start) = (Vec::new(), 0);
        let broken = |c: char| if c.is_ascii() { class(c as u8) == SPACE } else { is_break(c) };
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            if broken(c) {
                let classes = text.bytes().take(at).skip(start).fold(0, |seen, b| seen | class(b));
                push(&mut out, start, at, classes);
                start = at + c.len_utf8();
            }
        }
        out
    }

    proptest! {
        #[test]
        fn those_that_matter_are_the_same_as_one_by_one(text in "([a-z]{0,20}| |\t|0|@|:|é|\u{3000}|日|/){0,30}") {
            prop_assert_eq!(tokens(&text), plainly(&text));
        }
    }
}
