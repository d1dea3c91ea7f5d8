//! The operator's config: text in, a checked `Config` or every problem at once out.
//!
//! What always holds: a key that is not known is a problem (with the nearest known key as a hint); a value out of
//! its range is a problem, never silently bent; whatever is not written has a safe default; no secret stands in a
//! config, only where to find it.
//!
//! What it deliberately does not do: read files or the environment (`cordon-app` does), compile patterns or
//! manifests (their owners do, and report in the same `Problem`s).

mod approvals;
pub mod base_url;
mod decimal;
pub mod limits;
pub mod model;
mod oauth;
#[cfg(test)]
mod oauth_tests;
mod parts;
mod read;
mod servers;
pub mod starter;
#[cfg(test)]
mod tests;
mod upstreams;

pub use base_url::BaseUrl;
pub use limits::{LimitRow, Limits, Timeouts};
pub use model::{
    Advisories, Approvals, Config, Credential, CredentialAs, Durability, Failure, FailureMode, Grant,
    Inspection, Issuer, Ledger, Listen, Log, LogFormat, LogLevel, Model, ModelBudget, OAuth, OpenApi,
    Pattern, Policies, Price, Reach, ServerOAuth, ServerWay, Term, Tls, TokenSource, ToolServer, Upstream,
    UpstreamKind, UpstreamTimeouts, Webhook, Witnesses,
};
pub use oauth::ALGORITHMS;
pub use parts::REGISTRIES;
pub use starter::{starter, starter_manifest};

use cordon_types::{Problem, Problems};

/// Largest config that is read, in bytes: a config is written by people.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

/// Reads a config. `source` is the file's name, for the problems. Errors with every problem that could be found.
pub fn parse(source: &str, toml: &str) -> Result<Config, Problems> {
    let within = |list: Vec<Problem>| Problems(list.into_iter().map(|p| p.within(source)).collect());
    if toml.len() > MAX_CONFIG_BYTES {
        return Err(within(vec![Problem::new("", "is larger than 1 MiB", "a config is a short text file")]));
    }
    let table: toml::Table =
        toml.parse().map_err(|e: toml::de::Error| within(vec![read::syntax_problem(toml, &e)]))?;
    let notes = read::Notes::default();
    let config = parts::config(&notes, &table);
    match (config, notes.into_problems()) {
        (Some(config), list) if list.is_empty() => Ok(config),
        (_, list) => Err(within(list)),
    }
}
