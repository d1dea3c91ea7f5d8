//! `mcp servers`, `review`, `approve`, `unapprove`: what tool servers declare, and a person's word on it. Over the
//! control socket of a running gateway, which asks the servers.
//!
//! SECURITY: every text of a server came escaped from the gateway; nothing else of it reaches the terminal.

use crate::output;
use anyhow::bail;
use clap::{ArgGroup, Args};
use cordon_types::time;
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Servers {
    /// Ask all of them now what they declare.
    #[arg(long)]
    look: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Review {
    /// The server's id.
    server: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["server", "all"])))]
pub(crate) struct Approve {
    /// The server's id.
    server: Option<String>,
    /// All servers of which something is quarantined.
    #[arg(long, requires = "yes")]
    all: bool,
    /// Who approves. Kept as a pseudonym only.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// The digest that `review` printed: only what was shown there is approved.
    #[arg(long, value_name = "HEX", conflicts_with_all = ["all", "yes"])]
    digest: Option<String>,
    /// A tool that may be used though its words try to steer their reader. May be repeated.
    #[arg(long, value_name = "TOOL")]
    accept: Vec<String>,
    /// Approve what is printed without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(crate) struct Unapprove {
    /// The server's id.
    server: String,
    /// Who does. Kept as a pseudonym only.
    #[arg(long, value_name = "NAME")]
    by: String,
}

fn ask(root: &Path, method: &str, rest: &str, body: &Value) -> anyhow::Result<Value> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    anyhow::ensure!(rest.bytes().all(fine), "a server's id has letters, digits and `-`");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = cordon_app::control::ask(root, method, &format!("/cordon/v1/servers{rest}"), &body)?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    bail!("{}", reply.body["error"]["message"].as_str().unwrap_or("the gateway refused, and did not say why"))
}

pub(crate) fn servers(root: &Path, options: &Servers) -> anyhow::Result<ExitCode> {
    let all = match options.look {
        true => ask(root, "POST", "/look", &Value::Null)?,
        false => ask(root, "GET", "", &Value::Null)?,
    };
    if options.json {
        output::json(&all);
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{:<20} {:<6} {:>5} {:>11} {:<25} state",
        "id", "by", "tools", "quarantined", "approved"
    ));
    for one in all["servers"].as_array().into_iter().flatten() {
        let health = &one["health"];
        let state = match (health["usable"].as_bool(), health["why"].as_str()) {
            (Some(true), _) => format!("ok, {}", text(&health["revision"])),
            (Some(false), Some(why)) => why.to_owned(),
            _ => "not asked yet".to_owned(),
        };
        output::line(&format!(
            "{:<20} {:<6} {:>5} {:>11} {:<25} {state}",
            text(&one["id"]),
            text(&one["transport"]),
            one["tools"],
            one["quarantined"],
            one["approved_at"].as_u64().map_or_else(|| "never".to_owned(), time::text),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn review(root: &Path, options: &Review) -> anyhow::Result<ExitCode> {
    let one = ask(root, "GET", &format!("/{}", options.server), &Value::Null)?;
    if options.json {
        output::json(&one);
    } else {
        show(&one);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn approve(root: &Path, options: &Approve) -> anyhow::Result<ExitCode> {
    if let (Some(server), Some(digest)) = (&options.server, &options.digest) {
        return approve_one(root, server, digest, options).map(|()| ExitCode::SUCCESS);
    }
    let all = ask(root, "POST", "/look", &Value::Null)?;
    let wanted: Vec<String> = match &options.server {
        Some(server) => vec![server.clone()],
        None => {
            let listed = all["servers"].as_array().map(Vec::as_slice).unwrap_or_default();
            listed.iter().filter(|s| s["quarantined"] != 0).map(|s| text(&s["id"])).collect()
        }
    };
    for server in &wanted {
        let one = ask(root, "GET", &format!("/{server}"), &Value::Null)?;
        show(&one);
        if !options.yes && !confirmed(server)? {
            output::line("nothing was approved");
            return Ok(ExitCode::from(3));
        }
        approve_one(root, server, &text(&one["digest"]), options)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn approve_one(root: &Path, server: &str, digest: &str, options: &Approve) -> anyhow::Result<()> {
    let body = json!({"by": options.by, "digest": digest, "accept": options.accept});
    let done = ask(root, "POST", &format!("/{server}/approve"), &body)?;
    output::line(&format!("approved: {} tools of {server}", done["approved"]));
    let after = ask(root, "GET", &format!("/{server}"), &Value::Null)?;
    for left in after["quarantined"].as_array().into_iter().flatten() {
        output::line(&format!("still quarantined: {} ({})", text(&left["tool"]), text(&left["why"])));
    }
    Ok(())
}

fn confirmed(server: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("say which: `--digest` as `cordon mcp review {server}` prints it, or `--yes`");
    }
    let _ = write!(std::io::stderr(), "Approve all of this for {server}? Type `yes`: ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

pub(crate) fn unapprove(root: &Path, options: &Unapprove) -> anyhow::Result<ExitCode> {
    ask(root, "DELETE", &format!("/{}/approve", options.server), &json!({"by": options.by}))?;
    output::line(&format!("the tools of {} are quarantined", options.server));
    Ok(ExitCode::SUCCESS)
}

fn show(one: &Value) {
    let approved = one["approved_at"].as_u64().map_or_else(|| "never approved".to_owned(), time::text);
    output::line(&format!("server {} ({approved})", text(&one["server"])));
    let list = |name: &str| one[name].as_array().cloned().unwrap_or_default();
    let changes = list("changes");
    if changes.is_empty() {
        output::line("  nothing is different from what was approved");
    }
    changes.iter().for_each(change);
    let meanwhile = list("meanwhile");
    if !meanwhile.is_empty() {
        output::line("  meanwhile it declared, and does not any more:");
        meanwhile.iter().for_each(change);
    }
    for sign in list("signs") {
        let (tool, kind, path) = (text(&sign["tool"]), text(&sign["kind"]), text(&sign["path"]));
        output::line(&format!("  ! {tool}: {kind} in {path} ({})", sign["count"]));
    }
    for pair in list("look_alikes") {
        let of = |v: &Value| format!("{}__{}", text(&v["server"]), text(&v["tool"]));
        let how = text(&pair["likeness"]).replace('_', " ");
        output::line(&format!(
            "  ! {} and {}: {how} {}",
            of(&pair["one"]),
            of(&pair["other"]),
            text(&pair["path"])
        ));
    }
    for tool in list("steering") {
        let tool = text(&tool);
        output::line(&format!(
            "  ! {tool}: its words try to steer their reader; `--accept {tool}` lets it be used"
        ));
    }
    for broken in list("schemas") {
        output::line(&format!("  ! {}: {}", text(&broken["tool"]), text(&broken["problem"])));
    }
    output::line(&format!("  digest {}", text(&one["digest"])));
}

fn change(c: &Value) {
    let place = match c["path"].as_str() {
        None | Some("") => text(&c["name"]),
        Some(path) => format!("{}: {path}", text(&c["name"])),
    };
    output::line(&format!("  {} {place}", text(&c["kind"])));
    for (mark, value) in [("-", &c["old"]), ("+", &c["new"])] {
        if let Some(value) = value.as_str() {
            output::line(&format!("    {mark} {value}"));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
