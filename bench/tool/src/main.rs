//! Load, upstream and reports for comparing Cordon with others. `cargo xtask bench` runs it.
//!
//! What always holds: it talks to loopback only; whatever it starts it ends, by its id; each answer is checked to be
//! the right one, whole. What it does not do: judge. It reports what it is.
#![allow(missing_docs, reason = "a tool, not a library")]

mod bare;
mod client;
mod clock;
mod closed;
mod cordon;
mod durable;
mod gateway;
mod grouped;
mod histogram;
mod ledger;
mod machine;
mod nginx;
mod open;
mod peers;
mod process;
mod proofs;
mod prose;
mod records;
mod report;
mod say;
mod scan;
mod soak;
mod streams;
mod target;
mod tools;
mod upstream;

use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Measures gateways.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compare Cordon, nginx, LiteLLM and Portkey.
    Gateway(gateway::Options),
    /// The ledger alone: entries made durable, proofs, verification, sizes.
    Ledger(ledger::Options),
    /// Half load for a long time: no answer lost, memory flat.
    Soak(soak::Options),
    /// Files and log lines a second of `cordon scan`, and its memory.
    Scan(scan::Options),
    /// A tool call through Cordon beside the same call direct.
    Tools(tools::Options),
    /// Serve the fixed upstream alone; prints its address.
    Upstream {
        /// Listen here.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Between two chunks of a paced stream.
        #[arg(long, default_value_t = 5)]
        interval_ms: u64,
    },
    /// Forward and nothing else, with Cordon's HTTP library and threads; prints its address.
    Bare {
        /// Where to.
        upstream: SocketAddr,
        /// Listen here.
        #[arg(long)]
        listen: SocketAddr,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Two entries in this file, synced in groups, before each answer.
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
    },
    /// One closed loop against any address.
    Load {
        /// Where.
        address: SocketAddr,
        /// Sent as `Authorization: Bearer`.
        #[arg(long, default_value = "none")]
        key: String,
        /// Callers.
        #[arg(long, default_value_t = 16)]
        concurrency: usize,
        /// Prompt size in KB.
        #[arg(long, default_value_t = 1)]
        size: usize,
        /// For how long.
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// Streams instead of plain answers; needs the upstream's address for its send times.
        #[arg(long, value_name = "UPSTREAM")]
        streams: Option<SocketAddr>,
        /// Streams are paced by the upstream.
        #[arg(long)]
        paced: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::progress(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Gateway(options) => gateway::run(&options),
        Task::Ledger(options) => ledger::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Scan(options) => scan::run(&options),
        Task::Tools(options) => tools::run(&options),
        Task::Upstream { listen, threads, interval_ms } => {
            upstream::serve(listen, threads, Duration::from_millis(interval_ms))
        }
        Task::Bare { upstream, listen, threads, log } => {
            bare::serve(listen, upstream, threads, log.as_deref())
        }
        Task::Load { address, key, concurrency, size, seconds, streams, paced } => {
            let shot = Arc::new(client::Shot::new(address, &[("authorization", &format!("Bearer {key}"))])?);
            let time = Duration::from_secs_f64(seconds.clamp(0.1, 3600.0));
            let bytes = size * 1024;
            let text = if let Some(upstream) = streams {
                let direct = Arc::new(client::Shot::new(upstream, &[])?);
                let plan = streams::Plan { concurrency, bytes, paced, time };
                serde_json::to_string_pretty(&streams::run(&shot, &direct, None, plan)?)?
            } else {
                let warm = Duration::from_millis(500);
                let plan =
                    closed::Plan { concurrency, bytes, shape: prose::Shape::Fresh, warm, time, threads: 2 };
                serde_json::to_string_pretty(&closed::run(&shot, None, plan)?)?
            };
            say::line(&text);
            Ok(())
        }
    }
}
