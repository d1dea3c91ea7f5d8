//! Which operations of a document are wanted: patterns of the operator's.
//!
//! What always holds: a pattern that fits nothing is a problem, since it is a slip of the pen, or the document changed.

use super::Operation;
use crate::show::visible;
use cordon_types::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// Most patterns, and the longest.
const MAX_PATTERNS: usize = 512;
const MAX_PATTERN: usize = 512;

/// What a pattern looks at.
enum By<'a> {
    Name(&'a str),
    Tag(&'a str),
    /// Method and path.
    Route(&'a str, &'a str),
}

impl<'a> By<'a> {
    fn of(pattern: &'a str) -> Self {
        if let Some(tag) = pattern.strip_prefix("tag:") {
            return By::Tag(tag);
        }
        match pattern.split_once(' ') {
            Some((method, path)) => By::Route(method, path.trim_start()),
            None => By::Name(pattern),
        }
    }

    fn fits(&self, name: &str, operation: &Operation) -> bool {
        match self {
            By::Name(glob) => is_like(glob, name),
            By::Tag(glob) => operation.tags.iter().any(|tag| is_like(glob, tag)),
            By::Route(method, path) => {
                is_like(&method.to_ascii_uppercase(), operation.method) && is_like(path, &operation.template)
            }
        }
    }
}

/// The names of the operations that are wanted.
pub(super) fn choose(
    operations: &BTreeMap<String, Operation>,
    skipped: &[Problem],
    patterns: &[String],
) -> Result<BTreeSet<String>, Vec<Problem>> {
    if patterns.len() > MAX_PATTERNS {
        let message = format!("over {MAX_PATTERNS} patterns");
        return Err(vec![Problem::new("0", message, "use `*`, or tags")]);
    }
    let every = || operations.keys().cloned().collect::<BTreeSet<_>>();
    let only_without = patterns.iter().all(|p| p.starts_with('!'));
    let mut chosen = if only_without { every() } else { BTreeSet::new() };
    let (mut without, mut problems) = (BTreeSet::new(), Vec::new());
    for (at, pattern) in patterns.iter().enumerate() {
        let plain = pattern.strip_prefix('!').unwrap_or(pattern).trim();
        if plain.is_empty() || plain.len() > MAX_PATTERN {
            let hint = "write a name, `tag:` and a tag, or a method and a path";
            problems.push(Problem::new(at.to_string(), "is no pattern", hint));
            continue;
        }
        let by = By::of(plain);
        let found = operations.iter().filter(|(name, o)| by.fits(name, o)).map(|(name, _)| name.clone());
        let found: Vec<String> = found.collect();
        if found.is_empty() {
            let message = format!("`{}` fits no operation", visible(plain));
            problems.push(Problem::new(at.to_string(), message, why(skipped)));
        }
        if pattern.starts_with('!') { without.extend(found) } else { chosen.extend(found) }
    }
    chosen.retain(|name| !without.contains(name));
    if problems.is_empty() { Ok(chosen) } else { Err(problems) }
}

/// Operations that could not be tools may be what is missed.
fn why(skipped: &[Problem]) -> String {
    let Some(first) = skipped.first() else {
        return "`cordon mcp openapi FILE` lists what there is".to_owned();
    };
    let more = if skipped.len() > 1 { format!(", and {} more", skipped.len() - 1) } else { String::new() };
    format!("no tools: {}: {}{more}; `cordon mcp openapi FILE` lists all", first.path, first.message)
}

/// Whether a text is what a pattern says, where `*` is any text. Linear in the text for each `*`.
fn is_like(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::Document;
    use serde_json::json;

    #[test]
    fn globs() {
        let check =
            |glob: &str, text: &str, like: bool| assert_eq!(is_like(glob, text), like, "{glob} {text}");
        check("getPet", "getPet", true);
        check("getPet", "getPets", false);
        check("get*", "getPet", true);
        check("*Pet", "getPet", true);
        check("g*P*t", "getPet", true);
        check("a*a", "a", false);
        check("a*a", "aa", true);
        check("*", "", true);
        check("", "", true);
        check("*b*b", "ab", false);
        check("/pets/*/x", "/pets/{id}/x", true);
    }

    fn chosen(patterns: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let text = json!({"openapi": "3.1.0", "paths": {
            "/pets": {"get": {"operationId": "listPets", "tags": ["read"]}, "post": {"operationId": "addPet", "tags": ["write"]}},
            "/pets/{id}": {"get": {"operationId": "getPet", "tags": ["read"], "parameters": [{"name": "id", "in": "path", "required": true}]},
                "delete": {"operationId": "deletePet", "requestBody": {"content": {}}}},
        }});
        let mut document = Document::read(text.to_string().as_bytes()).unwrap();
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        document.select(&patterns).map_err(|ps| ps.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(document.operations().map(|o| o.0.to_owned()).collect())
    }

    #[test]
    fn operations_are_chosen_by_name_tag_or_route() {
        let check = |patterns: &[&str], names: &[&str]| {
            assert_eq!(chosen(patterns).unwrap(), names, "{patterns:?}");
        };
        check(&[], &["addPet", "getPet", "listPets"]);
        check(&["getPet"], &["getPet"]);
        check(&["tag:read"], &["getPet", "listPets"]);
        check(&["tag:w*", "listPets"], &["addPet", "listPets"]);
        check(&["get /pets*"], &["getPet", "listPets"]);
        check(&["* /pets/*"], &["getPet"]);
        check(&["!addPet"], &["getPet", "listPets"]);
        check(&["*Pet*", "!tag:write"], &["getPet", "listPets"]);
        check(&["!*"], &[]);
        for bad in ["", "!", "getpet", "tag:x", "PUT /pets"] {
            assert!(chosen(&["getPet", bad]).is_err(), "{bad}");
        }
        let told = &chosen(&["deletePet"]).unwrap_err()[0];
        assert!(told.contains("DELETE /pets/{id}") && told.contains("body"), "{told}");
    }
}
