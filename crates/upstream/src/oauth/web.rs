//! Authorization servers: their metadata, their keys, their token endpoints.
//!
//! What always holds: every address is judged at the dial; no redirect is followed; what comes is read to a bound, in
//! size and in time; a document that names a place on another host is not followed into the operator's own network.

use crate::{
    client::{Outgoing, Server, Spawn},
    dial::{Dialer, Roots, System},
    error::UpstreamError,
    settings::{BaseUrl, Settings, Target},
};
use bytes::Bytes;
use cordon_types::{Clock, Secret, UpstreamId};
use http::{HeaderMap, HeaderValue, Method, header};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Most bytes of a document: sets of keys have a few thousand.
const MAX_DOCUMENT: usize = 256 * 1024;
/// Longest for one exchange, whatever its phases took: a caller may wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an authorization server may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether it may be in a private range. Never opens metadata or link-local addresses.
    pub allow_private: bool,
    /// Further ranges that it may be in.
    pub allow: Vec<ipnet::IpNet>,
    /// Certificate authorities beside the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
}

/// The way to authorization servers.
#[derive(Clone)]
pub struct Web {
    spawner: Arc<dyn Spawn>,
    clock: Arc<dyn Clock>,
}

/// An answer, whole. SECURITY: it may hold a token.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// What an authorization server says of itself (RFC 8414; OpenID Connect Discovery 1.0).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Itself: exactly the identifier that was asked for.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: Option<String>,
    /// Where tokens are got.
    pub token_endpoint: Option<String>,
}

impl Web {
    /// A way that belongs to the runtime of `spawner`.
    #[must_use]
    pub fn new(spawner: Arc<dyn Spawn>, clock: Arc<dyn Clock>) -> Self {
        Self { spawner, clock }
    }

    /// A JSON document.
    pub async fn document(&self, reach: &Reach, url: &str) -> Result<Vec<u8>, UpstreamError> {
        let answer = self.exchange(reach, url, Method::GET, None, HeaderMap::new()).await?;
        if answer.status != 200 {
            return Err(bad(format!("{url}: status {}", answer.status)));
        }
        Ok(answer.body.to_vec())
    }

