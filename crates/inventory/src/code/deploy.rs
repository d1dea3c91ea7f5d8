//! What is deployed and run: images in container files, compose files, Kubernetes and Helm; packages that commands
//! install or start; actions in CI files.
//!
//! Lines, not documents: Helm's templates are no YAML, and an image stands on one line in all of them.

use super::{FileKind, numbered, of_package};
use crate::asset::{AssetKind, Attribute, Sink, slug};
use crate::catalogue::catalogue;

/// Longest line looked at.
const MAX_LINE: usize = 4_000;

/// Agents that run in CI, by the action that starts them.
const ACTIONS: &[(&str, &str)] = &[
    ("actions/ai-inference", "GitHub Models"),
    ("anthropics/claude-code-action", "Claude Code"),
    ("anthropics/claude-code-base-action", "Claude Code"),
    ("coderabbitai/", "CodeRabbit"),
    ("google-github-actions/run-gemini-cli", "Gemini CLI"),
    ("openai/codex-action", "Codex CLI"),
];

/// Words before the names of packages, and the registry that they come from.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["pip", "install"], "pypi"),
    (&["pip3", "install"], "pypi"),
    (&["uv", "add"], "pypi"),
    (&["uvx"], "pypi"),
    (&["pipx", "run"], "pypi"),
    (&["pipx", "install"], "pypi"),
    (&["poetry", "add"], "pypi"),
    (&["npm", "install"], "npm"),
    (&["npm", "i"], "npm"),
    (&["yarn", "add"], "npm"),
    (&["pnpm", "add"], "npm"),
    (&["bun", "add"], "npm"),
    (&["npx"], "npm"),
    (&["bunx"], "npm"),
    (&["cargo", "install"], "cargo"),
    (&["go", "install"], "go"),
    (&["gem", "install"], "gem"),
];

pub(super) fn scan(kind: FileKind, text: &str, sink: &mut Sink) {
    let mut repository: Option<(String, u64)> = None;
    for (n, line) in numbered(text).filter(|(_, l)| l.len() <= MAX_LINE) {
        let trimmed = line.trim_start().trim_start_matches("- ");
        if trimmed.starts_with('#') {
            continue;
        }
        if kind == FileKind::Dockerfile {
            let from = trimmed.split_ascii_whitespace();
            let mut words =
                from.skip_while(|w| w.eq_ignore_ascii_case("from")).filter(|w| !w.starts_with("--"));
            if trimmed.len() > 5 && trimmed.get(..5).is_some_and(|f| f.eq_ignore_ascii_case("from ")) {
                image(words.next().unwrap_or(""), kind, n, sink);
            }
        } else if let Some(value) = yaml_value(trimmed, "image") {
            image(value, kind, n, sink);
        } else if let Some(value) = yaml_value(trimmed, "repository") {
            repository = Some((value.to_owned(), n));
        } else if let (Some(tag), Some((name, at))) = (yaml_value(trimmed, "tag"), &repository) {
            image(&format!("{name}:{tag}"), kind, *at, sink);
            repository = None;
        } else if let Some(value) = yaml_value(trimmed, "uses") {
            action(value, n, kind, sink);
        }
        // Helm: a repository whose tag does not follow at once.
        if repository.as_ref().is_some_and(|(_, at)| n > at + 5) {
            untagged(&mut repository, kind, sink);
        }
        commands(trimmed, kind, n, sink);
    }
    untagged(&mut repository, kind, sink);
}

fn untagged(repository: &mut Option<(String, u64)>, kind: FileKind, sink: &mut Sink) {
    if let Some((name, at)) = repository.take() {
        image(&name, kind, at, sink);
    }
}

/// The scalar of `key: value`, without quotes and comment.
fn yaml_value<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let value = line.strip_prefix(key)?.strip_prefix(':')?;
    let value = value.split(" #").next().unwrap_or("").trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then_some(value)
}

fn image(reference: &str, kind: FileKind, line: u64, sink: &mut Sink) {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    let slash = name.rfind('/').map_or(0, |i| i + 1);
    let colon = name.get(slash..).and_then(|l| l.find(':')).map(|i| i + slash);
    let (name, tag) = colon.and_then(|i| Some((name.get(..i)?, name.get(i + 1..)?))).unwrap_or((name, ""));
    if catalogue().names.image(name).is_none() {
        return;
    }
    let mut sighting = sink
        .at(AssetKind::Image, &name.to_lowercase(), kind.source(), line)
        .with(Attribute::Tag, if digest.is_empty() { tag } else { digest });
    if digest.is_empty() && matches!(tag, "" | "latest") {
        sighting = sighting.with(Attribute::Risk, "unpinned: whatever is newest runs");
    }
    sighting.confidence = 850;
    sink.push(sighting);
}

fn action(value: &str, line: u64, kind: FileKind, sink: &mut Sink) {
    let (name, version) = value.split_once('@').unwrap_or((value, ""));
    if let Some((_, agent)) = ACTIONS.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        let mut sighting =
            sink.at(AssetKind::Agent, &slug(agent), kind.source(), line).with(Attribute::Version, version);
        (*agent).clone_into(&mut sighting.name);
        sink.push(sighting.with(Attribute::Command, name));
    }
}

/// Packages that a command installs or runs.
fn commands(line: &str, kind: FileKind, at: u64, sink: &mut Sink) {
    if !COMMANDS.iter().any(|(words, _)| words.first().is_some_and(|w| line.contains(w))) {
        return;
    }
    let words: Vec<&str> = line
        .split(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']' | '(' | ')' | ';' | '`')
        })
        .filter(|w| !w.is_empty())
        .take(200)
        .collect();
    for start in 0..words.len() {
        for (command, ecosystem) in COMMANDS {
            let Some(rest) = words.get(start..).and_then(|w| w.strip_prefix(*command)) else { continue };
            let names = rest.iter().take_while(|w| !matches!(**w, "&&" | "||" | "|" | "\\"));
            for name in names.filter(|w| !w.starts_with('-')).take(50) {
                installed(name, ecosystem, kind, at, sink);
            }
        }
    }
}

fn installed(word: &str, ecosystem: &'static str, kind: FileKind, line: u64, sink: &mut Sink) {
    let (name, version) = name_and_version(word, ecosystem);
    if let Some(package) = catalogue().names.package(ecosystem, name) {
        let mut sighting =
            of_package(package, name, kind.source(), line, sink).with(Attribute::Version, version);
        sighting.confidence = 800;
        sink.push(sighting);
    }
}

/// `name==1`, `name@1`, `@scope/name@1`, `name[extra]`.
pub(crate) fn name_and_version<'w>(word: &'w str, ecosystem: &str) -> (&'w str, &'w str) {
    if ecosystem == "npm" || ecosystem == "go" {
        return super::node::split_at_version(word);
    }
    let end = word.find(['=', '<', '>', '~', '!', '[', '@']).unwrap_or(word.len());
    let (name, rest) = word.split_at_checked(end).unwrap_or((word, ""));
    let version = rest.rsplit_once("==").map(|(_, v)| v).or_else(|| rest.strip_prefix('@')).unwrap_or("");
    (name, version)
}
