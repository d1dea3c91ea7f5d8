//! Bills of materials: what an inventory and its packages are, as CycloneDX and SPDX, and what such documents say.
//!
//! ```text
//! inventory + packages -> Bom -> cyclonedx (1.6, models with their cards) | spdx (2.3), spdx3 (3.0.1)
//! CycloneDX 1.2 to 1.7, SPDX 2.2 to 3.0 (JSON) -> read -> Part -> sightings, packages to look up
//! ```
//! What always holds: the same bill gives the same document; no secret and nothing that is only declared stands in one;
//! a document that is read is bounded in size, depth and parts. What it does not do: vouch for licences: what a file
//! says of its licence is told as a name.

mod cyclonedx;
mod parts;
pub mod purl;
mod read;
mod spdx;
mod spdx3;
#[cfg(test)]
mod tests;

pub use cyclonedx::cyclonedx;
pub use parts::{packages, sightings};
pub use read::{ReadError, read};
pub use spdx::spdx;
pub use spdx3::spdx3;

use crate::Ecosystem;
use cordon_inventory::{Asset, AssetKind, Attribute, Inventory, Mark};
use std::collections::BTreeSet;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A package of a registry.
    Library,
    /// One that decides what an agent does.
    Framework,
    /// A program: an agent, a tool server, a model server.
    Application,
    /// A container image.
    Container,
    /// A model, by name or by its file.
    Model,
    /// A data set.
    Data,
    /// A file that instructs agents.
    File,
    /// A service that is reached by an address.
    Service,
}

/// One part of a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version, where one is known.
    pub version: Option<String>,
    /// Its registry, for packages.
    pub ecosystem: Option<Ecosystem>,
    /// Who makes or runs it.
    pub vendor: Option<String>,
    /// Its licence, as a file says.
    pub licence: Option<String>,
    /// Addresses, for services.
    pub endpoints: Vec<String>,
    /// The highest class of data that it may see.
    pub data_class: Option<String>,
    /// A model's architecture.
    pub architecture: Option<String>,
    /// What else is known: names and values.
    pub properties: Vec<(String, String)>,
    /// Where it stands: `file` or `file:line`.
    pub places: Vec<String>,
}

impl Part {
    fn new(kind: Kind, name: String) -> Self {
        Self {
            kind,
            name,
            version: None,
            ecosystem: None,
            vendor: None,
            licence: None,
            endpoints: Vec::new(),
            data_class: None,
            architecture: None,
            properties: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Its package URL, for packages.
    #[must_use]
    pub fn purl(&self) -> Option<String> {
        self.ecosystem.map(|e| purl::purl(e, &self.name, self.version.as_deref()))
    }
}

/// A bill of materials.
#[derive(Clone, Debug, PartialEq)]
pub struct Bom {
    /// What it is of.
    pub subject: String,
    /// A UUID.
    pub serial: String,
    /// When it was made: RFC 3339 in whole seconds, UTC.
    pub at: String,
    /// This program's version.
    pub version: String,
    /// The parts, sorted.
    pub parts: Vec<Part>,
}

impl Bom {
    /// Of an inventory and of packages with the places that name them.
    #[must_use]
    pub fn new(
        (subject, serial, at, version): (String, String, String, String),
        inventory: &Inventory,
        packages: impl IntoIterator<Item = (crate::osv::Package, Vec<String>)>,
    ) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut known: BTreeSet<(Ecosystem, String)> = BTreeSet::new();
        for (package, places) in packages {
            known.insert((package.ecosystem, package.ecosystem.canonical(&package.name)));
            let mut part = Part::new(Kind::Library, package.name.clone());
            part.ecosystem = Some(package.ecosystem);
            part.version = package.version;
            if let Some(range) = package.requirement {
                part.properties.push(("cordon:requirement".to_owned(), range));
            }
            part.places = places;
            described(&mut part, inventory);
            parts.push(part);
        }
        let seen = inventory.assets.iter().filter(|a| a.mark != Some(Mark::Ghost));
        parts.extend(seen.filter_map(|a| of_asset(a, &known)));
        parts.sort_by(|a, b| {
            let key = |p: &Part| (p.kind, p.ecosystem, p.name.clone(), p.version.clone());
            key(a).cmp(&key(b)).then_with(|| a.properties.cmp(&b.properties))
        });
        Self { subject, serial, at, version, parts }
    }
}

fn first(asset: &Asset, attribute: Attribute) -> Option<String> {
    asset.attributes.get(&attribute).and_then(|v| v.first()).map(|v| v.value.clone())
}

/// What the inventory knows of a package of AI.
fn described(part: &mut Part, inventory: &Inventory) {
    let Some(ecosystem) = part.ecosystem else { return };
    let key = format!("{}/{}", ecosystem.name(), ecosystem.canonical(&part.name));
    let found = inventory.assets.iter().find(|a| a.id.kind == AssetKind::Package && a.id.key == key);
    if let Some(asset) = found {
        part.vendor = first(asset, Attribute::Vendor);
        common(part, asset);
        if first(asset, Attribute::Sort).as_deref() == Some("framework") {
            part.kind = Kind::Framework;
        }
    }
}

/// Marks and owners, and attributes that no field of a bill is for.
fn common(part: &mut Part, asset: &Asset) {
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            part.properties.push((format!("cordon:{name}"), value));
        }
    };
    put("kind", Some(asset.id.kind.name().to_owned()));
    put("mark", asset.mark.map(|m| m.name().to_owned()));
    put("owner", asset.owner.clone());
    put("purpose", asset.purpose.clone());
    for (name, attribute) in [
        ("sort", Attribute::Sort),
        ("format", Attribute::Format),
        ("quantization", Attribute::Quantization),
        ("parameters", Attribute::Parameters),
        ("size", Attribute::Size),
        ("transport", Attribute::Transport),
        ("risk", Attribute::Risk),
    ] {
        put(name, first(asset, attribute));
    }
    part.data_class.clone_from(&asset.data_class);
}

