//! The open loop: requests leave at a fixed rate, whether or not earlier ones were answered; latency counts from the
//! moment at which a request was due, so that a stall cannot hide the requests that it held up.

use crate::client::{Connection, Shot};
use crate::clock;
use crate::closed::{Seen, texts};
use crate::process;
use crate::prose::{self, Request};
use rustix::time::{ClockId, Timespec};
use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most requests of one thread under way at once; beyond it they wait, and their latency says so.
const MOST: usize = 256;

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
    let texts = Arc::new(texts(plan.bytes, false, prose::Shape::Fresh));
    let start = clock::now() + 50_000_000;
    let number = prose::first();
    let mut joins = Vec::new();
    for t in 0..threads {
        let (shot, texts, right) = (shot.clone(), texts.clone(), right.clone());
        // Each thread takes every `threads`th moment.
        let first = start + t * 1_000_000_000 / plan.rate;
        let every = threads * 1_000_000_000 / plan.rate;
        let name = std::thread::Builder::new().name("load".to_owned());
        joins.push(name.spawn(move || {
            thread(Lane { shot, texts, right, first, every, number: number + t, lanes: threads }, plan)
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
    /// Of its first request.
    number: u64,
    lanes: u64,
}

fn thread(lane: Lane, plan: Plan) -> anyhow::Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, fire(lane, plan))
}

/// Sends each moment at which a request is due, when it has come. A thread of its own, since the runtime's timers
/// are as coarse as a millisecond.
fn pace(first: u64, every: u64, end: u64, due: &mpsc::UnboundedSender<u64>) {
    // The kernel may otherwise add 50 microseconds to each sleep; where that cannot be set, it shows in all targets.
    let _ = rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN));
    let mut at = first;
    while at < end && !process::stopping() {
        let time = Timespec {
            tv_sec: i64::try_from(at / 1_000_000_000).unwrap_or(0),
            tv_nsec: i64::try_from(at % 1_000_000_000).unwrap_or(0),
        };
        let _ = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &time);
        // After a stall of this thread every moment that has passed is sent at once, with its own time.
        if clock::now() >= at {
            if due.send(at).is_err() {
                return;
            }
            at += every;
        }
    }
}

async fn fire(lane: Lane, plan: Plan) -> anyhow::Result<Seen> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let idle = Rc::new(RefCell::new(Vec::<Connection>::new()));
    let gate = Arc::new(tokio::sync::Semaphore::new(MOST));
    let under_way = Rc::new(());
    let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let count_from = lane.first + nanos(plan.warm);
    let end = count_from + nanos(plan.time);
    let (tell, mut told) = mpsc::unbounded_channel();
    let (first, every) = (lane.first, lane.every);
    let pacer = std::thread::Builder::new().name("pacer".to_owned());
    let pacer = pacer.spawn(move || pace(first, every, end, &tell))?;
    let mut n = 0_u64;
    while let Some(due) = told.recv().await {
        let number = lane.number + n * lane.lanes;
        n += 1;
        let Some(text) = lane.texts.get(usize::try_from(n).unwrap_or(0) % lane.texts.len().max(1)) else {
            continue;
        };
        let mark = prose::mark(number, false);
        let body = text.with(&mark);
        let (seen, idle, shot, right) = (seen.clone(), idle.clone(), lane.shot.clone(), lane.right.clone());
        let (gate, token) = (gate.clone(), under_way.clone());
        tokio::task::spawn_local(async move {
            let _token = token;
            let _permit = gate.acquire().await;
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
    // Whatever is still under way is waited for: a lost answer must show as one. Each has its own limit of time.
    while Rc::strong_count(&under_way) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _ = pacer.join();
    Ok(seen.take())
}
