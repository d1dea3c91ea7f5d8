//! A server that the operator asks what it is: `GET` alone, without a credential.
//!
//! What always holds: addresses are judged at the dial, and private ones may be asked since the operator named them,
//! while those of clouds' metadata services, link-local ones and those that are no one host's stay refused; redirects are
//! not followed; an answer is read to a bound, and the rest of it is left. It takes no [`cordon_policy::Permit`]: no
//! caller's bytes go this way, and a request has no body and no header but the gateway's own.

use crate::{
    address::{AddressClass, classify},
    client::{Outgoing, Server, Spawn},
    dial::{Dialer, Roots, System},
    error::UpstreamError,
    headers::{COMPRESSED, TWO_LENGTHS},
    settings::{BaseUrl, Settings, Target},
};
use bytes::Bytes;
use cordon_types::{Clock, UpstreamId};
use http::{HeaderMap, HeaderValue, Method, header};
use rustls_pki_types::CertificateDer;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// How long each part of asking may take.
#[derive(Clone, Copy, Debug)]
pub struct ProbeLimits {
    /// Resolving, connecting and TLS together.
    pub connect: Duration,
    /// From the request to the answer's head, and between two chunks of its body.
    pub answer: Duration,
    /// Most bytes of a body.
    pub body: usize,
}

/// The way to servers that are asked. Belongs to the runtime of its spawner.
pub struct Prober {
    roots: Roots,
    ca: Option<Vec<CertificateDer<'static>>>,
    limits: ProbeLimits,
    spawner: Arc<dyn Spawn>,
    clock: Arc<dyn Clock>,
}

/// One server.
pub struct Probe {
    server: Server,
    limits: ProbeLimits,
}

/// What it answered: the beginning of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The status; never 1xx or 3xx.
    pub status: u16,
    /// The headers, without those that concern the connection only.
    pub headers: HeaderMap,
    /// As much of the body as the limits allow.
    pub body: Vec<u8>,
}

impl Prober {
    /// Reads the system's certificate authorities; `ca` are others beside them.
    #[must_use]
    pub fn new(
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
        ca: Option<Vec<CertificateDer<'static>>>,
        limits: ProbeLimits,
    ) -> Self {
        Self { roots: Roots::system(), ca, limits, spawner, clock }
    }

    /// Why an address would not be asked; `None` when it may be.
    #[must_use]
    pub fn refuses(ip: IpAddr) -> Option<&'static str> {
        match classify(ip) {
            AddressClass::Public | AddressClass::Private | AddressClass::Loopback | AddressClass::Shared => {
                None
            }
            class => Some(class.name()),
        }
    }

    /// The server at `base`. Nothing is connected yet.
    pub fn at(&self, base: &BaseUrl) -> Result<Probe, UpstreamError> {
        let id = UpstreamId::new("probe").map_err(|e| UpstreamError::BadRequest { reason: e.to_string() })?;
        let mut settings = Settings::new(id, Target::Url(base.clone()));
        settings.allow_private = true;
        // SECURITY: an address that is written out, and that one alone. A name never leads to a range that only a list
        // opens, and no list has an address of a metadata service: the class of those is another.
        if let Some(ip) = base.ip().filter(|ip| classify(*ip) == AddressClass::Shared) {
            settings.allow = vec![ip.into()];
        }
        settings.ca.clone_from(&self.ca);
        (settings.connect, settings.head, settings.idle) =
            (self.limits.connect, self.limits.answer, self.limits.answer);
        (settings.retries, settings.pool_idle) = (0, 1);
        let spawner = self.spawner.clone();
        let dialer = Dialer::new(&settings, base, &self.roots, Arc::new(System), spawner)?;
        let server = Server::new(&settings, base, dialer, self.clock.clone())?;
        Ok(Probe { server, limits: self.limits })
    }
}

