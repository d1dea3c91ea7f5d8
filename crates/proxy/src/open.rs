//! An exchange whose intent is durable: it ends with an outcome, whatever happens to it.

use crate::body::Buffered;
use crate::call::Asked;
use crate::service::InFlight;
use crate::worker::Worker;
use cordon_identity::Target;
use cordon_pipeline::meter::Ticket;
use cordon_pipeline::{About, Done, End, Gate, Model, Refusal, Tally, Why};
use cordon_types::{Digest, Nanos, ServerId, UpstreamId};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// See the module. Dropping it unfinished records that the caller went away.
pub(crate) struct Open {
    pub(crate) worker: Arc<Worker>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) about: About,
    pub(crate) stream: bool,
    /// Counts against `limits.concurrent_requests` until the answer is over.
    pub(crate) _in_flight: Option<InFlight>,
    pub(crate) buffered: Buffered,
    pub(crate) user: Option<Digest>,
    /// Of a model call.
    pub(crate) model: Option<Arc<Model>>,
    /// Where it goes.
    pub(crate) upstream: Option<UpstreamId>,
    /// Index of the intent in the ledger.
    pub(crate) intent: u64,
    pub(crate) tally: Tally,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) started: Nanos,
    /// Bytes sent upstream, to estimate tokens where nobody counts them.
    pub(crate) sent: u64,
    pub(crate) deadline: Instant,
    pub(crate) closed: bool,
    pub(crate) signal: watch::Receiver<u64>,
    pub(crate) looked: bool,
}

impl Open {
    /// An exchange with a tool server, of which nothing is recorded yet.
    pub(crate) fn of_call(
        asked: &mut Asked,
        gate: &Arc<Gate>,
        about: About,
        server: &ServerId,
        tickets: Vec<Ticket>,
        deadline: Instant,
    ) -> Self {
        let shared = &asked.worker.shared;
        Self {
            worker: asked.worker.clone(),
            gate: gate.clone(),
            about,
            stream: false,
            _in_flight: asked.in_flight.take(),
            buffered: std::mem::replace(&mut asked.buffered, Buffered::new(shared.clone())),
            user: asked.user.as_ref().map(|(_, digest)| *digest),
            model: None,
            upstream: UpstreamId::new(server.as_str()).ok(),
            intent: 0,
            tally: Tally::default(),
            tickets,
            started: asked.started,
            sent: 0,
            deadline,
            closed: true,
            // Taken before the first look, so that no kill falls in between.
            signal: shared.kill_signal.clone(),
            looked: false,
        }
    }

    /// Waits until the intent is durable: from here on the exchange has an outcome, whatever happens.
    pub(crate) async fn begun(
        mut self,
        appended: cordon_ledger::Appended,
        sent: u64,
    ) -> Result<Self, Refusal> {
        self.intent = appended.queued().ok_or_else(ledger_refusal)?;
        // Before the wait: a caller that goes away meanwhile leaves an outcome too.
        (self.closed, self.sent) = (false, sent);
        if appended.await.is_err() {
            self.closed = true;
            return Err(ledger_refusal());
        }
        let shared = &self.worker.shared;
        let gated = shared.clock.ticks().saturating_sub(self.started);
        #[allow(clippy::cast_precision_loss, reason = "a histogram needs no nanosecond")]
        shared.metrics.gate_seconds.observe(gated as f64 / 1e9);
        Ok(self)
    }

    /// Records the outcome and waits until it is durable. Errors when the ledger cannot write: then the answer's end
    /// must not leave.
    pub(crate) async fn close(&mut self, end: End) -> Result<(), Refusal> {
        let appended = self.finish(end)?;
        appended.await.map(|_| ()).map_err(|_| ledger_refusal())
    }

