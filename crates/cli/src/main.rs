//! The binary `cordon`: arguments in, words and exit codes out. What it does stands in `cordon-app`.
//!
//! Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the answer is no (problems in files, tampering, a failed policy
//! test, a finding where `--exit-code` was asked for).

#![allow(clippy::indexing_slicing, reason = "a JSON value indexed by a name that is not there gives null")]

mod approvals;
mod args;
mod audit;
mod audit_args;
mod check;
mod child;
mod custody;
mod evidence;
mod inspect;
mod keys;
mod mcp;
mod output;
mod permissions;
mod policy;
mod posture;
mod records;
mod scan;
mod serve;
mod servers;
mod shadow;
mod supply;
mod witness;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&told(&error));
            ExitCode::from(1)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::ToolServer { parent, command }) = &cli.command {
        return child::become_server(*parent, command);
    }
    let mut root = cli.data_dir()?;
    let default_root = cli.data_dir_is_default();
    if default_root && matches!(cli.command, Some(Command::Witness { .. })) {
        // A witness beside a gateway is still a thing of its own.
        root.set_file_name("cordon-witness");
    }
    match cli.command.unwrap_or_default() {
        Command::Serve(options) => serve::serve(&root, &options),
        Command::Init { json } => serve::init(&root, json),
        Command::Demo(options) => serve::demo(&options),
        Command::Check { json } => check::check(&root, json),
        Command::Key { command } => keys::key(&root, &command),
        Command::Kill(options) => keys::kill(&root, &options),
        Command::Unkill { scope, json } => keys::unkill(&root, &scope, json),
        Command::Approvals { command } => approvals::approvals(&root, &command),
        Command::Mcp { command } => mcp::mcp(&root, default_root, &command),
        Command::Reload { json } => keys::reload(&root, json),
        Command::Status => keys::status(&root),
        Command::Inspect(options) => inspect::inspect(&root, &options),
        Command::Policy { command } => policy::policy(&root, &command),
        Command::Permissions(options) => permissions::permissions(&root, &options),
        Command::Audit { command } => audit::audit(&root, &command),
        Command::Scan(options) => scan::scan(&root, &options),
        Command::Catalogue { command } => scan::catalogue(&command),
        Command::Shadow { command } => shadow::shadow(&root, &command),
        Command::Advisories { command } => supply::advisories(&root, &command),
        Command::Bom(options) => supply::bom(&options),
        Command::Gate(options) => supply::gate(&root, &options),
        Command::Evidence { command } => evidence::evidence(&root, &command),
        Command::Posture(options) => posture::posture(&root, &options),
        Command::Witness { command } => witness::witness(&root, &command),
        Command::ToolServer { parent, command } => child::become_server(parent, &command),
        Command::Dialects => check::dialects(),
        Command::Gullible(options) => serve::gullible(&options),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cordon", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An error with its causes, each said once: some texts hold their cause already.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
