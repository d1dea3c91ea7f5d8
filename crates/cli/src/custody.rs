//! `audit epoch`, `erase`, `hold`, `prune`, `receipt`, `match`: keeping and giving up records.

use crate::keys::ask;
use crate::output;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use cordon_app::tools::audit::{self, Verdict};
use serde_json::{Value, json};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Epoch {
    /// List the epochs: when each began and ended, and whether its key is there.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Begin the next epoch: from now on the same value gives another digest.
    Rotate {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    what: What,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The key of this epoch: its digests cannot be recomputed any more.
    #[arg(long, value_name = "N")]
    epoch: Option<u32>,
    /// The salt of this record's commitment.
    #[arg(long, value_name = "INDEX")]
    record: Option<u64>,
    /// All salts of records before this time, and the keys of epochs that ended before it.
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<u64>,
}

#[derive(Subcommand)]
pub(crate) enum Hold {
    /// Keep what the scope covers from being erased or pruned. Give at least one of the four.
    Add {
        /// Records from this time on: `2026-11-01`, RFC 3339, or milliseconds since the Unix epoch.
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Option<u64>,
        /// Records before this time.
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<u64>,
        /// Records of this agent.
        #[arg(long)]
        agent: Option<String>,
        /// Records of this request.
        #[arg(long, value_name = "ID")]
        request: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the holds, lifted ones too.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lift a hold.
    Lift {
        /// Its number.
        number: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A time as people write it, in milliseconds since the Unix epoch.
fn time(text: &str) -> Result<u64, String> {
    cordon_types::time::parse(text).ok_or_else(|| {
        "write a day (`2026-11-01`, its beginning in UTC), RFC 3339 (`2026-11-01T12:00:00Z`) or milliseconds".to_owned()
    })
}

fn shown(ms: &Value) -> String {
    ms.as_u64().map_or_else(|| "-".to_owned(), cordon_types::time::text)
}

pub(crate) fn epoch(root: &Path, command: &Epoch) -> anyhow::Result<ExitCode> {
    let (method, json) = match command {
        Epoch::List { json } => ("GET", *json),
        Epoch::Rotate { json } => ("POST", *json),
    };
    let answer = ask(root, method, "/cordon/v1/audit/epochs", &Value::Null)?;
    if json {
        output::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    for e in answer["epochs"].as_array().into_iter().flatten() {
        output::line(&format!(
            "{:<6} {:<9} {} .. {}",
            e["epoch"],
            e["state"].as_str().unwrap_or_default(),
            shown(&e["begun"]),
            shown(&e["ended"])
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn erase(root: &Path, options: &Erase) -> anyhow::Result<ExitCode> {
    let (body, words) = match &options.what {
        What { epoch: Some(n), .. } => (json!({"epoch": n}), format!("the key of epoch {n}")),
        What { record: Some(n), .. } => (json!({"record": n}), format!("the salt of record {n}")),
        What { before, .. } => {
            let at = before.context("say what: --epoch, --record or --before")?;
            let words = format!("every salt and epoch's key from before {}", shown(&json!(at)));
            (json!({"before": at}), words)
        }
    };
    if !options.yes && !confirmed(&words)? {
        bail!("nothing was destroyed");
    }
    let answer = ask(root, "POST", "/cordon/v1/audit/erase", &body)?;
    if options.json {
        output::json(&answer);
    } else {
        let epochs = answer["epochs"].as_array().map_or(0, Vec::len);
        output::line(&format!(
            "destroyed: {} salts, {epochs} epochs' keys. Record {} says so; the signed receipt is {}",
            answer["salts"],
            answer["recorded_at"],
            root.join(answer["receipt_file"].as_str().unwrap_or_default()).display()
        ));
        output::note("copies in backups, snapshots and on disks that write elsewhere are yours to destroy");
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed(what: &str) -> anyhow::Result<bool> {
    if !output::is_terminal() {
        bail!("this destroys {what} for good; add `--yes` to say that you mean it");
    }
    output::note(&format!("This destroys {what} for good. Type `yes` to go on:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("reading the answer")?;
    Ok(line.trim() == "yes")
}

pub(crate) fn hold(root: &Path, command: &Hold) -> anyhow::Result<ExitCode> {
    match command {
        Hold::Add { from, to, agent, request, json } => {
            let body = json!({"from": from, "to": to, "agent": agent, "request": request});
            let set = ask(root, "POST", "/cordon/v1/audit/holds", &body)?;
            tell(&set, *json, &format!("hold {} is in force", set["hold"]));
        }
        Hold::List { json } => {
            let answer = ask(root, "GET", "/cordon/v1/audit/holds", &Value::Null)?;
            if *json {
                output::json(&answer);
                return Ok(ExitCode::SUCCESS);
            }
            for h in answer["holds"].as_array().into_iter().flatten() {
                let text = |name: &str| h[name].as_str().unwrap_or("-").to_owned();
                output::line(&format!(
                    "{:<5} {:<8} {} .. {}  agent {}  request {}",
                    h["hold"],
                    if h["lifted"].is_null() { "in force" } else { "lifted" },
                    shown(&h["from"]),
                    shown(&h["to"]),
                    text("agent"),
                    text("request")
                ));
            }
        }
        Hold::Lift { number, json } => {
            let path = format!("/cordon/v1/audit/holds/{number}");
            tell(&ask(root, "DELETE", &path, &Value::Null)?, *json, &format!("hold {number} is lifted"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn prune(root: &Path, dry_run: bool, json: bool) -> anyhow::Result<ExitCode> {
    let plan = ask(root, "POST", "/cordon/v1/audit/prune", &json!({"dry_run": dry_run}))?;
    let because = match plan["because"].as_str().unwrap_or_default() {
        "end" => "the rest is not a whole bundle of 256 records yet".to_owned(),
        "held" => format!("record {} is under hold {}", plan["stopped_at"], plan["hold"]),
        "kept until" => format!("record {} is kept until {}", plan["stopped_at"], shown(&plan["until"])),
        "kept for ever" => format!("record {} is kept for ever ([ledger.retention])", plan["stopped_at"]),
        _ => format!("record {} is none that this version knows", plan["stopped_at"]),
    };
    let verb = if dry_run { "would remove" } else { "removed" };
    let text = format!(
        "{verb} {} bundles; the lowest record kept is {}; it stops there because {because}",
        plan["bundles"], plan["minimum"]
    );
    tell(&plan, json, &text);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn receipt(
    root: &Path,
    file: &Path,
    key: Option<&PathBuf>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let default_key = root.join("keys/ledger.pub");
    match audit::receipt(file, key.unwrap_or(&default_key))? {
        Verdict::Good(value) => {
            let text = format!(
                "signed by the ledger's key: {} destroyed at {}; record {} says so in the log",
                value["erased"],
                shown(&value["at"]),
                value["recorded_at"]
            );
            tell(&value, json, &text);
            Ok(ExitCode::SUCCESS)
        }
        Verdict::Tampered(value) => {
            tell(&value, json, &format!("NOT GENUINE: {}", value["detail"].as_str().unwrap_or_default()));
            Ok(ExitCode::from(3))
        }
    }
}

pub(crate) fn matches(root: &Path, index: u64, body: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let found = audit::matches(root, index, body)?;
    let word = found["body"].as_str().unwrap_or_default();
    let text = match word {
        "same" => format!("this is the body that record {index} commits to"),
        "other" => format!("this is not the body that record {index} commits to"),
        "shredded" => format!("nobody can say any more: the salt of record {index} was destroyed"),
        _ => format!("record {index} commits to no body, or its salt is not here"),
    };
    tell(&found, json, &text);
    Ok(if word == "same" { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn tell(value: &Value, json: bool, text: &str) {
    if json { output::json(value) } else { output::line(text) }
}
