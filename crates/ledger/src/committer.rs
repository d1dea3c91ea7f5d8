//! The one thread that writes: it takes all that is queued, makes it durable with one write and one sync,
//! wakes everybody who waited, and only then sees to tiles and checkpoints.
//!
//! What always holds: an index is given out only for an entry that is on the disk (with
//! [`Durability::Behind`]: that is queued); entries get the indexes in the order of the calls; after one failed
//! write every waiter and every later caller is refused until a restart.

use crate::{
    error::LedgerError,
    log::{Ledger, Recovery},
    note::Signer,
    volume::Volume,
};
use cordon_types::Clock;
use futures_channel::oneshot;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk.
    #[default]
    Sync,
    /// At once; the disk follows. A crash can lose acknowledged entries: the operator's explicit word.
    Behind,
}

/// How the ledger runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's origin: the signing key's name.
    pub origin: String,
    /// When an append is acknowledged.
    pub durable: Durability,
    /// Longest time, in milliseconds, before new entries are under a signed checkpoint.
    pub publish_every_ms: u64,
    /// Publish earlier once so many entries are not under a checkpoint.
    pub publish_entries: u64,
    /// Bytes that a journal file is given in advance; then the next is begun.
    pub journal_preallocate: u64,
    /// Most entries that wait to be written; beyond it an append is refused.
    pub max_queue: usize,
}

impl Options {
    /// The defaults for a log of that origin.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            durable: Durability::Sync,
            publish_every_ms: 1_000,
            publish_entries: 64 * 1024,
            journal_preallocate: 8 << 20,
            max_queue: 16 * 1024,
        }
    }
}

/// Most entries in one round: bounds what one waiter waits for.
const MAX_ROUND: usize = 4096;
/// While entries wait, one file is written a round; with more than this in line, so many that it shrinks.
const MAX_BACKLOG: usize = 128;

struct Waiting {
    leaf: Vec<u8>,
    tell: Option<oneshot::Sender<Result<u64, LedgerError>>>,
}

struct Queue {
    waiting: Vec<Waiting>,
    /// The index that the next entry gets.
    next: u64,
    stop: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    healthy: AtomicBool,
    durable: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A poisoned queue is still whole: nothing in this file can panic amid changing it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands entries to the thread that writes. Shared by reference or in an `Arc`.
pub struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<(), LedgerError>>>>,
    recovery: Recovery,
    durable: Durability,
    max_queue: usize,
}

/// The future of one append. Dropping it does not take the entry back.
#[must_use = "the entry is durable only when this says so"]
pub struct Appended(State);

enum State {
    Ready(Option<Result<u64, LedgerError>>),
    Waiting(oneshot::Receiver<Result<u64, LedgerError>>),
}

impl Future for Appended {
    type Output = Result<u64, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(Err(LedgerError::Stopped))),
            State::Waiting(receiver) => {
                Pin::new(receiver).poll(cx).map(|answer| answer.unwrap_or(Err(LedgerError::Unavailable)))
            }
        }
    }
}

impl Committer {
    /// Opens the ledger, recovers it, and starts the thread.
    pub fn start(
        volume: Box<dyn Volume>,
        signer: Signer,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerError> {
        let (ledger, recovery) = Ledger::open(volume, signer, &options)?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { waiting: Vec::new(), next: ledger.size(), stop: false }),
            filled: Condvar::new(),
            healthy: AtomicBool::new(true),
            durable: AtomicU64::new(ledger.size()),
        });
        let (durable, max_queue) = (options.durable, options.max_queue);
        let writer = Writer { ledger, shared: Arc::clone(&shared), clock, options };
        let thread = std::thread::Builder::new().name("cordon-ledger".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|e| LedgerError::Thread { message: e.to_string() })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), recovery, durable, max_queue })
    }

    /// Queues an entry, at once. The future says which index it got, once it is durable.
    pub fn append(&self, leaf: Vec<u8>) -> Appended {
        Appended(self.enqueue(leaf).unwrap_or_else(|e| State::Ready(Some(Err(e)))))
    }

    fn enqueue(&self, leaf: Vec<u8>) -> Result<State, LedgerError> {
        if leaf.len() > usize::from(u16::MAX) {
            return Err(LedgerError::LeafTooLarge { bytes: leaf.len() });
        }
        let mut queue = self.shared.lock();
        if !self.healthy() {
            return Err(LedgerError::Unavailable);
        }
        if queue.stop {
            return Err(LedgerError::Stopped);
        }
        if queue.waiting.len() >= self.max_queue {
            return Err(LedgerError::Overloaded { max: self.max_queue });
        }
        let index = queue.next;
        queue.next += 1;
        let wake = queue.waiting.is_empty();
        let (tell, state) = match self.durable {
            Durability::Behind => (None, State::Ready(Some(Ok(index)))),
            Durability::Sync => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), State::Waiting(receiver))
            }
        };
        queue.waiting.push(Waiting { leaf, tell });
        drop(queue);
        if wake {
            self.shared.filled.notify_one();
        }
        Ok(state)
    }

    /// Whether it can still write.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Acquire)
    }

    /// How many entries are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// What the start found.
    #[must_use]
    pub const fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Takes no more entries, writes those that are queued, publishes a checkpoint over them, and ends the
    /// thread. Blocks until then; a second call does nothing.
    pub fn stop(&self) -> Result<(), LedgerError> {
        self.shared.lock().stop = true;
        self.shared.filled.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(LedgerError::Unavailable),
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Whoever cares about the last checkpoint calls `stop` and looks at its result.
        let _ = self.stop();
    }
}

