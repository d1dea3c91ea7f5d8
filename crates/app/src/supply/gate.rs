//! `cordon gate`: what a change adds, against what is approved: assets, permissions, known vulnerabilities.

use super::{packages, permissions, snapshot};
use crate::error::AppError;
use crate::scan::{ScanOptions, Scanned, scan};
use cordon_inventory::asset::legible;
use cordon_inventory::{Asset, AssetKind, Baseline, Drift};
use cordon_supply::gate;
use cordon_supply::osv::{Level, Package};
use cordon_supply::report::{Entry, Rule, Weight};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is asked.
#[derive(Debug)]
pub struct Gate {
    /// What is there now, with the declared inventory; its baseline is the base where that is a file.
    pub scan: ScanOptions,
    /// The base, where it is a tree.
    pub base_tree: Option<PathBuf>,
    /// The manifests before and now.
    pub manifests: Option<(PathBuf, PathBuf)>,
    /// Look up packages that are added; from which level on one fails.
    pub advisories: Option<Option<Level>>,
    /// Rules that only warn.
    pub warn: Vec<String>,
}

/// The answer.
#[derive(Debug)]
pub struct Gated {
    /// What is not approved, what fails first.
    pub entries: Vec<Entry>,
    /// Assets that were added, approved ones too; `None` where nothing was compared with.
    pub added: Option<u64>,
    /// The advisories that were looked in.
    pub about: Option<snapshot::About>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Answers.
///
/// # Errors
/// When a file of the operator's has problems, or advisories are asked for and there are none that hold.
pub fn gate(root: &Path, asked: &Gate, progress: &(dyn Fn(&str) + Sync)) -> Result<Gated, AppError> {
    let mut now = scan(&asked.scan, progress)?;
    let mut base_packages = BTreeSet::new();
    if let Some(tree) = &asked.base_tree {
        let options = ScanOptions { paths: vec![tree.clone()], baseline: None, ..asked.scan.clone() };
        let mut base = scan(&options, progress)?;
        base_packages = versions(&base);
        now.notes.append(&mut base.notes);
        let [path] = asked.scan.paths.as_slice() else {
            return Err(AppError::Supply("a base tree is compared with one tree: name one path".to_owned()));
        };
        now.drift = Some(drift(base.inventory.assets, (tree, path), &now)?);
    }
    let mut entries = gate::assets(&now.inventory, now.drift.as_deref());
    if let Some((before, after)) = &asked.manifests {
        entries.extend(permissions::widened(&permissions::read(before)?, &permissions::read(after)?));
    }
    let about = match &asked.advisories {
        None => None,
        Some(least) => Some(vulnerable(root, &now, &base_packages, asked, *least, &mut entries)?),
    };
    for entry in &mut entries {
        if asked.warn.contains(&entry.rule.id)
            || (entry.severity.is_some() && asked.warn.iter().any(|w| w == "vulnerable"))
        {
            entry.weight = entry.weight.min(Weight::Warning);
        }
    }
    entries.sort_by(|a, b| (b.weight, &a.rule, &a.subject).cmp(&(a.weight, &b.rule, &b.subject)));
    let added =
        now.drift.as_ref().map(|d| d.iter().filter(|d| matches!(d, Drift::New { .. })).count() as u64);
    Ok(Gated { entries, added, about, notes: now.notes })
}

/// A tree's scan as a base: through the same lines as a baseline's file. What is known by its file is known by its place
/// within the tree.
fn drift(base: Vec<Asset>, (from, to): (&Path, &Path), now: &Scanned) -> Result<Vec<Drift>, AppError> {
    let (from, to) = (root_of(from), root_of(to));
    let mut lines = String::from("{\"t\":\"summary\"}\n");
    for mut asset in base {
        if let Some(rest) = asset.id.key.strip_prefix(&from) {
            asset.id.key = format!("{to}{rest}");
        }
        let text = serde_json::to_string(&asset).map_err(|e| AppError::Supply(e.to_string()))?;
        lines.push_str(&text.replacen('{', "{\"t\":\"asset\",", 1));
        lines.push('\n');
    }
    let baseline = Baseline::read(&lines).map_err(|e| AppError::Supply(e.to_string()))?;
    Ok(baseline.drift(&now.inventory))
}

/// What stands before the place of each file of a tree, as a scan names it.
fn root_of(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let text = text.strip_prefix("./").unwrap_or(&text).trim_end_matches('/');
    match text {
        "" | "." => String::new(),
        text => format!("{text}/"),
    }
}

fn versions(scanned: &Scanned) -> BTreeSet<Package> {
    packages::of_scan(scanned).into_keys().collect()
}

/// Known vulnerabilities of packages that the base has not, in that version. Where the base is a file, which lists
/// assets alone, the packages of its assets that did not change are taken to be there.
fn vulnerable(
    root: &Path,
    now: &Scanned,
    base: &BTreeSet<Package>,
    asked: &Gate,
    least: Option<Level>,
    entries: &mut Vec<Entry>,
) -> Result<snapshot::About, AppError> {
    let (advisories, about) = snapshot::open(root)?;
    let from_file = asked.scan.baseline.is_some();
    let moved: BTreeSet<&str> = now
        .drift
        .iter()
        .flatten()
        .filter_map(|d| match d {
            Drift::New { id } | Drift::Changed { id, .. } => Some(id),
            Drift::Gone { .. } => None,
        })
        .filter(|id| matches!(id.kind, AssetKind::Package | AssetKind::ToolServer))
        .map(|id| id.key.as_str())
        .collect();
    for (package, places) in packages::of_scan(now) {
        let key = format!("{}/{}", package.ecosystem.name(), package.ecosystem.canonical(&package.name));
        if base.contains(&package) || (from_file && !moved.contains(key.as_str())) {
            continue;
        }
        let version = package.version.as_deref().or(package.requirement.as_deref()).unwrap_or("(no version)");
        for hit in advisories.hits(&package) {
            let grave = least.is_none() || hit.severity.level >= least;
            let weight = if hit.doubt.is_none() && grave { Weight::Error } else { Weight::Warning };
            let fixed =
                hit.fixed.as_ref().map_or_else(|| "no fix is named".to_owned(), |v| format!("fixed in {v}"));
            let doubt = hit.doubt.map_or_else(String::new, |d| format!("; possible: {}", d.words()));
            entries.push(Entry {
                rule: Rule { id: hit.id.clone(), title: hit.summary.clone() },
                weight,
                subject: legible(&format!("{key} {version}")),
                message: format!("{} ({fixed}{doubt})", hit.summary),
                places: places.clone(),
                severity: Some(hit.severity),
            });
        }
    }
    Ok(about)
}
