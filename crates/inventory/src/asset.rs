//! What an inventory is made of: kinds of assets, sightings of them, and the evidence of each.
//!
//! What always holds: a sighting says where it stands (place, line, kind of source) and how sure it is; a secret's
//! value is in none of them. What it does not do: decide whether an asset is wanted; `marks` does.

use crate::inventory::Use;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// An AI service: an API, a chat application, a hosted agent.
    Service,
    /// An address that is used like a model's API, and belongs to no service that the catalogue knows.
    Endpoint,
    /// A model, by name.
    Model,
    /// A file with a model's weights.
    ModelFile,
    /// A program that acts with a model: a coding assistant, a desktop client.
    Agent,
    /// A tool server (MCP).
    ToolServer,
    /// A tool of a server or of an agent's own program.
    Tool,
    /// A library or program of a package registry.
    Package,
    /// A container image.
    Image,
    /// A server for models on a machine.
    LocalServer,
    /// A file that instructs agents.
    Instructions,
    /// A skill for agents.
    Skill,
    /// A credential in a file. Never its value.
    Secret,
    /// Somebody on whose behalf an agent acted, by the pseudonym that records have.
    User,
}

impl AssetKind {
    /// Every kind, in a fixed order.
    pub const ALL: [AssetKind; 14] = [
        AssetKind::Service,
        AssetKind::Endpoint,
        AssetKind::Model,
        AssetKind::ModelFile,
        AssetKind::Agent,
        AssetKind::ToolServer,
        AssetKind::Tool,
        AssetKind::Package,
        AssetKind::Image,
        AssetKind::LocalServer,
        AssetKind::Instructions,
        AssetKind::Skill,
        AssetKind::Secret,
        AssetKind::User,
    ];

    /// Its name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            AssetKind::Service => "service",
            AssetKind::Endpoint => "endpoint",
            AssetKind::Model => "model",
            AssetKind::ModelFile => "model_file",
            AssetKind::Agent => "agent",
            AssetKind::ToolServer => "tool_server",
            AssetKind::Tool => "tool",
            AssetKind::Package => "package",
            AssetKind::Image => "image",
            AssetKind::LocalServer => "local_server",
            AssetKind::Instructions => "instructions",
            AssetKind::Skill => "skill",
            AssetKind::Secret => "secret",
            AssetKind::User => "user",
        }
    }
}

/// How an attribute is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Code or configuration says so; whether it runs is not seen.
    Inferred,
    /// Seen in use, or lying there: a network record, a program's own configuration, a file of weights.
    Observed,
    /// The operator's file says so.
    Declared,
}

/// Which kind of source a sighting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The operator's declared file.
    Declared,
    /// A manifest of packages.
    Manifest,
    /// A lock file.
    LockFile,
    /// Source code.
    Code,
    /// A configuration file.
    Config,
    /// A container file, a compose file, Kubernetes, Helm.
    Deployment,
    /// A continuous-integration file.
    Ci,
    /// The configuration of an MCP client.
    McpConfig,
    /// A file of instructions or a skill.
    Instructions,
    /// A model's file.
    ModelFile,
    /// A network record.
    NetworkLog,
    /// A bill of materials.
    Bom,
    /// The gateway's own records.
    Gateway,
    /// A cloud's own listing of its resources.
    Cloud,
    /// What a server answered when it was asked.
    Probe,
}

/// Where a sighting stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// The kind of source.
    pub source: Source,
    /// The file.
    pub place: Arc<str>,
    /// Its line, from 1; 0 where there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub line: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What an asset is known by: its kind and a stable key within it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AssetId {
    /// The kind.
    pub kind: AssetKind,
    /// The key: lower case where the kind's names do not tell case apart.
    pub key: String,
}

impl std::fmt::Display for AssetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.key)
    }
}

