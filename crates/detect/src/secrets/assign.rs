//! Values that are secrets because of the name they are assigned to. Conservative: documentation is full of such
//! names, so placeholders, references to variables and plain words are left alone.

use super::known::varied;
use crate::view::{Sink, ViewText, byte, byte_before};
use cordon_types::FindingKind;

/// Parts of values that stand in for one.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "your",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "xxxx",
    "****",
    "....",
    "<",
    ">",
    "${",
    "{{",
    "$(",
    "%(",
    "process.env",
    "os.environ",
    "getenv",
    "env.",
    "secrets.",
    "config.",
    "settings.",
    "self.",
    "this.",
    "null",
    "none",
    "undefined",
    "insert",
    "todo",
    "dummy",
    "sample",
    "my_",
    "my-",
    "http://",
    "https://",
    "(",
    ")",
    "[",
    "]",
];

/// The value assigned right after a name that ends at `end`: its range, and whether it was quoted.
fn value(view: &ViewText<'_>, start: usize, end: usize) -> Option<(std::ops::Range<usize>, bool)> {
    let bytes = view.text.as_bytes();
    let mut i = end;
    // The rest of the name, as in `api_key_prod`.
    while (byte(bytes, i).is_ascii_alphanumeric() || matches!(byte(bytes, i), b'_' | b'-')) && i - end < 16 {
        i += 1;
    }
    while matches!(byte(bytes, i), b'"' | b'\'' | b'`' | b']' | b'*' | b'\\') && i - end < 20 {
        i += 1;
    }
    i = spaces(bytes, i);
    let named = i;
    if view.lower.get(i..).is_some_and(|r| r.starts_with("is ")) {
        i += 2;
    } else {
        while matches!(byte(bytes, i), b':' | b'=' | b'>') && i - named < 3 {
            i += 1;
        }
    }
    if i == named {
        return None;
    }
    i = spaces(bytes, i);
    let mut quote = 0;
    while matches!(byte(bytes, i), b'"' | b'\'' | b'`' | b'*' | b'\\') && i - named < 12 {
        quote = byte(bytes, i);
        i += 1;
    }
    let from = i;
    while i < bytes.len() && !ends_value(byte(bytes, i), quote) && i - from <= 512 {
        i += 1;
    }
    while matches!(byte_before(bytes, i), b'.' | b',' | b';' | b'\\' | b'*' | b')' | b'!' | b'?')
        && i > from
        && quote == 0
    {
        i -= 1;
    }
    (i > from && from >= view.floor && view.reaches(start, from)).then_some((from..i, quote != 0))
}

fn spaces(bytes: &[u8], mut i: usize) -> usize {
    let from = i;
    while byte(bytes, i) == b' ' && i - from < 3 {
        i += 1;
    }
    i
}

fn ends_value(b: u8, quote: u8) -> bool {
    b <= b' '
        || b >= 0x7F
        || b == quote
        || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'{' | b'}')
}

fn is_placeholder(value: &str) -> bool {
    PLACEHOLDERS.iter().any(|p| value.contains(p))
}

/// Bits per character times the characters: Shannon's entropy of the value, in bits.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for b in value {
        if let Some(c) = counts.get_mut(usize::from(*b)) {
            *c += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|c| **c > 0).map(|c| f64::from(*c)).map(|c| -c * (c / total).log2()).sum()
}

/// A key, token or secret: long, with digits and letters, random-looking.
pub(super) fn key(view: &ViewText<'_>, start: usize, end: usize, sink: &mut Sink) {
    let Some((range, quoted)) = value(view, start, end) else { return };
    let (Some(text), Some(lower)) = (view.text.get(range.clone()), view.lower.get(range.clone())) else {
        return;
    };
    let bytes = text.as_bytes();
    if !(16..=512).contains(&bytes.len()) {
        return;
    }
    let charset = bytes
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~'));
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if !charset || digits < 2 || letters < 4 || is_placeholder(lower) || entropy(bytes) < 56.0 {
        return;
    }
    let confidence = if quoted { 750 } else { 700 };
    sink.found(range, FindingKind::ApiKey, confidence, "generic.key");
}