fn of_asset(asset: &Asset, known: &BTreeSet<(Ecosystem, String)>) -> Option<Part> {
    let kind = match asset.id.kind {
        AssetKind::Service | AssetKind::Endpoint => Kind::Service,
        AssetKind::ToolServer if asset.attributes.contains_key(&Attribute::Url) => Kind::Service,
        AssetKind::ToolServer | AssetKind::Agent | AssetKind::LocalServer => Kind::Application,
        AssetKind::Model | AssetKind::ModelFile => Kind::Model,
        AssetKind::Image => Kind::Container,
        AssetKind::Instructions | AssetKind::Skill => Kind::File,
        AssetKind::Package => Kind::Library,
        AssetKind::Tool | AssetKind::Secret | AssetKind::User => return None,
    };
    let mut part = Part::new(kind, asset.name.clone());
    let package = match asset.id.kind {
        AssetKind::Package => Some(asset.id.key.clone()),
        AssetKind::ToolServer => first(asset, Attribute::Package),
        _ => None,
    };
    if let Some((ecosystem, name)) = package.as_deref().and_then(|p| p.split_once('/')) {
        let ecosystem = Ecosystem::from_name(ecosystem)?;
        if asset.id.kind == AssetKind::Package && known.contains(&(ecosystem, ecosystem.canonical(name))) {
            return None;
        }
        part.ecosystem = Some(ecosystem);
        name.clone_into(&mut part.name);
    }
    part.version = match asset.id.kind {
        AssetKind::Image => first(asset, Attribute::Tag),
        _ => first(asset, Attribute::Version).filter(|v| v != "latest"),
    };
    part.vendor = first(asset, Attribute::Vendor);
    part.licence = first(asset, Attribute::License);
    part.architecture = first(asset, Attribute::Architecture);
    let addresses = [Attribute::Url, Attribute::Host];
    part.endpoints = addresses
        .iter()
        .filter_map(|a| asset.attributes.get(a))
        .flatten()
        .map(|v| if v.value.contains("://") { v.value.clone() } else { format!("https://{}", v.value) })
        .collect();
    part.endpoints.sort();
    part.endpoints.dedup();
    common(&mut part, asset);
    part.places = asset
        .evidence
        .iter()
        .map(|e| if e.line == 0 { e.place.to_string() } else { format!("{}:{}", e.place, e.line) })
        .collect();
    Some(part)
}
