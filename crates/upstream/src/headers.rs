//! Which headers go out, and which come in.
//!
//! SECURITY: the caller's headers arrive whitelisted; what could carry a credential or change the framing
//! is taken out here once more, so that one mistake there is not a leak here.

use crate::{
    error::UpstreamError,
    settings::{AuthStyle, BaseUrl, Settings},
};
use data_encoding::BASE64;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
};

/// Shortest credential that is looked for in answers.
const SECRET: usize = 8;
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// RFC 9110, section 7.6.1, and the older ones that servers still act on.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a caller may never say to an upstream.
const NEVER_OUT: [HeaderName; 7] =
    [HOST, CONTENT_LENGTH, EXPECT, COOKIE, AUTHORIZATION, X_API_KEY, HeaderName::from_static("api-key")];

/// The gateway's own headers for one upstream, made once.
pub(crate) struct Own(Vec<(HeaderName, HeaderValue)>);

impl Own {
    pub(crate) fn new(settings: &Settings, base: &BaseUrl) -> Result<Self, UpstreamError> {
        let wrong = |reason: String| UpstreamError::Settings { id: settings.id.clone(), reason };
        let mut own = vec![(USER_AGENT, HeaderValue::from_static("cordon"))];
        own.extend(settings.headers.iter().cloned());
        if own.iter().any(|(n, _)| HOP_BY_HOP.contains(n) || [HOST, CONTENT_LENGTH].contains(n)) {
            return Err(wrong("`headers` must not set the host, the length or the connection".into()));
        }
        let host = HeaderValue::from_str(&base.authority())
            .map_err(|_| wrong("the host cannot be a header; check `base_url`".into()))?;
        own.push((HOST, host));
        // What is compressed cannot be inspected as it passes.
        own.push((ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        match (&settings.auth, &settings.credential) {
            (AuthStyle::None, _) | (_, None) => {}
            (AuthStyle::Bearer, Some(c)) => own.push((AUTHORIZATION, c.header("Bearer ").map_err(wrong)?)),
            (AuthStyle::Basic, Some(c)) => own.push((AUTHORIZATION, c.basic().map_err(wrong)?)),
            (AuthStyle::Header(name), Some(c)) => own.push((name.clone(), c.header("").map_err(wrong)?)),
            (AuthStyle::XApiKey, Some(c)) => own.push((X_API_KEY, c.header("").map_err(wrong)?)),
        }
        Ok(Self(own))
    }

    /// Whether a text has the credential in it, as of a server that repeats what it was sent. What is encoded otherwise
    /// is not found, and what is short is in many texts.
    pub(crate) fn shown_in(&self, text: &[u8]) -> bool {
        let is_there =
            |secret: &[u8]| secret.len() >= SECRET && text.windows(secret.len()).any(|part| part == secret);
        self.0.iter().filter(|(_, value)| value.is_sensitive()).any(|(_, value)| {
            let value = value.as_bytes();
            let pair = value.strip_prefix(b"Basic ");
            let bare = pair.or_else(|| value.strip_prefix(b"Bearer ")).unwrap_or(value);
            let plain = pair.and_then(|p| BASE64.decode(p).ok()).unwrap_or_default();
            let password = plain.iter().position(|b| *b == b':').and_then(|at| plain.get(at + 1..));
            is_there(bare) || password.is_some_and(is_there)
        })
    }

    /// The caller's headers, cleaned, with the gateway's own over them.
    pub(crate) fn outgoing(&self, mut headers: HeaderMap) -> HeaderMap {
        strip_hop_by_hop(&mut headers);
        without(&mut headers, &NEVER_OUT);
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }
}

/// What is compressed cannot be inspected.
pub(crate) const COMPRESSED: &str = "it is compressed, although identity was asked for";
/// RFC 9112, section 6.3: both together are how one answer is made to look like two.
pub(crate) const TWO_LENGTHS: &str = "it has both a length and a transfer encoding";

/// Checks an answer's head and takes out what concerns the connection only.
pub(crate) fn incoming(status: StatusCode, headers: &mut HeaderMap) -> Result<(), UpstreamError> {
    let bad = |reason: &str| Err(UpstreamError::BadResponse { reason: reason.to_owned() });
    if status.is_redirection() {
        return Err(UpstreamError::Redirect { status: status.as_u16() });
    }
    if status.is_informational() {
        return bad("an interim status instead of an answer");
    }
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|v| !v.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return bad(COMPRESSED);
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return bad(TWO_LENGTHS);
    }
    strip_hop_by_hop(headers);
    Ok(())
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|v| v.as_bytes().split(|b| *b == b','))
            .filter_map(|n| HeaderName::from_bytes(n.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    without(headers, &HOP_BY_HOP);
}

/// Few headers are there and many names are to go, so the former are looked through: most often none has to.
fn without(headers: &mut HeaderMap, names: &[HeaderName]) {
    if headers.keys().any(|k| names.contains(k)) {
        names.iter().for_each(|name| drop(headers.remove(name)));
    }
}
