//! The judge: one question, one decision.
//!
//! ```text
//! manifest? --no--> NoManifest      expired? --yes--> Expired
//! arguments --predicates--> context --Cedar | memo--> verdict --any error--> EvaluationError
//! verdict: allow --> Permit(obligations)      deny --> Reason, or in observe mode a Permit that says so
//! ```
//!
//! What always holds: any error denies, also in observe mode; what concerns secrets, a missing or an expired
//! manifest denies in observe mode too. What it deliberately does not do: hand out a [`Permit`] in any other way.

use crate::context;
use crate::predicate::{self, ArgumentOutcome};
use crate::reason;
use crate::rule::Duty;
use crate::set::{Slice, View};
use crate::{
    Action, Authorization, KindSet, Manifest, Obligations, PolicyRef, PolicySet, PredicateResult, Query,
    Reason, ReasonCode, Resource, ToolRule,
};
use cedar_policy::{Authorizer, Decision, Effect, EntityUid, PolicySet as CedarSet, Request};
use cordon_types::{FindingKind, Guard};
use std::sync::Arc;

/// Leave to go on, under obligations. Made by the judge and nowhere else; it cannot be copied, so that each is the
/// outcome of one question.
#[must_use]
#[derive(Debug)]
pub struct Permit {
    obligations: Obligations,
    verdict: Arc<Verdict>,
    observed: Option<Box<Reason>>,
    predicates: Vec<PredicateResult>,
}

impl Permit {
    /// What must be done to the exchange.
    #[must_use]
    pub fn obligations(&self) -> &Obligations {
        &self.obligations
    }

    /// The policies that decided, sorted.
    #[must_use]
    pub fn policies(&self) -> &[PolicyRef] {
        &self.verdict.policies
    }

    /// In observe mode: why it would have been denied.
    #[must_use]
    pub fn observed(&self) -> Option<&Reason> {
        self.observed.as_deref()
    }

    /// For a tool call: each limit on its arguments, and whether it held.
    #[must_use]
    pub fn predicates(&self) -> &[PredicateResult] {
        &self.predicates
    }
}

/// Leave that people must confirm. It holds the permit back until they have.
#[must_use]
#[derive(Debug)]
pub struct Held {
    permit: Permit,
    reason: Reason,
    needed: u8,
}

impl Held {
    /// Why people are asked.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// How many must say so: 1 or 2.
    #[must_use]
    pub const fn needed(&self) -> u8 {
        self.needed
    }

    /// The permit, now that people have approved exactly this call.
    // SECURITY: `pipeline` calls this where the desk handed out a grant for the very bytes, and nowhere else.
    pub fn approved(self) -> Permit {
        self.permit
    }
}

/// What Cedar said, with what its determining policies' annotations say.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) policies: Box<[PolicyRef]>,
    /// Of determining permits, before observe mode.
    pub(crate) obligations: Obligations,
    /// Of determining forbids: what they name, what they are for, whether one holds in observe mode too.
    pub(crate) blocked: KindSet,
    pub(crate) code: Option<ReasonCode>,
    pub(crate) always: bool,
    pub(crate) message: Option<String>,
    pub(crate) errors: Vec<String>,
}

/// A question, prepared for Cedar.
pub(crate) struct Prepared<'s> {
    pub(crate) agent_index: usize,
    pub(crate) view: &'s View,
    pub(crate) slice: &'s Slice,
    pub(crate) action: &'s EntityUid,
    pub(crate) rule: Option<&'s ToolRule>,
    pub(crate) outcome: ArgumentOutcome,
    pub(crate) observing: bool,
}

