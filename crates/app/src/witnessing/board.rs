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
    /// Why the last request failed; `None` when it did not.
    why: Option<Why>,
    /// What it said against this ledger. Stays until it cosigns: going away afterwards takes nothing back.
    alarm: Option<Why>,
}

impl One {
    fn shown(&self) -> Option<Why> {
        self.alarm.or(self.why)
    }
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
            .map(|(name, seen)| One { name: name.clone(), seen: *seen, failures: 0, why: None, alarm: None })
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
            one.alarm = None;
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
        if why.is_alarm() {
            one.alarm = Some(why);
        }
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
                "failing": one.shown().map(Why::name),
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
        if inner.witnesses.iter().any(|one| one.alarm.is_some()) {
            "contradicted by a witness"
        } else if self.asks && inner.quorum.is_some() {
            "witnessed"
        } else {
            "unwitnessed"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(quorum: &str) -> Board {
        let key = |n| {
            let algorithm = cordon_ledger::Algorithm::CosignatureEd25519;
            cordon_ledger::Signer::generate_with(algorithm, "w", [n; 32]).unwrap().verifier().to_text()
        };
        let text = format!("witness a {}\nwitness b {}\ngroup g any a b\nquorum {quorum}\n", key(1), key(2));
        let policy = Policy::parse(text.as_bytes()).unwrap();
        let witnesses = vec![("a".to_owned(), None), ("b".to_owned(), Some((5, 9)))];
        let standing = Standing { size: 7, quorum: None, witnesses };
        Board::new(&policy, &standing, &mut Registry::default())
    }

    #[test]
    fn the_state_in_words() {
        let board = board("g");
        assert_eq!(board.line(), "ledger: unwitnessed (0 of 7 records)");
        board.ledger(10);
        assert_eq!(board.cosigned(0, 10, 99), None);
        board.quorum(10, vec!["a".to_owned()]);
        assert_eq!(board.line(), "ledger: witnessed (10 of 10 records)");
        board.ledger(12);
        let status = board.status();
        assert_eq!((&status["size"], &status["of"], &status["lag"]), (&json!(10), &json!(12), &json!(2)));
        assert_eq!(status["by"], json!(["a"]));
        assert_eq!(
            status["witnesses"][1],
            json!({"name": "b", "size": 5, "time": 9, "failures": 0, "failing": null})
        );
    }

    #[test]
    fn an_alarm_stays_until_the_witness_cosigns() {
        let board = board("g");
        assert_eq!(board.failed(0, Why::Inconsistent), None);
        assert_eq!(board.failed(0, Why::Timeout), Some(Why::Inconsistent));
        assert_eq!(board.failed(0, Why::Timeout), Some(Why::Timeout));
        let status = board.status();
        assert_eq!(status["state"], "contradicted by a witness");
        assert_eq!(status["witnesses"][0]["failing"], "ledger_rewritten");
        assert_eq!(status["witnesses"][0]["failures"], 3);
        assert_eq!(board.cosigned(0, 7, 1), Some(Why::Timeout));
        assert_eq!(board.status()["state"], "unwitnessed");
    }

    #[test]
    fn without_a_quorum_nothing_is_called_witnessed() {
        let board = board("none");
        board.cosigned(0, 7, 1);
        board.quorum(7, vec!["a".to_owned()]);
        assert_eq!(board.status()["state"], "unwitnessed");
    }
}
