//! Signed notes (C2SP signed-note): a text, and signature lines by any number of keys under it.
//!
//! What always holds: a note is taken as signed by a key only if a line with that key's name and id is there
//! and its signature verifies; a line by that key that does not verify fails the note. Lines by other keys
//! are left alone and kept, so that cosignatures and a post-quantum signature stand beside ours.

use crate::{
    algorithm::{Algorithm, Private, Public},
    error::LedgerError,
};
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// What stands before a signature line.
const DASH: &str = "\u{2014} ";
/// Most signature lines that are looked at.
const MAX_SIGNATURES: usize = 100;

/// Signs notes. Wiped on drop; never printed.
pub struct Signer {
    name: String,
    algorithm: Algorithm,
    key: Private,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

/// A public key by which a log or a witness is known. A log key's name is the log's origin.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    key: Public,
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.algorithm == other.algorithm && self.key.bytes() == other.key.bytes()
    }
}

impl Eq for VerifierKey {}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({})", self.name)
    }
}

fn name_ok(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// SHA-256(name, newline, algorithm, public key), its first four bytes.
fn key_id(name: &str, algorithm: Algorithm, key: &Public) -> [u8; 4] {
    let full = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', algorithm.byte()])
        .chain_update(key.bytes())
        .finalize();
    full.first_chunk::<4>().copied().unwrap_or_default()
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

impl Signer {
    /// A new Ed25519 key for the log `origin`, from 32 bytes of entropy.
    pub fn generate(origin: &str, entropy: [u8; 32]) -> Result<Self, LedgerError> {
        Self::generate_with(Algorithm::Ed25519, origin, entropy)
    }

    /// A new key of any algorithm, from 32 bytes of entropy.
    pub fn generate_with(algorithm: Algorithm, name: &str, entropy: [u8; 32]) -> Result<Self, LedgerError> {
        if !name_ok(name) {
            return Err(LedgerError::malformed(
                "the key's name",
                "it must have no spaces, control characters or `+`",
            ));
        }
        let entropy = Zeroizing::new(entropy);
        Ok(Self { name: name.to_owned(), algorithm, key: Private::from_seed(algorithm, &entropy) })
    }

    /// Reads the text form: `PRIVATE+KEY+<name>+<hash>+<key>`.
    pub fn from_text(text: &str) -> Result<Self, LedgerError> {
        const WHAT: &str = "the signing key";
        let bad = |problem| LedgerError::malformed(WHAT, problem);
        let rest = text
            .trim_end()
            .strip_prefix("PRIVATE+KEY+")
            .ok_or_else(|| bad("it must begin with PRIVATE+KEY+"))?;
        let (name, hash, data) = parts(rest).ok_or_else(|| bad("it must be name+hash+base64"))?;
        let data =
            Zeroizing::new(BASE64.decode(data.as_bytes()).map_err(|_| bad("its last part is not base64"))?);
        let (&algorithm, seed) = data.split_first().ok_or_else(|| bad("it is empty"))?;
        let algorithm = Algorithm::from_byte(WHAT, algorithm)?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| bad("its secret has 32 bytes"))?;
        let signer = Self::generate_with(algorithm, name, *seed)?;
        if hash != hex(signer.verifier().id()) {
            return Err(bad("its hash does not fit its name and key"));
        }
        Ok(signer)
    }

    /// The text form, for a file that only its owner may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut data = Zeroizing::new(vec![self.algorithm.byte()]);
        data.extend_from_slice(self.key.seed().as_slice());
        let key = Zeroizing::new(BASE64.encode(&data));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{}+{}", self.name, hex(self.verifier().id()), key.as_str()))
    }

    /// The public key.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), algorithm: self.algorithm, key: self.key.public() }
    }

    /// The name: a log's origin, or a witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A signature line, its newline included. `time` (seconds since 1970) goes into cosignatures only. `None`
    /// when a cosigner is given a text that is no checkpoint.
    #[must_use]
    pub fn line(&self, text: &str, time: u64) -> Option<String> {
        let mut data = self.verifier().id().to_vec();
        data.extend_from_slice(&self.key.sign(self.algorithm, &self.name, text, time)?);
        Some(format!("{DASH}{} {}\n", self.name, BASE64.encode(&data)))
    }

    /// The text with a signature under it. `text` ends with a newline. A cosigner's key states no time here.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(text, 0).unwrap_or_default())
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
        const WHAT: &str = "the verifier key";
        let bad = |problem| LedgerError::malformed(WHAT, problem);
        let (name, hash, data) = parts(text.trim_end()).ok_or_else(|| bad("it must be name+hash+base64"))?;
        let data = BASE64.decode(data.as_bytes()).map_err(|_| bad("its last part is not base64"))?;
        let (&algorithm, key) = data.split_first().ok_or_else(|| bad("it is empty"))?;
        let algorithm = Algorithm::from_byte(WHAT, algorithm)?;
        let key = Public::read(algorithm, key).map_err(bad)?;
        if !name_ok(name) {
            return Err(bad("its name is not allowed"));
        }
        let read = Self { name: name.to_owned(), algorithm, key };
        if hash != hex(read.id()) {
            return Err(bad("its hash does not fit its name and key"));
        }
        Ok(read)
    }

    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut data = vec![self.algorithm.byte()];
        data.extend_from_slice(&self.key.bytes());
        format!("{}+{}+{}", self.name, hex(self.id()), BASE64.encode(&data))
    }

    /// The name: a log's origin, or a witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id in signature lines.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.algorithm, &self.key)
    }

    /// Whether both wrap the same public key, whatever their names and types (tlog-policy, *duplicate*).
    #[must_use]
    pub fn is_duplicate_of(&self, other: &Self) -> bool {
        self.key.bytes() == other.key.bytes()
    }

    /// The note's text (with its last newline), if this key signed it.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, Unsigned> {
        let note = Note::parse(note)?;
        self.verify(&note)?;
        Ok(note.text)
    }

    /// That this key signed the note; the latest time that it states, `None` from a key that states none.
    pub fn verify(&self, note: &Note<'_>) -> Result<Option<u64>, Unsigned> {
        let id = self.id();
        let mut signed = None;
        for line in note.lines.iter().filter(|l| l.name == self.name && l.id == id) {
            let time = self
                .key
                .verify(self.algorithm, &self.name, note.text, &line.signature)
                .ok_or(Unsigned::BadSignature)?;
            signed = signed.max(Some(time));
        }
        signed.ok_or(Unsigned::OtherKey)
    }

    /// The lines of the note that carry this key's name and id, newlines included. Not verified by this.
    #[must_use]
    pub fn lines_of(&self, note: &Note<'_>) -> String {
        let id = self.id();
        let mine = note.lines.iter().filter(|l| l.name == self.name && l.id == id);
        mine.map(|l| format!("{}\n", l.raw)).collect()
    }
}

