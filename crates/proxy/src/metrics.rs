//! Counters for `/metrics`. Labels are names of Cordon's own or of the operator's files: never a caller's text.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::borrow::Cow;

/// Which operation ended how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ending {
    /// The operation's name.
    pub operation: &'static str,
    /// `ok`, or why not.
    pub result: Cow<'static, str>,
}

/// Which kind of finding, which way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Found {
    /// The finding's kind.
    pub kind: &'static str,
    /// `prompt` or `answer`.
    pub direction: &'static str,
}

/// Which way tokens flowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Tokens {
    /// `input` or `output`.
    pub direction: &'static str,
}

/// Where a staged manifest would have decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StagedLabels {
    /// The agent.
    pub agent: String,
    /// What the rules in force said: `allow`, `ask`, or the reason's code.
    pub enforced: &'static str,
    /// What the staged manifest said.
    pub staged: &'static str,
}

/// Everything that is counted.
pub struct Metrics {
    /// Exchanges, by how they ended.
    pub requests: Family<Ending, Counter>,
    /// Findings.
    pub findings: Family<Found, Counter>,
    /// Tool calls refused.
    pub calls_refused: Counter,
    /// Tokens, as upstreams counted them.
    pub tokens: Family<Tokens, Counter>,
    /// Prompts, answers and calls on which a staged manifest differs. Begins anew with another staged manifest.
    pub staged: Family<StagedLabels, Gauge>,
    /// Requests under way.
    pub in_flight: Gauge,
    /// Seconds from a request's head to the end of its answer.
    pub seconds: Histogram,
    /// Seconds that Cordon itself took before the request went upstream, the wait for the record included.
    pub gate_seconds: Histogram,
}

impl Metrics {
    /// New counters, registered.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let m = Self {
            requests: Family::default(),
            findings: Family::default(),
            calls_refused: Counter::default(),
            tokens: Family::default(),
            staged: Family::default(),
            in_flight: Gauge::default(),
            seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0]),
            gate_seconds: Histogram::new([0.0001, 0.000_25, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1.0]),
        };
        registry.register("cordon_requests", "Exchanges by operation and result", m.requests.clone());
        registry.register("cordon_findings", "Findings by kind and direction", m.findings.clone());
        registry.register(
            "cordon_tool_calls_refused",
            "Tool calls refused in answers",
            m.calls_refused.clone(),
        );
        registry.register("cordon_tokens", "Tokens as counted by upstreams", m.tokens.clone());
        registry.register(
            "cordon_staged_differences",
            "Prompts, answers and calls on which a staged manifest differs from the one in force",
            m.staged.clone(),
        );
        registry.register("cordon_in_flight", "Requests under way", m.in_flight.clone());
        registry.register("cordon_request_seconds", "Seconds of an exchange", m.seconds.clone());
        registry.register(
            "cordon_gate_seconds",
            "Seconds before a request went upstream, its record durable",
            m.gate_seconds.clone(),
        );
        m
    }

    /// Counts an ending.
    pub fn ended(&self, operation: &'static str, result: &'static str) {
        self.requests.get_or_create(&Ending { operation, result: Cow::Borrowed(result) }).inc();
    }

    /// Shows the differences of staged manifests as they stand.
    pub fn staged(&self, all: impl IntoIterator<Item = (StagedLabels, u64)>) {
        self.staged.clear();
        for (labels, n) in all {
            self.staged.get_or_create(&labels).inc_by(i64::try_from(n).unwrap_or(i64::MAX));
        }
    }

    /// Counts a tally's findings.
    pub fn found(&self, tally: &cordon_pipeline::Tally, direction: &'static str) {
        for ((kind, _), n) in &tally.findings {
            self.findings.get_or_create(&Found { kind: kind.name(), direction }).inc_by(u64::from(*n));
        }
        let refused = tally.calls.iter().filter(|c| c.refused.is_some()).count();
        self.calls_refused.inc_by(refused as u64);
        for (direction, n) in [("input", tally.tokens_in), ("output", tally.tokens_out)] {
            if let Some(n) = n {
                self.tokens.get_or_create(&Tokens { direction }).inc_by(n);
            }
        }
    }
}
