//! `cordon inspect`: texts through the detectors.

use crate::error::AppError;
use crate::load::load;
use cordon_detect::{Detectors, Guards};
use cordon_types::{Problem, Problems, SpanKind};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// The detectors, as the data directory's config sets them; as the defaults do where there is none.
pub struct Inspector {
    detectors: Arc<Detectors>,
    guards: Guards,
}

/// One line of `--jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Value,
    text: String,
    role: Option<String>,
}

impl Inspector {
    /// Reads the config in `root`, if there is one.
    pub fn open(root: &Path) -> Result<Self, AppError> {
        if root.join("cordon.toml").exists() {
            let loaded = load(root)?;
            return Ok(Self { detectors: loaded.detectors, guards: loaded.guards });
        }
        let config = cordon_config::parse("built-in", &cordon_config::starter("cordon.local/none"))?;
        let detectors = Detectors::new(&crate::settings::detectors(&config))?;
        Ok(Self { detectors: Arc::new(detectors), guards: Guards::ALL })
    }

    /// Inspects a text: `{"injection":{"score","flagged"},"findings":[..]}`, offsets in bytes of the text.
    #[must_use]
    pub fn inspect(&self, text: &str, kind: SpanKind) -> Value {
        let report = self.detectors.scan(text, kind, self.guards);
        let findings: Vec<Value> = report
            .findings
            .iter()
            .map(|f| {
                json!({
                    "kind": f.kind.name(),
                    "confidence": f64::from(f.confidence.0) / 1_000.0,
                    "start": f.range.start,
                    "end": f.range.end,
                })
            })
            .collect();
        json!({
            "injection": {
                "score": (f64::from(report.injection_score) * 1_000.0).round() / 1_000.0,
                "flagged": report.injection_flagged,
            },
            "findings": findings,
        })
    }

    /// One line of JSON in, one out. Errors name what is wrong with the line.
    pub fn line(&self, line: &str) -> Result<Value, AppError> {
        let bad = |message: String| {
            let hint = "write {\"id\": .., \"text\": \"..\", \"role\": \"user\"}";
            AppError::Problems(Problems(vec![Problem::new("", message, hint)]))
        };
        let line: Line = serde_json::from_str(line).map_err(|e| bad(e.to_string()))?;
        let kind = kind(line.role.as_deref().unwrap_or("user")).ok_or_else(|| bad(ROLES.to_owned()))?;
        let mut out = self.inspect(&line.text, kind);
        let mut ordered = serde_json::Map::new();
        ordered.insert("id".to_owned(), line.id);
        if let Some(members) = out.as_object_mut() {
            ordered.append(members);
        }
        Ok(Value::Object(ordered))
    }
}

/// What may be written as a role.
pub const ROLES: &str = "a role is one of system, user, assistant, reasoning, refusal, tool_definition, tool_call, \
                         tool_result (or tool), metadata";

/// The span kind that a role names.
#[must_use]
pub fn kind(role: &str) -> Option<SpanKind> {
    match role {
        "tool" | "function" => Some(SpanKind::ToolResult),
        "developer" => Some(SpanKind::System),
        other => SpanKind::from_name(other),
    }
}
