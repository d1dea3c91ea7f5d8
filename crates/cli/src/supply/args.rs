//! The arguments of `advisories`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Advisories {
    /// Make what is dropped in the snapshot: OSV's `all.zip`, folders of records. The old snapshot is replaced.
    Import {
        /// Zips, folders, single records.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which snapshot is here: its date, records and sources.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look up every package of trees, of this machine's tool servers, of bills of materials.
    Check(Check),
}

#[derive(Args)]
pub(crate) struct Check {
    /// Trees and files to look through; the current folder when nothing is named.
    pub(crate) paths: Vec<PathBuf>,
    /// Also look up the tool servers in MCP clients' configurations on this machine.
    #[arg(long)]
    pub(crate) machine: bool,
    /// The root for `--machine`: another disk, for one.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// Also look up the packages of a bill of materials (CycloneDX or SPDX, JSON). May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) bom: Vec<PathBuf>,
    /// What was called through the gateway in the last so many days goes on top.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) used_days: u64,
    /// Say that the advisories are stale when their newest record is older than so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub(crate) stale_days: u64,
    /// End with 3 when there is such a thing. May be repeated or parted by commas.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// Print JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write SARIF 2.1.0 to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Also write JUnit XML to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Read also what ignore files leave out.
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Threads that walk; 0 for as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
}

/// What a check fails on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Anything that holds for sure.
    Any,
    /// What is critical.
    Critical,
    /// What is high or critical.
    High,
    /// What is medium or graver.
    Medium,
    /// What holds and was called through the gateway.
    Used,
    /// What may hold.
    Possible,
    /// Advisories that are too old to trust.
    Stale,
}
