//! What can keep Cordon from starting: one type, texts that say what to do.

use cordon_types::Problems;
use std::path::PathBuf;

/// Why Cordon does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A file could not be read or written.
    #[error("{path}: {doing} failed: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process uses the data directory.
    #[error("{0} is in use by another process; stop that one, or name another directory with `--data-dir`")]
    InUse(PathBuf),
    /// The operator's files have problems.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// A credential cannot be had.
    #[error("upstream `{upstream}`: {reason}")]
    Credential {
        /// Which upstream.
        upstream: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The store.
    #[error("{0}")]
    Store(#[from] cordon_identity::StoreError),
    /// Budgets.
    #[error("{0}")]
    Budgets(#[from] cordon_pipeline::meter::BudgetStoreError),
    /// The ledger.
    #[error("ledger: {0}")]
    Ledger(#[from] cordon_ledger::LedgerError),
    /// The ledger's files.
    #[error("ledger: {0}")]
    Volume(#[from] cordon_ledger::VolumeError),
    /// Keeping and giving up records.
    #[error("ledger: {0}")]
    Custody(#[from] cordon_ledger::CustodyError),
    /// An upstream's settings.
    #[error("{0}")]
    Upstream(#[from] cordon_upstream::UpstreamError),
    /// Keys and prompts would cross a network in the clear.
    #[error(
        "{address} would carry keys in the clear beyond this machine; set [listen.tls] (model path only), listen on \
         127.0.0.1, or write `plaintext_beyond_loopback = true` under [listen]"
    )]
    Plaintext {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// A listener.
    #[error("cannot listen on {address}: {source}; free the port or set another address")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS files.
    #[error("tls: {0}")]
    Tls(String),
    /// A key file that is no key.
    #[error("{path}: {reason}")]
    BadKeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The first keys could not be made.
    #[error("the first keys could not be made: {0}")]
    Keys(String),
    /// The start could not be recorded.
    #[error("the start could not be recorded: {0}")]
    Record(String),
    /// The demo could not be played.
    #[error("the demo could not be played: {0}")]
    Demo(String),
    /// The supply chain: advisories, bills of materials, gates.
    #[error("{0}")]
    Supply(String),
    /// A scan could not be made.
    #[error("{0}")]
    Scan(String),
    /// Evidence or posture could not be made.
    #[error("{0}")]
    Evidence(String),
    /// A witness cannot be set up.
    #[error("witness: {0}")]
    Witness(String),
    /// A cursor of an export that cannot be used.
    #[error("the cursor {path}: {reason}")]
    Cursor {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// An export's receiver, or a copy's destination, did not take it.
    #[error("{0}")]
    Delivery(String),
    /// A refresh token cannot be kept.
    #[error("the refresh token of `{server}`: {reason}")]
    Token {
        /// Whose.
        server: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A manifest cannot be put in force, staged or taken back.
    #[error("{0}")]
    Permissions(String),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

impl AppError {
    /// Shorthand for file errors.
    pub fn file(path: impl Into<PathBuf>, doing: &'static str, source: std::io::Error) -> Self {
        Self::File { path: path.into(), doing, source }
    }
}
