//! Semantic Versioning 2.0.0, section 11: numbers, then pre-release identifiers. Build metadata does not count.
//!
//! What is let through beside the specification, because advisories and registries write it: a leading `v` or `=`
//! (Go, npm), one or two numbers in the place of three, leading zeros. Go's pseudo-versions
//! (`v0.0.0-20200101000000-abcdef123456`) are pre-releases, and `+incompatible` is metadata, so both fall into place.

use super::Number;
use std::cmp::Ordering;

/// A semantic version. Two that differ in build metadata alone are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemVer {
    numbers: [Number; 3],
    pre: Vec<Identifier>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Identifier {
    Number(Number),
    Word(Box<str>),
}

impl SemVer {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('=').trim_start();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = match text.split_once('+') {
            Some((head, build)) => {
                build.split('.').all(is_identifier).then_some(())?;
                head
            }
            None => text,
        };
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, pre.split('.').map(identifier).collect::<Option<Vec<_>>>()?),
            None => (text, Vec::new()),
        };
        let mut numbers = [Number::zero(), Number::zero(), Number::zero()];
        let mut parts = core.split('.');
        for (slot, part) in numbers.iter_mut().zip(parts.by_ref()) {
            *slot = Number::parse(part)?;
        }
        parts.next().is_none().then_some(Self { numbers, pre })
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) fn order(a: &[String], b: &[String]) -> Ordering {
    let read = |all: &[String]| all.iter().filter_map(|t| identifier(t)).collect::<Vec<_>>();
    pre_release(&read(a), &read(b))
}

fn identifier(text: &str) -> Option<Identifier> {
    is_identifier(text)
        .then(|| Number::parse(text).map_or_else(|| Identifier::Word(text.into()), Identifier::Number))
}

/// A version without pre-release is after all that have one; of two that have one, the longer is after its beginning.
fn pre_release(a: &[Identifier], b: &[Identifier]) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.iter().cmp(b.iter()),
    }
}

impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Number(_), Self::Word(_)) => Ordering::Less,
            (Self::Word(_), Self::Number(_)) => Ordering::Greater,
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SemVer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| pre_release(&self.pre, &other.pre))
    }
}

impl PartialOrd for SemVer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
