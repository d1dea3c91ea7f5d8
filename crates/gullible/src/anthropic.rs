//! The answer in Anthropic's Messages shape.

use crate::{
    asked::Asked,
    plan::{Plan, Stop},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// One block of the answer, and the deltas that build it in a stream.
struct Block {
    whole: Value,
    start: Value,
    deltas: Vec<Value>,
}

/// A whole answer.
pub(crate) fn whole(asked: &Asked, plan: &Plan) -> Value {
    let content: Vec<Value> = blocks(asked, plan).into_iter().map(|b| b.whole).collect();
    let (reason, sequence) = stop(plan);
    message(asked, &json!(content), &json!(reason), &json!(sequence), plan.output_tokens())
}

/// The events of a stream.
pub(crate) fn events(asked: &Asked, plan: &Plan) -> Vec<Bytes> {
    let empty = message(asked, &json!([]), &Value::Null, &Value::Null, 1);
    let mut out = vec![frame("message_start", &json!({ "type": "message_start", "message": empty }))];
    for (index, block) in (0u64..).zip(blocks(asked, plan)) {
        let event = |kind: &str, key: &str, value: &Value| {
            let mut body = json!({ "type": kind, "index": index });
            if let Some(map) = body.as_object_mut().filter(|_| !key.is_empty()) {
                map.insert(key.to_owned(), value.clone());
            }
            frame(kind, &body)
        };
        out.push(event("content_block_start", "content_block", &block.start));
        if index == 0 {
            out.push(frame("ping", &json!({ "type": "ping" })));
        }
        out.extend(block.deltas.iter().map(|d| event("content_block_delta", "delta", d)));
        out.push(event("content_block_stop", "", &Value::Null));
    }
    let (reason, sequence) = stop(plan);
    out.push(frame(
        "message_delta",
        &json!({
            "type": "message_delta",
            "delta": { "stop_reason": reason, "stop_sequence": sequence },
            "usage": { "output_tokens": plan.output_tokens() },
        }),
    ));
    out.push(frame("message_stop", &json!({ "type": "message_stop" })));
    out
}

/// An error's body.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({
        "type": "error",
        "error": { "type": kind, "message": message },
        "request_id": "req_gullible",
    })
}

/// One SSE frame.
pub(crate) fn frame(event: &str, value: &Value) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {value}\n\n"))
}

fn blocks(asked: &Asked, plan: &Plan) -> Vec<Block> {
    let mut out = Vec::new();
    if let Some(thought) = &plan.reasoning {
        let signature = format!("Z3VsbGlibGU{}", asked.id("", 7));
        let mut deltas: Vec<Value> =
            plan.cut(thought).iter().map(|p| json!({ "type": "thinking_delta", "thinking": p })).collect();
        deltas.push(json!({ "type": "signature_delta", "signature": signature }));
        out.push(Block {
            whole: json!({ "type": "thinking", "thinking": thought, "signature": signature }),
            start: json!({ "type": "thinking", "thinking": "", "signature": "" }),
            deltas,
        });
    }
    if let Some(text) = plan.refusal.as_ref().or(plan.text.as_ref()) {
        out.push(Block {
            whole: json!({ "type": "text", "text": text }),
            start: json!({ "type": "text", "text": "" }),
            deltas: plan.cut(text).iter().map(|p| json!({ "type": "text_delta", "text": p })).collect(),
        });
    }
    for (i, call) in (0u64..).zip(&plan.calls) {
        let id = asked.id("toolu_", 1 + i);
        let pieces = plan.cut(&call.arguments.to_string());
        // The real one begins with an empty piece.
        let pieces = std::iter::once(String::new()).chain(pieces);
        out.push(Block {
            whole: json!({ "type": "tool_use", "id": id, "name": call.name, "input": call.arguments }),
            start: json!({ "type": "tool_use", "id": id, "name": call.name, "input": {} }),
            deltas: pieces.map(|p| json!({ "type": "input_json_delta", "partial_json": p })).collect(),
        });
    }
    out
}

fn stop(plan: &Plan) -> (&'static str, Option<&str>) {
    match &plan.stop {
        _ if plan.refusal.is_some() => ("refusal", None),
        Stop::Length => ("max_tokens", None),
        _ if !plan.calls.is_empty() => ("tool_use", None),
        Stop::Sequence(sequence) => ("stop_sequence", Some(sequence)),
        Stop::Natural => ("end_turn", None),
    }
}

fn message(asked: &Asked, content: &Value, reason: &Value, sequence: &Value, output: u64) -> Value {
    json!({
        "id": asked.id("msg_", 0),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": {
            "input_tokens": asked.input_tokens(),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
            "service_tier": "standard",
        },
    })
}
