//! What the operator says of one upstream, parsed.

use crate::builtin::Builtin;
use cordon_types::{Secret, UpstreamId};
use data_encoding::BASE64;
use http::{HeaderName, HeaderValue};
use rustls_pki_types::CertificateDer;
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// Where an upstream is: scheme, host, port and path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    tls: bool,
    host: String,
    port: u16,
    prefix: String,
}

impl BaseUrl {
    /// Parses `https://host[:port][/prefix]`, or `http`. User names, queries, fragments and dot segments
    /// are refused: each is a way to write an address that reads like another.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("write it as https://host/path")?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("use https, or http for a server on a trusted network".into()),
        };
        if rest.contains(['@', '?', '#', '\\']) || rest.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err("leave out user names, queries, fragments, spaces and characters beyond ASCII".into());
        }
        let uri: http::Uri = text.parse().map_err(|_| "it is not a url".to_owned())?;
        let host = uri.host().filter(|h| !h.is_empty()).ok_or("name a host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // `host:` and `host:99999` leave no port behind, and must not fall back to the default one.
        let authority = rest.split('/').next().unwrap_or_default();
        let written = !authority.ends_with(']') && authority.rsplit_once(':').is_some();
        let port = match (uri.port_u16(), written) {
            (Some(0), _) | (None, true) => return Err("the port must be 1 to 65535".into()),
            (Some(port), _) => port,
            (None, false) => default_port(tls),
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        if prefix.contains("//") || prefix.split('/').any(|s| matches!(s, "." | "..")) || prefix.contains('%')
        {
            return Err("write the path without empty, dotted or percent-encoded parts".into());
        }
        Ok(Self { tls, host, port, prefix })
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host, without brackets and in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before each request's own, without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The prefix, which the base then has no more: for a server that is one path.
    pub(crate) fn take_prefix(&mut self) -> String {
        std::mem::take(&mut self.prefix)
    }

    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The `Host` header: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// The prefix and a request's path. A base that ends in `/v1` (as the OpenAI clients write it) takes a
    /// path that begins with `/v1/` without doubling it.
    pub(crate) fn join(&self, path: &str) -> String {
        let base = self.prefix.as_str();
        let base = if path.starts_with("/v1/") { base.strip_suffix("/v1").unwrap_or(base) } else { base };
        format!("{base}{path}")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// A provider's credential. It cannot be printed, and is added to a request only on a connection to the
/// upstream that it was configured for.
#[derive(Clone, Debug)]
pub struct Credential(Secret);

impl Credential {
    /// Binds a secret; to which upstream is said by the [`Settings`] that it stands in.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The value of a Basic authorization, marked sensitive.
    pub(crate) fn basic(&self) -> Result<HeaderValue, String> {
        let text = self.0.expose();
        if !text.contains(':') {
            return Err("the credential is no `user:password`".to_owned());
        }
        Self::new(Secret::new(BASE64.encode(text.as_bytes()))).header("Basic ")
    }

    /// The header value, marked sensitive so that no log shows it.
    pub(crate) fn header(&self, prefix: &str) -> Result<HeaderValue, String> {
        let text = Secret::new(format!("{prefix}{}", self.0.expose()));
        let mut value = HeaderValue::from_str(text.expose())
            .map_err(|_| "the credential has a character that no header may carry".to_owned())?;
        if self.0.expose().trim().is_empty() {
            return Err("the credential is empty".to_owned());
        }
        value.set_sensitive(true);
        Ok(value)
    }
}

/// How an upstream wants its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthStyle {
    /// `Authorization: Bearer ..`
    Bearer,
    /// `Authorization: Basic ..` (RFC 7617); the credential is `user:password`.
    Basic,
    /// A header of that name, with the credential alone.
    Header(HeaderName),
    /// `x-api-key: ..`
    XApiKey,
    /// Not at all.
    None,
}

/// What answers.
#[derive(Clone)]
pub enum Target {
    /// A server.
    Url(BaseUrl),
    /// Something in this process.
    Builtin(Arc<dyn Builtin>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Url(url) => write!(f, "{url}"),
            Target::Builtin(_) => f.write_str("builtin"),
        }
    }
}

/// One upstream.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in the config.
    pub id: UpstreamId,
    /// What answers.
    pub target: Target,
    /// Its credential.
    pub credential: Option<Credential>,
    /// How it wants it.
    pub auth: AuthStyle,
    /// Its requests carry tokens that are got while the gateway runs.
    pub tokens: bool,
    /// Whether it may be in a private or loopback range. Never opens metadata or link-local addresses.
    pub allow_private: bool,
    /// Further ranges that it may be in, whatever they are.
    pub allow: Vec<ipnet::IpNet>,
    /// Certificate authorities beside the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Most idle connections kept, per thread.
    pub pool_idle: usize,
    /// How long an idle connection is kept.
    pub pool_idle_for: Duration,
    /// Longest for resolving, connecting and TLS together.
    pub connect: Duration,
    /// Longest from the request to the answer's head.
    pub head: Duration,
    /// Longest between two chunks of the body.
    pub idle: Duration,
    /// How often a failed connection is tried again. Only connecting: nothing has been sent by then.
    pub retries: u8,
    /// Headers that every request gets, over the caller's.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Settings {
    /// An upstream with the default limits and no credential.
    #[must_use]
    pub fn new(id: UpstreamId, target: Target) -> Self {
        Self {
            id,
            target,
            credential: None,
            auth: AuthStyle::None,
            tokens: false,
            allow_private: false,
            allow: Vec::new(),
            ca: None,
            pool_idle: 64,
            // Shorter than the 60 to 75 seconds after which most servers and balancers close.
            pool_idle_for: Duration::from_secs(50),
            connect: Duration::from_secs(10),
            // Reasoning models take minutes before the first byte of a whole answer.
            head: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            retries: 2,
            headers: Vec::new(),
        }
    }
}
