//! What a manifest asks for: whether a range admits a version, in its registry's own words.
//!
//! What always holds: a range that cannot be read is `Unknown`, never "no". What it does not do: resolve; which version
//! a range comes to is the registry's and the lock file's to say.

use super::{Ecosystem, Scheme};
use pep440_rs::VersionSpecifiers;
use std::cmp::Ordering;
use std::str::FromStr as _;

/// Longest range that is read.
const MAX_RANGE: usize = 512;

/// Whether a range admits a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The range or the version could not be read.
    Unknown,
}

/// Whether the range `requirement`, as a manifest of `ecosystem` writes it, admits `version`.
#[must_use]
pub fn admits(ecosystem: Ecosystem, requirement: &str, version: &str) -> Admits {
    if requirement.len() > MAX_RANGE || version.len() > MAX_RANGE {
        return Admits::Unknown;
    }
    let answer = match ecosystem {
        Ecosystem::PyPi => python(requirement, version),
        Ecosystem::Npm => npm(requirement, version),
        Ecosystem::Cargo => cargo(requirement, version),
        Ecosystem::Maven => maven(requirement, version),
        Ecosystem::Go | Ecosystem::NuGet | Ecosystem::RubyGems => compared(ecosystem, requirement, version),
    };
    match answer {
        Some(true) => Admits::Yes,
        Some(false) => Admits::No,
        None => Admits::Unknown,
    }
}

/// PEP 440's specifiers; Poetry's `^` and `~` are Cargo's.
fn python(requirement: &str, version: &str) -> Option<bool> {
    let requirement = requirement.trim();
    if requirement.starts_with(['^']) || (requirement.starts_with('~') && !requirement.starts_with("~=")) {
        return cargo(requirement, version);
    }
    let specifiers = VersionSpecifiers::from_str(requirement).ok()?;
    Some(specifiers.contains(&pep440_rs::Version::from_str(version).ok()?))
}

/// npm's ranges: `^`, `~`, `x`, hyphens, `||`. A tag (`latest`), a path or an address is none.
fn npm(requirement: &str, version: &str) -> Option<bool> {
    let range = nodejs_semver::Range::parse(requirement).ok()?;
    Some(range.satisfies(&nodejs_semver::Version::parse(whole(version)).ok()?))
}

fn cargo(requirement: &str, version: &str) -> Option<bool> {
    let range = semver::VersionReq::parse(requirement).ok()?;
    Some(range.matches(&semver::Version::parse(&whole(version)).ok()?))
}

/// With the three numbers that the readers of ranges insist on: advisories write `0` and `v1.2`.
fn whole(version: &str) -> String {
    let version = version.trim().trim_start_matches(['v', '=']);
    let end = version.find(['-', '+']).unwrap_or(version.len());
    let (core, rest) = version.split_at_checked(end).unwrap_or((version, ""));
    let missing = 3_usize.saturating_sub(core.split('.').count());
    format!("{core}{}{rest}", ".0".repeat(missing))
}

/// Maven's ranges, `[1.0,2.0)`; a bare version is a wish that the nearest declaration fulfils, so: itself.
fn maven(requirement: &str, version: &str) -> Option<bool> {
    let requirement = requirement.trim();
    if !requirement.starts_with(['[', '(']) {
        return Scheme::Maven.compare(version, requirement).map(Ordering::is_eq);
    }
    let mut rest = requirement;
    let mut any = false;
    while !rest.is_empty() {
        let open = rest.starts_with('(');
        let end = rest.find([']', ')'])?;
        let inner = rest.get(1..end)?;
        let closed = rest.get(end..)?.starts_with(']');
        let (low, high) = match inner.split_once(',') {
            Some((low, high)) => (low.trim(), high.trim()),
            None if !open && closed => (inner.trim(), inner.trim()),
            None => return None,
        };
        let above = low.is_empty()
            || Scheme::Maven.compare(version, low).map(|o| o.is_gt() || (!open && o.is_eq()))?;
        let below = high.is_empty()
            || Scheme::Maven.compare(version, high).map(|o| o.is_lt() || (closed && o.is_eq()))?;
        any |= above && below;
        rest = rest.get(end + 1..)?.trim_start_matches(',').trim_start();
    }
    Some(any)
}

/// Comparisons parted by commas or spaces (`>= 1.0, < 2.0`), and RubyGems' `~>`.
fn compared(ecosystem: Ecosystem, requirement: &str, version: &str) -> Option<bool> {
    let scheme = ecosystem.scheme();
    let mut all = true;
    for part in requirement.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let end = part.find(|c: char| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(part.len());
        let (operator, bound) = part.split_at_checked(end)?;
        let bound = bound.trim();
        let order = scheme.compare(version, bound)?;
        all &= match operator {
            "" | "=" | "==" => order.is_eq(),
            "!=" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            "~>" => order.is_ge() && scheme.compare(version, &bumped(bound)?)?.is_lt(),
            _ => return None,
        };
    }
    Some(all)
}

/// `2.3.4` to `2.4`: the last number is left out, and the one before raised.
fn bumped(bound: &str) -> Option<String> {
    let mut numbers: Vec<u64> = bound.split('.').map_while(|p| p.parse().ok()).collect();
    if numbers.len() > 1 {
        numbers.pop();
    }
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    Some(numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}
