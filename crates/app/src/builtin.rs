//! The built-in `gullible` provider behind the upstream's seam.

use bytes::Bytes;
use cordon_upstream::{Builtin, BuiltinAnswer, BuiltinEnd};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// See the module.
pub(crate) struct Gullible;

impl Builtin for Gullible {
    fn answer(&self, method: &Method, path: &str, _headers: &HeaderMap, body: Bytes) -> BuiltinAnswer {
        let answer = cordon_gullible::answer(method.as_str(), path, &body);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        BuiltinAnswer {
            status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            chunks: answer.chunks,
            end: BuiltinEnd::Complete,
        }
    }
}
