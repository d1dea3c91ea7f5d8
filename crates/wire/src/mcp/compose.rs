//! Messages of Cordon's own making around parts that were judged: an envelope is new, what is in it keeps its bytes.

use crate::json::escape_into;
use crate::mcp::Id;
use bytes::Bytes;

/// JSON-RPC's own codes, and those that MCP's 2026-07-28 revision gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Not JSON.
    Parse,
    /// Not a message.
    InvalidRequest,
    /// No such method.
    MethodNotFound,
    /// Not its parameters.
    InvalidParams,
    /// It could not be carried out.
    Internal,
    /// No such resource (before 2026-07-28).
    ResourceNotFound,
    /// A rule of this gateway refuses it.
    Refused,
    /// The headers and the body disagree (2026-07-28).
    HeaderMismatch,
    /// The client did not say that it can do what is needed (2026-07-28).
    MissingCapability,
    /// No such revision here (2026-07-28).
    UnsupportedVersion,
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::ResourceNotFound => -32002,
            // Of the range that implementations may use (-32000 to -32019).
            Self::Refused => -32010,
            Self::HeaderMismatch => -32020,
            Self::MissingCapability => -32021,
            Self::UnsupportedVersion => -32022,
        }
    }
}

/// A text as a JSON string.
#[must_use]
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape_into(text, &mut out);
    out.push('"');
    out
}

/// A request. `params` is JSON text of an object.
#[must_use]
pub fn request(id: &Id, method: &str, params: &str) -> Bytes {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":{},\"params\":{params}}}",
        id.as_json(),
        string(method)
    )
    .into()
}

/// A notification. `params` is JSON text of an object.
#[must_use]
pub fn notification(method: &str, params: &str) -> Bytes {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":{},\"params\":{params}}}", string(method)).into()
}

/// An answer. `result` is JSON text of an object.
#[must_use]
pub fn response(id: &Id, result: &str) -> Bytes {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", id.as_json()).into()
}

/// An error.
#[must_use]
pub fn error(id: Option<&Id>, code: ErrorCode, message: &str) -> Bytes {
    error_with_data(id, code.number(), message, None)
}

/// An error with data: JSON text.
#[must_use]
pub fn error_with_data(id: Option<&Id>, code: i32, message: &str, data: Option<&str>) -> Bytes {
    let data = data.map(|d| format!(",\"data\":{d}")).unwrap_or_default();
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{code},\"message\":{}{data}}}}}",
        id.map_or("null", Id::as_json),
        string(message)
    )
    .into()
}

/// The JSON-RPC code for a refusal of Cordon's, by the stable name of its cause.
#[must_use]
pub fn refusal_code(why: &str) -> ErrorCode {
    match why {
        "invalid_utf8" | "invalid_json" | "trailing_data" => ErrorCode::Parse,
        "duplicate_key" | "case_collision" | "too_deep" | "too_many" | "unsupported" | "header_refused"
        | "missing_field" | "unknown_route" => ErrorCode::InvalidRequest,
        "unknown_field" | "wrong_type" | "unknown_variant" => ErrorCode::InvalidParams,
        "internal_error" | "record_unavailable" | "detector_failed" => ErrorCode::Internal,
        _ => ErrorCode::Refused,
    }
}
