//! Changes to parts of a read text: what is not changed keeps its bytes, what stands around a change keeps its order.
//!
//! Time is linear in the text: containers without a change below them are copied whole.

use crate::fault::WireError;
use crate::json::splice::{self, Patch, within_string};
use crate::json::{Doc, Kind, escape_into};
use std::collections::{BTreeMap, BTreeSet};

/// What is to change, by node.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    replace: BTreeMap<u32, String>,
    drop: BTreeSet<u32>,
    add: BTreeMap<u32, Vec<(String, String)>>,
}

impl Edits {
    /// Puts this JSON text in the place of value `node`.
    pub fn replace(&mut self, node: u32, json: impl Into<String>) {
        self.replace.insert(node, json.into());
    }

    /// Takes out value `node` of an array, or of an object together with its key.
    pub fn drop(&mut self, node: u32) {
        self.drop.insert(node);
    }

    /// Adds a member at the end of object `node`; in its place where it has that key already.
    pub fn set(&mut self, doc: Doc<'_>, node: u32, key: &str, json: impl Into<String>) {
        match doc.get(node, key) {
            Some(value) => self.replace(value, json),
            None => self.add.entry(node).or_default().push((key.to_owned(), json.into())),
        }
    }

    /// Takes a member of object `node` out, if it is there.
    pub fn unset(&mut self, doc: Doc<'_>, node: u32, key: &str) {
        self.drop.extend(doc.get(node, key));
    }

    /// Replaces ranges of the decoded text of string `node`.
    pub fn text(
        &mut self,
        doc: Doc<'_>,
        node: u32,
        edits: Vec<(std::ops::Range<usize>, String)>,
    ) -> Result<(), WireError> {
        let raw = std::str::from_utf8(doc.raw(node)).unwrap_or("\"\"");
        let content = raw.get(1..raw.len().saturating_sub(1)).unwrap_or("");
        let edits = edits.into_iter().map(|(range, with)| Patch { range, with }).collect();
        let patched = splice::apply(raw.as_bytes(), within_string(content, 1, edits)?)?;
        let text = String::from_utf8(patched).map_err(|_| splice::bad("an edit cuts a character"))?;
        self.replace(node, text);
        Ok(())
    }

    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replace.is_empty() && self.drop.is_empty() && self.add.is_empty()
    }

    fn touches(&self, from: u32, to: u32) -> bool {
        self.replace.range(from..to).next().is_some()
            || self.drop.range(from..to).next().is_some()
            || self.add.range(from..to).next().is_some()
    }
}

/// The JSON text of `node` with the edits.
#[must_use]
pub fn render(doc: Doc<'_>, node: u32, edits: &Edits) -> String {
    let mut out = String::with_capacity(doc.raw(node).len() + 64);
    write(doc, node, edits, &mut out);
    out
}

/// The depth of recursion is the text's own, which the scanner has bounded.
fn write(doc: Doc<'_>, node: u32, edits: &Edits, out: &mut String) {
    if let Some(json) = edits.replace.get(&node) {
        out.push_str(json);
        return;
    }
    let n = doc.node(node);
    if !edits.touches(node, n.next) {
        out.push_str(std::str::from_utf8(doc.raw(node)).unwrap_or("null"));
        return;
    }
    let mut first = true;
    let mut comma = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
    };
    match n.kind {
        Kind::Object => {
            out.push('{');
            for (key, value) in doc.members(node).filter(|(_, v)| !edits.drop.contains(v)) {
                comma(out);
                out.push_str(std::str::from_utf8(doc.raw(key)).unwrap_or("\"\""));
                out.push(':');
                write(doc, value, edits, out);
            }
            for (key, json) in edits.add.get(&node).into_iter().flatten() {
                comma(out);
                out.push('"');
                escape_into(key, out);
                out.push_str("\":");
                out.push_str(json);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for item in doc.items(node).filter(|i| !edits.drop.contains(i)) {
                comma(out);
                write(doc, item, edits, out);
            }
            out.push(']');
        }
        _ => out.push_str(std::str::from_utf8(doc.raw(node)).unwrap_or("null")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan;
    use crate::limits::Limits;

    fn check(text: &str, edit: impl Fn(Doc<'_>, &mut Edits), expected: &str) {
        let tape = scan(text.as_bytes(), &Limits::default()).unwrap();
        let doc = Doc::new(text.as_bytes(), &tape);
        let mut edits = Edits::default();
        edit(doc, &mut edits);
        let rendered = render(doc, 0, &edits);
        assert_eq!(rendered, expected);
        scan(rendered.as_bytes(), &Limits::default()).unwrap();
    }

    #[test]
    fn what_is_not_edited_keeps_its_bytes() {
        let text = r#"{ "a" : [1, 2 ,3], "b":{"c" : 1.50} }"#;
        check(text, |_, _| {}, text);
        check(text, |d, e| e.unset(d, 0, "a"), r#"{"b":{"c" : 1.50}}"#);
        check(text, |d, e| e.set(d, 0, "z", "0"), r#"{"a":[1, 2 ,3],"b":{"c" : 1.50},"z":0}"#);
        check(text, |d, e| e.set(d, 0, "b", "0"), r#"{"a":[1, 2 ,3],"b":0}"#);
        let second = |d: Doc<'_>| d.items(d.get(0, "a").unwrap()).nth(1).unwrap();
        check(text, |d, e| e.drop(second(d)), r#"{"a":[1,3],"b":{"c" : 1.50}}"#);
        check("{}", |d, e| e.set(d, 0, "a\"", "[]"), r#"{"a\"":[]}"#);
        check(r#"{"a":1}"#, |d, e| e.unset(d, 0, "a"), "{}");
    }

    #[test]
    fn texts_are_edited_as_they_read() {
        let mask = |d: Doc<'_>, e: &mut Edits| e.text(d, 2, vec![(2..4, "[X]\"".to_owned())]).unwrap();
        check(r#"{"a":"\u00e9ab\n"}"#, mask, r#"{"a":"\u00e9[X]\"\n"}"#);
    }
}
