//! Entries made durable: a closed loop that keeps so many appends in flight.
//!
//! An entry's latency runs from the call of `append` to its acknowledgement; "integrated" counts until a signed
//! checkpoint over all of them is on the disk.

use crate::clock;
use crate::histogram::Histogram;
use cordon_ledger::{Appended, Committer, Options, Signer, Volume as _};
use cordon_store::volume::FileVolume;
use cordon_types::{Clock, Millis, Nanos};
use serde::Serialize;
use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

const ORIGIN: &str = "example.com/cordon/bench";

/// What so many in flight came to: medians over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Durable {
    /// Appends in flight.
    pub(crate) in_flight: usize,
    /// Acknowledged a second.
    pub(crate) per_second: f64,
    /// Time to durable.
    pub(crate) p50_ms: f64,
    /// The same.
    pub(crate) p99_ms: f64,
    /// Under a signed checkpoint a second, the last one included.
    pub(crate) integrated_per_second: f64,
}

struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Millis {
        1_767_225_600_000
    }

    fn ticks(&self) -> Nanos {
        clock::now()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The key of the ledgers that are measured.
pub(crate) fn signer() -> anyhow::Result<Signer> {
    Ok(Signer::generate(ORIGIN, [7; 32])?)
}

/// A ledger in a new directory.
pub(crate) fn start(dir: &Path) -> anyhow::Result<Committer> {
    let volume = FileVolume::open(dir)?;
    Ok(Committer::start(Box::new(volume), signer()?, Options::new(ORIGIN), Arc::new(RealClock))?)
}

/// Measures.
pub(crate) fn run(
    folder: &Path,
    leaves: &[Vec<u8>],
    in_flight: usize,
    time: Duration,
    rounds: usize,
) -> anyhow::Result<Durable> {
    let dir = folder.join("durable");
    let mut all = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        all.push(once(&dir, leaves, in_flight, time)?);
        std::fs::remove_dir_all(&dir)?;
    }
    let of = |f: fn(&Durable) -> f64| {
        let mut values: Vec<f64> = all.iter().map(f).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    Ok(Durable {
        in_flight,
        per_second: of(|d| d.per_second),
        p50_ms: of(|d| d.p50_ms),
        p99_ms: of(|d| d.p99_ms),
        integrated_per_second: of(|d| d.integrated_per_second),
    })
}

fn once(dir: &Path, leaves: &[Vec<u8>], in_flight: usize, time: Duration) -> anyhow::Result<Durable> {
    let committer = start(dir)?;
    committer.crowd().store(in_flight, Ordering::Relaxed);
    let waker = waker();
    let mut next = leaves.iter().cycle();
    let mut leaf = || next.next().cloned().unwrap_or_default();
    // The first append makes the journal.
    wait(&mut committer.append(leaf()), &waker)?;
    let mut flight: VecDeque<(u64, Appended)> = VecDeque::with_capacity(in_flight);
    let mut latencies = Histogram::default();
    let begun = clock::now();
    let end = begun + u64::try_from(time.as_nanos())?;
    while clock::now() < end || !flight.is_empty() {
        while flight.len() < in_flight && clock::now() < end {
            flight.push_back((clock::now(), committer.append(leaf())));
        }
        // Acknowledgements come in order, so the front is the first to be ready.
        if let Some((sent, mut appended)) = flight.pop_front() {
            wait(&mut appended, &waker)?;
            latencies.add(clock::now() - sent);
        }
    }
    let durable = clock::now() - begun;
    committer.stop()?;
    let integrated = clock::now() - begun;
    let head = FileVolume::open_read_only(dir)?.read("checkpoint")?.unwrap_or_default();
    let size = String::from_utf8(head)?.lines().nth(1).map_or(Ok(0), str::parse::<u64>)?;
    anyhow::ensure!(size == latencies.count() + 1, "the checkpoint does not cover what was acknowledged");
    #[allow(clippy::cast_precision_loss, reason = "rates for people")]
    let a_second = |ns: u64| latencies.count() as f64 / (ns as f64 / 1e9);
    Ok(Durable {
        in_flight,
        per_second: a_second(durable),
        p50_ms: latencies.at(500),
        p99_ms: latencies.at(990),
        integrated_per_second: a_second(integrated),
    })
}

fn waker() -> Waker {
    Arc::new(Unpark(std::thread::current())).into()
}

fn wait(appended: &mut Appended, waker: &Waker) -> anyhow::Result<u64> {
    use std::future::Future as _;
    loop {
        if let Poll::Ready(index) = Pin::new(&mut *appended).poll(&mut Context::from_waker(waker)) {
            return Ok(index?);
        }
        std::thread::park();
    }
}

/// Appends so many entries, 1,024 at a time.
pub(crate) fn fill(committer: &Committer, leaves: &[Vec<u8>], records: u64) -> anyhow::Result<()> {
    let waker = waker();
    let mut flight: VecDeque<Appended> = VecDeque::new();
    for (_, leaf) in (0..records).zip(leaves.iter().cycle()) {
        if flight.len() == 1024
            && let Some(mut first) = flight.pop_front()
        {
            wait(&mut first, &waker)?;
        }
        flight.push_back(committer.append(leaf.clone()));
    }
    for mut appended in flight {
        wait(&mut appended, &waker)?;
    }
    Ok(())
}
