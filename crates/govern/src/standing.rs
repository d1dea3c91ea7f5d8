//! Where a control stands: what it asks for by its nature, against what there is.
//!
//! What always holds: the weakest of its evidence decides; nothing is called more than it is.

use crate::answer::{Answer, Availability};
use crate::catalogue::{Control, Coverage};
use serde::{Deserialize, Serialize};

/// Where a control stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Shown by records, and there are some in the period.
    DirectWithRecords,
    /// Would be shown by records; the period has none.
    DirectWithoutRecords,
    /// Shown in part.
    Partial,
    /// Only what is brought in from elsewhere can show it.
    NeedsImport,
    /// Nothing of it is produced yet.
    None,
}

impl Standing {
    /// Every one.
    pub const ALL: [Standing; 5] =
        [Self::DirectWithRecords, Self::DirectWithoutRecords, Self::Partial, Self::NeedsImport, Self::None];

    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirectWithRecords => "direct_with_records",
            Self::DirectWithoutRecords => "direct_without_records",
            Self::Partial => "partial",
            Self::NeedsImport => "needs_import",
            Self::None => "none",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DirectWithRecords => "direct, with records",
            Self::DirectWithoutRecords => "direct, no records in the period",
            Self::Partial => "partial",
            Self::NeedsImport => "needs import",
            Self::None => "none",
        }
    }

    /// Where a control stands, given the answers of all evidence types.
    #[must_use]
    pub fn of(control: &Control, answers: &[Answer]) -> Self {
        let mine: Vec<&Answer> = answers.iter().filter(|a| control.evidence.contains(&a.id)).collect();
        let there = |a: &&&Answer| matches!(a.availability, Availability::Direct | Availability::Partial);
        if control.coverage == Coverage::Import {
            return Self::NeedsImport;
        }
        if mine.iter().filter(there).count() == 0 {
            let import = mine.iter().any(|a| a.availability == Availability::NeedsImport);
            return if import { Self::NeedsImport } else { Self::None };
        }
        let whole = mine.iter().all(|a| a.availability == Availability::Direct);
        match (control.coverage, whole, mine.iter().any(|a| a.records > 0)) {
            (Coverage::Direct, true, true) => Self::DirectWithRecords,
            (Coverage::Direct, true, false) => Self::DirectWithoutRecords,
            _ => Self::Partial,
        }
    }

    /// Why it stands there, in words: what each of its evidence lacks.
    #[must_use]
    pub fn reasons(control: &Control, answers: &[Answer]) -> Vec<String> {
        let mut reasons = Vec::new();
        match control.coverage {
            Coverage::Direct => {}
            Coverage::Partial => {
                reasons.push(
                    "By its nature a machine shows this control in part: people must add to it.".into(),
                );
            }
            Coverage::Import => {
                reasons.push("By its nature this control is shown by what is kept elsewhere.".into());
            }
        }
        for answer in answers.iter().filter(|a| control.evidence.contains(&a.id)) {
            match answer.availability {
                Availability::Direct if answer.records == 0 => {
                    reasons.push(format!("{}: the period has no such record.", answer.id.name()));
                }
                Availability::Direct => {}
                other => reasons.push(format!("{}: {}. {}", answer.id.name(), other.words(), answer.lacks)),
            }
        }
        reasons
    }
}
