//! Requests and replies: the API's own types, apart from rows and wire formats.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A request, as far as the API reads it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, `DELETE`.
    pub method: &'a str,
    /// The path, undecoded.
    pub path: &'a str,
    /// The body; at most 64 KiB, which the transport sees to.
    pub body: &'a [u8],
}

/// A reply: a status and JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Reply {
    /// 200 with this body.
    #[must_use]
    pub const fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// An error: a stable code, and what to do.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self { status, body: json!({"error": {"code": code, "message": message}}) }
    }

    /// Every problem of a refused file.
    #[must_use]
    pub fn problems(problems: &[String]) -> Self {
        let message = "the files were refused; what ran before runs on";
        Self {
            status: 422,
            body: json!({"error": {"code": "refused", "message": message, "problems": problems}}),
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::error(404, "not_found", "no such route or thing; see docs/admin-api.md")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::error(405, "wrong_method", "this route does not take that method; see docs/admin-api.md")
    }
}

/// Reads a JSON body; an empty one is an empty object. Unknown members are refused.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|e| Reply::error(400, "bad_request", &format!("the body: {e}")))
}
