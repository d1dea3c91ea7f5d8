//! The two threads that write. One takes all that is queued, makes it durable with one write and one sync, and
//! wakes everybody who waited. The other ([`keeper`]) turns what is durable into tiles and checkpoints; nobody
//! waits for it, until it is so far behind that memory would grow.
//!
//! ```text
//! append --queue--> commit thread: journal, sync, wake --hand-over--> keeper thread: tree, tiles, checkpoint
//! ```
//!
//! Where many entries come, those that wait gather for a moment so that more share a sync ([`pace`]), and each
//! thread's waiters are woken by one of them ([`courier`]).
//!
//! What always holds: an index is given out only for an entry that is on the disk (with
//! [`Durability::Behind`]: that is queued); entries get the indexes in the order of the calls; after one failed
//! write of either thread every waiter and every later caller is refused until a restart; both threads sleep
//! while nothing comes in.

mod courier;
mod keeper;
mod pace;

pub use courier::Courier;

use crate::{
    custody::salts::SaltWriter,
    error::LedgerError,
    journal::Batch,
    log::{Ledger, Recovery},
    note::Signer,
    segments::Writer,
    volume::Volume,
};
use cordon_types::Clock;
use courier::Tell;
use futures_channel::oneshot;
use keeper::{HandOver, Keeper};
use pace::Pace;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};
use zeroize::Zeroizing;

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
            max_queue: 64 * 1024,
        }
    }
}

/// Most bytes that wait to be written: with the entries' own limit it bounds the queue, and one frame.
const MAX_QUEUE_BYTES: usize = 64 << 20;

/// How long entries gather where nobody waits for the disk: a sync costs the processor about as much as an exchange.
const LINGER: Duration = Duration::from_millis(5);

type Salts = Vec<(u64, Zeroizing<[u8; 32]>)>;

struct Queue {
    batch: Batch,
    /// One for each entry of the batch; none at all when nobody waits for the disk.
    tells: Vec<Tell>,
    /// Salts that are to be durable before the entries that they belong to.
    salts: Salts,
    /// The index that the next entry gets.
    next: u64,
    stop: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    healthy: AtomicBool,
    durable: AtomicU64,
    /// How many exchanges are under way.
    crowd: Arc<AtomicUsize>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A poisoned queue is still whole: nothing in this file can panic amid changing it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is written any more.
    fn fail(&self) {
        // SECURITY: unhealthy before anyone is told, so that no one who was told finds it healthy. Both under
        // the lock, so that no entry is queued after the waiters were told.
        let mut queue = self.lock();
        self.healthy.store(false, Ordering::Release);
        let tells = std::mem::take(&mut queue.tells);
        drop(queue);
        drop(tells);
        self.filled.notify_one();
    }
}

/// However a thread ends, nobody waits for it for ever.
struct LastWord<'a> {
    shared: &'a Shared,
    hand_over: &'a HandOver,
}

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        self.shared.fail();
        self.hand_over.abandon();
    }
}

type Thread = JoinHandle<Result<(), LedgerError>>;

/// Hands entries to the thread that writes. Shared by reference or in an `Arc`.
pub struct Committer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<Thread>>,
    recovery: Recovery,
    durable: Durability,
    max_queue: usize,
    salted: bool,
    hand_over: Arc<HandOver>,
}

/// The future of one append. Dropping it does not take the entry back.
#[must_use = "the entry is durable only when this says so"]
pub struct Appended {
    state: State,
    queued: Option<u64>,
}

impl Appended {
    fn from(queued: Result<(State, u64), LedgerError>) -> Self {
        match queued {
            Ok((state, index)) => Self { state, queued: Some(index) },
            Err(e) => Self { state: State::Ready(Some(Err(e))), queued: None },
        }
    }

    /// The index under which the entry is queued; `None` where it was refused. Not durable yet: only for an entry
    /// that is appended later and refers to this one, since the later one is never durable without the earlier.
    #[must_use]
    pub const fn queued(&self) -> Option<u64> {
        self.queued
    }
}

enum State {
    Ready(Option<Result<u64, LedgerError>>),
    Waiting(oneshot::Receiver<u64>),
}

