//! The text form of a virtual key: `cordon_<kind>_<id>_<secret><check>`.
//!
//! | part | characters | what |
//! |---|--:|---|
//! | `cordon_` | 7 | says whose key it is: to people, and to scanners that look for leaked secrets |
//! | kind | 5 | `agent`, `front` or `admin` |
//! | id | 12 | public; names the key in lists, logs and records |
//! | secret | 52 | 256 random bits in base 32 (`0-9a-v`) |
//! | check | 7 | CRC-32 of all that stands before it: tells a typo or a cut copy from a wrong key, offline |
//!
//! What always holds: one key has exactly one text. Parsing accepts nothing that minting could not have made.

use crate::key::KeyKind;
use cordon_types::KeyId;
use data_encoding::BASE32_DNSSEC as BASE32;
use zeroize::Zeroizing;

/// What every key begins with.
pub const PREFIX: &str = "cordon_";
/// Characters of the id.
const ID_LEN: usize = 12;
/// Characters of the secret: 256 bits in base 32.
const SECRET_LEN: usize = 52;
/// Characters of the checksum: 32 bits in base 32.
const CHECK_LEN: usize = 7;

/// A key's text, taken apart and found to be well formed. It says nothing of whether the key is known.
#[derive(Clone, Copy)]
pub struct KeyText<'a> {
    /// The kind that the text claims.
    pub kind: KeyKind,
    /// The public id.
    pub id: &'a str,
    /// All but the checksum: what is digested.
    pub(crate) body: &'a str,
}

impl std::fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyText").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a text is not a key. Each can be told from the text alone, so telling a stranger gives nothing away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextError {
    Prefix,
    Shape,
    Check,
}

impl<'a> KeyText<'a> {
    /// Takes a key's text apart; `None` unless it is well formed, checksum included.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::read(text).ok()
    }

    pub(crate) fn read(text: &'a str) -> Result<Self, TextError> {
        let rest = text.strip_prefix(PREFIX).ok_or(TextError::Prefix)?;
        let (kind, rest) = rest.split_once('_').ok_or(TextError::Shape)?;
        let kind = KeyKind::from_name(kind).ok_or(TextError::Shape)?;
        let (id, tail) = rest.split_once('_').ok_or(TextError::Shape)?;
        let base32 = |s: &str| s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'));
        if id.len() != ID_LEN || tail.len() != SECRET_LEN + CHECK_LEN || !base32(id) || !base32(tail) {
            return Err(TextError::Shape);
        }
        let (body, check) = text.split_at_checked(text.len() - CHECK_LEN).ok_or(TextError::Shape)?;
        if check != checksum(body) {
            return Err(TextError::Check);
        }
        Ok(Self { kind, id, body })
    }
}

/// Writes a key of `entropy`: 8 bytes for its id (60 bits are used), 32 for its secret.
pub(crate) fn write(kind: KeyKind, entropy: &[u8; 40]) -> Option<(KeyId, Zeroizing<String>)> {
    let (id, secret) = entropy.split_at(8);
    let mut id = BASE32.encode(id);
    id.truncate(ID_LEN);
    let secret = Zeroizing::new(BASE32.encode(secret));
    // The capacity is exact, so that no copy of the secret is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(128));
    for part in [PREFIX, kind.name(), "_", &id, "_", &secret] {
        text.push_str(part);
    }
    let check = checksum(&text);
    text.push_str(&check);
    Some((KeyId::new(&id).ok()?, text))
}

/// CRC-32 as in ISO 3309 and ITU-T V.42 (reflected, polynomial 0xEDB88320).
fn checksum(body: &str) -> String {
    BASE32.encode(&crc32fast::hash(body.as_bytes()).to_be_bytes())
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "keys are ASCII")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_has_the_published_check_value() {
        assert_eq!(checksum("123456789"), BASE32.encode(&0xCBF4_3926_u32.to_be_bytes()));
    }

    #[test]
    fn a_text_looks_as_documented() {
        let (id, text) = write(KeyKind::Agent, &[7; 40]).unwrap();
        assert_eq!(text.len(), 7 + 5 + 1 + 12 + 1 + 52 + 7);
        assert!(text.starts_with(&format!("cordon_agent_{id}_")));
        assert!(!format!("{:?}", KeyText::parse(&text).unwrap()).contains(&text[26..]));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entropy: [u8; 20], more: [u8; 20], kind in 0usize..3) {
            let mut all = [0; 40];
            all[..20].copy_from_slice(&entropy);
            all[20..].copy_from_slice(&more);
            let kind = KeyKind::ALL[kind];
            let (id, text) = write(kind, &all).unwrap();
            let read = KeyText::parse(&text).unwrap();
            prop_assert_eq!(read.kind, kind);
            prop_assert_eq!(read.id, id.as_str());
        }

        #[test]
        fn any_one_changed_character_is_noticed(entropy: [u8; 20], at in 0usize..85, new in any::<char>()) {
            let mut all = [3; 40];
            all[..20].copy_from_slice(&entropy);
            let (_, text) = write(KeyKind::Front, &all).unwrap();
            let mut chars: Vec<char> = text.chars().collect();
            prop_assume!(chars[at] != new);
            chars[at] = new;
            let changed: String = chars.into_iter().collect();
            prop_assert!(KeyText::parse(&changed).is_none());
        }

        #[test]
        fn anything_may_be_parsed(text in any::<String>(), tail in "[a-z0-9_]{0,90}") {
            let _ = KeyText::parse(&text);
            let _ = KeyText::parse(&format!("cordon_{tail}"));
            let _ = KeyText::parse(&format!("cordon_agent_{text}"));
        }
    }

    #[test]
    fn every_change_in_a_small_alphabet_is_noticed() {
        let (_, text) = write(KeyKind::Admin, &[0xA5; 40]).unwrap();
        for at in 0..text.len() {
            for new in "0123456789abcdefghijklmnopqrstuvwxyzABCV_ -".chars() {
                if text[at..].starts_with(new) {
                    continue;
                }
                let changed = format!("{}{new}{}", &text[..at], &text[at + 1..]);
                assert!(KeyText::parse(&changed).is_none(), "{at} {new}");
            }
        }
    }
}
