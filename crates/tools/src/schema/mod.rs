//! Whether arguments fit a tool's `inputSchema`, and structured results its `outputSchema`.
//!
//! JSON Schema 2020-12, or the draft that `$schema` names (4, 6, 7, 2019-09), by the crate `jsonschema`, compiled once
//! a tool. Schemas come from strangers, so before the crate sees one, [`graph`] bounds it: its size, its nesting, the
//! loops that consume nothing, and how often one value would be looked at.
//!
//! What always holds: nothing is fetched, and a `$ref` that leaves the document is refused by name; patterns match in
//! linear time (no look-around, no back references); a [`Misfit`] names the place and the rule, never the value, and
//! names of members that stand in no schema are `?`. What it does not do: assert `format`, follow `$dynamicRef`, or
//! take embedded resources (`$id` below the root): those are refused by name.

mod graph;
#[cfg(test)]
mod tests;

use crate::show::visible;
use cordon_types::Problem;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Most misfits that one check tells.
pub const MAX_MISFITS: usize = 10;
/// Deepest nesting of a value that is checked. Arguments of real tools have less than ten.
pub const MAX_VALUE_DEPTH: usize = 32;
/// Most values in a value that is checked.
pub const MAX_VALUES: usize = 100_000;
/// Most times that a schema may be applied somewhere in one check; each takes well under a microsecond.
const MAX_WORK: u64 = 5_000_000;
/// Largest compiled pattern, and largest cache of its matcher, in bytes.
const PATTERN_SIZE: usize = 256 << 10;

/// A compiled schema.
pub struct Schema {
    validator: Validator,
    bounds: graph::Bounds,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// One way in which a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the value: `to[0].address`; empty for the whole. Names that stand in no schema are `?`.
    pub path: String,
    /// The rule: a keyword of JSON Schema, or `depth`, `size`, `work` for the bounds of this module.
    pub keyword: String,
    /// The member that is missing, where the rule is `required`.
    pub missing: Option<String>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the whole" } else { &self.path };
        write!(f, "{path}: does not fit `{}`", self.keyword)?;
        match &self.missing {
            Some(name) => write!(f, " ({name} is missing)"),
            None => Ok(()),
        }
    }
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// When it is no schema, uses what is refused, or is over its bounds.
    pub fn compile(schema: &Value) -> Result<Self, Problem> {
        let draft = draft(schema)?;
        let bounds = graph::bounds(schema, draft)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
        let validator = jsonschema::options()
            .with_draft(draft)
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|e| refused(&e))?;
        Ok(Self { validator, bounds })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Where and by which rule it does not fit, at most [`MAX_MISFITS`].
    pub fn check(&self, value: &Value) -> Result<(), Vec<Misfit>> {
        let bound =
            |keyword: &str| vec![Misfit { path: String::new(), keyword: keyword.to_owned(), missing: None }];
        let levels = levels(value).map_err(bound)?;
        let work = levels
            .iter()
            .zip(&self.bounds.applied)
            .fold(0_u64, |sum, (values, applied)| sum.saturating_add(values.saturating_mul(*applied)));
        if work > MAX_WORK {
            return Err(bound("work"));
        }
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let errors = self.validator.iter_errors(value).take(MAX_MISFITS);
        let misfits: Vec<Misfit> = errors.map(|e| self.misfit(&e)).collect();
        // Two answers of one validator that disagree are no permission.
        Err(if misfits.is_empty() { bound("false") } else { misfits })
    }

    fn misfit(&self, error: &ValidationError<'_>) -> Misfit {
        let mut path = String::new();
        for step in error.instance_path().as_str().split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            if self.bounds.names.contains(&name) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&visible(&name));
            } else if name.bytes().all(|b| b.is_ascii_digit()) && name.len() < 7 {
                path.push_str(&format!("[{name}]"));
            } else {
                path.push_str(if path.is_empty() { "?" } else { ".?" });
            }
        }
        let missing = match error.kind() {
            ValidationErrorKind::Required { property } => property.as_str().map(visible),
            _ => None,
        };
        Misfit { path, keyword: error.kind().keyword().to_owned(), missing }
    }
}

/// How many values there are at each depth.
fn levels(value: &Value) -> Result<Vec<u64>, &'static str> {
    let mut levels = Vec::new();
    let mut here = vec![value];
    let mut left = MAX_VALUES;
    while !here.is_empty() {
        if levels.len() >= MAX_VALUE_DEPTH {
            return Err("depth");
        }
        left = left.checked_sub(here.len()).ok_or("size")?;
        levels.push(u64::try_from(here.len()).unwrap_or(u64::MAX));
        let mut next = Vec::new();
        for value in here {
            match value {
                Value::Array(items) => next.extend(items),
                Value::Object(members) => next.extend(members.values()),
                _ => {}
            }
        }
        here = next;
    }
    Ok(levels)
}

/// The draft that `$schema` names; 2020-12 where it names none.
fn draft(schema: &Value) -> Result<Draft, Problem> {
    let Some(named) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    let uri = named.as_str().unwrap_or_default();
    let bare = uri.trim_end_matches('#').trim_start_matches("https://").trim_start_matches("http://");
    match bare {
        "json-schema.org/draft/2020-12/schema" => Ok(Draft::Draft202012),
        "json-schema.org/draft/2019-09/schema" => Ok(Draft::Draft201909),
        "json-schema.org/draft-07/schema" => Ok(Draft::Draft7),
        "json-schema.org/draft-06/schema" => Ok(Draft::Draft6),
        "json-schema.org/draft-04/schema" => Ok(Draft::Draft4),
        _ => {
            let message = format!("`{}` is no draft that is supported", visible(uri));
            Err(Problem::new("$schema", message, "use 2020-12, 2019-09 or draft 7, 6 or 4"))
        }
    }
}

fn refused(error: &ValidationError<'_>) -> Problem {
    let at = error.instance_path().as_str().to_owned();
    let message = match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            "the pattern is no regular expression that matches in linear time".to_owned()
        }
        kind => format!("the schema is not accepted (`{}`)", visible(kind.keyword())),
    };
    Problem::new(visible(&at), message, "correct the schema at the server; look-around is not supported")
}

/// Names of members, as a set.
type Names = BTreeSet<String>;
