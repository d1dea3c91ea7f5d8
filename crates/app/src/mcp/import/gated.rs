//! One server of a client's, before and after: what the operator's file takes over, and what the client keeps.
//!
//! INVARIANT: no value of a variable, a header or a URL's query gets into the lines that are shown.

use crate::mcp::operator::free_id;
use cordon_approvals::escape::visible;
use cordon_detect::{Detectors, Guards};
use cordon_types::{Guard, Secret, SpanKind};
use serde_json::{Map, Value, json};

/// Members that say how a server is reached: they move to the operator's file.
const WAY: [&str; 12] = [
    "command",
    "cmd",
    "args",
    "env",
    "envs",
    "environment",
    "url",
    "serverUrl",
    "httpUrl",
    "uri",
    "serverurl",
    "headers",
];
/// Names after which a word is a secret, whatever it looks like.
const TELLING: [&str; 8] = ["key", "token", "secret", "password", "passwd", "auth", "credential", "bearer"];
/// Longest word that is shown.
const MAX_SHOWN: usize = 80;

/// How a client's server is reached.
#[derive(Clone, PartialEq)]
pub(super) enum Way {
    /// A program.
    Program {
        /// It and its arguments.
        command: Vec<String>,
        /// Its variables.
        env: Vec<(String, String)>,
    },
    /// On the network.
    Network {
        /// Where.
        url: String,
        /// Whether by the older transport.
        sse: bool,
        /// Its headers.
        headers: Vec<(String, String)>,
    },
}

impl Way {
    /// What a client's settings say. `None` where that is not plain.
    pub(super) fn of(server: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| server.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
        if let Some(url) = ["url", "serverUrl", "httpUrl", "uri", "serverurl"].iter().find_map(|k| text(k)) {
            let sse = text("type").or_else(|| text("transport")) == Some("sse");
            return Some(Self::Network { url: url.to_owned(), sse, headers: pairs(server, &["headers"])? });
        }
        let mut command = Vec::new();
        for key in ["command", "cmd", "args"] {
            match server.get(key) {
                None => {}
                Some(Value::String(word)) => command.push(word.clone()),
                Some(Value::Array(words)) => command.extend(strings(words)?),
                // Zed: `{"path": .., "args": [..]}`.
                Some(Value::Object(inner)) => {
                    command.push(inner.get("path")?.as_str()?.to_owned());
                    if let Some(words) = inner.get("args") {
                        command.extend(strings(words.as_array()?)?);
                    }
                }
                Some(_) => return None,
            }
        }
        let mut env = pairs(server, &["env", "envs", "environment"])?;
        if let Some(Value::Object(inner)) = server.get("command") {
            env.extend(pairs(inner, &["env"])?);
        }
        (!command.is_empty()).then_some(Self::Program { command, env })
    }

    /// Whether it is the gateway's bridge already.
    pub(super) fn is_ours(&self) -> bool {
        let Self::Program { command, .. } = self else { return false };
        let program = command.first().and_then(|p| p.rsplit(['/', '\\']).next());
        program == Some("cordon") && command.get(1).is_some_and(|w| w == "mcp")
    }

    /// Variables that the client would have filled in are no values: `${input:token}`.
    pub(super) fn has_placeholders(&self) -> bool {
        let asks = |text: &str| text.contains("${") || text.contains("{{");
        match self {
            Self::Program { command, env } => {
                command.iter().any(|w| asks(w)) || env.iter().any(|(_, v)| asks(v))
            }
            Self::Network { url, headers, .. } => asks(url) || headers.iter().any(|(_, v)| asks(v)),
        }
    }

    /// What is shown of it.
    pub(super) fn shown(&self, detectors: &Detectors) -> Vec<String> {
        let names = |what: &str, pairs: &[(String, String)]| {
            let hidden: Vec<String> =
                pairs.iter().map(|(name, _)| format!("{}=***", visible(name))).collect();
            (!hidden.is_empty()).then(|| format!("{what}: {}", hidden.join(" ")))
        };
        match self {
            Self::Program { command, env } => {
                let line = format!("command: {}", words(command, detectors).join(" "));
                std::iter::once(line).chain(names("env", env)).collect()
            }
            Self::Network { url, headers, .. } => std::iter::once(format!("url: {}", visible(&place(url))))
                .chain(names("headers", headers))
                .collect(),
        }
    }

