//! Unrolling a table: each place gets its own entry, with its path and kind.
//!
//! Done once a process for each table. Paths are leaked on purpose: there are as many as the constants say,
//! and records, errors and rows may then hold them as `&'static str`.

use super::{Field, Rule};
use crate::rows::Is;
use cordon_types::SpanKind;

/// A table, ready to walk.
#[derive(Debug)]
pub struct Table {
    pub(super) places: Vec<Place>,
    pub(super) root: usize,
}

/// One place of a body.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) kind: SpanKind,
    pub(super) what: What,
}

/// As `Rule`, with the places below by index.
#[derive(Debug)]
pub(super) enum What {
    Object {
        fields: Vec<(&'static str, usize)>,
        required: Vec<&'static str>,
        counters: bool,
        skip: Option<&'static str>,
    },
    Array {
        item: usize,
        bound: Bound,
    },
    Tagged {
        by: &'static str,
        default: Option<usize>,
        variants: Vec<(&'static str, usize)>,
    },
    Either(Vec<usize>),
    Map(usize),
    Use(cordon_types::Feature, usize),
    Leaf(Rule),
}

/// Which limit an array has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Nodes,
    Messages,
    Tools,
}

impl Table {
    /// Unrolls `rule`; texts are of `kind` unless an `As` says otherwise.
    #[must_use]
    pub fn build(rule: &Rule, kind: SpanKind) -> Self {
        let mut table = Self { places: Vec::new(), root: 0 };
        table.root = table.add(rule, String::new(), kind, None);
        table
    }

    /// Every place with its path and what is done there, in the order of the tables; structure included.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, Is)> {
        self.places.iter().flat_map(Place::rows).collect()
    }

    fn add(&mut self, rule: &Rule, path: String, kind: SpanKind, skip: Option<&'static str>) -> usize {
        let what = match *rule {
            Rule::As(kind, inner) => return self.add(inner, path, kind, skip),
            Rule::Object(fields) => self.object(fields, &path, kind, false, skip),
            Rule::Counters(fields) => self.object(fields, &path, kind, true, skip),
            Rule::Array(item) => self.array(item, &path, kind, Bound::Nodes),
            Rule::Messages(item) => self.array(item, &path, kind, Bound::Messages),
            Rule::Tools(item) => self.array(item, &path, kind, Bound::Tools),
            Rule::Map(item) => What::Map(self.add(item, join(&path, "*"), kind, None)),
            Rule::Use(feature, inner) => What::Use(feature, self.add(inner, path.clone(), kind, skip)),
            Rule::Either(rules) => {
                What::Either(rules.iter().map(|r| self.add(r, path.clone(), kind, None)).collect())
            }
            Rule::Tagged { by, default, variants } => What::Tagged {
                by,
                default: default.map(|r| self.add(r, path.clone(), kind, Some(by))),
                variants: variants
                    .iter()
                    .map(|(tag, r)| (*tag, self.add(r, tagged(&path, by, tag), kind, Some(by))))
                    .collect(),
            },
            leaf => What::Leaf(leaf),
        };
        self.places.push(Place { path: String::leak(path), kind, what });
        self.places.len() - 1
    }

    fn array(&mut self, item: &Rule, path: &str, kind: SpanKind, bound: Bound) -> What {
        What::Array { item: self.add(item, format!("{path}[]"), kind, None), bound }
    }

    fn object(
        &mut self,
        fields: &'static [Field],
        path: &str,
        kind: SpanKind,
        counters: bool,
        skip: Option<&'static str>,
    ) -> What {
        What::Object {
            required: fields.iter().filter(|f| f.required).map(|f| f.name).collect(),
            fields: fields
                .iter()
                .map(|f| (f.name, self.add(&f.rule, join(path, f.name), kind, None)))
                .collect(),
            counters,
            skip,
        }
    }
}

/// `a.b`
fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `messages[]` and `role`, `user` make `messages[role=user]`; a place that is no item gets `{type=..}`.
fn tagged(path: &str, by: &str, tag: &str) -> String {
    match path.strip_suffix("[]") {
        Some(head) => format!("{head}[{by}={tag}]"),
        None => format!("{path}{{{by}={tag}}}"),
    }
}

impl Place {
    fn rows(&self) -> Vec<(&'static str, Is)> {
        use cordon_types::Feature;
        let one = |is| vec![(self.path, is)];
        match &self.what {
            What::Object { counters: true, .. } => one(Is::Counters),
            What::Object { .. } | What::Array { .. } | What::Tagged { .. } => one(Is::Structure),
            What::Either(_) => Vec::new(),
            What::Map(_) => one(Is::Span(self.kind)),
            What::Use(feature, _) => one(Is::Feature(*feature)),
            What::Leaf(rule) => match rule {
                Rule::Text | Rule::Fixed(_) | Rule::Json => one(Is::Span(self.kind)),
                Rule::Id => one(Is::Span(SpanKind::Metadata)),
                Rule::Url(f) => {
                    vec![
                        (self.path, Is::Feature(*f)),
                        (self.path, Is::Feature(Feature::FetchByUrl)),
                        (self.path, Is::Span(self.kind)),
                    ]
                }
                Rule::TrueUses(f) => one(Is::Feature(*f)),
                Rule::EnumUse(free, f, used) => {
                    let words = [Is::Enum(free), Is::Enum(used), Is::Feature(*f)];
                    words.into_iter().map(|is| (self.path, is)).collect()
                }
                Rule::Enum(words) => one(Is::Enum(words)),
                Rule::Open | Rule::Schema => one(Is::Open),
                Rule::Issued => one(Is::Issued),
                Rule::Refused(_) => one(Is::Refused),
                Rule::Opaque => one(Is::Opaque),
                _ => one(Is::Scalar),
            },
        }
    }
}
