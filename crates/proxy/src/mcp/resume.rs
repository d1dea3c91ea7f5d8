//! A call's event stream that its client can come back to (2025-11-25, transports, "Resumability and redelivery").
//!
//! ```text
//! call (its own task) --events, numbered--> kept --reader--> the POST's answer, or a GET with `Last-Event-ID`
//! ```
//! What always holds: a client that loses its connection loses no event and cancels nothing; what is kept is bounded, of
//! one call and of all together ([`Shelf`]), and goes with the session.

use crate::body::Broken;
use crate::mcp::flow::event_of;
use crate::mcp::hub::lock;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Most events kept of one call, and most bytes.
const MAX_EVENTS: usize = 1_024;
const MAX_BYTES: usize = 8 << 20;
/// Most bytes kept of all calls; beyond, streams that are over go, the oldest first.
const MAX_SHELF_BYTES: usize = 256 << 20;
/// How long a stream that is over is kept.
const KEPT: Duration = Duration::from_secs(300);
/// A comment on a stream that says nothing else.
const PULSE: Duration = Duration::from_secs(15);

/// What is kept over all sessions.
#[derive(Default)]
pub(crate) struct Shelf {
    bytes: AtomicUsize,
    /// Streams that are over, the oldest first.
    over: Mutex<VecDeque<Weak<CallStream>>>,
}

impl Shelf {
    /// Takes a stream that is over, and lets go of those that are too old or too much.
    fn put(&self, stream: &Arc<CallStream>) {
        let mut over = lock(&self.over);
        over.push_back(Arc::downgrade(stream));
        while let Some(oldest) = over.front() {
            if let Some(stream) = oldest.upgrade() {
                if !stream.is_stale() && self.bytes.load(Ordering::Relaxed) <= MAX_SHELF_BYTES {
                    return;
                }
                stream.forget();
            }
            over.pop_front();
        }
    }
}

#[derive(Default)]
struct State {
    events: VecDeque<(u64, Bytes)>,
    bytes: usize,
    last: u64,
    over: Option<Instant>,
    /// Its events are not kept any more.
    forgotten: bool,
    /// Readers that began before the last cut end.
    cuts: u64,
}

/// See the module.
pub(crate) struct CallStream {
    number: u64,
    /// After how many milliseconds a client is to come back.
    retry: u64,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    shelf: Arc<Shelf>,
}

impl Drop for CallStream {
    fn drop(&mut self) {
        self.forget();
    }
}

impl CallStream {
    pub(crate) fn new(number: u64, retry: u64, shelf: Arc<Shelf>) -> Self {
        Self { number, retry, state: Mutex::default(), changed: watch::Sender::new(()), shelf }
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Keeps an event.
    pub(crate) fn push(&self, message: Bytes) {
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        let before = state.bytes;
        state.bytes += message.len();
        state.events.push_back((number, message));
        while state.events.len() > MAX_EVENTS || (state.bytes > MAX_BYTES && state.events.len() > 1) {
            let Some((_, old)) = state.events.pop_front() else { break };
            state.bytes -= old.len();
        }
        self.shelf.bytes.fetch_add(state.bytes, Ordering::Relaxed);
        self.shelf.bytes.fetch_sub(before, Ordering::Relaxed);
        drop(state);
        self.changed.send_replace(());
    }

    /// Nothing more comes.
    pub(crate) fn finish(self: &Arc<Self>) {
        lock(&self.state).over = Some(Instant::now());
        self.changed.send_replace(());
        self.shelf.put(self);
    }

    /// Lets go of its events.
    fn forget(&self) {
        let mut state = lock(&self.state);
        state.forgotten = true;
        state.events.clear();
        self.shelf.bytes.fetch_sub(std::mem::take(&mut state.bytes), Ordering::Relaxed);
    }

    /// Whether its events are there for a client that comes back.
    pub(crate) fn is_kept(&self) -> bool {
        !lock(&self.state).forgotten
    }

    /// The server closed its stream for a while: so does Cordon.
    pub(crate) fn cut(&self) {
        lock(&self.state).cuts += 1;
        self.changed.send_replace(());
    }

    /// Whether nobody can want it any more.
    pub(crate) fn is_stale(&self) -> bool {
        lock(&self.state).over.is_some_and(|since| since.elapsed() > KEPT)
    }
}

/// One reading of a stream.
pub(crate) struct Reader {
    stream: Arc<CallStream>,
    after: u64,
    cuts: u64,
    primed: bool,
    changed: watch::Receiver<()>,
}

impl Reader {
    /// From the start, or after an event.
    pub(crate) fn new(stream: Arc<CallStream>, after: Option<u64>) -> Self {
        let changed = stream.changed.subscribe();
        let cuts = lock(&stream.state).cuts;
        Self { stream, after: after.unwrap_or(0), cuts, primed: after.is_some(), changed }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        let number = self.stream.number;
        if !std::mem::replace(&mut self.primed, true) {
            // An id before anything else, so that a client can come back from the very start.
            return Some(Ok(format!("id: {number}-0\nretry: {}\ndata: \n\n", self.stream.retry).into()));
        }
        loop {
            self.changed.mark_unchanged();
            let (found, ended) = {
                let state = lock(&self.stream.state);
                let found = state.events.iter().find(|(n, _)| *n > self.after).cloned();
                (found, state.over.is_some() || state.cuts != self.cuts)
            };
            if let Some((at, message)) = found {
                self.after = at;
                let mut out = format!("id: {number}-{at}\n").into_bytes();
                out.extend_from_slice(&event_of(&message));
                return Some(Ok(out.into()));
            }
            if ended {
                return None;
            }
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                () = tokio::time::sleep(PULSE) => return Some(Ok(Bytes::from_static(b": pulse\n\n"))),
            }
        }
    }
}

/// The call and the event that a `Last-Event-ID` names; `None` for one of the standing stream.
pub(crate) fn position(id: &str) -> Option<(u64, u64)> {
    let (call, event) = id.split_once('-')?;
    Some((call.parse().ok()?, event.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(shelf: &Arc<Shelf>, bytes: usize) -> Arc<CallStream> {
        let stream = Arc::new(CallStream::new(1, 0, shelf.clone()));
        stream.push(vec![b'x'; bytes].into());
        stream
    }

    #[tokio::test]
    async fn all_streams_together_stay_within_their_bound() {
        let shelf = Arc::new(Shelf::default());
        let running = stream(&shelf, MAX_BYTES);
        let over: Vec<_> = (0..40).map(|_| stream(&shelf, MAX_BYTES)).collect();
        over.iter().for_each(CallStream::finish);
        assert!(shelf.bytes.load(Ordering::Relaxed) <= MAX_SHELF_BYTES);
        assert!(running.is_kept(), "a call under way keeps its events");
        let kept: Vec<bool> = over.iter().map(|s| s.is_kept()).collect();
        assert!(!kept[0] && kept[39], "the oldest go first: {kept:?}");
        drop((over, running));
        assert_eq!(shelf.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_came_back_to_goes_with_the_next() {
        let shelf = Arc::new(Shelf::default());
        let old = stream(&shelf, 10);
        old.finish();
        tokio::time::advance(KEPT + Duration::from_secs(1)).await;
        stream(&shelf, 10).finish();
        assert!(!old.is_kept());
    }
}
