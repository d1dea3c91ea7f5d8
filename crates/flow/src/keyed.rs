//! Digests of values under a session's key: 64 bits of SipHash, one namespace for each kind of thing.
//!
//! What always holds: text goes in and does not come out; digests of different kinds never meet, and without the key
//! nobody can say which value a digest stands for. What it does not do: withstand one who reads the key from memory.

use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

/// What a digest stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A word, folded to lower case.
    Lower = 1,
    /// A word with punctuation or digits in it, as it was written, and in lower case.
    Exact,
    /// A mail address, folded to lower case.
    Mail,
    /// A URL with its scheme's mark, likewise.
    Url,
    /// The root of a site of which another page was seen.
    Origin,
    /// A number, an account, a telephone number.
    Number,
    /// A number with its currency.
    Money,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A bank account's international number, or what looks like one.
    Iban,
    /// A few words that stood by themselves: a field of a result, a quotation.
    Mention,
    /// Words that followed one another.
    Run,
    /// A day that was said without its year.
    Yearless,
}

/// A session's keyed hash.
#[derive(Clone)]
pub(crate) struct Keyed(SipHasher13);

impl Keyed {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    /// The digest of a text.
    pub(crate) fn text(&self, kind: Kind, text: &str) -> u64 {
        let mut hasher = self.0;
        hasher.write_u8(kind as u8);
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    /// The digest of a text folded to lower case.
    pub(crate) fn folded(&self, kind: Kind, text: &str) -> u64 {
        let mut hasher = self.0;
        hasher.write_u8(kind as u8);
        if text.is_ascii() {
            // In pieces, so that nothing is allocated; how a text is cut does not change its hash.
            for piece in text.as_bytes().chunks(64) {
                let mut folded = [0_u8; 64];
                for (to, from) in folded.iter_mut().zip(piece) {
                    *to = from.to_ascii_lowercase();
                }
                hasher.write(folded.get(..piece.len()).unwrap_or_default());
            }
        } else {
            hasher.write(text.to_lowercase().as_bytes());
        }
        hasher.finish()
    }

    /// The digest of a sequence of digests.
    pub(crate) fn sequence(&self, kind: Kind, parts: &[u64]) -> u64 {
        let mut hasher = self.0;
        hasher.write_u8(kind as u8);
        for part in parts {
            hasher.write(&part.to_le_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keys_and_pieces() {
        let (a, b) = (Keyed::new(&[1; 16]), Keyed::new(&[2; 16]));
        assert_ne!(a.text(Kind::Lower, "bob"), a.text(Kind::Exact, "bob"));
        assert_ne!(a.text(Kind::Lower, "bob"), b.text(Kind::Lower, "bob"));
        let long = "Ab".repeat(100);
        assert_eq!(a.folded(Kind::Lower, &long), a.text(Kind::Lower, &long.to_lowercase()));
        assert_eq!(a.folded(Kind::Lower, "ÀB"), a.text(Kind::Lower, "àb"));
        assert_ne!(a.sequence(Kind::Run, &[1, 2]), a.sequence(Kind::Run, &[2, 1]));
    }
}
