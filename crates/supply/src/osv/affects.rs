//! Whether an advisory's package entry holds for a version.
//!
//! As the schema's evaluation says: a version that is listed is affected; else each range is walked, its events in the
//! order of versions (`introduced` `0` before all; at one version, in the order written): `introduced` switches on,
//! `fixed` off, `last_affected` off for what comes after; a version that is before no `limit` is in no range.
//!
//! Beyond the schema, because real records need it:
//!
//! - A bound that is no version of its scheme cannot close a range: what would be affected without it is *possible*.
//!   A bound written as a comparison or with `v` before it is read as the version in it.
//! - A `SEMVER` range whose versions are no semantic ones (a Python package's `1.0rc1`) is walked in the registry's
//!   order. A `GIT` range says nothing.
//! - GitHub's `last_known_affected_version_range` closes a range that nothing else closes.
//!
//! What always holds: an answer of *not affected* rests on bounds that were all read.

use super::{Affected, Event, Range, RangeKind};
use crate::Scheme;
use crate::version::Version;
use serde::Serialize;
use std::cmp::Ordering;

/// Whether an advisory holds for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Affected,
    /// It cannot be told, and may.
    Possible(Doubt),
    /// It does not.
    NotAffected,
}

/// Why it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The package's version is none of its registry's scheme.
    VersionUnread,
    /// A bound of the range is no version of its scheme.
    BoundUnread,
    /// The record names commits alone, or nothing.
    NoBounds,
    /// The manifest asks for a range that admits an affected version; no lock file says which is taken.
    RangeAdmits,
    /// The manifest names no version.
    NoVersion,
}

impl Doubt {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Doubt::VersionUnread => "its version is none of its registry's scheme",
            Doubt::BoundUnread => "a bound in the advisory cannot be read",
            Doubt::NoBounds => "the advisory names no versions",
            Doubt::RangeAdmits => {
                "the range asked for admits an affected version; no lock file says which is taken"
            }
            Doubt::NoVersion => "no version is named",
        }
    }
}

/// What a range says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walked {
    In,
    Out,
    /// In, unless a bound that could not be read says otherwise.
    InUnless,
    /// Nothing.
    Silent,
}

impl Affected {
    /// Whether it holds for `version`.
    #[must_use]
    pub fn affects(&self, version: &str) -> Answer {
        let scheme = self.ecosystem.scheme();
        if self.lists(scheme, version) {
            return Answer::Affected;
        }
        let walked: Vec<Walked> = self.ranges.iter().map(|r| self.walk(r, scheme, version)).collect();
        if walked.contains(&Walked::In) {
            return Answer::Affected;
        }
        if walked.contains(&Walked::InUnless) {
            return Answer::Possible(Doubt::BoundUnread);
        }
        let silent = |kind: fn(RangeKind) -> bool| {
            self.ranges.iter().zip(&walked).any(|(r, w)| *w == Walked::Silent && kind(r.kind))
        };
        if silent(|kind| kind != RangeKind::Git) {
            return Answer::Possible(Doubt::VersionUnread);
        }
        if self.versions.is_empty() && self.ranges.iter().all(|r| r.kind == RangeKind::Git) {
            return Answer::Possible(Doubt::NoBounds);
        }
        Answer::NotAffected
    }

    /// Whether the version is listed: as written, or equal in the registry's order.
    fn lists(&self, scheme: Scheme, version: &str) -> bool {
        if self.versions.is_empty() {
            return false;
        }
        let bare = bare(version);
        if self.versions.iter().any(|v| v == version || self::bare(v) == bare) {
            return true;
        }
        let Some(asked) = scheme.parse(version) else { return false };
        let equal = |v: &String| scheme.parse(v).and_then(|v| v.compare(&asked)).is_some_and(Ordering::is_eq);
        self.versions.iter().any(equal)
    }

    fn walk(&self, range: &Range, scheme: Scheme, version: &str) -> Walked {
        match range.kind {
            RangeKind::Git => Walked::Silent,
            RangeKind::Ecosystem => self.walk_in(range, scheme, version),
            RangeKind::SemVer => {
                // The scheme that reads every version there is in it; a registry's own where both do not.
                let reads = |s: Scheme| {
                    s.parse(version).is_some()
                        && range.events.iter().all(|(_, v)| is_edge(v) || bound(s, v).is_some())
                };
                let semantic = reads(Scheme::SemVer) || !reads(scheme);
                self.walk_in(range, if semantic { Scheme::SemVer } else { scheme }, version)
            }
        }
    }

