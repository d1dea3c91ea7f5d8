//! Counting one record.

use super::{Open, Pass, Seen, Usage};
use cordon_ledger::{Control, ControlKind, Decision, Intent, Judged, Name, Outcome, Reason, Record};
use cordon_types::{Digest, Millis};
use data_encoding::HEXLOWER;

/// A name that stands in no operator's file: all of them are counted together.
pub(super) const STRANGE: &str = "(not in an operator's file)";
/// An outcome whose intent lies before the period.
const EARLIER: &str = "(begun before the period)";

pub(super) fn name_of(name: &Name) -> &str {
    match name {
        Name::Known(known) => known.as_str(),
        Name::Hidden(_) => STRANGE,
    }
}

impl Usage {
    fn add(&mut self, outcome: &Outcome) {
        let add = |to: &mut u64, n: Option<u64>| *to = to.saturating_add(n.unwrap_or(0));
        self.exchanges += 1;
        add(&mut self.tokens_in, outcome.tokens_in);
        add(&mut self.tokens_out, outcome.tokens_out);
        add(&mut self.cached, outcome.tokens_cached);
        add(&mut self.cost_micros, outcome.cost_micros);
    }
}

impl Pass {
    pub(super) fn count(&mut self, index: u64, record: &Record) {
        let at = record.at();
        self.figures.span.get_or_insert_default().note(index, at);
        match record {
            Record::Intent(intent) => self.intent(index, intent),
            Record::Outcome(outcome) => self.outcome(index, outcome),
            Record::Control(control) => self.control(index, control),
        }
    }

    fn intent(&mut self, index: u64, r: &Intent) {
        let decision = r.judged.decision.name();
        let goes_on = matches!(r.judged.decision, Decision::Allowed | Decision::Observed);
        let agent = r.agent.as_ref().map_or(STRANGE, |a| a.as_str());
        let model = r.model.as_ref().map(name_of);
        let upstream = r.upstream.as_ref().map(|u| u.as_str());
        self.judged("prompt", &r.judged);
        self.sees("agent", r.agent.as_ref().map(|a| a.as_str()), index, r.at);
        self.sees("key", r.key.as_ref().map(|k| k.as_str()), index, r.at);
        self.sees("model", model, index, r.at);
        self.sees("upstream", upstream, index, r.at);
        self.version("policy", r.policy.as_ref().map(hex).as_deref(), index, r.at);
        self.version("detectors", r.detector.as_ref().map(|w| w.as_str()), index, r.at);
        let f = &mut self.figures;
        f.records.one("intent");
        f.agents.add(agent, decision, 1);
        f.models.add(model.unwrap_or("(none named)"), decision, 1);
        f.operations.one(r.operation.name());
        f.modes.one(if r.mode == cordon_types::Mode::Observe { "observe" } else { "enforce" });
        f.on_behalf += u64::from(r.user.is_some());
        f.offered.add("offered", u64::from(r.tools));
        f.offered.add("taken out", u64::from(r.tools_removed));
        f.truncated += u64::from(r.truncated);
        r.not_inspected.iter().for_each(|n| f.not_inspected.one(n.name()));
        r.opened.iter().for_each(|o| f.opened.one(o.name()));
        if goes_on {
            f.flows.add(agent, upstream.unwrap_or("(none)"), 1);
            for found in &r.judged.findings {
                f.agent_data.add(agent, found.kind.name(), u64::from(found.count));
            }
            let open = Open { model: model.map(str::to_owned), upstream: upstream.map(str::to_owned) };
            self.under_way.insert(index, open);
            if self.under_way.len() > Self::UNDER_WAY {
                self.under_way.pop_first();
                self.forgotten += 1;
            }
        }
    }

