//! What leaves the log: records in other formats, and whether the log is complete.
//!
//! ```text
//! Leaf (verified by the ledger's reader) --encode--> OCSF | OTLP | CSV | syslog | JSON lines
//! Leaf, Leaf, ...                        --take----> reconcile: open intents, gaps, clock steps, counts a day
//! ```
//! What always holds: a format gets words of Cordon's own, numbers, digests, and names that the operator's files
//! spell, because a record holds nothing else; **a leaf that is no record of a known version leaves as its index and
//! hash alone.** What always the same leaf is written is always the same bytes, with an id that stays, so that a
//! receiver can tell what it has had before.
//!
//! What it deliberately does not do: send or store anything, read a clock, or verify (the ledger's reader did).

mod csv;
mod fields;
mod ocsf;
mod otlp;
pub mod reconcile;
mod syslog;
#[cfg(test)]
mod tests;
mod words;

use cordon_ledger::{Bundle, Record, tree::Hash};
use data_encoding::HEXLOWER;

pub use syslog::counted;
pub use words::name;

/// Where leaves come from.
#[derive(Clone, Debug)]
pub struct Log {
    /// The log's name: the first line of its checkpoints.
    pub origin: String,
    /// The version of what exports.
    pub version: &'static str,
    /// The private enterprise number under which structured data is named in syslog (RFC 5424 section 6.3.2).
    pub enterprise: u32,
}

/// Reserved for examples (RFC 5612). Whoever has a number of their own sets it.
pub const EXAMPLE_ENTERPRISE: u32 = 32_473;

/// One entry of the log.
#[derive(Debug)]
pub struct Leaf {
    /// Its index.
    pub index: u64,
    /// Its hash in the tree.
    pub hash: Hash,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says; `None` when it is no record of a known version.
    pub record: Option<Record>,
}

impl Leaf {
    /// Reads a leaf.
    #[must_use]
    pub fn new(index: u64, hash: Hash, bytes: Vec<u8>) -> Self {
        let record = Record::decode(&bytes).ok();
        Self { index, hash, bytes, record }
    }

    /// The leaves of a bundle, from an index on.
    pub fn of_bundle(bundle: Bundle, from: u64) -> impl Iterator<Item = Self> {
        let Bundle { first, entries, hashes } = bundle;
        let each = (first..).zip(entries.into_iter().zip(hashes));
        each.filter(move |(index, _)| *index >= from)
            .map(|(index, (bytes, hash))| Self::new(index, hash, bytes))
    }

    pub(crate) fn hash_text(&self) -> String {
        HEXLOWER.encode(&self.hash)
    }
}

/// How leaves are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OCSF 1.8.0, one event a line.
    Ocsf,
    /// An OTLP/HTTP logs request in JSON, one for many leaves.
    Otlp,
    /// Comma-separated values (RFC 4180), one leaf a line.
    Csv,
    /// Syslog (RFC 5424), one message a leaf.
    Syslog,
    /// The leaves as they stand in the log, one a line.
    Jsonl,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Ocsf, Self::Otlp, Self::Csv, Self::Syslog, Self::Jsonl];

    /// The name that the command line uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf",
            Self::Otlp => "otlp",
            Self::Csv => "csv",
            Self::Syslog => "syslog",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The media type of a body of this format; none for what does not go over HTTP.
    #[must_use]
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Ocsf | Self::Jsonl => Some("application/x-ndjson"),
            Self::Otlp => Some("application/json"),
            Self::Csv => Some("text/csv; charset=utf-8; header=present"),
            Self::Syslog => None,
        }
    }

    /// What stands before the first line of a file or body.
    #[must_use]
    pub fn head(self) -> Option<Vec<u8>> {
        (self == Self::Csv).then(csv::head)
    }

    /// The leaves as lines or messages, in order, without line ends. A leaf can give several lines (OCSF), and all
    /// leaves together one (OTLP).
    #[must_use]
    pub fn encode(self, log: &Log, leaves: &[Leaf]) -> Vec<Vec<u8>> {
        match self {
            Self::Ocsf => leaves.iter().flat_map(|leaf| ocsf::events(log, leaf)).collect(),
            Self::Otlp if leaves.is_empty() => Vec::new(),
            Self::Otlp => vec![otlp::request(log, leaves)],
            Self::Csv => leaves.iter().map(csv::line).collect(),
            Self::Syslog => leaves.iter().map(|leaf| syslog::message(log, leaf)).collect(),
            Self::Jsonl => leaves.iter().map(jsonl).collect(),
        }
    }
}

fn jsonl(leaf: &Leaf) -> Vec<u8> {
    let mut line = format!("{{\"index\":{},", leaf.index).into_bytes();
    if leaf.record.is_some() {
        line.extend_from_slice(b"\"record\":");
        line.extend_from_slice(&leaf.bytes);
        line.push(b'}');
    } else {
        // SECURITY: what no version of ours wrote may hold anything.
        line.extend_from_slice(format!("\"leaf\":\"{}\"}}", leaf.hash_text()).as_bytes());
    }
    line
}
