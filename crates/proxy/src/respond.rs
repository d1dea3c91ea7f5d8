//! Answers: in the caller's own dialect, always with the request's id.

use crate::body::OutBody;
use crate::route::REQUEST_ID;
use bytes::Bytes;
use cordon_pipeline::{Refusal, Why};
use cordon_types::{Dialect, RequestId};
use cordon_wire::ApiError;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

const JSON: &str = "application/json";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Anthropic's clients look for the id here.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// What OpenAI's and Anthropic's clients go by.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An answer with what `fetch`ed pages and caches must know of every one.
fn answer(
    status: u16,
    content_type: &'static str,
    dialect: Dialect,
    id: RequestId,
    body: OutBody,
) -> Response<OutBody> {
    let id = HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // With room for what is added here and by hyper.
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if dialect == Dialect::AnthropicMessages {
        headers.insert(ANTHROPIC_REQUEST_ID, id.clone());
    }
    headers.insert(REQUEST_ID, id);
    *response.headers_mut() = headers;
    response
}

/// A whole JSON answer.
pub(crate) fn json(status: u16, dialect: Dialect, id: RequestId, body: Bytes) -> Response<OutBody> {
    answer(status, JSON, dialect, id, OutBody::Whole(Some(body)))
}

/// A stream of events.
pub(crate) fn events(dialect: Dialect, id: RequestId, body: OutBody) -> Response<OutBody> {
    answer(200, "text/event-stream; charset=utf-8", dialect, id, body)
}

/// What was sent was taken; there is nothing to say.
pub(crate) fn mcp_accepted(id: RequestId) -> Response<OutBody> {
    answer(202, JSON, Dialect::Mcp, id, OutBody::Whole(None))
}

/// A session is over.
pub(crate) fn mcp_done(id: RequestId) -> Response<OutBody> {
    answer(200, JSON, Dialect::Mcp, id, OutBody::Whole(None))
}

/// A page for people. SECURITY: it runs nothing, loads nothing, stands in no frame, and tells nobody its address.
pub(crate) fn page(status: u16, id: RequestId, body: String) -> Response<OutBody> {
    let body = OutBody::Whole(Some(body.into()));
    let mut response = answer(status, "text/html; charset=utf-8", Dialect::OpenaiChat, id, body);
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A refusal.
pub(crate) fn refusal(dialect: Dialect, id: RequestId, refusal: &Refusal) -> Response<OutBody> {
    let body = cordon_wire::error_body(dialect, &api_error(dialect, id, refusal));
    let mut response = answer(refusal.status, JSON, dialect, id, OutBody::Whole(Some(body)));
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if refusal.status == 405
        && let Ok(methods) = HeaderValue::from_str(refusal.param.as_deref().unwrap_or_default())
    {
        headers.insert(header::ALLOW, methods);
    }
    // Headers that contradict each other make it doubtful where the next request begins.
    if refusal.status == 400 && refusal.why == Why::Header {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // A client must not repeat what was refused by rule: it would be refused again.
    if (400..500).contains(&refusal.status) && !matches!(refusal.status, 408 | 429) {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// The event that ends a refused stream.
pub(crate) fn error_event(dialect: Dialect, id: RequestId, refusal: &Refusal) -> Bytes {
    cordon_wire::error_event(dialect, &api_error(dialect, id, refusal))
}

fn api_error<'a>(dialect: Dialect, id: RequestId, refusal: &'a Refusal) -> ApiError<'a> {
    ApiError {
        status: refusal.status,
        kind: cordon_wire::error_kind(dialect, refusal.status),
        code: refusal.why.name(),
        message: &refusal.public,
        param: refusal.param.as_deref(),
        request_id: id,
    }
}

/// A plain word for probes.
pub(crate) fn probe(ok: bool) -> Response<OutBody> {
    let (status, word) =
        if ok { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
    let mut response = Response::new(OutBody::Whole(Some(Bytes::from_static(word.as_bytes()))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}
