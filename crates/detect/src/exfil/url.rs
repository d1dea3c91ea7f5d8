//! A URL as a browser would read it, and what its parts carry.
//!
//! What always holds: reading never fails on odd input; where browsers are lenient (backslashes, user info before
//! the host, missing scheme), so is this.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

/// The parts that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) user_info: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) fragment: &'a str,
}

/// What a URL carries besides an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carries {
    /// A query at all.
    pub(super) query: bool,
    /// A place to put data: `{data}`, `[API_KEY]`, `<secret>`, `SYSTEM_PROMPT_HERE`.
    pub(super) placeholder: bool,
    /// Something encoded, in the query, fragment, path or host.
    pub(super) encoded: bool,
    /// An e-mail address or a known token.
    pub(super) personal: bool,
    /// A parameter named after what is stolen.
    pub(super) named: bool,
    /// A user name or password before the host.
    pub(super) credentials: bool,
    /// Much text in one parameter, or a very long path.
    pub(super) long: bool,
}

/// Words that a placeholder or parameter for stolen data is named by.
const DATA_WORDS: &[&str] = &[
    "data",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "password",
    "passwd",
    "pwd",
    "prompt",
    "history",
    "conversation",
    "context",
    "summary",
    "message",
    "content",
    "base64",
    "b64",
    "encoded",
    "leak",
    "exfil",
    "stolen",
    "cookie",
    "credential",
    "user_info",
    "userinfo",
    "user_data",
    "private",
    "chat",
    "answer",
    "payload",
    "memory",
    "env",
    "ssn",
    "card",
    "email",
];
/// Parameter names that ordinary links do not have.
const STOLEN: &[&str] = &[
    "data",
    "secret",
    "secrets",
    "leak",
    "exfil",
    "stolen",
    "cookie",
    "cookies",
    "password",
    "passwd",
    "pwd",
    "prompt",
    "history",
    "conversation",
    "chat_history",
    "payload",
    "api_key",
    "apikey",
    "credentials",
    "system_prompt",
    "context",
    "memory",
    "ssn",
    "private_key",
    "env",
    "loot",
    "dump",
];
/// From so many bytes on, one parameter's text is more than an address needs.
const LONG_VALUE: usize = 120;
/// From so many bytes on, a path is more than an address.
const LONG_PATH: usize = 400;

impl<'a> Url<'a> {
    /// Reads an absolute or protocol-relative URL; nothing for a relative one or another scheme.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let rest = match text.find(':') {
            Some(colon) if is_web_scheme(text.get(..colon)?) => {
                text.get(colon + 1..)?.trim_start_matches(['/', '\\'])
            }
            _ => text
                .strip_prefix("//")
                .or_else(|| text.strip_prefix("/\\"))
                .or_else(|| text.strip_prefix("\\\\"))?,
        };
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let (user_info, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = match host_port.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => host_port,
        };
        if host.is_empty() {
            return None;
        }
        let (tail, fragment) = tail.split_once('#').unwrap_or((tail, ""));
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        Some(Self { user_info, host, path, query, fragment })
    }

    /// What it carries.
    pub(super) fn carries(&self) -> Carries {
        let mut found = Carries {
            query: !self.query.is_empty(),
            credentials: self.user_info.len() >= 8 || self.user_info.contains(':'),
            long: self.path.len() > LONG_PATH || self.query.len() > 2 * LONG_VALUE,
            ..Carries::default()
        };
        for pair in self.query.split(['&', ';']).chain(self.fragment.split('&')).filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            look(value, &mut found);
            let name = name.to_ascii_lowercase();
            found.named |= value.len() >= 3 && STOLEN.contains(&name.as_str());
            found.long |= value.len() >= LONG_VALUE;
        }
        for segment in self.path.split(['/', '\\']).filter(|s| !s.is_empty()) {
            found.placeholder |= names_data(segment);
            found.encoded |= reads_as_text(segment);
            found.personal |= is_token(segment);
        }
        for label in self.host.rsplit('.').skip(2) {
            found.encoded |=
                label.len() >= 16 && (reads_as_text(label) || (label.len() >= 28 && mixed(label)));
            found.placeholder |= names_data(label);
        }
        found
    }
}

fn look(value: &str, found: &mut Carries) {
    found.placeholder |= names_data(value);
    found.encoded |=
        reads_as_text(value) || (value.len() >= 48 && mixed(value) && !value.contains(['+', '%', ' ']));
    let at = value.find('@').or_else(|| value.find("%40"));
    found.personal |=
        is_token(value) || at.is_some_and(|at| at > 0 && value.get(at..).is_some_and(|v| v.contains('.')));
}