/// A signed note, taken apart. Nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The text, its last newline included.
    pub text: &'a str,
    /// The signature lines, in their order.
    pub lines: Vec<Line<'a>>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The key's name.
    pub name: &'a str,
    /// The key's id.
    pub id: [u8; 4],
    /// What is behind the id.
    pub signature: Vec<u8>,
    /// The line as it stands, without its newline.
    pub raw: &'a str,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    pub fn parse(note: &'a str) -> Result<Self, Unsigned> {
        let split = note.rfind("\n\n").ok_or(Unsigned::Malformed)?;
        let (text, signatures) = note.split_at_checked(split + 1).ok_or(Unsigned::Malformed)?;
        let signatures = signatures.strip_prefix('\n').ok_or(Unsigned::Malformed)?;
        let signatures = signatures.strip_suffix('\n').ok_or(Unsigned::Malformed)?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Unsigned::Malformed);
        }
        let mut lines = Vec::new();
        for raw in signatures.split('\n') {
            if lines.len() >= MAX_SIGNATURES {
                return Err(Unsigned::Malformed);
            }
            lines.push(Line::parse(raw).ok_or(Unsigned::Malformed)?);
        }
        Ok(Self { text, lines })
    }
}

impl<'a> Line<'a> {
    /// One line without its newline.
    #[must_use]
    pub fn parse(raw: &'a str) -> Option<Self> {
        let (name, data) = raw.strip_prefix(DASH)?.split_once(' ')?;
        let data = BASE64.decode(data.as_bytes()).ok()?;
        let (id, signature) = data.split_first_chunk::<4>()?;
        Some(Self { name, id: *id, signature: signature.to_vec(), raw })
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
