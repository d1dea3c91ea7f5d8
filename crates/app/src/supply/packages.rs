//! Every package that is there, each with the places that name it: lock files, manifests, commands, tool servers.
//!
//! What always holds: a package whose version a lock file gives is not also told by the range of the manifest beside
//! or below that lock file.

use crate::scan::{PackageAt, Scanned};
use cordon_inventory::{Asset, AssetKind, Attribute};
use cordon_supply::Ecosystem;
use cordon_supply::osv::Package;
use std::collections::{BTreeMap, BTreeSet};

/// Most places kept of one package.
const MAX_PLACES: usize = 20;

/// Packages, each with `file:line` of the places that name it.
pub(super) type Places = BTreeMap<Package, Vec<String>>;

/// Of a scan.
pub(super) fn of_scan(scanned: &Scanned) -> Places {
    let mut out = Places::new();
    let locked: BTreeSet<(Ecosystem, String, String)> = scanned
        .packages
        .iter()
        .filter(|p| p.package.version.is_some())
        .filter_map(|p| Some((named(p)?, p)))
        .map(|((ecosystem, name), p)| (ecosystem, name, folder(&p.place).to_owned()))
        .collect();
    for found in &scanned.packages {
        let Some((ecosystem, name)) = named(found) else { continue };
        let d = &found.package;
        if d.version.is_none()
            && above(&found.place).any(|f| locked.contains(&(ecosystem, name.clone(), f.to_owned())))
        {
            continue;
        }
        let package = Package {
            ecosystem,
            name: d.name.clone(),
            version: d.version.clone(),
            requirement: d.requirement.clone().filter(|_| d.version.is_none()),
        };
        add(&mut out, package, place(&found.place, d.line));
    }
    for asset in &scanned.inventory.assets {
        of_asset(asset, &mut out);
    }
    out
}

fn named(found: &PackageAt) -> Option<(Ecosystem, String)> {
    let ecosystem = Ecosystem::from_name(found.package.ecosystem)?;
    Some((ecosystem, ecosystem.canonical(&found.package.name)))
}

/// A package that a command or a tool server's configuration names, where no file of packages told it.
fn of_asset(asset: &Asset, out: &mut Places) {
    let text = match asset.id.kind {
        AssetKind::Package => asset.id.key.as_str(),
        AssetKind::ToolServer => match asset.attributes.get(&Attribute::Package).and_then(|v| v.first()) {
            Some(value) => value.value.as_str(),
            None => return,
        },
        _ => return,
    };
    let Some((ecosystem, name)) = text.split_once('/') else { return };
    let Some(ecosystem) = Ecosystem::from_name(ecosystem) else { return };
    let canonical = ecosystem.canonical(name);
    let known: BTreeSet<Option<String>> = out
        .keys()
        .filter(|p| p.ecosystem == ecosystem && ecosystem.canonical(&p.name) == canonical)
        .map(|p| p.version.clone())
        .collect();
    let versions = asset.attributes.get(&Attribute::Version).map(Vec::as_slice).unwrap_or_default();
    for value in versions.iter().filter(|v| v.value != "latest" && !known.contains(&Some(v.value.clone()))) {
        let package = Package {
            ecosystem,
            name: name.to_owned(),
            version: Some(value.value.clone()),
            requirement: None,
        };
        add(out, package, place(&value.evidence.place, value.evidence.line));
    }
    // Nobody says which version: the server runs whatever is newest.
    let unsaid = versions.iter().all(|v| v.value == "latest") && known.is_empty();
    if unsaid && asset.id.kind == AssetKind::ToolServer {
        let package = Package { ecosystem, name: name.to_owned(), version: None, requirement: None };
        for evidence in &asset.evidence {
            add(out, package.clone(), place(&evidence.place, evidence.line));
        }
    }
}

pub(super) fn add(out: &mut Places, package: Package, place: String) {
    let places = out.entry(package).or_default();
    if places.len() < MAX_PLACES && !places.contains(&place) {
        places.push(place);
    }
}

fn place(file: &str, line: u64) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

fn folder(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folder of a place, and those it stands in.
fn above(place: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder(place)), |f| (!f.is_empty()).then(|| folder(f)))
}
