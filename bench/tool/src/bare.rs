//! Forwarding and nothing else, with Cordon's HTTP library and Cordon's threads: what HTTP by itself costs.
//!
//! What Cordon takes beyond it is for reading, judging and recording; what it takes beyond nginx is the library's. With a
//! log, what two grouped syncs for each exchange cost, as every record on the disk before its effect asks for.

use crate::client::{Shot, connect};
use crate::grouped::Log;
use crate::process::Started;
use crate::target::{Place, Target, free_port};
use anyhow::Context as _;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpSocket;

/// Connections that wait to be accepted, as for nginx.
const BACKLOG: u32 = 1024;

/// The target without a log, and with one.
pub(crate) const NAMES: [(&str, bool); 2] = [("bare", false), ("bare-synced", true)];

/// Starts it as a process of its own.
pub(crate) fn start(name: &str, synced: bool, place: &Place<'_>) -> anyhow::Result<Target> {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare").arg(place.upstream.to_string()).arg("--listen").arg(listen.to_string());
    let mut what =
        "hyper's server and client, 2 threads with a runtime and a pool of connections each; nothing is read"
            .to_owned();
    if synced {
        command.arg("--log").arg(place.folder.join("bare-synced.data"));
        what.push_str(
            "; two entries of a log on the disk before each answer (one before a stream), synced in groups",
        );
    }
    let (process, _) = Started::with_line(name, &mut command, &place.folder.join(format!("{name}.log")))?;
    Ok(Target {
        name: name.to_owned(),
        shot: Arc::new(Shot::new(listen, &[])?),
        process: Some(process),
        what,
        version: String::new(),
        config: String::new(),
        guarded: None,
    })
}

/// Serves until the process ends. Prints its address when it accepts.
pub(crate) fn serve(
    listen: SocketAddr,
    upstream: SocketAddr,
    threads: usize,
    log: Option<&Path>,
) -> anyhow::Result<()> {
    let log = log.map(Log::create).transpose()?;
    let mut all = Vec::new();
    for _ in 0..threads.max(1) {
        // Bound before the address is printed: no thread comes too late.
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(listen).context("bare cannot listen")?;
        let log = log.clone();
        all.push(
            std::thread::Builder::new().name("bare".to_owned()).spawn(move || run(socket, upstream, log))?,
        );
    }
    crate::say::line(&listen.to_string());
    for thread in all {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of bare panicked"))??;
    }
    Ok(())
}

fn run(socket: TcpSocket, upstream: SocketAddr, log: Option<Log>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = socket.listen(BACKLOG)?;
        let host = HeaderValue::from_str(&upstream.to_string())?;
        let pool = Rc::new(Pool { upstream, host, log, idle: RefCell::default() });
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let pool = pool.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| forward(pool.clone(), request));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

/// A thread's idle connections to the upstream.
struct Pool {
    upstream: SocketAddr,
    host: HeaderValue,
    log: Option<Log>,
    idle: RefCell<Vec<SendRequest<Incoming>>>,
}

impl Pool {
    async fn take(&self) -> anyhow::Result<SendRequest<Incoming>> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let Some(mut sender) = idle else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        connect(self.upstream).await
    }
}

/// An error closes the caller's connection, who counts it as a failure.
async fn forward(pool: Rc<Pool>, mut request: Request<Incoming>) -> anyhow::Result<Response<Answer>> {
    if let Some(log) = &pool.log {
        log.append().await?;
    }
    let mut sender = pool.take().await?;
    let headers = request.headers_mut();
    headers.remove(CONNECTION);
    headers.insert(HOST, pool.host.clone());
    let response = sender.send_request(request).await?;
    // A stream's second entry would come at its end, when nobody waits for it.
    if let Some(log) = &pool.log
        && response.body().size_hint().exact().is_some()
    {
        log.append().await?;
    }
    Ok(response.map(|body| Answer { body, ended: false, lent: Some((pool, sender)) }))
}

/// An answer on its way. Its connection goes back when all of it was read.
struct Answer {
    body: Incoming,
    /// A stream does not know that it ends before it has.
    ended: bool,
    lent: Option<(Rc<Pool>, SendRequest<Incoming>)>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.is_end_stream()
            && let Some((pool, sender)) = self.lent.take()
        {
            pool.idle.borrow_mut().push(sender);
        }
    }
}
