//! Taking a scanned body along a table.

use super::Rule;
use super::build::{Bound, Place, Table, What};
use crate::fault::{WireCode, WireError, safe_key};
use crate::json::{Doc, Kind};
use crate::limits::Limits;
use crate::span::{Issued, Place as At, Span, Splice, Used};

/// What a walk yields, all in document order.
#[derive(Debug, Default)]
pub struct Walked {
    /// Texts.
    pub spans: Vec<Span>,
    /// Features in use; one that is used twice stands twice.
    pub used: Vec<Used>,
    /// Provider-issued blocks and ids.
    pub issued: Vec<Issued>,
    /// The tape's nodes of `issued`, in step with it.
    pub issued_nodes: Vec<u32>,
}

impl Table {
    /// Walks the whole of `doc`. Errors name the first thing that the table does not take.
    pub fn walk(&self, doc: Doc<'_>, limits: &Limits) -> Result<Walked, WireError> {
        let mut walk = Walk { table: self, doc, limits, out: Walked::default() };
        walk.out.spans.reserve(16);
        walk.place(self.root, 0)?;
        Ok(walk.out)
    }
}

pub(super) struct Walk<'a> {
    table: &'a Table,
    pub(super) doc: Doc<'a>,
    pub(super) limits: &'a Limits,
    pub(super) out: Walked,
}

impl<'a> Walk<'a> {
    fn place(&mut self, place: usize, node: u32) -> Result<(), WireError> {
        let table = self.table;
        let Some(place) = table.places.get(place) else {
            return Err(WireError::new(WireCode::UnknownField, "the table has a hole"));
        };
        match &place.what {
            What::Object { fields, required, counters, skip } => {
                self.object(fields, required, *counters, *skip, node)
            }
            What::Array { item, bound } => self.array(*item, *bound, node),
            What::Tagged { by, default, variants } => self.tagged(by, *default, variants, node),
            What::Either(places) => self.either(places, node),
            What::Map(item) => self.map(place, *item, node),
            What::Use(feature, inner) => {
                if self.doc.kind(node) != Kind::Null {
                    self.out.used.push(Used { feature: *feature, path: place.path });
                }
                self.place(*inner, node)
            }
            What::Leaf(rule) => self.leaf(*rule, place, node),
        }
    }

