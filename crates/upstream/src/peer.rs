//! A server of the operator's that is no model provider: a witness of the ledger.
//!
//! What always holds: the same address checks, TLS and limits as for an upstream; no credential is sent; no
//! redirect is followed; an answer is read to a bound. It takes no [`cordon_policy::Permit`], since no caller's
//! bytes go this way: what is posted is made by Cordon itself (checkpoints and proofs, which hold no content).

use crate::{
    client::{Outgoing, Server, Spawn},
    dial::{Dialer, Roots, System},
    error::UpstreamError,
    settings::{AuthStyle, Settings, Target},
};
use bytes::Bytes;
use cordon_types::Clock;
use http::{HeaderMap, HeaderValue, Method, header};
use std::{sync::Arc, time::Duration};

/// A connection to one such server. Belongs to the runtime of its spawner.
pub struct Peer {
    server: Server,
    idle: Duration,
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Peer {
    /// Checks the settings. Nothing is connected yet. Refuses settings with a credential.
    pub fn new(
        settings: &Settings,
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let wrong =
            |reason: &str| UpstreamError::Settings { id: settings.id.clone(), reason: reason.to_owned() };
        let Target::Url(base) = &settings.target else {
            return Err(wrong("it must be a url"));
        };
        if settings.credential.is_some() || settings.auth != AuthStyle::None {
            return Err(wrong("it takes no credential"));
        }
        let roots = if base.is_tls() { Roots::system() } else { Roots::none() };
        let dialer = Dialer::new(settings, base, &roots, Arc::new(System), spawner)?;
        let server = Server::new(settings, base, dialer, clock)?;
        Ok(Self { server, idle: settings.idle })
    }

    /// Posts text, and reads an answer of at most `most` bytes.
    pub async fn post(
        &self,
        path: &'static str,
        text: String,
        most: usize,
    ) -> Result<PeerAnswer, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let request = Outgoing {
            method: Method::POST,
            path: path.into(),
            headers,
            body: Bytes::from(text.into_bytes()),
        };
        let mut answer = self.server.exchange(request, self.idle).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.body.chunk().await {
            body.extend_from_slice(&chunk?);
            if body.len() > most {
                return Err(UpstreamError::BadResponse { reason: "the answer is too long".to_owned() });
            }
        }
        Ok(PeerAnswer { status: answer.status.as_u16(), body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BaseUrl, Credential};
    use cordon_types::{Millis, Nanos, Secret, UpstreamId};
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

    fn settings(url: &str, allow: &[&str]) -> Settings {
        let mut s =
            Settings::new(UpstreamId::new("witness.0").unwrap(), Target::Url(BaseUrl::parse(url).unwrap()));
        s.allow = allow.iter().map(|n| n.parse().unwrap()).collect();
        s.retries = 0;
        s.connect = Duration::from_secs(5);
        s
    }

    fn peer(url: &str, allow: &[&str]) -> Peer {
        Peer::new(&settings(url, allow), Arc::new(Here), Arc::new(Still)).unwrap()
    }

    #[tokio::test]
    async fn addresses_are_judged_as_an_upstream_s_are() {
        for (url, allow) in [
            ("http://127.0.0.1:9", &[][..]),
            ("http://localhost:9", &[][..]),
            ("http://10.1.2.3:9", &["127.0.0.0/8", "::1/128"][..]),
            ("http://169.254.169.254", &["127.0.0.0/8"][..]),
        ] {
            let refused = peer(url, allow).post("/add-checkpoint", String::new(), 10).await.unwrap_err();
            assert!(matches!(refused, UpstreamError::AddressRefused { .. }), "{url}: {refused}");
        }
    }

    #[tokio::test]
    async fn it_takes_no_credential() {
        let mut s = settings("https://witness.example", &[]);
        s.credential = Some(Credential::new(Secret::new("x".to_owned())));
        assert!(Peer::new(&s, Arc::new(Here), Arc::new(Still)).is_err());
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_bound() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        tokio::task::LocalSet::new()
            .run_until(async move {
                tokio::task::spawn_local(async move {
                    loop {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        let mut request = vec![0; 4096];
                        let n = stream.read(&mut request).await.unwrap();
                        assert!(request[..n].starts_with(b"POST /prefix/add-checkpoint HTTP/1.1\r\n"));
                        let answer =
                            b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\nconnection: close\r\n\r\n700\n";
                        stream.write_all(answer).await.unwrap();
                    }
                });
                let peer = peer(&url, &["127.0.0.0/8"]);
                let answer = peer.post("/add-checkpoint", "old 0\n\n".to_owned(), 4).await.unwrap();
                assert_eq!(answer, PeerAnswer { status: 409, body: b"700\n".to_vec() });
                let refused = peer.post("/add-checkpoint", String::new(), 3).await.unwrap_err();
                assert!(matches!(refused, UpstreamError::BadResponse { .. }), "{refused}");
            })
            .await;
    }
}
