//! What the gateway itself has seen and what its files declare: agents, models, tools, servers, providers, users.
//!
//! ```text
//! records --by asset: first and last, how often, how much, by which agents, what was found--> sightings
//! cordon.toml, manifests --who answers for it--> declared
//! ```
//! What always holds: only files are read, beside a gateway that runs or without one; a name that stands in no file of
//! the operator's is known by its digest alone; a use is what was let through. Sizes are at least what is said: records
//! hold powers of two.

use super::Shared;
use crate::data::verifier_key;
use crate::error::AppError;
use crate::load::{Loaded, load};
use cordon_inventory::asset::slug;
use cordon_inventory::catalogue::catalogue;
use cordon_inventory::{
    AssetId, AssetKind, Attribute, Basis, Declared, Evidence, Sighting, Source, Status, Use,
};
use cordon_ledger::{Bucket, Decision, Filter, Intent, Judged, Name, Outcome, Record, show};
use cordon_store::volume::FileVolume;
use cordon_types::{Dialect, Millis, time};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;

/// Most assets of one ledger; what is beyond is counted in a note.
const MAX_ASSETS: usize = 100_000;
/// Most exchanges whose outcome is waited for: far more than can be under way at once.
const MAX_OPEN: usize = 65_536;

/// Adds what the ledger of that data directory shows; gives what its files declare.
pub(super) fn look(root: &Path, shared: &Shared) -> Result<Vec<Declared>, AppError> {
    let loaded = load(root)?;
    let mut seen = Seen::default();
    let ledger = root.join("ledger");
    if ledger.join("checkpoint").exists() {
        let key = verifier_key(&root.join("keys/ledger.pub"))?;
        let volume = FileVolume::open_read_only(&ledger)?;
        for shown in show(&volume, &key, &Filter::default())? {
            let shown = shown?;
            match &shown.record {
                Some(Record::Intent(intent)) => seen.begun(shown.index, intent, &loaded),
                Some(Record::Outcome(outcome)) => seen.ended(outcome),
                _ => {}
            }
        }
    }
    if seen.beyond > 0 {
        shared
            .note(format!("{} names beyond the first {MAX_ASSETS} of the record are left out", seen.beyond));
    }
    shared.found(seen.sightings(&ledger.to_string_lossy()));
    Ok(declared(&loaded))
}

/// What is known of one asset.
#[derive(Default)]
struct Known {
    name: String,
    used: Use,
    agents: BTreeSet<String>,
    findings: BTreeSet<&'static str>,
    class: Option<cordon_types::Class>,
    host: String,
    vendor: String,
    /// The record in which it was first seen.
    first: u64,
}

#[derive(Default)]
struct Seen {
    all: BTreeMap<AssetId, Known>,
    open: HashMap<u64, Vec<AssetId>>,
    order: VecDeque<u64>,
    beyond: u64,
}

impl Seen {
    /// An exchange that was let through begins.
    fn begun(&mut self, index: u64, intent: &Intent, loaded: &Loaded) {
        if matches!(intent.judged.decision, Decision::Denied | Decision::Error) {
            return;
        }
        let agent = intent.agent.as_ref().map(ToString::to_string);
        let mut ids = Vec::new();
        for (kind, key, name) in parts(intent, loaded) {
            let id = AssetId { kind, key };
            if !self.all.contains_key(&id) && self.all.len() >= MAX_ASSETS {
                self.beyond += 1;
                continue;
            }
            let known =
                self.all.entry(id.clone()).or_insert_with(|| Known { first: index, ..Known::default() });
            known.name = name;
            count(&mut known.used, intent.at, intent.body);
            found(known, &intent.judged);
            if kind != AssetKind::Agent {
                known.agents.extend(agent.clone());
            }
            if matches!(kind, AssetKind::Tool | AssetKind::ToolServer) {
                known.class = known.class.max(intent.call.as_ref().and_then(|c| c.result_class));
            }
            if matches!(kind, AssetKind::Service | AssetKind::Endpoint) {
                (known.host, known.vendor) = provider(intent, loaded);
            }
            ids.push(id);
        }
        self.open.insert(index, ids);
        self.order.push_back(index);
        while self.order.len() > MAX_OPEN {
            let Some(old) = self.order.pop_front() else { break };
            self.open.remove(&old);
        }
    }

    /// Its answer.
    fn ended(&mut self, outcome: &Outcome) {
        for id in self.open.remove(&outcome.intent).unwrap_or_default() {
            let Some(known) = self.all.get_mut(&id) else { continue };
            known.used.bytes_down = known.used.bytes_down.saturating_add(least(outcome.released));
            found(known, &outcome.judged);
        }
    }

