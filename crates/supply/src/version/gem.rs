//! RubyGems' order, as `Gem::Version` documents it: runs of digits and of letters; letters come before numbers, and a
//! missing segment is zero. `-` begins a pre-release.

use super::Number;
use std::cmp::Ordering;

/// A version of a gem: zeros at the end of its numbers, and at the end of all, are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gem(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Word(Box<str>),
    Number(Number),
}

impl Gem {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.replacen('-', ".pre.", 1).replace('-', ".");
        let first = text.split('.').next()?;
        Number::parse(first)?;
        let mut all = Vec::new();
        for part in text.split('.') {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return None;
            }
            split(part, &mut all);
        }
        let words = all.iter().position(|s| matches!(s, Segment::Word(_))).unwrap_or(all.len());
        let rest = all.split_off(words);
        Some(Self(without_zeros(all).into_iter().chain(without_zeros(rest)).collect()))
    }
}

/// Between a digit and a letter a new segment begins.
fn split(part: &str, all: &mut Vec<Segment>) {
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        all.push(Number::parse(run).map_or_else(|| Segment::Word(run.into()), Segment::Number));
        rest = after;
    }
}

fn without_zeros(mut all: Vec<Segment>) -> Vec<Segment> {
    while matches!(all.last(), Some(Segment::Number(n)) if n.is_zero()) {
        all.pop();
    }
    all
}

impl Ord for Gem {
    fn cmp(&self, other: &Self) -> Ordering {
        let zero = Segment::Number(Number::zero());
        let longest = self.0.len().max(other.0.len());
        let of = |all: &[Segment], n: usize| all.get(n).cloned().unwrap_or_else(|| zero.clone());
        (0..longest)
            .map(|n| match (of(&self.0, n), of(&other.0, n)) {
                (Segment::Number(a), Segment::Number(b)) => a.cmp(&b),
                (Segment::Word(a), Segment::Word(b)) => a.cmp(&b),
                (Segment::Word(_), Segment::Number(_)) => Ordering::Less,
                (Segment::Number(_), Segment::Word(_)) => Ordering::Greater,
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Gem {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
