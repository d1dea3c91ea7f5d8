//! `key`, `kill`, `unkill`, `reload`, `status`: over the control socket of a running gateway, or on the directory.

use crate::args::{Key, Kill};
use crate::output;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

pub(crate) fn ask(root: &Path, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = cordon_app::control::ask(root, method, path, &body)?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    let error = &reply.body["error"];
    let mut text = error["message"].as_str().unwrap_or("the gateway refused").to_owned();
    for problem in error["problems"].as_array().into_iter().flatten() {
        text.push_str("\n  ");
        text.push_str(problem.as_str().unwrap_or_default());
    }
    bail!(text)
}

pub(crate) fn key(root: &Path, command: &Key) -> anyhow::Result<ExitCode> {
    match command {
        Key::Create { agent, kind, label, expires_in, out, json } => {
            let now = cordon_types::Clock::now(&cordon_app::SystemClock::new());
            let expires_at = expires_in.map(|days| now.saturating_add(days.saturating_mul(DAY_MS)));
            let body = json!({"kind": kind, "agent": agent, "label": label, "expires_at": expires_at});
            let made = ask(root, "POST", "/cordon/v1/keys", &body)?;
            show_key(made, out.as_ref(), *json)?;
        }
        Key::Rotate { id, grace, out, json } => {
            let body = json!({"grace_seconds": grace.saturating_mul(3_600)});
            let made = ask(root, "POST", &format!("/cordon/v1/keys/{id}/rotate"), &body)?;
            show_key(made, out.as_ref(), *json)?;
        }
        Key::Revoke { id, json } => {
            let done = ask(root, "POST", &format!("/cordon/v1/keys/{id}/revoke"), &Value::Null)?;
            tell(&done, *json, &format!("revoked {id}; streams that used it are closed"));
        }
        Key::List { json } => list(&ask(root, "GET", "/cordon/v1/keys", &Value::Null)?, *json),
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a new key's text once: on the terminal, or in a file that only the owner reads.
fn show_key(mut made: Value, out: Option<&PathBuf>, json: bool) -> anyhow::Result<()> {
    let text = made["text"].take();
    let text = text.as_str().context("the gateway sent no key")?;
    let id = made["key"]["id"].as_str().unwrap_or_default().to_owned();
    match out {
        Some(path) => {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .with_context(|| format!("{}: cannot create", path.display()))?;
            writeln!(file, "{text}").with_context(|| format!("{}: cannot write", path.display()))?;
            made["file"] = Value::from(path.display().to_string());
        }
        None => made["text"] = Value::from(text),
    }
    if json {
        output::json(&made);
    } else if let Some(path) = out {
        output::line(&format!("key {id} written to {}", path.display()));
    } else {
        output::note(&format!("key {id}; this is shown once:"));
        output::line(text);
    }
    Ok(())
}

fn list(keys: &Value, json: bool) {
    if json {
        return output::json(keys);
    }
    output::line(&format!("{:<14} {:<6} {:<20} {:<8} label", "id", "kind", "agent", "state"));
    for key in keys["keys"].as_array().into_iter().flatten() {
        let text = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
        let state = match (key["live"].as_bool(), key["revoked_at"].is_null()) {
            (Some(true), _) => "live",
            (_, false) => "revoked",
            _ => "expired",
        };
        output::line(&format!(
            "{:<14} {:<6} {:<20} {:<8} {}",
            text("id"),
            text("kind"),
            text("agent"),
            state,
            text("label")
        ));
    }
}

pub(crate) fn kill(root: &Path, options: &Kill) -> anyhow::Result<ExitCode> {
    let Some(scope) = options.scope.as_ref().filter(|_| !options.list) else {
        let kills = ask(root, "GET", "/cordon/v1/kills", &Value::Null)?;
        if options.json {
            output::json(&kills);
        } else {
            for kill in kills["kills"].as_array().into_iter().flatten() {
                output::line(kill["scope"].as_str().unwrap_or_default());
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    let done = ask(root, "POST", "/cordon/v1/kills", &json!({"scope": scope}))?;
    let under_way = done["under_way"].as_u64().unwrap_or(0);
    tell(
        &done,
        options.json,
        &format!(
            "stopped {}; {under_way} requests were under way: those in scope are cut off, but what was already sent \
             is not undone",
            done["scope"].as_str().unwrap_or(scope)
        ),
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn unkill(root: &Path, scope: &str, json: bool) -> anyhow::Result<ExitCode> {
    let done = ask(root, "DELETE", &format!("/cordon/v1/kills/{scope}"), &Value::Null)?;
    tell(&done, json, &format!("{scope} may go on"));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn reload(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let done = ask(root, "POST", "/cordon/v1/reload", &Value::Null)?;
    tell(&done, json, "the new rules are in force");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn status(root: &Path) -> anyhow::Result<ExitCode> {
    output::json(&ask(root, "GET", "/cordon/v1/status", &Value::Null)?);
    Ok(ExitCode::SUCCESS)
}

fn tell(value: &Value, json: bool, text: &str) {
    if json { output::json(value) } else { output::line(text) }
}
