//! `GET /v1/models`: what this agent may use, in the caller's dialect. Made here, never asked of an upstream.

use crate::exchange::Caller;
use crate::gate::Gate;
use crate::prompt::Refused;
use crate::refusal::{Refusal, Why};
use crate::tally::Tally;
use bytes::Bytes;
use cordon_policy::{Action, Facts, Query, Resource};
use cordon_types::{Dialect, Millis, ModelName};
use serde_json::{Value, json};
use std::sync::Arc;

/// The models that `caller` may use, or the one named; only those whose upstream speaks `dialect`.
pub fn models(
    gate: &Arc<Gate>,
    caller: &Caller,
    dialect: Dialect,
    one: Option<&str>,
    now: Millis,
) -> Result<Bytes, Box<Refused>> {
    let facts = Facts::default();
    let allowed = |name: &ModelName| {
        gate.policy
            .authorize(&Query {
                agent: &caller.agent,
                on_behalf: caller.on_behalf,
                action: Action::ModelList,
                resource: Resource::Model(name.as_str()),
                facts: &facts,
                now,
            })
            .at_once()
            .is_ok()
    };
    let refused = |name: &str| {
        Box::new(Refused {
            refusal: Refusal {
                param: Some("model".to_owned()),
                ..Refusal::new(404, Why::Model, "this model does not exist here or this agent may not use it")
            },
            tally: Tally::default(),
            model: None,
            asked: Some(name.to_owned()),
        })
    };
    let body = match one {
        Some(name) => {
            let model = gate
                .models
                .get(name)
                .filter(|m| m.dialects.contains(&dialect) && allowed(&m.name))
                .ok_or_else(|| refused(name))?;
            entry(dialect, &model.name)
        }
        None => {
            let list: Vec<Value> = gate
                .models
                .iter()
                .filter(|m| m.dialects.contains(&dialect) && allowed(&m.name))
                .map(|m| entry(dialect, &m.name))
                .collect();
            page(dialect, list)
        }
    };
    Ok(Bytes::from(body.to_string()))
}

fn entry(dialect: Dialect, name: &ModelName) -> Value {
    match dialect {
        Dialect::OpenaiChat => {
            json!({"id": name.as_str(), "object": "model", "created": 0, "owned_by": "cordon"})
        }
        Dialect::AnthropicMessages => json!({
            "type": "model", "id": name.as_str(), "display_name": name.as_str(), "created_at": "1970-01-01T00:00:00Z",
        }),
    }
}

fn page(dialect: Dialect, list: Vec<Value>) -> Value {
    match dialect {
        Dialect::OpenaiChat => json!({"object": "list", "data": list}),
        Dialect::AnthropicMessages => {
            let id = |v: Option<&Value>| v.and_then(|v| v.get("id")).cloned().unwrap_or(Value::Null);
            json!({"first_id": id(list.first()), "last_id": id(list.last()), "has_more": false, "data": list})
        }
    }
}
