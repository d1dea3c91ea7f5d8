//! The arguments of a tool call: one JSON object, as text.

use crate::fault::WireCode;
use crate::fault::WireError;
use crate::json::splice::{Patch, apply, bad, within_string};
use crate::json::{Kind, scan};
use crate::limits::Limits;
use crate::span::{Place, Span, Splice, TextEdit};
use crate::table::inner_spans;
use cordon_types::SpanKind;

/// The path of every span in arguments that stand alone.
const PATH: &str = "arguments";

/// The strings of a call's arguments. Numbers, booleans and nulls carry no text; a predicate reads them from
/// the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Strings (which may change) and keys (which must not), in document order.
    pub spans: Vec<Span>,
    text: String,
}

/// Reads a call's arguments. They must be one JSON object; empty text stands for an empty one, as providers
/// send for tools without parameters.
pub fn parse_arguments(text: &str, limits: &Limits) -> Result<Arguments, WireError> {
    if text.trim_ascii().is_empty() {
        return Ok(Arguments { spans: Vec::new(), text: text.to_owned() });
    }
    let tape = scan(text.as_bytes(), limits)?;
    if tape.over(text.as_bytes()).kind(0) != Kind::Object {
        return Err(WireError::new(WireCode::WrongType, "the arguments of a call must be a JSON object"));
    }
    let inner = inner_spans(text, limits).unwrap_or_default();
    let spans = inner.into_iter().map(|(text, range, splice)| Span {
        kind: SpanKind::ToolCall,
        text,
        path: PATH,
        splice,
        choice: 0,
        at: Place { node: 0, inner: Some(range) },
    });
    Ok(Arguments { spans: spans.collect(), text: text.to_owned() })
}

impl Arguments {
    /// The arguments with these parts replaced; everything else keeps its bytes.
    pub fn render(&self, edits: &[(usize, Vec<TextEdit>)]) -> Result<String, WireError> {
        let mut patches = Vec::new();
        for (span, edits) in edits {
            let span = self.spans.get(*span).ok_or_else(|| bad("no such span"))?;
            patches.extend(inner_patches(span, &self.text, edits)?);
        }
        let bytes = apply(self.text.as_bytes(), patches)?;
        String::from_utf8(bytes).map_err(|_| bad("an edit cuts a character"))
    }
}

/// Edits of an inner span, as patches of the JSON text it stands in.
pub(crate) fn inner_patches(span: &Span, text: &str, edits: &[TextEdit]) -> Result<Vec<Patch>, WireError> {
    if let Splice::Refuse(why) = span.splice {
        return Err(bad(&format!("this text must not change ({why})")));
    }
    let Some(range) = &span.at.inner else { return Err(bad("the span is no inner one")) };
    let content = range.start + 1..range.end.saturating_sub(1);
    let raw = text.get(content.clone()).ok_or_else(|| bad("the span is out of range"))?;
    within_string(raw, content.start, patches(edits))
}

/// A caller's edits as patches of the decoded text.
pub(crate) fn patches(edits: &[TextEdit]) -> Vec<Patch> {
    edits.iter().map(|(range, with)| Patch { range: range.clone(), with: with.clone() }).collect()
}
