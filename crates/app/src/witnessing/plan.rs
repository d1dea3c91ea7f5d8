//! What the operator says of witnesses, checked: the policy file, and for each URL in it how it is reached.

use crate::data;
use crate::error::AppError;
use crate::settings::certificates;
use cordon_config::Config;
use cordon_ledger::{Policy, VerifierKey, policy::PolicyError};
use cordon_types::{Clock, Problem, UpstreamId};
use cordon_upstream::{BaseUrl, Peer, Settings, Spawn, Target};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A checked `[ledger.witnesses]`.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) sites: Vec<Site>,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    allow_private: bool,
    ca_file: Option<String>,
}

/// One witness's server, and the keys that it may answer with: numbers of the policy's witnesses.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    url: BaseUrl,
    loopback: bool,
    pub(crate) witnesses: Vec<usize>,
}

/// Reads what the config names. `None` when it names nothing.
pub(crate) fn load(root: &Path, config: &Config) -> Result<Option<Plan>, Vec<Problem>> {
    let Some(wanted) = &config.ledger.witnesses else { return Ok(None) };
    let path = root.join(&wanted.policy);
    let one =
        |message: String, hint: &str| vec![Problem::new(wanted.policy.clone(), message, hint.to_owned())];
    let text = data::read(&path).map_err(|e| one(e.to_string(), "write the policy file, or name another"))?;
    let policy = Policy::parse(text.as_bytes())
        .map_err(|e: PolicyError| one(e.to_string(), "see docs/witnesses.md for the format"))?;
    let mut problems = Vec::new();
    // At a first start the key is made before this is read.
    if let Ok(key) = data::verifier_key(&root.join("keys/ledger.pub"))
        && !policy.accepts(&key)
    {
        problems.extend(one(
            "its `log` lines do not accept this gateway's own ledger".to_owned(),
            "add a line `log` with what stands in keys/ledger.pub, or leave `log` lines out",
        ));
    }
    let mut sites: Vec<Site> = Vec::new();
    for (n, witness) in policy.witnesses().iter().enumerate() {
        let Some(text) = &witness.url else { continue };
        match site(text, wanted.plaintext) {
            Ok((url, loopback)) => match sites.iter_mut().find(|s| s.url == url) {
                Some(known) => known.witnesses.push(n),
                None => sites.push(Site { url, loopback, witnesses: vec![n] }),
            },
            Err(why) => problems.extend(one(
                format!("witness `{}`: {why}", witness.name),
                "write https://host[:port][/prefix]; http:// only to 127.0.0.1, [::1] or localhost, or with \
                 `plaintext = true` under [ledger.witnesses]",
            )),
        }
    }
    if sites.is_empty() && problems.is_empty() {
        problems.extend(one(
            "no witness in it has a URL, so none can be asked".to_owned(),
            "write `witness <name> <vkey> <url>`",
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Some(Plan {
        policy,
        sites,
        every: wanted.every,
        timeout: wanted.timeout,
        allow_private: wanted.allow_private,
        ca_file: wanted.ca_file.clone(),
    }))
}

/// A witness's URL, and whether it is this machine's.
fn site(text: &str, plaintext: bool) -> Result<(BaseUrl, bool), String> {
    // Two readers of one URL: the config's is the stricter about hosts that read like another.
    let strict = cordon_config::BaseUrl::parse(text).map_err(|e| format!("its URL {e}"))?;
    if !strict.https() && !strict.is_loopback() && !plaintext {
        return Err("its URL is plain http beyond this machine".to_owned());
    }
    Ok((BaseUrl::parse(&strict.to_string())?, strict.is_loopback()))
}

impl Plan {
    /// A client for each site, on the worker's runtime.
    pub(crate) fn peers(
        &self,
        root: &Path,
        runtime: &Handle,
        clock: &Arc<dyn Clock>,
    ) -> Result<Vec<Peer>, AppError> {
        let ca = self.ca_file.as_deref().map(|f| certificates(&root.join(f))).transpose()?;
        let spawner = Arc::new(On(runtime.clone()));
        let peer = |(n, site): (usize, &Site)| {
            let id =
                UpstreamId::new(&format!("witness.{n}")).map_err(|e| AppError::Witness(e.to_string()))?;
            let mut settings = Settings::new(id, Target::Url(site.url.clone()));
            settings.allow_private = self.allow_private;
            if site.loopback {
                settings.allow = ["127.0.0.0/8", "::1/128"].iter().filter_map(|n| n.parse().ok()).collect();
            }
            settings.ca = ca.clone();
            (settings.connect, settings.head, settings.idle) = (self.timeout, self.timeout, self.timeout);
            (settings.pool_idle, settings.retries) = (1, 0);
            Ok(Peer::new(&settings, spawner.clone(), clock.clone())?)
        };
        self.sites.iter().enumerate().map(peer).collect()
    }

    /// The key of the policy's n-th witness.
    pub(crate) fn key(&self, n: usize) -> Option<&VerifierKey> {
        self.policy.witnesses().get(n).map(|w| &w.key)
    }
}

/// Spawns connections on the worker's own runtime; they end with it.
struct On(Handle);

impl Spawn for On {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(future);
    }
}
