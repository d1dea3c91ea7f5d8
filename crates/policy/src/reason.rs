//! What a developer reads when something is denied.
//!
//! What always holds: the text names fields of the manifest, kinds of findings, and names that the caller wrote, if
//! those are short printable ASCII; never content, never how a detector works. What it deliberately does not do:
//! tell a stranger what other agents may do.

use crate::judge::{Verdict, blocked_by_manifest};
use crate::{Action, Manifest, PredicateResult, Query, Reason, ReasonCode, Resource};
use std::borrow::Cow;

/// Longest name that is quoted back.
const MAX_QUOTED: usize = 64;

/// A name that may be quoted: `` `name` ``, or `(unprintable name)`.
fn quoted(name: &str) -> Cow<'_, str> {
    let fine = (1..=MAX_QUOTED).contains(&name.len())
        && name.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'`' | b'"' | b'\\'));
    if fine { Cow::Owned(format!("`{name}`")) } else { Cow::Borrowed("of that name") }
}

/// A reason that no policy gave.
pub(crate) fn plain(code: ReasonCode, q: &Query<'_>) -> Reason {
    let agent = q.agent;
    let public = match code {
        ReasonCode::NoManifest => {
            format!("agent `{agent}` has no manifest; ask the operator to add one that names its owner, models and tools")
        }
        ReasonCode::Expired => {
            format!("the manifest of agent `{agent}` has expired; ask its owner to review it and set a later `expires`")
        }
        _ => "the policies could not be evaluated, so the request is refused; ask the operator to look at this \
              request id with `cordon policy explain`"
            .to_owned(),
    };
    Reason { code, policies: Vec::new(), public, predicates: Vec::new() }
}

/// The reason for a denial by policies, or by none permitting.
pub(crate) fn of_verdict(
    v: &Verdict,
    q: &Query<'_>,
    m: &Manifest,
    failed: &[String],
    predicates: Vec<PredicateResult>,
) -> Reason {
    let code = v.code.unwrap_or(ReasonCode::DefaultDeny);
    let public = match (&v.message, code) {
        (Some(message), ReasonCode::PolicyForbids) => message.clone(),
        _ => text(code, q, m, failed),
    };
    Reason { code, policies: v.policies.to_vec(), public, predicates }
}

/// What the flow of information refuses.
fn of_flow(code: ReasonCode, name: &str, agent: &cordon_types::AgentId) -> String {
    if code == ReasonCode::ClassRefused {
        return format!(
            "this session has read data of a class that may not leave by tool {name}; ask the owner of agent \
             `{agent}` to raise its `clearance`, or send it from a session that has not read such data"
        );
    }
    format!(
        "where the call of tool {name} goes was not said by the user or by a trusted tool, and the manifest of agent \
         `{agent}` refuses that; take it from the user's own words, or ask its owner to clear the target"
    )
}

/// The reason why people are asked.
pub(crate) fn of_hold(q: &Query<'_>, permit: &crate::Permit) -> Reason {
    let public = format!(
        "the call of tool {} waits for approval: where it goes was not said by the user or by a trusted tool; an \
         operator can look at it with `cordon approvals`",
        quoted(q.resource.name())
    );
    Reason {
        code: ReasonCode::Held,
        policies: permit.policies().to_vec(),
        public,
        predicates: permit.predicates().to_vec(),
    }
}

fn text(code: ReasonCode, q: &Query<'_>, m: &Manifest, failed: &[String]) -> String {
    let agent = q.agent;
    let name = quoted(q.resource.name());
    match code {
        ReasonCode::ModelNotListed => format!(
            "model {name} is not listed in the manifest of agent `{agent}`; use a listed model, or ask its owner to \
             add it to `models`"
        ),
        ReasonCode::ToolNotListed => format!(
            "tool {name} is not listed in the manifest of agent `{agent}`; ask its owner to add it under [[tools]]"
        ),
        ReasonCode::ArgumentRefused => format!(
            "the call of tool {name} breaks limits of the manifest of agent `{agent}` on: {}; keep within \
             [tools.args], or ask its owner to change them",
            failed.join(", ")
        ),
        ReasonCode::TargetUntrusted | ReasonCode::ClassRefused => of_flow(code, &name, agent),
        ReasonCode::FindingRefused => {
            let kinds: Vec<&str> = blocked_by_manifest(m, q).iter().map(|k| k.name()).collect();
            let (what, table) = match q.action {
                Action::ModelPrompt => ("prompt", "data.prompt"),
                Action::ToolCall => ("tool call", "data.answer"),
                _ => ("answer", "data.answer"),
            };
            format!(
                "the {what} holds what [{table}] of the manifest of agent `{agent}` blocks ({}); remove it, or ask \
                 its owner to change that rule",
                kinds.join(", ")
            )
        }
        ReasonCode::FeatureNotListed => {
            let mut features = q.facts.features.clone();
            features.retain(|f| !m.features.contains(f));
            features.sort_unstable();
            features.dedup();
            let names: Vec<&str> = features.iter().map(|f| f.name()).collect();
            format!(
                "the request uses what a provider does on its own side ({}), which the manifest of agent `{agent}` \
                 does not list; leave it out, or ask its owner to add it to `features`",
                names.join(", ")
            )
        }
        ReasonCode::BetaNotListed => {
            let unlisted = q.facts.betas.iter().filter(|b| !m.betas.contains(b));
            let names: Vec<Cow<'_, str>> = unlisted.take(4).map(|b| quoted(b)).collect();
            format!(
                "the request asks for a beta ({}) that the manifest of agent `{agent}` does not list; leave it out, \
                 or ask its owner to add it to `betas`",
                names.join(", ")
            )
        }
        ReasonCode::Uninspected => format!(
            "part of the exchange could not be inspected; send it as plain text, or ask the owner of agent \
             `{agent}` to set `uninspected = \"allow\"` in its manifest"
        ),
        ReasonCode::PolicyForbids => {
            format!(
                "a policy of the operator forbids this to agent `{agent}`; ask the operator which and why"
            )
        }
        _ => format!(
            "no policy permits `{}` on {} {name} to agent `{agent}`; ask its owner to add it to the manifest",
            q.action.name(),
            match q.resource {
                Resource::Model(_) => "model",
                Resource::Tool { .. } => "tool",
            }
        ),
    }
}
