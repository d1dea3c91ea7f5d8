//! The demo's caller: real HTTP over loopback, one connection a request, as an official client would send it.
//!
//! What always holds: nothing here waits for ever. What it does not do: judge what came back.

use super::answer::Answer;
use crate::error::AppError;
use bytes::Bytes;
use cordon_types::Dialect;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// Longest that one call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer that the demo reads, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// See the module.
pub(super) struct Caller {
    runtime: Runtime,
    tasks: LocalSet,
    address: SocketAddr,
}

/// An answer of which the head has come.
pub(super) struct Open {
    dialect: Dialect,
    head: http::response::Parts,
    body: Incoming,
    read: Vec<u8>,
    broken: bool,
}

impl Caller {
    pub(super) fn new(address: SocketAddr) -> Result<Self, AppError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
        Ok(Self { runtime, tasks: LocalSet::new(), address })
    }

    /// Sends a call and reads the whole answer.
    pub(super) fn send(&self, dialect: Dialect, key: Option<&str>, body: &Value) -> Result<Answer, AppError> {
        let open = self.open(dialect, key, body)?;
        self.rest(open)
    }

    /// Sends a call and reads the answer's head.
    pub(super) fn open(&self, dialect: Dialect, key: Option<&str>, body: &Value) -> Result<Open, AppError> {
        let request = request(self.address, dialect, key, body)?;
        self.within(async {
            let stream = TcpStream::connect(self.address).await.map_err(|e| failed(&e))?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
            tokio::task::spawn_local(async {
                // How a connection ended shows in the body that it carried.
                let _ = connection.await;
            });
            let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
            let (head, body) = response.into_parts();
            Ok(Open { dialect, head, body, read: Vec::new(), broken: false })
        })
    }

    /// Reads on until the answer so far holds `text`; false when it ends before.
    pub(super) fn until(&self, open: &mut Open, text: &str) -> Result<bool, AppError> {
        self.within(async {
            loop {
                if String::from_utf8_lossy(&open.read).contains(text) {
                    return Ok(true);
                }
                if !open.more().await? {
                    return Ok(false);
                }
            }
        })
    }

    /// Reads the answer to its end.
    pub(super) fn rest(&self, mut open: Open) -> Result<Answer, AppError> {
        self.within(async {
            while open.more().await? {}
            Ok(Answer::read(open.dialect, &open.head, &open.read, open.broken))
        })
    }

    fn within<T>(&self, doing: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
        self.tasks.block_on(&self.runtime, async {
            tokio::time::timeout(PATIENCE, doing)
                .await
                .unwrap_or_else(|_| Err(AppError::Demo("the gateway took over 20 seconds".to_owned())))
        })
    }
}

impl Open {
    /// Reads one more piece; false at the end.
    async fn more(&mut self) -> Result<bool, AppError> {
        match self.body.frame().await {
            None => Ok(false),
            Some(Err(_)) => {
                self.broken = true;
                Ok(false)
            }
            Some(Ok(frame)) => {
                self.read.extend_from_slice(frame.data_ref().map_or(&[], Bytes::as_ref));
                if self.read.len() > MAX_ANSWER {
                    return Err(AppError::Demo("an answer was larger than 1 MiB".to_owned()));
                }
                Ok(true)
            }
        }
    }
}

fn request(
    address: SocketAddr,
    dialect: Dialect,
    key: Option<&str>,
    body: &Value,
) -> Result<Request<Full<Bytes>>, AppError> {
    let (path, scheme, name) = match dialect {
        Dialect::OpenaiChat | Dialect::Mcp => ("/v1/chat/completions", "Bearer ", header::AUTHORIZATION),
        Dialect::AnthropicMessages => ("/v1/messages", "", header::HeaderName::from_static("x-api-key")),
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json");
    if dialect == Dialect::AnthropicMessages {
        request = request.header("anthropic-version", "2023-06-01");
    }
    if let Some(key) = key {
        request = request.header(name, format!("{scheme}{key}"));
    }
    request.body(Full::new(Bytes::from(body.to_string()))).map_err(|e| failed(&e))
}

fn failed(error: &dyn std::fmt::Display) -> AppError {
    AppError::Demo(error.to_string())
}
