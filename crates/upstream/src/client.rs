//! One client a worker thread: it finds the upstream, a connection, and brings back the answer's head.

use crate::{
    body::{Incoming, IncomingBody, of_head},
    builtin::{self, Builtin},
    dial::{Dialer, Resolve, Roots, System},
    error::UpstreamError,
    headers::{self, Own},
    pool::{Conn, Lease, Pool},
    settings::{AuthStyle, BaseUrl, Settings, Target},
};
use bytes::Bytes;
use cordon_policy::Permit;
use cordon_types::{Clock, UpstreamId};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use rustc_hash::FxHashMap;
use std::{borrow::Cow, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Starts a task that the application knows of, so that its drain can wait for it.
pub trait Spawn: Send + Sync {
    /// Runs `f` on the current thread's runtime.
    fn spawn(&self, name: &'static str, f: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// A request for an upstream.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path, with its query if it has one; it is joined to the upstream's own prefix.
    pub path: Cow<'static, str>,
    /// The headers that the proxy lets through.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// The outbound client. Make one for each worker thread; see the crate's page.
pub struct Client {
    upstreams: FxHashMap<UpstreamId, Upstream>,
}

struct Upstream {
    way: Way,
    idle: Duration,
}

enum Way {
    Server(Box<Server>),
    Builtin(Arc<dyn Builtin>),
}

pub(crate) struct Server {
    base: BaseUrl,
    own: Own,
    dialer: Dialer,
    pool: Arc<Pool>,
    head: Duration,
    /// Wants a credential and has none.
    unarmed: bool,
}

impl Client {
    /// Checks the settings and reads the certificate authorities. Nothing is connected yet.
    pub fn new(
        settings: Vec<Settings>,
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        Self::with_resolver(settings, spawner, clock, Arc::new(System))
    }

    pub(crate) fn with_resolver(
        settings: Vec<Settings>,
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, UpstreamError> {
        let encrypted = settings.iter().any(|s| matches!(&s.target, Target::Url(base) if base.is_tls()));
        let roots = if encrypted { Roots::system() } else { Roots::none() };
        let mut upstreams = FxHashMap::with_capacity_and_hasher(settings.len(), rustc_hash::FxBuildHasher);
        for s in settings {
            let way = match &s.target {
                Target::Builtin(builtin) => Way::Builtin(builtin.clone()),
                Target::Url(base) => {
                    let dialer = Dialer::new(&s, base, &roots, resolver.clone(), spawner.clone())?;
                    Way::Server(Box::new(Server::new(&s, base, dialer, clock.clone())?))
                }
            };
            let id = s.id.clone();
            if upstreams.insert(s.id, Upstream { way, idle: s.idle }).is_some() {
                return Err(UpstreamError::Settings { id, reason: "the name is used twice".into() });
            }
        }
        Ok(Self { upstreams })
    }

    /// Sends a request that the judge has permitted, and waits for the head of its answer.
    ///
    /// Dropping the future closes the connection. A status of 4xx or 5xx is an answer, not an error.
    pub async fn send(
        &self,
        _permit: &Permit,
        to: &UpstreamId,
        request: Outgoing,
    ) -> Result<Incoming, UpstreamError> {
        self.dispatch(to, request).await
    }

    /// Closes idle connections that are past their age. Worth calling now and then when there is no traffic.
    pub fn expire(&self) {
        self.servers().for_each(|s| s.pool.expire());
    }

    /// Closes every idle connection: at a drain.
    pub fn close_idle(&self) {
        self.servers().for_each(|s| s.pool.clear());
    }

    /// How many idle connections are kept.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        self.servers().map(|s| s.pool.len()).sum()
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        self.upstreams.values().filter_map(|u| match &u.way {
            Way::Server(s) => Some(s.as_ref()),
            Way::Builtin(_) => None,
        })
    }

    pub(crate) async fn dispatch(
        &self,
        to: &UpstreamId,
        request: Outgoing,
    ) -> Result<Incoming, UpstreamError> {
        self.dispatch_as(to, request, None).await
    }

    /// The same with a token that was got for this upstream.
    pub(crate) async fn dispatch_as(
        &self,
        to: &UpstreamId,
        request: Outgoing,
        token: Option<HeaderValue>,
    ) -> Result<Incoming, UpstreamError> {
        let upstream = self.upstreams.get(to).ok_or_else(|| UpstreamError::Unknown { id: to.clone() })?;
        match &upstream.way {
            Way::Builtin(b) => {
                let Outgoing { method, path, headers, body } = request;
                let mut answer = b.answer(&method, &path, &headers, body);
                headers::incoming(answer.status, &mut answer.headers)?;
                Ok(builtin::incoming(answer, upstream.idle))
            }
            Way::Server(s) if s.unarmed => Err(UpstreamError::NoCredential { id: to.clone() }),
            Way::Server(s) => {
                let mut request = s.prepare(request)?;
                if let Some(token) = token {
                    request.headers_mut().insert(AUTHORIZATION, token);
                }
                s.carry(request, upstream.idle).await
            }
        }
    }

    /// Whether a text shows that upstream's credential.
    pub(crate) fn shows_credential(&self, of: &UpstreamId, text: &[u8]) -> bool {
        matches!(self.upstreams.get(of).map(|u| &u.way), Some(Way::Server(s)) if s.own.shown_in(text))
    }

    /// The same for a server whose interface declares cookies: `cookie` is what the declared ones say, composed by the
    /// gateway. A caller's own header of that name never goes out.
    pub(crate) async fn dispatch_with(
        &self,
        to: &UpstreamId,
        request: Outgoing,
        cookie: Option<HeaderValue>,
        token: Option<HeaderValue>,
    ) -> Result<Incoming, UpstreamError> {
        let upstream = self.upstreams.get(to).ok_or_else(|| UpstreamError::Unknown { id: to.clone() })?;
        let (Way::Server(server), Some(cookie)) = (&upstream.way, cookie) else {
            return self.dispatch_as(to, request, token).await;
        };
        if server.unarmed {
            return Err(UpstreamError::NoCredential { id: to.clone() });
        }
        let mut request = server.prepare(request)?;
        request.headers_mut().insert(COOKIE, cookie);
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        server.carry(request, upstream.idle).await
    }
}

impl Server {
    pub(crate) fn new(
        s: &Settings,
        base: &BaseUrl,
        dialer: Dialer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        Ok(Self {
            base: base.clone(),
            own: Own::new(s, base)?,
            dialer,
            pool: Arc::new(Pool::new(s.pool_idle, s.pool_idle_for, clock)),
            head: s.head,
            unarmed: s.auth != AuthStyle::None && s.credential.is_none(),
        })
    }

    pub(crate) async fn exchange(
        &self,
        request: Outgoing,
        idle: Duration,
    ) -> Result<Incoming, UpstreamError> {
        let request = self.prepare(request)?;
        self.carry(request, idle).await
    }

    pub(crate) async fn carry(
        &self,
        request: Request<Full<Bytes>>,
        idle: Duration,
    ) -> Result<Incoming, UpstreamError> {
        if let Some(conn) = self.pool.take() {
            match self.attempt(conn, true, request.clone(), idle).await {
                // The connection had been closed under us, and nothing of the request left: it was surely not
                // processed, so a new connection may have it, whatever its method.
                Err(e) if e.retryable() => {}
                done => return done,
            }
        }
        // Boxed: rare, and large.
        let conn = Box::pin(self.dialer.dial()).await?;
        self.attempt(conn, false, request, idle).await
    }

    pub(crate) fn prepare(&self, request: Outgoing) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let bad = |reason: &str| UpstreamError::BadRequest { reason: reason.to_owned() };
        let Outgoing { method, path, headers, body } = request;
        if method == Method::CONNECT {
            return Err(bad("an upstream is no tunnel"));
        }
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(bad("the path must begin with one slash"));
        }
        let uri: Uri = self.base.join(&path).parse().map_err(|_| bad("the path is not one"))?;
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        // SECURITY: pools and headers belong to one upstream, so this credential meets only connections that
        // were dialled for it.
        let mut headers = self.own.outgoing(headers);
        // Said here rather than left to hyper: what goes out may be a copy, and a copy has room for no more.
        if length > 0 {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn attempt(
        &self,
        mut conn: Conn,
        reused: bool,
        request: Request<Full<Bytes>>,
        idle: Duration,
    ) -> Result<Incoming, UpstreamError> {
        conn.watch.begin(reused);
        let answer = match timeout(self.head, conn.sender.try_send_request(request)).await {
            Err(_) => return Err(UpstreamError::TimeoutHead { limit_ms: self.head.as_millis() }),
            Ok(Err(mut failed)) => {
                let sent = failed.take_message().is_none() && conn.watch.sent();
                return Err(of_head(failed.error(), sent));
            }
            Ok(Ok(answer)) => answer,
        };
        let (mut head, body) = answer.into_parts();
        headers::incoming(head.status, &mut head.headers)?;
        let lease = Lease { conn, pool: self.pool.clone() };
        let body = IncomingBody::network(body, lease, idle);
        Ok(Incoming { status: head.status, headers: head.headers, body })
    }
}