struct Writer {
    ledger: Ledger,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    options: Options,
}

/// However the thread ends, nobody waits for it for ever.
struct LastWord<'a>(&'a Shared);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        self.0.healthy.store(false, Ordering::Release);
        for waiting in std::mem::take(&mut queue.waiting) {
            if let Some(tell) = waiting.tell {
                let _ = tell.send(Err(LedgerError::Unavailable));
            }
        }
    }
}

impl Writer {
    fn run(mut self) -> Result<(), LedgerError> {
        let shared = Arc::clone(&self.shared);
        let _last_word = LastWord(&shared);
        let mut published_at = self.clock.ticks();
        loop {
            let (round, stop) = self.take(published_at);
            let more = round.len() == MAX_ROUND;
            self.commit(round)?;
            if stop && !more {
                return self.ledger.close();
            }
            if self.due(published_at) {
                self.ledger.publish();
                published_at = self.clock.ticks();
            }
            self.write_behind()?;
        }
    }

    fn due(&self, published_at: u64) -> bool {
        let new = self.ledger.size() - self.ledger.promised();
        let waited_ms = self.clock.ticks().saturating_sub(published_at) / 1_000_000;
        new >= self.options.publish_entries || (new > 0 && waited_ms >= self.options.publish_every_ms)
    }

    /// Waits for entries, for the end, or for the next checkpoint's time.
    fn take(&self, published_at: u64) -> (Vec<Waiting>, bool) {
        let mut queue = self.shared.lock();
        while queue.waiting.is_empty() && !queue.stop && self.ledger.backlog() == 0 && !self.due(published_at)
        {
            queue = if self.ledger.size() > self.ledger.promised() {
                // Real time passes here; whether the checkpoint is due is for the clock to say.
                let pause = Duration::from_millis(self.options.publish_every_ms.clamp(1, 50));
                self.shared.filled.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner)
            };
        }
        let round = if queue.waiting.len() > MAX_ROUND {
            let rest = queue.waiting.split_off(MAX_ROUND);
            std::mem::replace(&mut queue.waiting, rest)
        } else {
            std::mem::take(&mut queue.waiting)
        };
        (round, queue.stop)
    }

    fn commit(&mut self, round: Vec<Waiting>) -> Result<(), LedgerError> {
        if round.is_empty() {
            return Ok(());
        }
        let (leaves, tells): (Vec<_>, Vec<_>) = round.into_iter().map(|w| (w.leaf, w.tell)).unzip();
        match self.ledger.commit(&leaves) {
            Ok(first) => {
                self.shared.durable.store(first + leaves.len() as u64, Ordering::Release);
                for (index, tell) in (first..).zip(tells) {
                    if let Some(tell) = tell {
                        let _ = tell.send(Ok(index));
                    }
                }
                self.ledger.integrate(&leaves);
                Ok(())
            }
            Err(error) => {
                // SECURITY: unhealthy before anyone is told, so that no one who was told finds it healthy.
                self.shared.healthy.store(false, Ordering::Release);
                for tell in tells.into_iter().flatten() {
                    let _ = tell.send(Err(LedgerError::Unavailable));
                }
                Err(error)
            }
        }
    }

    /// Writes files that are in line until entries wait again; at least one.
    fn write_behind(&mut self) -> Result<(), LedgerError> {
        while self.ledger.step()? {
            if self.ledger.backlog() <= MAX_BACKLOG && !self.shared.lock().waiting.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
