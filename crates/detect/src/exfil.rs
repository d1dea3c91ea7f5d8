//! Exfiltration: images and links whose URL can carry data out.
//!
//! ```text
//! `![`, `<tag`, `url(`, `://`, `javascript:` -> construct, at most REACH bytes -> its URL -> what the URL carries
//! ```
//!
//! What always holds here:
//! - An image (or anything else that loads without a click) to a host that is not allowed is a finding; what its
//!   URL carries raises the confidence. A link is a finding only for what its URL carries.
//! - The range is the whole construct for images, the URL for links.
//! - A decision looks from the construct's start at most [`REACH`] bytes ahead.
//!
//! What it deliberately does not do: resolve or fetch anything, or know which host is good by its looks.

mod url;

use crate::settings::Settings;
use crate::view::{Sink, ViewText, is_break};
use cordon_types::{FindingKind, Problem, SpanKind};
use memchr::memmem;
use std::ops::Range;
use url::{Carries, Url};

/// The longest construct that is looked at. A URL longer than this carries data, whatever it says.
const REACH: usize = 2048;
/// Brackets nest no deeper than this, quotes and attributes of a tag are no more; then the first closer counts.
/// SECURITY: bounds what a text of openers without closers costs.
const NESTED: usize = 24;
/// Most URLs that are judged in one run of characters that a URL may hold: the first one reaches over the others.
const URLS_IN_ONE: usize = 4;

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Exfil {
    /// Lower-case hosts without a trailing dot.
    allowed: Vec<String>,
}

const IMAGE_DATA: &str = "exfil.image-data";
const IMAGE_QUERY: &str = "exfil.image-query";
const IMAGE_EXTERNAL: &str = "exfil.image-external";
const LINK_DATA: &str = "exfil.link-data";
const LINK_SCRIPT: &str = "exfil.link-script";

/// Rules for the catalogue: kind, rule, description.
pub(crate) const CATALOGUE: &[(FindingKind, &str, &str)] = &[
    (
        FindingKind::ExfilImage,
        IMAGE_DATA,
        "an image whose URL carries encoded data, a placeholder or a secret",
    ),
    (FindingKind::ExfilImage, IMAGE_QUERY, "an external image with a query or a long path"),
    (FindingKind::ExfilImage, IMAGE_EXTERNAL, "an image from a host that is not allowed"),
    (FindingKind::ExfilLink, LINK_DATA, "a link whose URL carries encoded data, a placeholder or a secret"),
    (FindingKind::ExfilLink, LINK_SCRIPT, "a link that runs a script or opens a page of its own making"),
];

/// Elements that load a URL without a click.
const LOADING: &[&str] = &[
    "img", "image", "iframe", "link", "script", "video", "audio", "source", "embed", "object", "track",
    "input", "body", "table", "td", "th", "frame", "use", "feimage", "bgsound", "base", "meta", "picture",
];
/// Attributes whose value is (or holds) a URL that loads.
const ATTRIBUTES: &[&str] =
    &["src", "srcset", "href", "xlink:href", "data", "poster", "background", "dynsrc", "lowsrc", "content"];

