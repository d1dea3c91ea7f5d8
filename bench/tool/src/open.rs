//! The open loop: requests leave at a fixed rate, whether or not earlier ones were answered; latency counts from the
//! moment at which a request was due, so that a stall cannot hide the requests that it held up.

use crate::client::{Connection, Shot};
use crate::clock;
use crate::closed::{Seen, texts};
use crate::process;
use crate::prose::{self, Request};
use anyhow::Context as _;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Most requests of one thread under way at once; beyond it they wait, and their latency says so.
const MOST: usize = 512;

/// An open loop to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Requests a second.
    pub(crate) rate: u64,
    /// Bytes of text in a prompt.
    pub(crate) bytes: usize,
    /// Before it counts.
    pub(crate) warm: Duration,
    /// While it counts.
    pub(crate) time: Duration,
    /// Threads of the load.
    pub(crate) threads: usize,
}

/// Runs it.
pub(crate) fn run(shot: &Arc<Shot>, plan: Plan) -> anyhow::Result<Seen> {
    run_counting(shot, plan, &Arc::default())
}

/// Runs it; `right` counts right answers as they come.
pub(crate) fn run_counting(shot: &Arc<Shot>, plan: Plan, right: &Arc<AtomicU64>) -> anyhow::Result<Seen> {
    let threads = u64::try_from(plan.threads.max(1)).unwrap_or(1);
    let texts = Arc::new(texts(plan.bytes, false));
    let start = clock::now() + 50_000_000;
    let mut joins = Vec::new();
    for t in 0..threads {
        let (shot, texts, right) = (shot.clone(), texts.clone(), right.clone());
        // Each thread takes every `threads`th moment.
        let first = start + t * 1_000_000_000 / plan.rate;
        let every = threads * 1_000_000_000 / plan.rate;
        let name = std::thread::Builder::new().name("load".to_owned());
        joins.push(name.spawn(move || {
            thread(Lane { shot, texts, right, first, every, lane: t, lanes: threads }, plan)
        })?);
    }
    let mut seen = Seen::default();
    for join in joins {
        seen.merge(join.join().map_err(|_| anyhow::anyhow!("a load thread panicked"))??);
    }
    Ok(seen)
}

struct Lane {
    shot: Arc<Shot>,
    texts: Arc<Vec<Request>>,
    right: Arc<AtomicU64>,
    first: u64,
    every: u64,
    lane: u64,
    lanes: u64,
}

fn thread(lane: Lane, plan: Plan) -> anyhow::Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, fire(lane, plan))
}

fn timer(first: u64, every: u64) -> anyhow::Result<AsyncFd<OwnedFd>> {
    let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let spec = |ns: u64| Timespec {
        tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(0),
        tv_nsec: i64::try_from(ns % 1_000_000_000).unwrap_or(0),
    };
    let times = Itimerspec { it_interval: spec(every), it_value: spec(first) };
    timerfd_settime(&fd, TimerfdTimerFlags::ABSTIME, &times)?;
    Ok(AsyncFd::with_interest(fd, Interest::READABLE)?)
}

/// How often the timer went off since it was last asked.
async fn ticks(timer: &AsyncFd<OwnedFd>) -> anyhow::Result<u64> {
    loop {
        let mut ready = timer.readable().await?;
        let mut buffer = [0_u8; 8];
        match ready.try_io(|fd| rustix::io::read(fd.get_ref(), &mut buffer).map_err(Into::into)) {
            Ok(read) => {
                read.context("reading the timer")?;
                return Ok(u64::from_ne_bytes(buffer));
            }
            Err(_) => continue,
        }
    }
}

async fn fire(lane: Lane, plan: Plan) -> anyhow::Result<Seen> {
    let timer = timer(lane.first, lane.every)?;
    let seen = Rc::new(RefCell::new(Seen::default()));
    let idle = Rc::new(RefCell::new(Vec::<Connection>::new()));
    let gate = Rc::new(tokio::sync::Semaphore::new(MOST));
    let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let count_from = lane.first + nanos(plan.warm);
    let end = count_from + nanos(plan.time);
    let mut n = 0_u64;
    'all: loop {
        for _ in 0..ticks(&timer).await? {
            let due = lane.first + n * lane.every;
            if due >= end || process::stopping() {
                break 'all;
            }
            let permit = gate.clone().acquire_owned();
            let number = n * lane.lanes + lane.lane;
            n += 1;
            let Some(text) = lane.texts.get(usize::try_from(n).unwrap_or(0) % lane.texts.len().max(1)) else {
                continue;
            };
            let mark = prose::mark(number, false);
            let body = text.with(&mark);
            let (seen, idle, shot, right) =
                (seen.clone(), idle.clone(), lane.shot.clone(), lane.right.clone());
            tokio::task::spawn_local(async move {
                let _permit = permit.await;
                let free = idle.borrow_mut().pop();
                let mut connection = free.unwrap_or_else(|| Connection::new(shot));
                let result = connection.ask(body, &mark).await;
                let took = clock::now().saturating_sub(due);
                if due >= count_from {
                    match &result {
                        Ok(()) => {
                            right.fetch_add(1, Ordering::Relaxed);
                            seen.borrow_mut().latencies.add(took);
                        }
                        Err(e) => seen.borrow_mut().fail(e),
                    }
                }
                idle.borrow_mut().push(connection);
            });
        }
    }
    // Whatever is still under way is waited for: a lost answer must show as one.
    let all = u32::try_from(MOST).unwrap_or(1);
    let _ = gate.acquire_many(all).await;
    Ok(seen.take())
}
