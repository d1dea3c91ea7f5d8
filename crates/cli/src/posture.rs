//! `posture`: where controls stand, and reviews of it.

use crate::keys::ask;
use crate::output;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Posture {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this framework's controls.
    #[arg(long, default_value = "all")]
    framework: String,
    /// Count records since the last review instead of the last 90 days.
    #[arg(long)]
    since_review: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Record that somebody reviewed the posture as it is now.
    Review {
        /// Who. Kept as a pseudonym only.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn posture(root: &Path, options: &Posture) -> anyhow::Result<ExitCode> {
    if let Some(Command::Review { by, json }) = &options.command {
        let done = ask(root, "POST", "/cordon/v1/posture/reviews", &json!({"by": by}))?;
        if *json {
            output::json(&done);
        } else {
            let text = |name: &str| done[name].as_str().unwrap_or_default().to_owned();
            output::line(&format!("review recorded: by {} of snapshot {}", text("by"), text("snapshot")));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name_ok = |c: char| c.is_ascii_alphanumeric() || c == '-';
    anyhow::ensure!(
        options.framework.chars().all(name_ok),
        "`cordon evidence frameworks` lists the frameworks"
    );
    let since = if options.since_review { "/since-review" } else { "" };
    let found = ask(root, "GET", &format!("/cordon/v1/posture/{}{since}", options.framework), &Value::Null)?;
    if options.json {
        output::json(&found);
    } else {
        tell(&found, options.framework != "all");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(found: &Value, each: bool) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    output::line(&format!(
        "{} to {}, {} entries of {}",
        text(&found["from"]),
        text(&found["to"]),
        found["size"],
        text(&found["log"])
    ));
    output::line(&format!(
        "{:<14} {:>7} {:>10} {:>8} {:>12} {:>6}",
        "framework", "direct", "no records", "partial", "needs import", "none"
    ));
    for f in found["frameworks"].as_array().into_iter().flatten() {
        let n = |name: &str| f["counts"][name].as_u64().unwrap_or(0);
        output::line(&format!(
            "{:<14} {:>7} {:>10} {:>8} {:>12} {:>6}",
            text(&f["framework"]),
            n("direct_with_records"),
            n("direct_without_records"),
            n("partial"),
            n("needs_import"),
            n("none")
        ));
        for (control, standing) in f["controls"].as_object().into_iter().flatten().filter(|_| each) {
            output::line(&format!("  {control:<22} {}", text(standing).replace('_', " ")));
        }
    }
    let review = &found["last_review"];
    if review.is_null() {
        return output::line("no review yet; `cordon posture review --by NAME` records one");
    }
    output::line(&format!(
        "last review: {} by {} (record {})",
        text(&review["at"]),
        text(&review["by"]),
        review["record"]
    ));
    if review["kept"] == Value::Bool(false) {
        return output::line(
            "its snapshot is not in `reviews/` any more, so what moved since cannot be told",
        );
    }
    let moved = found["moved"].as_array().map(Vec::as_slice).unwrap_or_default();
    output::line(if moved.is_empty() { "nothing moved since" } else { "moved since:" });
    for m in moved {
        let framework = m["framework"].as_str().map(|f| format!("{f} ")).unwrap_or_default();
        output::line(&format!(
            "  {framework}{}: {} -> {}",
            text(&m["what"]),
            text(&m["before"]),
            text(&m["now"])
        ));
    }
}
