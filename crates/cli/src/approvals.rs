//! `approvals`: what waits for a person, and their word. Over the control socket of a running gateway, or on the
//! directory (where nothing waits, and grants can be taken back).
//!
//! SECURITY: what is printed here came escaped from the gateway; nothing of a call reaches the terminal otherwise.

use crate::output;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use cordon_types::{Secret, time};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often `--watch` looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(crate) enum Approvals {
    /// List calls that wait, and grants that are not used up.
    List {
        /// Look again each second, and print what is new.
        #[arg(long)]
        watch: bool,
        /// Print JSON; with `--watch` one line a call.
        #[arg(long)]
        json: bool,
    },
    /// Show one call: who, what, where to, why it is held.
    Show {
        /// The call's id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a call go on.
    Allow(Allow),
    /// Deny a call, or take an unused grant back.
    Deny(Deny),
}

#[derive(Args)]
pub(crate) struct Allow {
    /// The call's id.
    id: String,
    #[command(flatten)]
    who: Who,
    /// Not only this very call: all that fit the predicate that `show` prints, so often.
    #[arg(long, value_name = "TIMES", requires = "minutes")]
    times: Option<u32>,
    /// For so many minutes.
    #[arg(long, value_name = "MINUTES", requires = "times")]
    minutes: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Deny {
    /// The call's id.
    id: String,
    #[command(flatten)]
    who: Who,
    /// Why: `unexpected`, `wrong_target`, `suspicious`, `not_permitted` or `other`.
    #[arg(long, default_value = "other")]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Who {
    /// Who decides. Kept as a pseudonym only.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// A file with your admin key. Without, the owner of the data directory decides; where two people must allow a
    /// call, they have two credentials.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Who {
    fn key(&self) -> anyhow::Result<Option<Secret>> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
            anyhow::Ok(Secret::new(text.trim().to_owned()))
        };
        self.key_file.as_ref().map(read).transpose()
    }
}