    /// Posts a form. The caller looks at the status.
    pub(crate) async fn post(
        &self,
        reach: &Reach,
        url: &str,
        form: &Secret,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, UpstreamError> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(mut value) = authorization {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        self.exchange(reach, url, Method::POST, Some(form), headers).await
    }

    /// An issuer's metadata. SECURITY: it must name the very issuer that was asked (RFC 8414, section 3.3): else one
    /// issuer could speak for another.
    pub async fn metadata(&self, reach: &Reach, issuer: &str) -> Result<Metadata, UpstreamError> {
        let mut last = None;
        for url in well_known(issuer)? {
            let answer = self.exchange(reach, &url, Method::GET, None, HeaderMap::new()).await?;
            if answer.status != 200 {
                last = Some(bad(format!("{url}: status {}", answer.status)));
                continue;
            }
            let found: Metadata =
                serde_json::from_slice(&answer.body).map_err(|_| bad(format!("{url}: it is no metadata")))?;
            if found.issuer != issuer {
                return Err(bad(format!("{url}: it names another issuer than the configured one")));
            }
            return Ok(found);
        }
        Err(last.unwrap_or_else(|| bad("it has no metadata".to_owned())))
    }

    /// Boxed, since few take this way and each request of a caller would carry its size.
    async fn exchange(
        &self,
        reach: &Reach,
        url: &str,
        method: Method,
        form: Option<&Secret>,
        headers: HeaderMap,
    ) -> Result<Answer, UpstreamError> {
        let late = |_| UpstreamError::TimeoutHead { limit_ms: PATIENCE.as_millis() };
        timeout(PATIENCE, Box::pin(self.within(reach, url, method, form, headers))).await.map_err(late)?
    }

    async fn within(
        &self,
        reach: &Reach,
        url: &str,
        method: Method,
        form: Option<&Secret>,
        mut headers: HeaderMap,
    ) -> Result<Answer, UpstreamError> {
        let id = UpstreamId::new("oauth").map_err(|e| bad(e.to_string()))?;
        let wrong = |reason: String| UpstreamError::Settings { id: id.clone(), reason };
        let mut base = BaseUrl::parse(url).map_err(wrong)?;
        let path = base.take_prefix();
        // A slash at the end belongs to the path; `BaseUrl` is a prefix, and has none.
        let path = if path.is_empty() || url.ends_with('/') { format!("{path}/") } else { path };
        let mut settings = Settings::new(id.clone(), Target::Url(base.clone()));
        settings.allow_private = reach.allow_private;
        settings.allow.clone_from(&reach.allow);
        settings.ca.clone_from(&reach.ca);
        (settings.connect, settings.head, settings.idle) = (PATIENCE, PATIENCE, PATIENCE);
        (settings.retries, settings.pool_idle) = (0, 0);
        // A form holds a secret or a token: in the clear it goes to no public address.
        settings.tokens = form.is_some();
        let roots = if base.is_tls() { Roots::system() } else { Roots::none() };
        let dialer = Dialer::new(&settings, &base, &roots, Arc::new(System), self.spawner.clone())?;
        let server = Server::new(&settings, &base, dialer, self.clock.clone())?;
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let authorization = headers.remove(header::AUTHORIZATION);
        let body = form.map(|f| Bytes::copy_from_slice(f.expose().as_bytes())).unwrap_or_default();
        let mut request = server.prepare(Outgoing { method, path: path.into(), headers, body })?;
        if let Some(value) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let mut answer = server.carry(request, PATIENCE).await?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.body.chunk().await {
            let chunk = chunk?;
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(bad("the answer is larger than 256 KiB".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: answer.status.as_u16(), body })
    }
}

impl Reach {
    /// How a place may be reached that a document of `origin`'s names. SECURITY: on the origin itself as the operator
    /// said; anywhere else as any stranger's, so that a document cannot point into the operator's network.
    pub fn of_found(&self, origin: &str, found: &str) -> Result<Self, UpstreamError> {
        let wrong = |reason: String| bad(format!("its metadata names a place that cannot be used: {reason}"));
        let (home, there) = (BaseUrl::parse(origin).map_err(wrong)?, BaseUrl::parse(found).map_err(wrong)?);
        let place = |u: &BaseUrl| (u.is_tls(), u.host().to_owned(), u.port());
        if place(&home) == place(&there) {
            return Ok(self.clone());
        }
        if !there.is_tls() {
            return Err(wrong("it is plain HTTP on another host".to_owned()));
        }
        Ok(Self::default())
    }
}

fn bad(reason: String) -> UpstreamError {
    UpstreamError::BadResponse { reason }
}

/// Where an issuer's metadata may be, in the order of RFC 8414, section 5, and OpenID Connect Discovery 1.0.
fn well_known(issuer: &str) -> Result<Vec<String>, UpstreamError> {
    let mut base = BaseUrl::parse(issuer).map_err(bad)?;
    let path = base.take_prefix();
    let mut all = vec![
        format!("{base}/.well-known/oauth-authorization-server{path}"),
        format!("{base}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        all.push(format!("{base}{path}/.well-known/openid-configuration"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_metadata_is_looked_for() {
        let check =
            |issuer: &str, expected: &[&str]| assert_eq!(well_known(issuer).unwrap(), expected, "{issuer}");
        let host = "https://a.example";
        let (oauth, openid) = (
            format!("{host}/.well-known/oauth-authorization-server"),
            format!("{host}/.well-known/openid-configuration"),
        );
        check("https://a.example", &[&oauth, &openid]);
        check("https://a.example/", &[&oauth, &openid]);
        let under = format!("{host}/t/1/.well-known/openid-configuration");
        check("https://a.example/t/1", &[&format!("{oauth}/t/1"), &format!("{openid}/t/1"), &under]);
        assert!(well_known("https://a.example?x").is_err());
        assert!(well_known("file:///etc/passwd").is_err());
    }

    #[test]
    fn a_document_does_not_lead_inside() {
        let own = Reach { allow_private: true, allow: vec!["127.0.0.0/8".parse().unwrap()], ca: None };
        let check = |found: &str, expected: Option<&Reach>| {
            assert_eq!(own.of_found("https://login.example/t", found).ok().as_ref(), expected, "{found}");
        };
        check("https://login.example/keys", Some(&own));
        check("https://login.example:443/keys", Some(&own));
        check("https://login.example:8443/keys", Some(&Reach::default()));
        check("https://keys.example/keys", Some(&Reach::default()));
        check("http://login.example/keys", None);
        check("http://169.254.169.254/keys", None);
        check("https://10.0.0.1/keys", Some(&Reach::default()));
        check("gopher://login.example/", None);
        check("https://a@login.example/", None);
    }
}