    fn walk_in(&self, range: &Range, scheme: Scheme, version: &str) -> Walked {
        let Some(asked) = scheme.parse(version) else { return Walked::Silent };
        let mut events: Vec<(Event, Place)> = Vec::with_capacity(range.events.len());
        let (mut start_unread, mut end_unread) = (false, false);
        for (event, text) in &range.events {
            match (*event, place(scheme, text)) {
                (Event::Limit, Some(Place::End)) => {}
                (event, Some(place)) => events.push((event, place)),
                (Event::Introduced, None) => start_unread = true,
                (_, None) => end_unread = true,
            }
        }
        if start_unread {
            // From where is not known: from the beginning, so that it is not missed.
            events.push((Event::Introduced, Place::Start));
        }
        let limits: Vec<&Place> = events.iter().filter(|(e, _)| *e == Event::Limit).map(|(_, p)| p).collect();
        if !limits.is_empty() && !limits.iter().any(|l| l.against(&asked).is_gt()) {
            return Walked::Out;
        }
        // Stable: at one version the order written holds.
        events.sort_by(|(_, a), (_, b)| a.order(b));
        let mut within = false;
        for (event, place) in &events {
            let against = place.against(&asked);
            match event {
                Event::Introduced if against.is_le() => within = true,
                Event::Fixed if against.is_le() => within = false,
                Event::LastAffected if against.is_lt() => within = false,
                _ => {}
            }
        }
        let closed =
            events.iter().any(|(e, _)| matches!(e, Event::Fixed | Event::LastAffected | Event::Limit));
        match within {
            false => Walked::Out,
            true if !closed && !end_unread && self.beyond_last_known(scheme, version) => Walked::Out,
            true if start_unread || end_unread => Walked::InUnless,
            true => Walked::In,
        }
    }

    /// Whether GitHub's last known range ends before the version. One that cannot be read ends nowhere.
    fn beyond_last_known(&self, scheme: Scheme, version: &str) -> bool {
        let Some(known) = &self.last_known else { return false };
        let parts = known.split(',').map(str::trim);
        parts.into_iter().any(|part| {
            let end = part.find(|c: char| !matches!(c, '<' | '>' | '=')).unwrap_or(part.len());
            let (operator, text) = part.split_at_checked(end).unwrap_or((part, ""));
            let order = scheme.compare(version, text.trim());
            match operator {
                "<" => order.is_some_and(Ordering::is_ge),
                "<=" => order.is_some_and(Ordering::is_gt),
                "=" | "==" => order.is_some_and(Ordering::is_ne),
                _ => false,
            }
        })
    }

    /// Versions at which something changes: what a range that admits an affected version is tried with.
    pub(super) fn edges(&self) -> impl Iterator<Item = &str> {
        let events = self.ranges.iter().filter(|r| r.kind != RangeKind::Git).flat_map(|r| &r.events);
        let events = events.filter(|(e, _)| matches!(e, Event::Introduced | Event::LastAffected));
        events.map(|(_, v)| v.as_str()).chain(self.versions.iter().map(String::as_str))
    }
}

/// Where an event stands.
enum Place {
    /// Before every version.
    Start,
    At(Version),
    /// After every version.
    End,
}

impl Place {
    /// Its order against a version.
    fn against(&self, version: &Version) -> Ordering {
        match self {
            Place::Start => Ordering::Less,
            Place::At(at) => at.compare(version).unwrap_or(Ordering::Greater),
            Place::End => Ordering::Greater,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Place::Start, Place::Start) | (Place::End, Place::End) => Ordering::Equal,
            (_, Place::At(version)) => self.against(version),
            (Place::At(version), _) => other.against(version).reverse(),
            (Place::Start, Place::End) => Ordering::Less,
            (Place::End, Place::Start) => Ordering::Greater,
        }
    }
}

fn is_edge(text: &str) -> bool {
    matches!(text.trim(), "0" | "*")
}

fn place(scheme: Scheme, text: &str) -> Option<Place> {
    match text.trim() {
        "0" => Some(Place::Start),
        "*" => Some(Place::End),
        _ => bound(scheme, text).map(Place::At),
    }
}

/// The version in a bound: `1.2.3`, `v1.2.3`, `>= 1.2.3`. A list of them, or words, is none.
fn bound(scheme: Scheme, text: &str) -> Option<Version> {
    scheme.parse(bare(text.trim_start_matches(['<', '>', '=', ' '])))
}

/// Without the `v` that tags have.
fn bare(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => text,
    }
}
