//! Tool servers: those on the network, and those that Cordon starts.
//!
//! What always holds: what a caller said goes out under a [`Permit`] only; what goes out without one was made by the
//! gateway itself (a handshake, a list, the end of a session). A server's credential is its own: nothing of a caller's
//! is a header here but what `proxy` composed. Addresses are judged at the dial, as for model providers.

mod child;

pub use child::{Child, ChildSettings, Line};

use crate::{
    body::Incoming,
    client::{Client, Outgoing, Spawn},
    error::UpstreamError,
    oauth::Bearer,
    settings::{Settings, Target},
};
use cordon_policy::Permit;
use cordon_types::{Clock, ServerId, UpstreamId};
use http::{HeaderMap, HeaderValue, Method};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// The ways to tool servers over HTTP, for one thread.
pub struct ToolServers {
    client: Client,
    paths: HashMap<ServerId, (UpstreamId, String)>,
}

/// A request to a tool server: method, headers and body. Its path is the server's own.
#[derive(Clone, Debug)]
pub struct ToolRequest {
    /// `POST`, `GET` or `DELETE`.
    pub method: Method,
    /// Headers of the protocol.
    pub headers: HeaderMap,
    /// One JSON-RPC message, or nothing.
    pub body: bytes::Bytes,
    /// Another path of the same server, where the older transport names one; it begins with `/`.
    pub path: Option<String>,
    /// The gateway's own token for this server, where it takes one.
    pub bearer: Option<Bearer>,
}

/// A call of an HTTP interface: a whole request, composed from what was judged, below the server's own URL.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// The method.
    pub method: Method,
    /// Path and query, to be put behind the server's own path. Begins with one `/`.
    pub target: String,
    /// Headers of declared parameters, `accept` and `content-type`.
    pub headers: HeaderMap,
    /// Declared cookies.
    pub cookie: Option<HeaderValue>,
    /// The body, whole; empty for none.
    pub body: bytes::Bytes,
    /// The gateway's own token for this server, where it takes one.
    pub bearer: Option<Bearer>,
}

impl ToolServers {
    /// Checks the settings. Each `Settings` has the server's id and its whole URL.
    pub fn new(
        list: Vec<(ServerId, Settings)>,
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let mut paths = HashMap::with_capacity(list.len());
        let mut all = Vec::with_capacity(list.len());
        for (id, mut settings) in list {
            if let Target::Url(base) = &mut settings.target {
                paths.insert(id, (settings.id.clone(), base.take_prefix()));
            }
            all.push(settings);
        }
        Ok(Self { client: Client::new(all, spawner, clock)?, paths })
    }

    /// Sends what a caller said, and what the judge permitted.
    pub async fn send(
        &self,
        _permit: &Permit,
        to: &ServerId,
        request: ToolRequest,
    ) -> Result<Incoming, UpstreamError> {
        self.dispatch(to, request).await
    }

    /// Sends what the gateway made itself. INVARIANT: nothing of a caller's is in it.
    pub async fn send_own(&self, to: &ServerId, request: ToolRequest) -> Result<Incoming, UpstreamError> {
        self.dispatch(to, request).await
    }

    async fn dispatch(&self, to: &ServerId, request: ToolRequest) -> Result<Incoming, UpstreamError> {
        let (upstream, own) = self.place(to)?;
        let own = if own.is_empty() { "/" } else { own };
        let path = request.path.unwrap_or_else(|| own.to_owned());
        let outgoing = Outgoing {
            method: request.method,
            path: Cow::Owned(path),
            headers: request.headers,
            body: request.body,
        };
        self.client.dispatch_as(upstream, outgoing, request.bearer.as_ref().map(Bearer::header)).await
    }

    /// Calls an HTTP interface. There is no such request without a caller's words in it, so none without a permit.
    pub async fn call(
        &self,
        _permit: &Permit,
        to: &ServerId,
        request: ApiRequest,
    ) -> Result<Incoming, UpstreamError> {
        let (upstream, own) = self.place(to)?;
        // SECURITY: what is composed stands below the operator's path, and `//host` is no path.
        if !request.target.starts_with('/') || request.target.starts_with("//") {
            return Err(UpstreamError::BadRequest {
                reason: "the path must begin with one slash".to_owned(),
            });
        }
        let outgoing = Outgoing {
            method: request.method,
            path: Cow::Owned(format!("{own}{}", request.target)),
            headers: request.headers,
            body: request.body,
        };
        let token = request.bearer.as_ref().map(Bearer::header);
        self.client.dispatch_with(upstream, outgoing, request.cookie, token).await
    }

    /// Whether an answer shows the credential that the gateway sent with the call: debug pages and errors repeat what
    /// they got, and an agent that reads the credential has it.
    #[must_use]
    pub fn shows_credential(&self, of: &ServerId, answer: &[u8]) -> bool {
        self.place(of).is_ok_and(|(upstream, _)| self.client.shows_credential(upstream, answer))
    }

    fn place(&self, to: &ServerId) -> Result<(&UpstreamId, &str), UpstreamError> {
        let unknown = || UpstreamError::BadRequest { reason: format!("no tool server `{to}` is configured") };
        self.paths.get(to).map(|(id, path)| (id, path.as_str())).ok_or_else(unknown)
    }

    /// Closes idle connections that are past their age.
    pub fn expire(&self) {
        self.client.expire();
    }
}
