//! What an approver sees: live, escaped, never stored.

use crate::escape::{ascii, visible};
use crate::persist::{Allowance, Kept};
use crate::state::Pending;
use cordon_types::{AgentId, ApprovalId, Digest, Effect, HeldCall, Labels, Millis};
use std::fmt;
use zeroize::Zeroizing;

/// One call that waits.
pub struct View {
    /// Its name.
    pub id: ApprovalId,
    /// Who calls.
    pub agent: AgentId,
    /// The pseudonym of the user on whose behalf.
    pub user: Option<Digest>,
    /// The tool, escaped.
    pub tool: String,
    /// What it does.
    pub effect: Effect,
    /// The session's labels.
    pub labels: Labels,
    /// The arguments as they would go out, escaped.
    pub arguments: Zeroizing<String>,
    /// The same bytes as they are: for programs. Not for a terminal.
    pub raw: Zeroizing<String>,
    /// The arguments that say where it goes.
    pub targets: Vec<TargetView>,
    /// Why it is held.
    pub why: Vec<&'static str>,
    /// People that must allow it, over all.
    pub needed: u8,
    /// Who has.
    pub allowed_by: Vec<String>,
    /// The wider grant that may be given, if any.
    pub wider: Option<Offer>,
    /// Since when it waits.
    pub asked_at: Millis,
    /// Until when.
    pub expires_at: Millis,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({}, ..)", self.id)
    }
}

/// One argument that says where a call goes.
pub struct TargetView {
    /// The argument.
    pub argument: String,
    /// Its value, escaped.
    pub value: Zeroizing<String>,
    /// The value with every character beyond ASCII as its number, where it has any: letters that look alike do not.
    pub ascii: Option<Zeroizing<String>>,
    /// The keyed digest of the value.
    pub digest: Digest,
}

/// A wider grant, as it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is granted, as a digest: a decision names it.
    pub predicate: Digest,
    /// The same in words.
    pub words: String,
}

/// A grant that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingGrant {
    /// Its name.
    pub id: ApprovalId,
    /// Who may use it.
    pub agent: AgentId,
    /// The tool, escaped.
    pub tool: String,
    /// What the tool does.
    pub effect: Effect,
    /// Whether for one very call.
    pub exact: bool,
    /// How often it may still be used.
    pub left: u32,
    /// Until when.
    pub until: Millis,
}

impl StandingGrant {
    pub(crate) fn of(kept: &Kept, allowance: &Allowance) -> Self {
        Self {
            id: kept.id,
            agent: kept.agent.clone(),
            tool: visible(&kept.tool),
            effect: kept.effect,
            exact: allowance.exact,
            left: allowance.left,
            until: allowance.until,
        }
    }
}

impl View {
    pub(crate) fn of(id: ApprovalId, pending: &Pending) -> Self {
        let call = &pending.call;
        Self {
            id,
            agent: call.agent.clone(),
            user: call.user,
            tool: visible(&call.tool),
            effect: call.effect,
            labels: call.labels,
            arguments: Zeroizing::new(visible(&call.arguments)),
            raw: call.arguments.clone(),
            targets: call.targets.iter().map(target).collect(),
            why: call.why.clone(),
            needed: call.people.max(1),
            allowed_by: pending.allowed.iter().map(|(p, _)| visible(&p.name)).collect(),
            wider: pending.offer().map(|(predicate, words)| Offer { predicate, words }),
            asked_at: pending.asked,
            expires_at: pending.expires,
        }
    }
}

fn target(target: &cordon_types::HeldTarget) -> TargetView {
    TargetView {
        argument: visible(&target.argument),
        value: Zeroizing::new(visible(&target.value)),
        ascii: (!target.value.is_ascii()).then(|| Zeroizing::new(ascii(&target.value))),
        digest: target.digest,
    }
}

/// What a wider grant covers, in words: tool, agent, user, and each target with its value and digest.
pub(crate) fn words(call: &HeldCall) -> String {
    let mut out = format!("calls of `{}` by `{}`", visible(&call.tool), call.agent);
    out.push_str(if call.user.is_some() { " for the same user" } else { " for nobody named" });
    for (i, t) in call.targets.iter().enumerate() {
        let value = if t.value.is_ascii() { visible(&t.value) } else { ascii(&t.value) };
        let join = if i == 0 { "with" } else { "and" };
        out.push_str(&format!(" {join} `{}` = `{value}` ({})", visible(&t.argument), t.digest));
    }
    out.push_str(", whatever their other arguments are, while tool, labels and rules stay as they are");
    out
}
