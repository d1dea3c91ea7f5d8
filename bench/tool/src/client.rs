//! One connection to a target, and what a request over it must bring back.

use crate::prose::Mark;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where requests go, and with which headers.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Credential and what else the target wants.
    pub(crate) headers: HeaderMap,
}

impl Shot {
    /// A target that wants these headers.
    pub(crate) fn new(address: SocketAddr, headers: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut map = HeaderMap::new();
        map.insert(HOST, HeaderValue::from_str(&address.to_string())?);
        map.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            map.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
        Ok(Self { address, headers: map })
    }
}

/// A new connection. Must be made on a `LocalSet`.
pub(crate) async fn connect<B>(address: SocketAddr) -> anyhow::Result<SendRequest<B>>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// A kept connection. Must live on a `LocalSet`.
pub(crate) struct Connection {
    shot: Arc<Shot>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// A connection that is made with the first request.
    pub(crate) const fn new(shot: Arc<Shot>) -> Self {
        Self { shot, sender: None }
    }

    /// Sends a chat request; gives the answer's head.
    pub(crate) async fn send(&mut self, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = hyper::Uri::from_static("/v1/chat/completions");
        self.exchange(request).await
    }

    /// Posts to a path; gives the whole answer, whatever its status.
    pub(crate) async fn post(&mut self, path: &'static str, body: Bytes) -> anyhow::Result<Bytes> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = hyper::Uri::from_static(path);
        Ok(self.exchange(request).await?.into_body().collect().await?.to_bytes())
    }

    /// Gets a path.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = path.parse()?;
        Ok(self.exchange(request).await?.into_body().collect().await?.to_bytes())
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        *request.headers_mut() = self.shot.headers.clone();
        // A kept connection may be closed by the other side just now: what was never sent is sent on a new one, as the
        // pools of real clients do.
        loop {
            let ready = match &mut self.sender {
                Some(sender) => sender.ready().await.is_ok(),
                None => false,
            };
            if !ready {
                let mut sender = connect(self.shot.address).await?;
                sender.ready().await?;
                self.sender = Some(sender);
            }
            let Some(sender) = &mut self.sender else { bail!("no connection") };
            match tokio::time::timeout(PATIENCE, sender.try_send_request(request)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(mut e)) => {
                    self.sender = None;
                    match e.take_message().filter(|_| ready) {
                        Some(unsent) => request = unsent,
                        None => return Err(e.into_error().into()),
                    }
                }
                Err(_) => {
                    self.sender = None;
                    bail!("no answer in {} seconds", PATIENCE.as_secs())
                }
            }
        }
    }

    /// Sends a chat request and checks that its own whole answer comes back.
    pub(crate) async fn ask(&mut self, body: Bytes, mark: &Mark) -> anyhow::Result<()> {
        let answer = self.send(body).await?;
        let status = answer.status();
        let collected = match tokio::time::timeout(PATIENCE, answer.into_body().collect()).await {
            Ok(collected) => collected,
            Err(_) => {
                self.sender = None;
                bail!("the answer stalled")
            }
        };
        let body = collected?.to_bytes();
        if status != 200 {
            bail!("{status}: {}", String::from_utf8_lossy(body.get(..300).unwrap_or(&body)));
        }
        if memchr::memmem::find(&body, mark).is_none() || !complete(&body) {
            bail!("a wrong answer: {}", String::from_utf8_lossy(body.get(..300).unwrap_or(&body)));
        }
        Ok(())
    }
}

/// The text's last words and the object's end are there.
fn complete(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"know what to do.").is_some() && body.trim_ascii_end().ends_with(b"}")
}
