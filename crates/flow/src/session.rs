//! A session: its two labels, and who brought which value first.
//!
//! What always holds: integrity only falls, class only rises, and what was bad once is never good. What it does not do:
//! decide who the user is, or what follows; its owner says the one and the policy the other.

use crate::asked::Asking;
use crate::fields::{At, Fields};
use crate::index::{Bounds, Index};
use crate::keyed::{Keyed, Kind};
use crate::seen::Entering;
use crate::typed;
use crate::words;
use cordon_types::{Class, Integrity, Labels, Provenance};
use serde_json::Value;
use std::fmt;

/// Bytes of a value asked about: a longer one is a text and no target, and is unknown.
pub const LONGEST_VALUE: usize = 32 << 10;

/// What one piece of work has seen.
pub struct Session {
    labels: Labels,
    keyed: Keyed,
    index: Index,
}

impl Session {
    /// Nothing has been seen. `key` is 16 bytes that nobody can foresee, and no other session's.
    #[must_use]
    pub fn new(key: &[u8; 16], bounds: Bounds) -> Self {
        Self { labels: Labels::CLEAN, keyed: Keyed::new(key), index: Index::new(bounds) }
    }

    /// The labels now.
    #[must_use]
    pub const fn labels(&self) -> Labels {
        self.labels
    }

    /// Something entered that is not text (an image, another session's work): the labels alone.
    pub fn join(&mut self, labels: Labels) {
        self.labels = self.labels.join(labels);
    }

    /// A text was seen: the user's words, or a result that is one text. `Unknown` counts as untrusted.
    pub fn saw(&mut self, source: Provenance, class: Class, text: &str) {
        let source = source.max(Provenance::Untrusted);
        self.label(source);
        self.labels.class = self.labels.class.max(class);
        self.enter(source, text);
    }

    /// A result was seen: each string, number and member's name, with the provenance of its place.
    pub fn saw_json(&mut self, fields: &Fields, class: Class, result: &Value) {
        self.labels.class = self.labels.class.max(class);
        self.walk(fields, &mut Vec::new(), result);
    }

    /// The model is about to call a tool with these arguments. To be told before each call's result is: what the model
    /// made up is remembered as its own, so that a trusted tool that repeats it does not make it good.
    pub fn called(&mut self, arguments: &Value) {
        match arguments {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Some(text) = typed::json_number(number) {
                    self.index.enter(self.keyed.text(Kind::Number, &text), Provenance::Unknown);
                }
            }
            Value::String(text) => self.enter(Provenance::Unknown, text),
            Value::Array(items) => items.iter().for_each(|i| self.called(i)),
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                self.enter(Provenance::Unknown, name);
                self.called(value);
            }),
        }
    }

    /// Where a value came from: as a whole, as a list, or joined from what was seen; then the worst of its parts.
    /// `Unknown` where any part that says something was not seen. A value that says nothing (empty) names no target and
    /// lowers nothing: `Trusted`.
    #[must_use]
    pub fn provenance(&self, value: &str) -> Provenance {
        self.ask(value, true)
    }

    /// The same without lists and joins: only what was seen in one piece. For what is run: a command that was put
    /// together from pieces is another command.
    #[must_use]
    pub fn provenance_whole(&self, value: &str) -> Provenance {
        self.ask(value, false)
    }

    /// The worst of all strings, numbers and members' names of an argument. `is_named` says which members' names the
    /// tool's pinned schema has: those say nothing. `true`, `false` and `null` name no target: `Trusted`.
    #[must_use]
    pub fn provenance_json(&self, value: &Value, joins: bool, is_named: &dyn Fn(&str) -> bool) -> Provenance {
        match value {
            Value::Null | Value::Bool(_) => Provenance::Trusted,
            Value::Number(number) => typed::json_number(number)
                .and_then(|text| self.index.get(self.keyed.text(Kind::Number, &text)))
                .unwrap_or_default(),
            Value::String(text) => self.ask(text, joins),
            Value::Array(items) => lowest(items.iter().map(|i| self.provenance_json(i, joins, is_named))),
            Value::Object(members) => lowest(members.iter().map(|(name, value)| {
                let value = self.provenance_json(value, joins, is_named);
                if is_named(name) { value } else { value.min(self.ask(name, joins)) }
            })),
        }
    }

    /// Digests that it holds.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.index.len()
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.index.bytes()
    }

    fn ask(&self, value: &str, joins: bool) -> Provenance {
        if value.trim().is_empty() {
            return Provenance::Trusted;
        }
        if value.len() > LONGEST_VALUE {
            return Provenance::Unknown;
        }
        let Some(value) = words::asked(value) else { return Provenance::Unknown };
        let asking = Asking { keyed: &self.keyed, index: &self.index, joins };
        asking.value(&value, 0).unwrap_or_default()
    }

    fn label(&mut self, source: Provenance) {
        if !source.is_good() {
            self.labels.integrity = Integrity::Untrusted;
        }
    }

    fn enter(&mut self, source: Provenance, text: &str) {
        Entering { keyed: &self.keyed, index: &mut self.index, source }.text(text);
    }

    fn walk<'a>(&mut self, fields: &Fields, place: &mut Vec<At<'a>>, value: &'a Value) {
        let source = fields.at(place).max(Provenance::Untrusted);
        match value {
            Value::Null | Value::Bool(_) => self.label(source),
            Value::Number(number) => {
                self.label(source);
                if let Some(text) = typed::json_number(number) {
                    self.index.enter(self.keyed.text(Kind::Number, &text), source);
                }
            }
            Value::String(text) => {
                self.label(source);
                self.enter(source, text);
            }
            Value::Array(items) => {
                place.push(At::Element);
                items.iter().for_each(|i| self.walk(fields, place, i));
                place.pop();
            }
            Value::Object(members) => {
                for (name, value) in members {
                    place.push(At::Member(name));
                    // A name that the operator's path has is the operator's word; any other is the server's.
                    let source = fields.at(place).max(Provenance::Untrusted);
                    self.label(source);
                    self.enter(source, name);
                    self.walk(fields, place, value);
                    place.pop();
                }
            }
        }
    }
}

/// Of parts, the worst. Nothing says nothing.
fn lowest(all: impl Iterator<Item = Provenance>) -> Provenance {
    all.min().unwrap_or(Provenance::Trusted)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("labels", &self.labels)
            .field("entries", &self.entries())
            .finish_non_exhaustive()
    }
}
