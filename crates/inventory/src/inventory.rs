//! Sightings joined to assets, and each asset marked against what the operator declares.
//!
//! ```text
//! sightings + usage -> by AssetId -> Asset { attributes, each with evidence } -> Mark -> Issue
//! ```
//! The marks:
//!
//! | mark | declared | seen |
//! |---|---|---|
//! | sanctioned | as approved | yes |
//! | shadow | no, or as forbidden | yes |
//! | dormant | as approved | yes, but the network's records that were read show no (recent) use of the service |
//! | ghost | as approved, by its whole name | no |
//!
//! What always holds: the same input gives the same inventory, in the same order. A secret has no mark: it is a
//! finding by itself.

use crate::asset::{AssetId, AssetKind, Attribute, Basis, Evidence, Sighting, Source, slug};
use crate::catalogue::{ServiceKind, catalogue};
use crate::declared::{AgentHosts, Declared, Status};
use crate::logs::{Pair, Usage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most places kept of one asset.
const MAX_EVIDENCE: usize = 20;
/// Most values kept of one attribute of one asset.
const MAX_VALUES: usize = 50;

/// An asset against what is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Seen, and not approved.
    Shadow,
    /// Approved and seen.
    Sanctioned,
    /// Approved and set up, but not used.
    Dormant,
    /// Approved, and nowhere seen.
    Ghost,
}

impl Mark {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mark::Shadow => "shadow",
            Mark::Sanctioned => "sanctioned",
            Mark::Dormant => "dormant",
            Mark::Ghost => "ghost",
        }
    }
}

/// One value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Value {
    /// The value.
    pub value: String,
    /// How it is known.
    pub basis: Basis,
    /// How sure, in thousandths.
    pub confidence: u16,
    /// Where it was first seen.
    pub evidence: Evidence,
}

/// How much a service was used, over all clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Use {
    /// Clients told apart.
    pub clients: u64,
    /// Names looked up.
    pub lookups: u64,
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes from the clients.
    pub bytes_up: u64,
    /// Bytes to the clients.
    pub bytes_down: u64,
    /// First and last time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// As `first`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
}

/// One asset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asset {
    /// Its kind and key.
    #[serde(flatten)]
    pub id: AssetId,
    /// A name to show.
    pub name: String,
    /// Its mark; a secret has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The strongest basis of what is known, declarations apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The highest confidence of its sightings, in thousandths.
    pub confidence: u16,
    /// How many sightings there are.
    pub sightings: u64,
    /// What is known, each value with its evidence.
    pub attributes: BTreeMap<Attribute, Vec<Value>>,
    /// Where it was seen, the first places.
    pub evidence: Vec<Evidence>,
    /// How much it was used.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub used: Option<Use>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The highest class of data it may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_class: Option<String>,
    /// The day of its next review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// What to offer in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// Whom to ask about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What is not in order.
    pub issues: Vec<Issue>,
}

/// What is not in order with an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issue {
    /// A credential in a file.
    Secret,
    /// A host on which a known agent runs reached it itself, past the gateway.
    Bypass,
    /// Used though declared forbidden.
    Forbidden,
    /// Seen, and not declared.
    Shadow,
    /// Nobody answers for it.
    Unowned,
    /// The day of its review is past.
    ReviewDue,
    /// Its own evidence says that something is unsafe: an attribute `risk`.
    Risk,
    /// Declared, and nowhere seen.
    Ghost,
    /// Declared, and not used.
    Dormant,
}

impl Issue {
    /// Every issue, the gravest first.
    pub const ALL: [Issue; 9] = [
        Issue::Secret,
        Issue::Bypass,
        Issue::Forbidden,
        Issue::Shadow,
        Issue::Unowned,
        Issue::ReviewDue,
        Issue::Risk,
        Issue::Ghost,
        Issue::Dormant,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Issue::Secret => "secret",
            Issue::Bypass => "bypass",
            Issue::Forbidden => "forbidden",
            Issue::Shadow => "shadow",
            Issue::Unowned => "unowned",
            Issue::ReviewDue => "review_due",
            Issue::Risk => "risk",
            Issue::Ghost => "ghost",
            Issue::Dormant => "dormant",
        }
    }

    /// The issue of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.name() == name)
    }
}

