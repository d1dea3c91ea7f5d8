//! Free text of code and configuration in one pass: addresses, variables, model names, and where secrets may stand.
//!
//! One automaton finds every literal; what stands around it decides. What it does not do: keep more than the first
//! place of one thing in one file.

use super::{FileKind, LineCount, secrets::Secrets};
use crate::asset::{AssetKind, Attribute, Sighting, Sink, Source, slug};
use crate::catalogue::{Endpoint, ServiceKind, catalogue};
use crate::logs::split_url;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rustc_hash::FxHashSet;
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug)]
enum Lead {
    Url,
    Variable(usize),
    Model,
    Secret,
    Pem,
}

/// Literals that begin or name a secret. The detectors' own are more; those of two letters would stop at every line.
const SECRETS: &[&str] = &[
    "akia",
    "asia",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "aiza",
    "ya29.",
    "gocspx-",
    "sk_live_",
    "rk_live_",
    "whsec_",
    "sk-",
    "sg.",
    "npm_",
    "pypi-age",
    "hf_",
    "dop_v1_",
    "eyj",
    "jdbc:",
    "accountkey=",
    "sharedaccesskey",
    "hooks.slack.com/services/",
    "bearer ",
    "secret_access_key",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "accesskey",
    "secret_key",
    "secretkey",
    "client_secret",
    "clientsecret",
    "auth_token",
    "access_token",
    "password",
    "passwd",
];

struct Scanner {
    automaton: AhoCorasick,
    leads: Vec<Lead>,
}

fn scanner() -> Option<&'static Scanner> {
    static ONE: OnceLock<Option<Scanner>> = OnceLock::new();
    let build = || {
        let names = &catalogue().names;
        let mut literals: Vec<(String, Lead)> =
            vec![("://".into(), Lead::Url), ("-----begin".into(), Lead::Pem)];
        literals
            .extend(names.variables().iter().enumerate().map(|(n, v)| (v.name.into(), Lead::Variable(n))));
        literals.extend(names.models().iter().map(|m| (m.prefix.into(), Lead::Model)));
        literals.extend(SECRETS.iter().map(|s| ((*s).into(), Lead::Secret)));
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals.iter().map(|(l, _)| l))
            .ok()?;
        Some(Scanner { automaton, leads: literals.into_iter().map(|(_, l)| l).collect() })
    };
    ONE.get_or_init(build).as_ref()
}

/// Longest piece around a literal that is handed to the detectors, in bytes each way.
const AROUND: usize = 2_000;
/// Longest key block.
const BLOCK: usize = 16_000;

pub(super) fn scan(kind: FileKind, text: &str, sink: &mut Sink) {
    let Some(scanner) = scanner() else { return };
    let mut work = Work {
        text,
        kind,
        seen: FxHashSet::default(),
        secrets: Secrets::default(),
        looked: 0,
        named: 0,
        told: 0,
        lines: LineCount::new(text),
    };
    for found in scanner.automaton.find_iter(text) {
        match scanner.leads.get(found.pattern().as_usize()) {
            Some(Lead::Url) => work.url(found.start(), sink),
            Some(Lead::Variable(n)) => {
                work.variable(found.start()..found.end(), *n, sink);
                work.secret(found.start(), AROUND);
            }
            Some(Lead::Model) => work.model(found.start(), sink),
            Some(Lead::Secret) => work.secret(found.start(), AROUND),
            Some(Lead::Pem) => work.secret(found.start(), BLOCK),
            None => {}
        }
    }
    work.secrets.tell(kind.source(), sink);
}

struct Work<'t> {
    text: &'t str,
    kind: FileKind,
    seen: FxHashSet<String>,
    secrets: Secrets,
    /// Up to where the detectors have looked.
    looked: usize,
    /// The end of the last model's name, and of the last address.
    named: usize,
    told: usize,
    lines: LineCount<'t>,
}

