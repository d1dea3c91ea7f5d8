//! The arguments of `permissions`.

use crate::audit_args::Where;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Permissions {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Only this agent.
    #[arg(long)]
    pub(super) agent: Option<String>,
    #[command(flatten)]
    pub(super) time: Time,
    #[command(flatten)]
    pub(super) place: Where,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// End with 3 where an agent has this finding (`unused`, `toxic_open`, ...) or a score of at least so many points
    /// (`score:40`). May be repeated or parted by commas.
    #[arg(long, value_name = "FINDING", value_delimiter = ',')]
    pub(super) fail_on: Vec<String>,
}

/// What counts as use.
#[derive(Args)]
pub(crate) struct Time {
    /// How far back use counts: days (`30d`) or hours (`12h`).
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    pub(super) window: u64,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Suggest the smallest manifest that still covers recorded use, with its proof.
    Suggest {
        /// The agent.
        #[arg(long)]
        agent: String,
        #[command(flatten)]
        time: Time,
        /// An agent younger than this is not cut.
        #[arg(long, value_name = "TIME", default_value = "14d", value_parser = span)]
        grace: u64,
        /// Write the manifest to this new file; else it goes to standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        place: Where,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a manifest in force, keep the one before, and tell the gateway.
    Apply {
        /// The manifest.
        file: PathBuf,
        /// Also one that goes further than the one in force.
        #[arg(long)]
        wider: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a manifest beside the one in force: both judge, the old one enforces, differences are counted.
    Stage {
        /// The manifest.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What is staged, what it would change, and on which calls the two differed.
    Staged {
        #[command(flatten)]
        time: Time,
        #[command(flatten)]
        place: Where,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a staged manifest away.
    Unstage {
        /// The agent.
        #[arg(long)]
        agent: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put the manifest before the last `apply` in force again. Twice, and all is as before.
    Rollback {
        /// The agent.
        #[arg(long)]
        agent: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `30d`, `12h`: milliseconds.
fn span(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time; write days as 30d, hours as 12h");
    let unit = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).and_then(|n| n.parse::<u64>().ok()).ok_or_else(wrong)?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans() {
        for (text, want) in [
            ("30d", Ok(30 * 86_400_000)),
            ("12h", Ok(43_200_000)),
            ("0d", Ok(0)),
            ("30", Err(())),
            ("d", Err(())),
            ("", Err(())),
            ("-1d", Err(())),
            ("1é", Err(())),
            ("99999999999999999d", Err(())),
        ] {
            assert_eq!(super::span(text).map_err(|_| ()), want, "{text}");
        }
    }
}
