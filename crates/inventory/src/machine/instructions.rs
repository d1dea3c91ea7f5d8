//! Files that instruct agents, skills, and stores of models that a path alone tells.

use crate::asset::{AssetKind, Attribute, Basis, Sink, Source};
use crate::code::detectors;
use cordon_detect::Guards;
use cordon_types::{FindingKind, Guard, SpanKind};

/// Names of such files.
const NAMES: &[&str] = &[
    "AGENTS.md",
    "AGENT.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
    ".roorules",
    ".goosehints",
    "copilot-instructions.md",
    ".aider.conf.yml",
];
/// Folders whose files are such.
const FOLDERS: &[(&str, &str)] = &[
    (".cursor/rules/", ".mdc"),
    (".github/instructions/", ".instructions.md"),
    (".github/prompts/", ".prompt.md"),
    (".claude/agents/", ".md"),
    (".claude/commands/", ".md"),
    (".clinerules/", ".md"),
    (".roo/rules/", ".md"),
    (".windsurf/rules/", ".md"),
    (".kiro/steering/", ".md"),
    (".junie/", "guidelines.md"),
];

pub(super) fn is_instructions(path: &str, name: &str) -> bool {
    NAMES.contains(&name)
        || FOLDERS.iter().any(|(folder, end)| {
            name.ends_with(end) && (path.starts_with(folder) || path.contains(&format!("/{folder}")))
        })
}

/// Reads instructions or a skill: its name, what it asks to be allowed, and whether it hides something.
pub fn instructions(kind: AssetKind, text: &str, sink: &mut Sink) {
    let place = sink.place().to_owned();
    let mut sighting = sink.at(kind, &place, Source::Instructions, 0);
    sighting.basis = Basis::Observed;
    for (key, value) in front_matter(text) {
        match key {
            "name" if kind == AssetKind::Skill => value.clone_into(&mut sighting.name),
            "allowed-tools" | "tools" => sighting = sighting.with(Attribute::AutoApprove, value),
            "license" => sighting = sighting.with(Attribute::License, value),
            "version" => sighting = sighting.with(Attribute::Version, value),
            "model" => sighting = sighting.with(Attribute::Sort, format!("model {value}")),
            _ => {}
        }
    }
    sighting.name = crate::asset::clipped(sighting.name);
    if let Some(detectors) = detectors() {
        let guards = Guards::NONE.with(Guard::Injection).with(Guard::Exfiltration);
        let report = detectors.scan(text, SpanKind::ToolDefinition, guards);
        let has = |kind: FindingKind| report.findings.iter().any(|f| f.kind == kind);
        if has(FindingKind::HiddenText) {
            sighting = sighting.with(Attribute::Risk, "hidden text: invisible characters carry words");
        }
        if has(FindingKind::ExfilImage) {
            sighting = sighting.with(Attribute::Risk, "an image whose address can carry data out");
        }
        if report.injection_flagged {
            sighting = sighting.with(Attribute::Risk, "reads like an attempt to override instructions");
        }
    }
    sink.push(sighting);
    let mut secrets = crate::code::Secrets::default();
    for (start, piece) in pieces(text) {
        secrets.look(piece, start);
    }
    secrets.tell(Source::Instructions, sink);
}

/// `key: value` lines between two lines of `---` at the top.
fn front_matter(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let body = text.strip_prefix("---").and_then(|t| t.split("\n---").next()).unwrap_or("");
    body.lines().take(100).filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.trim(), v.trim()))
}

/// Pieces of whole lines, each with the line it begins in.
fn pieces(text: &str) -> impl Iterator<Item = (u64, &str)> {
    const PIECE: usize = 200;
    let mut rest = text;
    let mut line = 1_u64;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices('\n').nth(PIECE - 1).map_or(rest.len(), |(i, _)| i + 1);
        let (piece, after) = rest.split_at_checked(end)?;
        let at = line;
        line += PIECE as u64;
        rest = after;
        Some((at, piece))
    })
}

/// Whether the path alone names a model.
pub(super) fn is_store(path: &str) -> bool {
    named(path).is_some()
}

/// The model that a store's path names: Ollama's `manifests/<registry>/<owner>/<model>/<tag>`, the Hugging Face
/// cache's `models--<owner>--<name>/refs/main`.
fn named(path: &str) -> Option<(String, &'static str)> {
    if let Some((_, rest)) = path.split_once("/manifests/registry.ollama.ai/") {
        let mut parts = rest.split('/');
        let (owner, model, tag) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let owner = if owner == "library" { String::new() } else { format!("{owner}/") };
        return Some((format!("{owner}{model}:{tag}"), "ollama"));
    }
    let (_, rest) = path.split_once("/models--")?;
    let (name, inner) = rest.split_once('/')?;
    (inner == "refs/main").then(|| (name.replacen("--", "/", 1), "hugging face cache"))
}

/// A model that a store on this machine holds.
pub fn store(sink: &mut Sink) {
    let Some((name, format)) = named(sink.place()) else { return };
    let mut sighting = sink.at(AssetKind::Model, &name.to_lowercase(), Source::ModelFile, 0);
    sighting.basis = Basis::Observed;
    sighting.name = crate::asset::clipped(name);
    sink.push(sighting.with(Attribute::Format, format));
}
