//! A call's event stream that its client can come back to (2025-11-25, transports, "Resumability and redelivery").
//!
//! ```text
//! call (its own task) --events, numbered--> kept --reader--> the POST's answer, or a GET with `Last-Event-ID`
//! ```
//! What always holds: a client that loses its connection loses no event and cancels nothing; what is kept is bounded,
//! and goes with the session.

use crate::body::Broken;
use crate::mcp::flow::event_of;
use crate::mcp::hub::lock;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Most events kept of one call, and most bytes.
const MAX_EVENTS: usize = 1_024;
const MAX_BYTES: usize = 8 << 20;
/// How long a stream that is over is kept.
const KEPT: Duration = Duration::from_secs(300);
/// A comment on a stream that says nothing else.
const PULSE: Duration = Duration::from_secs(15);

#[derive(Default)]
struct State {
    events: VecDeque<(u64, Bytes)>,
    bytes: usize,
    last: u64,
    over: Option<Instant>,
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
}

impl CallStream {
    pub(crate) fn new(number: u64, retry: u64) -> Self {
        Self { number, retry, state: Mutex::default(), changed: watch::Sender::new(()) }
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Keeps an event.
    pub(crate) fn push(&self, message: Bytes) {
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        state.bytes += message.len();
        state.events.push_back((number, message));
        while state.events.len() > MAX_EVENTS || (state.bytes > MAX_BYTES && state.events.len() > 1) {
            let Some((_, old)) = state.events.pop_front() else { break };
            state.bytes -= old.len();
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Nothing more comes.
    pub(crate) fn finish(&self) {
        lock(&self.state).over = Some(Instant::now());
        self.changed.send_replace(());
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
