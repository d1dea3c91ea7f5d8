//! Which advisories hold for which packages: each thing once, whatever names databases give it.
//!
//! What always holds: an advisory that was taken back holds for nothing; advisories of one package that are aliases of
//! each other make one hit, whose id is the one most used (CVE after the databases' own).

use super::{Advisory, Affected, Answer, Doubt, Severity};
use crate::version::{Admits, admits};
use crate::{Ecosystem, Scheme};
use std::collections::{BTreeMap, BTreeSet};

/// Advisories, by package.
#[derive(Clone, Debug, Default)]
pub struct Advisories {
    all: Vec<Advisory>,
    by_package: BTreeMap<(Ecosystem, String), BTreeSet<usize>>,
    /// Records that were taken back.
    pub withdrawn: u64,
    /// Records of registries that are not known here.
    pub elsewhere: u64,
}

/// Why an advisory was not taken in. Not an error: the snapshot says how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was taken back.
    Withdrawn,
    /// It holds for packages of other registries alone.
    Elsewhere,
    /// A record of that id is there, and as new.
    Older,
}

/// A package, as a manifest or lock file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its registry.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: String,
    /// The version that is taken.
    pub version: Option<String>,
    /// The range that is asked for, where no version is taken.
    pub requirement: Option<String>,
}

/// One thing that holds for one package.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The id by which it is shown.
    pub id: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// How grave, the gravest of its records.
    pub severity: Severity,
    /// Whether it holds for sure: `None`; else why it cannot be told.
    pub doubt: Option<Doubt>,
    /// The lowest version after the package's in which it is fixed, where a record says so.
    pub fixed: Option<String>,
}

impl Advisories {
    /// Takes a record in.
    ///
    /// # Errors
    /// Why not.
    pub fn add(&mut self, advisory: Advisory) -> Result<(), Refused> {
        if advisory.withdrawn {
            self.withdrawn += 1;
            return Err(Refused::Withdrawn);
        }
        if advisory.affected.is_empty() {
            self.elsewhere += 1;
            return Err(Refused::Elsewhere);
        }
        let n = self.all.len();
        for affected in &advisory.affected {
            self.by_package.entry((affected.ecosystem, affected.name.clone())).or_default().insert(n);
        }
        self.all.push(advisory);
        Ok(())
    }

    /// Every advisory.
    #[must_use]
    pub fn all(&self) -> &[Advisory] {
        &self.all
    }

