//! The gateway as a resource server: access tokens instead of virtual keys, at the tool endpoints (RFC 6750, RFC 9728).
//!
//! ```text
//! token --Trust::verify--> caller          key not known --want--> the keeper of keys fetches --ended--> once more
//! no token, a bad one --> 401, where to get one          too few scopes --> 403, which are needed
//! ```
//! What always holds: what is told about this gateway (its name, its issuers) is the operator's word, never a header of
//! the request; who knocks without a token learns nothing of which servers there are.

use crate::body::OutBody;
use crate::worker::Shared;
use arc_swap::ArcSwapOption;
use cordon_identity::oauth::{LEEWAY_SECONDS, TokenError, Trust, Verified};
use cordon_pipeline::{Refusal, Why};
use cordon_types::{Millis, ServerId};
use http::{HeaderValue, Response, header};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

/// How long a request waits for an issuer's new keys.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most requests that wait for keys at once: nobody who waits has shown a credential.
const MAX_WAITING: usize = 64;
/// Where protected resources are described (RFC 9728, section 3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What is in force.
pub struct Federated {
    /// Whose tokens are taken.
    pub trust: Trust,
    /// How clients reach this gateway, without a path and a slash at the end.
    pub resource: String,
    /// Scopes that clients are told to ask for first.
    pub scopes: Vec<String>,
}

/// See the module.
pub struct Federation {
    force: ArcSwapOption<Federated>,
    /// Somebody waits for keys.
    wanted: Notify,
    /// Changes whenever a fetch of keys ended.
    ended: watch::Sender<u64>,
    /// A place for each request that waits.
    waiting: Semaphore,
}

impl Default for Federation {
    fn default() -> Self {
        Self {
            force: ArcSwapOption::empty(),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }
}

impl Federation {
    /// Puts this in force; without anything, keys alone count.
    pub fn set(&self, federated: Option<Federated>) {
        self.force.store(federated.map(Arc::new));
    }

    /// Resolves when somebody waits for an issuer's keys.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// A fetch of keys ended.
    pub fn fetched(&self) {
        self.ended.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// What is in force, if anything.
    pub(crate) fn load(&self) -> Option<Arc<Federated>> {
        self.force.load_full()
    }

    /// Who calls, by a token that was presented at the endpoint of this server, or of all.
    pub(crate) async fn verify(
        &self,
        shared: &Shared,
        federated: &Federated,
        token: &str,
        server: Option<&ServerId>,
    ) -> Result<Verified, Refusal> {
        let here = federated.audiences(server);
        let here: Vec<&str> = here.iter().map(String::as_str).collect();
        let ask = |now: Millis| federated.trust.verify(token, &here, now, &*shared.user_digest);
        let now = shared.clock.now();
        let first = match ask(now) {
            Ok(verified) => return Ok(verified),
            Err(e) => e,
        };
        let Some(keys) = first.without_key().and_then(|issuer| federated.trust.keys(issuer)) else {
            return Err(refused(first));
        };
        let (mut ended, before) = (self.ended.subscribe(), keys.ended());
        if !keys.want(now) {
            return Err(refused(first));
        }
        // The token may be good: it is not called bad because others took all places.
        let full = || refused(TokenError::NoKeys(0));
        let _place = self.waiting.try_acquire().map_err(|_| full())?;
        tracing::debug!("a token names a key that is not known; the issuer is asked");
        self.wanted.notify_one();
        let news = async {
            while keys.ended() == before {
                if ended.changed().await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(PATIENCE, news).await;
        ask(shared.clock.now()).map_err(refused)
    }
}

fn refused(e: TokenError) -> Refusal {
    tracing::debug!(why = e.name(), "an access token was not taken");
    let status = match e {
        TokenError::NoKeys(_) => 503,
        // Who it is was shown; it is nobody here.
        TokenError::Unmapped => 403,
        _ => 401,
    };
    let retry_after = (status == 503).then_some(5);
    Refusal { retry_after, ..Refusal::new(status, Why::Credential, e.public()) }
}

impl Federated {
    /// The resource identifier of an endpoint (RFC 8707; MCP 2025-11-25, authorization, "Canonical Server URI").
    fn identifier(&self, server: Option<&ServerId>) -> String {
        match server {
            None => format!("{}/mcp", self.resource),
            Some(server) => format!("{}/mcp/{server}", self.resource),
        }
    }

    /// What a token may be for at this endpoint. One for all servers opens each; one for a server opens no other.
    fn audiences(&self, server: Option<&ServerId>) -> Vec<String> {
        let all = self.identifier(None);
        server.map(|s| self.identifier(Some(s))).into_iter().chain([all]).collect()
    }

    fn metadata_url(&self, server: Option<&ServerId>) -> String {
        match server {
            None => format!("{}{WELL_KNOWN}/mcp", self.resource),
            Some(server) => format!("{}{WELL_KNOWN}/mcp/{server}", self.resource),
        }
    }

    /// The description of an endpoint (RFC 9728, section 2). SECURITY: the same for a server that is there and one that
    /// is not.
    pub(crate) fn metadata(&self, server: Option<&ServerId>) -> serde_json::Value {
        let mut document = serde_json::json!({
            "resource": self.identifier(server),
            "authorization_servers": self.trust.urls().collect::<Vec<_>>(),
            "bearer_methods_supported": ["header"],
            "resource_name": "Cordon",
        });
        if let (Some(map), false) = (document.as_object_mut(), self.scopes.is_empty()) {
            map.insert("scopes_supported".to_owned(), self.scopes.clone().into());
        }
        document
    }

    /// Says in an answer where a token is got, and what was wrong with the one that came.
    pub(crate) fn challenge(
        &self,
        response: &mut Response<OutBody>,
        server: Option<&ServerId>,
        error: Option<&str>,
        scopes: &[String],
    ) {
        let mut text = format!("Bearer resource_metadata=\"{}\"", self.metadata_url(server));
        // Writing to a String cannot fail. What is quoted stands in the operator's file, where quotes are refused, but
        // for scopes of a token, of which only those that stand there too are repeated.
        if let Some(error) = error {
            let _ = write!(text, ", error=\"{error}\"");
        }
        if !scopes.is_empty() {
            let _ = write!(text, ", scope=\"{}\"", scopes.join(" "));
        }
        let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"));
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

/// Resolves when a token does not count any more; never for a caller without one.
pub(crate) async fn expired(shared: &Shared, token: Option<&Verified>) {
    let Some(token) = token else { return std::future::pending().await };
    let end = token.expires.saturating_add(LEEWAY_SECONDS * 1_000);
    tokio::time::sleep(Duration::from_millis(end.saturating_sub(shared.clock.now()))).await;
}