impl Future for Appended {
    type Output = Result<u64, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(Err(LedgerError::Stopped))),
            State::Waiting(receiver) => {
                // Only a ledger that failed drops the sender.
                Pin::new(receiver).poll(cx).map(|answer| answer.map_err(|_| LedgerError::Unavailable))
            }
        }
    }
}

impl Committer {
    /// Opens the ledger, recovers it, and starts the threads.
    pub fn start(
        volume: Box<dyn Volume>,
        signer: Signer,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerError> {
        Self::start_with_vault(volume, None, signer, options, clock)
    }

    /// The same, with the data directory's files, in which the salts of commitments are kept.
    pub fn start_with_vault(
        volume: Box<dyn Volume>,
        vault: Option<Arc<dyn Volume>>,
        signer: Signer,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerError> {
        let salts = vault.map(SaltWriter::open).transpose()?;
        let salted = salts.is_some();
        let (ledger, recovery) = Ledger::open(volume, signer, &options)?;
        let next = ledger.size();
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                batch: Batch::with_capacity(0),
                tells: Vec::new(),
                salts: Vec::new(),
                next,
                stop: false,
            }),
            filled: Condvar::new(),
            healthy: AtomicBool::new(true),
            durable: AtomicU64::new(next),
            crowd: Arc::default(),
        });
        let (durable, max_queue) = (options.durable, options.max_queue);
        let hand_over = Arc::new(HandOver::new(options.publish_entries));
        let (writer, publisher) = ledger.split();
        let gather = match durable {
            Durability::Behind => Gather::Always,
            Durability::Sync => Gather::Paced(Pace::new(clock.ticks()), Arc::clone(&clock)),
        };
        let round =
            Round { writer, gather, salts, shared: Arc::clone(&shared), hand_over: Arc::clone(&hand_over) };
        let keeper = Keeper::new(publisher, Arc::clone(&hand_over), clock, options.publish_every_ms);
        // If the second cannot be started, dropping this ends the first.
        let committer = Self {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
            recovery,
            durable,
            max_queue,
            salted,
            hand_over: Arc::clone(&hand_over),
        };
        committer.spawn("cordon-ledger", move || round.run())?;
        committer.spawn("cordon-tiles", move || {
            let _last_word = LastWord { shared: &shared, hand_over: &hand_over };
            keeper.run()
        })?;
        Ok(committer)
    }

    fn spawn(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<(), LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|e| LedgerError::Thread { message: e.to_string() })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Queues an entry, at once. The future says which index it got, once it is durable.
    pub fn append(&self, leaf: Vec<u8>) -> Appended {
        Appended::from(self.enqueue(leaf, None))
    }

    /// The same, with the salt of the entry's commitment, which is durable before the entry is.
    pub fn append_salted(&self, leaf: Vec<u8>, salt: Zeroizing<[u8; 32]>) -> Appended {
        Appended::from(self.enqueue(leaf, Some(salt)))
    }

    fn enqueue(&self, leaf: Vec<u8>, salt: Option<Zeroizing<[u8; 32]>>) -> Result<(State, u64), LedgerError> {
        if salt.is_some() && !self.salted {
            return Err(LedgerError::malformed(
                "the salt",
                "this ledger was opened without a place for salts",
            ));
        }
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
        if queue.batch.len() >= self.max_queue as u64 || queue.batch.size() >= MAX_QUEUE_BYTES {
            return Err(LedgerError::Overloaded { max: self.max_queue });
        }
        let index = queue.next;
        queue.next += 1;
        // The thread takes all there is: it can be asleep only when there was nothing.
        let wake = queue.batch.is_empty();
        queue.batch.push(&leaf);
        queue.salts.extend(salt.map(|salt| (index, salt)));
        let state = match self.durable {
            Durability::Behind => State::Ready(Some(Ok(index))),
            Durability::Sync => {
                let (tell, receiver) = Tell::here();
                queue.tells.push(tell);
                State::Waiting(receiver)
            }
        };
        drop(queue);
        if wake {
            self.shared.filled.notify_one();
        }
        Ok((state, index))
    }

    /// How many exchanges are under way: whoever appends for them keeps count in it. The more there are, the longer
    /// entries may gather before a sync.
    #[must_use]
    pub fn crowd(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.shared.crowd)
    }

    /// Whether it can still write.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Acquire)
    }

    /// Has the entries that are durable put under a checkpoint without waiting for its time.
    pub fn publish_soon(&self) {
        self.hand_over.hurry();
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

    /// Takes no more entries, writes those that are queued, publishes a checkpoint over them, and ends both
    /// threads. Blocks until then; a second call does nothing.
    pub fn stop(&self) -> Result<(), LedgerError> {
        self.shared.lock().stop = true;
        self.shared.filled.notify_one();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // All are waited for; the first error is the one that a mender wants to see.
        let mut result = Ok(());
        for thread in threads {
            let ended = thread.join().unwrap_or(Err(LedgerError::Unavailable));
            // One thread's failure makes the other say that it is unavailable: the cause is worth more.
            if matches!(result, Ok(()) | Err(LedgerError::Unavailable)) && ended.is_err() {
                result = ended;
            }
        }
        result
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Whoever cares about the last checkpoint calls `stop` and looks at its result.
        let _ = self.stop();
    }
}

