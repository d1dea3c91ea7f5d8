//! The threads of the model path: one runtime a core, each with its own listener (SO_REUSEPORT) and upstream pool.

use crate::error::AppError;
use cordon_proxy::{Shared, Worker};
use cordon_types::{Clock, ServerId};
use cordon_upstream::{Client, Settings, Spawn, ToolServers};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// How often idle upstream connections are looked at.
const EXPIRE_EVERY: Duration = Duration::from_secs(15);

/// Spawns on one runtime, and counts what it spawned, so that drain knows of every task.
pub(crate) struct Tracked {
    handle: Handle,
    alive: Arc<AtomicUsize>,
}

impl Tracked {
    fn start(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let alive = Alive::new(&self.alive);
        self.handle.spawn(async move {
            let _alive = alive;
            future.await;
        });
    }
}

impl Spawn for Tracked {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // Connections to upstreams are not waited for at drain: they end with the exchanges that hold them.
        self.handle.spawn(future);
    }
}

struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One running thread.
pub(crate) struct Thread {
    pub(crate) worker: Arc<Worker>,
    spawner: Arc<Tracked>,
    join: JoinHandle<()>,
}

impl Thread {
    /// Waits for the thread's end.
    pub(crate) fn join(self) {
        let _ = self.join.join();
    }

    /// Begins to ask tool servers what they declare; ends at a drain.
    pub(crate) fn watch(&self) {
        self.spawner.start(Box::pin(cordon_proxy::mcp::watch(self.worker.clone())));
    }

    /// A client with these upstreams for this thread.
    pub(crate) fn client(&self, settings: Vec<Settings>, clock: Arc<dyn Clock>) -> Result<Client, AppError> {
        Ok(Client::new(settings, self.spawner.clone(), clock)?)
    }

    /// The ways to these tool servers for this thread.
    pub(crate) fn tools(
        &self,
        settings: Vec<(ServerId, Settings)>,
        clock: Arc<dyn Clock>,
    ) -> Result<ToolServers, AppError> {
        Ok(ToolServers::new(settings, self.spawner.clone(), clock)?)
    }
}

/// What a thread needs to start.
pub(crate) struct Plan {
    pub(crate) shared: Arc<Shared>,
    pub(crate) upstreams: Vec<Settings>,
    pub(crate) tools: Vec<(ServerId, Settings)>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) drain: Duration,
}

/// Binds the listeners of all threads. Port 0 is chosen once, by the first.
pub(crate) fn bind(
    address: SocketAddr,
    threads: usize,
) -> Result<(SocketAddr, Vec<std::net::TcpListener>), AppError> {
    let failed = |source| AppError::Listen { address: address.to_string(), source };
    // SO_REUSEPORT would let a stranger's process of the same user share the port, and hide that it is taken:
    // a plain bind first says whether it is free.
    if address.port() != 0 {
        drop(std::net::TcpListener::bind(address).map_err(failed)?);
    }
    let mut bound = address;
    let mut listeners = Vec::with_capacity(threads);
    for _ in 0..threads {
        let domain = socket2::Domain::for_address(bound);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).map_err(failed)?;
        socket.set_reuse_address(true).map_err(failed)?;
        socket.set_reuse_port(true).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        socket.bind(&bound.into()).map_err(failed)?;
        socket.listen(1_024).map_err(failed)?;
        let listener = std::net::TcpListener::from(socket);
        bound = listener.local_addr().map_err(failed)?;
        listeners.push(listener);
    }
    Ok((bound, listeners))
}

/// Starts one thread; returns when it accepts.
pub(crate) fn start(index: usize, listener: std::net::TcpListener, plan: Plan) -> Result<Thread, AppError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let alive = Arc::new(AtomicUsize::new(0));
    let spawner = Arc::new(Tracked { handle: runtime.handle().clone(), alive: alive.clone() });
    let client = Client::new(plan.upstreams, spawner.clone(), plan.clock.clone())?;
    let tools = ToolServers::new(plan.tools, spawner.clone(), plan.clock)?;
    let worker = Arc::new(Worker::new(plan.shared, client, tools, spawner.clone()));
    // Not tracked: it never ends, and a drain must not wait for it. It ends with its runtime.
    runtime.handle().spawn(cordon_ledger::Courier::default());
    let (mine, tracked) = (worker.clone(), spawner.clone());
    let (ready, is_ready) = oneshot::channel::<Result<(), std::io::Error>>();
    let join = std::thread::Builder::new()
        .name(format!("cordon-{index}"))
        .spawn(move || {
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(e) => return drop(ready.send(Err(e))),
                };
                if ready.send(Ok(())).is_err() {
                    return;
                }
                let spawn: cordon_proxy::Spawner = Arc::new(move |future| tracked.start(future));
                let tidy = mine.clone();
                tokio::select! {
                    () = cordon_proxy::serve(mine, listener, plan.tls, spawn) => {}
                    () = expire(&tidy) => {}
                }
                drain(&alive, plan.drain).await;
            });
        })
        .map_err(AppError::Thread)?;
    match is_ready.blocking_recv() {
        Ok(Ok(())) => Ok(Thread { worker, spawner, join }),
        Ok(Err(e)) => Err(AppError::Thread(e)),
        Err(_) => Err(AppError::Thread(std::io::Error::other("it ended at once"))),
    }
}

/// Lets go of idle upstream connections while there is no traffic to do it by the way. Never ends.
async fn expire(worker: &Worker) {
    let mut tick = tokio::time::interval(EXPIRE_EVERY);
    loop {
        tick.tick().await;
        worker.expire_idle();
    }
}

/// Waits for the connections' tasks, at most for the drain time.
async fn drain(alive: &AtomicUsize, limit: Duration) {
    let end = tokio::time::Instant::now() + limit;
    while alive.load(Ordering::Relaxed) > 0 && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left = alive.load(Ordering::Relaxed);
    if left > 0 {
        tracing::warn!(left, "the drain time is over; connections still open are closed");
    }
}
