//! From what happened to leaves of the ledger: kinds, counts, ids and digests, never a value.
//!
//! What always holds: a name becomes text in a leaf only when it stands in an operator's file; the ledger's types
//! take nothing else. What it does not do: write; `ledger` does.

use crate::gate::Gate;
use crate::prompt::{Prompt, Refused};
use crate::refusal::{Refusal, Why};
use crate::tally::{CallTally, Tally};
use cordon_ledger::{
    Bucket, CallJudged, Catalogue, Commitment, Control, ControlKind, Decision, Digester, Failed,
    FindingCount, Finish, Intent, Judged, Name, Obligation, ObligationCount, Outcome, PredicateResult,
    Reason, ToolCalled, Word,
};
use cordon_policy::ReasonCode;
use cordon_types::{
    AgentId, Dialect, Digest, KeyId, Millis, Mode, Nanos, Operation, RequestId, ServerId, UpstreamId,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Who asked for what: the part that an exchange's leaves share.
#[derive(Clone, Debug)]
pub struct About {
    /// Names the exchange.
    pub request: RequestId,
    /// The key that was shown.
    pub key: KeyId,
    /// Whose it is.
    pub agent: AgentId,
    /// The digest that stands for the user on whose behalf. What a record says is made from it and the epoch's key.
    pub user: Option<Digest>,
    /// What was asked.
    pub op: Operation,
    /// In which dialect.
    pub dialect: Dialect,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To its end.
    Complete,
    /// By the judge, or by what could not be judged.
    Refused(Why),
    /// The upstream answered with this error status.
    UpstreamRefused(u16),
    /// The upstream failed in this way.
    UpstreamFailed(&'static str),
    /// It took too long.
    TimedOut,
    /// A kill switch.
    Killed,
    /// The caller went away.
    Aborted,
}

impl End {
    /// The name that metrics use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            End::Complete => "ok",
            End::Refused(why) => why.name(),
            End::UpstreamRefused(_) => "upstream_refused",
            End::UpstreamFailed(name) => name,
            End::TimedOut => "timed_out",
            End::Killed => "killed",
            End::Aborted => "caller_gone",
        }
    }

    /// Status for the caller, how it ended, and why.
    fn as_record(&self, released: u64) -> (u16, Finish, Decision, Option<Reason>) {
        match self {
            End::Complete => (200, Finish::Complete, Decision::Allowed, None),
            End::Refused(why) => {
                let finish = if released == 0 { Finish::Blocked } else { Finish::Cut };
                (403, finish, Decision::Denied, Some(reason(*why)))
            }
            End::UpstreamRefused(status) => {
                (*status, Finish::UpstreamBroke, Decision::Error, Some(Reason::UpstreamError))
            }
            End::UpstreamFailed(name) => {
                (502, Finish::UpstreamBroke, Decision::Error, Some(reason(Why::Upstream(name))))
            }
            End::TimedOut => (504, Finish::UpstreamBroke, Decision::Error, Some(Reason::UpstreamTimeout)),
            End::Killed => (403, Finish::Killed, Decision::Denied, Some(Reason::Killed)),
            End::Aborted => (499, Finish::CallerGone, Decision::Allowed, Some(Reason::CallerGone)),
        }
    }
}

/// Makes the leaves. One a process.
pub struct Recorder {
    digester: RwLock<Arc<Digester>>,
    turned_away: Mutex<BTreeMap<&'static str, (Reason, u64)>>,
}

impl Recorder {
    /// A recorder whose linkable digests are made under the epoch's key.
    #[must_use]
    pub fn new(digester: Digester) -> Self {
        Self { digester: RwLock::new(Arc::new(digester)), turned_away: Mutex::default() }
    }

