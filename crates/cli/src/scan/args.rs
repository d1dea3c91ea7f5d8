//! The arguments of `scan` and `catalogue`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Scan {
    /// Trees and files to look through; the current folder when nothing is named.
    pub(crate) paths: Vec<PathBuf>,
    /// Network logs (plain, gzip or zstd; `-` is standard input). May be repeated, and takes several.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// The logs' format, where their first lines do not tell.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Columns of a CSV log: `who=src_ip,host=domain,up=bytes_out` (also user, path, down, at; names or numbers).
    #[arg(long, value_name = "MAP")]
    pub(crate) csv_map: Option<String>,
    /// Bills of materials (CycloneDX or SPDX, JSON): what they list is seen. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) bom: Vec<PathBuf>,
    /// What clouds say they run, as they export it (JSON; plain, gzip or zstd). May be repeated, and takes several.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) cloud: Vec<PathBuf>,
    /// The exports' format (azure, defender, aws, gcp), where their keys do not tell.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) cloud_format: Option<String>,
    /// What the gateway of the data directory (`--data-dir`) has seen: agents, models, tools, servers, providers, users;
    /// and what its config and manifests declare.
    #[arg(long)]
    pub(crate) gateway: bool,
    /// Look at the known places of MCP clients, skills and models in every home directory.
    #[arg(long)]
    pub(crate) machine: bool,
    /// Also look which known ports listen, in the kernel's table. Nothing is connected to. Implies `--machine`.
    #[arg(long)]
    pub(crate) ports: bool,
    /// The root for `--machine`: another disk, for one.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// What is approved, and who answers for it: `inventory.toml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// An earlier scan (`--out`): tell what is new, gone and changed.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Print JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write JSON lines to this file (owner only).
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// End with 3 when there is such an issue. May be repeated or parted by commas.
    #[arg(long, value_name = "ISSUE", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// Read also what ignore files leave out.
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Leave out what is below this confidence, in thousandths.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) min_confidence: u16,
    /// An approved service that the logs do not show for so many days is dormant.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) dormant_days: u32,
    /// Threads that walk; 0 for as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
    /// Print every row of the table.
    #[arg(long)]
    pub(crate) all: bool,
}

/// What a scan fails on.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FailOn {
    /// A credential in a file.
    Secret,
    /// Reached by a host of a known agent itself, past the gateway.
    Bypass,
    /// Seen and not approved.
    Shadow,
    /// Seen though forbidden.
    Forbidden,
    /// Nobody answers for it.
    Unowned,
    /// The day of its review is past.
    ReviewDue,
    /// Its evidence says that something is unsafe.
    Risk,
    /// Not in the baseline.
    New,
}

#[derive(Subcommand)]
pub(crate) enum Catalogue {
    /// Look every name of a list up: recall, and precision against a list of ordinary names.
    Check {
        /// Names of AI services, one a line.
        list: PathBuf,
        /// Ordinary names, one a line: each that is known is a false positive.
        #[arg(long, value_name = "FILE")]
        ordinary: Option<PathBuf>,
        /// Print the names that are not known.
        #[arg(long)]
        missed: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}
