//! Calls that go nowhere: what is recorded of them, and what the agent reads.

use crate::body::OutBody;
use crate::mcp::calls::Call;
use crate::mcp::context::{Context, Fail};
use crate::mcp::failure::Failure;
use cordon_pipeline::{CallSeen, Refusal, Tally, Why, hands};
use cordon_types::Operation;
use cordon_wire::mcp::{Id, Message, Method, string};
use http::Response;

/// A refusal of the judge's: the agent reads why, as the result of its call.
pub(crate) async fn refused(
    context: &Context,
    id: &Id,
    op: Operation,
    call: &Call,
    message: &Message,
    tally: Tally,
    refusal: Refusal,
) -> Response<OutBody> {
    let told = record_refusal(context, op, call, message, &tally, &refusal).await;
    if call.method == Method::ToolsCall
        && matches!(told.why, Why::Policy(_) | Why::Killed | Why::CannotSplice)
    {
        return context.result(id, &notice(context, &told));
    }
    context.failed(id, &Fail::refusal(&told))
}

pub(crate) async fn unreachable(
    context: &Context,
    id: &Id,
    op: Operation,
    call: &Call,
    message: &Message,
    failure: &Failure,
) -> Response<OutBody> {
    tracing::warn!(server = %call.server.id(), why = failure.name, detail = failure.detail, "a tool server failed");
    let refusal = failure.refusal();
    record_refusal(context, op, call, message, &Tally::default(), &refusal).await;
    context.failed(id, &Fail::refusal(&refusal))
}

pub(crate) async fn record_refusal(
    context: &Context,
    op: Operation,
    call: &Call,
    message: &Message,
    tally: &Tally,
    refusal: &Refusal,
) -> Refusal {
    let shared = &context.asked.worker.shared;
    shared.metrics.ended(op.name(), refusal.why.name());
    shared.metrics.found(tally, "prompt");
    let name = hands::full_name(call.server.id(), &call.tool);
    let seen = CallSeen {
        server: Some(call.server.id()),
        tool: Some(&name),
        bytes: message.len() as u64,
        tally,
        session: context.asked.session.as_deref(),
        advisory: false,
    };
    let about = context.asked.about(op);
    let leaf = shared.recorder.call_refused(&about, &context.gate, &seen, refusal.why, shared.clock.now());
    match shared.ledger.append(leaf).await {
        Ok(_) => refusal.clone(),
        Err(_) => crate::open::ledger_refusal(),
    }
}

/// A result in the place of one that may not be: its reader learns that, and why; a program finds it beside.
pub(crate) fn notice(context: &Context, refusal: &Refusal) -> String {
    let text = string(&format!("[Cordon refused this tool call: {}]", refusal.public));
    let complete = if context.revision.is_stateless() { ",\"resultType\":\"complete\"" } else { "" };
    let reason = string(refusal.why.name());
    let told = match &refusal.waiting {
        None => format!("\"status\":\"refused\",\"reason\":{reason}"),
        Some(waiting) => format!(
            "\"status\":\"waiting_for_approval\",\"reason\":{reason},\"approval\":{},\"expires_at\":{}",
            string(&waiting.id.to_string()),
            string(&cordon_types::time::rfc3339(waiting.expires_at))
        ),
    };
    format!(
        "{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}],\"structuredContent\":{{\"cordon\":{{{told}}}}},\
         \"isError\":true{complete},\"_meta\":{{\"cordon/refused\":{reason}}}}}"
    )
}
