//! The arguments of `advisories`, `gate` and `bom`.

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
    /// Get OSV's archives from the mirror that `[advisories]` in cordon.toml names, and make them the snapshot.
    Fetch {
        /// Another mirror: below it `<registry>/all.zip`.
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Only these registries, and the snapshot has no others: PyPI, npm, crates.io, Go, Maven, NuGet, RubyGems. May be repeated or parted by commas.
        #[arg(long = "registry", value_name = "NAME", value_delimiter = ',')]
        registries: Vec<String>,
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
    #[command(flatten)]
    pub(crate) how: How,
}

/// What is written of the answer, and how trees are walked.
#[derive(Args)]
pub(crate) struct How {
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

#[derive(Args)]
pub(crate) struct Gate {
    /// Trees and files as they are with the change; the current folder when nothing is named.
    pub(crate) paths: Vec<PathBuf>,
    /// The base: a scan of what was there before (`cordon scan --out`). Without a base all that is there is new.
    #[arg(long, value_name = "FILE", conflicts_with = "base_tree")]
    pub(crate) base: Option<PathBuf>,
    /// The base: a tree as it was before.
    #[arg(long, value_name = "DIR")]
    pub(crate) base_tree: Option<PathBuf>,
    /// What is approved, and who answers for it: `inventory.toml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// The folder of agents' manifests before the change.
    #[arg(long, value_name = "DIR", requires = "manifests")]
    pub(crate) manifests_base: Option<PathBuf>,
    /// The folder of agents' manifests with the change.
    #[arg(long, value_name = "DIR", requires = "manifests_base")]
    pub(crate) manifests: Option<PathBuf>,
    /// Look packages that are added up in the advisories (`cordon advisories import`).
    #[arg(long)]
    pub(crate) advisories: bool,
    /// With `--advisories`: from this level on one fails; below, it warns.
    #[arg(long, value_name = "LEVEL", requires = "advisories", default_value = "low")]
    pub(crate) advisory_level: AdvisoryLevel,
    /// With `--advisories`: say that they are stale when their newest record is older than so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub(crate) stale_days: u64,
    /// Rules that warn and do not fail (`new-package`, `vulnerable`, ...). May be repeated or parted by commas.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) warn: Vec<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// How grave an advisory is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AdvisoryLevel {
    /// All, those that nobody rated too.
    Low,
    /// 4.0 and more.
    Medium,
    /// 7.0 and more.
    High,
    /// 9.0 and more.
    Critical,
}

#[derive(Args)]
pub(crate) struct Bom {
    /// Trees and files; the current folder when nothing is named.
    pub(crate) paths: Vec<PathBuf>,
    /// The format.
    #[arg(long, value_name = "FORMAT", default_value = "cyclonedx")]
    pub(crate) format: Format,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What the bill is of; the first path's name without.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The document's UUID; a new random one without.
    #[arg(long, value_name = "UUID")]
    pub(crate) serial: Option<String>,
    /// What is approved, and who answers for it: owners and classes of data stand in the bill.
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// Also take what other bills list (CycloneDX or SPDX, JSON). May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) bom: Vec<PathBuf>,
    /// Only what is AI: not every package of the lock files.
    #[arg(long)]
    pub(crate) ai_only: bool,
    /// Also the known places of MCP clients, skills and models on this machine.
    #[arg(long)]
    pub(crate) machine: bool,
    /// The root for `--machine`: another disk, for one.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// Read also what ignore files leave out.
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Threads that walk; 0 for as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
}

/// A format of bills of materials.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// CycloneDX 1.6, JSON.
    Cyclonedx,
    /// SPDX 2.3, JSON.
    Spdx,
    /// SPDX 3.0.1, JSON-LD.
    Spdx3,
}
