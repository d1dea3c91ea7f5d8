//! A call that is held, put before the end user: MCP's own question (elicitation), where the operator says that a person
//! runs the client (`mcp = ["consent"]`).
//!
//! ```text
//! held --invite--> session: a question on its standing stream, its answer awaited --> judged once more
//!              \\-> no session: `input_required` --the call again, with answer and state--> judged once more
//! ```
//! What always holds: a yes is a grant at the desk for exactly the call that was shown, which the judge uses up; what
//! comes back changes nothing else. It is never one of two people's words.

use crate::mcp::calls::Call;
use crate::mcp::context::Context;
use crate::mcp::link::object;
use cordon_pipeline::Refusal;
use cordon_policy::Interaction;
use cordon_types::{ApprovalId, Invitation};
use cordon_wire::json::Doc;
use cordon_wire::mcp::{Message, MessageKind, request, string};
use std::time::Duration;
use tokio::time::timeout;

/// What stands before the state of such a question. It begins like that of a call that waits for its client.
pub(crate) const STATE: &str = "cordon-consent-";
/// The name of the question, and of what the user says.
const QUESTION: &str = "consent";
const ALLOW: &str = "allow";
/// Longest that a client with a session is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of asking.
pub(crate) enum Asked {
    /// Nobody could be asked, or nobody answered.
    No,
    /// There was an answer: the judge looks once more.
    Answered,
    /// The client is to ask, and comes back: the result that says so.
    Required(String),
}

/// Asks about a call that was refused because it waits for people.
pub(crate) async fn ask(context: &Context, call: &Call, refusal: &Refusal) -> Asked {
    let Some(waiting) = refusal.waiting else { return Asked::No };
    let form = context.abilities.elicitation_form();
    if !context.allows(Interaction::Consent) || !form {
        return Asked::No;
    }
    let shared = &context.asked.worker.shared;
    let key = &context.asked.principal.key;
    let now = shared.clock.now();
    let Some(invitation) = context.gate.lasting.held.invite(waiting.id, key, now) else { return Asked::No };
    let params = question(call, &invitation);
    let Some(session) = &context.session else {
        let ask = object(&[("method", string("elicitation/create")), ("params", params)]);
        let state = format!("{STATE}{}.{}", waiting.id, invitation.token);
        return Asked::Required(object(&[
            ("resultType", string("input_required")),
            ("inputRequests", object(&[(QUESTION, ask)])),
            ("requestState", string(&state)),
        ]));
    };
    let Some((own, answered)) = session.ask() else { return Asked::No };
    session.post(request(&own, "elicitation/create", &params));
    let left = Duration::from_millis(invitation.expires_at.saturating_sub(now));
    let Ok(Ok(answer)) = timeout(left.min(PATIENCE), answered).await else { return Asked::No };
    let said = (answer.kind() == MessageKind::Response).then(|| answer.body()).flatten();
    let Some(yes) = said.and_then(|body| decided(answer.doc(), body)) else { return Asked::No };
    settle(context, waiting.id, &invitation.token, yes)
}

/// Takes the answer that a client without a session came back with, if it did.
pub(crate) fn come_back(context: &Context, message: &Message) -> bool {
    let Some(state) = message.text("requestState") else { return false };
    let Some((id, token)) = state.strip_prefix(STATE).and_then(|s| s.split_once('.')) else { return false };
    let doc = message.doc();
    let said = message.get("inputResponses").and_then(|n| doc.given(n, QUESTION));
    if let (Some(id), Some(yes)) = (ApprovalId::parse(id), said.and_then(|n| decided(doc, n))) {
        settle(context, id, token, yes);
    }
    true
}

fn settle(context: &Context, id: ApprovalId, token: &str, yes: bool) -> Asked {
    let key = &context.asked.principal.key;
    let now = context.asked.worker.shared.clock.now();
    match context.gate.lasting.held.consent(id, token, key, yes, now) {
        Ok(true) => Asked::Answered,
        Ok(false) => Asked::No,
        Err(error) => {
            tracing::error!(%error, "an end user's answer could not be saved");
            Asked::No
        }
    }
}

/// Yes, no, or neither: a dialogue that was closed says nothing.
fn decided(doc: Doc<'_>, answer: u32) -> Option<bool> {
    match doc.given(answer, "action").and_then(|n| doc.string(n)).as_deref() {
        Some("accept") => {
            let allow = doc.given(answer, "content").and_then(|n| doc.given(n, ALLOW));
            allow.and_then(|n| doc.boolean(n))
        }
        Some("decline") => Some(false),
        _ => None,
    }
}

fn question(call: &Call, invitation: &Invitation) -> String {
    let Invitation { tool, targets, arguments, .. } = invitation;
    let goes: Vec<String> =
        targets.iter().map(|(name, value)| format!("{name} = {}", value.as_str())).collect();
    let goes = if goes.is_empty() { String::new() } else { format!(" It goes to: {}.", goes.join(", ")) };
    let text = format!(
        "May the tool `{tool}` of server `{}` be called?{goes} Neither you nor a trusted source named that. All \
         arguments: {}",
        call.server.id(),
        arguments.as_str()
    );
    let schema = format!(
        "{{\"type\":\"object\",\"properties\":{{\"{ALLOW}\":{{\"type\":\"boolean\",\"title\":\"Allow this call\",\
         \"default\":false}}}},\"required\":[\"{ALLOW}\"]}}"
    );
    object(&[("message", string(&text)), ("requestedSchema", schema)])
}