/// A password: a letter and a digit or sign, not a word, a path or a call.
pub(super) fn password(view: &ViewText<'_>, start: usize, end: usize, sink: &mut Sink) {
    let Some((range, quoted)) = value(view, start, end) else { return };
    let (Some(text), Some(lower)) = (view.text.get(range.clone()), view.lower.get(range.clone())) else {
        return;
    };
    let bytes = text.as_bytes();
    if !(6..=128).contains(&bytes.len()) {
        return;
    }
    let letter = bytes.iter().any(u8::is_ascii_alphabetic);
    let digit = bytes.iter().any(u8::is_ascii_digit);
    let sign = bytes
        .iter()
        .any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'?' | b'~' | b'+'));
    let strong = letter && (digit || (quoted && sign));
    let code = matches!(byte(bytes, 0), b'$' | b'/' | b'.' | b'-' | b'%' | b'&' | b'@' | b'#')
        || text.contains("::");
    if !strong || code || is_placeholder(lower) || !varied_enough(bytes) {
        return;
    }
    let confidence = if digit && sign { 800 } else { 650 };
    sink.found(range, FindingKind::ApiKey, confidence, "generic.password");
}

fn varied_enough(bytes: &[u8]) -> bool {
    bytes.len() < 12 && bytes.iter().any(|b| Some(b) != bytes.first()) || varied(bytes)
}

/// The 40 characters of an AWS secret access key, after its name.
pub(super) fn aws_secret(view: &ViewText<'_>, start: usize, end: usize, sink: &mut Sink) {
    let Some((range, _)) = value(view, start, end) else { return };
    let Some(bytes) = view.text.as_bytes().get(range.clone()) else { return };
    if bytes.len() == 40
        && varied(bytes)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    {
        sink.found(range, FindingKind::ApiKey, 950, "aws.secret_access_key");
    }
}

/// The credentials of an `Authorization` header (RFC 6750, RFC 7617).
pub(super) fn header(view: &ViewText<'_>, start: usize, end: usize, rule: &'static str, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    if byte_before(bytes, start).is_ascii_alphanumeric() || end < view.floor || !view.reaches(start, end) {
        return;
    }
    if rule == "http.basic" && !view.behind_lower(start).contains("authorization") {
        return;
    }
    let mut stop = end;
    while byte(bytes, stop).is_ascii_alphanumeric()
        || matches!(byte(bytes, stop), b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    {
        stop += 1;
    }
    while matches!(byte_before(bytes, stop), b'.' | b'-') && stop > end {
        stop -= 1;
    }
    let token = bytes.get(end..stop).unwrap_or(&[]);
    let long = if rule == "http.basic" { 12 } else { 20 };
    let digits = token.iter().any(u8::is_ascii_digit);
    if token.len() < long
        || !digits
        || !varied(token)
        || token.starts_with(b"eyJ")
        || is_placeholder(view.lower.get(end..stop).unwrap_or(""))
    {
        return;
    }
    sink.found(end..stop, FindingKind::ApiKey, 850, rule);
}

/// The signature of an Azure shared access signature: `sig=` in a query that also has `sv=` or `se=`.
pub(super) fn sas(view: &ViewText<'_>, start: usize, end: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    if end < view.floor
        || !matches!(byte_before(bytes, start), b'&' | b'?' | b';')
        || !view.reaches(start, end)
    {
        return;
    }
    let mut stop = end;
    while byte(bytes, stop).is_ascii_alphanumeric()
        || matches!(byte(bytes, stop), b'%' | b'+' | b'/' | b'=' | b'-' | b'_')
    {
        stop += 1;
    }
    let behind = view.behind_lower(start);
    let ahead = view.lower.get(stop..view.lower.len().min(stop + 64)).unwrap_or("");
    let ahead = ahead.split(char::is_whitespace).next().unwrap_or("");
    let query = ["sv=", "se=", "sp=", "sr=", "st="].iter().any(|p| behind.contains(p) || ahead.contains(p));
    if query && (43..=64).contains(&(stop - end)) {
        sink.found(end..stop, FindingKind::ApiKey, 950, "azure.sas");
    }
}