    /// Makes digests of the epoch in force. A record takes it once: all its digests are of one epoch.
    #[must_use]
    pub fn digester(&self) -> Arc<Digester> {
        self.digester.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on digests are made in this epoch.
    pub fn begin_epoch(&self, digester: Digester) {
        *self.digester.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(digester);
    }

    /// The leaf that is durable before a request goes upstream.
    #[must_use]
    pub fn intent(
        &self,
        about: &About,
        gate: &Gate,
        prompt: &Prompt,
        commitment: Option<Commitment>,
        now: Millis,
    ) -> Vec<u8> {
        let decision = if prompt.tally.observed.is_some() { Decision::Observed } else { Decision::Allowed };
        let mut judged = self.judged(&gate.catalogue, &prompt.tally, decision);
        judged.reason = prompt.tally.observed.and_then(|c| Reason::from_name(c.name()));
        let mut leaf = blank(about, gate, &self.digester(), judged, &prompt.tally, now);
        leaf.commitment = commitment;
        leaf.model = Some(Name::Known((&prompt.model.name).into()));
        leaf.upstream = Some(prompt.model.upstream.clone());
        leaf.stream = prompt.stream;
        leaf.body = Bucket::of(prompt.body.len() as u64);
        leaf.tools = prompt.tools_offered;
        leaf.encode()
    }

    /// The one leaf of a request that goes nowhere.
    #[must_use]
    pub fn refused(
        &self,
        about: &About,
        gate: &Gate,
        refused: &Refused,
        _took: Nanos,
        now: Millis,
    ) -> Vec<u8> {
        let mut judged = self.judged(&gate.catalogue, &refused.tally, Decision::Denied);
        judged.reason = Some(reason(refused.refusal.why));
        let digester = self.digester();
        let mut leaf = blank(about, gate, &digester, judged, &refused.tally, now);
        leaf.model = match (&refused.model, &refused.asked) {
            (Some(model), _) => Some(Name::Known((&model.name).into())),
            (None, Some(asked)) => Some(gate.catalogue.name(asked, "model", &digester)),
            (None, None) => None,
        };
        leaf.upstream = refused.model.as_ref().map(|m| m.upstream.clone());
        leaf.encode()
    }

    /// The leaf that is durable before a tool's call goes to its server.
    #[must_use]
    pub fn call_intent(
        &self,
        about: &About,
        gate: &Gate,
        seen: &CallSeen<'_>,
        commitment: Option<Commitment>,
        now: Millis,
    ) -> Vec<u8> {
        let decision = if seen.tally.observed.is_some() { Decision::Observed } else { Decision::Allowed };
        let mut leaf = self.call_leaf(about, gate, seen, decision, now);
        leaf.judged.reason = seen.tally.observed.and_then(|c| Reason::from_name(c.name()));
        leaf.commitment = commitment;
        leaf.encode()
    }

    /// The one leaf of a message to a tool server that goes nowhere.
    #[must_use]
    pub fn call_refused(
        &self,
        about: &About,
        gate: &Gate,
        seen: &CallSeen<'_>,
        why: Why,
        now: Millis,
    ) -> Vec<u8> {
        let mut leaf = self.call_leaf(about, gate, seen, Decision::Denied, now);
        leaf.judged.reason = Some(reason(why));
        leaf.encode()
    }

    fn call_leaf(
        &self,
        about: &About,
        gate: &Gate,
        seen: &CallSeen<'_>,
        decision: Decision,
        now: Millis,
    ) -> Intent {
        let digester = self.digester();
        let tally = seen.tally;
        let mut judged = self.judged(&gate.catalogue, tally, decision);
        // The last call in the tally is the one that was judged.
        let flow = tally.calls.last().and_then(|c| c.flow);
        let (mut effect, mut target) = (None, None);
        if let Some(c) = tally.calls.last().map(|c| self::call(&gate.catalogue, &digester, c)) {
            (judged.policies, judged.predicates) = (c.policies, c.predicates);
            (effect, target) = (c.effect, c.target);
        }
        let mut leaf = blank(about, gate, &digester, judged, tally, now);
        leaf.upstream = seen.server.and_then(|s| UpstreamId::new(s.as_str()).ok());
        leaf.body = Bucket::of(seen.bytes);
        leaf.labels = flow.map(|f| f.labels.into());
        leaf.call = seen.tool.map(|tool| ToolCalled {
            tool: gate.catalogue.name(tool, "tool", &digester),
            effect,
            target,
            session: seen.session.map(|s| digester.linkable("session", s.as_bytes())),
            result_class: gate.policy.manifest(&about.agent).and_then(|m| m.tool(tool)).map(|r| r.class),
            advisory: seen.advisory,
        });
        leaf
    }

    /// The one leaf of a list of models.
    #[must_use]
    pub fn listed(&self, about: &About, gate: &Gate, _took: Nanos, now: Millis) -> Vec<u8> {
        blank(about, gate, &self.digester(), Judged::allowed(), &Tally::default(), now).encode()
    }

    /// The leaf that is durable before an answer's end leaves.
    #[must_use]
    pub fn outcome(&self, done: &Done<'_>) -> Vec<u8> {
        let Done { about, gate, end, tally, .. } = done;
        let (status, finish, decision, why) = end.as_record(tally.released);
        // A stream's head had been answered before anything could go wrong with it.
        let status = if done.stream && !matches!(end, End::UpstreamRefused(_)) && tally.released > 0 {
            200
        } else {
            status
        };
        let decision = if decision == Decision::Allowed && tally.observed.is_some() {
            Decision::Observed
        } else {
            decision
        };
        let mut judged = self.judged(&gate.catalogue, tally, decision);
        let digester = self.digester();
        judged.reason = why.or_else(|| tally.observed.and_then(|c| Reason::from_name(c.name())));
        Outcome {
            at: done.now,
            request: about.request,
            intent: done.intent,
            agent: Some(about.agent.clone()),
            finish,
            status,
            upstream_status: match end {
                End::UpstreamRefused(status) => Some(*status),
                _ => None,
            },
            judged,
            calls: tally.calls.iter().map(|c| call(&gate.catalogue, &digester, c)).collect(),
            calls_unlisted: 0,
            stream: done.stream,
            answer: Bucket::of(tally.received),
            released: Bucket::of(tally.released),
            tokens_in: tally.tokens_in,
            tokens_out: tally.tokens_out,
            tokens_cached: tally.tokens_cached.filter(|n| *n > 0),
            cost_micros: Some(tally.cost_micros).filter(|n| *n > 0),
            total_ms: u32::try_from(done.took / 1_000_000).unwrap_or(u32::MAX),
            upstream_ms: None,
            truncated: tally.truncated,
            not_inspected: tally.not_inspected.clone(),
            opened: opened(tally),
            epoch: digester.epoch(),
        }
        .encode()
    }

    /// Counts somebody who was turned away before a credential held.
    pub fn turned_away(&self, why: Why) {
        let mut counts = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(why.name()).or_insert_with(|| (reason(why), 0)).1 += 1;
    }

    /// The leaves of those turned away since the last call: one a reason, with a count.
    #[must_use]
    pub fn flush_turned_away(&self, now: Millis) -> Vec<Vec<u8>> {
        let counts = std::mem::take(&mut *self.turned_away.lock().unwrap_or_else(PoisonError::into_inner));
        let leaf = |(reason, count)| {
            Control { count: Some(count), reason: Some(reason), ..Control::new(ControlKind::Refusal, now) }
                .encode()
        };
        counts.into_values().map(leaf).collect()
    }

    fn judged(&self, names: &Catalogue, tally: &Tally, decision: Decision) -> Judged {
        Judged {
            decision,
            reason: None,
            policies: tally.policies.iter().filter_map(|p| names.known(p.as_str())).collect(),
            predicates: Vec::new(),
            findings: tally
                .findings
                .iter()
                .map(|((kind, span), count)| FindingCount { kind: *kind, span: *span, count: *count })
                .collect(),
            obligations: tally
                .replaced
                .iter()
                .map(|(kind, count)| ObligationCount {
                    obligation: Obligation::Mask,
                    kind: Some(*kind),
                    count: *count,
                })
                .collect(),
        }
    }
}

/// What a record says of a call: where it goes, how large it is, how it was judged.
#[derive(Clone, Copy)]
pub struct CallSeen<'a> {
    /// The server, once it is known.
    pub server: Option<&'a ServerId>,
    /// The tool's full name, once it is known.
    pub tool: Option<&'a str>,
    /// Bytes of the message.
    pub bytes: u64,
    /// What was found and decided.
    pub tally: &'a Tally,
    /// The session that it names.
    pub session: Option<&'a str>,
    /// Cordon is only asked, and does not carry it.
    pub advisory: bool,
}

