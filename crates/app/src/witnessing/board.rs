//! What is known of witnessing, for status, metrics and readiness. Names are the operator's, from the policy.

use cordon_ledger::{Policy, witnessed::Standing};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a witness gave no cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// No answer: unreachable, or an address that is not allowed.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// 403 or 404: it does not know this log or its key.
    NotAccepted,
    /// It answered something that the protocol does not have.
    BadAnswer,
    /// It cosigned a larger tree than this ledger has.
    Ahead,
    /// It cosigned another tree than this ledger has.
    Inconsistent,
    /// This ledger's own files could not be read.
    Files,
}

impl Why {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::NotAccepted => "not_accepted",
            Self::BadAnswer => "bad_answer",
            Self::Ahead => "ledger_behind_witness",
            Self::Inconsistent => "ledger_rewritten",
            Self::Files => "ledger_unreadable",
        }
    }

    /// Whether it says that this ledger is not the one that the witness saw.
    pub(crate) const fn is_alarm(self) -> bool {
        matches!(self, Self::Ahead | Self::Inconsistent)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Who {
    witness: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    witness: String,
    why: &'static str,
}

#[derive(Default)]
struct Metrics {
    witnessed: Gauge,
    lag: Gauge,
    size: Family<Who, Gauge>,
    failures: Family<Failed, Counter>,
}

struct One {
    name: String,
    seen: Option<(u64, u64)>,
    failures: u64,
    why: Option<Why>,
}

struct Inner {
    size: u64,
    quorum: Option<(u64, Vec<String>)>,
    witnesses: Vec<One>,
}

/// See the module.
pub(crate) struct Board {
    asks: bool,
    inner: Mutex<Inner>,
    metrics: Metrics,
}

fn gauge(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Board {
    pub(crate) fn new(policy: &Policy, standing: &Standing, registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        let m = &metrics;
        registry.register(
            "cordon_witnessed_records",
            "Records under a checkpoint that met the witnesses' quorum",
            m.witnessed.clone(),
        );
        registry.register(
            "cordon_witness_lag_records",
            "Records under the newest checkpoint and not under one that met the quorum",
            m.lag.clone(),
        );
        registry.register("cordon_witness_records", "Records that a witness cosigned last", m.size.clone());
        registry.register(
            "cordon_witness_failures",
            "Failed requests to a witness, by why",
            m.failures.clone(),
        );
        let witnesses = standing
            .witnesses
            .iter()
            .map(|(name, seen)| One { name: name.clone(), seen: *seen, failures: 0, why: None })
            .collect();
        let quorum = standing
            .quorum
            .as_ref()
            .map(|(_, judged)| (judged.head.size, judged.by.iter().map(|s| s.name.clone()).collect()));
        let board = Self {
            asks: policy.asks(),
            inner: Mutex::new(Inner { size: standing.size, quorum, witnesses }),
            metrics,
        };
        board.measure(&board.lock());
        board
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, inner: &Inner) {
        let witnessed = inner.quorum.as_ref().map_or(0, |(size, _)| *size);
        self.metrics.witnessed.set(gauge(witnessed));
        self.metrics.lag.set(gauge(inner.size.saturating_sub(witnessed)));
        for one in &inner.witnesses {
            let size = one.seen.map_or(0, |(size, _)| size);
            self.metrics.size.get_or_create(&Who { witness: one.name.clone() }).set(gauge(size));
        }
    }

    /// The ledger's newest checkpoint.
    pub(crate) fn ledger(&self, size: u64) {
        let mut inner = self.lock();
        inner.size = size;
        self.measure(&inner);
    }

    /// The policy's n-th witness cosigned. Whether it had failed before.
    pub(crate) fn cosigned(&self, n: usize, size: u64, time: u64) -> Option<Why> {
        let mut inner = self.lock();
        let before = inner.witnesses.get_mut(n).and_then(|one| {
            one.seen = Some((size, time));
            one.why.take()
        });
        self.measure(&inner);
        before
    }

    /// It did not. What it had failed with before.
    pub(crate) fn failed(&self, n: usize, why: Why) -> Option<Why> {
        let mut inner = self.lock();
        let one = inner.witnesses.get_mut(n)?;
        one.failures += 1;
        let failed = Failed { witness: one.name.clone(), why: why.name() };
        let before = one.why.replace(why);
        drop(inner);
        self.metrics.failures.get_or_create(&failed).inc();
        before
    }

    /// A checkpoint met the quorum.
    pub(crate) fn quorum(&self, size: u64, by: Vec<String>) {
        let mut inner = self.lock();
        inner.quorum = Some((size, by));
        self.measure(&inner);
    }

    /// For `cordon status`.
    pub(crate) fn status(&self) -> Value {
        let inner = self.lock();
        let seen = inner.witnesses.iter().map(|one| {
            json!({
                "name": one.name,
                "size": one.seen.map_or(0, |(size, _)| size),
                "time": one.seen.map(|(_, time)| time),
                "failures": one.failures,
                "failing": one.why.map(Why::name),
            })
        });
        let witnessed = inner.quorum.as_ref().map_or(0, |(size, _)| *size);
        json!({
            "state": self.state(&inner),
            "quorum": inner.quorum.is_some(),
            "size": witnessed,
            "of": inner.size,
            "lag": inner.size.saturating_sub(witnessed),
            "by": inner.quorum.as_ref().map_or(&[][..], |(_, by)| by),
            "witnesses": seen.collect::<Vec<_>>(),
        })
    }

    /// For the readiness probe: a word and two numbers, no names.
    pub(crate) fn line(&self) -> String {
        let inner = self.lock();
        let witnessed = inner.quorum.as_ref().map_or(0, |(size, _)| *size);
        format!("ledger: {} ({witnessed} of {} records)", self.state(&inner), inner.size)
    }

    fn state(&self, inner: &Inner) -> &'static str {
        if inner.witnesses.iter().any(|one| one.why.is_some_and(Why::is_alarm)) {
            "contradicted by a witness"
        } else if self.asks && inner.quorum.is_some() {
            "witnessed"
        } else {
            "unwitnessed"
        }
    }
}