/// A name of an attribute. Values are the operator's own data; a secret's value is never one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Who makes or runs it.
    Vendor,
    /// What sort within its kind (`sdk`, `chat`, `mcp`).
    Sort,
    /// A version.
    Version,
    /// A range of versions, as the manifest writes it.
    Requirement,
    /// A host.
    Host,
    /// A URL without user, password, query or fragment.
    Url,
    /// The program that starts it; without its arguments.
    Command,
    /// The package that the command runs.
    Package,
    /// The program whose configuration names it.
    Client,
    /// `stdio`, `http`, `sse`.
    Transport,
    /// Names of environment variables that it is given.
    Variables,
    /// What the configuration lets it do unasked.
    AutoApprove,
    /// `disabled` where its configuration switches it off.
    State,
    /// A file format.
    Format,
    /// A model's architecture.
    Architecture,
    /// A licence, as the file says.
    License,
    /// How weights are quantised.
    Quantization,
    /// How many parameters.
    Parameters,
    /// A size in bytes.
    Size,
    /// Which rule found it.
    Rule,
    /// A tag or digest of an image.
    Tag,
    /// An agent that used it through the gateway.
    Agent,
    /// A kind of data or attack that was found in its traffic.
    Finding,
    /// The class of data that it brings.
    Class,
    /// Where a cloud runs it: a region.
    Location,
    /// The account, subscription or project that pays for it.
    Account,
    /// Who a cloud's tags or labels say owns it: a hint, no declaration.
    OwnerHint,
    /// Something about it that an operator should know.
    Risk,
}

/// One thing seen in one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Of which asset.
    pub id: AssetId,
    /// A name to show.
    pub name: String,
    /// How it is known.
    pub basis: Basis,
    /// How sure, in thousandths.
    pub confidence: u16,
    /// Where.
    pub evidence: Evidence,
    /// What else it says.
    pub attributes: Vec<(Attribute, String)>,
    /// How much it was used, where the source tells.
    pub used: Option<Use>,
}

impl Sighting {
    /// With one attribute more; an empty value is none.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.attributes.push((attribute, clipped(value)));
        }
        self
    }
}

/// Longest name or value kept, in bytes: what is found in a stranger's file must not fill the report.
pub const MAX_VALUE: usize = 300;

/// `text` within [`MAX_VALUE`], without control characters.
#[must_use]
pub fn clipped(mut text: String) -> String {
    if text.len() > MAX_VALUE {
        let end = (0..=MAX_VALUE).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    if text.chars().any(hides) {
        text = text.chars().filter(|c| !hides(*c)).collect();
    }
    text
}

/// `text` with a mark in place of each character that could make a terminal say what is not there: a file's name is a
/// stranger's text too.
#[must_use]
pub fn legible(text: &str) -> String {
    text.chars().map(|c| if hides(c) { '\u{fffd}' } else { c }).collect()
}

/// Characters that move a terminal's cursor or turn the direction of text.
fn hides(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The key of a service or agent: lower case, every run of other characters one dash.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    while out.ends_with('-') {
        out.pop();
    }
    clipped(out)
}

/// Where sightings of one file go.
#[derive(Debug)]
pub struct Sink {
    place: Arc<str>,
    /// What was seen so far.
    pub found: Vec<Sighting>,
    /// More was there than one file may give.
    pub overflow: bool,
}

/// Most sightings of one file: a lock file of a large project has a few hundred that matter.
const MAX_SIGHTINGS: usize = 5_000;

impl Sink {
    /// For the file `place`.
    #[must_use]
    pub fn new(place: &str) -> Self {
        Self { place: legible(place).into(), found: Vec::new(), overflow: false }
    }

    /// The file.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A sighting at `line`, to be pushed.
    #[must_use]
    pub fn at(&self, kind: AssetKind, key: &str, source: Source, line: u64) -> Sighting {
        Sighting {
            id: AssetId { kind, key: clipped(key.to_owned()) },
            name: clipped(key.to_owned()),
            basis: Basis::Inferred,
            confidence: 900,
            evidence: Evidence { source, place: self.place.clone(), line },
            attributes: Vec::new(),
            used: None,
        }
    }

    /// Takes a sighting, while there is room.
    pub fn push(&mut self, sighting: Sighting) {
        if self.found.len() < MAX_SIGHTINGS {
            self.found.push(sighting);
        } else {
            self.overflow = true;
        }
    }
}
