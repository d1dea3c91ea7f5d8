//! `cordon witness`: a witness (C2SP tlog-witness) as a process of its own, with its own directory and keys.
//!
//! ```text
//! logs                the operator's list: `log <vkey>`, one a line     keys/witness.key   its private keys
//! state/heads/<hash>  what was cosigned last, one file a log            keys/witness.pub   its public keys
//! ```
//!
//! What always holds: one process a directory (the lock of `state/`); a cosignature leaves after its checkpoint
//! is durable; a request is bounded in size and time, connections in number. What it does not do: serve reads
//! (tlog-witness's monitoring prefix), speak TLS (put a proxy before it), or know anyone but by a log's key.

use crate::data::{make_dir, read, write_new};
use crate::error::AppError;
use crate::system::{SystemClock, SystemEntropy};
use bytes::Bytes;
use cordon_ledger::witness::{Book, Logs, MAX_REQUEST};
use cordon_ledger::{Algorithm, Signer};
use cordon_store::volume::FileVolume;
use cordon_types::{Clock as _, Entropy as _};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// Longest that a connection may take for a request's head, and for its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 256;
/// What requests in work are given at a stop.
const DRAIN: Duration = Duration::from_secs(5);

const LOGS: &str = "# The logs that this witness cosigns, one a line: log <vkey>, where <vkey> is the log's public key\n\
                    # (a gateway's keys/ledger.pub). After a change: send SIGHUP, or start the witness again.\n";

/// What [`init`] made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The public keys, as they stand in a policy's `witness` lines.
    pub keys: Vec<String>,
    /// The list of logs, to be filled in.
    pub logs: PathBuf,
}

/// Makes a witness's directory: keys and an empty list of logs. Nothing that exists is overwritten.
pub fn init(root: &Path, name: &str, algorithms: &[Algorithm]) -> Result<Made, AppError> {
    own_directory(root)?;
    if root.join("keys/witness.key").exists() {
        return Err(AppError::Witness(format!("{} has a witness's key already", root.display())));
    }
    for dir in ["", "keys"] {
        make_dir(&root.join(dir))?;
    }
    let (mut private, mut public) = (Zeroizing::new(String::new()), Vec::new());
    for algorithm in algorithms {
        let mut seed = Zeroizing::new([0_u8; 32]);
        SystemEntropy.fill(&mut *seed);
        let signer = Signer::generate_with(*algorithm, name, *seed)?;
        private.push_str(&signer.to_text());
        private.push('\n');
        public.push(signer.verifier().to_text());
    }
    let logs = root.join("logs");
    if !logs.exists() {
        write_new(&logs, LOGS.as_bytes())?;
    }
    write_new(&root.join("keys/witness.pub"), format!("{}\n", public.join("\n")).as_bytes())?;
    // Last: it says that the rest is there.
    write_new(&root.join("keys/witness.key"), private.as_bytes())?;
    Ok(Made { keys: public, logs })
}

/// A gateway's directory is not a witness's: whoever holds both can rewrite both.
fn own_directory(root: &Path) -> Result<(), AppError> {
    if root.join("cordon.toml").exists() {
        let text = format!(
            "{} is a gateway's data directory; give the witness its own with `--data-dir`, best on another machine",
            root.display()
        );
        return Err(AppError::Witness(text));
    }
    Ok(())
}

fn signers(root: &Path) -> Result<Vec<Signer>, AppError> {
    let path = root.join("keys/witness.key");
    if !path.exists() {
        let text = format!("{} is not there; make it with `cordon witness init --name NAME`", path.display());
        return Err(AppError::Witness(text));
    }
    let text = Zeroizing::new(read(&path)?);
    let bad =
        |e: cordon_ledger::LedgerError| AppError::BadKeyFile { path: path.clone(), reason: e.to_string() };
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| Signer::from_text(l).map_err(bad)).collect()
}

fn logs(root: &Path) -> Result<Logs, AppError> {
    let path = root.join("logs");
    let text = read(&path)?;
    Logs::parse(text.as_bytes()).map_err(|e| AppError::Witness(format!("{}: {e}", path.display())))
}

/// Where a witness listens, and by which keys it is known.
#[derive(Debug, Clone)]
pub struct Up {
    /// The address.
    pub address: SocketAddr,
    /// Its public keys.
    pub keys: Vec<String>,
    /// How many logs it accepts.
    pub logs: usize,
}

struct Served {
    book: Mutex<Book>,
    clock: SystemClock,
    root: PathBuf,
}

