//! The texts of a definition, and what in them hides.
//!
//! Every string can reach a model: descriptions deep in schemas, names of properties, values of `default`, `enum` and
//! `examples`. So all are listed with their places, for whoever runs detectors, and looked at here for what no
//! definition needs.
//!
//! What always holds: each string of the definition, keys too, is in the list once. What it does not do: read language;
//! that is `detect`'s.

use super::Tool;
use crate::show::{Hidden, hidden, visible};
use serde_json::Value;

/// Longest description (of a tool or of a property) that is not remarkable, in characters.
pub const LONG_DESCRIPTION: usize = 4_000;
/// Longest text anywhere else.
pub const LONG_TEXT: usize = 400;

/// One text of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// Where: a dotted path, escaped (`inputSchema.properties.to.enum[1]`). The path of a key ends in the key.
    pub path: String,
    /// The text as it is, with whatever hides in it.
    pub text: &'a str,
    /// Whether it is the name of a member rather than a value.
    pub key: bool,
}

/// What is remarkable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignKind {
    /// Control characters, ANSI escape sequences among them.
    Control,
    /// Characters that reorder what is shown.
    Bidi,
    /// Characters that take no room.
    Invisible,
    /// Unicode tags or variation selectors in a row: a text that no font shows.
    Tag,
    /// Spaces that are not U+0020, private use, noncharacters.
    Odd,
    /// Far longer than its place needs.
    Long,
    /// Prose where a model reads it and people do not look: `default`, `const`, `enum`, `examples`, `title`, or the
    /// name of a member, inside a schema.
    Deep,
}

/// One remarkable thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What.
    pub kind: SignKind,
    /// Where, as in [`Text::path`].
    pub path: String,
    /// How many characters of that kind; the length for [`SignKind::Long`] and [`SignKind::Deep`].
    pub count: usize,
}

/// Every text of a definition, with its place.
#[must_use]
pub fn texts(definition: &Value) -> Vec<Text<'_>> {
    let mut out = Vec::new();
    walk(definition, String::new(), &mut out);
    out
}

fn walk<'a>(value: &'a Value, path: String, out: &mut Vec<Text<'a>>) {
    match value {
        Value::String(text) => out.push(Text { path, text, key: false }),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                walk(item, format!("{path}[{i}]"), out);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                let inner = format!("{path}{dot}{}", visible(key));
                out.push(Text { path: inner.clone(), text: key, key: true });
                walk(value, inner, out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What is remarkable in a tool's definition, by place.
#[must_use]
pub fn suspicious(tool: &Tool) -> Vec<Sign> {
    let mut signs = Vec::new();
    for text in texts(tool.definition()) {
        hiding(&text, &mut signs);
        let length = text.text.chars().count();
        let place = text.path.rsplit('.').next().unwrap_or_default();
        let described = !text.key && matches!(place, "description" | "$comment");
        if length > if described { LONG_DESCRIPTION } else { LONG_TEXT } {
            signs.push(Sign { kind: SignKind::Long, path: text.path.clone(), count: length });
        }
        if is_deep(&text) && is_prose(text.text) {
            signs.push(Sign { kind: SignKind::Deep, path: text.path.clone(), count: length });
        }
    }
    signs
}

fn hiding(text: &Text<'_>, signs: &mut Vec<Sign>) {
    let mut counts = [0_usize; 5];
    const KINDS: [SignKind; 5] =
        [SignKind::Control, SignKind::Bidi, SignKind::Invisible, SignKind::Tag, SignKind::Odd];
    let mut last = ' ';
    for c in text.text.chars() {
        let slot = match hidden(c) {
            // Descriptions have lines; names have none.
            Some(Hidden::Control) if matches!(c, '\n' | '\t' | '\r') && !text.key => None,
            // One selector after a visible character is how emoji are written.
            Some(Hidden::Tag) if matches!(c, '\u{fe00}'..='\u{fe0f}') && hidden(last).is_none() => None,
            // Families of emoji, and several scripts, join with it.
            Some(Hidden::Invisible) if c == '\u{200d}' && !last.is_ascii() => None,
            Some(Hidden::Control) => Some(0),
            Some(Hidden::Bidi) => Some(1),
            Some(Hidden::Invisible) => Some(2),
            Some(Hidden::Tag) => Some(3),
            Some(Hidden::Space | Hidden::Private) => Some(4),
            None => None,
        };
        if let Some(count) = slot.and_then(|s| counts.get_mut(s)) {
            *count += 1;
        }
        last = c;
    }
    for (kind, count) in KINDS.into_iter().zip(counts).filter(|(_, n)| *n > 0) {
        signs.push(Sign { kind, path: text.path.clone(), count });
    }
}

/// Inside a schema, at a place that clients pass to a model and seldom show.
fn is_deep(text: &Text<'_>) -> bool {
    let in_schema = text.path.starts_with("inputSchema.") || text.path.starts_with("outputSchema.");
    let step = |s: &str| s.split('[').next().unwrap_or_default().to_owned();
    let quiet = ["default", "const", "enum", "examples", "example", "title", "pattern", "format"];
    in_schema && (text.key || text.path.split('.').skip(1).any(|s| quiet.contains(&step(s).as_str())))
}

/// Five words or more: a sentence rather than a value.
fn is_prose(text: &str) -> bool {
    let words = text.split_whitespace().filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() > 1);
    words.take(5).count() == 5
}
