//! From a name to a connection: resolve, judge every address, connect to exactly a judged one, encrypt.

use crate::{
    address::{AddressClass, classify, permitted},
    client::Spawn,
    error::UpstreamError,
    io::{Socket, Watch},
    pool::Conn,
    settings::{BaseUrl, Settings},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Most bytes of an answer's head; also the most that is read ahead of the body's reader.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most headers in an answer.
const MAX_HEADERS: usize = 128;
/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;
/// Before the first retry of a failed connection; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

pub(crate) type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Turns a name into addresses. The system's resolver, but for tests.
pub(crate) trait Resolve: Send + Sync {
    fn resolve(&self, host: &str, port: u16) -> Resolved;
}

/// The system's resolver.
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> Resolved {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Makes connections to one upstream.
pub(crate) struct Dialer {
    base: BaseUrl,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    allow_private: bool,
    allow: Vec<ipnet::IpNet>,
    /// A credential would go out in the clear.
    bare_credential: bool,
    limit: Duration,
    retries: u8,
    resolver: Arc<dyn Resolve>,
    spawner: Arc<dyn Spawn>,
}

impl Dialer {
    pub(crate) fn new(
        s: &Settings,
        base: &BaseUrl,
        roots: &Roots,
        resolver: Arc<dyn Resolve>,
        spawner: Arc<dyn Spawn>,
    ) -> Result<Self, UpstreamError> {
        Self::speaking(&[b"http/1.1"], s, base, roots, resolver, spawner)
    }

    /// The same for a server that speaks one of these protocols (RFC 7301), or any where there are none.
    pub(crate) fn speaking(
        protocols: &[&[u8]],
        s: &Settings,
        base: &BaseUrl,
        roots: &Roots,
        resolver: Arc<dyn Resolve>,
        spawner: Arc<dyn Spawn>,
    ) -> Result<Self, UpstreamError> {
        let wrong = |reason: String| UpstreamError::Settings { id: s.id.clone(), reason };
        let tls = if base.is_tls() {
            let name = ServerName::try_from(base.host().to_owned())
                .map_err(|_| wrong("the host is no name that a certificate can carry".into()))?;
            Some((roots.connector(s, protocols).map_err(wrong)?, name))
        } else {
            None
        };
        let bare_credential = tls.is_none() && (s.credential.is_some() || s.tokens);
        if bare_credential && !s.allow_private && s.allow.is_empty() {
            return Err(wrong(
                "a credential would cross the network in the clear: use https, or set `allow_private` for a \
                 server on a trusted network"
                    .into(),
            ));
        }
        Ok(Self {
            base: base.clone(),
            tls,
            allow_private: s.allow_private,
            allow: s.allow.clone(),
            bare_credential,
            limit: s.connect,
            retries: s.retries,
            resolver,
            spawner,
        })
    }

    /// A new connection. Failing to connect is tried again as often as the settings say; nothing was sent yet.
    pub(crate) async fn dial(&self) -> Result<Conn, UpstreamError> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.retries {
            match self.once().await {
                Err(UpstreamError::Connect { .. }) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause = pause.saturating_mul(2);
        }
        self.once().await
    }

    /// A new connection on which nothing has been said.
    pub(crate) async fn line(&self) -> Result<(Socket, Arc<Watch>), UpstreamError> {
        let connecting = Box::pin(self.connect());
        timeout(self.limit, connecting)
            .await
            .map_err(|_| UpstreamError::TimeoutConnect { limit_ms: self.limit.as_millis() })?
    }

    async fn once(&self) -> Result<Conn, UpstreamError> {
        let speaking = Box::pin(async {
            let (socket, watch) = self.connect().await?;
            self.speak(socket, watch).await
        });
        timeout(self.limit, speaking)
            .await
            .map_err(|_| UpstreamError::TimeoutConnect { limit_ms: self.limit.as_millis() })?
    }

    async fn connect(&self) -> Result<(Socket, Arc<Watch>), UpstreamError> {
        let addresses = self.addresses().await?;
        // Addresses share the time, so that a dead first one does not use it up.
        let share = self.limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut last = None;
        for address in addresses {
            let failed = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.encrypt(stream).await,
                Ok(Err(e)) => e.to_string(),
                Err(_) => "it took too long".to_owned(),
            };
            last = Some(UpstreamError::Connect { address, reason: failed });
        }
        Err(last.unwrap_or_else(|| self.unresolved("it has no address")))
    }

    /// The upstream's addresses, each judged.
    ///
    /// SECURITY: one refused address refuses them all. A name that stands for a public and an inner address at
    /// once is an attack or a mistake, and neither should work half of the time. What is judged here is what
    /// is connected to: there is no second resolution.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, UpstreamError> {
        let mut found = match self.base.ip() {
            Some(ip) => vec![SocketAddr::new(ip, self.base.port())],
            None => self
                .resolver
                .resolve(self.base.host(), self.base.port())
                .await
                .map_err(|e| self.unresolved(&e.to_string()))?,
        };
        if found.is_empty() {
            return Err(self.unresolved("it has no address"));
        }
        for address in &found {
            self.judge(address.ip())?;
        }
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }

    fn judge(&self, ip: IpAddr) -> Result<(), UpstreamError> {
        permitted(ip, self.allow_private, &self.allow)
            .map_err(|class| UpstreamError::AddressRefused { address: ip, class: class.name() })?;
        let listed = self.allow.iter().any(|net| net.contains(&ip));
        if self.bare_credential && !listed && classify(ip) == AddressClass::Public {
            let class = "public, and the credential would be in the clear";
            return Err(UpstreamError::AddressRefused { address: ip, class });
        }
        Ok(())
    }

    async fn encrypt(&self, stream: TcpStream) -> Result<(Socket, Arc<Watch>), UpstreamError> {
        // Requests are written whole; waiting for more to send would only add to the latency.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => Ok(Socket::plain(stream)),
            Some((connector, name)) => Socket::tls(stream, connector, name.clone())
                .await
                .map_err(|e| UpstreamError::Tls { host: self.base.host().to_owned(), reason: e.to_string() }),
        }
    }

    async fn speak(&self, socket: Socket, watch: Arc<Watch>) -> Result<Conn, UpstreamError> {
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|e| crate::body::of_head(&e, false))?;
        // Its errors reach the request that was on it, if there was one.
        self.spawner.spawn("upstream-connection", Box::pin(async move { drop(connection.await) }));
        Ok(Conn { sender, watch })
    }

    fn unresolved(&self, reason: &str) -> UpstreamError {
        UpstreamError::Resolve { host: self.base.host().to_owned(), reason: reason.to_owned() }
    }
}

/// The system's certificate authorities, read once for all upstreams of a client.
pub(crate) struct Roots(RootCertStore);

impl Roots {
    pub(crate) fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Those that can be read; a certificate that cannot be parsed is left out.
    pub(crate) fn system() -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(store)
    }

    fn connector(&self, s: &Settings, protocols: &[&[u8]]) -> Result<TlsConnector, String> {
        let mut store = self.0.clone();
        for certificate in s.ca.iter().flatten() {
            store
                .add(certificate.clone())
                .map_err(|e| format!("a certificate under `ca` cannot be used: {e}"))?;
        }
        if store.is_empty() {
            return Err(
                "there is no certificate authority: install the system's (`ca-certificates`), or set `ca`"
                    .into(),
            );
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
