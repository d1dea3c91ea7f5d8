//! Structured logs to standard error, never with content.

use cordon_config::{Log, LogFormat};
use tracing_subscriber::filter::EnvFilter;

/// Starts logging for the process. A second call changes nothing.
pub fn start(log: &Log) {
    // Only Cordon's own crates log: a library's debug line could carry a header.
    let filter = EnvFilter::new(format!(
        "off,cordon={0},cordon_app={0},cordon_proxy={0},cordon_upstream={0},cordon_api={0},cordon_ledger={0},cordon_store={0}",
        log.level.name()
    ));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    let _ = match log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
}