/// Serves until SIGTERM or SIGINT; `ready` is told when it accepts. An address beyond this machine needs the
/// operator's word, `plaintext`.
pub fn serve(
    root: &Path,
    address: SocketAddr,
    plaintext: bool,
    ready: impl FnOnce(Up),
) -> Result<(), AppError> {
    own_directory(root)?;
    if !address.ip().is_loopback() && !plaintext {
        let text = format!(
            "{address} is reachable from beyond this machine, in plain HTTP; listen on 127.0.0.1 behind a TLS proxy, \
             or say `--plaintext-beyond-loopback`"
        );
        return Err(AppError::Witness(text));
    }
    let (signers, logs) = (signers(root)?, logs(root)?);
    let keys = signers.iter().map(|s| s.verifier().to_text()).collect();
    let count = logs.origins().count();
    let book = Book::open(Box::new(FileVolume::open(&root.join("state"))?), logs, signers)?;
    let served =
        Arc::new(Served { book: Mutex::new(book), clock: SystemClock::new(), root: root.to_owned() });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let failed = |source| AppError::Listen { address: address.to_string(), source };
    runtime.block_on(async {
        // Signals are taken before anything listens: a stop that comes early is a stop all the same.
        let take = |kind| signal(kind).map_err(AppError::Thread);
        let signals =
            (take(SignalKind::terminate())?, take(SignalKind::interrupt())?, take(SignalKind::hangup())?);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        ready(Up { address: listener.local_addr().map_err(failed)?, keys, logs: count });
        tokio::task::LocalSet::new().run_until(accept(served, listener, signals)).await;
        Ok(())
    })
}

type Signals = (tokio::signal::unix::Signal, tokio::signal::unix::Signal, tokio::signal::unix::Signal);

async fn accept(served: Arc<Served>, listener: TcpListener, signals: Signals) {
    let (mut terminate, mut interrupt, mut hangup) = signals;
    let open = Rc::new(Cell::new(0_usize));
    let (stop, stopping) = tokio::sync::watch::channel(false);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reload(&served),
            accepted = listener.accept(), if open.get() < MAX_CONNECTIONS => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, most likely: not a reason to spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (served, count, stopping) = (served.clone(), open.clone(), stopping.clone());
                count.set(count.get() + 1);
                tokio::task::spawn_local(async move {
                    connection(served, stream, stopping).await;
                    count.set(count.get() - 1);
                });
            }
            // With all places taken, look again when some may have come free.
            () = tokio::time::sleep(Duration::from_millis(50)), if open.get() >= MAX_CONNECTIONS => {}
        }
    }
    tracing::info!("the witness stops");
    stop.send_replace(true);
    let drained = async {
        while open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

fn reload(served: &Served) {
    match logs(&served.root) {
        Ok(new) => {
            tracing::info!(logs = new.origins().count(), "the list of logs was read anew");
            served.book.lock().unwrap_or_else(PoisonError::into_inner).replace_logs(new);
        }
        Err(error) => tracing::error!(%error, "the list of logs was refused: the old one stays"),
    }
}

async fn connection(
    served: Arc<Served>,
    stream: tokio::net::TcpStream,
    mut stopping: tokio::sync::watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let served = served.clone();
        async move { Ok::<_, Infallible>(answer(served, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = &mut connection => {}
        _ = stopping.wait_for(|s| *s) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(served: Arc<Served>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/add-checkpoint") => {}
        (&Method::GET, "/healthz") => {
            let healthy = served.book.lock().unwrap_or_else(PoisonError::into_inner).healthy();
            let (status, word) = if healthy { (200, "ok\n") } else { (500, "cannot write\n") };
            return build(status, TEXT, word.to_owned());
        }
        (_, "/add-checkpoint") => return build(405, TEXT, "POST it\n".to_owned()),
        _ => return build(404, TEXT, "this witness answers POST /add-checkpoint\n".to_owned()),
    }
    let reading = Limited::new(request.into_body(), MAX_REQUEST).collect();
    let body = match tokio::time::timeout(READ_TIMEOUT, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return build(400, TEXT, "the body is too large or broken\n".to_owned()),
        Err(_) => return build(408, TEXT, "the body took too long\n".to_owned()),
    };
    // Writing waits for the disk: off this thread. The lock makes looking and writing one step.
    let done = tokio::task::spawn_blocking(move || {
        let mut book = served.book.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = book.add(&body, served.clock.now() / 1_000);
        match (&reply.about, reply.status) {
            (Some((origin, size)), 200) => tracing::info!(origin, size, "cosigned"),
            (Some((origin, size)), 422) => tracing::error!(
                origin,
                size,
                why = reply.body.trim_end(),
                "refused: the log shows another history than before"
            ),
            // A log that does not know what was cosigned last asks and is told: nothing is wrong.
            (Some((origin, size)), 409) => tracing::debug!(origin, size, "told the size cosigned last"),
            (Some((origin, size)), status) => tracing::warn!(origin, size, status, "not cosigned"),
            (None, 500) => tracing::error!(why = reply.body.trim_end(), "nothing is cosigned"),
            (None, status) => tracing::debug!(status, "refused"),
        }
        reply
    });
    match done.await {
        Ok(reply) => build(reply.status, reply.content_type, reply.body),
        Err(_) => build(500, TEXT, "the request could not be completed\n".to_owned()),
    }
}

fn build(status: u16, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .body(Full::new(Bytes::from(body)))
        .unwrap_or_default()
}
