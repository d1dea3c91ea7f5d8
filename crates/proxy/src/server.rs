//! Listening: one accept loop a thread, HTTP/1.1 and HTTP/2, TLS where configured, a graceful drain.

use crate::busy::{Busy, Held, Seen, Work};
use crate::io::Guarded;
use crate::service;
use crate::worker::Worker;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, interval_at, timeout};
use tokio_rustls::TlsAcceptor;

/// Spawns a connection's task where drain knows of it.
pub type Spawner = Arc<dyn Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync>;

/// Accepts until the drain begins. Every connection becomes one task.
pub async fn serve(worker: Arc<Worker>, listener: TcpListener, tls: Option<TlsAcceptor>, spawn: Spawner) {
    let mut draining = worker.shared.draining.clone();
    let mut told: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            _ = draining.wait_for(|d| *d) => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come free instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if worker.shared.connections.fetch_add(1, Ordering::Relaxed) >= worker.shared.limits.connections {
            worker.shared.connections.fetch_sub(1, Ordering::Relaxed);
            // Once a second at most: whoever floods connections must not flood the log as well.
            if told.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                told = Some(Instant::now());
                tracing::warn!("connections are closed at once: the limit `limits.connections` is reached");
            }
            continue;
        }
        let counted = Counted(worker.clone());
        let tls = tls.clone();
        spawn(Box::pin(async move {
            connection(&counted.0, stream, tls).await;
        }));
    }
}

/// Gives the connection's place back, however it ends.
struct Counted(Arc<Worker>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(worker: &Arc<Worker>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let limits = worker.shared.limits;
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let work = Arc::new(Work::default());
    match tls {
        None => http(worker, Guarded::new(stream, limits.write_idle, work.clone()), work).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(limits.header_read, acceptor.accept(stream)).await {
                http(worker, Guarded::new(stream, limits.write_idle, work.clone()), work).await;
            }
        }
    }
}

async fn http<T>(worker: &Arc<Worker>, io: T, work: Arc<Work>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let limits = worker.shared.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Its timer may end a connection whose next request waits in the kernel already; ours looks first.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes.max(8_192))
        .max_headers(limits.headers)
        // `pipeline_flush` stays off: with it, an answer is not sent while bytes wait behind its request, so that one
        // who sends a broken request behind a good one, or a head over the limits, is closed without a word.
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(32_768))
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20));
    let service = service_fn(|request: http::Request<_>| {
        let (worker, work) = (worker.clone(), work.clone());
        let busy = Busy::enter(&work, request.version());
        // Boxed: hyper keeps a future's room as long as a connection. In place: `Box::pin` copies all of that room.
        Box::into_pin(Box::write(Box::new_uninit(), async move {
            let answer = service::handle(worker, &work, request).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Held::new(body, busy)))
        }))
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut draining = worker.shared.draining.clone();
    let allowed = (limits.header_read, limits.idle);
    let pause = limits.header_read.min(limits.idle) / 2;
    let mut look = interval_at(Instant::now() + pause, pause);
    let (mut seen, mut asked) = (Seen::new(Instant::now()), false);
    loop {
        tokio::select! {
            // The connection first: it may have read a request when the others' time has come.
            biased;
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|d| *d) => break,
            _ = look.tick() => {}
        }
        if work.not_taken_for(limits.write_idle) {
            return;
        }
        if !work.idle_for(&mut seen, Instant::now(), allowed) {
            asked = false;
            continue;
        }
        if asked {
            return;
        }
        // A loaded thread hears of bytes late. What has come by now is read before anything is closed.
        tokio::task::yield_now().await;
        if poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx))).await.is_ready() {
            return;
        }
        if work.idle_for(&mut seen, Instant::now(), allowed) {
            connection.as_mut().graceful_shutdown();
            asked = true;
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
