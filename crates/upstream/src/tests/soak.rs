//! A few thousand requests against a server that closes idle connections whenever it likes: none is lost, and
//! none is processed twice. Idle means that nothing waits to be read: a server that closes on a request which
//! has reached it leaves a request of which nobody can say whether it was processed, and those are not repeated.

use super::{client, id, read, settings};
use crate::Outgoing;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future as _,
    io::ErrorKind,
    os::fd::AsFd as _,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};
use tokio::net::{TcpListener, TcpStream};

const REQUESTS: usize = 4000;
const AT_ONCE: usize = 16;

type Counted = Arc<Mutex<HashMap<Bytes, u32>>>;

#[tokio::test]
async fn nothing_is_lost_and_nothing_happens_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Counted::default();
    let counted = seen.clone();
    let runtime = tokio::runtime::Handle::current();
    let serving = runtime.clone();
    serving.clone().spawn(async move {
        let mut turn: u32 = 1;
        while let Ok((stream, _)) = listener.accept().await {
            // A fixed sequence, so that a failure can be had again.
            turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (requests, delay) = (1 + (turn >> 24) % 60, (turn >> 16) % 40);
            serving.spawn(converse(stream, seen.clone(), requests, delay));
        }
    });
    let (client, _) = client(settings(&format!("http://{address}")));
    let client = Arc::new(client);
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|w| {
            let client = client.clone();
            runtime.spawn(async move {
                for i in 0..REQUESTS / AT_ONCE {
                    let body = Bytes::from(format!("{{\"worker\":{w},\"request\":{i}}}"));
                    let request = Outgoing {
                        method: Method::POST,
                        path: "/v1/messages".into(),
                        headers: HeaderMap::new(),
                        body: body.clone(),
                    };
                    let answer = client.dispatch(&id(), request).await.unwrap();
                    assert_eq!(read(answer).await.unwrap(), body);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let counted = counted.lock().unwrap();
    assert_eq!(counted.len(), REQUESTS);
    assert!(counted.values().all(|n| *n == 1));
}

/// Answers on one connection. After `requests` turns it is awake, and closes `delay` turns later, when it is idle.
async fn converse(stream: TcpStream, seen: Counted, requests: u32, delay: u32) {
    let socket = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned().unwrap());
    let service = hyper::service::service_fn(move |r: Request<hyper::body::Incoming>| {
        let seen = seen.clone();
        async move {
            let body = r.into_body().collect().await.unwrap().to_bytes();
            *seen.lock().unwrap().entry(body.clone()).or_default() += 1;
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let (mut polls, mut closing) = (0, false);
    std::future::poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        polls += 1;
        if polls > requests && !closing {
            cx.waker().wake_by_ref();
            let quiet = matches!(socket.peek(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
            if polls > requests + delay && quiet {
                connection.as_mut().graceful_shutdown();
                closing = true;
                // In the same turn, or a request could come in between.
                return connection.as_mut().poll(cx).map(|_| ());
            }
        }
        Poll::Pending
    })
    .await;
}
