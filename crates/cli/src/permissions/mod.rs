//! `permissions`: reports, suggestions, and manifests put in force, staged and taken back.

mod args;
mod table;

pub(crate) use args::Permissions;

use crate::output;
use anyhow::Context as _;
use args::Command;
use cordon_app::tools::permissions::{self, Changed};
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The answer is no.
const NO: u8 = 3;

pub(crate) fn permissions(root: &Path, options: &Permissions) -> anyhow::Result<ExitCode> {
    match &options.command {
        None => show(root, options),
        Some(Command::Suggest { agent, time, grace, out, place, json }) => {
            let (ledger, key) = place.paths(root);
            let view = permissions::look(root, (&ledger, &key), time.window)?;
            let suggested = view.suggest(agent, *grace)?;
            suggest(&suggested, out.as_ref(), *json)
        }
        Some(Command::Apply { file, wider, json }) => {
            let changed = permissions::apply(root, file, *wider)?;
            let words = if changed.done {
                "is in force; `cordon permissions rollback` puts the one before back"
            } else {
                "goes further than the one in force and was not applied; `--wider` applies it"
            };
            Ok(changed_words(&changed, *json, words))
        }
        Some(Command::Stage { file, json }) => {
            let changed = permissions::stage(root, file)?;
            let words = "is staged: the one in force enforces, `cordon permissions staged` lists differences";
            Ok(changed_words(&changed, *json, words))
        }
        Some(Command::Staged { time, place, json }) => {
            let (ledger, key) = place.paths(root);
            let found = permissions::staged(root, (&ledger, &key), time.window)?;
            if *json {
                output::json(&found);
            } else {
                table::staged(&found);
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Unstage { agent, json }) => {
            Ok(changed_words(&permissions::unstage(root, agent)?, *json, "is no longer staged"))
        }
        Some(Command::Rollback { agent, json }) => {
            let words = "from before is in force again";
            Ok(changed_words(&permissions::rollback(root, agent)?, *json, words))
        }
    }
}

fn show(root: &Path, options: &Permissions) -> anyhow::Result<ExitCode> {
    for wanted in &options.fail_on {
        let known = wanted.strip_prefix("score:").is_none_or(|n| n.parse::<u64>().is_ok());
        anyhow::ensure!(known, "`{wanted}`: write score:40");
    }
    let (ledger, key) = options.place.paths(root);
    let view = permissions::look(root, (&ledger, &key), options.time.window)?;
    let found = view.reports(options.agent.as_deref())?;
    if options.json {
        output::json(&found);
    } else {
        table::reports(&found);
    }
    let fails = |report: &Value| {
        options.fail_on.iter().any(|wanted| match wanted.strip_prefix("score:") {
            Some(most) => report["score"].as_u64() >= most.parse().ok(),
            None => report["findings"].as_array().into_iter().flatten().any(|f| f["code"] == wanted.as_str()),
        })
    };
    let fails = found["agents"].as_array().into_iter().flatten().any(fails);
    Ok(if fails { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

fn suggest(
    suggested: &permissions::Suggested,
    out: Option<&PathBuf>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if let (Some(path), Some(text)) = (out, &suggested.text) {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("{}: cannot create", path.display()))?;
        file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    }
    if json {
        output::json(&suggested.json);
    } else {
        table::suggested(&suggested.json);
        match (&suggested.text, out) {
            (Some(_), Some(path)) => output::note(&format!("written to {}", path.display())),
            (Some(text), None) => output::line(text.trim_end()),
            (None, _) => {}
        }
    }
    Ok(if suggested.sound { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn changed_words(changed: &Changed, json: bool, words: &str) -> ExitCode {
    if json {
        output::json(&changed.json);
    } else {
        table::compared(&changed.json["compared"]);
        output::line(&format!(
            "the manifest of {} {words}",
            changed.json["agent"].as_str().unwrap_or_default()
        ));
    }
    if changed.done { ExitCode::SUCCESS } else { ExitCode::from(NO) }
}
