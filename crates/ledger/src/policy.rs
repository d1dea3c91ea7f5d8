//! Which witnesses suffice: C2SP tlog-policy files, and judging a checkpoint by one.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! What always holds: a policy that reads has exactly one quorum; a name is defined before it is used, and is a
//! member of at most one group, so that a witness counts in one way only. What it does not do: fetch anything,
//! or look at URLs (they are handed on as they stand).

mod read;

use crate::{
    checkpoint::Checkpoint,
    note::{Note, Unsigned, VerifierKey},
};

pub(crate) use read::{lines, vkey};

/// Most lines of each kind, beyond what the specification asks for (32).
pub(crate) const MOST: usize = 256;
/// Largest policy file, in bytes: post-quantum keys are long.
pub const MAX_POLICY_BYTES: usize = 1 << 20;

/// A line that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PolicyError {
    /// Which line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// A log that the policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its key; the key's name is the log's origin.
    pub key: VerifierKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What the policy's author calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Its submission prefix.
    pub url: Option<String>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// The witness of that number.
    Witness(usize),
    /// At least `k` of those nodes.
    Group { k: usize, members: Vec<usize> },
}

/// A trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    /// A node's members come before it.
    nodes: Vec<Node>,
    /// `None`: `quorum none`.
    quorum: Option<usize>,
}

/// A cosignature that holds, by a witness that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The witness's name in the policy.
    pub name: String,
    /// When it was made, in seconds since 1970, by the witness's clock.
    pub time: u64,
}

/// What a checkpoint is worth under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The tree's head.
    pub head: Checkpoint,
    /// Who cosigned it.
    pub by: Vec<Seen>,
    /// Whether they suffice.
    pub quorum: bool,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        read::policy(file)
    }

    /// The logs it accepts; with none, the log is known from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses it knows.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether it asks for any cosignature.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether it accepts a log by that key.
    #[must_use]
    pub fn accepts(&self, log: &VerifierKey) -> bool {
        self.logs.is_empty() || self.logs.iter().any(|l| l.key == *log)
    }

    /// Whether those witnesses suffice; `has` is asked with a witness's number.
    #[must_use]
    pub fn suffices(&self, has: impl Fn(usize) -> bool) -> bool {
        let Some(quorum) = self.quorum else { return true };
        let mut held = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            held.push(match node {
                Node::Witness(n) => has(*n),
                Node::Group { k, members } => {
                    members.iter().filter(|m| held.get(**m) == Some(&true)).count() >= *k
                }
            });
        }
        held.get(quorum) == Some(&true)
    }

    /// Judges a checkpoint that `log` must have signed. A line by a known witness that does not verify refuses
    /// the whole of it.
    pub fn judge(&self, note: &str, log: &VerifierKey) -> Result<Judged, Unsigned> {
        let head = Checkpoint::open(note, log)?;
        let note = Note::parse(note)?;
        let mut by = Vec::new();
        let mut held = vec![false; self.witnesses.len()];
        for (witness, held) in self.witnesses.iter().zip(&mut held) {
            match witness.key.verify(&note) {
                Ok(time) => {
                    *held = true;
                    by.push(Seen { name: witness.name.clone(), time: time.unwrap_or(0) });
                }
                Err(Unsigned::OtherKey) => {}
                Err(broken) => return Err(broken),
            }
        }
        let quorum = self.suffices(|n| held.get(n) == Some(&true));
        Ok(Judged { head, by, quorum })
    }
}
