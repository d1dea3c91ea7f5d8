//! Frameworks, evidence types and clocks, as data in the binary.
//!
//! What always holds (and is tested): ids are unique and sorted, each evidence id that a control names exists, each
//! framework says its source and licence. Ids and titles are facts; `asks` and `looks_for` are our own words. What it
//! does not do: hold any framework's text.

use serde::{Deserialize, Serialize};

const FRAMEWORKS: &str = include_str!("../data/frameworks.json");
const EVIDENCE: &str = include_str!("../data/evidence.json");
const CLOCKS: &str = include_str!("../data/clocks.json");

/// The embedded data cannot be read: a fault of this build.
#[derive(Debug, thiserror::Error)]
#[error("the data in this binary cannot be read ({0}); build it anew")]
pub struct CatalogueError(#[from] serde_json::Error);

macro_rules! evidence {
    ($( $(#[$doc:meta])* $variant:ident = $text:literal, )*) => {
        /// A kind of evidence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum EvidenceId { $( $(#[$doc])* #[serde(rename = $text)] $variant, )* }

        impl EvidenceId {
            /// Every one, sorted by id.
            pub const ALL: &'static [EvidenceId] = &[ $( EvidenceId::$variant, )* ];

            /// The id as text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( EvidenceId::$variant => $text, )* }
            }
        }
    };
}

evidence! {
    /// Bills of materials.
    Bom = "EV-BOM",
    /// Budgets and their refusals.
    Bud = "EV-BUD",
    /// The gateway's configuration.
    Cfg = "EV-CFG",
    /// Tokens and cost.
    Cost = "EV-COST",
    /// Decisions.
    Dec = "EV-DEC",
    /// Sensitive data found and masked.
    Dlp = "EV-DLP",
    /// Evaluations of guardrails.
    Eval = "EV-EVAL",
    /// Evidence packs.
    Exp = "EV-EXP",
    /// Users' feedback.
    Fb = "EV-FB",
    /// Human approvals.
    Hitl = "EV-HITL",
    /// Keys and principals.
    Iam = "EV-IAM",
    /// Impact assessments.
    Imp = "EV-IMP",
    /// Incidents.
    Inc = "EV-INC",
    /// Inventory.
    Inv = "EV-INV",
    /// Kill switches.
    Kill = "EV-KILL",
    /// The log's entries.
    Log = "EV-LOG",
    /// Policy versions.
    Pol = "EV-POL",
    /// Checkpoints and proofs.
    Proof = "EV-PROOF",
    /// Retention.
    Ret = "EV-RET",
    /// Reviews.
    Rev = "EV-REV",
    /// Risks.
    Risk = "EV-RISK",
    /// Processing.
    Ropa = "EV-ROPA",
    /// Availability.
    Slo = "EV-SLO",
    /// Suppliers.
    Sup = "EV-SUP",
    /// Transport.
    Tls = "EV-TLS",
    /// Tools.
    Tool = "EV-TOOL",
    /// Training.
    Train = "EV-TRAIN",
}

impl EvidenceId {
    /// The evidence type of that id.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }
}

/// How far a control can be shown by a machine at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// By records alone.
    Direct,
    /// In part: people must add to it.
    Partial,
    /// Only by what is brought in from elsewhere.
    Import,
}

impl Coverage {
    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Partial => "partial",
            Self::Import => "import",
        }
    }
}

/// One control.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its id in the framework.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether the title is the framework's own.
    pub title_is_official: bool,
    /// What the framework calls it: control, article, technique, ...
    pub kind: String,
    /// What is asked, in our words.
    pub asks: String,
    /// What a machine can show of it.
    pub looks_for: String,
    /// By which evidence.
    pub evidence: Vec<EvidenceId>,
    /// How far.
    pub coverage: Coverage,
    /// Whether id and meaning were checked against the source.
    pub verified: bool,
}

/// One framework.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its name on the command line and in paths.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Which version.
    pub version: String,
    /// Where ids and titles were taken from.
    pub source: String,
    /// Under which terms, and what is ours.
    pub licence: String,
    /// Its controls, in natural order of their ids.
    pub controls: Vec<Control>,
}

/// What an evidence type is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceType {
    /// Its id.
    pub id: EvidenceId,
    /// What it holds, as the frameworks' readers expect it; [`crate::Answer`] says what there is of it.
    pub what: String,
}

/// A time limit that a regime sets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Our id.
    pub id: String,
    /// The framework among those here, if it is one.
    pub framework: Option<String>,
    /// The provision.
    pub regime: String,
    /// Who to whom.
    pub who: String,
    /// What starts it.
    pub start: String,
    /// How long, as ISO 8601 durations or in words.
    pub limit: String,
    /// Under which condition.
    pub condition: Option<String>,
    /// Whether it was checked against the source.
    pub verified: bool,
    /// The source.
    pub source: String,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Frameworks, by slug.
    pub frameworks: Vec<Framework>,
    /// Evidence types, by id.
    pub evidence: Vec<EvidenceType>,
    /// Clocks, by id.
    pub clocks: Vec<Clock>,
}

impl Catalogue {
    /// Reads what the binary carries.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Ok(Self {
            frameworks: serde_json::from_str(FRAMEWORKS)?,
            evidence: serde_json::from_str(EVIDENCE)?,
            clocks: serde_json::from_str(CLOCKS)?,
        })
    }

    /// The framework of that slug.
    #[must_use]
    pub fn framework(&self, slug: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|f| f.slug == slug)
    }

    /// The frameworks that a word of the command line names: a slug, or `all`.
    #[must_use]
    pub fn chosen(&self, word: &str) -> Vec<&Framework> {
        self.frameworks.iter().filter(|f| word == "all" || f.slug == word).collect()
    }

    /// What an evidence type holds.
    #[must_use]
    pub fn what(&self, id: EvidenceId) -> &str {
        self.evidence.iter().find(|e| e.id == id).map_or("", |e| &e.what)
    }
}

impl Control {
    /// Its id as a file's name and as an OSCAL token: lower case, begins with a letter.
    #[must_use]
    pub fn slug(&self) -> String {
        let mut slug = String::with_capacity(self.id.len() + 2);
        for c in self.id.chars() {
            match c {
                'a'..='z' | '0'..='9' | '.' => slug.push(c),
                'A'..='Z' => slug.push(c.to_ascii_lowercase()),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
        }
        let slug = slug.trim_end_matches('-');
        if slug.starts_with(|c: char| c.is_ascii_alphabetic()) {
            slug.to_owned()
        } else {
            format!("c-{slug}")
        }
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