/// An exchange that is over.
pub struct Done<'a> {
    /// Whose.
    pub about: &'a About,
    /// The rules that judged it.
    pub gate: &'a Gate,
    /// Index of its intent.
    pub intent: u64,
    /// How it ended.
    pub end: End,
    /// What it added up to.
    pub tally: &'a Tally,
    /// Whether it was a stream.
    pub stream: bool,
    /// How long it took.
    pub took: Nanos,
    /// When it ended.
    pub now: Millis,
}

fn call(names: &Catalogue, digester: &Digester, call: &CallTally) -> CallJudged {
    CallJudged {
        tool: names.name(&call.name, "tool", digester),
        effect: call.effect,
        target: call.flow.map(|f| Word::new(f.target.name())),
        decision: if call.refused.is_some() { Decision::Denied } else { Decision::Allowed },
        reason: call.refused.map(|c| reason(Why::Policy(c))),
        policies: call.policies.iter().filter_map(|p| names.known(p.as_str())).collect(),
        predicates: call
            .predicates
            .iter()
            .map(|p| PredicateResult {
                argument: names.name(&p.argument, "argument", digester),
                predicate: Word::new(p.predicate),
                held: p.held,
            })
            .collect(),
    }
}

/// What failed and went on by the operator's word.
fn opened(tally: &Tally) -> Vec<Failed> {
    let detector = tally.detector_failed.then_some(Failed::Detector);
    detector.into_iter().chain(tally.store_failed.then_some(Failed::Store)).collect()
}

