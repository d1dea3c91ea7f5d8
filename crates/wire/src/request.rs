//! Requests: read once, rendered with edits.
//!
//! What always holds: `render` without edits gives back the very bytes that were read. What it does not do: know
//! whether the caller may do any of it.

use crate::arguments::{inner_patches, patches};
use crate::fault::{WireCode, WireError};
use crate::json::splice::{Patch, apply, bad, within_string};
use crate::json::{Doc, Tape, escape_into, scan};
use crate::limits::Limits;
use crate::span::{Issued, Span, Splice, TextEdit, Used};
use bytes::Bytes;
use cordon_types::{Feature, Operation};
use std::ops::Range;

/// A tool that the request offers to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name, as the model calls it.
    pub name: String,
    /// Who runs it, and how its input looks.
    pub kind: ToolKind,
    pub(crate) node: u32,
}

/// Who runs a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// The caller, with JSON arguments.
    Function,
    /// The caller, with free-form input.
    Custom,
    /// A type of the provider's own.
    Provider(Feature),
}

/// A tool choice that leaves the model no way but to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Some tool.
    Any,
    /// This tool.
    Named(String),
}

/// What a dialect reads out of a request by name.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) include_usage: bool,
    pub(crate) strict_output: bool,
    pub(crate) choices: u32,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) user_turns: u32,
    pub(crate) tools: Vec<Tool>,
    pub(crate) forced_tool: Option<Forced>,
    pub(crate) store: bool,
}

/// A request that its dialect's table has taken.
#[derive(Debug)]
pub struct Request {
    /// The model's name as the caller wrote it.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the stream is asked to end with usage (OpenAI).
    pub include_usage: bool,
    /// Every text, in document order.
    pub spans: Vec<Span>,
    /// Tools offered.
    pub tools: Vec<Tool>,
    /// Whether the model must call a tool.
    pub forced_tool: Option<Forced>,
    /// Whether the answer must be JSON: text cannot stand in for it.
    pub strict_output: bool,
    /// Features in use; one used twice stands twice.
    pub features: Vec<Used>,
    /// Provider-issued blocks and ids that the caller plays back.
    pub issued: Vec<Issued>,
    /// How many answers are asked for.
    pub choices: u32,
    /// The most tokens of each answer.
    pub max_output_tokens: Option<u64>,
    /// How many messages are the user's own.
    pub user_turns: u32,
    /// Whether the provider is asked (or, by null, left) to store the exchange.
    pub store: bool,
    body: Bytes,
    tape: Tape,
}

/// A change to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEdit {
    /// Replaces parts of a span's text.
    Text {
        /// Index into `Request::spans`.
        span: usize,
        /// Bytes of the span's text, and what to put there.
        edits: Vec<TextEdit>,
    },
    /// Takes the tool of this index out of the offer.
    RemoveTool(usize),
    /// Puts another model's name in.
    SetModel(String),
    /// Forbids the provider to store the exchange.
    StoreOff,
    /// Caps the answer's tokens where the request names no cap of its own (OpenAI: `max_completion_tokens`).
    CapOutput(u64),
}

