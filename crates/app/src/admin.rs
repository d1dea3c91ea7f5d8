//! The admin side: a loopback listener for those with an admin key, a socket in the data directory for its owner,
//! and the small works that run beside the traffic.

use crate::approvals::Held;
use crate::data::DataDir;
use crate::error::AppError;
use bytes::Bytes;
use cordon_api::{Admin, Operator, Reply, Request};
use cordon_proxy::{Shared, StagedLabels};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// Largest body of an admin request.
const MAX_BODY: usize = 64 * 1024;
/// How often files are looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the age of the epoch of digests is looked at.
const EPOCH_EVERY: Duration = Duration::from_secs(60);
/// How often those turned away are recorded, as counts.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Longest that an admin connection may take for a request.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What the admin thread needs.
pub(crate) struct Side {
    pub(crate) admin: Arc<Admin>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) held: Held,
    pub(crate) registry: Arc<Registry>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) live: Arc<crate::runtime::Live>,
    pub(crate) issuers: Arc<crate::oauth::Issuers>,
}

/// Starts the admin thread; returns the address when it accepts.
pub(crate) fn start(
    address: SocketAddr,
    dir: &DataDir,
    side: Side,
) -> Result<(SocketAddr, PathBuf, JoinHandle<()>), AppError> {
    let failed = |source| AppError::Listen { address: address.to_string(), source };
    let tcp = std::net::TcpListener::bind(address).map_err(failed)?;
    tcp.set_nonblocking(true).map_err(failed)?;
    let bound = tcp.local_addr().map_err(failed)?;
    let path = dir.path("control.sock");
    let unix = control_socket(&path)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let side = Arc::new(side);
    let thread = std::thread::Builder::new()
        .name("cordon-admin".to_owned())
        .spawn(move || runtime.block_on(run(side, tcp, unix)))
        .map_err(AppError::Thread)?;
    Ok((bound, path, thread))
}

/// The owner's socket. The data directory is 0700 and locked by this process, so an old socket is a dead one.
fn control_socket(path: &PathBuf) -> Result<std::os::unix::net::UnixListener, AppError> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(AppError::file(path, "replacing", e)),
    }
    let socket =
        std::os::unix::net::UnixListener::bind(path).map_err(|e| AppError::file(path, "binding", e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| socket.set_nonblocking(true))
        .map_err(|e| AppError::file(path, "protecting", e))?;
    Ok(socket)
}

async fn run(side: Arc<Side>, tcp: std::net::TcpListener, unix: std::os::unix::net::UnixListener) {
    let (Ok(tcp), Ok(unix)) = (TcpListener::from_std(tcp), UnixListener::from_std(unix)) else {
        tracing::error!("the admin listeners could not be started");
        return;
    };
    let mut stop = side.stop.clone();
    let tasks = tokio::task::LocalSet::new();
    tasks
        .run_until(async {
            let works = works(&side);
            tokio::pin!(works);
            loop {
                tokio::select! {
                    _ = stop.wait_for(|s| *s) => return,
                    () = &mut works => return,
                    Ok((stream, _)) = tcp.accept() => {
                        tokio::task::spawn_local(connection(side.clone(), TokioIo::new(stream), None));
                    }
                    Ok((stream, _)) = unix.accept() => {
                        // SECURITY: the directory's mode keeps others out; the peer's user id says so again.
                        let mine = std::fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m));
                        let peer = stream.peer_cred().map(|c| c.uid());
                        match (mine, peer) {
                            (Ok(mine), Ok(peer)) if mine == peer || peer == 0 => {
                                let io = TokioIo::new(stream);
                                tokio::task::spawn_local(connection(side.clone(), io, Some(Operator::Owner)));
                            }
                            _ => tracing::warn!("another user was turned away from the control socket"),
                        }
                    }
                }
            }
        })
        .await;
}

/// What runs beside the traffic: looking at files, recording counts.
async fn works(side: &Arc<Side>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut count = tokio::time::interval(COUNT_EVERY);
    let mut epoch = tokio::time::interval(EPOCH_EVERY);
    loop {
        tokio::select! {
            _ = epoch.tick() => {
                let custodian = side.live.custodian.clone();
                let _ = tokio::task::spawn_blocking(move || custodian.rotate_if_due()).await;
            }
            _ = look.tick() => {
                let reloader = side.live.reloader.clone();
                let _ = tokio::task::spawn_blocking(move || reloader.look()).await;
            }
            () = side.held.queue.woken() => held(side).await,
            () = side.live.pins.woken() => {
                let recording = side.clone();
                let done = tokio::task::spawn_blocking(move || recording.live.pins.record(&recording.shared)).await;
                if let Ok(Err(error)) = done {
                    tracing::error!(%error, "what happened to a server's tools could not be recorded");
                }
            }
            () = side.shared.federation.wanted() => side.issuers.fetch_due(),
            _ = count.tick() => {
                side.held.desk.tick(side.shared.clock.now());
                side.shared.hub.sweep();
                side.issuers.fetch_due();
                for leaf in side.shared.recorder.flush_turned_away(side.shared.clock.now()) {
                    let _ = side.shared.ledger.append(leaf).await;
                }
            }
        }
    }
}

