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
    #[command(flatten)]
    pub(crate) azure: Azure,
    #[command(flatten)]
    pub(crate) probe: Probe,
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

/// How Azure is asked.
#[derive(Args)]
pub(crate) struct Azure {
    /// Ask Azure Resource Graph which AI there is. The credential is AZURE_ACCESS_TOKEN, or AZURE_TENANT_ID,
    /// AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or stands in a file.
    #[arg(long)]
    pub(crate) azure: bool,
    /// Look at this subscription alone; without, at all that the credential reads. May be repeated.
    #[arg(long, value_name = "ID", requires = "azure")]
    pub(crate) azure_subscription: Vec<String>,
    /// Look at this management group alone. May be repeated; not beside subscriptions.
    #[arg(long, value_name = "NAME", requires = "azure", conflicts_with = "azure_subscription")]
    pub(crate) azure_management_group: Vec<String>,
    /// The tenant; AZURE_TENANT_ID without.
    #[arg(long, value_name = "ID", requires = "azure")]
    pub(crate) azure_tenant: Option<String>,
    /// The client; AZURE_CLIENT_ID without.
    #[arg(long, value_name = "ID", requires = "azure")]
    pub(crate) azure_client_id: Option<String>,
    /// A file with the client's secret, which only its owner may read.
    #[arg(long, value_name = "FILE", requires = "azure")]
    pub(crate) azure_secret_file: Option<PathBuf>,
    /// A file with an access token, which only its owner may read.
    #[arg(long, value_name = "FILE", requires = "azure", conflicts_with = "azure_secret_file")]
    pub(crate) azure_token_file: Option<PathBuf>,
    /// Resource Manager: https, or a server on this machine.
    #[arg(long, value_name = "URL", requires = "azure", default_value = "https://management.azure.com")]
    pub(crate) azure_base: String,
    /// Who gives tokens: https, or a server on this machine.
    #[arg(long, value_name = "URL", requires = "azure", default_value = "https://login.microsoftonline.com")]
    pub(crate) azure_authority: String,
}

/// Which servers are asked.
#[derive(Args)]
pub(crate) struct Probe {
    /// Ask servers what they are, by GET and without a credential: a host, host:port, URL, or network (10.0.5.0/24; at
    /// most 1024 addresses in all). May be repeated, and takes several.
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    pub(crate) probe: Vec<String>,
    /// Ports, for targets that name none, parted by commas; each is asked every path. Without, the ports at which
    /// known servers stand.
    #[arg(long, value_name = "PORT", value_delimiter = ',', requires = "probe")]
    pub(crate) probe_ports: Vec<u16>,
    /// Stop asking after so many seconds.
    #[arg(long, value_name = "N", requires = "probe", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) probe_seconds: u64,
    /// Certificate authorities to believe beside the system's (PEM).
    #[arg(long, value_name = "FILE", requires = "probe")]
    pub(crate) probe_ca: Option<PathBuf>,
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