    fn object(
        &mut self,
        fields: &[(&'static str, usize)],
        required: &[&'static str],
        counters: bool,
        skip: Option<&'static str>,
        node: u32,
    ) -> Result<(), WireError> {
        self.expect(node, Kind::Object)?;
        let mut missing = required.len();
        for (key, value) in self.doc.members(node) {
            let name = self.doc.bytes(key);
            let name = name.as_ref();
            if let Some(&(field, place)) = fields.iter().find(|(f, _)| f.as_bytes() == name) {
                let needed = missing > 0 && required.contains(&field);
                missing -= usize::from(needed);
                if self.doc.kind(value) == Kind::Null && !needed {
                    continue;
                }
                self.place(place, value).map_err(|e| e.under(field))?;
                continue;
            }
            let skipped = skip.is_some_and(|s| s.as_bytes() == name);
            if skipped || (counters && self.is_counters(value)) {
                // The discriminator was read already; counters carry no text.
                if counters && !skipped {
                    self.counter_keys(key, value)?;
                }
            } else {
                return Err(WireError::new(
                    WireCode::UnknownField,
                    format!("the field `{}` is not known here: remove it", safe_key(&self.doc.text(key))),
                )
                .under("<unknown>"));
            }
        }
        if missing == 0 {
            return Ok(());
        }
        let gone = required.iter().find(|r| self.doc.get(node, r).is_none()).unwrap_or(&"");
        Err(WireError::new(WireCode::MissingField, format!("the field `{gone}` is missing")).under(gone))
    }

    /// Numbers, booleans, nulls, and containers of nothing else.
    fn is_counters(&self, value: u32) -> bool {
        let end = self.doc.node(value).next;
        (value..end).all(|i| self.doc.kind(i) != Kind::String)
    }

    /// Unknown keys beside counters must look like words: they are not inspected.
    fn counter_keys(&self, key: u32, value: u32) -> Result<(), WireError> {
        let end = self.doc.node(value).next;
        let word = |k: u32| {
            let t = self.doc.text(k);
            t.len() <= 64 && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if (key..end).filter(|&i| self.doc.kind(i) == Kind::Key).all(word) {
            return Ok(());
        }
        Err(WireError::new(WireCode::UnknownField, "a key that is not known here: remove it")
            .under("<unknown>"))
    }

    fn array(&mut self, item: usize, bound: Bound, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::Array)?;
        let most = match bound {
            Bound::Nodes => u32::MAX,
            Bound::Messages => self.limits.max_messages,
            Bound::Tools => self.limits.max_tools,
        } as usize;
        for (i, value) in self.doc.items(node).enumerate() {
            if i >= most {
                return Err(WireError::new(WireCode::TooMany, format!("more than {most} items: send fewer")));
            }
            self.place(item, value).map_err(|e| e.item(i))?;
        }
        Ok(())
    }

    fn tagged(
        &mut self,
        by: &'static str,
        default: Option<usize>,
        variants: &[(&'static str, usize)],
        node: u32,
    ) -> Result<(), WireError> {
        self.expect(node, Kind::Object)?;
        let Some(tag) = self.doc.get(node, by) else {
            return match default {
                Some(place) => self.place(place, node),
                None => {
                    Err(WireError::new(WireCode::MissingField, format!("the field `{by}` is missing"))
                        .under(by))
                }
            };
        };
        if self.doc.kind(tag) == Kind::Null
            && let Some(place) = default
        {
            return self.place(place, node);
        }
        self.expect(tag, Kind::String).map_err(|e| e.under(by))?;
        let text = self.doc.bytes(tag);
        match variants.iter().find(|(v, _)| v.as_bytes() == text.as_ref()) {
            Some(&(_, place)) => self.place(place, node),
            None => Err(WireError::new(
                WireCode::UnknownVariant,
                format!("the {by} `{}` is not known here", safe_key(&self.doc.text(tag))),
            )
            .under(by)),
        }
    }

    fn either(&mut self, places: &[usize], node: u32) -> Result<(), WireError> {
        let kind = self.doc.kind(node);
        let fits = places.iter().copied().find(|&p| self.takes(p, kind));
        match fits {
            Some(place) => self.place(place, node),
            None => Err(wrong(kind, "another type")),
        }
    }

    /// Whether the place takes a value of this JSON type.
    fn takes(&self, place: usize, kind: Kind) -> bool {
        let Some(place) = self.table.places.get(place) else { return false };
        match &place.what {
            What::Object { .. } | What::Tagged { .. } | What::Map(_) => kind == Kind::Object,
            What::Array { .. } => kind == Kind::Array,
            What::Either(places) => places.iter().any(|&p| self.takes(p, kind)),
            What::Use(_, inner) => self.takes(*inner, kind),
            What::Leaf(rule) => rule.takes(kind),
        }
    }

    fn map(&mut self, place: &Place, item: usize, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::Object)?;
        for (key, value) in self.doc.members(node) {
            self.span(place, key, Splice::Refuse("key"));
            self.place(item, value).map_err(|e| e.under("<unknown>"))?;
        }
        Ok(())
    }

    pub(super) fn expect(&self, node: u32, kind: Kind) -> Result<(), WireError> {
        let is = self.doc.kind(node);
        if is == kind { Ok(()) } else { Err(wrong(is, kind.name())) }
    }

    pub(super) fn span(&mut self, place: &Place, node: u32, splice: Splice) {
        let text = self.doc.text(node).into_owned();
        let at = At { node, inner: None };
        self.out.spans.push(Span { kind: place.kind, text, path: place.path, splice, choice: 0, at });
    }
}

pub(super) fn wrong(is: Kind, wanted: &str) -> WireError {
    WireError::new(WireCode::WrongType, format!("{} stands where {wanted} belongs", is.name()))
}

impl Rule {
    fn takes(self, kind: Kind) -> bool {
        match self {
            Rule::Number => kind == Kind::Number,
            Rule::Bool | Rule::TrueUses(_) => matches!(kind, Kind::True | Kind::False),
            Rule::Scalar => matches!(kind, Kind::Number | Kind::True | Kind::False),
            Rule::Null => kind == Kind::Null,
            Rule::Open | Rule::Opaque | Rule::Refused(_) => true,
            Rule::Schema => matches!(kind, Kind::Object | Kind::True | Kind::False),
            _ => kind == Kind::String,
        }
    }
}
