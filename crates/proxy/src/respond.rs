//! Answers: in the caller's own dialect, always with the request's id.

use crate::body::OutBody;
use crate::route::REQUEST_ID;
use bytes::Bytes;
use cordon_pipeline::{Refusal, Why};
use cordon_types::{Dialect, RequestId};
use cordon_wire::ApiError;
use http::{HeaderValue, Response, StatusCode, header};

/// What `fetch`ed pages and caches must know of every answer.
fn head(status: u16, content_type: &'static str, dialect: Dialect, id: RequestId) -> http::response::Builder {
    let id = HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
    let builder = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(REQUEST_ID, id.clone());
    match dialect {
        Dialect::AnthropicMessages => builder.header("request-id", id),
        Dialect::OpenaiChat | Dialect::Mcp => builder,
    }
}

fn build(builder: http::response::Builder, body: OutBody) -> Response<OutBody> {
    // The builder fails only on header values that are no such; all of them are ours.
    builder.body(body).unwrap_or_else(|_| Response::new(OutBody::Whole(None)))
}

/// A whole JSON answer.
pub(crate) fn json(status: u16, dialect: Dialect, id: RequestId, body: Bytes) -> Response<OutBody> {
    build(head(status, "application/json", dialect, id), OutBody::Whole(Some(body)))
}

/// A stream of events.
pub(crate) fn events(dialect: Dialect, id: RequestId, body: OutBody) -> Response<OutBody> {
    build(head(200, "text/event-stream; charset=utf-8", dialect, id), body)
}

/// What was sent was taken; there is nothing to say.
pub(crate) fn mcp_accepted(id: RequestId) -> Response<OutBody> {
    build(head(202, "application/json", Dialect::Mcp, id), OutBody::Whole(None))
}

/// A session is over.
pub(crate) fn mcp_done(id: RequestId) -> Response<OutBody> {
    build(head(200, "application/json", Dialect::Mcp, id), OutBody::Whole(None))
}

/// A page for people. SECURITY: it runs nothing, loads nothing, stands in no frame, and tells nobody its address.
pub(crate) fn page(status: u16, id: RequestId, body: String) -> Response<OutBody> {
    let builder = head(status, "text/html; charset=utf-8", Dialect::OpenaiChat, id)
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    build(builder, OutBody::Whole(Some(body.into())))
}

/// A refusal.
pub(crate) fn refusal(dialect: Dialect, id: RequestId, refusal: &Refusal) -> Response<OutBody> {
    let mut builder = head(refusal.status, "application/json", dialect, id);
    if let Some(seconds) = refusal.retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    if refusal.status == 405 {
        builder = builder.header(header::ALLOW, refusal.param.clone().unwrap_or_default());
    }
    // Headers that contradict each other make it doubtful where the next request begins.
    if refusal.status == 400 && refusal.why == Why::Header {
        builder = builder.header(header::CONNECTION, "close");
    }
    // A client must not repeat what was refused by rule: it would be refused again.
    if (400..500).contains(&refusal.status) && !matches!(refusal.status, 408 | 429) {
        builder = builder.header("x-should-retry", "false");
    }
    build(builder, OutBody::Whole(Some(cordon_wire::error_body(dialect, &api_error(dialect, id, refusal)))))
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
    let (status, word) = if ok { (200, "ok\n") } else { (503, "not ready\n") };
    let builder = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store");
    build(builder, OutBody::Whole(Some(Bytes::from_static(word.as_bytes()))))
}
