//! The bounds of a schema, before anything is compiled.
//!
//! A schema is a graph: places that apply to the same value (`allOf`, `$ref`, ...) and places that apply to a part of
//! it (`items`, `properties`, ...). A loop of the first kind never ends; a long chain of them is a deep stack; and two
//! edges to one place, again and again, double the work with each step: thirty lines can cost a billion evaluations.
//! So for each depth of a value it is computed how many places apply to one part at that depth, at most.
//!
//! What always holds: the figure is an upper bound, whichever branches are taken. What it does not do: know that
//! branches exclude each other.

use super::{MAX_VALUE_DEPTH, Names};
use crate::show::visible;
use cordon_types::Problem;
use jsonschema::Draft;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Most places of a schema.
const MAX_PLACES: usize = 4_000;
/// Deepest nesting of places in the text, and longest chain of places that apply to one value.
const MAX_NESTING: usize = 40;
/// Longest chain of places that apply to the same value.
const MAX_CHAIN: usize = 16;
/// Most places reached by `$ref`.
const MAX_REFS: usize = 400;
/// Most patterns; each is compiled.
const MAX_PATTERNS: usize = 100;
/// Longest pattern.
const MAX_PATTERN: usize = 1_000;

/// What is known of a schema.
pub(super) struct Bounds {
    /// At each depth, how many places apply to one part of a value, at most.
    pub(super) applied: Vec<u64>,
    /// Every name in `properties`.
    pub(super) names: Names,
}

#[derive(Default)]
struct Place {
    /// What looking at one value costs here: one, and more for long lists.
    weight: u64,
    /// Apply to the same value.
    same: Vec<usize>,
    /// Apply to every item, or member.
    items: Vec<usize>,
    members: Vec<usize>,
    /// Apply to one item, or member, each to another.
    item: Vec<usize>,
    member: Vec<usize>,
}

struct Walk<'a> {
    root: &'a Value,
    draft: Draft,
    places: Vec<Place>,
    known: HashMap<String, usize>,
    todo: Vec<(usize, String, &'a Value)>,
    anchors: HashMap<String, String>,
    names: Names,
    refs: usize,
    patterns: usize,
}

/// Bounds a schema.
pub(super) fn bounds(root: &Value, draft: Draft) -> Result<Bounds, Problem> {
    let mut walk = Walk {
        root,
        draft,
        places: Vec::new(),
        known: HashMap::new(),
        todo: Vec::new(),
        anchors: HashMap::new(),
        names: Names::new(),
        refs: 0,
        patterns: 0,
    };
    walk.find_anchors(root, &mut String::new(), 0)?;
    walk.place(String::new(), root)?;
    while let Some((index, path, value)) = walk.todo.pop() {
        walk.visit(index, &path, value)?;
    }
    let order = order(&walk.places)?;
    Ok(Bounds { applied: applied(&walk.places, &order), names: walk.names })
}

fn bad(path: &str, message: impl Into<String>, hint: &str) -> Problem {
    Problem::new(if path.is_empty() { "#".to_owned() } else { visible(path) }, message, hint)
}