fn blank(
    about: &About,
    gate: &Gate,
    digester: &Digester,
    judged: Judged,
    tally: &Tally,
    now: Millis,
) -> Intent {
    Intent {
        at: now,
        request: about.request,
        agent: Some(about.agent.clone()),
        key: Some(about.key.clone()),
        user: about.user.as_ref().map(|user| digester.linkable("user", &user.0)),
        operation: about.op,
        dialect: about.dialect,
        model: None,
        upstream: None,
        mode: gate.policy.manifest(&about.agent).map_or(Mode::Enforce, |m| m.mode),
        judged,
        stream: false,
        body: Bucket::of(tally.received),
        tools: 0,
        tools_removed: tally.tools_removed,
        truncated: tally.truncated,
        not_inspected: tally.not_inspected.clone(),
        opened: opened(tally),
        labels: None,
        call: None,
        policy: Some(gate.version()),
        detector: Some(Word::new(cordon_detect::VERSION)),
        commitment: None,
        epoch: digester.epoch(),
    }
}

/// The record's word for a cause.
fn reason(why: Why) -> Reason {
    match why {
        Why::Credential | Why::Vouching => Reason::Unauthenticated,
        Why::Scope => Reason::InsufficientScope,
        Why::Route => Reason::UnknownRoute,
        Why::Header => Reason::UnknownField,
        Why::Wire(code) => Reason::from_name(code.name()).unwrap_or(Reason::Other),
        Why::Policy(ReasonCode::Expired) => Reason::Expired,
        Why::Policy(ReasonCode::Uninspected) => Reason::FeatureNotListed,
        Why::Policy(code) => Reason::from_name(code.name()).unwrap_or(Reason::Other),
        Why::Model => Reason::ModelNotListed,
        Why::NotIssued => Reason::IssuedElsewhere,
        Why::CannotSplice => Reason::CannotSplice,
        Why::Budget => Reason::BudgetRequests,
        Why::Limit => Reason::BodyTooLarge,
        Why::Killed => Reason::Killed,
        Why::Upstream("timeout_connect" | "timeout_head" | "timeout_idle") => Reason::UpstreamTimeout,
        Why::Upstream("connect" | "resolve" | "tls" | "address_refused") => Reason::UpstreamUnreachable,
        Why::Upstream("upstream_auth") => Reason::UpstreamAuth,
        Why::Upstream(_) => Reason::UpstreamError,
        Why::Ledger | Why::Internal => Reason::Internal,
        Why::HoldCap => Reason::HoldCap,
        Why::Detector => Reason::DetectorFailed,
        Why::Draining => Reason::Draining,
    }
}

impl crate::exchange::Exchange {
    /// An upstream's refusal as the caller may read it: its kind from a fixed list; its message only where the
    /// detectors find nothing in it.
    #[must_use]
    pub fn upstream_refusal(&self, status: u16, body: &[u8]) -> Refusal {
        let said = cordon_wire::parse_upstream_error(self.dialect(), status, body);
        // The gateway's own credential was refused: no fault of the caller's key, and its message may quote ours.
        if matches!(status, 401 | 403) {
            let public =
                "the upstream refused the gateway's own credential; ask the operator of this gateway";
            return Refusal::new(502, Why::Upstream(said.kind), public);
        }
        let message = said.message.filter(|text| {
            let report = self.gate.inspect(text, cordon_types::SpanKind::Metadata, &mut Tally::default());
            report.is_ok_and(|r| r.findings.is_empty()) && text.len() <= 1_000
        });
        let public = match message {
            Some(message) => format!("the upstream refused the request: {message}"),
            None => format!("the upstream refused the request ({})", said.kind),
        };
        // What is no error's status would reach the caller as something else than a refusal.
        let status = if (400..600).contains(&status) { status } else { 502 };
        Refusal {
            param: said.param.map(str::to_owned),
            ..Refusal::new(status, Why::Upstream(said.kind), public)
        }
    }

    /// The dialect of this exchange.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.op {
            Operation::Messages | Operation::CountTokens => Dialect::AnthropicMessages,
            Operation::ChatCompletions | Operation::Models => Dialect::OpenaiChat,
            _ => Dialect::Mcp,
        }
    }

    /// The upstream it goes to is the model's; named here for records.
    #[must_use]
    pub fn upstream(&self) -> Option<&UpstreamId> {
        self.gate.models.get(self.model.as_str()).map(|m| &m.upstream)
    }
}
