//! Whole answers: read once, rendered with edits.
//!
//! What always holds: `render` without edits gives back the very bytes that were read; a denied call leaves
//! an answer that the official clients still parse. What it does not do: streams.

use crate::fault::{WireCode, WireError};
use crate::json::splice::{Patch, apply, bad};
use crate::json::{Doc, Kind, Tape, escape_into, scan};
use crate::limits::Limits;
use crate::request::{bytes_of, quoted, remove, text_patches};
use crate::span::{Issued, Span, TextEdit, Usage, Used};
use crate::table::{Rule, Table};
use bytes::Bytes;
use cordon_types::{Dialect, Feature, Operation, SpanKind};
use std::ops::Range;
use std::sync::LazyLock;

/// A tool call of the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which choice it stands in.
    pub choice: u32,
    /// Its place among the choice's calls (OpenAI) or content blocks (Anthropic).
    pub index: u32,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, or a custom tool's free text.
    pub arguments: String,
    /// Whether they are one JSON object without duplicate keys. Never for a custom tool.
    pub arguments_ok: bool,
    /// The strings and keys of the arguments, as indexes into `Answer::spans`.
    pub spans: Range<usize>,
    /// Set when the provider runs the tool itself.
    pub provider_side: Option<Feature>,
    pub(crate) node: u32,
    pub(crate) arguments_node: u32,
    /// The choice it stands in; the root where there are no choices.
    pub(crate) holder: u32,
}

/// An answer that its dialect's table has taken.
#[derive(Debug)]
pub struct Answer {
    /// Every text, in document order.
    pub spans: Vec<Span>,
    /// Every tool call, the provider's own included.
    pub calls: Vec<Call>,
    /// Tokens.
    pub usage: Usage,
    /// What was not inspected, or was done on the provider's side.
    pub opaque: Vec<Used>,
    /// Blocks and ids that the provider issues with this answer.
    pub issued: Vec<Issued>,
    dialect: Dialect,
    body: Bytes,
    tape: Tape,
}

/// A change to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerEdit {
    /// Replaces parts of a span's text.
    Text {
        /// Index into `Answer::spans`.
        span: usize,
        /// Bytes of the span's text, and what to put there.
        edits: Vec<TextEdit>,
    },
    /// Takes a call out and says so in its place.
    DenyCall {
        /// Index into `Answer::calls`.
        call: usize,
        /// What the agent reads instead.
        notice: String,
    },
}

/// What a dialect reads out of an answer by name.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) calls: Vec<Call>,
    pub(crate) usage: Usage,
    /// Nodes of the choices, with their index.
    pub(crate) choices: Vec<(u32, u32)>,
}

/// The lists of models of all dialects: looked through, not understood.
pub(crate) static MODELS: LazyLock<Table> = LazyLock::new(|| Table::build(&Rule::Open, SpanKind::Metadata));

/// Reads a whole answer. Linear in the body; see [`crate::json::scan`] and [`crate::table`] for what is refused.
pub fn parse_answer(op: Operation, body: Bytes, limits: &Limits) -> Result<Answer, WireError> {
    let tape = scan(&body, limits)?;
    let doc = tape.over(&body);
    let (dialect, table): (_, &Table) = match op {
        Operation::ChatCompletions => (Dialect::OpenaiChat, &crate::openai::answer::TABLE),
        Operation::Messages => (Dialect::AnthropicMessages, &crate::anthropic::answer::TABLE),
        Operation::CountTokens => (Dialect::AnthropicMessages, &crate::anthropic::answer::COUNT_TABLE),
        _ => (Dialect::OpenaiChat, &MODELS),
    };
    let mut walked = table.walk(doc, limits)?;
    let mut found = match op {
        Operation::ChatCompletions => crate::openai::answer::found(doc, limits),
        Operation::Messages | Operation::CountTokens => crate::anthropic::answer::found(doc),
        _ => Found::default(),
    };
    let mut seen: Vec<u32> = found.choices.iter().map(|c| c.1).collect();
    seen.sort_unstable();
    if seen.windows(2).any(|w| matches!(w, [a, b] if a == b)) {
        return Err(WireError::new(WireCode::Unsupported, "two choices have the same index").under("choices"));
    }
    for &(node, index) in &found.choices {
        let range = below(doc, &walked.spans, node);
        walked.spans.get_mut(range).into_iter().flatten().for_each(|s| s.choice = index);
    }
    for call in &mut found.calls {
        call.spans = below(doc, &walked.spans, call.arguments_node);
    }
    Ok(Answer {
        spans: walked.spans,
        calls: found.calls,
        usage: found.usage,
        opaque: walked.used,
        issued: walked.issued,
        dialect,
        body,
        tape,
    })
}

/// The spans at or below a node. Spans stand in document order, as nodes do.
fn below(doc: Doc<'_>, spans: &[Span], node: u32) -> Range<usize> {
    let end = doc.node(node).next;
    spans.partition_point(|s| s.node() < node)..spans.partition_point(|s| s.node() < end)
}

