//! Signed notes (C2SP signed-note) with Ed25519, and the text forms of their keys.
//!
//! What always holds: a note is taken as signed by a key only if a line with that key's name and hash is there
//! and its signature verifies; a line by that key that does not verify fails the note. Lines by other keys
//! are left alone, so that cosignatures and a second, post-quantum signature can stand beside ours.

use crate::error::LedgerError;
use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Ed25519 in the signed-note registry of algorithms.
const ED25519: u8 = 1;
/// What stands before a signature line.
const DASH: &str = "\u{2014} ";
/// Most signature lines that are looked at.
const MAX_SIGNATURES: usize = 100;

/// Signs notes. Wiped on drop; never printed.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

/// A public key by which a log is known: its name is the log's origin.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({})", self.name)
    }
}

fn name_ok(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let full = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(key.as_bytes())
        .finalize();
    full.first_chunk::<4>().copied().unwrap_or_default()
}

impl Signer {
    /// A new key for the log `origin`, from 32 bytes of entropy.
    pub fn generate(origin: &str, entropy: [u8; 32]) -> Result<Self, LedgerError> {
        if !name_ok(origin) {
            return Err(LedgerError::malformed(
                "the origin",
                "it must have no spaces, control characters or `+`",
            ));
        }
        let entropy = Zeroizing::new(entropy);
        Ok(Self { name: origin.to_owned(), key: SigningKey::from_bytes(&entropy) })
    }

    /// Reads the text form: `PRIVATE+KEY+<name>+<hash>+<key>`.
    pub fn from_text(text: &str) -> Result<Self, LedgerError> {
        let bad = |problem| LedgerError::malformed("the signing key", problem);
        let rest = text
            .trim_end()
            .strip_prefix("PRIVATE+KEY+")
            .ok_or_else(|| bad("it must begin with PRIVATE+KEY+"))?;
        let (name, hash, data) = parts(rest).ok_or_else(|| bad("it must be name+hash+base64"))?;
        let data =
            Zeroizing::new(BASE64.decode(data.as_bytes()).map_err(|_| bad("its last part is not base64"))?);
        let (&algorithm, seed) = data.split_first().ok_or_else(|| bad("it is empty"))?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?;
        if algorithm != ED25519 {
            return Err(bad("only Ed25519 keys are known"));
        }
        let signer = Self::generate(name, *seed)?;
        if hash != format!("{:08x}", u32::from_be_bytes(key_hash(name, &signer.key.verifying_key()))) {
            return Err(bad("its hash does not fit its name and key"));
        }
        Ok(signer)
    }

    /// The text form, for a file that only its owner may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut data = Zeroizing::new(vec![ED25519]);
        data.extend_from_slice(self.key.as_bytes());
        let hash = u32::from_be_bytes(key_hash(&self.name, &self.key.verifying_key()));
        let key = Zeroizing::new(BASE64.encode(&data));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{hash:08x}+{}", self.name, key.as_str()))
    }

    /// The public key.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The name: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text with a signature under it. `text` ends with a newline.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut data = key_hash(&self.name, &self.key.verifying_key()).to_vec();
        data.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{DASH}{} {}\n", self.name, BASE64.encode(&data))
    }
}

/// `name+hash+data`; the data may hold `+`, the name may not.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('+')?;
    let (hash, data) = rest.split_once('+')?;
    Some((name, hash, data))
}

impl VerifierKey {
    /// Reads the text form (`vkey`): `<name>+<hash>+<key>`.
    pub fn from_text(text: &str) -> Result<Self, LedgerError> {
        let bad = |problem| LedgerError::malformed("the verifier key", problem);
        let (name, hash, data) = parts(text.trim_end()).ok_or_else(|| bad("it must be name+hash+base64"))?;
        let data = BASE64.decode(data.as_bytes()).map_err(|_| bad("its last part is not base64"))?;
        let (&algorithm, key) = data.split_first().ok_or_else(|| bad("it is empty"))?;
        if algorithm != ED25519 {
            return Err(bad("only Ed25519 keys are known"));
        }
        let key: &[u8; 32] = key.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| bad("it is no point on the curve"))?;
        if !name_ok(name) || key.is_weak() {
            return Err(bad("its name or key is not allowed"));
        }
        if hash != format!("{:08x}", u32::from_be_bytes(key_hash(name, &key))) {
            return Err(bad("its hash does not fit its name and key"));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut data = vec![ED25519];
        data.extend_from_slice(self.key.as_bytes());
        format!(
            "{}+{:08x}+{}",
            self.name,
            u32::from_be_bytes(key_hash(&self.name, &self.key)),
            BASE64.encode(&data)
        )
    }

    /// The name: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The note's text (with its last newline), if this key signed it.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, Unsigned> {
        let split = note.rfind("\n\n").ok_or(Unsigned::Malformed)?;
        let (text, signatures) = note.split_at_checked(split + 1).ok_or(Unsigned::Malformed)?;
        let signatures = signatures.strip_prefix('\n').ok_or(Unsigned::Malformed)?;
        let signatures = signatures.strip_suffix('\n').ok_or(Unsigned::Malformed)?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Unsigned::Malformed);
        }
        let mut signed = false;
        for (count, line) in signatures.split('\n').enumerate() {
            if count >= MAX_SIGNATURES {
                return Err(Unsigned::Malformed);
            }
            signed |= self.line(line, text)?;
        }
        if signed { Ok(text) } else { Err(Unsigned::OtherKey) }
    }

    /// Whether the line is this key's: then its signature must hold.
    fn line(&self, line: &str, text: &str) -> Result<bool, Unsigned> {
        let line = line.strip_prefix(DASH).ok_or(Unsigned::Malformed)?;
        let (name, data) = line.split_once(' ').ok_or(Unsigned::Malformed)?;
        let data = BASE64.decode(data.as_bytes()).map_err(|_| Unsigned::Malformed)?;
        let (hash, signature) = data.split_first_chunk::<4>().ok_or(Unsigned::Malformed)?;
        if name != self.name || *hash != key_hash(&self.name, &self.key) {
            return Ok(false);
        }
        let signature = Signature::from_slice(signature).map_err(|_| Unsigned::BadSignature)?;
        self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| Unsigned::BadSignature)?;
        Ok(true)
    }
}

/// Why a note is not taken as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// It is no signed note.
    Malformed,
    /// No line is by this key.
    OtherKey,
    /// This key's line does not fit the text.
    BadSignature,
}
