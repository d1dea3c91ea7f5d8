//! What servers answer, and which software that is: fingerprints from lists, matched against answers.
//!
//! ```text
//! targets -> places        lists -> paths to ask for, ports
//! an answer to GET path -> Server::take -> Server::found -> Sighting (product, version, risk)
//! ```
//! What always holds: of an answer nothing is kept but which product it is and a version of a version's form. A row
//! whose answer would bring settings, prompts, documents or names of people's things is in no list; `data/README.md`
//! says which were left out. What it deliberately does not do: ask anybody; `app` does, by `GET` alone.

mod rule;
mod target;
#[cfg(test)]
mod tests;

pub use rule::{Rule, Seen, VersionAt};
pub use target::{MAX_PLACES, Place, TargetError, places};

use crate::asset::{AssetKind, Attribute, Basis, Sighting, Sink, Source, slug};
use crate::catalogue::rows;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const SERVERS: &str = include_str!("../../data/servers.tsv");
const FINGERPRINTS: &str = include_str!("../../data/fingerprints.tsv");

/// Ports at which anything may stand, behind a proxy: asked whatever the product.
const WEB_PORTS: [u16; 2] = [80, 443];

/// How sure a row makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Other servers may answer so too.
    Low,
    /// A form of answer that many products share, and nothing else.
    Generic,
    /// This product's own.
    Normal,
}

/// A product.
#[derive(Debug)]
pub struct Product {
    /// Its name.
    pub name: &'static str,
    /// Who makes it; empty where nobody is named.
    pub vendor: &'static str,
    /// What it is in the inventory.
    pub kind: AssetKind,
    /// What sort of that.
    pub sort: &'static str,
    /// The ports at which it stands by default.
    pub ports: Vec<u16>,
}

#[derive(Debug)]
struct Print {
    path: &'static str,
    product: usize,
    precision: Precision,
    /// A request that is served here shows that the product answers anybody.
    open: bool,
    rule: Rule,
}

#[derive(Debug)]
struct Version {
    path: &'static str,
    product: usize,
    at: VersionAt,
}

/// The lists.
#[derive(Debug)]
pub struct Fingerprints {
    products: Vec<Product>,
    prints: Vec<Print>,
    versions: Vec<Version>,
}

/// The lists that ship.
#[must_use]
pub fn fingerprints() -> &'static Fingerprints {
    static ONE: OnceLock<Fingerprints> = OnceLock::new();
    ONE.get_or_init(|| Fingerprints::new(SERVERS, FINGERPRINTS))
}

impl Fingerprints {
    fn new(servers: &'static str, prints: &'static str) -> Self {
        let products: Vec<Product> = rows(servers).filter_map(|row| product(&row)).collect();
        let mut all = Self { products, prints: Vec::new(), versions: Vec::new() };
        for row in rows(prints) {
            let [path, product, precision, access, rule, _] = *row else { continue };
            let Some(product) = all.products.iter().position(|p| p.name == product) else { continue };
            if precision == "version" {
                all.versions.extend(VersionAt::parse(rule).map(|at| Version { path, product, at }));
                continue;
            }
            let precision = match precision {
                "normal" => Precision::Normal,
                "generic" => Precision::Generic,
                "low" => Precision::Low,
                _ => continue,
            };
            let open = access == "open";
            all.prints.extend(Rule::parse(rule).map(|rule| Print { path, product, precision, open, rule }));
        }
        all
    }

    /// Every product.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// The ports that are asked when none are named.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let named = self.products.iter().flat_map(|p| p.ports.iter().copied());
        named.chain(WEB_PORTS).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The paths to ask for: those of the products that stand at `port` by default; all of them where the operator
    /// named the port, and where anything may stand. The first is `/`.
    #[must_use]
    pub fn paths(&self, port: u16, named: bool) -> Vec<&'static str> {
        let all = named || WEB_PORTS.contains(&port);
        let here =
            |p: &&Print| all || self.products.get(p.product).is_some_and(|one| one.ports.contains(&port));
        let paths: BTreeSet<&'static str> = self.prints.iter().filter(here).map(|p| p.path).collect();
        std::iter::once("/").chain(paths.into_iter().filter(|p| *p != "/")).collect()
    }
}