impl Work<'_> {
    fn first(&mut self, what: String) -> bool {
        self.seen.len() < 10_000 && self.seen.insert(what)
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b' ')
    }

    /// The line that holds `at`, within [`AROUND`] before it.
    fn line_start(&self, at: usize) -> usize {
        let from = self.boundary(at.saturating_sub(AROUND));
        let before = self.text.get(from..at).unwrap_or("");
        before.rfind('\n').map_or(from, |i| from + i + 1)
    }

    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|i| self.text.is_char_boundary(*i)).unwrap_or(0)
    }

    fn secret(&mut self, at: usize, ahead: usize) {
        if at < self.looked {
            return;
        }
        let start = self.line_start(at);
        let mut end = self.boundary(at + ahead);
        if ahead == AROUND
            && let Some(feed) = self.text.get(at..end).and_then(|t| t.find('\n'))
        {
            end = at + feed;
        }
        self.looked = end;
        if let Some(piece) = self.text.get(start..end) {
            let line = self.lines.of(start);
            self.secrets.look(piece, line);
        }
    }

    /// Whether the line before `at` begins as a comment.
    fn in_comment(&self, at: usize) -> bool {
        let start = self.line_start(at);
        let line = self.text.get(start..at).unwrap_or("").trim_start();
        ["//", "#", "*", "/*", "--", "<!--"].iter().any(|c| line.starts_with(c)) || line.contains(" // ")
    }

    fn url(&mut self, at: usize, sink: &mut Sink) {
        if at < self.told {
            return;
        }
        let bytes = self.text.as_bytes();
        let scheme =
            bytes.get(..at).unwrap_or(&[]).iter().rev().take(12).take_while(|b| b.is_ascii_alphanumeric());
        let start = at - scheme.count();
        let is_end = |c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | ')' | ']' | '}' | ',')
        };
        let rest = self.text.get(start..self.boundary(start + 500)).unwrap_or("");
        let url = rest.split(is_end).next().unwrap_or("");
        // An address within an address is its argument.
        self.told = start + url.len();
        let authority = url.split("://").nth(1).and_then(|a| a.split('/').next()).unwrap_or("");
        if authority.contains('@') {
            self.secret(at, AROUND);
        }
        let (host, path) = split_url(url);
        if let Some(hit) = catalogue().hosts.find(host, path)
            && let Some(row) = catalogue().hosts.row(hit)
            && !row.vendor.is_empty()
        {
            let host = host.trim_end_matches('.').to_lowercase();
            if self.first(host.clone()) {
                let confidence = if self.in_comment(at) { 300 } else { hit.confidence.min(self.says(row)) };
                let line = self.lines.of(start);
                push(service(row, self.kind.source(), line, sink), confidence, (Attribute::Host, host), sink);
            }
        } else if let Some(sort) = likely_api(url, host, path) {
            self.endpoint(url, host, sort, start, sink);
        }
    }

    /// How much an address in code says: that of an API is used, that of a site is often only named.
    fn says(&self, row: &Endpoint) -> u16 {
        match row.kind {
            ServiceKind::Api | ServiceKind::Mcp => 850,
            _ => 400,
        }
    }

    fn endpoint(&mut self, url: &str, host: &str, sort: &'static str, start: usize, sink: &mut Sink) {
        let authority = url.split("://").nth(1).and_then(|a| a.split(['/', '?', '#']).next()).unwrap_or("");
        let authority = authority.rsplit_once('@').map_or(authority, |(_, h)| h).to_lowercase();
        if host.is_empty() || !self.first(authority.clone()) {
            return;
        }
        let line = self.lines.of(start);
        let sighting = sink.at(AssetKind::Endpoint, &authority, self.kind.source(), line);
        push(sighting, 500, (Attribute::Sort, sort.to_owned()), sink);
    }

    fn variable(&mut self, at: std::ops::Range<usize>, n: usize, sink: &mut Sink) {
        let Some(variable) = catalogue().names.variables().get(n) else { return };
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        // Another word that ends or begins so (`MY_OPENAI_API_KEY`) says as much; another case does not.
        if self.text.get(at.clone()) != Some(variable.name) || word(self.byte(at.end)) {
            return;
        }
        if self.first(format!("${}", variable.name)) {
            let line = self.lines.of(at.start);
            let id = slug(variable.vendor);
            let mut sighting = sink.at(AssetKind::Service, &id, self.kind.source(), line);
            variable.vendor.clone_into(&mut sighting.name);
            let confidence = if self.in_comment(at.start) { 300 } else { 700 };
            push(sighting, confidence, (Attribute::Variables, variable.name.to_owned()), sink);
        }
    }

    fn model(&mut self, at: usize, sink: &mut Sink) {
        if at < self.named {
            return;
        }
        let before = at.checked_sub(1).map_or(b' ', |i| self.byte(i));
        let quoted = matches!(before, b'"' | b'\'' | b'`');
        // A provider's prefix within the string: `openai/gpt-4o`, `us.anthropic.claude-...`.
        let prefixed = matches!(before, b'/' | b'.' | b':');
        let bare = matches!(before, b' ' | b'=' | b':') && !matches!(self.kind, FileKind::Code(_));
        if !quoted && !prefixed && !bare {
            return;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@');
        let rest = self.text.get(at..self.boundary(at + 120)).unwrap_or("");
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or("").trim_end_matches(['.', ':', '/']);
        let after = rest.get(end..).and_then(|r| r.chars().next()).unwrap_or('\n');
        let closed =
            matches!(after, '"' | '\'' | '`') || (!quoted && matches!(after, '\n' | '\r' | ' ' | ','));
        if !closed || !is_model(name) || (prefixed && !self.in_quotes(at)) {
            return;
        }
        self.named = at + name.len();
        let name = name.to_ascii_lowercase();
        let Some(family) = catalogue().names.model(&name) else { return };
        if self.first(format!("model {name}")) {
            let line = self.lines.of(at);
            let confidence = match (self.in_comment(at), quoted || prefixed) {
                (true, _) => 300,
                (false, true) => 750,
                (false, false) => 450,
            };
            let sighting = sink.at(AssetKind::Model, &name, self.kind.source(), line);
            push(sighting, confidence, (Attribute::Vendor, family.vendor.to_owned()), sink);
        }
    }

    /// Whether a quote or the value's beginning stands shortly before, with nothing but a name between.
    fn in_quotes(&self, at: usize) -> bool {
        let bytes = self.text.as_bytes().get(..at).unwrap_or(&[]);
        let name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
        let length = bytes.iter().rev().take(80).take_while(name).count();
        let before = bytes.get(..at - length).and_then(|b| b.last()).copied().unwrap_or(b'\n');
        let head = self.text.get(at - length..at).unwrap_or("");
        let file = head.contains("//") || head.starts_with(['.', '/']);
        matches!(before, b'"' | b'\'' | b'`' | b'=' | b' ') && !file
    }
}

