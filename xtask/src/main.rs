//! The project's own tasks: `cargo xtask test | layers | tidy | bench | fuzz`.
//!
//! What always holds: a task ends with a non-zero exit code when anything it checks does not hold, and names each
//! finding with its file. What it does not do: change tracked files.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a developer's tool: it prints, reads the environment and measures time"
)]

mod install;
mod layers;
mod links;
mod run;
mod scan;
mod sources;
mod suite;
mod tidy;
mod workspace;

use anyhow::bail;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, then run all of them; stops at the first failure.
    Test {
        /// Also run what takes long or needs more tools: licences and bans of dependencies.
        #[arg(long)]
        all: bool,
        /// Install nothing.
        #[arg(long)]
        no_install: bool,
    },
    /// Check the arrows between crates, and what each may name.
    Layers,
    /// Check sizes, headers, names, links.
    Tidy,
    /// Run a benchmark; what follows the name goes to the bench tool.
    Bench {
        /// Which, and its options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Run the in-tree fuzz drivers for a while, on a stable compiler.
    Fuzz {
        /// Seconds for all targets together.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    match task(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Test { all, no_install } => suite::test(all, !no_install),
        Task::Layers => report("layers", &layers::check()?),
        Task::Tidy => report("tidy", &tidy::check()?),
        Task::Bench { arguments } => {
            let build = |profile| {
                let mut build = run::cargo();
                build.args(["build", "--profile", profile, "--package", "cordon"]);
                run::command(build)
            };
            match arguments.split_first().map(|(name, options)| (name.as_str(), options)) {
                Some(("agentdojo", options)) => build("release").and_then(|()| agentdojo(options)),
                Some(("catalogue", lists)) => build("release").and_then(|()| catalogue(lists)),
                _ => {
                    // What is handed out is what speed is measured on.
                    build("dist")?;
                    let mut command = run::cargo();
                    command.args(["run", "--profile", "dist", "--package", "cordon-bench", "--"]);
                    command.args(arguments);
                    run::command(command)
                }
            }
        }
        Task::Fuzz { seconds } => suite::fuzz(seconds),
    }
}

/// Recall and false positives of the catalogue of AI services; the lists are given.
fn catalogue(lists: &[String]) -> anyhow::Result<()> {
    let mut command = run::program("python3");
    command.arg("bench/catalogue/run.py").args(lists);
    run::command(command)
}

/// AgentDojo's tasks and attacks, as MCP servers behind Cordon.
fn agentdojo(options: &[String]) -> anyhow::Result<()> {
    run::command(run::program("bench/agentdojo/install.sh"))?;
    let mut command = run::program(".tools/agentdojo/bin/python");
    command.arg("bench/agentdojo/run.py").args(options);
    run::command(command)
}

/// Prints what was found; an error when there is anything.
pub(crate) fn report(what: &str, findings: &[String]) -> anyhow::Result<()> {
    if findings.is_empty() {
        println!("{what}: in order");
        return Ok(());
    }
    for finding in findings {
        eprintln!("{finding}");
    }
    bail!("{what}: {} to mend", findings.len())
}