/// One client's use of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientUse {
    /// The client, as the log names it.
    pub who: String,
    /// The user, where the log names one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The service.
    pub service: AssetId,
    /// The first host by which it was reached.
    pub host: String,
    /// The service's mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The agent that runs on the client: what it sent itself went past the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bypass: Option<String>,
    /// How much.
    #[serde(flatten)]
    pub used: Use,
    /// Where it was first seen.
    pub evidence: Evidence,
}

/// What decides beside the sightings.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Today, in milliseconds since 1970.
    pub now: i64,
    /// An approved service not used for so many days is dormant.
    pub dormant_days: u32,
    /// Assets below this confidence, in thousandths, are counted and left out.
    pub least: u16,
    /// Whether network records were read: without them nothing can be dormant.
    pub logs: bool,
}

/// The inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The assets, by kind and key.
    pub assets: Vec<Asset>,
    /// Who used what, the most bytes up first.
    pub uses: Vec<ClientUse>,
    /// Assets left out as too unsure.
    pub unsure: u64,
}

impl Inventory {
    /// Joins and marks.
    #[must_use]
    pub fn new(sightings: Vec<Sighting>, usage: &Usage, declared: &[Declared], rules: &Rules) -> Self {
        let mut all: BTreeMap<AssetId, Asset> = BTreeMap::new();
        for sighting in sightings {
            join(&mut all, sighting);
        }
        let mut uses = Vec::with_capacity(usage.pairs().len());
        let mut clients: BTreeMap<AssetId, BTreeSet<&str>> = BTreeMap::new();
        for pair in usage.pairs() {
            let (sighting, one) = of_pair(pair);
            let id = sighting.id.clone();
            join(&mut all, sighting);
            if let Some(asset) = all.get_mut(&id) {
                add(asset.used.get_or_insert_default(), &one.used);
            }
            clients.entry(id).or_default().insert(&pair.who);
            uses.push(one);
        }
        for (id, who) in clients {
            if let Some(used) = all.get_mut(&id).and_then(|a| a.used.as_mut()) {
                used.clients += who.len() as u64;
            }
        }
        let before = all.len();
        all.retain(|_, a| a.confidence >= rules.least);
        let unsure = (before - all.len()) as u64;
        ghosts(&mut all, declared);
        let mut assets: Vec<Asset> = all.into_values().collect();
        for asset in &mut assets {
            mark(asset, declared, rules);
        }
        let marks: BTreeMap<&AssetId, Option<Mark>> = assets.iter().map(|a| (&a.id, a.mark)).collect();
        uses.retain(|u| marks.contains_key(&u.service));
        for one in &mut uses {
            one.mark = marks.get(&one.service).copied().flatten();
        }
        uses.sort_by(|a, b| {
            let key = |u: &ClientUse| {
                (std::cmp::Reverse(u.used.bytes_up), u.service.clone(), u.who.clone(), u.user.clone())
            };
            key(a).cmp(&key(b))
        });
        Self { assets, uses, unsure }
    }

    /// Marks what hosts of known agents reached themselves. A name that was only looked up is no traffic yet.
    pub fn mark_bypasses(&mut self, agents: &[AgentHosts]) {
        let mut past: BTreeSet<AssetId> = BTreeSet::new();
        for one in self.uses.iter_mut().filter(|u| u.used.connections + u.used.requests + u.used.bytes_up > 0)
        {
            if let Some(agent) = agents.iter().find(|a| a.runs_at(&one.who)) {
                one.bypass = Some(agent.agent.clone());
                past.insert(one.service.clone());
            }
        }
        for asset in self.assets.iter_mut().filter(|a| past.contains(&a.id)) {
            // After a secret, before all else, as in `Issue::ALL`.
            asset.issues.insert(0, Issue::Bypass);
        }
    }