    /// The token of an `Authorization: Bearer` header, and the names of headers that cannot be taken over.
    pub(super) fn token(&self) -> (Option<Secret>, Vec<String>) {
        let Self::Network { headers, .. } = self else { return (None, Vec::new()) };
        let mut left = Vec::new();
        let mut token = None;
        for (name, value) in headers {
            let bearer = value.get(..7).filter(|b| b.eq_ignore_ascii_case("bearer ")).and(value.get(7..));
            match bearer {
                Some(text) if name.eq_ignore_ascii_case("authorization") => {
                    token = Some(Secret::new(text.trim().to_owned()));
                }
                _ => left.push(name.clone()),
            }
        }
        (token, left)
    }
}

/// A URL without user, query and fragment: any of them may hold a secret.
pub(super) fn place(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) =
                rest.split_once('/').map_or((rest, String::new()), |(h, p)| (h, format!("/{p}")));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => url.to_owned(),
    }
}

fn words(command: &[String], detectors: &Detectors) -> Vec<String> {
    let mut out = Vec::with_capacity(command.len());
    let mut before = "";
    for word in command {
        let told = |text: &str| TELLING.iter().any(|t| text.to_ascii_lowercase().contains(t));
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        let named = told(name) || (before.starts_with('-') && told(before) && !word.starts_with('-'));
        let guards = Guards::NONE.with(Guard::Secrets);
        let found = |text: &str| !detectors.scan(text, SpanKind::User, guards).findings.is_empty();
        let secret = named || found(word) || found(&format!("{}={value}", before.trim_start_matches('-')));
        out.push(match (secret, name.is_empty()) {
            (true, false) => format!("{}=***", visible(name)),
            (true, true) => "***".to_owned(),
            // An address in an argument is shown as any other.
            (false, _) if word.contains("://") => visible(&place(word)),
            (false, _) if word.len() > MAX_SHOWN => "***".to_owned(),
            (false, _) => visible(word),
        });
        before = word;
    }
    out
}

fn strings(words: &[Value]) -> Option<Vec<String>> {
    words.iter().map(|w| w.as_str().map(str::to_owned)).collect()
}

fn pairs(map: &Map<String, Value>, keys: &[&str]) -> Option<Vec<(String, String)>> {
    let mut out = Vec::new();
    for key in keys {
        for (name, value) in map.get(*key).and_then(Value::as_object).into_iter().flatten() {
            let text = match value {
                Value::String(s) => s.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return None,
            };
            out.push((name.clone(), text));
        }
    }
    Some(out)
}

/// The client's entry from now on: everything that does not say how the server is reached stays.
pub(super) fn entry(server: &Map<String, Value>, bridge: &[String]) -> Value {
    let mut new: Map<String, Value> = server
        .iter()
        .filter(|(k, _)| !WAY.contains(&k.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let (program, arguments) =
        bridge.split_first().map_or((json!("cordon"), json!([])), |(p, a)| (json!(p), json!(a)));
    match server.get("command") {
        Some(Value::Array(_)) => {
            new.insert("command".to_owned(), json!(bridge));
        }
        Some(Value::Object(_)) => {
            new.insert("command".to_owned(), json!({"path": program, "args": arguments}));
        }
        _ => {
            let key = if server.contains_key("cmd") { "cmd" } else { "command" };
            new.insert(key.to_owned(), program);
            new.insert("args".to_owned(), arguments);
        }
    }
    // opencode says `local` and `remote`, most others `stdio` and `http` or `sse`.
    for key in ["type", "transport"] {
        if let Some(word) = server.get(key).and_then(Value::as_str) {
            let local = if matches!(word, "local" | "remote") { "local" } else { "stdio" };
            new.insert(key.to_owned(), json!(local));
        }
    }
    if new.get("type") == Some(&json!("local")) && !matches!(server.get("command"), Some(Value::Array(_))) {
        new.insert("command".to_owned(), json!(bridge));
        new.remove("args");
    }
    Value::Object(new)
}

/// An id for a server that is none of those taken.
pub(super) fn id(name: &str, taken: &[String]) -> String {
    free_id(name, |id| taken.iter().any(|t| t == id))
}