impl Exfil {
    /// Checks and compiles the allowed hosts; every problem goes to `problems`.
    pub(crate) fn new(settings: &Settings, problems: &mut Vec<Problem>) -> Self {
        let mut allowed = Vec::new();
        for (i, host) in settings.allowed_link_hosts.iter().enumerate() {
            let plain = host.trim_end_matches('.').to_ascii_lowercase();
            let good = !plain.is_empty()
                && plain.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
                })
                && !plain.starts_with('.');
            if good {
                allowed.push(plain);
            } else {
                problems.push(Problem::new(
                    format!("allowed_link_hosts[{i}]"),
                    "this is no host name",
                    "write a host such as `docs.example.com`, without scheme, path or wildcard; its subdomains are allowed with it",
                ));
            }
        }
        Self { allowed }
    }

    /// Finds images and links in one view.
    pub(crate) fn scan(&self, view: &ViewText<'_>, _kind: SpanKind, sink: &mut Sink) {
        let bytes = view.text.as_bytes();
        for at in memchr::memchr2_iter(b'!', b'<', bytes).filter(|at| *at >= view.floor) {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'!'), Some(b'[')) => self.markdown_image(view, at, sink),
                (Some(b'<'), Some(b)) if b.is_ascii_alphabetic() => self.element(view, at, sink),
                _ => {}
            }
        }
        let (mut last, mut inside) = (0, 0);
        for colon in memchr::memchr_iter(b':', bytes) {
            if bytes.get(colon + 1..colon + 3) == Some(b"//") {
                let run = view.text.get(last..colon).unwrap_or("");
                inside = if run.contains(|c| url::ends(c) || is_break(c)) { 0 } else { inside + 1 };
                last = colon;
                if inside <= URLS_IN_ONE {
                    self.bare_url(view, colon, sink);
                }
            } else {
                script_url(view, colon, sink);
            }
        }
        for at in memmem::find_iter(view.lower.as_bytes(), b"url(").filter(|at| *at >= view.floor) {
            self.css_url(view, at, sink);
        }
    }

    /// `![alt](url "title")`, `![alt][name]`, `![name]`.
    fn markdown_image(&self, view: &ViewText<'_>, start: usize, sink: &mut Sink) {
        let window = window(view, start);
        let Some(close) = closing_bracket(window, 1) else {
            return ran_out(view, start, window, sink);
        };
        let rest = window.get(close + 1..).unwrap_or("");
        if rest.is_empty() && view.text.len() == start + window.len() && !view.closed {
            return sink.open(start);
        }
        if let Some(inside) = rest.strip_prefix('(') {
            let Some((target, used)) = destination(inside) else {
                return ran_out(view, start, window, sink);
            };
            return self.image(start..start + close + 2 + used, target, sink);
        }
        // A reference: its definition may stand further on.
        let name = match rest.strip_prefix('[').and_then(|r| r.find(']').and_then(|end| r.get(..end))) {
            Some(name) if !name.is_empty() => name,
            _ => window.get(2..close).unwrap_or(""),
        };
        if memmem::find(rest.as_bytes(), b"]:").is_none() {
            return ran_out(view, start, window, sink);
        }
        let definition = format!("[{name}]:");
        match rest.find(&definition) {
            Some(found) => {
                let target = rest.get(found + definition.len()..).unwrap_or("").trim_start();
                let target = target.split_whitespace().next().unwrap_or("");
                let end = start + close + 1 + if rest.starts_with('[') { name.len() + 2 } else { 0 };
                self.image(start..end, target.trim_matches(['<', '>']), sink);
            }
            None => ran_out(view, start, window, sink),
        }
    }

    /// An HTML element that loads something.
    fn element(&self, view: &ViewText<'_>, start: usize, sink: &mut Sink) {
        let window = window(view, start);
        let Some(tag) = window.get(1..) else { return };
        let name_len = tag.bytes().take_while(|b| b.is_ascii_alphanumeric()).count();
        let name = tag.get(..name_len).unwrap_or("").to_ascii_lowercase();
        if !LOADING.contains(&name.as_str()) {
            return;
        }
        let Some(end) = tag_end(window) else {
            return ran_out(view, start, window, sink);
        };
        let inside = window.get(1 + name_len..end).unwrap_or("");
        for value in url::attributes(inside, ATTRIBUTES, NESTED) {
            let value = value.rsplit("url=").next().unwrap_or(value);
            self.image(start..start + end + 1, value.trim(), sink);
        }
    }

    /// `url(...)` of a style sheet.
    fn css_url(&self, view: &ViewText<'_>, start: usize, sink: &mut Sink) {
        let window = window(view, start);
        let inside = window.get(4..).unwrap_or("");
        let Some(end) = inside.find(')') else {
            return ran_out(view, start, window, sink);
        };
        let target = inside.get(..end).unwrap_or("").trim().trim_matches(['"', '\'']);
        self.image(start..start + 4 + end + 1, target, sink);
    }

    /// A URL as it stands, in a link or in prose.
    fn bare_url(&self, view: &ViewText<'_>, colon: usize, sink: &mut Sink) {
        let bytes = view.text.as_bytes();
        let mut start = colon;
        while start > 0 && colon - start < 8 && bytes.get(start - 1).is_some_and(u8::is_ascii_alphabetic) {
            start -= 1;
        }
        let scheme = view.lower.get(start..colon).unwrap_or("");
        if start < view.floor || !["http", "https", "ftp", "ws", "wss"].iter().any(|s| scheme.ends_with(s)) {
            return;
        }
        let window = window(view, start);
        let len = url::extent(window);
        if len == window.len() && start + len == view.text.len() && !view.closed {
            return sink.open(start);
        }
        let Some(url) = Url::parse(window.get(..len).unwrap_or("")) else { return };
        if self.is_allowed(url.host) {
            return;
        }
        let confidence = if len >= REACH - 4 { 700 } else { link_confidence(&url.carries()) };
        if confidence > 0 {
            sink.found(start..start + len, FindingKind::ExfilLink, confidence, LINK_DATA);
        }
    }

    fn image(&self, range: Range<usize>, target: &str, sink: &mut Sink) {
        let Some(url) = Url::parse(target) else { return };
        if self.is_allowed(url.host) {
            return;
        }
        let carries = url.carries();
        let (confidence, rule) =
            if carries.placeholder || carries.encoded || carries.personal || carries.named {
                (950, IMAGE_DATA)
            } else if carries.query || carries.long || carries.credentials {
                (700, IMAGE_QUERY)
            } else {
                (300, IMAGE_EXTERNAL)
            };
        sink.found(range, FindingKind::ExfilImage, confidence, rule);
    }

    fn is_allowed(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allowed
            .iter()
            .any(|a| host.strip_suffix(a.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    }
}

fn link_confidence(carries: &Carries) -> u16 {
    match carries {
        Carries { placeholder: true, .. } => 800,
        Carries { encoded: true, .. } => 750,
        Carries { personal: true, .. } => 700,
        Carries { named: true, .. } => 500,
        Carries { credentials: true, .. } => 500,
        Carries { long: true, .. } => 450,
        _ => 0,
    }
}

/// `javascript:`, `vbscript:` and `data:text/html` where a link's target stands.
fn script_url(view: &ViewText<'_>, colon: usize, sink: &mut Sink) {
    for scheme in ["javascript", "vbscript", "data"] {
        let Some(start) = colon.checked_sub(scheme.len()).filter(|s| *s >= view.floor) else { continue };
        if view.lower.get(start..colon) != Some(scheme) {
            continue;
        }
        let before = view.behind(start).trim_end_matches(['"', '\'', '<', ' ']);
        let rest = window(view, start);
        let active = scheme != "data"
            || rest.get(5..).is_some_and(|r| r.to_ascii_lowercase().starts_with("text/html"));
        if !active
            || !(before.ends_with("](")
                || before.ends_with("href=")
                || before.ends_with("src=")
                || before.ends_with("]:"))
        {
            continue;
        }
        let len = url::extent(rest);
        if len == rest.len() && start + len == view.text.len() && !view.closed {
            return sink.open(start);
        }
        sink.found(start..start + len, FindingKind::ExfilLink, 850, LINK_SCRIPT);
    }
}

/// At most `REACH` bytes from `start` on, cut at a character boundary.
fn window<'a>(view: &ViewText<'a>, start: usize) -> &'a str {
    let mut end = view.text.len().min(start.saturating_add(REACH));
    while !view.text.is_char_boundary(end) {
        end -= 1;
    }
    view.text.get(start..end).unwrap_or("")
}

