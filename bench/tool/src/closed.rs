//! The closed loop: so many callers, each sends its next request when it has its answer.

use crate::client::{Connection, Shot};
use crate::clock;
use crate::histogram::Histogram;
use crate::process::{self, Started, Usage};
use crate::prose::{self, Request, Shape};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Different texts that are sent in turn.
const TEXTS: usize = 16;

/// A closed loop to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Callers.
    pub(crate) concurrency: usize,
    /// Bytes of text in a prompt.
    pub(crate) bytes: usize,
    /// How the prompts are made.
    pub(crate) shape: Shape,
    /// Before it counts.
    pub(crate) warm: Duration,
    /// While it counts.
    pub(crate) time: Duration,
    /// Threads of the load.
    pub(crate) threads: usize,
}

/// What it came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Right answers a second.
    pub(crate) per_second: f64,
    /// The target's CPU seconds for 1,000 of them.
    pub(crate) cpu_per_1000: f64,
    /// Median latency in milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile.
    pub(crate) p99_ms: f64,
    /// 99.9th percentile.
    pub(crate) p999_ms: f64,
    /// Right answers.
    pub(crate) answers: u64,
    /// Answers that were wrong or did not come.
    pub(crate) failed: u64,
    /// Resident memory at the end, in MB.
    pub(crate) resident_mb: f64,
    /// The first failure's words.
    pub(crate) first_failure: Option<String>,
}

/// What one load thread saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Latencies of right answers.
    pub(crate) latencies: Histogram,
    /// Failures.
    pub(crate) failed: u64,
    /// The first one.
    pub(crate) first: Option<String>,
}

impl Seen {
    /// Notes a failure.
    pub(crate) fn fail(&mut self, e: &anyhow::Error) {
        self.failed += 1;
        self.first.get_or_insert_with(|| format!("{e:#}"));
    }

    /// Adds another's.
    pub(crate) fn merge(&mut self, other: Self) {
        self.latencies.merge(&other.latencies);
        self.failed += other.failed;
        self.first = self.first.take().or(other.first);
    }
}

/// The texts to send, different ones of one size.
pub(crate) fn texts(bytes: usize, stream: bool, shape: Shape) -> Vec<Request> {
    (0..TEXTS).map(|n| Request::new(prose::MODEL, bytes, stream, n, shape)).collect()
}

#[derive(Default)]
struct Phase {
    counting: AtomicBool,
    over: AtomicBool,
    next: AtomicU64,
}

/// Runs it; the process whose CPU is counted may be none (a direct connection).
pub(crate) fn run(shot: &Arc<Shot>, process: Option<&Started>, plan: Plan) -> anyhow::Result<Figures> {
    let phase = Arc::new(Phase { next: AtomicU64::new(prose::first()), ..Phase::default() });
    let texts = Arc::new(texts(plan.bytes, false, plan.shape));
    let threads = plan.threads.clamp(1, plan.concurrency.max(1));
    let mut joins = Vec::new();
    for t in 0..threads {
        let callers = plan.concurrency / threads + usize::from(t < plan.concurrency % threads);
        let (phase, texts, shot) = (phase.clone(), texts.clone(), shot.clone());
        joins.push(
            std::thread::Builder::new()
                .name("load".to_owned())
                .spawn(move || thread(shot, callers, phase, texts))?,
        );
    }
    std::thread::sleep(plan.warm);
    let used = || process.map(Started::usage).unwrap_or_default();
    let (before, from) = (used(), clock::now());
    phase.counting.store(true, Ordering::Relaxed);
    std::thread::sleep(plan.time);
    phase.counting.store(false, Ordering::Relaxed);
    let (after, to) = (used(), clock::now());
    phase.over.store(true, Ordering::Relaxed);
    let mut seen = Seen::default();
    for join in joins {
        seen.merge(join.join().map_err(|_| anyhow::anyhow!("a load thread panicked"))??);
    }
    process::check_stop()?;
    Ok(figures(seen, before, after, to - from))
}

#[allow(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn figures(seen: Seen, before: Usage, after: Usage, ns: u64) -> Figures {
    let answers = seen.latencies.count();
    Figures {
        per_second: answers as f64 / (ns as f64 / 1e9),
        cpu_per_1000: (after.cpu_seconds - before.cpu_seconds) * 1000.0 / (answers as f64).max(1.0),
        p50_ms: seen.latencies.at(500),
        p99_ms: seen.latencies.at(990),
        p999_ms: seen.latencies.at(999),
        answers,
        failed: seen.failed,
        resident_mb: after.resident_mb,
        first_failure: seen.first,
    }
}

fn thread(
    shot: Arc<Shot>,
    callers: usize,
    phase: Arc<Phase>,
    texts: Arc<Vec<Request>>,
) -> anyhow::Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let seen = Rc::new(RefCell::new(Seen::default()));
    tasks.block_on(&runtime, async {
        let all: Vec<_> = (0..callers)
            .map(|_| {
                let connection = Connection::new(shot.clone());
                tokio::task::spawn_local(caller(connection, phase.clone(), texts.clone(), seen.clone()))
            })
            .collect();
        for one in all {
            let _ = one.await;
        }
    });
    Ok(seen.take())
}

async fn caller(
    mut connection: Connection,
    phase: Arc<Phase>,
    texts: Arc<Vec<Request>>,
    seen: Rc<RefCell<Seen>>,
) {
    while !phase.over.load(Ordering::Relaxed) && !process::stopping() {
        let n = phase.next.fetch_add(1, Ordering::Relaxed);
        let mark = prose::mark(n, false);
        let at = usize::try_from(n).unwrap_or(0) % texts.len().max(1);
        let Some(text) = texts.get(at) else { return };
        let body = text.with(&mark);
        let sent = clock::now();
        let result = connection.ask(body, &mark).await;
        let took = clock::now() - sent;
        if phase.counting.load(Ordering::Relaxed) {
            match &result {
                Ok(()) => seen.borrow_mut().latencies.add(took),
                Err(e) => seen.borrow_mut().fail(e),
            }
        }
        if result.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
