//! Where in a call's arguments a rule looks: `to`, `mail.to`, `recipients[].email`.
//!
//! What always holds: what a path cannot walk (a text where an object should be) is a misfit, never an absence, so
//! that a rule cannot be slipped by changing the shape. What it deliberately does not do: match keys loosely.

use serde_json::Value;

/// Most steps in a path.
const MAX_STEPS: usize = 12;
/// Most bytes in a key.
const MAX_KEY: usize = 64;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Each,
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArgumentPath(Vec<Step>);

/// What stands at a path.
#[derive(Debug, Default)]
pub(crate) struct Reached<'v> {
    pub(crate) values: Vec<&'v Value>,
    /// Somewhere the path ended early for want of a key.
    pub(crate) missing: bool,
    /// Somewhere the shape was another than the path needs.
    pub(crate) misfit: bool,
}

impl ArgumentPath {
    /// Parses `a.b[].c`; the error says what a path looks like.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let key = part.trim_end_matches("[]");
            let repeats = (part.len() - key.len()) / 2;
            if key.is_empty() || key.len() > MAX_KEY {
                return Err("write names of 1 to 64 characters, joined by `.`, with `[]` after a list");
            }
            if key.chars().any(|c| c.is_control() || matches!(c, '[' | ']' | '"' | '\\' | '<' | '>')) {
                return Err(
                    "use `[]` only at the end of a name, and no quotes, angle brackets or control characters",
                );
            }
            steps.push(Step::Key(key.to_owned()));
            steps.extend(std::iter::repeat_n(Step::Each, repeats));
        }
        if steps.len() > MAX_STEPS {
            return Err("name at most 12 levels");
        }
        Ok(Self(steps))
    }

    /// Whether it goes through a member of that name.
    pub(crate) fn has_key(&self, name: &str) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Key(key) if key == name))
    }

    /// Collects what stands at the path in `root`.
    pub(crate) fn reach<'v>(&self, root: &'v Value) -> Reached<'v> {
        let mut out = Reached::default();
        let mut front = vec![root];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in front {
                match (step, value) {
                    (Step::Key(key), Value::Object(map)) => match map.get(key) {
                        Some(v) => next.push(v),
                        None => out.missing = true,
                    },
                    (Step::Each, Value::Array(items)) => next.extend(items),
                    _ => out.misfit = true,
                }
            }
            front = next;
        }
        out.values = front;
        out
    }
}

/// Whether the arguments hold something that no path names. With `others` allowed only a name that differs from a
/// named one in nothing but case counts: who reads names without regard to case would take it for the named one.
pub(crate) fn has_unnamed(root: &Value, paths: &[&ArgumentPath], others: bool) -> bool {
    let tails: Vec<&[Step]> = paths.iter().map(|p| p.0.as_slice()).collect();
    unnamed(root, &tails, others)
}

fn unnamed(value: &Value, tails: &[&[Step]], others: bool) -> bool {
    if tails.iter().any(|t| t.is_empty()) {
        return false; // a path ends here: everything below is named
    }
    match value {
        Value::Object(map) => map.iter().any(|(key, below)| {
            let next: Vec<&[Step]> = tails
                .iter()
                .filter_map(|t| match t.split_first() {
                    Some((Step::Key(k), rest)) if k == key => Some(rest),
                    _ => None,
                })
                .collect();
            if !next.is_empty() {
                return unnamed(below, &next, others);
            }
            let lookalike = tails
                .iter()
                .any(|t| matches!(t.first(), Some(Step::Key(k)) if k.to_lowercase() == key.to_lowercase()));
            !others || lookalike
        }),
        Value::Array(items) => {
            let next: Vec<&[Step]> = tails
                .iter()
                .filter_map(|t| match t.split_first() {
                    Some((Step::Each, rest)) => Some(rest),
                    _ => None,
                })
                .collect();
            if next.is_empty() { !others } else { items.iter().any(|i| unnamed(i, &next, others)) }
        }
        // A scalar where paths go on: the rules that go on report the misfit.
        _ => !others,
    }
}