/// Nothing was found in `window`: undecided if more text may bring it.
fn ran_out(view: &ViewText<'_>, start: usize, window: &str, sink: &mut Sink) {
    if !view.closed && start + window.len() == view.text.len() && window.len() + 4 < REACH {
        sink.open(start);
    }
}

/// The `]` that closes the `[` at `open`.
fn closing_bracket(text: &str, open: usize) -> Option<usize> {
    memchr::memchr(b']', text.as_bytes())?;
    let mut depth = 0usize;
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate().skip(open) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if depth > NESTED => return memmem::find(text.as_bytes(), b"]("),
            b'[' => depth += 1,
            b']' if depth <= 1 => return Some(i),
            b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A link destination after `(`: the URL, and how many bytes there are up to and with the closing `)`.
fn destination(text: &str) -> Option<(&str, usize)> {
    memchr::memchr(b')', text.as_bytes())?;
    let body = text.trim_start();
    let lead = text.len() - body.len();
    if let Some(angled) = body.strip_prefix('<') {
        let end = angled.find('>')?;
        let close = angled.get(end..)?.find(')')?;
        return Some((angled.get(..end)?, lead + 1 + end + close + 1));
    }
    let mut depth = 0usize;
    let mut target_end = None;
    for (i, c) in body.char_indices() {
        match c {
            '(' if depth > NESTED => {
                let end = body.find(')')?;
                return Some((body.get(..target_end.unwrap_or(end).min(end))?, lead + end + 1));
            }
            '(' => depth += 1,
            ')' if depth == 0 => {
                let target = body.get(..target_end.unwrap_or(i))?;
                return Some((target, lead + i + 1));
            }
            ')' => depth -= 1,
            c if c.is_whitespace() && target_end.is_none() => target_end = Some(i),
            _ => {}
        }
    }
    None
}

/// The `>` that ends a tag, outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    // A quote that is never closed: the first `>` ends the tag for a browser that gives up on it.
    let first = memchr::memchr(b'>', text.as_bytes())?;
    let mut quote = None;
    for (n, i) in memchr::memchr3_iter(b'>', b'"', b'\'', text.as_bytes()).enumerate() {
        match (quote, text.as_bytes().get(i).copied()?) {
            _ if n > NESTED => return Some(first),
            (None, b'>') => return Some(i),
            (None, b) => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    Some(first)
}

#[cfg(test)]
mod tests;
