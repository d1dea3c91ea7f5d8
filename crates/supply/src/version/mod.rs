//! Versions, each in the order of its own registry.
//!
//! ```text
//! Scheme::parse(text) -> Version -> compare: Less | Equal | Greater, or nothing between two schemes
//! ```
//! What always holds: any text ends, and what is no version of a scheme is `None`, never a guess; numbers have no
//! greatest value. Python's order is `pep440_rs`'s; the others stand here, each against its registry's own comparator
//! (`tests/orders.rs`). What it deliberately does not do: find the newest version of anything; no registry is asked.

mod gem;
mod maven;
mod nuget;
mod range;
mod semantic;

pub use range::{Admits, admits};

use std::cmp::Ordering;
use std::str::FromStr as _;

/// Longest version that is read: real ones have a few dozen characters, and each costs its length.
const MAX_VERSION: usize = 256;

/// A registry of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ecosystem {
    /// Python.
    PyPi,
    /// Node.
    Npm,
    /// Rust.
    Cargo,
    /// Go modules.
    Go,
    /// Java, Kotlin, Scala.
    Maven,
    /// .NET.
    NuGet,
    /// Ruby.
    RubyGems,
}

impl Ecosystem {
    /// Every registry, in a fixed order.
    pub const ALL: [Ecosystem; 7] =
        [Self::PyPi, Self::Npm, Self::Cargo, Self::Go, Self::Maven, Self::NuGet, Self::RubyGems];

    /// Its name in the inventory, which is also its type in package URLs but for Go and Ruby.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PyPi => "pypi",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Maven => "maven",
            Self::NuGet => "nuget",
            Self::RubyGems => "gem",
        }
    }

    /// Its name in OSV data.
    #[must_use]
    pub const fn osv(self) -> &'static str {
        match self {
            Self::PyPi => "PyPI",
            Self::Npm => "npm",
            Self::Cargo => "crates.io",
            Self::Go => "Go",
            Self::Maven => "Maven",
            Self::NuGet => "NuGet",
            Self::RubyGems => "RubyGems",
        }
    }

    /// Its type in package URLs.
    #[must_use]
    pub const fn purl(self) -> &'static str {
        match self {
            Self::Go => "golang",
            other => other.name(),
        }
    }

    /// The registry of an inventory's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// The registry of an OSV ecosystem; what stands behind a colon (another Maven repository) does not count.
    #[must_use]
    pub fn from_osv(name: &str) -> Option<Self> {
        let bare = name.split(':').next().unwrap_or(name);
        Self::ALL.into_iter().find(|e| e.osv().eq_ignore_ascii_case(bare))
    }

    /// The registry of a package URL's type.
    #[must_use]
    pub fn from_purl(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.purl() == kind)
    }

    /// How its versions are ordered.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::PyPi => Scheme::Pep440,
            Self::Npm | Self::Cargo | Self::Go => Scheme::SemVer,
            Self::Maven => Scheme::Maven,
            Self::NuGet => Scheme::NuGet,
            Self::RubyGems => Scheme::Gem,
        }
    }

    /// A package's name in the form in which the registry compares.
    #[must_use]
    pub fn canonical(self, name: &str) -> String {
        cordon_inventory::catalogue::canonical(self.name(), name)
    }
}

/// An order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// PEP 440.
    Pep440,
    /// Semantic Versioning 2.0.0 by precedence: crates, npm, Go (with `v`, pseudo-versions, `+incompatible`). Missing
    /// parts are zero.
    SemVer,
    /// Maven's `ComparableVersion`.
    Maven,
    /// `Gem::Version`.
    Gem,
    /// NuGet: four numbers, and a pre-release without regard to case.
    NuGet,
}

/// A version within its scheme.
#[derive(Clone, Debug)]
pub enum Version {
    /// Python.
    Pep440(Box<pep440_rs::Version>),
    /// Semantic.
    SemVer(semantic::SemVer),
    /// Java.
    Maven(maven::Maven),
    /// Ruby.
    Gem(gem::Gem),
    /// .NET.
    NuGet(nuget::NuGet),
}

impl Scheme {
    /// Reads a version; nothing where it is none.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Version> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_VERSION {
            return None;
        }
        match self {
            Scheme::Pep440 => Some(Version::Pep440(Box::new(pep440_rs::Version::from_str(text).ok()?))),
            Scheme::SemVer => semantic::SemVer::parse(text).map(Version::SemVer),
            Scheme::Maven => maven::Maven::parse(text).map(Version::Maven),
            Scheme::Gem => gem::Gem::parse(text).map(Version::Gem),
            Scheme::NuGet => nuget::NuGet::parse(text).map(Version::NuGet),
        }
    }

    /// Compares two texts; nothing where one of them is no version.
    #[must_use]
    pub fn compare(self, a: &str, b: &str) -> Option<Ordering> {
        self.parse(a)?.compare(&self.parse(b)?)
    }
}

impl Version {
    /// The order of two versions of one scheme.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Pep440(a), Self::Pep440(b)) => Some(a.cmp(b)),
            (Self::SemVer(a), Self::SemVer(b)) => Some(a.cmp(b)),
            (Self::Maven(a), Self::Maven(b)) => Some(a.cmp(b)),
            (Self::Gem(a), Self::Gem(b)) => Some(a.cmp(b)),
            (Self::NuGet(a), Self::NuGet(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// A run of digits as a number without a greatest value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Number(Box<str>);

impl Number {
    /// Nothing where it is no run of digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| Self(text.trim_start_matches('0').into()))
    }

    pub(crate) fn zero() -> Self {
        Self("".into())
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
