//! The built-in `gullible` provider behind the upstream's seam.

use bytes::Bytes;
use cordon_upstream::{Builtin, BuiltinAnswer, BuiltinEnd};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// See the module.
pub(crate) struct Gullible;

impl Builtin for Gullible {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> BuiltinAnswer {
        let answer = cordon_gullible::answer(method.as_str(), &self::path(path, headers), &body);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        for (name, value) in answer.headers {
            if let (Ok(name), Ok(value)) =
                (http::HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.as_ref()))
            {
                headers.insert(name, value);
            }
        }
        BuiltinAnswer {
            status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            chunks: answer.chunks,
            end: match answer.end {
                cordon_gullible::End::Clean => BuiltinEnd::Clean,
                cordon_gullible::End::Break => BuiltinEnd::Break,
                cordon_gullible::End::Short(_) => BuiltinEnd::Short,
                cordon_gullible::End::Stall => BuiltinEnd::Stall,
            },
        }
    }
}

/// The provider's path: both dialects list models under the same one, and tell each other apart by a header.
pub(crate) fn path(path: &str, headers: &HeaderMap) -> String {
    if headers.contains_key("anthropic-version") && path.starts_with("/v1/models") {
        format!("/anthropic{path}")
    } else {
        path.to_owned()
    }
}
