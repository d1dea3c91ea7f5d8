//! The command line.

use crate::audit_args;
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A self-hosted AI security gateway. Without a command it serves.
#[derive(Parser)]
#[command(
    name = "cordon",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the answer is no."
)]
pub(crate) struct Cli {
    /// Where config, keys, state and records stand.
    #[arg(long, global = true, env = "CORDON_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Whether nobody said where to keep data.
    pub(crate) const fn data_dir_is_default(&self) -> bool {
        self.data_dir.is_none()
    }

    /// `--data-dir`, `CORDON_DATA_DIR`, else the user's data folder.
    #[allow(
        clippy::disallowed_methods,
        reason = "the command line reads the environment and hands values on"
    )]
    pub(crate) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return Ok(dir.clone());
        }
        let base = std::env::var_os("XDG_DATA_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share")));
        Ok(base.context("no home directory; say where to keep data with `--data-dir`")?.join("cordon"))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the gateway (the default).
    Serve(Serve),
    /// Make the data directory with a starter config and keys, without running.
    Init {
        /// Print paths as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Play attacks and leaks against a built-in model, see them stopped, verify the record.
    Demo(Demo),
    /// Check config, manifests and policies, offline; every problem at once.
    Check {
        /// Print problems as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make, list, rotate and revoke keys.
    Key {
        #[command(subcommand)]
        command: Key,
    },
    /// Stop something at once: `all`, `key:ID`, `agent:NAME`, `user-name:NAME`, `model:NAME`, `upstream:ID`, `tool:NAME`.
    Kill(Kill),
    /// Lift a kill switch.
    Unkill {
        /// The scope, as `cordon kill --list` shows it.
        scope: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tool calls that wait for a person: list, show, allow, deny.
    Approvals {
        #[command(subcommand)]
        command: crate::approvals::Approvals,
    },
    /// Put local clients' MCP servers behind the gateway; keep refresh tokens for tool servers.
    Mcp {
        #[command(subcommand)]
        command: crate::mcp::Mcp,
    },
    /// Load config, manifests and policies anew: whole or not at all.
    Reload {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what runs, as JSON.
    Status,
    /// Run a file or standard input through the detectors.
    Inspect(Inspect),
    /// Test and explain decisions.
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    /// What agents may reach against what they used; suggest, stage, apply and take back smaller manifests.
    Permissions(Box<crate::permissions::Permissions>),
    /// Verify, show, prove, reconcile, export and copy records.
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Find AI in code, on this machine and in network logs, and mark it against what is declared.
    Scan(Box<crate::scan::Scan>),
    /// The list of AI services that scans use.
    Catalogue {
        #[command(subcommand)]
        command: crate::scan::Catalogue,
    },
    /// Notes about services that are not approved: what to use instead, and who acknowledged it.
    Shadow {
        #[command(subcommand)]
        command: crate::shadow::Shadow,
    },
    /// Known vulnerabilities: import OSV data, and look up every package that is there.
    Advisories {
        #[command(subcommand)]
        command: crate::supply::Advisories,
    },
    /// A bill of materials of what a scan finds: CycloneDX with models and services, SPDX.
    Bom(crate::supply::Bom),
    /// What a change adds against what is approved: packages, models, tool servers, permissions. Ends with 3 when not.
    Gate(Box<crate::supply::Gate>),
    /// Evidence packs for auditors: list controls, query, export, verify.
    Evidence {
        #[command(subcommand)]
        command: crate::evidence::Evidence,
    },
    /// Where each control stands, and what moved since the last review.
    Posture(crate::posture::Posture),
    /// Be a witness for other ledgers: cosign their checkpoints, each consistent with the one before.
    Witness {
        #[command(subcommand)]
        command: Witness,
    },
    /// Become a tool server's program: how the gateway starts one.
    #[command(hide = true)]
    ToolServer {
        /// The gateway's process.
        #[arg(long)]
        parent: u32,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Print the dialects' tables as JSON lines: what each field is, and what happens to it.
    Dialects,
    /// Serve the built-in, credulous model over HTTP, for tests.
    Gullible(Gullible),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(Serve::default())
    }
}

#[derive(Args, Default)]
pub(crate) struct Serve {
    /// Listen here for model calls instead of the config's address.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen here for administration instead of the config's address.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Print one JSON line with addresses and file paths when ready; first keys go to a file.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Demo {
    /// Print one JSON object a scene.
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the demo's data directory here instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Play all scenes so often: a long record, to try evidence packs and verification on (with --keep).
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
}

#[derive(Args)]
pub(crate) struct Gullible {
    /// Listen here.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Make a key. Its text is shown once.
    Create {
        /// The agent that it is for (kinds `agent` and `front`).
        #[arg(long)]
        agent: Option<String>,
        /// `agent`, `front` (may vouch for users) or `admin`.
        #[arg(long, default_value = "agent")]
        kind: String,
        /// A note for you.
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it expires; never when left out.
        #[arg(long, value_name = "DAYS")]
        expires_in: Option<u64>,
        /// Write the key to this new file (owner only) instead of printing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List keys, without their text.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Replace a key: a new one is made, the old one stays valid for a while.
    Rotate {
        /// The key's id.
        id: String,
        /// Hours for which the old key stays valid.
        #[arg(long, default_value_t = 24)]
        grace: u64,
        /// Write the new key to this new file (owner only) instead of printing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: at once, for good.
    Revoke {
        /// The key's id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Kill {
    /// What to stop.
    #[arg(required_unless_present = "list")]
    pub(crate) scope: Option<String>,
    /// List the kills in force instead.
    #[arg(long)]
    pub(crate) list: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// A file; standard input without.
    pub(crate) file: Option<PathBuf>,
    /// Read one JSON object a line (`id`, `text`, `role`), write one a line.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// What kind of span the text is.
    #[arg(long, default_value = "user")]
    pub(crate) role: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// End with 3 when something was found.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Subcommand)]
pub(crate) enum Policy {
    /// Run decision tests from a TOML file.
    Test {
        /// The file; see docs/policies.md.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say why something is allowed or denied.
    Explain(Explain),
    /// Print an agent's manifest as Cedar.
    Show {
        /// The agent.
        agent: String,
    },
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The agent.
    #[arg(long)]
    pub(crate) agent: String,
    /// `model.prompt`, `model.answer`, `model.list`, `tool.list` or `tool.call`.
    #[arg(long)]
    pub(crate) action: String,
    /// The model's or tool's name.
    #[arg(long)]
    pub(crate) resource: String,
    /// A finding, as `kind` or `kind@span`. May be repeated.
    #[arg(long)]
    pub(crate) finding: Vec<String>,
    /// A provider-side feature. May be repeated.
    #[arg(long)]
    pub(crate) feature: Vec<String>,
    /// The call's arguments, as JSON.
    #[arg(long)]
    pub(crate) arguments: Option<String>,
    /// A user is vouched for.
    #[arg(long)]
    pub(crate) on_behalf: bool,
    /// What the session is worth: `trusted` (without) or `untrusted`.
    #[arg(long)]
    pub(crate) integrity: Option<String>,
    /// The class of what the session has read: `public` (without), `internal`, `confidential`, `restricted`.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Who supplied a target that the manifest does not clear: `user` (without), `trusted`, `untrusted`, `unknown`.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Check every file of a ledger against its signed checkpoint.
    Verify {
        /// The ledger's directory; the data directory's without.
        #[arg(long)]
        ledger: Option<PathBuf>,
        /// The public key's file; the data directory's without.
        #[arg(long)]
        key: Option<PathBuf>,
        /// A tlog-policy file: its quorum must be met. Without, the config's, which is reported and not demanded.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// A checkpoint of this ledger (or a proof) that was kept elsewhere: the ledger must extend it.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print records: a table on a terminal, else one JSON object a line.
    Show(Box<audit_args::Show>),
    /// Look whether the log is complete: intents without outcomes, gaps, clock steps, a provider's own account.
    Reconcile(audit_args::Reconcile),
    /// Find reads of secrets or restricted data that a send, a spend or an execution followed; ends with 3 where one
    /// was not stopped.
    Sequences {
        #[command(flatten)]
        place: audit_args::Where,
        /// Print JSON on a terminal too.
        #[arg(long)]
        json: bool,
    },
    /// Write records in another format, or send them to a receiver.
    Export(audit_args::Export),
    /// Copy the ledger's plain files to another directory or an S3-compatible store.
    Copy(audit_args::Copy),
    /// Write an offline proof that a record is in the log.
    Prove {
        /// The record's index.
        index: u64,
        /// The ledger's directory; the data directory's without.
        #[arg(long)]
        ledger: Option<PathBuf>,
        /// The tlog-policy file that says which witnesses count; the config's without.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Where to write it; standard output without.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List the epochs of linkable digests, or begin the next.
    Epoch {
        #[command(subcommand)]
        command: crate::custody::Epoch,
    },
    /// Destroy a salt or an epoch's key for good; leaves a signed receipt. Proofs stay good.
    Erase(crate::custody::Erase),
    /// Set, list and lift legal holds.
    Hold {
        #[command(subcommand)]
        command: crate::custody::Hold,
    },
    /// Give up the entries that [ledger.retention] and legal holds let go. Proofs made before stay good.
    Prune {
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the receipt of an erasure, offline.
    Receipt {
        /// The receipt.
        file: PathBuf,
        /// The public key's file; the data directory's without.
        #[arg(long)]
        key: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whether a request's body is the one that a record commits to.
    Match {
        /// The record's index.
        index: u64,
        /// The body, as it was sent.
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Witness {
    /// Make the witness's directory (`--data-dir`): its keys and the list of logs that it accepts.
    Init {
        /// Its name in cosignatures, such as `witness.example.com/w1`.
        #[arg(long)]
        name: String,
        /// What it signs with: `ed25519`, `ml-dsa-44`, or both (the default).
        #[arg(long, value_delimiter = ',', default_value = "ed25519,ml-dsa-44")]
        algorithm: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the witness: `POST /add-checkpoint` in plain HTTP.
    Serve {
        /// Listen here.
        #[arg(long, default_value = "127.0.0.1:8490", value_name = "ADDR:PORT")]
        listen: SocketAddr,
        /// The operator's word that an address beyond this machine may be plain HTTP.
        #[arg(long)]
        plaintext_beyond_loopback: bool,
        /// Print one JSON line with the address and keys when ready.
        #[arg(long)]
        json: bool,
    },
    /// Print its public keys, as a policy's `witness` lines take them.
    Key,
}
