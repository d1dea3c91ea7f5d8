//! Arguments into a request, each at its position.
//!
//! What always holds: in the path and the query every byte but RFC 3986's unreserved ones is percent-encoded, so no
//! argument can begin another segment, parameter or fragment; a value that a server could take for a step upwards,
//! however often it decodes, is refused; a header's or cookie's value has no control character. The body is JSON, one
//! value, written here.

use super::operation::is_token;
use super::{HttpRequest, Operation, Parameter, Piece, Position, Segment};
use crate::json::canonical;
use crate::show::visible;
use cordon_types::Problem;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

/// Longest path and query.
const MAX_TARGET: usize = 8_192;
/// Longest value of a header or cookie.
const MAX_HEADER: usize = 4_096;
/// What is read best, and then whatever there is.
const ACCEPT: &str = "application/json, text/*;q=0.9, */*;q=0.1";
/// How often a server may decode a path before a step upwards is missed here.
const DECODINGS: usize = 4;

/// Writes the request.
pub(super) fn request(operation: &Operation, arguments: &Map<String, Value>) -> Result<HttpRequest, Problem> {
    let body_argument = operation.body.as_ref().map(|(argument, _)| argument.as_str());
    for name in arguments.keys() {
        let known = operation.parameters.iter().any(|p| p.argument == *name) || body_argument == Some(name);
        if !known {
            return Err(Problem::new("", "an argument is not declared", "send declared arguments only"));
        }
    }
    let mut target = path(operation, arguments)?;
    let mut query = String::new();
    let mut headers = vec![("accept".to_owned(), ACCEPT.to_owned())];
    let mut cookies = Vec::new();
    for parameter in &operation.parameters {
        let Some(value) = arguments.get(&parameter.argument) else { continue };
        match parameter.position {
            Position::Query => in_query(parameter, value, &mut query)?,
            Position::Header => {
                headers.push((parameter.name.to_ascii_lowercase(), header(parameter, value)?))
            }
            Position::Cookie => {
                cookies.push(format!("{}={}", parameter.name, percent(&scalar(parameter, value)?)))
            }
            Position::Path | Position::Body => {}
        }
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    if target.len() > MAX_TARGET {
        return Err(Problem::new(
            "",
            format!("the path and query are over {MAX_TARGET} bytes"),
            "shorten them",
        ));
    }
    if !cookies.is_empty() {
        let cookies = cookies.join("; ");
        if cookies.len() > MAX_HEADER {
            return Err(Problem::new("", format!("the cookies are over {MAX_HEADER} bytes"), "shorten them"));
        }
        headers.push(("cookie".to_owned(), cookies));
    }
    let mut body = None;
    if let Some((argument, media)) = &operation.body
        && let Some(value) = arguments.get(argument)
    {
        headers.push(("content-type".to_owned(), media.clone()));
        body = Some(canonical(value).into_bytes());
    }
    Ok(HttpRequest { method: operation.method, path_and_query: target, headers, body })
}

fn bad(parameter: &Parameter, message: &str, hint: &str) -> Problem {
    Problem::new(visible(&parameter.argument), message, hint)
}

fn path(operation: &Operation, arguments: &Map<String, Value>) -> Result<String, Problem> {
    let mut out = String::new();
    for segment in &operation.path {
        out.push('/');
        out.push_str(&in_segment(operation, segment, arguments)?);
    }
    Ok(out)
}

fn in_segment(
    operation: &Operation,
    segment: &Segment,
    arguments: &Map<String, Value>,
) -> Result<String, Problem> {
    let mut plain = String::new();
    let mut encoded = String::new();
    let mut last = None;
    for piece in segment {
        match piece {
            Piece::Text(text) => {
                plain.push_str(text);
                encoded.push_str(text);
            }
            Piece::Argument(name) => {
                let found =
                    operation.parameters.iter().find(|p| p.position == Position::Path && p.name == *name);
                let parameter =
                    found.ok_or_else(|| Problem::new("", "a parameter is missing", "report this"))?;
                let value = arguments.get(&parameter.argument);
                let value = value.ok_or_else(|| bad(parameter, "is missing", "send it"))?;
                let text = flat(parameter, value)?;
                if text.is_empty() {
                    return Err(bad(parameter, "would be an empty part of the path", "send a value"));
                }
                if text.chars().any(char::is_control) {
                    return Err(bad(parameter, "has a control character", "leave it out"));
                }
                plain.push_str(&text);
                encoded.push_str(&percent(&text));
                last = Some(parameter);
            }
        }
    }
    // SECURITY: servers and proxies decode once too often, and take `\` and `..;` for what they are not.
    if let Some(parameter) = last
        && climbs(&plain)
    {
        return Err(bad(
            parameter,
            "could lead to another path",
            "send a name without `.` or `..` between slashes",
        ));
    }
    Ok(encoded)
}

/// Whether a part of the text between slashes is `.` or `..`, as it is or after some decodings; also where a server
/// composes characters (NFKC) before it looks at the path.
fn climbs(text: &str) -> bool {
    let composed: String = text.nfkc().collect();
    steps_up(text.as_bytes()) || (composed != text && steps_up(composed.as_bytes()))
}

fn steps_up(text: &[u8]) -> bool {
    let mut bytes = text.to_vec();
    for _ in 0..=DECODINGS {
        let is_step = |part: &[u8]| {
            // What some server takes for the end of a name, or of the whole path.
            let ends = |b: &u8| matches!(b, b';' | b'?' | b'#' | 0);
            let name: &[u8] = part.split(ends).next().unwrap_or_default();
            let name = name.trim_ascii();
            name == b"." || name == b".."
        };
        if bytes.split(|b| matches!(b, b'/' | b'\\')).any(is_step) {
            return true;
        }
        let decoded = decode(&bytes);
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
    // It is encoded more often than any value needs.
    true
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pair = match (first, after) {
            (b'%', [a, b, ..]) => hex(*a).zip(hex(*b)),
            _ => None,
        };
        if let Some((high, low)) = pair {
            let byte = high * 16 + low;
            // What lax readers of UTF-8 take for `.`, `/` and `\`, in two bytes where one would do.
            let short = match (out.last(), byte) {
                (Some(0xc0), 0xae) => Some(b'.'),
                (Some(0xc0), 0xaf) => Some(b'/'),
                (Some(0xc1), 0x9c) => Some(b'\\'),
                _ => None,
            };
            out.truncate(out.len() - usize::from(short.is_some()));
            out.push(short.unwrap_or(byte));
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// RFC 3986, section 2.3: what stands for itself everywhere; the rest as `%XX`.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// A value as text: strings as they are, numbers and booleans as JSON writes them.
fn scalar(parameter: &Parameter, value: &Value) -> Result<String, Problem> {
    if parameter.json {
        return Ok(canonical(value));
    }
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(canonical(value)),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(bad(parameter, "cannot be written there", "send a string, a number or a boolean"))
        }
    }
}

/// A value, or the values of a list with commas between them (style `simple`).
fn flat(parameter: &Parameter, value: &Value) -> Result<String, Problem> {
    match value {
        Value::Array(items) if !parameter.json => {
            let texts = items.iter().map(|v| scalar(parameter, v)).collect::<Result<Vec<_>, _>>()?;
            if texts.iter().any(|t| t.contains(',')) {
                return Err(bad(parameter, "has a comma in a member of a list", "leave it out"));
            }
            Ok(texts.join(","))
        }
        _ => scalar(parameter, value),
    }
}

fn in_query(parameter: &Parameter, value: &Value, query: &mut String) -> Result<(), Problem> {
    let name = percent(&parameter.name);
    let mut add = |value: String| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&name);
        query.push('=');
        query.push_str(&value);
    };
    match value {
        Value::Array(items) if !parameter.json => {
            let texts = items.iter().map(|v| scalar(parameter, v).map(|t| percent(&t)));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            if parameter.explode {
                texts.into_iter().for_each(add);
            } else if !texts.is_empty() {
                add(texts.join(","));
            }
        }
        _ => add(percent(&scalar(parameter, value)?)),
    }
    Ok(())
}

/// RFC 9110, section 5.5: visible ASCII, and spaces inside.
fn header(parameter: &Parameter, value: &Value) -> Result<String, Problem> {
    let text = flat(parameter, value)?;
    let good = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if !good || text.trim() != text || text.len() > MAX_HEADER || !is_token(&parameter.name) {
        let hint = "send visible ASCII, without a space at either end";
        return Err(bad(parameter, "cannot be the value of a header", hint));
    }
    Ok(text)
}