/// How long entries gather before they are written.
enum Gather {
    /// For a fixed time: nobody waits for the disk.
    Always,
    /// As long as more are likely to come soon.
    Paced(Pace, Arc<dyn Clock>),
}

impl Gather {
    /// How long, where `have` entries stand ready.
    fn wait(&self, have: u64, crowd: usize) -> Option<Duration> {
        match self {
            Self::Always => Some(LINGER),
            Self::Paced(pace, _) => pace.wait(have, crowd as u64),
        }
    }

    fn took(&mut self, entries: u64) {
        if let Self::Paced(pace, clock) = self {
            pace.took(entries, clock.ticks());
        }
    }
}

/// What the commit thread works with.
struct Round {
    writer: Writer,
    gather: Gather,
    salts: Option<SaltWriter>,
    shared: Arc<Shared>,
    hand_over: Arc<HandOver>,
}

impl Round {
    fn run(mut self) -> Result<(), LedgerError> {
        let (shared, hand_over) = (Arc::clone(&self.shared), Arc::clone(&self.hand_over));
        let _last_word = LastWord { shared: &shared, hand_over: &hand_over };
        let (mut batch, mut tells, mut salts) = (Batch::with_capacity(0), Vec::new(), Salts::new());
        loop {
            let stop = self.take(&mut batch, &mut tells, &mut salts)?;
            if batch.is_empty() {
                if stop {
                    hand_over.finish();
                    return Ok(());
                }
                continue;
            }
            let first = self.writer.next();
            if let Some(writer) = self.salts.as_mut().filter(|_| !salts.is_empty()) {
                writer.commit(&salts).inspect_err(|_| shared.fail())?;
                salts.clear();
            }
            let serial = self.writer.commit(&mut batch).inspect_err(|_| shared.fail())?;
            shared.durable.store(self.writer.next(), Ordering::Release);
            courier::tell(tells.drain(..), first);
            // The next batch is likely to be about as large.
            let fresh = Batch::with_capacity(batch.size().min(1 << 20));
            hand_over.put(std::mem::replace(&mut batch, fresh), serial);
        }
    }

    /// Waits for entries or for the end, and takes all there are. Whether it is to end.
    fn take(
        &mut self,
        batch: &mut Batch,
        tells: &mut Vec<Tell>,
        salts: &mut Salts,
    ) -> Result<bool, LedgerError> {
        self.hand_over.wait_for_room();
        let mut queue = self.shared.lock();
        loop {
            if !self.shared.healthy.load(Ordering::Acquire) {
                return Err(LedgerError::Unavailable);
            }
            if !queue.batch.is_empty() || queue.stop {
                break;
            }
            queue = self.shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(more) = self
            .gather
            .wait(queue.batch.len(), self.shared.crowd.load(Ordering::Relaxed))
            .filter(|_| !queue.stop)
        {
            // Only a stop or a failure wakes it earlier: entries after the first wake nobody.
            queue = self.shared.filled.wait_timeout(queue, more).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.gather.took(queue.batch.len());
        std::mem::swap(&mut queue.batch, batch);
        std::mem::swap(&mut queue.tells, tells);
        std::mem::swap(&mut queue.salts, salts);
        Ok(queue.stop)
    }
}
