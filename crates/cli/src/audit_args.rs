//! The arguments of what leaves the log: `audit show`, `reconcile`, `export`, `copy`.

use clap::Args;
use std::path::PathBuf;

/// Which ledger, and the key that verifies it.
#[derive(Args)]
pub(crate) struct Where {
    /// The ledger's directory; the data directory's without.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
    /// The public key's file; the data directory's without.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) place: Where,
    /// The tlog-policy file that says which witnesses count; the config's without.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// From this time on: 2026-11-25T13:00:00Z, 2026-11-25, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only this agent's.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only this user's, by name: the pseudonym is computed here, from the keys in the data directory.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Only this user's, by pseudonym: 32 hexadecimal digits.
    #[arg(long, value_name = "DIGITS", conflicts_with = "user")]
    pub(crate) user_digest: Option<String>,
    /// Only outcomes that call this tool: a name, or `h:` and a digest.
    #[arg(long)]
    pub(crate) tool: Option<String>,
    /// Only intents for this model: a name, or `h:` and a digest.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only this decision: `allowed`, `denied`, `observed`, `error`.
    #[arg(long)]
    pub(crate) decision: Option<String>,
    /// Only this reason, of the whole or of a tool call (docs/records.md).
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Only with a finding of this kind.
    #[arg(long, value_name = "KIND")]
    pub(crate) finding: Option<String>,
    /// Only `intent`, `outcome`, `control`, or one kind of control (`start`, `kill`, ...).
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) record: Option<String>,
    /// Only this exchange's: `req_` and its digits.
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,
    /// Only the last so many.
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Print one JSON object a line on a terminal too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Reconcile {
    #[command(flatten)]
    pub(crate) place: Where,
    /// A provider's usage export (OpenAI's or Anthropic's JSON, or CSV), to compare with. May be repeated for pages.
    #[arg(long, value_name = "FILE")]
    pub(crate) usage: Vec<PathBuf>,
    /// The columns of a CSV export: `day=A,model=B,requests=C,input=D+E,output=F,cached=G`.
    #[arg(long, value_name = "MAP")]
    pub(crate) usage_columns: Option<String>,
    /// A model that the provider names differently: THEIRS=OURS. May be repeated.
    #[arg(long, value_name = "MAP")]
    pub(crate) usage_model: Vec<String>,
    /// Compare with this upstream's counts only.
    #[arg(long, value_name = "UPSTREAM")]
    pub(crate) usage_provider: Option<String>,
    /// By how many thousandths the provider's numbers may differ.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) usage_tolerance: u32,
    /// By how many seconds the time may go back from leaf to leaf.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) clock_tolerance: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Where,
    /// `ocsf`, `otlp`, `csv`, `syslog` or `jsonl` (docs/export.md).
    #[arg(long)]
    pub(crate) format: String,
    /// A file (appended to), `-`, http(s)://host/path, tcp://host:port, tls://host:port or udp://host:port.
    #[arg(long)]
    pub(crate) to: String,
    /// Keep here how far it came, and go on from there.
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
    /// Begin at this record, where no cursor says otherwise.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub(crate) start: u64,
    /// Go on as the log grows, until interrupted.
    #[arg(long)]
    pub(crate) follow: bool,
    /// How often a batch is tried again; without end with --follow.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    /// A file with a bearer token for the receiver.
    #[arg(long, value_name = "FILE")]
    pub(crate) bearer_file: Option<PathBuf>,
    /// Certificate authorities (PEM) beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Your private enterprise number, for syslog's structured data.
    #[arg(long, value_name = "N")]
    pub(crate) enterprise: Option<u32>,
    /// Print what was done as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Copy {
    #[command(flatten)]
    pub(crate) place: Where,
    /// A directory, or s3://bucket/prefix.
    #[arg(long)]
    pub(crate) to: String,
    /// The store's address, where it is not Amazon's own (or AWS_ENDPOINT_URL).
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The region (or AWS_REGION).
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// A file of credentials in AWS's form, instead of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// The section of that file.
    #[arg(long, requires = "credentials")]
    pub(crate) profile: Option<String>,
    /// Certificate authorities (PEM) beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print what was done as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
