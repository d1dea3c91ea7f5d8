//! The built-in model as a server of its own, for tests and comparisons: no gate, no keys, loopback only.

use crate::error::AppError;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;

type Chunks = StreamBody<stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

/// Serves until the process ends; `ready` gets the address. Errors when the address is not a loopback one.
pub fn serve(address: SocketAddr, ready: impl FnOnce(SocketAddr)) -> Result<(), AppError> {
    let failed = |source| AppError::Listen { address: address.to_string(), source };
    if !address.ip().is_loopback() {
        return Err(failed(std::io::Error::other(
            "the built-in model obeys everybody: it listens on loopback only",
        )));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        ready(listener.local_addr().map_err(failed)?);
        let tasks = tokio::task::LocalSet::new();
        tasks
            .run_until(async {
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::task::spawn_local(async move {
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service_fn(answer))
                            .await;
                    });
                }
            })
            .await
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Chunks>, Infallible> {
    let method = request.method().as_str().to_owned();
    let path = crate::builtin::path(request.uri().path(), request.headers());
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let answer = cordon_gullible::answer(&method, &path, &body);
    let (ends, missing) = match answer.end {
        cordon_gullible::End::Clean => (None, 0),
        cordon_gullible::End::Short(missing) => (Some(false), missing),
        cordon_gullible::End::Break => (Some(false), 0),
        cordon_gullible::End::Stall => (Some(true), 0),
    };
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    if missing > 0 {
        let length: usize = answer.chunks.iter().map(Bytes::len).sum();
        response = response.header(header::CONTENT_LENGTH, length as u64 + missing);
    }
    let chunks = stream::unfold((answer.chunks.into_iter(), ends), |(mut chunks, ends)| async move {
        match (chunks.next(), ends) {
            (Some(chunk), _) => Some((Ok(Frame::data(chunk)), (chunks, ends))),
            (None, None) => None,
            (None, Some(false)) => Some((Err(std::io::Error::other("broken on purpose")), (chunks, None))),
            (None, Some(true)) => std::future::pending().await,
        }
    });
    Ok(response.body(StreamBody::new(Box::pin(chunks) as _)).unwrap_or_else(|_| Response::new(empty())))
}

fn empty() -> Chunks {
    StreamBody::new(Box::pin(stream::empty()) as _)
}
