//! What a pipeline reads: findings as SARIF and as JUnit.
//!
//! What always holds: texts of strangers (names of files and packages) are data in both, never markup; control
//! characters are gone.

mod junit;
mod sarif;

pub use junit::junit;
pub use sarif::sarif;

use crate::osv::Severity;

/// How much a finding matters to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is said.
    Note,
    /// It should be looked at, and does not fail.
    Warning,
    /// It fails.
    Error,
}

impl Weight {
    /// Its name, which is SARIF's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Error => "error",
        }
    }
}

/// A kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Its id: `new-tool-server`, or an advisory's.
    pub id: String,
    /// What it says, in a line.
    pub title: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its kind.
    pub rule: Rule,
    /// How much it matters.
    pub weight: Weight,
    /// What it is about: `npm/openai`, `agent:dev`.
    pub subject: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// Where: `file` or `file:line`.
    pub places: Vec<String>,
    /// How grave, where an advisory says.
    pub severity: Option<Severity>,
}

/// A file, and its line from 1, of `file:line`.
fn place(text: &str) -> (&str, Option<u64>) {
    match text.rsplit_once(':') {
        Some((file, line)) if !file.is_empty() => match line.parse() {
            Ok(line) if line > 0 => (file, Some(line)),
            _ => (text, None),
        },
        _ => (text, None),
    }
}
