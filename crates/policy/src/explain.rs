//! One decision, told whole, for `cordon policy explain`.
//!
//! What always holds: it decides by the same steps as the judge, past the memo. What it deliberately does not do:
//! show arguments; an operator sees which limit failed, not on what value.

use crate::context;
use crate::{
    Authorization, Explanation, PolicyRef, PolicySet, PolicyText, Query, Reason, ReasonCode, Resource, reason,
};
use serde_json::json;
use std::sync::Arc;

impl PolicySet {
    /// Answers the question and says everything that led to the answer.
    #[must_use]
    pub fn explain(&self, q: &Query<'_>) -> Explanation {
        let prepared = match self.prepare(q) {
            Ok(prepared) => prepared,
            Err(reason) => return without_policies(q, reason),
        };
        let fields = context::fields(q, prepared.rule, &prepared.outcome, context::Reads::ALL);
        let request_json = json!({
            "principal": format!("Agent::\"{}\"", q.agent),
            "action": q.action.name(),
            "resource": { "type": resource_type(q.resource), "name": q.resource.name() },
            "context": context::to_json(&fields),
        });
        let request = match self.request(q, &prepared) {
            Ok(request) => request,
            Err(e) => {
                let mut out = without_policies(q, reason::plain(ReasonCode::EvaluationError, q));
                out.request = request_json;
                out.errors = vec![e];
                return out;
            }
        };
        let verdict = self.evaluate(&request, prepared.slice.of(q.facts), prepared.view, q);
        let (observing, evaluated) = (prepared.observing, prepared.slice.size);
        let predicates = prepared.outcome.results.clone();
        let (authorization, verdict) = self.conclude(q, prepared, Arc::new(verdict), Some(&request));
        Explanation {
            authorization,
            observing,
            determining: self.texts(&verdict.policies),
            evaluated,
            request: request_json,
            predicates,
            errors: verdict.errors.clone(),
        }
    }

    fn texts(&self, policies: &[PolicyRef]) -> Vec<PolicyText> {
        let rules = policies.iter().filter_map(|id| self.rule(id.as_str()));
        rules
            .map(|r| PolicyText { id: r.id.clone(), source: r.source.to_string(), text: r.text.clone() })
            .collect()
    }
}

fn resource_type(resource: Resource<'_>) -> &'static str {
    match resource {
        Resource::Model(_) => "Model",
        Resource::Tool { .. } => "Tool",
    }
}

fn without_policies(q: &Query<'_>, reason: Reason) -> Explanation {
    Explanation {
        authorization: Authorization::Denied(reason),
        observing: false,
        determining: Vec::new(),
        evaluated: 0,
        request: json!({
            "principal": format!("Agent::\"{}\"", q.agent),
            "action": q.action.name(),
            "resource": { "type": resource_type(q.resource), "name": q.resource.name() },
        }),
        predicates: Vec::new(),
        errors: Vec::new(),
    }
}