impl PolicySet {
    /// Answers the question.
    pub fn authorize(&self, q: &Query<'_>) -> Authorization {
        let prepared = match self.prepare(q) {
            Ok(prepared) => prepared,
            Err(reason) => return Authorization::Denied(reason),
        };
        // SECURITY: the arguments are no part of the memo's key, so only calls whose limits all held may use it.
        let memo = !prepared.slice.reads.has("time") && prepared.outcome.ok();
        if memo && let Some(verdict) = self.memo.get(prepared.agent_index, q) {
            return self.conclude(q, prepared, verdict, None).0;
        }
        let request = match self.request(q, &prepared) {
            Ok(request) => request,
            Err(_) => return Authorization::Denied(reason::plain(ReasonCode::EvaluationError, q)),
        };
        let verdict = Arc::new(self.evaluate(&request, prepared.slice.of(q.facts), prepared.view, q));
        if memo && verdict.allowed && verdict.errors.is_empty() {
            self.memo.put(prepared.agent_index, q, verdict.clone());
        }
        self.conclude(q, prepared, verdict, Some(&request)).0
    }

    /// What must hold before Cedar is asked, and what it will need.
    pub(crate) fn prepare(&self, q: &Query<'_>) -> Result<Prepared<'_>, Reason> {
        let Some((agent_index, view)) = self.view(q.agent) else {
            return Err(reason::plain(ReasonCode::NoManifest, q));
        };
        if view.manifest.expired(q.now) {
            return Err(reason::plain(ReasonCode::Expired, q));
        }
        let fits = matches!(q.resource, Resource::Tool { .. }) == q.action.is_tool();
        let Some((action, slice)) = view.slice(q.action, q.resource.name()).filter(|_| fits) else {
            return Err(reason::plain(ReasonCode::EvaluationError, q));
        };
        let rule = if q.action.is_tool() { view.manifest.tool(q.resource.name()) } else { None };
        let outcome = match rule.and_then(|r| r.args.as_ref().map(|args| (r, args))) {
            Some((rule, args)) if q.action == Action::ToolCall => {
                predicate::evaluate(args, rule.other_args, q.facts.arguments.as_ref())
            }
            _ => ArgumentOutcome::default(),
        };
        let observing = view.manifest.observes(q.now);
        Ok(Prepared { agent_index, view, slice, action, rule, outcome, observing })
    }

    /// The question in Cedar's terms.
    pub(crate) fn request(&self, q: &Query<'_>, p: &Prepared<'_>) -> Result<Request, String> {
        let entity = match q.resource {
            Resource::Model(_) => "Model",
            Resource::Tool { .. } => "Tool",
        };
        let resource = crate::set::uid(entity, q.resource.name())?;
        let fields = context::fields(q, p.rule, &p.outcome, p.slice.reads);
        let context = context::to_cedar(fields)?;
        Request::new(p.view.uid.clone(), p.action.clone(), resource, context, None).map_err(|e| e.to_string())
    }

    /// Asks Cedar, and reads what the determining policies' annotations say.
    pub(crate) fn evaluate(&self, request: &Request, set: &CedarSet, view: &View, q: &Query<'_>) -> Verdict {
        let response = Authorizer::new().is_authorized(request, set, &view.entities);
        let mut v = Verdict {
            allowed: response.decision() == Decision::Allow,
            // SECURITY: Cedar skips a policy that errs. A forbid that errs would vanish, so any error denies.
            errors: response.diagnostics().errors().map(ToString::to_string).collect(),
            ..Verdict::default()
        };
        let found = q.facts.findings.kinds();
        let mut policies = Vec::new();
        for id in response.diagnostics().reason() {
            let Some(rule) = self.rule(id.as_ref()) else {
                v.errors.push(format!("unknown policy {id}"));
                continue;
            };
            policies.push(rule.id.clone());
            let kinds = rule.kinds.intersection(found);
            if rule.policy.effect() == Effect::Forbid {
                v.blocked = v.blocked.union(kinds);
                v.always |= rule.always;
                v.code = Some(v.code.map_or(rule.code, |code| code.min(rule.code)));
                // Of several messages the first in order of ids, so that equal questions get equal answers.
                v.message = [v.message.take(), rule.message.clone()].into_iter().flatten().min();
            }
            let o = &mut v.obligations;
            match rule.duty {
                Some(Duty::Mask) => o.mask = o.mask.union(kinds),
                Some(Duty::Redact) => o.redact = o.redact.union(kinds),
                Some(Duty::Notify) => o.notify = o.notify.union(kinds),
                Some(Duty::Hold) => o.hold = true,
                Some(Duty::Cap(n)) => o.cap_output_tokens = Some(o.cap_output_tokens.map_or(n, |m| m.min(n))),
                None => {}
            }
        }
        policies.sort();
        v.policies = policies.into();
        v
    }

    /// From Cedar's verdict to the answer; also says what the verdict was, after a second asking in observe mode.
    /// `request` is there unless the verdict came from the memo, which holds permissions only.
    pub(crate) fn conclude(
        &self,
        q: &Query<'_>,
        p: Prepared<'_>,
        verdict: Arc<Verdict>,
        request: Option<&Request>,
    ) -> (Authorization, Arc<Verdict>) {
        let error = |policies: &[PolicyRef]| {
            let mut reason = reason::plain(ReasonCode::EvaluationError, q);
            reason.policies = policies.to_vec();
            Authorization::Denied(reason)
        };
        if !verdict.errors.is_empty() {
            return (error(&verdict.policies), verdict);
        }
        if verdict.allowed {
            return (permitted(q, &p, verdict.clone()), verdict);
        }
        let Prepared { outcome: ArgumentOutcome { results: predicates, failed }, .. } = p;
        let reason = reason::of_verdict(&verdict, q, &p.view.manifest, &failed, predicates.clone());
        let Some(request) = request.filter(|_| p.observing && !verdict.always) else {
            return (Authorization::Denied(reason), verdict);
        };
        // Observed: what would have been denied goes on, but the obligations of its permits (secrets!) still hold.
        let permitted = self.evaluate(request, &p.slice.permits, p.view, q);
        if !permitted.errors.is_empty() {
            return (error(&verdict.policies), verdict);
        }
        let mut owed = obligations(&permitted.obligations, true);
        let handled = owed.mask.union(owed.redact);
        owed.notify = owed.notify.union(verdict.blocked.difference(handled));
        let permit = Permit {
            obligations: owed,
            verdict: verdict.clone(),
            observed: Some(Box::new(reason)),
            predicates,
        };
        (Authorization::Allowed(permit), verdict)
    }
}

/// What was allowed: at once, or once people have said so. In observe mode nobody is asked; it is told.
fn permitted(q: &Query<'_>, p: &Prepared<'_>, verdict: Arc<Verdict>) -> Authorization {
    let held = verdict.obligations.hold;
    let mut permit = Permit {
        obligations: obligations(&verdict.obligations, p.observing),
        verdict,
        observed: None,
        predicates: p.outcome.results.clone(),
    };
    if !held {
        return Authorization::Allowed(permit);
    }
    let reason = reason::of_hold(q, &permit);
    if p.observing {
        permit.observed = Some(Box::new(reason));
        return Authorization::Allowed(permit);
    }
    Authorization::Held(Held { permit, reason, needed: p.rule.map_or(1, |r| r.approvals) })
}

/// Each kind in one set; in observe mode only secrets are changed, the rest is only told.
fn obligations(raw: &Obligations, observing: bool) -> Obligations {
    let mut o = *raw;
    if observing {
        let secrets: KindSet =
            FindingKind::ALL.iter().copied().filter(|k| k.guard() == Guard::Secrets).collect();
        let told = o.mask.union(o.redact).difference(secrets);
        o.mask = o.mask.intersection(secrets);
        o.redact = o.redact.intersection(secrets);
        o.notify = o.notify.union(told);
    }
    o.mask = o.mask.difference(o.redact);
    o.notify = o.notify.difference(o.mask.union(o.redact));
    o
}

/// Whether the manifest blocks that kind somewhere it was found.
pub(crate) fn blocked_by_manifest(m: &Manifest, q: &Query<'_>) -> KindSet {
    let table = match q.action {
        Action::ModelPrompt => &m.data.prompt,
        _ => &m.data.answer,
    };
    let blocked = q.facts.findings.iter().filter(|(k, s)| table.get(*k, *s) == crate::Handling::Block);
    blocked.map(|(k, _)| k).collect()
}
