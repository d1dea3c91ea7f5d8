//! A witness (C2SP tlog-witness): which checkpoint it cosigns. No I/O: a request and what is known in, a decision
//! out; [`book`] makes it durable before the cosignature is let go.
//!
//! ```text
//! old <size>
//! <base64 hash>, one a line, at most 63
//!
//! <the signed checkpoint>
//! ```
//!
//! | status | when |
//! |--:|---|
//! | 200 | the checkpoint extends what this witness cosigned last for the origin; the body has the cosignatures |
//! | 400 | the request cannot be read, or its old size is larger than the checkpoint's |
//! | 403 | no key trusted for the origin signed it, or such a key's line does not verify |
//! | 404 | the origin is not one of the operator's list |
//! | 409 | the old size is not the size cosigned last; the body has that size |
//! | 422 | the proof does not hold, or the same size has another root |
//!
//! INVARIANT: for one origin, every checkpoint that is let through is consistent with every earlier one.

pub mod book;

pub use book::{Book, Reply};

use crate::{
    checkpoint::Checkpoint,
    note::{Note, Signer, Unsigned, VerifierKey},
    policy::{self, PolicyError},
    tree::{self, Hash},
};
use data_encoding::BASE64;
use std::collections::BTreeMap;

/// Most lines of a consistency proof (tlog-witness, add-checkpoint).
pub const MAX_PROOF: usize = 63;
/// Largest request: the proof, and a checkpoint with some dozens of post-quantum signatures.
pub const MAX_REQUEST: usize = 256 << 10;

/// A request to cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint<'a> {
    /// The size that the client believes was cosigned last.
    pub old: u64,
    /// The proof from there to the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: &'a str,
}

impl<'a> AddCheckpoint<'a> {
    /// Reads a request's body. The error says what is wrong with it.
    pub fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        if body.len() > MAX_REQUEST {
            return Err("the request is too large");
        }
        let text = std::str::from_utf8(body).map_err(|_| "the request is not UTF-8")?;
        let (first, mut rest) = text.split_once('\n').ok_or("the first line must be `old <size>`")?;
        let size = first.strip_prefix("old ").ok_or("the first line must be `old <size>`")?;
        let old: u64 = size.parse().map_err(|_| "the old size is no number")?;
        if old.to_string() != size {
            return Err("the old size is not in canonical form");
        }
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or("an empty line must precede the checkpoint")?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return Err("the proof has more than 63 lines");
            }
            let hash = BASE64.decode(line.as_bytes()).map_err(|_| "a proof line is not base64")?;
            proof.push(hash.try_into().map_err(|_| "a proof line is no hash of 32 bytes")?);
        }
        Ok(Self { old, proof, checkpoint: rest })
    }

    /// The request's body.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&BASE64.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(self.checkpoint);
        text
    }
}

/// The logs that a witness's operator accepts: by origin, the keys trusted for it.
#[derive(Clone, Debug, Default)]
pub struct Logs(BTreeMap<String, Vec<VerifierKey>>);

impl Logs {
    /// Reads the operator's list: lines `log <vkey> [<url>]`, as in a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        let mut logs = Self::default();
        for (line, items) in policy::lines(file)? {
            let fail = |problem: String| PolicyError { line, problem };
            let ([b"log", key] | [b"log", key, _]) = items.as_slice() else {
                return Err(fail(
                    "write `log <vkey>`, with the log's public key (its keys/ledger.pub)".to_owned(),
                ));
            };
            let key = policy::vkey(key).map_err(fail)?;
            if !key.algorithm().is_for_logs() {
                return Err(fail(format!("a key of type {} is no log's key", key.algorithm().name())));
            }
            logs.0.entry(key.name().to_owned()).or_default().push(key);
        }
        Ok(logs)
    }

    /// The origins.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What was cosigned last for an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The tree's size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Cosign, after the new state is durable.
    Cosign(Accepted),
    /// Refuse.
    Refuse(Refusal),
}

