//! A witness's memory: for each origin, the checkpoint cosigned last, in a file of its own.
//!
//! ```text
//! heads/<SHA-256 of the origin, in hexadecimal>    the checkpoint with the log's signature and this witness's
//! ```
//!
//! INVARIANT: a cosignature leaves only after the checkpoint it is for is durable, and requests are answered one
//! after the other, so that none slips between looking and writing. After a failed write nothing is cosigned any
//! more until a restart. What it cannot know: whether its whole directory was put back from a backup.

use super::{Decision, Head, Logs, Refusal, decide};
use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    note::{Note, Signer},
    verify::{Class, Tamper},
    volume::Volume,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const DIR: &str = "heads";

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body's type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// For the witness's own log: the origin and size, where the request was about a known log.
    pub about: Option<(String, u64)>,
}

/// The durable witness.
pub struct Book {
    volume: Box<dyn Volume>,
    logs: Logs,
    signers: Vec<Signer>,
    heads: BTreeMap<String, Head>,
    failed: bool,
}

/// The file of an origin.
#[must_use]
pub fn path(origin: &str) -> String {
    let hash = Sha256::digest(origin.as_bytes());
    format!("{DIR}/{}", hash.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

impl Book {
    /// Opens the memory. Refuses one that is damaged, or that was signed with other keys.
    pub fn open(volume: Box<dyn Volume>, logs: Logs, signers: Vec<Signer>) -> Result<Self, LedgerError> {
        if signers.is_empty() || signers.iter().any(|s| !s.algorithm().is_cosignature()) {
            return Err(LedgerError::malformed(
                "the witness's keys",
                "they must be cosignature keys (0x04 or 0x06), and at least one",
            ));
        }
        let mut heads = BTreeMap::new();
        for name in volume.list(DIR)? {
            let file = format!("{DIR}/{name}");
            let bad = |detail| Tamper::new(Class::CheckpointMalformed, &file, None, detail);
            let bytes = volume.read(&file)?.unwrap_or_default();
            let text = String::from_utf8(bytes).map_err(|_| bad("it is no signed checkpoint"))?;
            let note = Note::parse(&text).map_err(|_| bad("it is no signed checkpoint"))?;
            let head = Checkpoint::parse(note.text).ok_or_else(|| bad("it is no signed checkpoint"))?;
            if path(&head.origin) != file {
                return Err(bad("it is of another log than its name says").into());
            }
            if !signers.iter().any(|s| s.verifier().verify(&note).is_ok()) {
                return Err(bad("it does not hold this witness's cosignature").into());
            }
            heads.insert(head.origin, Head { size: head.size, root: head.root });
        }
        Ok(Self { volume, logs, signers, heads, failed: false })
    }

    /// What was cosigned last for an origin.
    #[must_use]
    pub fn head(&self, origin: &str) -> Option<Head> {
        self.heads.get(origin).copied()
    }

    /// Takes a new list of logs.
    pub fn replace_logs(&mut self, logs: Logs) {
        self.logs = logs;
    }

    /// Whether it can still write.
    #[must_use]
    pub const fn healthy(&self) -> bool {
        !self.failed
    }

    /// Answers one request (`POST /add-checkpoint`). `time` is in seconds since 1970.
    pub fn add(&mut self, body: &[u8], time: u64) -> Reply {
        let plain = |status, body: &str| Reply {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{body}\n"),
            about: None,
        };
        // A cosignature without a time says nothing (tlog-witness, add-checkpoint).
        if self.failed || time == 0 {
            return plain(500, "the witness cannot write or has no clock; its operator's log says more");
        }
        let mut origin = None;
        let heads = &self.heads;
        let decision = decide(
            &self.logs,
            |o| {
                origin = Some(o.to_owned());
                heads.get(o).copied()
            },
            body,
        );
        let accepted = match decision {
            Decision::Cosign(accepted) => accepted,
            Decision::Refuse(refusal) => {
                let about = origin.map(|o| {
                    let size = self.heads.get(&o).map_or(0, |h| h.size);
                    (o, size)
                });
                return match refusal {
                    Refusal::Conflict(size) => Reply {
                        content_type: "text/x.tlog.size",
                        about,
                        ..plain(refusal.status(), &size.to_string())
                    },
                    other => Reply { about, ..plain(other.status(), other.words()) },
                };
            }
        };
        let lines = accepted.cosign(&self.signers, time);
        if lines.is_empty() {
            return plain(400, "the checkpoint cannot be cosigned: its origin or a name is too long");
        }
        let origin = accepted.head.origin.clone();
        if self.volume.write_atomic(&path(&origin), accepted.with(&lines).as_bytes()).is_err() {
            // SECURITY: what is on the disk now is not known. Nothing more is signed over it.
            self.failed = true;
            return plain(500, "the witness could not write; it cosigns nothing until a restart");
        }
        let head = Head { size: accepted.head.size, root: accepted.head.root };
        self.heads.insert(origin.clone(), head);
        Reply {
            status: 200,
            content_type: "text/plain; charset=utf-8",
            body: lines,
            about: Some((origin, head.size)),
        }
    }
}
