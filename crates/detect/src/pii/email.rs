//! E-mail addresses: RFC 5321's local part as people use it, and domains, also internationalised ones.

use crate::view::{Sink, ViewText, byte, byte_before, is_break};
use cordon_types::FindingKind;

/// RFC 5321, section 4.5.3.1.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;

/// Last labels that are files, units or packages, not domains.
const NOT_DOMAINS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "ts", "tsx", "jsx", "mjs", "css", "scss",
    "html", "htm", "json", "yaml", "yml", "toml", "xml", "txt", "md", "py", "rs", "go", "java", "cpp", "hpp",
    "log", "lock", "service", "socket", "timer", "target", "mount", "exe", "dll", "so", "zip", "gz", "tgz",
    "tar", "pdf", "csv", "conf", "cfg",
];

/// Checks the address whose `@` stands at `at`.
pub(super) fn check(view: &ViewText<'_>, at: usize, sink: &mut Sink) {
    let Some(start) = local_start(view, at) else { return };
    if start < view.floor {
        return;
    }
    let (end, hit_end) = domain_end(view.text, at + 1);
    if hit_end && !view.closed {
        sink.open(start);
    }
    let Some(domain) = view.lower.get(at + 1..end) else { return };
    let local = view.lower.get(start..at).unwrap_or("");
    if !plausible(domain) || is_credential(view, start, at) {
        return;
    }
    if matches!(local, "git" | "hg" | "svn" | "ssh") && byte(view.text.as_bytes(), end) == b':' {
        return;
    }
    sink.found(start..end, FindingKind::Email, 950, "email.address");
}

/// Where the local part starts: at most 64 bytes back, no dot at its edges.
fn local_start(view: &ViewText<'_>, at: usize) -> Option<usize> {
    let bytes = view.text.as_bytes();
    let mut start = at;
    for (i, c) in view.text.get(..at)?.char_indices().rev() {
        let ok = match c {
            _ if c.is_ascii_alphanumeric() => true,
            '.' => i + 1 != at && byte(bytes, i + 1) != b'.',
            '_' | '%' | '+' | '-' | '\'' | '#' | '&' | '~' => true,
            _ => !c.is_ascii() && c.is_alphanumeric() && !is_break(c),
        };
        if !ok {
            break;
        }
        start = i;
        if at - start > LOCAL_MAX {
            return None;
        }
    }
    while matches!(byte(bytes, start), b'.' | b'\'' | b'-' | b'#' | b'&' | b'~' | b'%' | b'+') && start < at {
        start += 1;
    }
    (start < at).then_some(start)
}

/// Where the domain ends, trailing dots and hyphens left out; whether the text's end was met.
fn domain_end(text: &str, from: usize) -> (usize, bool) {
    let mut end = from;
    let mut hit_end = true;
    for (i, c) in text.get(from..).unwrap_or("").char_indices() {
        let label = c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric());
        if !(label || matches!(c, '-' | '.' | '。')) || i > DOMAIN_MAX {
            hit_end = false;
            break;
        }
        if label {
            end = from + i + c.len_utf8();
        }
    }
    (end, hit_end)
}

fn plausible(domain: &str) -> bool {
    let mut labels = domain.split(['.', '。']);
    let Some(last) = labels.next_back() else { return false };
    let mut count = 0;
    let labels_ok = labels.all(|l| {
        count += 1;
        !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-')
    });
    let letters = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    labels_ok && count > 0 && (letters || last.starts_with("xn--")) && !NOT_DOMAINS.contains(&last)
}

/// Whether this is `user:password@host` of a URL: not an address, but a connection string.
fn is_credential(view: &ViewText<'_>, start: usize, at: usize) -> bool {
    let before = byte_before(view.text.as_bytes(), start);
    if !matches!(before, b':' | b'/') {
        return false;
    }
    let behind = view.behind(start);
    let authority = behind.rfind("://").and_then(|i| behind.get(i + 3..));
    at > start && authority.is_some_and(|a| !a.contains('/') && !a.contains(char::is_whitespace))
}
