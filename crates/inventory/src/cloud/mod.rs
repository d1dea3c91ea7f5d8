//! What clouds say they run, as they export it: Azure, Defender for Cloud Apps, AWS, Google Cloud.
//!
//! ```text
//! bytes -> lines (Google's NDJSON) -+-> the cloud's reader -> Sighting
//!       -> documents (bounded) -----+
//! ```
//! What always holds: a document is bounded in bytes and in values, and the depth of JSON by its parser; lines are
//! streamed. What a cloud offers is not what its customer uses: lists of available models name no asset. An owner in a
//! tag is a hint and never a declaration. What it does not do: ask a cloud for anything; [`graph`] says what to ask.

mod aws;
mod azure;
mod defender;
mod gcp;
pub mod graph;
#[cfg(test)]
mod tests;

use crate::asset::{AssetKind, Attribute, Basis, Sighting, Sink, Source};
use crate::logs::{Lines, MAX_LINE};
use serde_json::Value;

/// Largest export that is no NDJSON, in bytes: a page of Resource Graph has 1,000 rows of a few thousand bytes.
pub const MAX_DOCUMENT: usize = 32 << 20;
/// Most values of one export: what bounds the memory of the parsed tree.
const MAX_VALUES: usize = 1_000_000;
/// How sure the cloud's own word on a resource makes, and an owner's tag.
const SAID: u16 = 950;
const TAGGED: u16 = 500;

/// Whose export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Azure Resource Graph and lists of Azure Resource Manager.
    Azure,
    /// Discovered applications of Microsoft Defender for Cloud Apps.
    Defender,
    /// AWS: Config, Resource Explorer, and the lists of Bedrock, AgentCore and SageMaker.
    Aws,
    /// Cloud Asset Inventory of Google Cloud.
    Gcp,
}

impl Cloud {
    /// Every name, for messages.
    pub const NAMES: &'static str = "azure, defender, aws, gcp";

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "azure" => Cloud::Azure,
            "defender" => Cloud::Defender,
            "aws" => Cloud::Aws,
            "gcp" => Cloud::Gcp,
            _ => return None,
        })
    }
}

/// Why an export was not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CloudError {
    /// It is no JSON, breaks off, or is nested too deep.
    #[error("is not the JSON of an export: {0}")]
    Json(String),
    /// No key tells whose it is.
    #[error("the format is not recognised; name it with `--cloud-format` ({})", Cloud::NAMES)]
    Unknown,
    /// Over [`MAX_DOCUMENT`] bytes or with too many values.
    #[error("is too large to be read whole; export it in pages")]
    TooLarge,
}

/// What reading one export came to.
#[derive(Debug, Default)]
pub struct CloudRead {
    /// What was seen.
    pub found: Vec<Sighting>,
    /// For the operator.
    pub notes: Vec<String>,
    /// It is of AWS Config, which records no Bedrock agents.
    pub config: bool,
    /// It lists Bedrock agents.
    pub agents: bool,
}

/// One export being read.
#[derive(Debug)]
pub struct CloudScan {
    cloud: Option<Cloud>,
    sink: Sink,
    read: CloudRead,
    /// The bytes of a document; of NDJSON, those before it showed as such.
    bytes: Vec<u8>,
    /// The first line of a document was looked at.
    headed: bool,
    lines: Option<Lines>,
    line: u64,
    unreadable: u64,
    skipped: u64,
}

impl CloudScan {
    /// Reads the export `place`; without a format, its keys tell.
    #[must_use]
    pub fn new(place: &str, cloud: Option<Cloud>) -> Self {
        Self {
            cloud,
            sink: Sink::new(place),
            read: CloudRead::default(),
            bytes: Vec::new(),
            headed: false,
            lines: None,
            line: 0,
            unreadable: 0,
            skipped: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When a document is too large.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CloudError> {
        if self.lines.is_some() {
            self.stream(bytes, false);
            return Ok(());
        }
        let before = self.bytes.len();
        if before + bytes.len() > MAX_DOCUMENT {
            return Err(CloudError::TooLarge);
        }
        self.bytes.extend_from_slice(bytes);
        let first = if self.headed { None } else { memchr::memchr(b'\n', bytes).map(|at| before + at) };
        self.headed |= first.is_some();
        let line = first.filter(|at| *at <= MAX_LINE).and_then(|at| self.bytes.get(..at));
        let is_lines = line.is_some_and(gcp::is_line);
        if is_lines && self.cloud.is_none_or(|c| c == Cloud::Gcp) {
            self.lines = Some(Lines::default());
            let held = std::mem::take(&mut self.bytes);
            self.stream(&held, false);
        }
        Ok(())
    }

    fn stream(&mut self, bytes: &[u8], last: bool) {
        let Some(mut lines) = self.lines.take() else { return };
        let mut take = |line: &[u8]| {
            self.line += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                return;
            }
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => gcp::asset(&value, self.line, &mut self.sink),
                Err(_) => self.unreadable += 1,
            }
        };
        lines.push(bytes, &mut take);
        if last {
            lines.finish(&mut take);
            self.skipped = lines.too_long();
        }
        self.lines = Some(lines);
    }

