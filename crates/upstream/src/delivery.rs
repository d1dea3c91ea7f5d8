//! The operator's own receivers: collectors, log servers, object stores. Records and copies of the ledger go there, and
//! to a cloud's inventory a query that Cordon itself makes; archives of advisories come from the operator's mirror.
//!
//! What always holds: addresses are judged and connected to as for upstreams (private and loopback ones are usual
//! here; metadata and link-local ones stay refused), redirects are not followed, a credential goes to the one host
//! that it was given for.
//!
//! SECURITY: nothing that a caller sent or was answered goes this way. That is why it needs no `Permit`: there is
//! nothing to judge. It is a type of its own, made from an address that the operator gave, and knows no upstream.

use crate::{
    body::Incoming,
    client::{Outgoing, Server, Spawn},
    dial::{Dialer, Roots, System},
    error::{Phase, UpstreamError},
    oauth::Bearer,
    settings::{BaseUrl, Settings, Target},
};
use cordon_types::Clock;
use http::{HeaderValue, header::AUTHORIZATION};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UdpSocket,
    time::timeout,
};

/// A receiver that speaks HTTP.
pub struct Delivery {
    server: Server,
    idle: Duration,
}

/// A receiver that takes a stream of bytes, or datagrams.
pub struct Line {
    dialer: Dialer,
    idle: Duration,
}

/// Most bytes that a receiver may say while a stream is closed; none is expected.
const MOST_SAID: usize = 64 * 1024;

fn base(settings: &Settings) -> Result<&BaseUrl, UpstreamError> {
    match &settings.target {
        Target::Url(base) => Ok(base),
        Target::Builtin(_) => {
            Err(UpstreamError::Settings { id: settings.id.clone(), reason: "a receiver is a server".into() })
        }
    }
}

fn roots(base: &BaseUrl) -> Roots {
    if base.is_tls() { Roots::system() } else { Roots::none() }
}

impl Delivery {
    /// Checks the settings. Nothing is connected yet.
    pub fn new(s: &Settings, spawner: Arc<dyn Spawn>, clock: Arc<dyn Clock>) -> Result<Self, UpstreamError> {
        let base = base(s)?;
        let dialer = Dialer::new(s, base, &roots(base), Arc::new(System), spawner)?;
        Ok(Self { server: Server::new(s, base, dialer, clock)?, idle: s.idle })
    }

    /// Sends a request. `authorization` is one that was made for this very request (a signature over it), where the
    /// settings have none. A status of 4xx or 5xx is an answer, not an error.
    pub async fn send(
        &self,
        request: Outgoing,
        authorization: Option<HeaderValue>,
    ) -> Result<Incoming, UpstreamError> {
        let mut request = self.server.prepare(request)?;
        if let Some(mut value) = authorization {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        self.server.carry(request, self.idle).await
    }

    /// The same with a token that was got for this receiver. Let the settings say `tokens`, so that none goes out in the
    /// clear.
    pub async fn send_as(&self, request: Outgoing, bearer: &Bearer) -> Result<Incoming, UpstreamError> {
        self.send(request, Some(bearer.header())).await
    }
}

impl Line {
    /// Checks the settings. Nothing is connected yet.
    pub fn new(s: &Settings, spawner: Arc<dyn Spawn>) -> Result<Self, UpstreamError> {
        let base = base(s)?;
        let dialer = Dialer::speaking(&[], s, base, &roots(base), Arc::new(System), spawner)?;
        Ok(Self { dialer, idle: s.idle })
    }

    /// Sends bytes on a connection of their own, says that nothing more comes, and waits until the other side has
    /// closed too: by then it has read them all. A protocol without acknowledgements has no better sign.
    pub async fn stream(&self, bytes: &[u8]) -> Result<(), UpstreamError> {
        let (mut socket, _watch) = self.dialer.line().await?;
        let broke = |sent| {
            move |e: io::Error| UpstreamError::Reset {
                phase: if sent { Phase::InBody } else { Phase::BeforeHead },
                reason: e.to_string(),
            }
        };
        let write = async {
            socket.write_all(bytes).await.map_err(broke(false))?;
            socket.flush().await.map_err(broke(false))?;
            socket.shutdown().await.map_err(broke(false))
        };
        self.within(write).await?;
        let read = async {
            let mut said = Vec::new();
            // An end without TLS's closing note is an end here: nothing of theirs is used.
            match (&mut socket).take(MOST_SAID as u64).read_to_end(&mut said).await {
                Ok(_) => Ok(()),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                Err(e) => Err(broke(true)(e)),
            }
        };
        self.within(read).await
    }

    /// Sends datagrams, in order. Nobody says whether they arrive.
    pub async fn datagrams(&self, messages: &[Vec<u8>]) -> Result<(), UpstreamError> {
        let failed = |e: io::Error| UpstreamError::Reset { phase: Phase::BeforeSend, reason: e.to_string() };
        let addresses = self.dialer.addresses().await?;
        let Some(to) = addresses.first() else { return Ok(()) };
        let any = if to.is_ipv4() {
            SocketAddr::from(([0, 0, 0, 0], 0))
        } else {
            SocketAddr::from(([0_u16; 8], 0))
        };
        let socket = UdpSocket::bind(any).await.map_err(failed)?;
        socket.connect(to).await.map_err(failed)?;
        for message in messages {
            self.within(async { socket.send(message).await.map_err(failed) }).await?;
        }
        Ok(())
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, UpstreamError>>,
    ) -> Result<T, UpstreamError> {
        let late = |_| UpstreamError::TimeoutIdle { limit_ms: self.idle.as_millis() };
        timeout(self.idle, Box::pin(work)).await.map_err(late)?
    }
}
