//! NuGet's order: up to four numbers, then a pre-release as in Semantic Versioning but without regard to case.
//! Metadata does not count.

use super::{Number, semantic};
use std::cmp::Ordering;

/// A NuGet version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NuGet {
    numbers: [Number; 4],
    pre: Vec<String>,
}

impl NuGet {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split('+').next().unwrap_or(text);
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, pre.split('.').map(str::to_ascii_lowercase).collect()),
            None => (text, Vec::new()),
        };
        let word = |p: &String| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !pre.iter().all(word) {
            return None;
        }
        let mut numbers = [Number::zero(), Number::zero(), Number::zero(), Number::zero()];
        let mut parts = core.split('.');
        for (slot, part) in numbers.iter_mut().zip(parts.by_ref()) {
            *slot = Number::parse(part)?;
        }
        parts.next().is_none().then_some(Self { numbers, pre })
    }
}

impl Ord for NuGet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| semantic::order(&self.pre, &other.pre))
    }
}

impl PartialOrd for NuGet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