/// A checkpoint that may be cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub head: Checkpoint,
    text: String,
    /// The lines by trusted keys of the log.
    lines: String,
}

/// Why a checkpoint is not cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400.
    Malformed(&'static str),
    /// 403.
    NotSigned(&'static str),
    /// 404.
    UnknownLog,
    /// 409: the size that was cosigned last.
    Conflict(u64),
    /// 422.
    Inconsistent(&'static str),
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Malformed(why) | Self::NotSigned(why) | Self::Inconsistent(why) => why,
            Self::UnknownLog => "this witness does not know the log",
            Self::Conflict(_) => "the old size is not that of the checkpoint cosigned last",
        }
    }
}

impl Accepted {
    /// The cosignature lines: what is answered.
    #[must_use]
    pub fn cosign(&self, signers: &[Signer], time: u64) -> String {
        signers.iter().filter_map(|s| s.line(&self.text, time)).collect()
    }

    /// The new state's text: the checkpoint with the log's lines and the cosignatures.
    #[must_use]
    pub fn with(&self, cosignatures: &str) -> String {
        format!("{}\n{}{cosignatures}", self.text, self.lines)
    }
}

/// Decides on one request. `known` gives what was cosigned last for an origin.
pub fn decide(logs: &Logs, known: impl FnOnce(&str) -> Option<Head>, body: &[u8]) -> Decision {
    match judge(logs, known, body) {
        Ok(accepted) => Decision::Cosign(accepted),
        Err(refusal) => Decision::Refuse(refusal),
    }
}

fn judge(logs: &Logs, known: impl FnOnce(&str) -> Option<Head>, body: &[u8]) -> Result<Accepted, Refusal> {
    let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
    let malformed = Refusal::Malformed("the checkpoint is no signed checkpoint");
    let note = Note::parse(request.checkpoint).map_err(|_| malformed)?;
    let head = Checkpoint::parse(note.text).ok_or(malformed)?;
    let keys = logs.0.get(&head.origin).ok_or(Refusal::UnknownLog)?;
    let lines = trusted(keys, &note)?;
    if request.old > head.size {
        return Err(Refusal::Malformed("the old size is larger than the checkpoint's"));
    }
    let last = known(&head.origin);
    let size = last.map_or(0, |l| l.size);
    if request.old != size {
        return Err(Refusal::Conflict(size));
    }
    if head.size == 0 && head.root != tree::empty_root() {
        return Err(Refusal::Inconsistent("a tree of size 0 has the root of the empty tree"));
    }
    if size == 0 && !request.proof.is_empty() {
        return Err(Refusal::Inconsistent("from size 0 the proof must be empty"));
    }
    // From size 0 any tree follows; what was cosigned at size 0 was the empty tree.
    let root = last.map_or_else(tree::empty_root, |l| l.root);
    if size > 0 && size == head.size && root != head.root {
        return Err(Refusal::Inconsistent("another root was cosigned for this size"));
    }
    if size > 0 && !tree::consistent(size, &root, head.size, &head.root, &request.proof) {
        return Err(Refusal::Inconsistent("the proof does not lead from the root cosigned last to this one"));
    }
    Ok(Accepted { head, text: note.text.to_owned(), lines })
}

/// The lines by keys trusted for the origin. One such line that does not verify refuses the whole note.
fn trusted(keys: &[VerifierKey], note: &Note<'_>) -> Result<String, Refusal> {
    let mut lines = String::new();
    for key in keys {
        match key.verify(note) {
            Ok(_) => lines.push_str(&key.lines_of(note)),
            Err(Unsigned::OtherKey) => {}
            Err(Unsigned::Malformed | Unsigned::BadSignature) => {
                return Err(Refusal::NotSigned("the signature of a key trusted for the log does not verify"));
            }
        }
    }
    if lines.is_empty() {
        return Err(Refusal::NotSigned("no key trusted for the log signed the checkpoint"));
    }
    Ok(lines)
}