    fn outcome(&mut self, index: u64, r: &Outcome) {
        let begun = self.under_way.remove(&r.intent);
        let (model, upstream) = begun.map_or((None, None), |o| (o.model, o.upstream));
        self.judged("answer", &r.judged);
        self.sees("agent", r.agent.as_ref().map(|a| a.as_str()), index, r.at);
        for call in &r.calls {
            let tool = name_of(&call.tool);
            self.sees("tool", Some(tool).filter(|t| *t != STRANGE), index, r.at);
            let f = &mut self.figures;
            f.tools.add(tool, call.decision.name(), 1);
            f.decisions.add("tool call", call.decision.name(), 1);
            if let Some(why) = call.reason {
                f.reasons.add("tool call", why.name(), 1);
            }
            call.policies.iter().for_each(|p| f.policies.one(p.as_str()));
            for p in &call.predicates {
                f.predicates.add(p.predicate.as_str(), if p.held { "held" } else { "failed" }, 1);
            }
        }
        let f = &mut self.figures;
        f.records.one("outcome");
        f.tools.add("(beyond those listed)", "not listed", u64::from(r.calls_unlisted));
        f.finishes.one(r.finish.name());
        f.statuses.one(&r.status.to_string());
        f.upstreams.add(upstream.as_deref().unwrap_or(EARLIER), r.finish.name(), 1);
        *f.took.entry(u32::BITS - r.total_ms.leading_zeros()).or_default() += 1;
        f.truncated += u64::from(r.truncated);
        r.not_inspected.iter().for_each(|n| f.not_inspected.one(n.name()));
        r.opened.iter().for_each(|o| f.opened.one(o.name()));
        if r.tokens_in.is_some() || r.tokens_out.is_some() || r.cost_micros.is_some() {
            let agent = r.agent.as_ref().map_or(STRANGE, |a| a.as_str());
            f.usage_total.add(r);
            f.usage.update("model", model.as_deref().unwrap_or(EARLIER), |u| u.add(r));
            f.usage.update("agent", agent, |u| u.add(r));
        }
        if r.finish == cordon_ledger::Finish::Killed
            && let Some(kill) = self.last_kill
        {
            let took = r.at.saturating_sub(kill);
            let longest = self.figures.longest_to_stop.get_or_insert(took);
            *longest = took.max(*longest);
        }
    }

    fn control(&mut self, index: u64, r: &Control) {
        let n = r.count.unwrap_or(1);
        self.version("policy", r.policy.as_ref().map(hex).as_deref(), index, r.at);
        let f = &mut self.figures;
        f.records.one("control");
        f.controls.one(r.kind.name());
        match r.kind {
            ControlKind::Refusal => f.refusals.add(r.reason.map_or("other", Reason::name), n),
            ControlKind::Kill => {
                f.kills.one(r.target.as_ref().map_or(STRANGE, name_of));
                self.last_kill = Some(r.at);
            }
            _ => {}
        }
    }

    fn judged(&mut self, place: &str, judged: &Judged) {
        let f = &mut self.figures;
        f.decisions.add(place, judged.decision.name(), 1);
        if let Some(why) = judged.reason {
            f.reasons.add(place, why.name(), 1);
        }
        for found in &judged.findings {
            f.findings.add(found.kind.name(), found.span.name(), u64::from(found.count));
        }
        for did in &judged.obligations {
            let kind = did.kind.map_or("(no finding)", |k| k.name());
            f.obligations.add(did.obligation.name(), kind, u64::from(did.count));
        }
        judged.policies.iter().for_each(|p| f.policies.one(p.as_str()));
        for p in &judged.predicates {
            f.predicates.add(p.predicate.as_str(), if p.held { "held" } else { "failed" }, 1);
        }
    }

    fn sees(&mut self, sort: &'static str, name: Option<&str>, index: u64, at: Millis) {
        if let Some(name) = name.filter(|n| *n != STRANGE) {
            self.figures.seen.update(sort, name, |seen| seen.note(index, at));
        }
    }

    fn version(&mut self, sort: &'static str, version: Option<&str>, index: u64, at: Millis) {
        if let Some(version) = version {
            self.figures.versions.update(sort, version, |seen| seen.note(index, at));
        }
    }
}

impl Seen {
    fn note(&mut self, index: u64, at: Millis) {
        if self.records == 0 {
            *self = Self { first: at, last: at, first_index: index, last_index: index, records: 0 };
        }
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.last_index = index;
        self.records += 1;
    }
}

/// A digest in lower-case hexadecimal; on the way of every record, so quicker than formatting it.
pub(super) fn hex(digest: &Digest) -> String {
    HEXLOWER.encode(&digest.0)
}