impl Answer {
    /// The bytes as they came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes with these edits made. Without edits, the very same bytes. Errors (`BadEdit`) as for requests.
    pub fn render(&self, edits: &[AnswerEdit]) -> Result<Bytes, WireError> {
        if edits.is_empty() {
            return Ok(self.body.clone());
        }
        let doc = self.tape.over(&self.body);
        let mut texts = Vec::new();
        let mut denied: Vec<Option<&str>> = vec![None; self.calls.len()];
        for edit in edits {
            match edit {
                AnswerEdit::Text { span, edits } => {
                    texts.push((self.spans.get(*span).ok_or_else(|| bad("no such span"))?, edits.as_slice()));
                }
                AnswerEdit::DenyCall { call, notice } => {
                    *denied.get_mut(*call).ok_or_else(|| bad("no such call"))? = Some(notice);
                }
            }
        }
        let within = |node: u32| {
            self.calls
                .iter()
                .zip(&denied)
                .any(|(c, d)| d.is_some() && (c.node..doc.node(c.node).next).contains(&node))
        };
        // A text inside a call that goes needs no edit.
        texts.retain(|(span, _)| !within(span.node()));
        let mut all = text_patches(doc, &texts)?;
        match self.dialect {
            Dialect::OpenaiChat => self.deny_openai(doc, &denied, &mut all),
            Dialect::AnthropicMessages => self.deny_anthropic(doc, &denied, &mut all),
        }
        Ok(apply(&self.body, all)?.into())
    }

    /// A block of text in the call's place.
    fn deny_anthropic(&self, doc: Doc<'_>, denied: &[Option<&str>], all: &mut Vec<Patch>) {
        let mut left = false;
        for (call, notice) in self.calls.iter().zip(denied) {
            match notice {
                None => left |= call.provider_side.is_none(),
                Some(notice) => all.push(Patch {
                    range: bytes_of(doc, call.node, call.node),
                    with: format!("{{\"type\":\"text\",\"text\":{}}}", quoted(notice)),
                }),
            }
        }
        if !left && denied.iter().any(Option::is_some) {
            all.extend(replace_word(doc, 0, "stop_reason", "tool_use", "end_turn"));
        }
    }

    /// The call leaves `tool_calls`; its notice goes to the end of `content`.
    fn deny_openai(&self, doc: Doc<'_>, denied: &[Option<&str>], all: &mut Vec<Patch>) {
        let calls: Vec<_> = self.calls.iter().zip(denied).collect();
        for group in calls.chunk_by(|a, b| a.0.holder == b.0.holder) {
            let notices: Vec<&str> = group.iter().filter_map(|(_, notice)| **notice).collect();
            let Some((first, _)) = group.first().filter(|_| !notices.is_empty()) else { continue };
            let Some(message) = doc.get(first.holder, "message") else { continue };
            let none_left = notices.len() == group.len();
            if none_left {
                let members: Vec<_> = doc.members(message).collect();
                let ranges: Vec<_> = members.iter().map(|&(k, v)| bytes_of(doc, k, v)).collect();
                let gone: Vec<_> = members.iter().map(|&(k, _)| doc.text(k) == "tool_calls").collect();
                all.extend(remove(&ranges, &gone));
                all.extend(replace_word(doc, first.holder, "finish_reason", "tool_calls", "stop"));
            } else {
                let ranges: Vec<_> = group.iter().map(|(c, _)| bytes_of(doc, c.node, c.node)).collect();
                let gone: Vec<_> = group.iter().map(|(_, notice)| notice.is_some()).collect();
                all.extend(remove(&ranges, &gone));
            }
            all.push(say(doc, message, &notices.join("\n"), none_left));
        }
    }
}

/// Puts a notice at the end of a message's `content`, or makes one of it.
fn say(doc: Doc<'_>, message: u32, notice: &str, no_calls_left: bool) -> Patch {
    let content = doc.get(message, "content");
    match content.filter(|&c| doc.kind(c) == Kind::String) {
        Some(text) => {
            let end = (doc.node(text).end as usize).saturating_sub(1);
            let mut with = String::new();
            if !doc.text(text).is_empty() {
                with.push_str("\\n\\n");
            }
            escape_into(notice, &mut with);
            Patch { range: end..end, with }
        }
        None => match content {
            Some(null) => Patch { range: bytes_of(doc, null, null), with: quoted(notice) },
            None => {
                // At the front of the object; a comma only where another member stays.
                let start = doc.node(message).start as usize + 1;
                let stays =
                    doc.members(message).any(|(k, _)| !(no_calls_left && doc.text(k) == "tool_calls"));
                let comma = if stays { "," } else { "" };
                Patch { range: start..start, with: format!("\"content\":{}{comma}", quoted(notice)) }
            }
        },
    }
}

/// Replaces a member's word by another, if it is that word.
fn replace_word(doc: Doc<'_>, object: u32, key: &str, from: &str, to: &str) -> Option<Patch> {
    let node = doc.get(object, key).filter(|&n| doc.text(n) == from)?;
    Some(Patch { range: bytes_of(doc, node, node), with: quoted(to) })
}
