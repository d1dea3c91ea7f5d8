//! The routes that Cordon carries, and the headers it reads. Everything else is refused or left behind.

use cordon_types::{Dialect, Operation, ServerId};
use http::header::AsHeaderName;
use http::{HeaderMap, HeaderName, Method};
use std::fmt;

/// A route of the model path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A model call with a JSON body.
    Call(Operation),
    /// Sessions, and questions about tools that run elsewhere.
    Advise(Operation),
    /// The list of models, in the caller's dialect.
    Models(Dialect),
    /// One model.
    Model(Dialect, String),
    /// Tool servers: all of them, or one.
    Mcp(Option<ServerId>),
    /// What the tool endpoint of all servers, or of one, is as a protected resource.
    Resource(Option<ServerId>),
    /// The note about a service was read: the form, and what it sends.
    Acknowledge,
    /// Liveness.
    Health,
    /// Readiness.
    Ready,
}

/// Why there is no route.
pub(crate) enum NoRoute {
    /// The path is none of Cordon's.
    Path,
    /// The path is, the method is not; the ones that are.
    Method(&'static str),
    /// A query string where none belongs.
    Query,
}

/// Finds the route. Paths are compared byte for byte: no decoding, no dot segments, no trailing slash.
pub(crate) fn find(
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Route, NoRoute> {
    if let Some(server) = tools(path) {
        let known = matches!(*method, Method::POST | Method::GET | Method::DELETE);
        return match (known, query) {
            (false, _) => Err(NoRoute::Method("GET, POST, DELETE")),
            (true, None | Some("")) => Ok(Route::Mcp(server)),
            _ => Err(NoRoute::Query),
        };
    }
    if let Some(server) = resource(path) {
        return match (*method == Method::GET, query) {
            (false, _) => Err(NoRoute::Method("GET")),
            (true, None | Some("")) => Ok(Route::Resource(server)),
            _ => Err(NoRoute::Query),
        };
    }
    if path == crate::acknowledge::PATH {
        return match (method, query) {
            (&Method::GET, Some(_)) | (&Method::POST, None | Some("")) => Ok(Route::Acknowledge),
            (&Method::GET | &Method::POST, _) => Err(NoRoute::Query),
            _ => Err(NoRoute::Method("GET, POST")),
        };
    }
    let (route, wants) = match path {
        "/v1/chat/completions" => (Route::Call(Operation::ChatCompletions), Method::POST),
        "/v1/messages" => (Route::Call(Operation::Messages), Method::POST),
        "/v1/messages/count_tokens" => (Route::Call(Operation::CountTokens), Method::POST),
        "/cordon/v1/sessions" => (Route::Advise(Operation::Sessions), Method::POST),
        "/cordon/v1/authorize" => (Route::Advise(Operation::Authorize), Method::POST),
        "/cordon/v1/report" => (Route::Advise(Operation::Report), Method::POST),
        "/v1/models" => (Route::Models(speaks(headers)), Method::GET),
        "/healthz" => (Route::Health, Method::GET),
        "/readyz" => (Route::Ready, Method::GET),
        _ => match path.strip_prefix("/v1/models/") {
            Some(name) if !name.is_empty() && name.len() <= 256 => {
                (Route::Model(speaks(headers), name.to_owned()), Method::GET)
            }
            _ => return Err(NoRoute::Path),
        },
    };
    if *method != wants {
        return Err(NoRoute::Method(if wants == Method::POST { "POST" } else { "GET" }));
    }
    // The Anthropic client adds `?beta=true` to its beta calls and pages its model list; nothing else has a query.
    let query_ok = match (&route, query) {
        (_, None | Some("")) => true,
        (Route::Call(Operation::Messages | Operation::CountTokens), Some(q)) => q == "beta=true",
        (Route::Models(_), Some(q)) => {
            q.split('&').all(|p| matches!(p.split_once('='), Some(("limit" | "after_id" | "before_id", _))))
        }
        _ => false,
    };
    if query_ok { Ok(route) } else { Err(NoRoute::Query) }
}

/// `/mcp`, or `/mcp/` and a server's name.
pub(crate) fn tools(path: &str) -> Option<Option<ServerId>> {
    match path.strip_prefix("/mcp")? {
        "" => Some(None),
        rest => ServerId::new(rest.strip_prefix('/')?).ok().map(Some),
    }
}

/// The description of an endpoint (RFC 9728, section 3.1): of `/mcp` also where clients look that know the host alone.
fn resource(path: &str) -> Option<Option<ServerId>> {
    match path.strip_prefix(crate::oauth::WELL_KNOWN)? {
        "" => Some(None),
        rest => tools(rest),
    }
}

/// The dialect in which a caller wants to be answered where the path does not say.
pub(crate) fn speaks(headers: &HeaderMap) -> Dialect {
    if headers.contains_key(ANTHROPIC_VERSION) || headers.contains_key(API_KEY) {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenaiChat
    }
}

/// The dialect for errors: by path first.
pub(crate) fn dialect_of(path: &str, headers: &HeaderMap) -> Dialect {
    if path.starts_with("/v1/messages") {
        Dialect::AnthropicMessages
    } else if path.starts_with("/v1/chat/") {
        Dialect::OpenaiChat
    } else if path == "/mcp" || path.starts_with("/mcp/") {
        Dialect::Mcp
    } else {
        speaks(headers)
    }
}

/// The path at the upstream.
pub(crate) const fn upstream_path(op: Operation) -> &'static str {
    match op {
        Operation::ChatCompletions => "/v1/chat/completions",
        Operation::Messages => "/v1/messages",
        Operation::CountTokens => "/v1/messages/count_tokens",
        _ => "/v1/models",
    }
}

/// The user on whose behalf an agent acts.
pub(crate) const USER: HeaderName = HeaderName::from_static("x-cordon-user");
/// The credential of the front end that vouches for that user.
pub(crate) const VOUCHER: HeaderName = HeaderName::from_static("x-cordon-front-key");
/// The piece of work that a call belongs to: see `POST /cordon/v1/sessions`.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("x-cordon-session");
/// The key of a caller that speaks Anthropic's dialect.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The version of Anthropic's dialect.
pub(crate) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// What a caller wants of Anthropic's dialect besides.
pub(crate) const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Names the request in every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The one value of a header, as text. `Err` when it occurs twice or is not printable ASCII: two readers could
/// choose differently.
pub(crate) fn single(
    headers: &HeaderMap,
    name: impl AsHeaderName + fmt::Display + Copy,
) -> Result<Option<&str>, String> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(format!("the header `{name}` occurs twice; send it once"));
    }
    value.to_str().map(Some).map_err(|_| format!("the header `{name}` has characters beyond printable ASCII"))
}

/// The host of `host` or `host:port`; brackets of an IPv6 address stay.
pub(crate) fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// The names in all `anthropic-beta` headers.
pub(crate) fn betas(headers: &HeaderMap) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for value in headers.get_all(ANTHROPIC_BETA) {
        let text =
            value.to_str().map_err(|_| "the header `anthropic-beta` is not printable ASCII".to_owned())?;
        names.extend(text.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    if names.len() > 16 || names.iter().any(|n| n.len() > 64) {
        return Err("the header `anthropic-beta` names too many features, or too long ones".to_owned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}
