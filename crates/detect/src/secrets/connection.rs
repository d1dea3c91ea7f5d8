//! Connection strings: URLs with a password, `name=value` pairs, JDBC.

use super::Hit;
use crate::view::{Ahead, Sink, ViewText, byte, byte_before, is_break, is_space};
use cordon_types::FindingKind;

/// The longest scheme (`mongodb+srv` has 11) that is looked back for.
const SCHEME_MAX: usize = 24;
/// The longest URL; what is longer is taken to end there.
const URL_MAX: usize = 1024;
/// The longest value of a pair.
const VALUE_MAX: usize = 256;
/// The longest string of pairs.
const PAIRS_MAX: usize = 2048;

/// A URL whose `://` stands at `at`: found when its authority holds a user and a password (RFC 3986, 3.2.1).
pub(super) fn url(view: &ViewText<'_>, at: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let mut start = at;
    while at - start < SCHEME_MAX
        && (byte_before(bytes, start).is_ascii_alphanumeric()
            || matches!(byte_before(bytes, start), b'+' | b'-' | b'.'))
    {
        start -= 1;
    }
    if start == at || start < view.floor {
        return;
    }
    // A bounded look: else many URLs in one token would each be read to its end.
    let mut most = view.text.len().min(at + 3 + URL_MAX);
    while !view.text.is_char_boundary(most) {
        most -= 1;
    }
    let rest = view.text.get(at + 3..most).unwrap_or("");
    let authority_len = rest
        .find(|c: char| {
            is_break(c)
                || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '<' | '>' | '\\' | '|' | '(' | ')')
        })
        .unwrap_or(rest.len());
    let Some((user_info, host)) = rest.get(..authority_len).and_then(|a| a.rsplit_once('@')) else { return };
    let Some((_, password)) = user_info.split_once(':') else { return };
    if password.is_empty() || host.is_empty() || stands_in(password) {
        return;
    }
    let len = rest
        .find(|c: char| {
            is_break(c) || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | '|' | ')' | ']' | '}')
        })
        .unwrap_or(rest.len());
    let url = rest.get(..len).unwrap_or("").trim_end_matches(['.', ',', ';', ':', '!', '?']);
    let plain = matches!(password, "password" | "pass" | "passwd" | "pwd" | "secret");
    sink.found(
        start..at + 3 + url.len(),
        FindingKind::ConnectionString,
        if plain { 600 } else { 950 },
        "connection.url",
    );
}

/// A placeholder or a reference instead of a password.
fn stands_in(password: &str) -> bool {
    let first = byte(password.as_bytes(), 0);
    matches!(first, b'$' | b'<' | b'{' | b'[' | b'%' | b'*')
        && !first.is_ascii_alphanumeric()
        && (first != b'%' || password.contains('('))
        || password.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.'))
}

/// A JDBC URL with a password among its parameters, or before its `@`.
pub(super) fn jdbc(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let inside =
        |b: u8| b > b' ' && !is_space(b) && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>') && b < 0x80;
    let mut end = start;
    while end - start < URL_MAX && inside(ahead.at(end)) {
        // A second one inside: the first has ended.
        if end > start + 4 && ahead.at(end) == b':' && view.lower.get(end - 4..end) == Some("jdbc") {
            end -= 4;
            break;
        }
        end += 1;
    }
    let url = view.lower.get(start..end)?.trim_end_matches(['.', ',']);
    let at = url.find("password=").or_else(|| url.find("pwd="))?;
    let value = url.get(at..)?.split_once('=')?.1.split(['&', ';']).next()?;
    if value.is_empty() || stands_in(value) {
        return None;
    }
    Some(Hit {
        end: start + url.len(),
        kind: FindingKind::ConnectionString,
        confidence: 950,
        rule: "connection.jdbc",
    })
}

/// Pairs as ADO.NET, ODBC, libpq-less and Azure write them, from the first pair's `=` (just before `end`) on.
pub(super) fn pairs(view: &ViewText<'_>, end: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let mut start = end - 1;
    while byte_before(bytes, start).is_ascii_alphabetic() && end - start < 40 {
        start -= 1;
    }
    if view.lower.get(start..end) == Some("source=") && view.behind_lower(start).ends_with("data ") {
        start -= "data ".len();
    }
    if start < view.floor || matches!(byte_before(bytes, start), b';' | b'&' | b'?' | b'_' | b'-' | b'.') {
        return;
    }
    let mut ahead = Ahead::new(view);
    let found = read_pairs(view, &mut ahead, start);
    if ahead.undecided {
        sink.open(start);
    }
    if let Some(stop) = found {
        sink.found(start..stop, FindingKind::ConnectionString, 950, "connection.pairs");
    }
}

/// Reads `name=value;` pairs; the end of the last one, when one of several held a password or key.
fn read_pairs(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<usize> {
    let (mut at, mut end, mut count, mut secret) = (start, start, 0, false);
    while at - start < PAIRS_MAX {
        let name_end = ahead.skip(at, |b| b.is_ascii_alphabetic() || b == b' ');
        if name_end == at || name_end - at > 40 || ahead.at(name_end) != b'=' {
            break;
        }
        let value_at = name_end + 1;
        let mut stop = value_at;
        let mut word_end = None;
        while stop - value_at <= VALUE_MAX {
            let b = ahead.at(stop);
            if b == b';' || b < b' ' || matches!(b, b'"' | b'\'' | b'`' | b'<') {
                break;
            }
            if b == b' ' && word_end.is_none() {
                word_end = Some(stop);
            }
            stop += 1;
        }
        let closed = ahead.at(stop) == b';';
        // A value may hold spaces only when a semicolon ends it; the last value ends at a space.
        let value_end = if closed { stop } else { word_end.unwrap_or(stop) };
        let name = view.lower.get(at..name_end)?.trim();
        let value = view.text.get(value_at..value_end)?;
        secret |= matches!(name, "password" | "pwd" | "accountkey" | "sharedaccesskey")
            && !value.is_empty()
            && !stands_in(value);
        count += 1;
        end = value_end;
        if !closed {
            break;
        }
        end += 1;
        at = ahead.skip(stop + 1, |b| b == b' ');
    }
    (secret && count >= 2).then_some(end)
}