/// Reads a request. Linear in the body; see [`crate::json::scan`] and [`crate::table`] for what is refused.
pub fn parse_request(op: Operation, body: Bytes, limits: &Limits) -> Result<Request, WireError> {
    let (table, facts): (_, fn(Doc<'_>) -> Facts) = match op {
        Operation::ChatCompletions => (&*crate::openai::request::TABLE, crate::openai::request::facts),
        Operation::Messages => (&*crate::anthropic::request::TABLE, crate::anthropic::request::facts),
        Operation::CountTokens => {
            (&*crate::anthropic::request::COUNT_TABLE, crate::anthropic::request::facts)
        }
        _ => {
            return Err(WireError::new(WireCode::Unsupported, "this operation takes no body"));
        }
    };
    let tape = scan(&body, limits)?;
    let doc = tape.over(&body);
    let walked = table.walk(doc, limits)?;
    let facts = facts(doc);
    let model = doc.get(0, "model").map(|m| doc.text(m).into_owned()).unwrap_or_default();
    let stream = doc.get(0, "stream").and_then(|s| doc.boolean(s)).unwrap_or(false);
    Ok(Request {
        model,
        stream,
        include_usage: facts.include_usage,
        spans: walked.spans,
        tools: facts.tools,
        forced_tool: facts.forced_tool,
        strict_output: facts.strict_output,
        features: walked.used,
        issued: walked.issued,
        choices: facts.choices,
        max_output_tokens: facts.max_output_tokens,
        user_turns: facts.user_turns,
        store: facts.store,
        body,
        tape,
    })
}

/// How many messages have one of these roles.
pub(crate) fn turns(doc: Doc<'_>, messages: u32, roles: &[&str]) -> u32 {
    let of = |m: &u32| doc.get(*m, "role").is_some_and(|r| roles.contains(&doc.text(r).as_ref()));
    u32::try_from(doc.items(messages).filter(of).count()).unwrap_or(u32::MAX)
}

impl Request {
    /// The bytes as they came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes with these edits made. Without edits, the very same bytes. Errors (`BadEdit`) when an edit is
    /// out of range, overlaps another, cuts a character, or is of a text that must not change.
    pub fn render(&self, edits: &[RequestEdit]) -> Result<Bytes, WireError> {
        if edits.is_empty() {
            return Ok(self.body.clone());
        }
        let doc = self.tape.over(&self.body);
        let mut all = Vec::new();
        let mut removed = vec![false; self.tools.len()];
        let mut texts = Vec::new();
        for edit in edits {
            match edit {
                RequestEdit::Text { span, edits } => {
                    texts.push((self.spans.get(*span).ok_or_else(|| bad("no such span"))?, edits.as_slice()));
                }
                RequestEdit::RemoveTool(tool) => {
                    *removed.get_mut(*tool).ok_or_else(|| bad("no such tool"))? = true;
                }
                RequestEdit::SetModel(name) => all.extend(self.replace("model", &quoted(name))),
                RequestEdit::StoreOff => all.extend(self.replace("store", "false")),
                RequestEdit::CapOutput(cap) => {
                    // A request is never an empty object here (`model` is required), so a comma belongs behind.
                    let start = doc.node(0).start as usize + 1;
                    let with = format!("\"max_completion_tokens\":{cap},");
                    all.push(Patch { range: start..start, with });
                }
            }
        }
        let gone = remove_tools(doc, &self.tools, &removed);
        // A text inside what is taken out needs no edit.
        texts.retain(|(span, _)| {
            let start = doc.node(span.at.node).start as usize;
            !gone.iter().any(|p| p.range.contains(&start))
        });
        all.extend(gone);
        all.extend(text_patches(doc, &texts)?);
        Ok(apply(&self.body, all)?.into())
    }

    fn replace(&self, key: &str, with: &str) -> Option<Patch> {
        let doc = self.tape.over(&self.body);
        let node = doc.node(doc.get(0, key)?);
        Some(Patch { range: node.start as usize..node.end as usize, with: with.to_owned() })
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    escape_into(text, &mut out);
    out.push('"');
    out
}

/// Patches for edits of spans: those within one outer string are gathered, since they share its escapes.
pub(crate) fn text_patches(doc: Doc<'_>, texts: &[(&Span, &[TextEdit])]) -> Result<Vec<Patch>, WireError> {
    let mut by_node: Vec<(u32, Vec<Patch>)> = Vec::new();
    for (span, edits) in texts {
        if let Splice::Refuse(why) = span.splice {
            return Err(bad(&format!("this text must not change ({why})")));
        }
        let decoded = match span.at.inner {
            Some(_) => inner_patches(span, &doc.text(span.at.node), edits)?,
            None => patches(edits),
        };
        by_node.push((span.at.node, decoded));
    }
    by_node.sort_by_key(|(node, _)| *node);
    let mut all = Vec::new();
    for group in by_node.chunk_by(|a, b| a.0 == b.0) {
        let Some((node, _)) = group.first() else { continue };
        let edits = group.iter().flat_map(|(_, p)| p.clone()).collect();
        let at = doc.node(*node);
        let raw = doc.raw(*node);
        let content = raw.get(1..raw.len().saturating_sub(1)).unwrap_or(b"");
        let content = std::str::from_utf8(content).unwrap_or("");
        all.extend(within_string(content, at.start as usize + 1, edits)?);
    }
    Ok(all)
}

/// Takes tools out of the offer; with none left, the offer itself and what only makes sense beside one.
fn remove_tools(doc: Doc<'_>, tools: &[Tool], removed: &[bool]) -> Vec<Patch> {
    if !removed.contains(&true) {
        return Vec::new();
    }
    if removed.contains(&false) {
        let items: Vec<_> = tools.iter().map(|t| bytes_of(doc, t.node, t.node)).collect();
        return remove(&items, removed);
    }
    let members: Vec<_> = doc.members(0).collect();
    let spans: Vec<_> = members.iter().map(|&(k, v)| bytes_of(doc, k, v)).collect();
    let out = |k: u32| matches!(doc.text(k).as_ref(), "tools" | "tool_choice" | "parallel_tool_calls");
    let removed: Vec<_> = members.iter().map(|&(k, _)| out(k)).collect();
    remove(&spans, &removed)
}

/// From the first byte of one node to the last of another.
pub(crate) fn bytes_of(doc: Doc<'_>, first: u32, last: u32) -> Range<usize> {
    doc.node(first).start as usize..doc.node(last).end as usize
}

/// Removes elements of a comma-separated list, each with one comma.
pub(crate) fn remove(elements: &[Range<usize>], removed: &[bool]) -> Vec<Patch> {
    let mut out = Vec::new();
    let mut kept_before = false;
    for (i, (element, &gone)) in elements.iter().zip(removed).enumerate() {
        if !gone {
            kept_before = true;
            continue;
        }
        let before = i.checked_sub(1).and_then(|p| elements.get(p)).map_or(element.start, |p| p.end);
        let after = elements.get(i + 1).map_or(element.end, |n| n.start);
        let range = if kept_before { before..element.end } else { element.start..after };
        out.push(Patch { range, with: String::new() });
    }
    out
}
