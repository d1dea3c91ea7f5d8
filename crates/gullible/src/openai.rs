//! The answer in OpenAI's Chat Completions shape.

use crate::{
    asked::Asked,
    plan::{Call, Plan, Stop},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// A whole answer.
pub(crate) fn whole(asked: &Asked, plan: &Plan) -> Value {
    let choices: Vec<Value> = (0..asked.choices)
        .map(|index| {
            let plan = plan.of_choice(index);
            let calls: Vec<Value> =
                (0u64..).zip(&plan.calls).map(|(i, c)| call(asked, index, i, c)).collect();
            let mut message = json!({
                "role": "assistant", "content": plan.text, "refusal": plan.refusal, "annotations": [],
            });
            set(&mut message, "tool_calls", (!calls.is_empty()).then(|| json!(calls)));
            set(&mut message, "reasoning_content", plan.reasoning.as_ref().map(|r| json!(r)));
            json!({ "index": index, "message": message, "logprobs": null, "finish_reason": finish(&plan) })
        })
        .collect();
    json!({
        "id": asked.id("chatcmpl-", 0),
        "object": "chat.completion",
        "created": asked.created(),
        "model": asked.model,
        "choices": choices,
        "usage": usage(asked, plan),
        "service_tier": "default",
        "system_fingerprint": "fp_gullible",
    })
}

/// The events of a stream.
pub(crate) fn events(asked: &Asked, plan: &Plan) -> Vec<Bytes> {
    let mut out = Vec::new();
    // The choices take turns, as they do when a real model writes them side by side.
    let mut runs: Vec<_> = (0..asked.choices).map(|i| choice_deltas(asked, plan, i).into_iter()).collect();
    let mut left = true;
    while left {
        left = false;
        for (index, run) in (0u64..).zip(&mut runs) {
            if let Some((delta, finish)) = run.next() {
                left = true;
                let choice =
                    json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish });
                out.push(chunk(asked, &json!([choice]), asked.include_usage.then_some(&Value::Null)));
            }
        }
    }
    if asked.include_usage {
        out.push(chunk(asked, &json!([]), Some(&usage(asked, plan))));
    }
    out.push(Bytes::from_static(b"data: [DONE]\n\n"));
    out
}

/// An error's body.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => ("permission_denied_error", None),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// One SSE frame.
pub(crate) fn frame(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn choice_deltas(asked: &Asked, plan: &Plan, index: u64) -> Vec<(Value, Value)> {
    let plan = plan.of_choice(index);
    let mut deltas = vec![json!({ "role": "assistant", "content": "", "refusal": null })];
    let texts = [("reasoning_content", &plan.reasoning), ("content", &plan.text), ("refusal", &plan.refusal)];
    for (name, text) in texts {
        for piece in text.iter().flat_map(|t| plan.cut(t)) {
            let mut delta = json!({});
            set(&mut delta, name, Some(json!(piece)));
            deltas.push(delta);
        }
    }
    for (i, c) in (0u64..).zip(&plan.calls) {
        let mut head = call(asked, index, i, c);
        set(&mut head, "index", Some(json!(i)));
        set(&mut head, "function", Some(json!({ "name": c.name, "arguments": "" })));
        deltas.push(json!({ "tool_calls": [head] }));
        for piece in plan.cut(&c.arguments.to_string()) {
            deltas.push(json!({ "tool_calls": [{ "index": i, "function": { "arguments": piece } }] }));
        }
    }
    let mut out: Vec<(Value, Value)> = deltas.into_iter().map(|d| (d, Value::Null)).collect();
    out.push((json!({}), json!(finish(&plan))));
    out
}

fn chunk(asked: &Asked, choices: &Value, usage: Option<&Value>) -> Bytes {
    let mut value = json!({
        "id": asked.id("chatcmpl-", 0),
        "object": "chat.completion.chunk",
        "created": asked.created(),
        "model": asked.model,
        "choices": choices,
        "service_tier": "default",
        "system_fingerprint": "fp_gullible",
    });
    set(&mut value, "usage", usage.cloned());
    frame(&value)
}

fn call(asked: &Asked, choice: u64, index: u64, call: &Call) -> Value {
    json!({
        "id": asked.id("call_", 1 + choice * 1000 + index),
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments.to_string() },
    })
}

fn finish(plan: &Plan) -> &'static str {
    match plan.stop {
        Stop::Length => "length",
        _ if !plan.calls.is_empty() => "tool_calls",
        Stop::Natural | Stop::Sequence(_) => "stop",
    }
}

fn usage(asked: &Asked, plan: &Plan) -> Value {
    let input = asked.input_tokens();
    let output: u64 = (0..asked.choices).map(|i| plan.of_choice(i).output_tokens()).sum();
    let reasoning = plan.reasoning.as_ref().map_or(0, |r| crate::plan::tokens(r.len()));
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(map), Some(value)) = (object.as_object_mut(), value) {
        let map: &mut Map<String, Value> = map;
        map.insert(key.to_owned(), value);
    }
}
