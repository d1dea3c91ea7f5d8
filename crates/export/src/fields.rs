//! A record as a flat row: the one table behind CSV, syslog and OTLP. `docs/export.md` shows it.
//!
//! What always holds: a field's place in [`COLUMNS`] never changes its meaning; new ones come at the end.

use crate::{Leaf, words};
use cordon_ledger::{Control, FIRST_EPOCH, Intent, Judged, Outcome, Record, ToolCalled};
use cordon_types::time;

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A word, a name or a digest.
    Text(String),
    /// A number.
    Number(u64),
    /// Several texts.
    List(Vec<String>),
}

/// A field: its name in CSV and syslog, and in OTLP. Where OpenTelemetry's conventions have a name, it is theirs.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) otlp: &'static str,
}

const fn column(name: &'static str, otlp: &'static str) -> Column {
    Column { name, otlp }
}

pub(crate) const COLUMNS: &[Column] = &[
    column("index", "cordon.log.index"),
    column("time", "cordon.time"),
    column("type", "cordon.record.type"),
    column("what", "cordon.control.kind"),
    column("request", "cordon.request.id"),
    column("intent", "cordon.intent.index"),
    column("agent", "gen_ai.agent.id"),
    column("key", "cordon.key.id"),
    column("user", "enduser.pseudo.id"),
    column("by", "cordon.operator.pseudo.id"),
    column("operation", "cordon.operation"),
    column("dialect", "cordon.dialect"),
    column("model", "gen_ai.request.model"),
    column("upstream", "cordon.upstream"),
    column("mode", "cordon.mode"),
    column("decision", "cordon.decision"),
    column("reason", "cordon.reason"),
    column("policies", "cordon.policies"),
    column("predicates", "cordon.predicates"),
    column("findings", "cordon.findings"),
    column("obligations", "cordon.obligations"),
    column("stream", "cordon.stream"),
    column("body_size", "cordon.size.body"),
    column("tools", "cordon.tools.offered"),
    column("tools_removed", "cordon.tools.removed"),
    column("truncated", "cordon.truncated"),
    column("not_inspected", "cordon.not_inspected"),
    column("opened", "cordon.opened"),
    column("integrity", "cordon.label.integrity"),
    column("confidentiality", "cordon.label.confidentiality"),
    column("policy_version", "cordon.policy.version"),
    column("detectors", "cordon.detectors.version"),
    column("commitment", "cordon.commitment"),
    column("finish", "cordon.finish"),
    column("status", "http.response.status_code"),
    column("upstream_status", "cordon.upstream.status_code"),
    column("calls", "cordon.calls"),
    column("calls_unlisted", "cordon.calls.unlisted"),
    column("answer_size", "cordon.size.answer"),
    column("released_size", "cordon.size.released"),
    column("tokens_in", "gen_ai.usage.input_tokens"),
    column("tokens_out", "gen_ai.usage.output_tokens"),
    column("tokens_cached", "gen_ai.usage.cache_read.input_tokens"),
    column("cost_micros", "cordon.cost.micros"),
    column("total_ms", "cordon.duration.total_ms"),
    column("upstream_ms", "cordon.duration.upstream_ms"),
    column("target", "cordon.control.target"),
    column("count", "cordon.control.count"),
    column("leaf", "cordon.log.leaf_hash"),
    column("epoch", "cordon.epoch"),
    column("of", "cordon.control.of"),
    column("from", "cordon.control.from"),
    column("to", "cordon.control.to"),
    column("snapshot", "cordon.control.snapshot"),
    column("tool", "gen_ai.tool.name"),
    column("effect", "cordon.tool.effect"),
    column("target_origin", "cordon.tool.target_origin"),
    column("session", "cordon.session"),
    column("result_class", "cordon.tool.result_class"),
    column("advisory", "cordon.advisory"),
    column("approval", "cordon.control.approval"),
];