/// Records what happened to held calls, then tells the webhook of those that wait.
async fn held(side: &Arc<Side>) {
    let recording = side.clone();
    let done = tokio::task::spawn_blocking(move || recording.held.queue.record(&recording.shared)).await;
    if let Ok(Err(error)) = done {
        tracing::error!(%error, "held calls could not be recorded");
    }
    for event in side.held.queue.to_tell() {
        let Some(hook) = side.held.webhook.clone() else { continue };
        let names = side.shared.gate.load().catalogue.clone();
        tokio::task::spawn_local(async move { hook.tell(&event, &names).await });
    }
}

async fn connection<T>(side: Arc<Side>, io: TokioIo<T>, owner: Option<Operator>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let service = service_fn(|request| {
        let (side, owner) = (side.clone(), owner.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(side, owner, request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(io, service)
        .await;
}

async fn answer(
    side: Arc<Side>,
    owner: Option<Operator>,
    request: http::Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/healthz" => return text(200, "ok\n"),
        "/readyz" => {
            let ready = side.shared.ledger.healthy() && !*side.shared.draining.borrow();
            let (status, word) = if ready { (200, "ok\n") } else { (503, "not ready\n") };
            // A witness that is away does not make the gateway unready: the detail is for people.
            if request.uri().query() != Some("verbose") {
                return text(status, word);
            }
            let detail = format!("{word}{}\n", side.live.ready_detail());
            return build(status, "text/plain; charset=utf-8", detail.into());
        }
        _ => {}
    }
    // SECURITY: a page in a browser can send a request here, but not with an admin key; and a name that was rebound
    // to this address shows in `Host`.
    if owner.is_none() && !local_host(&request) {
        return json(&Reply::error(421, "wrong_host", "the admin listener answers to its address only"));
    }
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    // A credential counts over the socket too: where two people must allow a call, one of them shows a key.
    let by = match (authorization, owner) {
        (None, Some(owner)) => Some(owner),
        (authorization, _) => side.admin.authenticate(authorization),
    };
    let Some(by) = by else {
        return json(&Reply::error(401, "no_admin_key", "send an admin key as `Authorization: Bearer ...`"));
    };
    let method = request.method().as_str().to_owned();
    if path == "/metrics" && method == "GET" {
        return metrics(&side);
    }
    let reading = Limited::new(request.into_body(), MAX_BODY).collect();
    let body = match tokio::time::timeout(READ_TIMEOUT, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        _ => return json(&Reply::error(413, "bad_body", "the body is over 64 KiB, broken or too slow")),
    };
    let handled = tokio::task::spawn_blocking(move || {
        side.admin.handle(&by, &Request { method: &method, path: &path, body: &body })
    });
    json(
        &handled
            .await
            .unwrap_or_else(|_| Reply::error(500, "internal_error", "the request could not be completed")),
    )
}

fn local_host(request: &http::Request<Incoming>) -> bool {
    let Some(host) = request.headers().get(header::HOST).and_then(|v| v.to_str().ok()) else { return false };
    let name = host.parse::<http::uri::Authority>().map(|a| a.host().to_owned()).unwrap_or_default();
    name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

fn metrics(side: &Side) -> Response<Full<Bytes>> {
    let mut text_out = String::new();
    let differences = side.shared.gate.load().lasting.differences.all();
    side.shared.metrics.staged(differences.into_iter().map(|(d, t)| {
        (StagedLabels { agent: d.agent.to_string(), enforced: d.enforced, staged: d.staged }, t.count)
    }));
    match prometheus_client::encoding::text::encode(&mut text_out, &side.registry) {
        Ok(()) => build(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text_out.into()),
        Err(_) => text(500, "metrics could not be written\n"),
    }
}

fn text(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    build(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

fn json(reply: &Reply) -> Response<Full<Bytes>> {
    build(reply.status, "application/json", Bytes::from(reply.body.to_string()))
}

fn build(status: u16, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header("x-content-type-options", "nosniff")
        .body(Full::new(body))
        .unwrap_or_default()
}