    fn sightings(self, place: &str) -> Vec<Sighting> {
        let place: std::sync::Arc<str> = place.into();
        let sighting = |(id, known): (AssetId, Known)| {
            let Known { name, mut used, agents, findings, class, host, vendor, first } = known;
            used.clients = if id.kind == AssetKind::Agent { 1 } else { agents.len() as u64 };
            let evidence = Evidence { source: Source::Gateway, place: place.clone(), line: first };
            let (basis, confidence) = (Basis::Observed, 1000);
            let mut all =
                Sighting { id, name, basis, confidence, evidence, attributes: Vec::new(), used: Some(used) }
                    .with(Attribute::Host, host)
                    .with(Attribute::Vendor, vendor)
                    .with(Attribute::Class, class.map_or("", cordon_types::Class::name));
            for agent in agents {
                all = all.with(Attribute::Agent, agent);
            }
            findings.into_iter().fold(all, |all, kind| all.with(Attribute::Finding, kind))
        };
        self.all.into_iter().map(sighting).collect()
    }
}

/// What one exchange is of: kind, key, name.
fn parts(intent: &Intent, loaded: &Loaded) -> Vec<(AssetKind, String, String)> {
    let mut out = Vec::new();
    let mut add = |kind, key: String, name: String| out.push((kind, key, name));
    if let Some(agent) = &intent.agent {
        add(AssetKind::Agent, slug(agent.as_str()), agent.to_string());
    }
    if let Some(user) = &intent.user {
        add(AssetKind::User, user.to_string(), user.to_string());
    }
    if let Some(model) = &intent.model {
        add(AssetKind::Model, shown(model), shown(model));
    }
    if let Some(call) = &intent.call {
        add(AssetKind::Tool, shown(&call.tool), shown(&call.tool));
    }
    let Some(upstream) = &intent.upstream else { return out };
    if intent.dialect == Dialect::Mcp {
        add(AssetKind::ToolServer, upstream.to_string(), upstream.to_string());
        return out;
    }
    match provider(intent, loaded) {
        (host, _) if host.is_empty() => {}
        (_, vendor) if vendor.is_empty() => {
            add(AssetKind::Endpoint, upstream.to_string(), upstream.to_string());
        }
        (_, vendor) => add(AssetKind::Service, slug(&vendor), vendor),
    }
    out
}

/// The host and vendor of the upstream; nothing of the built-in one.
fn provider(intent: &Intent, loaded: &Loaded) -> (String, String) {
    let upstream = intent.upstream.as_ref().and_then(|id| loaded.config.upstream(id));
    let Some(url) = upstream.and_then(|u| u.base_url.as_ref()) else { return Default::default() };
    let hosts = &catalogue().hosts;
    let hit = hosts.find(url.host(), Some(url.path()));
    let vendor = hit.and_then(|hit| hosts.row(hit)).map_or("", |row| row.vendor);
    (url.host().to_owned(), vendor.to_owned())
}

/// A name, or what is known of one that stands in no file.
fn shown(name: &Name) -> String {
    match name {
        Name::Known(name) => name.as_str().to_owned(),
        Name::Hidden(digest) => format!("#{digest}"),
    }
}

fn count(used: &mut Use, at: Millis, body: Bucket) {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    used.requests += 1;
    used.bytes_up = used.bytes_up.saturating_add(least(body));
    used.first = Some(used.first.map_or(at, |f| f.min(at)));
    used.last = Some(used.last.map_or(at, |l| l.max(at)));
}

fn found(known: &mut Known, judged: &Judged) {
    known.findings.extend(judged.findings.iter().map(|f| f.kind.name()));
}

/// The least size of a bucket.
fn least(bucket: Bucket) -> u64 {
    bucket.exponent().checked_sub(1).map_or(0, |n| 1_u64.checked_shl(u32::from(n)).unwrap_or(u64::MAX))
}

/// What the operator's files say: agents with their owners, and what they may use.
fn declared(loaded: &Loaded) -> Vec<Declared> {
    let approved = |kind, name: &str, owner: Option<&str>| Declared {
        kind,
        name: name.to_owned(),
        status: Status::Approved,
        owner: owner.map(str::to_owned),
        purpose: None,
        data_class: None,
        review: None,
        instead: None,
    };
    let mut all = Vec::new();
    for m in loaded.policy.agents() {
        all.push(Declared {
            purpose: Some(m.purpose.clone()),
            data_class: Some(m.highest_class().name().to_owned()),
            review: m.expires.map(day),
            ..approved(AssetKind::Agent, m.agent.as_str(), Some(&m.owner))
        });
        all.extend(m.tools.iter().map(|t| approved(AssetKind::Tool, &t.name, Some(&m.owner))));
    }
    all.extend(loaded.config.models.iter().map(|m| approved(AssetKind::Model, m.name.as_str(), None)));
    all.extend(loaded.config.servers.iter().map(|s| approved(AssetKind::ToolServer, s.id.as_str(), None)));
    for upstream in &loaded.config.upstreams {
        let Some(url) = &upstream.base_url else { continue };
        let hosts = &catalogue().hosts;
        let vendor = hosts.find(url.host(), Some(url.path())).and_then(|hit| hosts.row(hit));
        all.push(match vendor {
            Some(row) => approved(AssetKind::Service, row.vendor, None),
            None => approved(AssetKind::Endpoint, upstream.id.as_str(), None),
        });
    }
    all
}

/// The day of a moment, which is the end of it.
fn day(at: Millis) -> String {
    time::rfc3339(at.saturating_sub(1)).chars().take(10).collect()
}
