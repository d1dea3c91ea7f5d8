//! What the operator declares: `inventory.toml`.
//!
//! ```toml
//! [[asset]]
//! kind = "service"
//! name = "openai"            # a key or name; `*` stands for any run of characters
//! status = "approved"        # or "forbidden"
//! owner = "platform team"
//! purpose = "drafting"
//! data_class = "internal"
//! review = 2027-01-31
//! instead = "the gateway's model `main`"
//! ```
//! What always holds: a file with a problem is refused whole, with every problem. What it does not do: say what is
//! there; a declared asset that nothing shows is a ghost.

use crate::asset::{AssetId, AssetKind};
use cordon_types::{Problem, Problems};
use serde::Deserialize;

/// Whether an asset may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    #[default]
    Approved,
    /// It may not.
    Forbidden,
}

/// One declared asset, or a pattern of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its kind.
    pub kind: AssetKind,
    /// Its key or name; a star stands for any run of characters.
    pub name: String,
    /// Whether it may be used.
    pub status: Status,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// The highest class of data it may see.
    pub data_class: Option<String>,
    /// The day of its next review, as `YYYY-MM-DD`.
    pub review: Option<String>,
    /// What to offer in its place.
    pub instead: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    asset: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: AssetKind,
    name: String,
    #[serde(default)]
    status: Status,
    owner: Option<String>,
    purpose: Option<String>,
    data_class: Option<String>,
    review: Option<toml::value::Datetime>,
    instead: Option<String>,
}

/// Reads the file.
///
/// # Errors
/// Every problem at once, each with its place.
pub fn declared(text: &str) -> Result<Vec<Declared>, Problems> {
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            return Err(Problems(vec![Problem::new(
                place(text, error.span()),
                error.message(),
                "docs/scan.md shows the file",
            )]));
        }
    };
    let mut problems = Vec::new();
    let mut all: Vec<Declared> = Vec::with_capacity(file.asset.len());
    for (n, row) in file.asset.into_iter().enumerate() {
        let path = format!("asset[{n}]");
        if row.name.trim_matches(['*', ' ']).is_empty() && row.status == Status::Approved {
            problems.push(Problem::new(
                format!("{path}.name"),
                "approves everything of its kind",
                "name what is approved",
            ));
        }
        if row.review.is_some_and(|r| r.date.is_none()) {
            problems.push(Problem::new(format!("{path}.review"), "is no day", "write it as 2027-01-31"));
        }
        if all.iter().any(|d| d.kind == row.kind && d.name == row.name) {
            problems.push(Problem::new(path, "stands twice", "keep one"));
        }
        let filled = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        all.push(Declared {
            kind: row.kind,
            name: row.name,
            status: row.status,
            owner: filled(row.owner),
            purpose: filled(row.purpose),
            data_class: filled(row.data_class),
            review: row.review.and_then(|r| r.date).map(|d| d.to_string()),
            instead: filled(row.instead),
        });
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
}

/// `line 4`, or nothing where the place is not known.
fn place(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    span.map_or_else(String::new, |s| format!("line {}", crate::code::line_at(text, s.start)))
}

impl Declared {
    /// Whether it means this asset.
    #[must_use]
    pub fn means(&self, id: &AssetId, name: &str) -> bool {
        self.kind == id.kind && (wild(&self.name, &id.key) || wild(&self.name, name))
    }

    /// Whether it names one asset alone.
    #[must_use]
    pub fn is_one(&self) -> bool {
        !self.name.contains('*')
    }
}

/// `*` stands for any run of characters; case does not count.
fn wild(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or(""),
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("openai", "OpenAI", true),
            ("openai", "openai-2", false),
            ("pypi/lang*", "pypi/langchain", true),
            ("*mcp*", "npm/mcp-remote", true),
            ("a*a", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
        ] {
            assert_eq!(wild(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn problems_come_all_at_once() {
        let text = "[[asset]]\nkind=\"service\"\nname=\"*\"\nreview=10:00:00\n[[asset]]\nkind=\"service\"\nname=\"x\"\n[[asset]]\nkind=\"service\"\nname=\"x\"\n";
        assert_eq!(declared(text).unwrap_err().0.len(), 3);
        assert!(declared("[[asset]]\nkind=\"servise\"\nname=\"x\"").is_err());
        assert!(declared("[[asset]]\nkind=\"service\"\nname=\"x\"\nowner=\"a\"\nreview=2027-01-31").is_ok());
        assert!(declared("[[asset]]\nkind=\"service\"\nname=\"x\"\ncolour=\"red\"").is_err());
    }
}
