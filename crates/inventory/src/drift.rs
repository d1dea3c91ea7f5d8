//! What changed between two scans.
//!
//! A baseline is an earlier scan's JSON lines. What always holds: an asset counts as changed when its mark or a value
//! that says what it *is* differs; how much it was used, and where it was seen, are no changes.

use crate::asset::{AssetId, Attribute};
use crate::inventory::{Asset, Inventory, Mark};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

type Values = BTreeMap<Attribute, BTreeSet<String>>;

/// What of an asset is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compared {
    mark: Option<Mark>,
    owner: Option<String>,
    values: Values,
}

/// An earlier scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    assets: BTreeMap<AssetId, Compared>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Drift {
    /// It was not there.
    New {
        /// Which.
        #[serde(flatten)]
        id: AssetId,
    },
    /// It is there no more.
    Gone {
        /// Which.
        #[serde(flatten)]
        id: AssetId,
    },
    /// It is another now.
    Changed {
        /// Which.
        #[serde(flatten)]
        id: AssetId,
        /// What, in words.
        what: Vec<String>,
    },
}

/// Why a baseline is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaselineError {
    /// A line that is no JSON object of a scan.
    #[error("line {0} is not of a scan; give a file that `cordon scan --json --out FILE` wrote")]
    Line(u64),
    /// No asset and no summary.
    #[error("it holds no scan; give a file that `cordon scan --json --out FILE` wrote")]
    Empty,
}

#[derive(Deserialize)]
struct Line {
    t: String,
}

#[derive(Deserialize)]
struct AssetLine {
    #[serde(flatten)]
    id: AssetId,
    mark: Option<Mark>,
    owner: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<Attribute, Vec<ValueLine>>,
}

#[derive(Deserialize)]
struct ValueLine {
    value: String,
}

impl Baseline {
    /// Reads an earlier scan's JSON lines.
    ///
    /// # Errors
    /// When a line is not of a scan.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let mut out = Self::default();
        let mut any = false;
        for (n, line) in (1_u64..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty()) {
            let kind: Line = serde_json::from_str(line).map_err(|_| BaselineError::Line(n))?;
            any = true;
            if kind.t != "asset" {
                continue;
            }
            let asset: AssetLine = serde_json::from_str(line).map_err(|_| BaselineError::Line(n))?;
            let values =
                asset.attributes.into_iter().map(|(a, v)| (a, v.into_iter().map(|v| v.value).collect()));
            let compared = Compared { mark: asset.mark, owner: asset.owner, values: telling(values) };
            out.assets.insert(asset.id, compared);
        }
        if any { Ok(out) } else { Err(BaselineError::Empty) }
    }

    /// What `now` differs in.
    #[must_use]
    pub fn drift(&self, now: &Inventory) -> Vec<Drift> {
        let current: BTreeMap<&AssetId, Compared> = now.assets.iter().map(|a| (&a.id, compared(a))).collect();
        let mut out = Vec::new();
        for (id, new) in &current {
            match self.assets.get(*id) {
                None => out.push(Drift::New { id: (*id).clone() }),
                Some(old) => {
                    let what = differences(old, new);
                    if !what.is_empty() {
                        out.push(Drift::Changed { id: (*id).clone(), what });
                    }
                }
            }
        }
        let gone = self.assets.keys().filter(|id| !current.contains_key(id));
        out.extend(gone.map(|id| Drift::Gone { id: id.clone() }));
        out
    }
}

fn compared(asset: &Asset) -> Compared {
    let values = asset.attributes.iter().map(|(a, v)| (*a, v.iter().map(|v| v.value.clone()).collect()));
    Compared { mark: asset.mark, owner: asset.owner.clone(), values: telling(values) }
}

/// The attributes that say what an asset is. A size of a file changes with what the file is.
fn telling(values: impl Iterator<Item = (Attribute, BTreeSet<String>)>) -> Values {
    values.filter(|(a, _)| !matches!(a, Attribute::Client | Attribute::Rule)).collect()
}

fn differences(old: &Compared, new: &Compared) -> Vec<String> {
    let mut out = Vec::new();
    if old.mark != new.mark {
        let name = |m: Option<Mark>| m.map_or("none", Mark::name);
        out.push(format!("mark: {} -> {}", name(old.mark), name(new.mark)));
    }
    if old.owner != new.owner {
        let name = |o: &Option<String>| o.clone().unwrap_or_else(|| "nobody".to_owned());
        out.push(format!("owner: {} -> {}", name(&old.owner), name(&new.owner)));
    }
    let none = BTreeSet::new();
    for attribute in old.values.keys().chain(new.values.keys()).collect::<BTreeSet<_>>() {
        let before = old.values.get(attribute).unwrap_or(&none);
        let after = new.values.get(attribute).unwrap_or(&none);
        let name = serde_json::to_value(attribute).ok();
        let name = name.as_ref().and_then(|v| v.as_str()).unwrap_or("");
        out.extend(after.difference(before).map(|v| format!("{name}: + {v}")));
        out.extend(before.difference(after).map(|v| format!("{name}: - {v}")));
    }
    out
}