fn product(row: &[&'static str]) -> Option<Product> {
    let [name, vendor, kind, sort, ports, _] = *row else { return None };
    let kind = AssetKind::ALL.into_iter().find(|k| k.name() == kind)?;
    let ports = ports.split(',').filter(|p| !p.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Product { name, vendor, kind, sort, ports })
}

/// Where a server stands.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Encrypted.
    pub tls: bool,
    /// Its name or address.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// What stands before every path.
    pub prefix: &'a str,
    /// On the machine that probes.
    pub loopback: bool,
}

#[derive(Debug)]
struct Hit {
    paths: BTreeSet<&'static str>,
    precision: Precision,
    open: bool,
}

/// One server, and what its answers showed so far.
#[derive(Debug, Default)]
pub struct Server {
    hits: BTreeMap<usize, Hit>,
    versions: BTreeMap<usize, String>,
    asked: BTreeSet<&'static str>,
}

impl Server {
    /// Takes the answer to a `GET` of `path`.
    pub fn take(&mut self, path: &'static str, seen: &Seen) {
        self.asked.insert(path);
        let lists = fingerprints();
        for print in lists.prints.iter().filter(|p| p.path == path && p.rule.holds(seen)) {
            let hit = self.hits.entry(print.product).or_insert_with(|| Hit {
                paths: BTreeSet::new(),
                precision: print.precision,
                open: false,
            });
            hit.paths.insert(path);
            hit.precision = hit.precision.max(print.precision);
            hit.open |= print.open && seen.is_served();
        }
        for version in lists.versions.iter().filter(|v| v.path == path && seen.is_served()) {
            if let Some(found) = version.at.find(seen) {
                self.versions.entry(version.product).or_insert(found);
            }
        }
    }

    /// Paths that would tell the versions of what was found.
    #[must_use]
    pub fn more(&self) -> Vec<&'static str> {
        let wanted = |v: &&Version| {
            self.hits.contains_key(&v.product)
                && !self.versions.contains_key(&v.product)
                && !self.asked.contains(v.path)
        };
        fingerprints()
            .versions
            .iter()
            .filter(wanted)
            .map(|v| v.path)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// What the server is. What many products share, or others too, counts only where nothing tells more.
    #[must_use]
    pub fn found(self, at: At<'_>) -> Vec<Sighting> {
        let host = if at.host.contains(':') { format!("[{}]", at.host) } else { at.host.to_owned() };
        let place = format!("{host}:{}{}", at.port, at.prefix);
        let url = format!("{}://{place}", if at.tls { "https" } else { "http" });
        let sure = self.hits.values().any(|h| h.precision == Precision::Normal);
        let mut all = Vec::new();
        for (n, hit) in &self.hits {
            let Some(product) = fingerprints().products.get(*n) else { continue };
            let confidence = match hit.precision {
                Precision::Normal => 900,
                _ if sure => continue,
                Precision::Generic => 600,
                Precision::Low if hit.paths.len() > 1 => 500,
                Precision::Low => 350,
            };
            let path = hit.paths.first().copied().unwrap_or("/");
            let sink = Sink::new(&format!("{url}{path}"));
            let key = format!("{}@{place}", slug(product.name));
            let mut sighting = sink
                .at(product.kind, &key, Source::Probe, 0)
                .with(Attribute::Vendor, product.vendor)
                .with(Attribute::Sort, product.sort)
                .with(Attribute::Version, self.versions.get(n).cloned().unwrap_or_default())
                .with(Attribute::Host, format!("{host}:{}", at.port))
                .with(Attribute::Url, url.clone());
            sighting.name = format!("{} at {place}", product.name);
            sighting.basis = Basis::Observed;
            sighting.confidence = confidence;
            if hit.open {
                sighting = sighting.with(Attribute::Risk, "answers without a credential");
            }
            if !at.tls && !at.loopback {
                sighting = sighting
                    .with(Attribute::Risk, "plain http: what it sends and gets can be read and changed");
            }
            all.push(sighting);
        }
        all
    }
}