fn is_web_scheme(scheme: &str) -> bool {
    ["http", "https", "ftp", "ws", "wss"].iter().any(|s| scheme.eq_ignore_ascii_case(s))
}

/// Whether a part is a place for data: a bracketed or shouted name of what is stolen.
fn names_data(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let bracketed = lower.contains(['{', '[', '<', '$'])
        || lower.contains("%7b")
        || lower.contains("%5b")
        || lower.contains("%3c");
    let shouted = part.len() >= 6
        && part.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-' | b' '))
        && (part.contains('_') || part.ends_with("HERE"));
    (bracketed || shouted) && DATA_WORDS.iter().any(|w| lower.contains(w))
}

/// Whether a part is base64 or hexadecimal of readable text: data, where an id or a hash is none.
fn reads_as_text(part: &str) -> bool {
    let bare = part.trim_end_matches('=').trim_end_matches("%3D").trim_end_matches("%3d");
    let bytes = bare.as_bytes();
    if bytes.len() < 12 || bytes.len() > 4096 {
        return false;
    }
    let decoded = if bytes.len().is_multiple_of(2) && bytes.iter().all(u8::is_ascii_hexdigit) {
        HEXLOWER_PERMISSIVE.decode(bytes).ok()
    } else {
        BASE64_NOPAD.decode(bytes).or_else(|_| BASE64URL_NOPAD.decode(bytes)).ok()
    };
    decoded.is_some_and(|d| {
        let printable = d.iter().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        printable && d.iter().filter(|b| b.is_ascii_alphabetic()).count() * 2 >= d.len()
    })
}

/// Upper case, lower case and digits together, with many different characters: encoded rather than written.
fn mixed(part: &str) -> bool {
    let bytes = part.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let mut seen = [false; 256];
    for b in bytes {
        if let Some(s) = seen.get_mut(usize::from(*b)) {
            *s = true;
        }
    }
    let distinct = seen.iter().filter(|s| **s).count();
    digits >= 3
        && distinct >= 14
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=' | b'/'))
}

/// The beginnings of widely used keys.
fn is_token(part: &str) -> bool {
    part.len() >= 16
        && ["sk-", "AKIA", "ghp_", "github_pat_", "xoxb-", "eyJhbGci", "AIza", "glpat-"]
            .iter()
            .any(|p| part.contains(p))
}

/// How far the URL at the start of `text` goes.
pub(super) fn extent(text: &str) -> usize {
    let mut depth = 0usize;
    let mut in_placeholder = false;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return i,
            ')' => depth -= 1,
            '<' if text.get(i..).is_some_and(placeholder_ahead) => in_placeholder = true,
            '>' if in_placeholder => in_placeholder = false,
            c if ends(c) => return i,
            _ => {}
        }
    }
    text.len()
}

/// Whether a character stands in no URL (but for `<` and `>` around a placeholder).
pub(super) fn ends(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '|' | '<' | '>') || c.is_whitespace() || c.is_control()
}

/// Whether `<` opens a placeholder such as `<secret>`.
fn placeholder_ahead(text: &str) -> bool {
    let inside = text.get(1..).and_then(|t| t.split_once('>')).map_or("", |(name, _)| name);
    (1..=32).contains(&inside.len())
        && inside.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The values of those attributes in the inside of a tag, in order, looking at the first `most` attributes.
pub(super) fn attributes<'a>(inside: &'a str, names: &[&str], most: usize) -> Vec<&'a str> {
    let mut values = Vec::new();
    let mut rest = inside;
    for _ in 0..most {
        let Some(equals) = rest.find('=') else { break };
        let (before, after) = rest.split_at_checked(equals).unwrap_or((rest, ""));
        let name = before
            .trim_end()
            .rsplit(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\''))
            .next()
            .unwrap_or("");
        let value = after.get(1..).unwrap_or("").trim_start();
        let (value, next) = match value.chars().next() {
            Some(q @ ('"' | '\'')) => {
                let body = value.get(1..).unwrap_or("");
                let end = body.find(q).unwrap_or(body.len());
                (body.get(..end).unwrap_or(""), body.get(end + 1..).unwrap_or(""))
            }
            _ => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                value.split_at_checked(end).unwrap_or((value, ""))
            }
        };
        if names.iter().any(|n| name.eq_ignore_ascii_case(n)) {
            values.push(value);
        }
        rest = next;
    }
    values
}
