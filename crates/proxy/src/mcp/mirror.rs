//! Arguments that are repeated in headers (2026-07-28): those of a client must agree with the call, a server gets
//! Cordon's own, made from the arguments as they leave.

use crate::mcp::calls::Call;
use crate::route::single;
use cordon_wire::Limits;
use cordon_wire::json::{Doc, scan};
use cordon_wire::mcp::{Mirror, decode_header, encode_header, mirrored, mirrors, says};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What stands before a header's own name.
const PREFIX: &str = "mcp-param-";

/// The annotations of a tool; `None` when they are broken: such a tool is not to be used (client requirement).
pub(crate) fn of_definition(raw: &str, limits: &Limits) -> Option<Vec<Mirror>> {
    let tape = scan(raw.as_bytes(), limits).ok()?;
    let doc = Doc::new(raw.as_bytes(), &tape);
    match doc.get(0, "inputSchema") {
        Some(schema) => mirrors(doc, schema),
        None => Some(Vec::new()),
    }
}

fn of_call(call: &Call, limits: &Limits) -> Vec<Mirror> {
    let set = call.server.tools();
    let defined = set.as_ref().as_ref().and_then(|s| s.tools.get(&call.tool));
    defined.and_then(|d| of_definition(&d.raw, limits)).unwrap_or_default()
}

/// Headers for the server.
pub(crate) fn outgoing(call: &Call, limits: &Limits) -> Vec<(HeaderName, HeaderValue)> {
    let Ok(tape) = scan(call.arguments.as_bytes(), limits) else { return Vec::new() };
    let doc = Doc::new(call.arguments.as_bytes(), &tape);
    let header = |m: &Mirror| {
        let name = HeaderName::try_from(format!("{PREFIX}{}", m.header)).ok()?;
        let value = HeaderValue::try_from(encode_header(&mirrored(doc, 0, m)?)).ok()?;
        Some((name, value))
    };
    of_call(call, limits).iter().filter_map(header).collect()
}

/// Whether a client's headers say what its arguments say. The error names the header.
pub(crate) fn agree(call: &Call, headers: &HeaderMap, limits: &Limits) -> Result<(), String> {
    let Ok(tape) = scan(call.arguments.as_bytes(), limits) else { return Ok(()) };
    let doc = Doc::new(call.arguments.as_bytes(), &tape);
    for mirror in of_call(call, limits) {
        let header = single(headers, &format!("{PREFIX}{}", mirror.header.to_ascii_lowercase()))?;
        let header = match header.map(decode_header) {
            Some(None) => return Err(mismatch(&mirror)),
            other => other.flatten(),
        };
        match (header, mirrored(doc, 0, &mirror)) {
            (None, None) => {}
            (Some(header), Some(argument)) if says(&header, &argument, mirror.integer) => {}
            _ => return Err(mismatch(&mirror)),
        }
    }
    Ok(())
}

fn mismatch(mirror: &Mirror) -> String {
    format!("the header `Mcp-Param-{}` does not say what the body says", mirror.header)
}