    /// What holds for a package, or may; the gravest first.
    #[must_use]
    pub fn hits(&self, package: &Package) -> Vec<Hit> {
        let name = package.ecosystem.canonical(&package.name);
        let Some(numbers) = self.by_package.get(&(package.ecosystem, name.clone())) else {
            return Vec::new();
        };
        let mut found: Vec<(&Advisory, Option<Doubt>, Option<String>)> = Vec::new();
        for advisory in numbers.iter().filter_map(|n| self.all.get(*n)) {
            let entries: Vec<&Affected> = advisory
                .affected
                .iter()
                .filter(|a| a.ecosystem == package.ecosystem && a.name == name)
                .collect();
            if let Some(doubt) = holds(&entries, package) {
                let fixed = package.version.as_deref().and_then(|v| fixed(&entries, v));
                found.push((advisory, doubt, fixed));
            }
        }
        let mut hits = grouped(&found);
        hits.sort_by(|a, b| {
            let key = |h: &Hit| (h.doubt.is_some(), std::cmp::Reverse((h.severity.level, h.severity.tenths)));
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        hits
    }
}

/// Whether any entry holds: `Some(None)` for sure, `Some(Some(_))` perhaps.
#[allow(clippy::option_option, reason = "no, surely, perhaps and why: spelled out where it is used")]
fn holds(entries: &[&Affected], package: &Package) -> Option<Option<Doubt>> {
    let answers: Vec<Answer> = match (&package.version, &package.requirement) {
        (Some(version), _) => entries.iter().map(|a| a.affects(version)).collect(),
        (None, Some(range)) => entries.iter().map(|a| of_range(a, range)).collect(),
        (None, None) => entries.iter().map(|_| Answer::Possible(Doubt::NoVersion)).collect(),
    };
    if answers.contains(&Answer::Affected) {
        return Some(None);
    }
    answers.iter().find_map(|a| match a {
        Answer::Possible(doubt) => Some(Some(*doubt)),
        _ => None,
    })
}

/// A manifest's range: possible where it admits a version that is affected, or where that cannot be told. What is tried:
/// the versions of the record, the range's own bounds, and what comes right after each.
fn of_range(affected: &Affected, range: &str) -> Answer {
    let ecosystem = affected.ecosystem;
    let possible = Answer::Possible(Doubt::RangeAdmits);
    let own = range.split([',', ' ', '|', '[', ']', '(', ')']).map(version_in).filter(|v| !v.is_empty());
    let bounds: Vec<String> = affected.edges().map(str::to_owned).chain(own).collect();
    let after = bounds.iter().filter_map(|b| next(b));
    let mut admitted = false;
    for version in bounds.iter().cloned().chain(after) {
        match admits(ecosystem, range, &version) {
            Admits::Yes if affected.affects(&version) != Answer::NotAffected => return possible,
            Admits::Yes => admitted = true,
            // A bound that is a version, and a range that cannot be read.
            Admits::Unknown if ecosystem.scheme().parse(&version).is_some() => return possible,
            Admits::Unknown | Admits::No => {}
        }
    }
    // A range that admits nothing that was tried was not understood well enough to say no.
    if admitted { Answer::NotAffected } else { possible }
}

/// The version in a part of a range: `^1.x` is `1.0`.
fn version_in(part: &str) -> String {
    let part = part.trim().trim_start_matches(['^', '~', '<', '>', '=', '!', 'v']).trim();
    let parts: Vec<&str> =
        part.split('.').map(|p| if matches!(p, "x" | "X" | "*") { "0" } else { p }).collect();
    parts.join(".")
}

/// With the last of its three numbers raised by one.
fn next(version: &str) -> Option<String> {
    let digits = version.trim().trim_start_matches('v');
    let mut numbers: Vec<u64> = digits.split('.').take(3).map_while(|p| p.parse().ok()).collect();
    numbers.resize(3, 0);
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    Some(numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

/// The lowest `fixed` after the version.
fn fixed(entries: &[&Affected], version: &str) -> Option<String> {
    let scheme: Scheme = entries.first()?.ecosystem.scheme();
    let asked = scheme.parse(version)?;
    let after =
        entries.iter().flat_map(|a| a.ranges.iter()).flat_map(|r| &r.events).filter_map(|(e, text)| {
            let read = (*e == super::Event::Fixed).then(|| scheme.parse(text)).flatten()?;
            read.compare(&asked)?.is_gt().then_some((read, text))
        });
    let lowest =
        after.reduce(|a, b| if b.0.compare(&a.0).is_some_and(std::cmp::Ordering::is_lt) { b } else { a });
    lowest.map(|(_, text)| text.clone())
}

/// Joins records that name each other, or the same third.
fn grouped(found: &[(&Advisory, Option<Doubt>, Option<String>)]) -> Vec<Hit> {
    let mut groups: Vec<(BTreeSet<&str>, Vec<usize>)> = Vec::new();
    for (n, (advisory, ..)) in found.iter().enumerate() {
        let mut names: BTreeSet<&str> = advisory.aliases.iter().map(String::as_str).collect();
        names.insert(&advisory.id);
        let mut members = vec![n];
        groups.retain_mut(|(theirs, them)| {
            let apart = theirs.is_disjoint(&names);
            if !apart {
                names.append(theirs);
                members.append(them);
            }
            apart
        });
        groups.push((names, members));
    }
    groups.into_iter().filter_map(|(names, members)| joined(&names, &members, found)).collect()
}

fn joined(
    names: &BTreeSet<&str>,
    members: &[usize],
    found: &[(&Advisory, Option<Doubt>, Option<String>)],
) -> Option<Hit> {
    let records: Vec<&(&Advisory, Option<Doubt>, Option<String>)> =
        members.iter().filter_map(|n| found.get(*n)).collect();
    // A record that is there comes before an alias that is only named; GitHub's and the registries' own before CVEs.
    let rank = |id: &str| (id.starts_with("CVE-"), !id.starts_with("GHSA-"), id.to_owned());
    let id = records.iter().map(|r| r.0.id.as_str()).min_by_key(|id| rank(id))?;
    let gravest = records.iter().max_by_key(|r| (r.0.severity.level, r.0.severity.tenths))?;
    let sure = records.iter().any(|r| r.1.is_none());
    let summary = records.iter().map(|r| r.0.summary.as_str()).find(|s| !s.is_empty()).unwrap_or_default();
    Some(Hit {
        id: id.to_owned(),
        aliases: names.iter().filter(|n| **n != id).map(|n| (*n).to_owned()).collect(),
        summary: summary.to_owned(),
        severity: gravest.0.severity.clone(),
        doubt: if sure { None } else { records.iter().find_map(|r| r.1) },
        fixed: records.iter().find_map(|r| r.2.clone()),
    })
}
