//! Eight bytes at a time: a bit at the top of each byte that something holds for.
//!
//! What always holds: the answer for one byte does not depend on the others.

const fn each(b: u8) -> u64 {
    u64::from_ne_bytes([b; 8])
}

const TOP: u64 = each(0x80);

/// The eight bytes from `at` on; zeros behind the text's end.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b)),
    }
}

/// The first `len` bytes, up to all.
#[inline]
pub(crate) const fn low(len: usize) -> u64 {
    if len >= 8 { u64::MAX } else { (1 << (len * 8)) - 1 }
}

/// How many bytes come before the first one that `bits` has.
#[inline]
pub(crate) const fn first(bits: u64) -> usize {
    (bits.trailing_zeros() / 8) as usize
}

/// The bytes from `from` to `to`, both below 0x80; none of `word` may be above 0x7F.
const fn between(word: u64, from: u8, to: u8) -> u64 {
    (word + each(0x80 - from)) & !(word + each(0x7F - to)) & TOP
}

/// Whether a byte is a digit, `:` or `@`, or not ASCII's.
pub(crate) const fn matters(word: u64) -> bool {
    word & TOP != 0 || between(word, b'0', b':') | between(word, b'@', b'@') != 0
}

/// ASCII's white space. None of `word` may be above 0x7F.
pub(crate) const fn spaces(word: u64) -> u64 {
    between(word, b'\t', b'\r') | between(word, b' ', b' ')
}

/// All but ASCII's letters and digits.
#[inline]
pub(crate) const fn no_letters(word: u64) -> u64 {
    let ascii = word & !TOP;
    // Nothing but a letter becomes a lower-case one by this bit.
    let letters = between(ascii | each(0x20), b'a', b'z') | between(ascii, b'0', b'9');
    (!letters | word) & TOP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_told_apart_wherever_it_stands() {
        for b in 0..=u8::MAX {
            for at in 0..8 {
                for filler in [b'a', b' ', b'~', 0, 0x80, 0xFF] {
                    let mut bytes = [filler; 8];
                    bytes[at] = b;
                    let word = u64::from_le_bytes(bytes);
                    let told = |bits: u64| bits >> (at * 8 + 7) & 1 == 1;
                    assert_eq!(told(no_letters(word)), !b.is_ascii_alphanumeric(), "{bytes:?}");
                    if filler < 0x80 {
                        let ours = b.is_ascii_digit() || matches!(b, b':' | b'@' | 0x80..);
                        assert_eq!(matters(word), ours, "{bytes:?}");
                    }
                    if filler < 0x80 && b < 0x80 {
                        assert_eq!(told(spaces(word)), matches!(b, b' ' | b'\t'..=b'\r'), "{bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_behind_the_end_is_zero() {
        let bytes = *b"abcdefghij";
        assert_eq!(load(&bytes, 1), u64::from_le_bytes(*b"bcdefghi"));
        assert_eq!(load(&bytes, 7), u64::from_le_bytes(*b"hij\0\0\0\0\0"));
        assert_eq!(load(&bytes, 10), 0);
        assert_eq!(load(&bytes, 11), 0);
        assert_eq!(low(3), 0xFF_FFFF);
        assert_eq!(low(9), u64::MAX);
        assert_eq!(first(no_letters(load(&bytes, 7))), 3);
    }
}
