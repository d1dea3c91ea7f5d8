//! How fast the ledger makes entries durable on a disk, and how fast it is verified.
//!
//! ```text
//! cargo run --release -p cordon-store --example ledger_speed -- <directory> [seconds] [runs] [idle]
//! ```
//!
//! Makes ledgers below the directory, which must be on the disk that is to be measured, and removes them. For
//! each number of outstanding appends a closed loop keeps exactly so many in flight; an entry's latency runs
//! from the call of `append` to its acknowledgement. The figures are medians over the runs. With `idle` it then
//! holds an idle committer for so many seconds, for a look at what that costs.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring tool reads the clock and prints what it found"
)]

use cordon_ledger::{Appended, Committer, Options, Signer, verify};
use cordon_store::volume::FileVolume;
use cordon_types::{Clock, Millis, Nanos};
use std::{
    collections::VecDeque,
    error::Error,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

type Fallible<T> = Result<T, Box<dyn Error>>;

const ORIGIN: &str = "example.com/cordon/speed";
/// A usual record's size.
const LEAF_BYTES: usize = 386;
const OUTSTANDING: [usize; 4] = [1, 16, 64, 1024];

struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Millis {
        1_767_225_600_000
    }

    fn ticks(&self) -> Nanos {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// One run's figures.
#[derive(Clone, Copy)]
struct Run {
    per_second: f64,
    p50: f64,
    p99: f64,
}

fn main() -> Fallible<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: ledger_speed <directory> [seconds] [runs] [idle seconds]")?;
    let seconds: u64 = args.next().map_or(Ok(3), |a| a.parse())?;
    let runs: usize = args.next().map_or(Ok(5), |a| a.parse())?;
    let idle: u64 = args.next().map_or(Ok(0), |a| a.parse())?;
    let dir = Path::new(&dir).join("ledger-speed");
    println!("{LEAF_BYTES}-byte entries, {seconds} s a run, medians of {runs} runs");
    println!("outstanding   durable/s   p50 ms   p99 ms   verify/s");
    for outstanding in OUTSTANDING {
        let mut measured = Vec::new();
        let mut verified = Vec::new();
        for _ in 0..runs {
            let (run, entries) = measure(&dir, outstanding, Duration::from_secs(seconds))?;
            let began = Instant::now();
            let volume = FileVolume::open_read_only(&dir)?;
            let found = verify(&volume, &signer()?.verifier())?;
            if found.size != entries {
                return Err("the ledger does not hold what was acknowledged".into());
            }
            verified.push(as_f64(entries) / began.elapsed().as_secs_f64());
            measured.push(run);
            std::fs::remove_dir_all(&dir)?;
        }
        let of = |f: fn(&Run) -> f64| median(measured.iter().map(f).collect());
        let (per_second, p50, p99) = (of(|r| r.per_second), of(|r| r.p50), of(|r| r.p99));
        println!("{outstanding:>11} {per_second:>11.0} {p50:>8.2} {p99:>8.2} {:>10.0}", median(verified));
    }
    if idle > 0 {
        let committer = start(&dir)?;
        wait(&mut committer.append(vec![b'x'; LEAF_BYTES]), &waker())?;
        println!("idle for {idle} s");
        std::thread::sleep(Duration::from_secs(idle));
        committer.stop()?;
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn signer() -> Fallible<Signer> {
    Ok(Signer::generate(ORIGIN, [7; 32])?)
}

fn start(dir: &Path) -> Fallible<Committer> {
    let volume = FileVolume::open(dir)?;
    let clock = Arc::new(RealClock(Instant::now()));
    Ok(Committer::start(Box::new(volume), signer()?, Options::new(ORIGIN), clock)?)
}

fn waker() -> Waker {
    Arc::new(Unpark(std::thread::current())).into()
}

/// A closed loop with so many in flight; how it went, and how many entries there are.
fn measure(dir: &Path, outstanding: usize, time: Duration) -> Fallible<(Run, u64)> {
    let committer = start(dir)?;
    let waker = waker();
    let leaf = || vec![b'x'; LEAF_BYTES];
    // The first append makes the journal.
    wait(&mut committer.append(leaf()), &waker)?;
    let mut flight: VecDeque<(Instant, Appended)> = VecDeque::with_capacity(outstanding);
    let mut latencies: Vec<u64> = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time || !flight.is_empty() {
        while flight.len() < outstanding && began.elapsed() < time {
            flight.push_back((Instant::now(), committer.append(leaf())));
        }
        // Acknowledgements come in order, so the front is the first to be ready.
        if let Some((sent, mut appended)) = flight.pop_front() {
            wait(&mut appended, &waker)?;
            latencies.push(u64::try_from(sent.elapsed().as_micros())?);
        }
    }
    let took = began.elapsed().as_secs_f64();
    committer.stop()?;
    latencies.sort_unstable();
    let at = |per_mille: usize| latencies.get(latencies.len() * per_mille / 1000).copied().unwrap_or(0);
    let entries = latencies.len() as u64;
    let run =
        Run { per_second: as_f64(entries) / took, p50: as_f64(at(500)) / 1e3, p99: as_f64(at(990)) / 1e3 };
    Ok((run, entries + 1))
}

fn wait(appended: &mut Appended, waker: &Waker) -> Fallible<u64> {
    loop {
        if let Poll::Ready(index) = Pin::new(&mut *appended).poll(&mut Context::from_waker(waker)) {
            return Ok(index?);
        }
        std::thread::park();
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "figures of a measurement")]
const fn as_f64(n: u64) -> f64 {
    n as f64
}
