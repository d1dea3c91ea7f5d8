//! Whether a connection has work: one on which nothing is asked is closed, whatever its protocol.
//!
//! What always holds: a request counts from its head until its answer's last byte was handed over; bytes that leave
//! count as work. An answer that its caller does not take is noticed too: in HTTP/2 nobody else would, since a closed
//! window stops hyper from asking for more. What it does not do: judge how fast a request comes; the timeouts of heads
//! and bodies do.

use http_body::{Body, Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    read: AtomicUsize,
    /// What had been read when the last request ended: more since then is the begin of another.
    read_before: AtomicUsize,
    /// Requests of HTTP/2 came.
    h2: AtomicBool,
    /// A credential held on it.
    admitted: AtomicBool,
    /// Since when an answer waits for its caller to take what there is.
    waiting: Mutex<HashMap<usize, Instant>>,
}

impl Work {
    /// Bytes left.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes came.
    pub(crate) fn took(&self, bytes: usize) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Who asks on it is known.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is idle for longer than it may be: `head` without a request's whole head, `idle` between
    /// an answer and the first byte of the next request. Which is `head` too for strangers, who could hold places, and
    /// in HTTP/2, whose own frames are bytes that come and leave, and whose callers lose nothing when they are told to
    /// go.
    pub(crate) fn idle_for(&self, seen: &mut Seen, now: Instant, (head, idle): (Duration, Duration)) -> bool {
        let (ended, begun) = (self.ended.load(Ordering::Acquire), self.begun.load(Ordering::Acquire));
        let (written, read) = (self.written.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed));
        if begun != ended || seen.counts != (begun, written) {
            *seen = Seen { counts: (begun, written), since: now, head_since: None };
            return false;
        }
        if !self.admitted.load(Ordering::Relaxed) || self.h2.load(Ordering::Relaxed) {
            return now.duration_since(seen.since) >= head;
        }
        if read != self.read_before.load(Ordering::Relaxed) {
            return now.duration_since(*seen.head_since.get_or_insert(now)) >= head;
        }
        now.duration_since(seen.since) >= idle
    }

    /// Whether an answer was not taken for this long.
    pub(crate) fn not_taken_for(&self, limit: Duration) -> bool {
        self.waiting().values().any(|since| since.elapsed() > limit)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<usize, Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a look at a connection saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    counts: (usize, usize),
    /// When it was first seen so.
    since: Instant,
    /// When the begin of a head was first seen.
    head_since: Option<Instant>,
}

impl Seen {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { counts: (0, 0), since: now, head_since: None }
    }
}

/// One request under way.
pub(crate) struct Busy {
    work: Arc<Work>,
    number: usize,
}

impl Busy {
    pub(crate) fn enter(work: &Arc<Work>, version: http::Version) -> Self {
        if version == http::Version::HTTP_2 {
            work.h2.store(true, Ordering::Relaxed);
        }
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
        self.work.read_before.store(self.work.read.load(Ordering::Relaxed), Ordering::Relaxed);
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
