//! The thread behind: it takes what is durable, grows the tree, and writes tiles and checkpoints.
//!
//! What always holds: what waits here is bounded, by holding up the commit thread; no timer runs unless
//! something is unpublished.

use crate::{error::LedgerError, journal::Batch, publish::Publisher};
use cordon_types::Clock;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Most entries, and most of their bytes, that are durable and not published: beyond it commits wait. With
/// the copies made of them it bounds this thread's memory.
const MAX_BEHIND: u64 = 256 * 1024;
const MAX_BEHIND_BYTES: u64 = 128 << 20;
/// So many unhashed entries wake the thread before a checkpoint is due, to spread the work.
const WAKE_ENTRIES: u64 = 4096;
const WAKE_BYTES: u64 = 4 << 20;

#[derive(Default)]
struct State {
    batches: Vec<(Batch, u64)>,
    /// Entries and bytes in `batches`.
    waiting: (u64, u64),
    /// Entries and bytes that are durable and not published; those in `batches` included.
    behind: (u64, u64),
    /// The thread sleeps without a timer.
    asleep: bool,
    /// A checkpoint is wanted now.
    hurry: bool,
    finished: bool,
    abandoned: bool,
}

impl State {
    const fn eager(&self) -> bool {
        self.waiting.0 >= WAKE_ENTRIES || self.waiting.1 >= WAKE_BYTES
    }
}

/// What goes from the commit thread to this one.
pub(super) struct HandOver {
    state: Mutex<State>,
    more: Condvar,
    room: Condvar,
    publish_entries: u64,
}

/// What was taken from it.
struct Taken {
    batches: Vec<(Batch, u64)>,
    behind: (u64, u64),
    hurry: bool,
    finished: bool,
}

impl HandOver {
    pub(super) fn new(publish_entries: u64) -> Self {
        // A checkpoint comes before the commit thread has to wait for one.
        let publish_entries = publish_entries.min(MAX_BEHIND / 2);
        Self { state: Mutex::default(), more: Condvar::new(), room: Condvar::new(), publish_entries }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the commit thread up while too much is not published.
    pub(super) fn wait_for_room(&self) {
        let full =
            |s: &mut State| (s.behind.0 >= MAX_BEHIND || s.behind.1 >= MAX_BEHIND_BYTES) && !s.abandoned;
        drop(self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn put(&self, batch: Batch, serial: u64) {
        let mut state = self.lock();
        let (entries, bytes) = (batch.len(), batch.size() as u64);
        let (waiting, behind) = (state.waiting, state.behind);
        state.waiting = (waiting.0 + entries, waiting.1 + bytes);
        state.behind = (behind.0 + entries, behind.1 + bytes);
        state.batches.push((batch, serial));
        let wake = state.asleep || state.eager();
        state.asleep = false;
        drop(state);
        if wake {
            self.more.notify_one();
        }
    }

    /// Nothing more comes; all that is here is to be published.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.more.notify_one();
    }

    /// A checkpoint is wanted now.
    pub(super) fn hurry(&self) {
        self.lock().hurry = true;
        self.more.notify_one();
    }

    /// One of the threads is gone: the other must not wait for it.
    pub(super) fn abandon(&self) {
        self.lock().abandoned = true;
        self.more.notify_one();
        self.room.notify_one();
    }

    fn published(&self, (entries, bytes): (u64, u64)) {
        let mut state = self.lock();
        state.behind.0 -= entries;
        state.behind.1 -= bytes;
        drop(state);
        self.room.notify_one();
    }

    fn crowded(&self, (entries, bytes): (u64, u64)) -> bool {
        entries >= self.publish_entries || bytes >= MAX_BEHIND_BYTES / 2
    }

    /// Waits for batches, the end, or `timer`; without one for as long as it takes.
    fn take(&self, timer: Option<Duration>) -> Taken {
        let mut state = self.lock();
        if !state.finished && !state.abandoned && !state.hurry && !state.eager() {
            if let Some(timer) = timer {
                state = self.more.wait_timeout(state, timer).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                while state.batches.is_empty() && !state.finished && !state.abandoned && !state.hurry {
                    state.asleep = true;
                    state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        state.waiting = (0, 0);
        Taken {
            batches: std::mem::take(&mut state.batches),
            behind: state.behind,
            hurry: std::mem::take(&mut state.hurry),
            finished: state.finished,
        }
    }

    fn is_abandoned(&self) -> bool {
        let state = self.lock();
        state.abandoned && !state.finished
    }
}

/// What the thread works with.
pub(super) struct Keeper {
    publisher: Publisher,
    hand_over: Arc<HandOver>,
    clock: Arc<dyn Clock>,
    every_ms: u64,
    /// When the oldest entry that is not published came, by the clock.
    since: Option<u64>,
}

impl Keeper {
    pub(super) fn new(
        publisher: Publisher,
        hand_over: Arc<HandOver>,
        clock: Arc<dyn Clock>,
        every_ms: u64,
    ) -> Self {
        Self { publisher, hand_over, clock, every_ms, since: None }
    }

    pub(super) fn run(mut self) -> Result<(), LedgerError> {
        loop {
            let taken = self.hand_over.take(self.timer());
            if self.hand_over.is_abandoned() {
                // The commit thread failed. What it had handed over stands in the journal for the next start.
                return Err(LedgerError::Unavailable);
            }
            if !taken.batches.is_empty() && self.since.is_none() {
                self.since = Some(self.clock.ticks());
            }
            for (batch, serial) in &taken.batches {
                self.publisher.take(batch, *serial);
                while self.publisher.step()? {}
            }
            drop(taken.batches);
            if taken.finished {
                return self.publisher.close();
            }
            if taken.hurry || self.remaining_ms() == Some(0) || self.hand_over.crowded(taken.behind) {
                self.publisher.publish();
                while self.publisher.step()? {}
                self.hand_over.published(taken.behind);
                self.since = None;
            }
        }
    }

    /// Until the next checkpoint is due; `None` when there is nothing to publish.
    fn remaining_ms(&self) -> Option<u64> {
        let waited = self.clock.ticks().saturating_sub(self.since?) / 1_000_000;
        Some(self.every_ms.saturating_sub(waited))
    }

    /// Real time passes in a wait; whether the checkpoint is due is for the clock to say.
    fn timer(&self) -> Option<Duration> {
        self.remaining_ms().map(|ms| Duration::from_millis(ms.max(1)))
    }
}
