//! The difference between two sets, place by place, as an approver must see it.
//!
//! What always holds: the difference is empty exactly when the digests are equal; every text in it is escaped, so it
//! can be written to a terminal. What it does not do: weigh. A changed comma and a changed meaning are both shown.

use super::{Tool, ToolSet};
use crate::json::canonical;
use crate::show::visible;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What happened to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It is another.
    Changed,
}

/// Which part of what is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A tool as a whole: new or gone.
    Tool,
    /// What people read as its name.
    Title,
    /// What it says it does.
    Description,
    /// The schema of its arguments.
    InputSchema,
    /// The schema of its structured results.
    OutputSchema,
    /// Its hints about effects.
    Annotations,
    /// Any other member of a tool.
    Other,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// New, gone or changed.
    pub kind: ChangeKind,
    /// Of which part.
    pub part: Part,
    /// The name of the tool or prompt, or the address of the resource, escaped.
    pub name: String,
    /// Where in the definition: a dotted path (`inputSchema.properties.to.description`), escaped; empty for the whole.
    pub path: String,
    /// What stood there, escaped: a text as it is, anything else as canonical JSON.
    pub old: Option<String>,
    /// What stands there now, escaped likewise.
    pub new: Option<String>,
}

/// Every difference between what was approved and what is declared now, by name and place.
#[must_use]
pub fn diff(old: &ToolSet, new: &ToolSet) -> Vec<Change> {
    let whole = |set: &ToolSet| -> BTreeMap<String, Value> {
        set.tools().map(|t: &Tool| (t.name().to_owned(), t.definition().clone())).collect()
    };
    let mut changes = Vec::new();
    named(Part::Tool, &whole(old), &whole(new), &mut changes);
    named(Part::Prompt, &old.prompts, &new.prompts, &mut changes);
    named(Part::Resource, &old.resources, &new.resources, &mut changes);
    named(Part::Template, &old.templates, &new.templates, &mut changes);
    changes
}

fn named(part: Part, old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>, out: &mut Vec<Change>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let mut walk = Walk { part, name: visible(name), path: Vec::new(), out };
        walk.compare(old.get(name), new.get(name));
    }
}

struct Walk<'a> {
    part: Part,
    name: String,
    path: Vec<String>,
    out: &'a mut Vec<Change>,
}

impl Walk<'_> {
    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    self.path.push(visible(key));
                    self.compare(a.get(key), b.get(key));
                    self.path.pop();
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                for i in 0..a.len().max(b.len()) {
                    self.path.push(format!("[{i}]"));
                    self.compare(a.get(i), b.get(i));
                    self.path.pop();
                }
            }
            // Compared as it is digested: 1 and 1.0 are one number.
            (Some(a), Some(b)) if canonical(a) == canonical(b) => {}
            (Some(_), Some(_)) => self.note(ChangeKind::Changed, old, new),
            (Some(_), None) => self.note(ChangeKind::Gone, old, None),
            (None, Some(_)) => self.note(ChangeKind::New, None, new),
            (None, None) => {}
        }
    }

    fn note(&mut self, kind: ChangeKind, old: Option<&Value>, new: Option<&Value>) {
        let part = match (self.part, self.path.first().map(String::as_str)) {
            (Part::Tool, Some(member)) => match member {
                "title" => Part::Title,
                "description" => Part::Description,
                "inputSchema" => Part::InputSchema,
                "outputSchema" => Part::OutputSchema,
                "annotations" => Part::Annotations,
                _ => Part::Other,
            },
            (part, _) => part,
        };
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        let (old, new) = (old.map(shown), new.map(shown));
        self.out.push(Change { kind, part, name: self.name.clone(), path, old, new });
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text),
        other => visible(&canonical(other)),
    }
}