/// A row: the fields that a leaf has, by the name in [`COLUMNS`].
pub(crate) struct Row(Vec<(&'static str, Value)>);

impl Row {
    pub(crate) fn of(leaf: &Leaf) -> Self {
        let mut row = Self(Vec::with_capacity(24));
        row.number("index", leaf.index);
        match &leaf.record {
            None => row.text("type", "unknown"),
            Some(record) => {
                row.text("time", time::rfc3339(record.at()));
                match record {
                    Record::Intent(r) => row.intent(r),
                    Record::Outcome(r) => row.outcome(r),
                    Record::Control(r) => row.control(r),
                }
            }
        }
        row.text("leaf", leaf.hash_text());
        row
    }

    /// The columns with what this row has in them, in the table's order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'static Column, Option<&Value>)> {
        COLUMNS.iter().map(|c| (c, self.0.iter().find(|(name, _)| *name == c.name).map(|(_, v)| v)))
    }

    fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push((name, Value::Text(value.into())));
    }

    fn maybe(&mut self, name: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.push((name, Value::Text(value.to_string())));
        }
    }

    fn number(&mut self, name: &'static str, value: impl Into<u64>) {
        self.0.push((name, Value::Number(value.into())));
    }

    fn some(&mut self, name: &'static str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// The epoch of the digests, where it is not the first.
    fn epoch(&mut self, epoch: u32) {
        if epoch != FIRST_EPOCH {
            self.number("epoch", epoch);
        }
    }

    fn list(&mut self, name: &'static str, value: Vec<String>) {
        if !value.is_empty() {
            self.0.push((name, Value::List(value)));
        }
    }

    fn judged(&mut self, judged: &Judged) {
        self.text("decision", judged.decision.name());
        self.maybe("reason", judged.reason.map(|r| r.name()));
        self.list("policies", judged.policies.iter().map(|p| p.as_str().to_owned()).collect());
        self.list("predicates", judged.predicates.iter().map(words::predicate).collect());
        self.list("findings", judged.findings.iter().map(words::finding).collect());
        self.list("obligations", judged.obligations.iter().map(words::obligation).collect());
    }

    fn intent(&mut self, r: &Intent) {
        self.text("type", "intent");
        self.text("request", r.request.to_string());
        self.maybe("agent", r.agent.as_ref());
        self.maybe("key", r.key.as_ref());
        self.maybe("user", r.user);
        self.text("operation", r.operation.name());
        self.text("dialect", r.dialect.name());
        self.maybe("model", r.model.as_ref().map(words::name));
        self.maybe("upstream", r.upstream.as_ref());
        self.text("mode", words::mode(r.mode));
        self.judged(&r.judged);
        self.number("stream", r.stream);
        self.number("body_size", r.body.exponent());
        self.number("tools", r.tools);
        self.number("tools_removed", r.tools_removed);
        self.number("truncated", r.truncated);
        self.list("not_inspected", r.not_inspected.iter().map(|f| f.name().to_owned()).collect());
        self.list("opened", r.opened.iter().map(|f| f.name().to_owned()).collect());
        self.some("integrity", r.labels.map(|l| l.integrity));
        self.some("confidentiality", r.labels.map(|l| l.confidentiality));
        self.called(r.call.as_ref());
        self.maybe("policy_version", r.policy.as_ref());
        self.maybe("detectors", r.detector.as_ref().map(|w| w.as_str()));
        self.maybe("commitment", r.commitment.as_ref().map(|c| &c.0));
        self.epoch(r.epoch);
    }

    fn called(&mut self, call: Option<&ToolCalled>) {
        self.maybe("tool", call.map(|c| words::name(&c.tool)));
        self.maybe("effect", call.and_then(|c| c.effect));
        self.maybe("target_origin", call.and_then(|c| c.target.as_ref()).map(|w| w.as_str()));
        self.maybe("session", call.and_then(|c| c.session));
        self.maybe("result_class", call.and_then(|c| c.result_class));
        self.some("advisory", call.map(|c| c.advisory));
    }

    fn outcome(&mut self, r: &Outcome) {
        self.text("type", "outcome");
        self.text("request", r.request.to_string());
        self.number("intent", r.intent);
        self.maybe("agent", r.agent.as_ref());
        self.text("finish", r.finish.name());
        self.number("status", r.status);
        self.some("upstream_status", r.upstream_status);
        self.judged(&r.judged);
        self.list("calls", r.calls.iter().map(words::call).collect());
        self.number("calls_unlisted", r.calls_unlisted);
        self.number("stream", r.stream);
        self.number("answer_size", r.answer.exponent());
        self.number("released_size", r.released.exponent());
        self.some("tokens_in", r.tokens_in);
        self.some("tokens_out", r.tokens_out);
        self.some("tokens_cached", r.tokens_cached);
        self.some("cost_micros", r.cost_micros);
        self.number("total_ms", r.total_ms);
        self.some("upstream_ms", r.upstream_ms);
        self.number("truncated", r.truncated);
        self.list("not_inspected", r.not_inspected.iter().map(|f| f.name().to_owned()).collect());
        self.list("opened", r.opened.iter().map(|f| f.name().to_owned()).collect());
        self.epoch(r.epoch);
    }

    fn control(&mut self, r: &Control) {
        self.text("type", "control");
        self.text("what", r.kind.name());
        self.maybe("request", r.request);
        self.maybe("agent", r.agent.as_ref());
        self.maybe("key", r.key.as_ref());
        self.maybe("target", r.target.as_ref().map(words::name));
        self.maybe("by", r.by);
        self.maybe("reason", r.reason.map(|reason| reason.name()));
        self.maybe("policy_version", r.policy.as_ref());
        self.some("count", r.count);
        self.epoch(r.epoch);
        self.some("of", r.of);
        self.maybe("from", r.from.map(time::rfc3339));
        self.maybe("to", r.to.map(time::rfc3339));
        self.maybe("snapshot", r.snapshot);
        self.maybe("approval", r.approval);
    }
}
