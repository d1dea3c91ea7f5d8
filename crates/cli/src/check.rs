//! `check` and `dialects`.

use crate::output;
use cordon_app::AppError;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Checks all files of a data directory, offline.
pub(crate) fn check(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let problems = match cordon_app::load(root) {
        Ok(loaded) => {
            let agents = loaded.policy.agents().count();
            let models = loaded.config.models.len();
            if json {
                let interfaces: Vec<Value> = loaded
                    .interfaces()
                    .iter()
                    .map(|i| {
                        let skipped: Vec<String> = i.skipped.iter().map(ToString::to_string).collect();
                        json!({"server": i.server.as_str(), "tools": i.tools, "skipped": skipped})
                    })
                    .collect();
                output::json(&json!({
                    "ok": true, "agents": agents, "models": models, "interfaces": interfaces, "problems": []
                }));
            } else {
                output::line(&format!("no problems: {agents} agents, {models} models"));
                for i in loaded.interfaces() {
                    output::line(&format!("server {}: {} operations are tools", i.server, i.tools));
                    i.skipped.iter().for_each(|p| output::line(&format!("  no tool: {p}")));
                }
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(AppError::Problems(problems)) => problems.0,
        Err(other) => return Err(other.into()),
    };
    if json {
        let list: Vec<Value> = problems
            .iter()
            .map(|p| json!({"source": p.source, "path": p.path, "message": p.message, "hint": p.hint}))
            .collect();
        output::json(&json!({"ok": false, "problems": list}));
    } else {
        problems.iter().for_each(|p| output::line(&p.to_string()));
        output::error(&format!("{} problems", problems.len()));
    }
    Ok(ExitCode::from(3))
}

/// Prints the dialects' tables.
pub(crate) fn dialects() -> anyhow::Result<ExitCode> {
    for row in cordon_app::dialect_rows() {
        output::json(&row);
    }
    Ok(ExitCode::SUCCESS)
}