    /// Says of each service that is not approved what to use instead and whom to ask, where its own row does not.
    pub fn offer(&mut self, offers: &[crate::Offer]) {
        let shadow = |a: &&mut Asset| a.mark == Some(Mark::Shadow) && a.id.kind == AssetKind::Service;
        for asset in self.assets.iter_mut().filter(shadow) {
            let sorts: Vec<&str> = asset
                .attributes
                .get(&Attribute::Sort)
                .into_iter()
                .flatten()
                .map(|v| v.value.as_str())
                .collect();
            if let Some(offer) = crate::offer::find(offers, &asset.id.key, &asset.name, &sorts) {
                asset.instead = asset.instead.take().or_else(|| Some(offer.offer.clone()));
                asset.contact.clone_from(&offer.contact);
            }
        }
    }

    /// How many assets have each issue.
    #[must_use]
    pub fn issues(&self) -> BTreeMap<Issue, u64> {
        let mut out = BTreeMap::new();
        for issue in self.assets.iter().flat_map(|a| &a.issues) {
            *out.entry(*issue).or_default() += 1;
        }
        out
    }
}

fn empty(id: AssetId, name: String) -> Asset {
    Asset {
        id,
        name,
        mark: None,
        basis: None,
        confidence: 0,
        sightings: 0,
        attributes: BTreeMap::new(),
        evidence: Vec::new(),
        used: None,
        owner: None,
        purpose: None,
        data_class: None,
        review: None,
        instead: None,
        contact: None,
        issues: Vec::new(),
    }
}

fn join(all: &mut BTreeMap<AssetId, Asset>, sighting: Sighting) {
    let Sighting { id, name, basis, confidence, evidence, attributes, used } = sighting;
    let asset = all.entry(id.clone()).or_insert_with(|| empty(id, name));
    asset.sightings += 1;
    asset.basis = asset.basis.max(Some(basis));
    asset.confidence = asset.confidence.max(confidence);
    if let Some(used) = used {
        let sum = asset.used.get_or_insert_default();
        sum.clients += used.clients;
        add(sum, &used);
    }
    for (attribute, value) in attributes {
        let values = asset.attributes.entry(attribute).or_default();
        let room = values.len() < MAX_VALUES;
        match values.iter_mut().find(|v| v.value == value) {
            Some(known) => {
                if confidence > known.confidence {
                    known.confidence = confidence;
                    known.evidence = evidence.clone();
                }
                known.basis = known.basis.max(basis);
            }
            None if room => {
                values.push(Value { value, basis, confidence, evidence: evidence.clone() });
            }
            None => {}
        }
    }
    if asset.evidence.len() < MAX_EVIDENCE && !asset.evidence.contains(&evidence) {
        asset.evidence.push(evidence);
    }
}

/// What one pair of a client and a service says.
fn of_pair(pair: &Pair) -> (Sighting, ClientUse) {
    let row = catalogue().hosts.row(pair.hit);
    let vendor = row.map_or("", |r| r.vendor);
    let tools = row.is_some_and(|r| r.kind == ServiceKind::Mcp);
    let (kind, key, name) = match (tools, vendor) {
        (true, _) => (AssetKind::ToolServer, pair.host.to_string(), pair.host.to_string()),
        (false, vendor) => (AssetKind::Service, slug(vendor), vendor.to_owned()),
    };
    let id = AssetId { kind, key };
    let evidence = Evidence { source: Source::NetworkLog, place: pair.place.clone(), line: pair.line };
    let sighting = Sighting {
        id: id.clone(),
        name,
        basis: Basis::Observed,
        confidence: pair.hit.confidence,
        evidence: evidence.clone(),
        attributes: Vec::new(),
        used: None,
    };
    let sighting = sighting
        .with(Attribute::Host, pair.host.as_ref())
        .with(Attribute::Vendor, vendor)
        .with(Attribute::Sort, row.map_or("", |r| r.kind.name()));
    let used = Use {
        clients: 1,
        lookups: pair.lookups,
        connections: pair.connections,
        requests: pair.requests,
        bytes_up: pair.up(),
        bytes_down: pair.down(),
        first: pair.first,
        last: pair.last,
    };
    let one = ClientUse {
        who: pair.who.to_string(),
        user: pair.user.to_string(),
        service: id,
        host: pair.host.to_string(),
        mark: None,
        bypass: None,
        used,
        evidence,
    };
    (sighting, one)
}