    /// Settles the budget and hands the outcome to the ledger.
    fn finish(&mut self, end: End) -> Result<cordon_ledger::Appended, Refusal> {
        self.closed = true;
        let worker = self.worker.clone();
        let shared = &worker.shared;
        let now = shared.clock.now();
        let mut unsettled = self.settle(now).is_err();
        if unsettled {
            tracing::error!("spending could not be stored; see `failure.store`");
            if shared.meter.may_fail() {
                self.tally.store_failed = true;
                unsettled = false;
            }
        }
        let took = shared.clock.ticks().saturating_sub(self.started);
        shared.metrics.found(&self.tally, "answer");
        shared.metrics.ended(self.about.op.name(), end.name());
        #[allow(clippy::cast_precision_loss, reason = "a histogram needs no nanosecond")]
        shared.metrics.seconds.observe(took as f64 / 1e9);
        let leaf = shared.recorder.outcome(&Done {
            about: &self.about,
            gate: &self.gate,
            intent: self.intent,
            end,
            tally: &self.tally,
            stream: self.stream,
            took,
            now,
        });
        let appended = shared.ledger.append(leaf);
        if unsettled {
            return Err(Refusal::internal());
        }
        Ok(appended)
    }

    fn settle(&mut self, now: u64) -> Result<(), cordon_pipeline::meter::BudgetStoreError> {
        let tickets = std::mem::take(&mut self.tickets);
        if tickets.is_empty() {
            return Ok(());
        }
        // Four bytes a token is the usual rule of thumb; it serves only where the upstream counts nothing.
        let input = self.tally.tokens_in.unwrap_or(self.sent / 4);
        let output = self.tally.tokens_out.unwrap_or(self.tally.words / 4);
        // A tool's call costs no tokens; it counts as a request.
        let price = self.model.as_ref().map(|m| m.price);
        let cost = price.map_or(0, |p| p.cost(input, output, self.tally.tokens_cached.unwrap_or(0)));
        self.tally.cost_micros = cost;
        let tokens = if price.is_some() { input.saturating_add(output) } else { 0 };
        tickets.into_iter().map(|t| t.settle(tokens, cost, now)).fold(Ok(()), Result::and)
    }

    /// Whether a kill switch stops this exchange now.
    fn is_killed(&self) -> bool {
        self.worker
            .shared
            .kills
            .load()
            .hit(&Target {
                key: &self.about.key,
                agent: Some(&self.about.agent),
                user: self.user.as_ref(),
                model: self.model.as_ref().map(|m| &m.name),
                upstream: self.upstream.as_ref(),
            })
            .is_some()
    }

    /// Whether this exchange may not go on, as of now: a look at the switches and the key.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_killed() || self.worker.shared.is_revoked(&self.about.key)
    }

    /// Resolves when a kill switch stops this exchange, or its key is revoked. Looks once at the start, then only
    /// when something was killed or revoked: a chunk of a stream pays nothing for it. Cancel safe.
    pub(crate) async fn killed(&mut self) {
        loop {
            if !std::mem::replace(&mut self.looked, true) && self.is_stopped() {
                return;
            }
            if self.signal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.looked = false;
        }
    }

    /// Whether something was killed or revoked that stops this exchange; for streams that always have a chunk ready.
    pub(crate) fn was_killed(&mut self) -> bool {
        let news = self.signal.has_changed().unwrap_or(false);
        if news {
            self.signal.mark_unchanged();
        }
        news && self.is_stopped()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.closed {
            // Nobody waits any more; the outcome is queued and becomes durable with the next group.
            let _ = self.finish(End::Aborted);
        }
    }
}

pub(crate) fn ledger_refusal() -> Refusal {
    Refusal {
        retry_after: Some(5),
        ..Refusal::new(
            503,
            Why::Ledger,
            "the gateway cannot write its records, so nothing passes; try again later",
        )
    }
}

pub(crate) fn killed_refusal() -> Refusal {
    Refusal::new(403, Why::Killed, "an operator stopped this; ask the operator of this gateway")
}