    /// The export is at its end.
    ///
    /// # Errors
    /// When it is no export that is known here.
    pub fn finish(mut self) -> Result<CloudRead, CloudError> {
        if self.lines.is_some() {
            self.stream(&[], true);
        } else {
            self.documents()?;
        }
        if self.unreadable + self.skipped > 0 {
            let count = self.unreadable + self.skipped;
            self.read.notes.push(format!("{count} lines are no JSON, or too long; passed over"));
        }
        if self.sink.overflow {
            self.read.notes.push("lists more of AI than one file may give; the rest is left out".to_owned());
        }
        self.read.found = self.sink.found;
        Ok(self.read)
    }

    /// One document, or pages one after the other.
    fn documents(&mut self) -> Result<(), CloudError> {
        let bytes = std::mem::take(&mut self.bytes);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        bounded(bytes)?;
        for document in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
            let value = document.map_err(|e| CloudError::Json(e.to_string()))?;
            let cloud = self.cloud.or_else(|| sniff(&value)).ok_or(CloudError::Unknown)?;
            let known = match cloud {
                Cloud::Azure => azure::read(&value, &mut self.sink, &mut self.read),
                Cloud::Defender => defender::read(&value, &mut self.sink),
                Cloud::Aws => aws::read(&value, &mut self.sink, &mut self.read),
                Cloud::Gcp => gcp::read(&value, &mut self.sink, &mut self.read),
            };
            if !known {
                return Err(CloudError::Unknown);
            }
        }
        Ok(())
    }
}

/// What several exports name differently, and is one resource, by one key. Give it the sightings of all exports.
pub fn join(found: &mut [Sighting]) {
    aws::join(found);
}

/// INVARIANT: values are counted before the tree is made, so that its memory is bounded.
fn bounded(bytes: &[u8]) -> Result<(), CloudError> {
    let values = bytes.iter().filter(|b| matches!(b, b',' | b'[' | b'{')).count();
    if bytes.len() > MAX_DOCUMENT || values > MAX_VALUES { Err(CloudError::TooLarge) } else { Ok(()) }
}

/// Whose a document is, by its keys.
fn sniff(value: &Value) -> Option<Cloud> {
    let first = items(value, &["value", "data", "results", "assets"]).and_then(|i| i.first());
    if defender::is_app(first) {
        Some(Cloud::Defender)
    } else if gcp::is_asset(first) || gcp::is_asset(Some(value)) {
        Some(Cloud::Gcp)
    } else if aws::is_one(value) {
        Some(Cloud::Aws)
    } else if azure::is_one(value, first) {
        Some(Cloud::Azure)
    } else {
        None
    }
}

/// The rows of a document: itself, or the list under one of `keys`.
fn items<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Vec<Value>> {
    value.as_array().or_else(|| keys.iter().find_map(|k| value.get(*k)?.as_array()))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A resource: its kind, what sort it is, its key, and a name to show.
fn resource(sink: &Sink, kind: AssetKind, sort: &str, key: &str, name: &str, line: u64) -> Sighting {
    let mut sighting = sink.at(kind, &key.to_lowercase(), Source::Cloud, line).with(Attribute::Sort, sort);
    if !name.is_empty() {
        sighting.name = crate::asset::clipped(name.to_owned());
    }
    sighting.basis = Basis::Observed;
    sighting.confidence = SAID;
    sighting
}

/// Tags and labels under which people write who owns something.
const OWNERS: [&str; 7] =
    ["owner", "owners", "team", "contact", "owner-email", "technical-owner", "created-by"];

/// Takes a resource, and beside it the owner whom its tags name: less sure, and inferred.
fn push(sighting: Sighting, tags: Option<&Value>, sink: &mut Sink) {
    let hint = tags.and_then(Value::as_object).into_iter().flatten().find_map(|(k, v)| {
        let key = k.to_lowercase().replace('_', "-");
        OWNERS.contains(&key.as_str()).then(|| v.as_str())?
    });
    if let Some(owner) = hint.filter(|o| !o.is_empty()) {
        let mut said = Sighting { attributes: Vec::new(), ..sighting.clone() };
        said.basis = Basis::Inferred;
        said.confidence = TAGGED.min(sighting.confidence);
        let said = said.with(Attribute::OwnerHint, owner);
        sink.push(sighting);
        sink.push(said);
    } else {
        sink.push(sighting);
    }
}
