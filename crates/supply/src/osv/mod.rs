//! Advisories in the OSV schema (<https://ossf.github.io/osv-schema/>, 1.7), and whether one holds for a version.
//!
//! ```text
//! bytes of a record -> read -> Advisory -> Advisories (by package) -> hits
//!                                  affected: versions, ranges -> affects -> Answer
//! ```
//! What always holds: a record is read whole or refused with a reason; fields that the schema does not have are passed
//! over, since new ones come. Of a record only what decides and what is shown is kept; texts are clipped. What it
//! deliberately does not do: correct a record. Where a bound cannot be read, the answer says so.

mod affects;
mod hits;
mod severity;
#[cfg(test)]
mod tests;

pub use affects::{Answer, Doubt};
pub use hits::{Advisories, Hit, Package, Refused};
pub use severity::{Level, Severity};

use crate::Ecosystem;
use cordon_inventory::asset::clipped;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Largest record: some list tens of thousands of versions.
pub const MAX_RECORD: usize = 8 << 20;
/// Most packages, versions and events of one record.
const MAX_AFFECTED: usize = 20_000;
const MAX_VERSIONS: usize = 200_000;
const MAX_EVENTS: usize = 20_000;
/// Most aliases of one record.
const MAX_ALIASES: usize = 200;

/// One advisory, as far as it decides and is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Advisory {
    /// Its id.
    pub id: String,
    /// When it was last changed, as it says.
    pub modified: String,
    /// It was taken back: it holds for nothing.
    pub withdrawn: bool,
    /// Other databases' names of the same thing.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// How grave.
    pub severity: Severity,
    /// What it holds for, of the registries that are known here.
    pub affected: Vec<Affected>,
}

/// One package that an advisory holds for.
#[derive(Clone, Debug, PartialEq)]
pub struct Affected {
    /// The registry.
    pub ecosystem: Ecosystem,
    /// The package, as the registry compares names.
    pub name: String,
    /// Versions, one by one.
    pub versions: Vec<String>,
    /// Ranges of versions.
    pub ranges: Vec<Range>,
    /// GitHub's `last_known_affected_version_range`: where no fix is known, up to where it is known to hold.
    pub last_known: Option<String>,
}

/// How the versions of a range are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// Semantic Versioning, whatever the registry.
    SemVer,
    /// The registry's own order.
    Ecosystem,
    /// Commits: they say nothing of a package's version.
    Git,
}

/// A range: events in the order in which they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// How its versions are written.
    pub kind: RangeKind,
    /// What happened at which version.
    pub events: Vec<(Event, String)>,
}

/// What happened at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// From here on it holds.
    Introduced,
    /// From here on it does not.
    Fixed,
    /// After this it does not.
    LastAffected,
    /// From here on the range says nothing.
    Limit,
}

impl Event {
    const ALL: [Event; 4] = [Event::Introduced, Event::Fixed, Event::LastAffected, Event::Limit];

    const fn name(self) -> &'static str {
        match self {
            Event::Introduced => "introduced",
            Event::Fixed => "fixed",
            Event::LastAffected => "last_affected",
            Event::Limit => "limit",
        }
    }
}

/// Why a record is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// Too large.
    #[error("it is larger than {MAX_RECORD} bytes")]
    TooLarge,
    /// No JSON object of the shape.
    #[error("it is no OSV record: {0}")]
    Shape(String),
    /// Without an id.
    #[error("it has no id")]
    NoId,
    /// It has more parts than a record may have.
    #[error("it has more than {0}")]
    TooMany(&'static str),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    id: String,
    #[serde(default)]
    modified: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<RawSeverity>>,
    #[serde(default)]
    affected: Option<Vec<RawAffected>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(default)]
    score: Value,
}

