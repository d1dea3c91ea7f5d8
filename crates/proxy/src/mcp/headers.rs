//! Headers of requests to the gateway for tools: where they come from, and whether they say what the body says.

use crate::route::{host_name, single};
use crate::worker::Shared;
use cordon_pipeline::{Refusal, Why};
use cordon_wire::mcp::{Message, Method, decode_header};
use http::{HeaderMap, header};

/// Names of this machine, for a gateway that listens on it alone.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Pages of other sites, and names that were made to lead here, are turned away (2025-11-25, transports, "Security
/// warning").
pub(crate) fn origin(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |text: &str| Refusal::new(403, Why::Header, text.to_owned());
    let single = |name| single(headers, name).map_err(|text| Refusal::new(400, Why::Header, text));
    let host = single(header::HOST.as_str())?.map(host_name).unwrap_or_default();
    let here = |name: &str| LOOPBACK.iter().any(|l| l.eq_ignore_ascii_case(name));
    let trusted = |name: &str| shared.trusted_hosts.iter().any(|t| t.eq_ignore_ascii_case(name));
    if shared.loopback && shared.trusted_hosts.is_empty() && !host.is_empty() && !here(host) {
        return Err(refuse("this gateway listens on this machine alone; that host name is none of its own"));
    }
    let Some(origin) = single(header::ORIGIN.as_str())? else { return Ok(()) };
    let name = origin.split_once("://").map(|(_, rest)| host_name(rest)).unwrap_or_default();
    let same = !name.is_empty() && name.eq_ignore_ascii_case(host);
    if same || trusted(name) || (here(name) && here(host)) {
        return Ok(());
    }
    Err(refuse("requests of that origin are not taken; see `listen.trusted_hosts`"))
}

/// The body is plain JSON.
pub(crate) fn content(headers: &HeaderMap) -> Result<(), Refusal> {
    let single = |name| single(headers, name).map_err(|text| Refusal::new(400, Why::Header, text));
    if single(header::CONTENT_ENCODING.as_str())?.is_some_and(|e| !e.eq_ignore_ascii_case("identity")) {
        return Err(Refusal::new(415, Why::Header, "compressed request bodies are not taken; send it plain"));
    }
    let kind = single(header::CONTENT_TYPE.as_str())?.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::new(415, Why::Header, "the body must be `application/json`"))
}

/// Whether the headers that repeat parts of the body say what it says (2026-07-28). The error names the header.
pub(crate) fn agree(headers: &HeaderMap, message: &Message) -> Result<(), String> {
    let mismatch = |name: &str| Err(format!("the header `{name}` does not say what the body says"));
    if single(headers, "mcp-method")? != Some(message.method()) {
        return mismatch("Mcp-Method");
    }
    let named = match Method::find(message.method(), cordon_wire::mcp::Revision::CURRENT) {
        Some(Method::ToolsCall | Method::PromptsGet) => message.text("name"),
        Some(Method::ResourcesRead) => message.text("uri"),
        Some(Method::TasksGet | Method::TasksUpdate | Method::TasksCancel) => message.text("taskId"),
        _ => None,
    };
    let header = single(headers, "mcp-name")?;
    let decoded =
        header.map(|h| decode_header(h).ok_or("the header `Mcp-Name` is not encoded as it must be"));
    let decoded = decoded.transpose()?;
    match (named, decoded) {
        (Some(body), Some(header)) if body == header => Ok(()),
        (None, None) => Ok(()),
        // A header for which the body has nothing: an intermediary would have gone by what nobody asked.
        _ => mismatch("Mcp-Name"),
    }
}
