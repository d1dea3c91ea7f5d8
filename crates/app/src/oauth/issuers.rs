//! Issuers whose access tokens are taken: from the config, and their keys from where they publish them.
//!
//! ```text
//! admin thread, each second, or when a token names an unknown key --due?--> metadata --its `jwks_uri`--> keys
//! ```
//! What always holds: one fetch of one issuer at a time; one that fails, whatever way, leaves the keys of before, which
//! serve until they are too old; a reload keeps the keys of an issuer that is reached as before.

use crate::error::AppError;
use crate::settings;
use crate::tools::export::Here;
use cordon_config::{Config, Issuer, ServerWay};
use cordon_identity::oauth::{Algorithm, IssuerSettings, KeyCache, Keys, Trust};
use cordon_policy::Manifest;
use cordon_proxy::Shared;
use cordon_proxy::oauth::Federated;
use cordon_types::{Clock, Problem};
use cordon_upstream::oauth::{Reach, Web};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    issuer: String,
    keys_url: Option<String>,
    reach: Reach,
}

/// What the config says.
pub(crate) struct Read(Option<Parts>);

struct Parts {
    resource: String,
    scopes: Vec<String>,
    issuers: Vec<(IssuerSettings, Source)>,
}

/// See the module.
pub(crate) struct Issuers {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    sources: Mutex<Vec<(Source, Arc<KeyCache>)>>,
}

impl Issuers {
    pub(crate) fn new(shared: Arc<Shared>, clock: Arc<dyn Clock>) -> Self {
        Self { shared, clock, sources: Mutex::default() }
    }

    /// What the config says, with the files that it names.
    pub(crate) fn read(root: &Path, config: &Config) -> Result<Read, AppError> {
        let Some(oauth) = &config.oauth else { return Ok(Read(None)) };
        let one = |i: &Issuer| {
            let algorithms = i.algorithms.iter().filter_map(|a| Algorithm::from_name(a)).collect();
            let taken = IssuerSettings {
                url: i.url.clone(),
                audiences: i.audiences.clone(),
                claim: i.claim.clone(),
                agents: i.agents.iter().cloned().collect(),
                algorithms,
                plain_type: i.plain_type,
            };
            let reach = settings::reach(root, &i.reach)?;
            Ok((taken, Source { issuer: i.url.clone(), keys_url: i.keys_url.clone(), reach }))
        };
        let issuers = oauth.issuers.iter().map(one).collect::<Result<Vec<_>, AppError>>()?;
        Ok(Read(Some(Parts { resource: oauth.resource.to_string(), scopes: first_scopes(config), issuers })))
    }

    /// Puts it in force.
    pub(crate) fn put(&self, read: Read) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let Read(Some(parts)) = read else {
            sources.clear();
            self.shared.federation.set(None);
            return;
        };
        let old = std::mem::take(&mut *sources);
        let mut trusted = Vec::with_capacity(parts.issuers.len());
        for (taken, source) in parts.issuers {
            let known = old.iter().find(|(s, _)| *s == source).map(|(_, keys)| keys.clone());
            let keys = known.unwrap_or_default();
            sources.push((source, keys.clone()));
            trusted.push((taken, keys));
        }
        self.shared.federation.set(Some(Federated {
            trust: Trust::new(trusted),
            resource: parts.resource,
            scopes: parts.scopes,
        }));
    }

    /// Begins the fetches that are due. Runs on the admin thread.
    pub(crate) fn fetch_due(&self) {
        let now = self.clock.now();
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, keys) in sources.iter().filter(|(_, keys)| keys.is_due(now)) {
            keys.begin(now);
            let fetch = Fetch { keys: keys.clone(), found: None, shared: self.shared.clone() };
            let (source, web) = (source.clone(), Web::new(Arc::new(Here), self.clock.clone()));
            tokio::task::spawn_local(fetch.run(source, web));
        }
    }
}

/// A fetch under way. Dropped, it has ended, whatever happened to it.
struct Fetch {
    keys: Arc<KeyCache>,
    found: Option<Keys>,
    shared: Arc<Shared>,
}

impl Fetch {
    async fn run(mut self, source: Source, web: Web) {
        match keys(&source, &web).await {
            Ok(found) => self.found = Some(found),
            Err(error) => {
                tracing::warn!(issuer = source.issuer, error, "an issuer's keys could not be fetched");
            }
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.keys.end(self.found.take(), self.shared.clock.now());
        self.shared.federation.fetched();
    }
}

async fn keys(source: &Source, web: &Web) -> Result<Keys, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let (url, reach) = match &source.keys_url {
        Some(url) => (url.clone(), source.reach.clone()),
        None => {
            let found = web.metadata(&source.reach, &source.issuer).await.map_err(|e| text(&e))?;
            let url = found.jwks_uri.ok_or("its metadata names no keys; set `keys_url`")?;
            let reach = source.reach.of_found(&source.issuer, &url).map_err(|e| text(&e))?;
            (url, reach)
        }
    };
    let document = web.document(&reach, &url).await.map_err(|e| text(&e))?;
    Keys::read(&document).map_err(|e| text(&e))
}

/// What clients are told to ask for first: the operator's word, or what everything at some server needs.
fn first_scopes(config: &Config) -> Vec<String> {
    let own = config.oauth.as_ref().map(|o| o.scopes.clone()).filter(|s| !s.is_empty());
    own.unwrap_or_else(|| {
        let everything = config.servers.iter().flat_map(|s| &s.scopes).filter(|(tool, _)| tool == "*");
        let all: BTreeSet<&String> = everything.flat_map(|(_, scopes)| scopes).collect();
        all.into_iter().cloned().collect()
    })
}

/// Problems between the config and the manifests.
pub(crate) fn check(config: &Config, manifests: &[Manifest], problems: &mut Vec<Problem>) {
    let known: HashSet<&str> = manifests.iter().map(|m| m.agent.as_str()).collect();
    let issuers = config.oauth.iter().flat_map(|o| o.issuers.iter().enumerate());
    for (at, (value, agent)) in issuers.flat_map(|(at, i)| i.agents.iter().map(move |a| (at, a))) {
        if !known.contains(agent.as_str()) {
            let problem = Problem::new(
                format!("oauth.issuers[{at}].agents.{value}"),
                format!("names the agent `{agent}`, which has no manifest"),
                "write a manifest for it, or leave the line out",
            );
            problems.push(problem.within("cordon.toml"));
        }
    }
    subjects(config, problems);
    if config.oauth.is_some() && config.servers.is_empty() {
        let hint = "write [[servers]]: access tokens are for the tool endpoints alone";
        problems.push(Problem::new("oauth", "has no tool server to open", hint).within("cordon.toml"));
    }
}

/// Tokens can be exchanged only of issuers whose tokens are taken.
fn subjects(config: &Config, problems: &mut Vec<Problem>) {
    let taken: HashSet<&str> = config.oauth.iter().flat_map(|o| &o.issuers).map(|i| i.url.as_str()).collect();
    for (at, server) in config.servers.iter().enumerate() {
        let ServerWay::Http { oauth: Some(own), .. } = &server.way else { continue };
        for issuer in own.subject_issuers.iter().filter(|i| !taken.contains(i.as_str())) {
            let problem = Problem::new(
                format!("servers[{at}].oauth.subject_issuers"),
                format!("`{issuer}` is none of [[oauth.issuers]]: no token of its is ever taken"),
                "write the issuer's `url`, byte for byte, or add the issuer",
            );
            problems.push(problem.within("cordon.toml"));
        }
    }
}