impl Probe {
    /// Gets `path`, and reads the answer to the bound; the rest of it closes the connection. `None` for an answer that
    /// shows HTTP and no more: a redirect, which is not followed, a compressed body, a head that is too large.
    pub async fn get(&self, path: &'static str) -> Result<Option<Probed>, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        let request = Outgoing { method: Method::GET, path: path.into(), headers, body: Bytes::new() };
        let mut answer = match self.server.exchange(request, self.limits.answer).await {
            Ok(answer) => answer,
            Err(e) if is_http(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut body = Vec::new();
        while let Some(chunk) = answer.body.chunk().await {
            // A stream of events never ends, and a body that breaks off has said enough.
            let Ok(chunk) = chunk else { break };
            let room = self.limits.body.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() >= room {
                break;
            }
        }
        Ok(Some(Probed { status: answer.status.as_u16(), headers: answer.headers, body }))
    }
}

/// What is wrong with an answer, but shows that it was HTTP.
fn is_http(e: &UpstreamError) -> bool {
    match e {
        UpstreamError::Redirect { .. } | UpstreamError::TooLarge => true,
        UpstreamError::BadResponse { reason } => [COMPRESSED, TWO_LENGTHS].contains(&reason.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_types::{Millis, Nanos};
    use std::future::Future;
    use std::pin::Pin;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Millis {
            0
        }

        fn ticks(&self) -> Nanos {
            0
        }
    }

    struct Here;

    impl Spawn for Here {
        fn spawn(&self, _name: &'static str, f: Pin<Box<dyn Future<Output = ()> + Send>>) {
            tokio::runtime::Handle::current().spawn(f);
        }
    }

    fn probe(url: &str) -> Probe {
        let limits = ProbeLimits { connect: Duration::from_secs(5), answer: Duration::from_secs(2), body: 8 };
        let prober = Prober::new(Arc::new(Here), Arc::new(Still), None, limits);
        prober.at(&BaseUrl::parse(url).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn metadata_and_what_is_no_one_host_are_refused() {
        for url in [
            "http://169.254.169.254",
            "http://169.254.1.1:80",
            "http://100.100.100.200",
            "http://168.63.129.16",
            "http://192.0.0.192",
            "http://[fd00:ec2::254]",
            "http://[::ffff:169.254.169.254]",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://[fe80::1]",
            "http://224.0.0.1",
            "http://255.255.255.255",
            "http://0.0.0.0",
            "http://[::]",
        ] {
            let refused = probe(url).get("/").await.unwrap_err();
            assert!(matches!(refused, UpstreamError::AddressRefused { .. }), "{url}: {refused}");
            let base = BaseUrl::parse(url).unwrap();
            assert!(Prober::refuses(base.ip().unwrap()).is_some(), "{url}");
        }
        for ip in ["10.0.0.1", "127.0.0.1", "100.64.0.1", "fd00::1", "1.1.1.1"] {
            assert_eq!(Prober::refuses(ip.parse().unwrap()), None, "{ip}");
        }
    }

    #[tokio::test]
    async fn one_get_without_a_credential_read_to_its_bound() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let served = tokio::task::LocalSet::new();
        served
            .run_until(async move {
                let asked = tokio::task::spawn_local(async move {
                    let (mut asked, mut open) = (Vec::new(), Vec::new());
                    for answer in [
                        &b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nserver: s\r\n\r\n0123456789ab"[..],
                        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
                        // A stream that stalls.
                        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nabc",
                        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
                        b"SSH-2.0-OpenSSH_9\r\n",
                    ] {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        let mut request = vec![0; 4096];
                        let n = stream.read(&mut request).await.unwrap();
                        asked.push(String::from_utf8(request[..n].to_vec()).unwrap());
                        stream.write_all(answer).await.unwrap();
                        if answer.ends_with(b"abc") {
                            open.push(stream);
                        }
                    }
                    asked
                });
                let probe = probe(&url);
                let first = probe.get("/a").await.unwrap().unwrap();
                assert_eq!((first.status, first.body.as_slice()), (200, &b"01234567"[..]));
                assert_eq!(first.headers["server"], "s");
                assert_eq!(probe.get("/b").await.unwrap(), None, "not followed");
                assert_eq!(probe.get("/c").await.unwrap().unwrap().body, b"abc");
                assert_eq!(probe.get("/d").await.unwrap(), None, "not unpacked");
                let other = probe.get("/e").await.unwrap_err();
                assert!(matches!(other, UpstreamError::BadResponse { .. }), "{other}");
                for (text, path) in asked.await.unwrap().iter().zip(["/a", "/b", "/c", "/d", "/e"]) {
                    assert!(text.starts_with(&format!("GET /x{path} HTTP/1.1\r\n")), "{text}");
                    let lower = text.to_ascii_lowercase();
                    for header in ["authorization", "cookie", "api-key", "content-length"] {
                        assert!(!lower.contains(header), "{text}");
                    }
                }
            })
            .await;
    }
}