pub(crate) fn approvals(root: &Path, command: &Approvals) -> anyhow::Result<ExitCode> {
    match command {
        Approvals::List { watch: true, json } => watch(root, *json),
        Approvals::List { watch: false, json } => {
            let all = ask(root, None, "GET", "", &Value::Null)?;
            if *json {
                output::json(&all);
            } else {
                list(&all);
            }
            Ok(ExitCode::SUCCESS)
        }
        Approvals::Show { id, json } => {
            let one = ask(root, None, "GET", &format!("/{id}"), &Value::Null)?;
            if *json {
                output::json(&one);
            } else {
                show(&one);
            }
            Ok(ExitCode::SUCCESS)
        }
        Approvals::Allow(options) => allow(root, options),
        Approvals::Deny(options) => {
            let body = json!({"by": options.who.by, "reason": options.reason});
            let key = options.who.key()?;
            let done = ask(root, key.as_ref(), "POST", &format!("/{}/deny", options.id), &body)?;
            tell(&done, options.json, "denied");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn ask(root: &Path, key: Option<&Secret>, method: &str, rest: &str, body: &Value) -> anyhow::Result<Value> {
    anyhow::ensure!(
        rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_')),
        "an id is `apr_` and 32 hexadecimal digits"
    );
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let path = format!("/cordon/v1/approvals{rest}");
    let reply = cordon_app::control::ask_as(root, key, method, &path, &body)?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    bail!(reply.body["error"]["message"].as_str().unwrap_or("the gateway refused").to_owned())
}

fn allow(root: &Path, options: &Allow) -> anyhow::Result<ExitCode> {
    let key = options.who.key()?;
    let scope = match (options.times, options.minutes) {
        (Some(count), Some(minutes)) => {
            // What is granted is what the gateway shows now; it refuses a predicate that is not this call's.
            let one = ask(root, key.as_ref(), "GET", &format!("/{}", options.id), &Value::Null)?;
            let predicate = one["wider"]["predicate"].as_str();
            let predicate = predicate.context("only this very call can be allowed, once")?;
            output::note(&format!("granting: {}", text(&one["wider"]["words"])));
            let now = cordon_types::Clock::now(&cordon_app::SystemClock::new());
            let until = now.saturating_add(minutes.saturating_mul(60_000));
            json!({"predicate": predicate, "until": until, "count": count})
        }
        _ => Value::from("once"),
    };
    let body = json!({"by": options.who.by, "scope": scope});
    let done = ask(root, key.as_ref(), "POST", &format!("/{}/allow", options.id), &body)?;
    let until = done["expires_at"].as_u64().map(time::text).unwrap_or_default();
    let words = match done["still_needed"].as_u64() {
        Some(0) => format!("allowed; the agent's next try goes through, until {until}"),
        _ => "noted; another person must allow it too, with a key of their own (`--key-file`)".to_owned(),
    };
    tell(&done, options.json, &words);
    Ok(ExitCode::SUCCESS)
}

/// Prints each call once, when it is first seen. Ends with the terminal's interrupt.
fn watch(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let all = ask(root, None, "GET", "", &Value::Null)?;
        let waiting = all["approvals"].as_array().map(Vec::as_slice).unwrap_or_default();
        for one in waiting {
            if seen.insert(text(&one["id"])) {
                if json {
                    output::json(one);
                } else {
                    show(one);
                    output::line("");
                }
            }
        }
        let ids: std::collections::BTreeSet<String> = waiting.iter().map(|w| text(&w["id"])).collect();
        seen.retain(|id| ids.contains(id));
        std::thread::sleep(LOOK_EVERY);
    }
}

fn list(all: &Value) {
    let waiting = all["approvals"].as_array().map(Vec::as_slice).unwrap_or_default();
    if waiting.is_empty() {
        output::line("nothing waits");
    } else {
        output::line(&format!("{:<36} {:<16} {:<8} {:<25} tool", "id", "agent", "effect", "until"));
    }
    for one in waiting {
        output::line(&format!(
            "{:<36} {:<16} {:<8} {:<25} {}",
            text(&one["id"]),
            text(&one["agent"]),
            text(&one["effect"]),
            when(&one["expires_at"]),
            text(&one["tool"])
        ));
    }
    for grant in all["standing"].as_array().into_iter().flatten() {
        output::line(&format!(
            "granted: {} {} {} ({}, {} left, until {})",
            text(&grant["id"]),
            text(&grant["agent"]),
            text(&grant["tool"]),
            text(&grant["scope"]),
            grant["left"],
            when(&grant["until"])
        ));
    }
}

fn show(one: &Value) {
    let field = |name: &str, value: &str| output::line(&format!("{name:<10} {value}"));
    field("id", &text(&one["id"]));
    if one["agent"].is_null() {
        return field("state", &text(&one["state"]));
    }
    let user = one["user"].as_str().unwrap_or("nobody named");
    field("agent", &format!("{}, for {user}", text(&one["agent"])));
    field("tool", &format!("{} ({})", text(&one["tool"]), text(&one["effect"])));
    for target in one["targets"].as_array().into_iter().flatten() {
        field("target", &format!("{} = {}", text(&target["argument"]), text(&target["value"])));
        if let Some(ascii) = target["ascii"].as_str() {
            field("  in ASCII", ascii);
        }
    }
    field("arguments", &text(&one["arguments"]));
    let words = |v: &Value| {
        let list: Vec<String> = v.as_array().into_iter().flatten().map(text).collect();
        list.join(", ")
    };
    field("held for", &words(&one["why"]));
    let labels = &one["labels"];
    field("session", &format!("{}, {}", text(&labels["integrity"]), text(&labels["class"])));
    let by = words(&one["allowed_by"]);
    let by = if by.is_empty() { String::new() } else { format!("; allowed by {by}") };
    field("needs", &format!("{} of people{by}", one["needed"]));
    field("until", &when(&one["expires_at"]));
    if let Some(words) = one["wider"]["words"].as_str() {
        field("wider", words);
    }
}

fn when(value: &Value) -> String {
    value.as_u64().map(time::text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn tell(value: &Value, json: bool, text: &str) {
    if json { output::json(value) } else { output::line(text) }
}
