//! What an evidence query gives: figures as tables, how many records stand behind them, and what is missing.

use crate::catalogue::EvidenceId;
use serde::{Serialize, Serializer};

/// Whether Cordon produces this evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// From records and the operator's files, as the frameworks' readers expect it.
    Direct,
    /// Some of it; `lacks` says what is missing.
    Partial,
    /// Kept elsewhere by its nature: bring it.
    NeedsImport,
    /// Cordon does not produce it yet.
    NoneYet,
}

impl Availability {
    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Partial => "partial",
            Self::NeedsImport => "needs_import",
            Self::NoneYet => "none_yet",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Partial => "partial",
            Self::NeedsImport => "needs import",
            Self::NoneYet => "none yet",
        }
    }
}

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A name or words.
    Text(String),
    /// A number.
    Number(u64),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Number(n) => to.serialize_u64(*n),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(n: u64) -> Self {
        Self::Number(n)
    }
}

/// Figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// Where the figures come from.
    pub from: Origin,
    /// Heads of the columns; the first names the row.
    pub columns: Vec<&'static str>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<Cell>>,
}

/// Where figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Records of the period: the same for ever.
    Records,
    /// The operator's files as they were at the export.
    Files,
    /// The log as a whole, up to the period's end.
    Log,
}

impl Origin {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Records => "records of the period",
            Self::Files => "the operator's files at the export",
            Self::Log => "the log up to the period's end",
        }
    }
}

/// What one evidence type shows.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Which.
    pub id: EvidenceId,
    /// What its readers expect.
    pub what: String,
    /// Whether there is such evidence.
    pub availability: Availability,
    /// What is missing of it; empty when nothing is.
    pub lacks: &'static str,
    /// Records of the period that it is about.
    pub records: u64,
    /// The figures.
    pub tables: Vec<Table>,
    /// Commands that make them again.
    pub commands: Vec<String>,
    /// Indexes of the sample records.
    pub samples: Vec<u64>,
}
