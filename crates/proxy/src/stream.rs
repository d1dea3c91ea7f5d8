//! A streamed answer: the machine inspects, this carries bytes. The terminal event leaves when the outcome is durable.

use crate::body::{Broken, OutBody};
use crate::call::{too_large, too_long, upstream_failed};
use crate::open::{Open, killed_refusal};
use crate::respond;
use bytes::Bytes;
use cordon_pipeline::{Cut, End, Exchange, Refusal, Step, StreamMachine};
use cordon_types::{Dialect, RequestId};
use cordon_upstream::IncomingBody;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::Response;
use std::collections::VecDeque;
use tokio::time::timeout_at;

/// One stream under way.
struct Flow {
    open: Box<Open>,
    machine: StreamMachine,
    upstream: IncomingBody,
    id: RequestId,
    dialect: Dialect,
    ready: VecDeque<Result<Bytes, Broken>>,
    over: bool,
}

impl Drop for Flow {
    fn drop(&mut self) {
        // A caller that went away: what the machine gathered goes into the outcome that `Open` leaves.
        if !self.open.closed {
            self.open.tally = self.machine.tally().clone();
        }
    }
}

/// Starts the answer. Errors only before the first byte.
pub(crate) async fn respond(
    mut open: Box<Open>,
    exchange: Exchange,
    upstream: IncomingBody,
    id: RequestId,
    dialect: Dialect,
) -> Result<Response<OutBody>, Refusal> {
    let limits = open.worker.shared.limits;
    let now = open.worker.shared.clock.now();
    let machine = match StreamMachine::new(exchange, limits.event_bytes, limits.arguments_bytes, now) {
        Ok(machine) => machine,
        Err(refusal) => {
            open.close(End::Refused(refusal.why)).await?;
            return Err(refusal);
        }
    };
    let flow = Flow { open, machine, upstream, id, dialect, ready: VecDeque::new(), over: false };
    let stream = stream::unfold(flow, |mut flow| async move {
        let item = flow.next().await?;
        Some((item, flow))
    });
    Ok(respond::events(dialect, id, OutBody::Stream(stream.boxed())))
}

impl Flow {
    /// The next bytes for the caller.
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.over {
                return None;
            }
            self.advance().await;
        }
    }

    /// Takes one chunk from the upstream, or whatever comes in its stead.
    async fn advance(&mut self) {
        let deadline = self.open.deadline;
        let chunk = tokio::select! {
            biased;
            chunk = timeout_at(deadline, self.upstream.chunk()) => chunk,
            () = self.open.killed() => return self.cut(End::Killed, &killed_refusal()).await,
        };
        // A stream that always has a chunk ready would never let the other branch be looked at.
        if self.open.was_killed() {
            return self.cut(End::Killed, &killed_refusal()).await;
        }
        let now = self.open.worker.shared.clock.now();
        let step = match chunk {
            Err(_) => return self.cut(End::TimedOut, &too_long()).await,
            Ok(Some(Err(e))) => {
                let (end, refusal) = upstream_failed(&e);
                return self.cut(end, &refusal).await;
            }
            Ok(Some(Ok(data))) => {
                let received = self.machine.tally().received.saturating_add(data.len() as u64);
                if received > self.open.worker.shared.limits.answer_bytes as u64 {
                    let refusal = too_large();
                    return self.cut(End::UpstreamFailed("answer_too_large"), &refusal).await;
                }
                self.machine.push(&data, now)
            }
            Ok(None) => self.machine.end(now),
        };
        match step {
            Ok(Step::Flow(release)) => self.release(release),
            Ok(Step::Last { release, tail }) => {
                self.release(release);
                self.finish(tail).await;
            }
            Err(Cut { release, refusal }) => {
                self.release(release);
                self.cut(End::Refused(refusal.why), &refusal).await;
            }
        }
    }

    fn release(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.ready.push_back(Ok(bytes));
        }
    }

    /// INVARIANT: the terminal event leaves only when the outcome is durable.
    async fn finish(&mut self, tail: Bytes) {
        self.over = true;
        self.open.tally = self.machine.tally().clone();
        match self.open.close(End::Complete).await {
            Ok(()) => self.release(tail),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    async fn cut(&mut self, end: End, refusal: &Refusal) {
        self.over = true;
        self.open.tally = self.machine.tally().clone();
        let refusal = match self.open.close(end).await {
            Ok(()) => refusal.clone(),
            Err(ledger) => ledger,
        };
        self.refuse(&refusal);
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.release(respond::error_event(self.dialect, self.id, refusal));
    }
}