fn push(mut sighting: Sighting, confidence: u16, attribute: (Attribute, String), sink: &mut Sink) {
    sighting.confidence = confidence;
    let sighting = sighting.with(attribute.0, attribute.1);
    sink.push(sighting);
}

/// A sighting of the service of a catalogue row.
pub(crate) fn service(row: &Endpoint, source: Source, line: u64, sink: &Sink) -> Sighting {
    let mut sighting = sink.at(AssetKind::Service, &slug(row.vendor), source, line);
    row.vendor.clone_into(&mut sighting.name);
    sighting.with(Attribute::Sort, row.kind.name())
}

/// Endings of file names: such a word is no model.
const FILES: &[&str] = &[
    ".py", ".js", ".ts", ".tsx", ".md", ".mdx", ".json", ".yaml", ".yml", ".html", ".png", ".svg", ".jpg",
    ".toml", ".txt", ".sh", ".css", ".rs", ".go",
];
/// Endings that a model's name without a digit has.
const ENDINGS: &[&str] = &[
    "-latest",
    "-chat",
    "-reasoner",
    "-coder",
    "-pro",
    "-flash",
    "-instant",
    "-r",
    "-plus",
    "-text",
    "-preview",
];

fn is_model(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let long = (4..=100).contains(&lower.len());
    let numbered = lower.bytes().any(|b| b.is_ascii_digit()) || ENDINGS.iter().any(|e| lower.ends_with(e));
    long && numbered
        && !FILES.iter().any(|f| lower.ends_with(f))
        && !lower.contains("..")
        && !lower.contains("-action")
}

/// Paths of the APIs that model servers speak, and the port that is Ollama's.
fn likely_api(url: &str, host: &str, path: Option<&str>) -> Option<&'static str> {
    const PATHS: &[(&str, &str)] = &[
        ("/chat/completions", "openai-compatible"),
        ("/v1/responses", "openai-compatible"),
        ("/v1/embeddings", "openai-compatible"),
        ("/v1/messages", "anthropic-compatible"),
        ("/api/generate", "ollama"),
        ("/api/chat", "ollama"),
    ];
    if host.is_empty() {
        return None;
    }
    let path = path.unwrap_or("");
    let ollama = url.contains(":11434").then_some("ollama");
    ollama.or_else(|| PATHS.iter().find(|(p, _)| path.ends_with(p)).map(|(_, sort)| *sort))
}
