//! How the command line reaches a gateway: over the control socket when one runs on the data directory, else on the
//! directory itself, under its lock. Either way the same API answers.

mod offline;

use crate::data::DataDir;
use crate::error::AppError;
use bytes::Bytes;
use cordon_api::{Admin, Operator, Reply, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use cordon_types::Secret;
use std::path::Path;

/// Asks one thing of the API over a data directory, as its owner.
pub fn ask(root: &Path, method: &str, path: &str, body: &str) -> Result<Reply, AppError> {
    ask_as(root, None, method, path, body)
}

/// The same, as the holder of an admin key where one is given.
pub fn ask_as(
    root: &Path,
    key: Option<&Secret>,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Reply, AppError> {
    let socket = root.join("control.sock");
    let bearer = key.map(|k| Secret::new(format!("Bearer {}", k.expose())));
    let bearer = bearer.as_ref().map(Secret::expose);
    match std::os::unix::net::UnixStream::connect(&socket) {
        Ok(stream) => over_socket(stream, bearer, method, path, body)
            .map_err(|e| AppError::file(socket, "asking the running gateway", std::io::Error::other(e))),
        Err(_) => {
            let (dir, _) = DataDir::open(root)?;
            let admin: Admin = offline::admin(dir)?;
            let by = match bearer {
                None => Some(Operator::Owner),
                some => admin.authenticate(some),
            };
            let request = Request { method, path, body: body.as_bytes() };
            Ok(by.map_or_else(
                || Reply::error(401, "no_admin_key", "the key is no admin key in force"),
                |by| admin.handle(&by, &request),
            ))
        }
    }
}

fn over_socket(
    stream: std::os::unix::net::UnixStream,
    bearer: Option<&str>,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Reply, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    stream.set_nonblocking(true).map_err(|e| text(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| text(&e))?;
    runtime.block_on(async {
        let stream = tokio::net::UnixStream::from_std(stream).map_err(|e| text(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| text(&e))?;
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .map_err(|e| text(&e))?;
        if let Some(bearer) = bearer {
            let mut value = http::HeaderValue::from_str(bearer).map_err(|_| "the key is no key".to_owned())?;
            value.set_sensitive(true);
            request.headers_mut().insert(http::header::AUTHORIZATION, value);
        }
        let asking = async {
            let response = sender.send_request(request).await.map_err(|e| text(&e))?;
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.map_err(|e| text(&e))?.to_bytes();
            let body = serde_json::from_slice(&bytes).map_err(|e| text(&e))?;
            Ok(Reply { status, body })
        };
        tokio::select! {
            reply = asking => reply,
            ended = connection => Err(ended.map_or_else(|e| text(&e), |()| "it closed the connection".to_owned())),
        }
    })
}
