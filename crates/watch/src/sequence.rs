//! *Reads a secret or restricted data, then sends*: over several calls, servers and encodings, by the labels and kinds
//! that records hold.
//!
//! ```text
//! a call whose result is confidential or restricted, or in whose result a secret was found  --> remembered
//! a later send, spend or execute of the same piece of work                                  --> a sequence
//! ```
//! What always holds: ordinary read-then-write work is no sequence: neither data of a class that everybody works with
//! nor a write makes one. Since it goes by what was read and not by what was sent, no encoding hides it. One piece of
//! work is one session; without a session it is what an agent does within an hour.

use cordon_ledger::{Intent, Outcome, Record};
use cordon_types::{AgentId, Class, Effect, FindingKind, Guard, Millis, SpanKind};
use std::collections::{BTreeMap, HashMap};

/// How long what an agent read without a session counts.
const WINDOW: Millis = 3_600_000;
/// Most pieces of work that are remembered; the one that was idle longest is forgotten first.
const MAX_WORK: usize = 65_536;

/// What was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The record that shows it.
    pub index: u64,
    /// When.
    pub at: Millis,
    /// The class of what the tool returns.
    pub class: Class,
    /// A secret was found in it: the kind.
    pub secret: Option<FindingKind>,
}

/// Something secret was read, and then something was to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Whose work it was.
    pub agent: AgentId,
    /// What was read: the gravest.
    pub read: Read,
    /// The record of the call that was to go out.
    pub sent: u64,
    /// When.
    pub at: Millis,
    /// What that call does.
    pub effect: Effect,
    /// It was stopped; else it went out.
    pub stopped: bool,
}

/// A piece of work: a session, or an agent.
type Work = (AgentId, Option<[u8; 16]>);

/// Reads records in order and tells sequences as they complete.
#[derive(Debug, Default)]
pub struct Sequences {
    read: HashMap<Work, (Read, u64)>,
    /// By the last touch, for forgetting.
    touched: BTreeMap<u64, Work>,
    tick: u64,
    /// Intents of tool calls whose outcomes are to come, by index.
    open: HashMap<u64, (Work, Class)>,
}

impl Sequences {
    /// Takes the next record.
    pub fn take(&mut self, index: u64, record: &Record) -> Vec<Sequence> {
        match record {
            Record::Intent(r) => self.intent(index, r).into_iter().collect(),
            Record::Outcome(r) => self.outcome(index, r),
            Record::Control(_) => Vec::new(),
        }
    }

    fn intent(&mut self, index: u64, r: &Intent) -> Option<Sequence> {
        let agent = r.agent.clone()?;
        let call = r.call.as_ref()?;
        let work = (agent, call.session.map(|s| s.0));
        let stopped = r.judged.decision == cordon_ledger::Decision::Denied;
        let found = call.effect.and_then(|effect| self.goes_out(&work, effect, index, r.at, stopped));
        if !stopped {
            // Intents that never ended: a crash, or a caller that reports nothing.
            if self.open.len() >= MAX_WORK {
                self.open.clear();
            }
            self.open.insert(index, (work, call.result_class.unwrap_or(Class::Public)));
        }
        found
    }

    fn outcome(&mut self, index: u64, r: &Outcome) -> Vec<Sequence> {
        let Some(agent) = r.agent.clone() else { return Vec::new() };
        let (work, class) = match self.open.remove(&r.intent) {
            Some((work, class)) if r.finish == cordon_ledger::Finish::Complete => (work, class),
            Some(_) => return Vec::new(),
            None => ((agent, None), Class::Public),
        };
        let secret = r
            .judged
            .findings
            .iter()
            .find(|f| f.span == SpanKind::ToolResult && f.kind.guard() == Guard::Secrets && f.count > 0);
        if class >= Class::Confidential || secret.is_some() {
            self.remember(work.clone(), Read { index, at: r.at, class, secret: secret.map(|f| f.kind) });
        }
        let calls = r.calls.iter().filter_map(|c| Some((c.effect?, c.decision)));
        calls
            .filter_map(|(effect, decision)| {
                let stopped = decision == cordon_ledger::Decision::Denied;
                self.goes_out(&work, effect, index, r.at, stopped)
            })
            .collect()
    }

    fn goes_out(
        &mut self,
        work: &Work,
        effect: Effect,
        index: u64,
        at: Millis,
        stopped: bool,
    ) -> Option<Sequence> {
        if !matches!(effect, Effect::Send | Effect::Spend | Effect::Execute) {
            return None;
        }
        let (read, _) = *self.read.get(work)?;
        // A session ends by itself; an agent goes on for ever, and what it read last week is another piece of work.
        if work.1.is_none() && at.saturating_sub(read.at) > WINDOW {
            return None;
        }
        Some(Sequence { agent: work.0.clone(), read, sent: index, at, effect, stopped })
    }

    /// Keeps the gravest thing read; among equals the latest.
    fn remember(&mut self, work: Work, read: Read) {
        self.tick += 1;
        let grave =
            |r: &Read| (r.class.max(if r.secret.is_some() { Class::Restricted } else { r.class }), r.at);
        let kept = match self.read.get(&work) {
            Some((before, touched)) => {
                self.touched.remove(touched);
                let stale = work.1.is_none() && read.at.saturating_sub(before.at) > WINDOW;
                if grave(before) > grave(&read) && !stale { *before } else { read }
            }
            None => read,
        };
        if self.read.len() >= MAX_WORK
            && !self.read.contains_key(&work)
            && let Some((_, oldest)) = self.touched.pop_first()
        {
            self.read.remove(&oldest);
        }
        self.touched.insert(self.tick, work.clone());
        self.read.insert(work, (kept, self.tick));
    }
}
