//! Whether a connection has work: one on which nothing is asked is closed, whatever its protocol.
//!
//! What always holds: a request counts from its head to the last byte of its answer, streams included. What it does
//! not do: judge how fast a request comes; the timeouts of heads and bodies do.

use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// The requests of one connection.
#[derive(Default)]
pub(crate) struct Work {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Work {
    /// Whether nothing is under way and nothing was begun since the last call. `seen` is what the last call saw.
    pub(crate) fn idle_since(&self, seen: &mut usize) -> bool {
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        begun == ended && std::mem::replace(seen, begun) == begun
    }
}

/// One request under way.
pub(crate) struct Busy(Arc<Work>);

impl Busy {
    pub(crate) fn enter(work: &Arc<Work>) -> Self {
        work.begun.fetch_add(1, Ordering::AcqRel);
        Self(work.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// An answer's body that keeps its request under way.
pub(crate) struct Held<B> {
    body: B,
    _busy: Busy,
}

impl<B> Held<B> {
    pub(crate) const fn new(body: B, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
