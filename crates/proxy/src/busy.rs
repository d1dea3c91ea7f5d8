//! Whether a connection has work: one on which nothing is asked is closed, whatever its protocol.
//!
//! What always holds: a request counts from its head until its answer's last byte was handed over; bytes that leave
//! count as work. An answer that its caller does not take is noticed too: in HTTP/2 nobody else would, since a closed
//! window stops hyper from asking for more. What it does not do: judge how fast a request comes; the timeouts of heads
//! and bodies do.

use http_body::{Body, Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// The requests of one connection.
#[derive(Default)]
pub(crate) struct Work {
    begun: AtomicUsize,
    ended: AtomicUsize,
    written: AtomicUsize,
    /// Since when an answer waits for its caller to take what there is.
    waiting: Mutex<HashMap<usize, Instant>>,
}

impl Work {
    /// Bytes left.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether nothing is under way, and nothing happened since the last call. `seen` is what the last call saw.
    pub(crate) fn idle_since(&self, seen: &mut (usize, usize)) -> bool {
        let ended = self.ended.load(Ordering::Acquire);
        let now = (self.begun.load(Ordering::Acquire), self.written.load(Ordering::Relaxed));
        now.0 == ended && std::mem::replace(seen, now) == now
    }

    /// Whether an answer was not taken for this long.
    pub(crate) fn not_taken_for(&self, limit: Duration) -> bool {
        self.waiting().values().any(|since| since.elapsed() > limit)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<usize, Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request under way.
pub(crate) struct Busy {
    work: Arc<Work>,
    number: usize,
}

impl Busy {
    pub(crate) fn enter(work: &Arc<Work>) -> Self {
        Self { work: work.clone(), number: work.begun.fetch_add(1, Ordering::AcqRel) }
    }

    fn wait(&self) {
        self.work.waiting().insert(self.number, Instant::now());
    }

    fn taken(&self) {
        self.work.waiting().remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.taken();
        self.work.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// An answer's body that keeps its request under way.
pub(crate) struct Held<B> {
    body: B,
    busy: Busy,
}

impl<B> Held<B> {
    pub(crate) fn new(body: B, busy: Busy) -> Self {
        busy.wait();
        Self { body, busy }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Ready(_) => self.busy.wait(),
            Poll::Pending => self.busy.taken(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