impl<'a> Walk<'a> {
    /// Anchors, wherever they stand; and how deep the text is.
    fn find_anchors(&mut self, value: &'a Value, path: &mut String, depth: usize) -> Result<(), Problem> {
        if depth > MAX_NESTING {
            return Err(bad(path, format!("nested over {MAX_NESTING} deep"), "flatten it, or use `$ref`"));
        }
        let length = path.len();
        match value {
            Value::Object(members) => {
                for (key, inner) in members {
                    if let ("$anchor", Some(name)) = (key.as_str(), inner.as_str())
                        && self.anchors.insert(name.to_owned(), path.clone()).is_some()
                    {
                        return Err(bad(path, "an anchor stands twice", "name each once"));
                    }
                    path.push('/');
                    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    self.find_anchors(inner, path, depth + 1)?;
                    path.truncate(length);
                }
            }
            Value::Array(items) => {
                for (i, inner) in items.iter().enumerate() {
                    path.push_str(&format!("/{i}"));
                    self.find_anchors(inner, path, depth + 1)?;
                    path.truncate(length);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The index of the place at `path`, to be visited if it is new.
    fn place(&mut self, path: String, value: &'a Value) -> Result<usize, Problem> {
        if let Some(index) = self.known.get(&path) {
            return Ok(*index);
        }
        let index = self.places.len();
        if index >= MAX_PLACES {
            return Err(bad(&path, format!("over {MAX_PLACES} schemas in it"), "make it smaller"));
        }
        if !matches!(value, Value::Object(_) | Value::Bool(_)) {
            return Err(bad(&path, "is no schema", "write an object, or true or false"));
        }
        self.places.push(Place { weight: 1, ..Place::default() });
        self.known.insert(path.clone(), index);
        self.todo.push((index, path, value));
        Ok(index)
    }

    fn visit(&mut self, index: usize, path: &str, value: &'a Value) -> Result<(), Problem> {
        let Value::Object(members) = value else { return Ok(()) };
        self.refuse(path, members)?;
        let mut place = Place { weight: weight(members), ..Place::default() };
        for (key, inner) in members {
            let at = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
            match key.as_str() {
                "allOf" | "anyOf" | "oneOf" => place.same.extend(self.list(&at, inner)?),
                "not" | "if" | "then" | "else" => place.same.push(self.place(at, inner)?),
                "dependentSchemas" => place.same.extend(self.map(&at, inner)?),
                "dependencies" => place.same.extend(self.dependencies(&at, inner)?),
                "items" if inner.is_array() => place.item.extend(self.list(&at, inner)?),
                "prefixItems" => place.item.extend(self.list(&at, inner)?),
                "items" | "contains" | "additionalItems" | "unevaluatedItems" => {
                    place.items.push(self.place(at, inner)?);
                }
                "properties" => {
                    if let Value::Object(all) = inner {
                        self.names.extend(all.keys().cloned());
                    }
                    place.member.extend(self.map(&at, inner)?);
                }
                "patternProperties" => {
                    for pattern in inner.as_object().into_iter().flat_map(Map::keys) {
                        self.pattern(&at, pattern)?;
                    }
                    place.members.extend(self.map(&at, inner)?);
                }
                "additionalProperties" | "unevaluatedProperties" | "propertyNames" => {
                    place.members.push(self.place(at, inner)?);
                }
                "$defs" | "definitions" => {
                    self.map(&at, inner)?;
                }
                "contentSchema" => {
                    self.place(at, inner)?;
                }
                "$ref" => place.same.push(self.reference(&at, inner)?),
                "pattern" => self.pattern(&at, inner.as_str().unwrap_or_default())?,
                _ => {}
            }
        }
        if let Some(slot) = self.places.get_mut(index) {
            *slot = place;
        }
        Ok(())
    }

    /// What is not supported, by name.
    fn refuse(&self, path: &str, members: &Map<String, Value>) -> Result<(), Problem> {
        let id = if self.draft == Draft::Draft4 { "id" } else { "$id" };
        for key in ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"] {
            if members.contains_key(key) {
                return Err(bad(path, format!("`{key}` is not supported"), "use `$ref`"));
            }
        }
        if !path.is_empty() {
            for key in [id, "$schema"] {
                if members.get(key).is_some_and(Value::is_string) {
                    let message = format!("`{key}` below the root is not supported");
                    return Err(bad(path, message, "leave it out"));
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, path: &str, value: &'a Value) -> Result<Vec<usize>, Problem> {
        let Value::Array(items) = value else {
            return Err(bad(path, "is no list", "write a list of schemas"));
        };
        items.iter().enumerate().map(|(i, v)| self.place(format!("{path}/{i}"), v)).collect()
    }

    fn map(&mut self, path: &str, value: &'a Value) -> Result<Vec<usize>, Problem> {
        let Value::Object(members) = value else {
            return Err(bad(path, "is no object", "write an object of schemas"));
        };
        let escaped = |k: &str| k.replace('~', "~0").replace('/', "~1");
        members.iter().map(|(k, v)| self.place(format!("{path}/{}", escaped(k)), v)).collect()
    }

    /// `dependencies` of the old drafts: schemas, or lists of names.
    fn dependencies(&mut self, path: &str, value: &'a Value) -> Result<Vec<usize>, Problem> {
        let Value::Object(members) = value else { return Err(bad(path, "is no object", "write an object")) };
        let escaped = |k: &str| k.replace('~', "~0").replace('/', "~1");
        let schemas = members.iter().filter(|(_, v)| !v.is_array());
        schemas.map(|(k, v)| self.place(format!("{path}/{}", escaped(k)), v)).collect()
    }

    fn pattern(&mut self, path: &str, pattern: &str) -> Result<(), Problem> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS || pattern.len() > MAX_PATTERN {
            let message = format!("over {MAX_PATTERNS} patterns, or one over {MAX_PATTERN} bytes");
            return Err(bad(path, message, "use fewer and shorter ones"));
        }
        Ok(())
    }

    /// The place that a `$ref` leads to.
    fn reference(&mut self, path: &str, value: &'a Value) -> Result<usize, Problem> {
        let text = value.as_str().unwrap_or_default();
        let shown = visible(text);
        let Some(fragment) = text.strip_prefix('#') else {
            // SECURITY: a reference elsewhere would be fetched by a validator that follows it.
            let message = format!("`$ref` to `{shown}` leaves the schema");
            return Err(bad(path, message, "put what it refers to into `$defs`"));
        };
        self.refs += 1;
        if self.refs > MAX_REFS {
            return Err(bad(path, format!("over {MAX_REFS} references"), "use fewer"));
        }
        let decoded = decode(fragment);
        let pointer = match decoded.as_deref() {
            Some(p) if p.is_empty() || p.starts_with('/') => Some(p.to_owned()),
            Some(name) => self.anchors.get(name).cloned(),
            None => None,
        };
        let target = pointer.as_ref().and_then(|p| self.root.pointer(p));
        match (pointer, target) {
            (Some(pointer), Some(target)) => self.place(pointer, target),
            _ => Err(bad(path, format!("`$ref` to `{shown}` leads nowhere"), "correct it")),
        }
    }
}

/// One, and one more for every eight members of a list that is looked through, and for every pattern.
fn weight(members: &Map<String, Value>) -> u64 {
    let length = |key: &str| match members.get(key) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    };
    let lists =
        ["enum", "required", "dependentRequired", "dependencies", "const"].map(length).iter().sum::<usize>();
    u64::try_from(1 + lists / 8 + length("patternProperties")).unwrap_or(u64::MAX)
}

/// Percent-decoding of a fragment (RFC 6901, section 6).
fn decode(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The places so that each stands behind those that apply to its value; refused where there is none such, or a chain
/// is too long.
fn order(places: &[Place]) -> Result<Vec<usize>, Problem> {
    let mut waiting: Vec<usize> = places.iter().map(|p| p.same.len()).collect();
    let mut above: Vec<Vec<usize>> = places.iter().map(|_| Vec::new()).collect();
    for (i, place) in places.iter().enumerate() {
        for inner in &place.same {
            if let Some(list) = above.get_mut(*inner) {
                list.push(i);
            }
        }
    }
    let mut height = vec![0_usize; places.len()];
    let mut order: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
    let mut next = 0;
    while let Some(index) = order.get(next).copied() {
        next += 1;
        let below = height.get(index).copied().unwrap_or_default();
        if below > MAX_CHAIN {
            let message = format!("over {MAX_CHAIN} schemas in a row apply to one value");
            return Err(bad("", message, "flatten `allOf`, `anyOf` and `$ref`"));
        }
        for outer in above.get(index).into_iter().flatten() {
            if let (Some(h), Some(n)) = (height.get_mut(*outer), waiting.get_mut(*outer)) {
                *h = (*h).max(below + 1);
                *n -= 1;
                if *n == 0 {
                    order.push(*outer);
                }
            }
        }
    }
    if order.len() < places.len() {
        return Err(bad("", "a `$ref` leads back to itself without end", "correct it"));
    }
    Ok(order)
}

/// At each depth, how many places apply to one part of a value, at most: `K(place, depth)`, computed a depth at a time.
fn applied(places: &[Place], order: &[usize]) -> Vec<u64> {
    let mut before = vec![0_u64; places.len()];
    let mut out = Vec::with_capacity(MAX_VALUE_DEPTH);
    for depth in 0..MAX_VALUE_DEPTH {
        let mut here = vec![0_u64; places.len()];
        for index in order {
            let Some(place) = places.get(*index) else { continue };
            let at = |list: &[u64], i: &usize| list.get(*i).copied().unwrap_or_default();
            let sum = |list: &[usize]| list.iter().fold(0_u64, |s, i| s.saturating_add(at(&before, i)));
            let most = |list: &[usize]| list.iter().map(|i| at(&before, i)).max().unwrap_or_default();
            let own = if depth == 0 {
                place.weight
            } else {
                let items = sum(&place.items).saturating_add(most(&place.item));
                items.max(sum(&place.members).saturating_add(most(&place.member)))
            };
            let same = place.same.iter().fold(own, |s, i| s.saturating_add(at(&here, i)));
            if let Some(slot) = here.get_mut(*index) {
                *slot = same;
            }
        }
        out.push(here.first().copied().unwrap_or_default());
        before = here;
    }
    out
}
