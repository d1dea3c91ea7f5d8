//! Delimiters of chat formats: characters as they stand, a space in the pattern for any white space (also none).
//!
//! What always holds: a match depends on the text from its start on, at most [`REACH`] bytes.

use super::matcher::{Hit, REACH};
use crate::view::{fold_str, lower};
use std::collections::BTreeMap;

/// The delimiters, each in the parts between its spaces, by their first two bytes.
#[derive(Debug)]
pub(super) struct Markup {
    groups: BTreeMap<[u8; 2], Vec<Delimiter>>,
}

/// The parts of a delimiter, and its number.
type Delimiter = (Vec<String>, u16);

/// How a delimiter stands to a text.
enum Stand {
    No,
    Ends(usize),
    /// The text ended before the delimiter did.
    Begun,
}

impl Markup {
    /// Takes delimiters with their numbers. Errors when one starts with something else than `<`, `[`, `{`.
    pub(super) fn new(patterns: &[(&str, u16)]) -> Result<Self, String> {
        let mut groups: BTreeMap<[u8; 2], Vec<Delimiter>> = BTreeMap::new();
        for (pattern, number) in patterns {
            let folded = lower(&fold_str(pattern));
            let (true, [a, b, ..]) = (folded.starts_with(['<', '[', '{']), folded.as_bytes()) else {
                return Err(format!("`{pattern}` does not start with a bracket"));
            };
            let parts = folded.split(' ').map(str::to_owned).collect();
            groups.entry([*a, *b]).or_default().push((parts, *number));
        }
        Ok(Self { groups })
    }

    /// Every delimiter from `floor` on, and the earliest one that an unfinished text leaves undecided.
    pub(super) fn find(
        &self,
        text: &str,
        floor: usize,
        closed: bool,
        mut hit: impl FnMut(Hit),
    ) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut open = None;
        for at in memchr::memchr3_iter(b'<', b'[', b'{', bytes.get(floor..).unwrap_or(&[])) {
            let start = floor + at;
            let rest = bytes.get(start..bytes.len().min(start + REACH)).unwrap_or(&[]);
            let group = match rest {
                [a, b, ..] => self.groups.get(&[*a, *b]),
                _ => {
                    // Its second byte is still to come.
                    open = open.or((!closed).then_some(start));
                    None
                }
            };
            for (parts, pattern) in group.into_iter().flatten() {
                match stand(rest, parts) {
                    Stand::Ends(len) => hit(Hit { pattern: *pattern, start, end: start + len }),
                    Stand::Begun if !closed && rest.len() < REACH => open = open.or(Some(start)),
                    Stand::Begun | Stand::No => {}
                }
            }
        }
        open
    }
}

fn stand(text: &[u8], parts: &[String]) -> Stand {
    let mut at = 0;
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            at += text.get(at..).unwrap_or(&[]).iter().take_while(|b| **b <= b' ').count();
        }
        let rest = text.get(at..).unwrap_or(&[]);
        let part = part.as_bytes();
        if rest.starts_with(part) {
            at += part.len();
        } else if part.starts_with(rest) {
            return Stand::Begun;
        } else {
            return Stand::No;
        }
    }
    Stand::Ends(at)
}