fn add(sum: &mut Use, one: &Use) {
    sum.lookups += one.lookups;
    sum.connections += one.connections;
    sum.requests += one.requests;
    sum.bytes_up = sum.bytes_up.saturating_add(one.bytes_up);
    sum.bytes_down = sum.bytes_down.saturating_add(one.bytes_down);
    sum.first = sum.first.into_iter().chain(one.first).min();
    sum.last = sum.last.into_iter().chain(one.last).max();
}

/// Declared by its whole name, and nowhere seen.
fn ghosts(all: &mut BTreeMap<AssetId, Asset>, declared: &[Declared]) {
    for d in declared.iter().filter(|d| d.is_one() && d.status == Status::Approved) {
        if !all.values().any(|a| d.means(&a.id, &a.name)) {
            let key = match d.kind {
                AssetKind::Service | AssetKind::Agent => slug(&d.name),
                _ => d.name.clone(),
            };
            let id = AssetId { kind: d.kind, key };
            let mut asset = empty(id.clone(), d.name.clone());
            asset.mark = Some(Mark::Ghost);
            all.insert(id, asset);
        }
    }
}

fn mark(asset: &mut Asset, declared: &[Declared], rules: &Rules) {
    match asset.id.kind {
        AssetKind::Secret => return asset.issues.push(Issue::Secret),
        // People are not approved, and belong to nobody.
        AssetKind::User => return,
        _ => {}
    }
    // A row with the whole name comes before a pattern; a forbidding one before an approving one.
    let found = declared
        .iter()
        .filter(|d| d.means(&asset.id, &asset.name))
        .max_by_key(|d| (d.is_one(), d.status == Status::Forbidden));
    let approved = found.filter(|d| d.status == Status::Approved);
    if let Some(d) = found {
        asset.owner.clone_from(&d.owner);
        asset.purpose.clone_from(&d.purpose);
        asset.data_class.clone_from(&d.data_class);
        asset.review.clone_from(&d.review);
        asset.instead.clone_from(&d.instead);
    }
    if asset.mark != Some(Mark::Ghost) {
        asset.mark = Some(match approved {
            None => Mark::Shadow,
            Some(_) if is_dormant(asset, rules) => Mark::Dormant,
            Some(_) => Mark::Sanctioned,
        });
    }
    let today = jiff::Timestamp::from_millisecond(rules.now)
        .map(|t| t.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default();
    let issues = [
        (Issue::Forbidden, found.is_some() && approved.is_none()),
        (Issue::Shadow, asset.mark == Some(Mark::Shadow)),
        (Issue::Unowned, asset.owner.is_none()),
        (Issue::ReviewDue, asset.review.as_ref().is_some_and(|day| *day < today)),
        (Issue::Risk, asset.attributes.contains_key(&Attribute::Risk)),
        (Issue::Ghost, asset.mark == Some(Mark::Ghost)),
        (Issue::Dormant, asset.mark == Some(Mark::Dormant)),
    ];
    asset.issues.extend(issues.into_iter().filter(|(_, holds)| *holds).map(|(issue, _)| issue));
}

/// Approved and configured, while the network's records show no use for so long.
fn is_dormant(asset: &Asset, rules: &Rules) -> bool {
    const DAY: i64 = 86_400_000;
    if !rules.logs || asset.id.kind != AssetKind::Service {
        return false;
    }
    match &asset.used {
        None => true,
        Some(used) => used.last.is_some_and(|last| rules.now - last > i64::from(rules.dormant_days) * DAY),
    }
}
