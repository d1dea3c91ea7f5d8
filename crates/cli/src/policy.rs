//! `policy`.

use crate::args::{Explain, Policy};
use crate::output;
use cordon_app::tools::policy::{self, Question, Session};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn policy(root: &Path, command: &Policy) -> anyhow::Result<ExitCode> {
    match command {
        Policy::Show { agent } => output::line(&policy::cedar(root, agent)?),
        Policy::Explain(options) => explain(root, options)?,
        Policy::Test { file, json } => return test(root, file, *json),
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(root: &Path, options: &Explain) -> anyhow::Result<()> {
    let question = Question {
        agent: options.agent.clone(),
        action: options.action.clone(),
        resource: options.resource.clone(),
        findings: options.finding.clone(),
        features: options.feature.clone(),
        arguments: options.arguments.clone(),
        on_behalf: options.on_behalf,
        session: Session {
            integrity: options.integrity.clone(),
            class: options.class.clone(),
            target: options.target.clone(),
        },
    };
    let answer = policy::explain(root, &question)?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    output::line(&format!("{} {}", text("decision"), text("reason")));
    if let Some(message) = answer["message"].as_str() {
        output::line(&format!("  {message}"));
    }
    for p in answer["predicates"].as_array().into_iter().flatten() {
        let held = if p["held"] == true { "holds" } else { "does not hold" };
        output::line(&format!("  argument {} {}: {held}", p["argument"], p["predicate"]));
    }
    for p in answer["policies"].as_array().into_iter().flatten() {
        output::line(&format!(
            "\n// {} ({})",
            p["id"].as_str().unwrap_or_default(),
            p["source"].as_str().unwrap_or_default()
        ));
        output::line(p["text"].as_str().unwrap_or_default());
    }
    for e in answer["errors"].as_array().into_iter().flatten() {
        output::line(&format!("error: {}", e.as_str().unwrap_or_default()));
    }
    Ok(())
}

fn test(root: &Path, file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let tested = policy::test(root, file)?;
    let failed = tested.iter().filter(|t| t.failure.is_some()).count();
    for t in &tested {
        if json {
            output::json(&json!({"name": t.name, "ok": t.failure.is_none(), "failure": t.failure}));
        } else {
            match &t.failure {
                None => output::line(&format!("ok    {}", t.name)),
                Some(why) => output::line(&format!("FAIL  {}: {why}", t.name)),
            }
        }
    }
    if !json {
        output::line(&format!("{} tests, {failed} failed", tested.len()));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