#[derive(Deserialize)]
struct RawAffected {
    #[serde(default)]
    package: Option<RawPackage>,
    #[serde(default)]
    versions: Option<Vec<Value>>,
    #[serde(default)]
    ranges: Option<Vec<RawRange>>,
    #[serde(default)]
    severity: Option<Vec<RawSeverity>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawPackage {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Map<String, Value>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

/// Reads one record.
///
/// # Errors
/// When it is no record, or larger than one may be.
pub fn read(bytes: &[u8]) -> Result<Advisory, RecordError> {
    if bytes.len() > MAX_RECORD {
        return Err(RecordError::TooLarge);
    }
    let raw: Raw = serde_json::from_slice(bytes).map_err(|e| RecordError::Shape(e.to_string()))?;
    if raw.id.trim().is_empty() {
        return Err(RecordError::NoId);
    }
    let affected = raw.affected.unwrap_or_default();
    if affected.len() > MAX_AFFECTED {
        return Err(RecordError::TooMany("packages"));
    }
    let mut vectors: Vec<&Value> = raw.severity.iter().flatten().map(|s| &s.score).collect();
    vectors.extend(affected.iter().flat_map(|a| a.severity.iter().flatten()).map(|s| &s.score));
    let word = raw.database_specific.as_ref().and_then(|d| d.get("severity")).and_then(Value::as_str);
    let severity = Severity::of(vectors.into_iter().map(text).collect(), word);
    let summary = raw.summary.filter(|s| !s.trim().is_empty()).or(raw.details).unwrap_or_default();
    let summary = summary.lines().find(|l| !l.trim().is_empty()).unwrap_or_default().trim().to_owned();
    let mut aliases = raw.aliases.unwrap_or_default();
    aliases.truncate(MAX_ALIASES);
    Ok(Advisory {
        modified: clipped(raw.modified),
        withdrawn: raw.withdrawn.is_some_and(|w| !w.trim().is_empty()),
        aliases: aliases.into_iter().map(clipped).filter(|a| *a != raw.id).collect(),
        id: clipped(raw.id),
        summary: clipped(summary),
        severity,
        affected: affected.into_iter().filter_map(one).collect::<Result<_, _>>()?,
    })
}

/// A text, or the text of a number: some records write versions and scores bare.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One package; nothing where its registry is not known here.
fn one(raw: RawAffected) -> Option<Result<Affected, RecordError>> {
    let package = raw.package?;
    let ecosystem = Ecosystem::from_osv(package.ecosystem.trim())?;
    if package.name.trim().is_empty() {
        return None;
    }
    let versions = raw.versions.unwrap_or_default();
    if versions.len() > MAX_VERSIONS {
        return Some(Err(RecordError::TooMany("versions")));
    }
    let raws = raw.ranges.unwrap_or_default();
    if raws.iter().map(|r| r.events.len()).sum::<usize>() > MAX_EVENTS {
        return Some(Err(RecordError::TooMany("events")));
    }
    // GitHub writes it beside the ranges; some exports within one of them.
    let known = |value: &Option<Value>| {
        let range = value.as_ref()?.get("last_known_affected_version_range")?.as_str()?;
        Some(clipped(range.to_owned()))
    };
    let last_known =
        known(&raw.database_specific).or_else(|| raws.iter().find_map(|r| known(&r.database_specific)));
    Some(Ok(Affected {
        ecosystem,
        name: ecosystem.canonical(package.name.trim()),
        versions: versions.iter().map(text).map(clipped).collect(),
        ranges: raws.into_iter().map(range).collect(),
        last_known,
    }))
}

fn range(raw: RawRange) -> Range {
    let kind = match raw.kind.as_str() {
        "SEMVER" => RangeKind::SemVer,
        "GIT" => RangeKind::Git,
        _ => RangeKind::Ecosystem,
    };
    let events = raw.events.iter().flat_map(|event| {
        Event::ALL.into_iter().filter_map(|kind| Some((kind, clipped(text(event.get(kind.name())?)))))
    });
    Range { kind, events: events.collect() }
}

impl Advisory {
    /// As an OSV record again, with what was kept: what [`read`] reads to the same.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let affected: Vec<Value> = self.affected.iter().map(Affected::to_json).collect();
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
        put("id", json!(self.id));
        put("modified", json!(self.modified));
        put("aliases", json!(self.aliases));
        put("summary", json!(self.summary));
        put("affected", json!(affected));
        if self.withdrawn {
            // When is not kept, only that it was; an empty text would say that it was not.
            let when = if self.modified.trim().is_empty() { "0001-01-01T00:00:00Z" } else { &self.modified };
            put("withdrawn", json!(when));
        }
        if let Some(vector) = &self.severity.vector {
            put("severity", json!([{"type": "CVSS", "score": vector}]));
        }
        if let Some(level) = self.severity.level {
            put("database_specific", json!({"severity": level.name()}));
        }
        Value::Object(out)
    }
}

impl Affected {
    fn to_json(&self) -> Value {
        let ranges: Vec<Value> = self
            .ranges
            .iter()
            .map(|r| {
                let kind = match r.kind {
                    RangeKind::SemVer => "SEMVER",
                    RangeKind::Ecosystem => "ECOSYSTEM",
                    RangeKind::Git => "GIT",
                };
                let events: Vec<Value> = r.events.iter().map(|(e, v)| json!({e.name(): v})).collect();
                json!({"type": kind, "events": events})
            })
            .collect();
        let known = self.last_known.as_ref();
        let known = known.map(|k| json!({"last_known_affected_version_range": k}));
        json!({
            "package": {"ecosystem": self.ecosystem.osv(), "name": self.name},
            "versions": self.versions, "ranges": ranges, "database_specific": known,
        })
    }
}
