//! Events of a stream: one frame to its parts and back.
//!
//! ```text
//! frame --scan, table--> parts (texts by channel, pieces of calls, finish, usage)  --edits--> frame', or nothing
//! ```
//!
//! What always holds: without edits the frame's own bytes leave; with edits everything that no edit names keeps its
//! bytes; a field or event that the dialect's table does not know is refused by name; every string that a caller can
//! read is a part or a closed word.
//!
//! What it deliberately does not do: remember. Each event is read by itself, so whether a block that ends was a call,
//! or whether an event may follow another, is for the pipeline, which holds the stream's state.

use crate::error::read_error;
use crate::fault::{WireCode, WireError};
use crate::json::splice::{Patch, apply, bad};
use crate::json::{Doc, Tape, scan};
use crate::limits::Limits;
use crate::request::{bytes_of, quoted};
use crate::rows::Row;
use crate::span::{Issued, Span, Splice, Usage, Used};
use crate::sse::Frame;
use crate::table::{Table, Walked};
use bytes::Bytes;
use cordon_types::{Dialect, Direction, Feature, Operation, SpanKind};

/// One running text: its pieces belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel {
    /// Which choice of the answer.
    pub choice: u32,
    /// What the text is.
    pub kind: SpanKind,
    /// Anthropic: the content block. OpenAI: 0, or 1 for a second text of the same kind (`reasoning` beside
    /// `reasoning_content`, the transcript of audio beside `content`).
    pub block: u32,
}

/// One tool call of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey {
    /// Which choice of the answer.
    pub choice: u32,
    /// OpenAI: the call's `index`. Anthropic: the content block.
    pub index: u32,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A piece of a running text.
    Text {
        /// Which text.
        channel: Channel,
        /// The piece, decoded.
        text: String,
        /// Whether it may be rewritten.
        splice: Splice,
    },
    /// A text that comes whole.
    Whole {
        /// What it is.
        kind: SpanKind,
        /// The text, decoded.
        text: String,
        /// Whether it may be rewritten.
        splice: Splice,
        /// The table's row.
        path: &'static str,
    },
    /// A tool call begins. A second one for the same call is the upstream's mistake: clients disagree on what it means.
    CallName {
        /// Which call.
        call: CallKey,
        /// The tool.
        name: String,
    },
    /// A piece of a call's JSON arguments.
    CallArgs {
        /// Which call. May be a block that the provider runs: then no `CallName` came for it.
        call: CallKey,
        /// The piece.
        text: String,
    },
    /// A piece of a call with neither name nor arguments (its id, say): it goes or stays with the rest of the call.
    CallRest {
        /// Which call.
        call: CallKey,
    },
    /// A call is complete. Only for dialects whose events say so by themselves; a block's end does not (see the module).
    CallEnd {
        /// Which call.
        call: CallKey,
    },
    /// The provider runs, or ran, something on its own side.
    ProviderCall {
        /// What.
        feature: Feature,
    },
    /// A choice ends.
    Finish {
        /// Which choice.
        choice: u32,
        /// Whether it says that tools are to be called.
        tool_use: bool,
    },
    /// Tokens so far.
    Usage(Usage),
    /// A block or id that the provider issues.
    Issued(Issued),
    /// Something that cannot be inspected.
    Opaque(Used),
    /// The upstream's own error. The event's bytes are a stranger's, not to be passed on.
    Error {
        /// A word of a fixed list.
        kind: &'static str,
        /// The upstream's message, to be inspected.
        message: String,
    },
    /// The stream is complete.
    Terminal,
}

/// A change to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventEdit {
    /// A `Text`, `Whole` or `CallArgs` part gets this text.
    Text {
        /// Index into `Event::parts`.
        part: usize,
        /// The new text.
        new: String,
    },
    /// A piece of a call goes; what the agent reads instead stands on one of the call's pieces.
    DenyCall {
        /// Index into `Event::parts`, of a `CallName`, `CallArgs` or `CallEnd`.
        part: usize,
        /// Becomes text of the answer.
        notice: Option<String>,
    },
    /// The call's index becomes this one.
    Renumber {
        /// Index into `Event::parts`, of a `CallName`, `CallArgs` or `CallEnd`.
        part: usize,
        /// The new index.
        index: u32,
    },
    /// No call is left: the choice ends as an ordinary one does.
    FinishAsStop {
        /// Index into `Event::parts`, of a `Finish`.
        part: usize,
    },
}

/// Where a part stands: nodes of the tape, 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    /// The string that holds the text or word.
    pub(crate) text: u32,
    /// What goes when the call is denied.
    pub(crate) element: u32,
    /// The call's index.
    pub(crate) index: u32,
    /// OpenAI: the delta it stands in.
    pub(crate) holder: u32,
}

/// One event of a stream.
#[derive(Debug)]
pub struct Event {
    /// What it says: of each choice texts, then calls, then its end.
    pub parts: Vec<Part>,
    at: Vec<At>,
    op: Operation,
    frame: Frame,
    tape: Option<Tape>,
}

/// Parts as they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) parts: Vec<Part>,
    pub(crate) at: Vec<At>,
    /// Nodes whose text is a part already.
    taken: Vec<u32>,
}

impl Parts {
    pub(crate) fn push(&mut self, part: Part, at: At) {
        if at.text != 0 {
            self.taken.push(at.text);
        }
        self.parts.push(part);
        self.at.push(at);
    }

    /// The node's text is no part of its own.
    pub(crate) fn take(&mut self, node: u32) {
        self.taken.push(node);
    }

    /// What the walk saw and no part tells yet: short texts, issued blocks, features.
    fn rest(&mut self, walked: Walked, provider_side: bool) {
        for span in walked.spans {
            let node = span.node();
            if !self.taken.contains(&node) && !span.text.is_empty() {
                let Span { kind, text, path, splice, .. } = span;
                self.push(Part::Whole { kind, text, splice, path }, At { text: node, ..At::default() });
            }
        }
        for issued in walked.issued.into_iter().filter(|i| !i.digest_input.is_empty()) {
            self.push(Part::Issued(issued), At::default());
        }
        for used in walked.used {
            let part =
                if provider_side { Part::ProviderCall { feature: used.feature } } else { Part::Opaque(used) };
            self.push(part, At::default());
        }
    }
}

/// Reads one event. Errors when it is not JSON, not known to the dialect's table, or at odds with its own name.
pub fn parse_event(op: Operation, frame: Frame, limits: &Limits) -> Result<Event, WireError> {
    let mut parts = Parts::default();
    if !frame.aside.is_empty() {
        let (kind, splice) = (SpanKind::Metadata, Splice::Refuse("comment"));
        parts.push(Part::Whole { kind, text: frame.aside.clone(), splice, path: "" }, At::default());
    }
    let tape = if frame.is_comment() {
        None
    } else if dialect(op)? == Dialect::OpenaiChat && frame.data.as_ref() == b"[DONE]" {
        parts.push(Part::Terminal, At::default());
        None
    } else {
        Some(read(op, &frame, &mut parts, limits)?)
    };
    let Parts { parts, at, .. } = parts;
    Ok(Event { parts, at, op, frame, tape })
}

/// The dialect whose streams the operation has.
fn dialect(op: Operation) -> Result<Dialect, WireError> {
    match op {
        Operation::ChatCompletions => Ok(Dialect::OpenaiChat),
        Operation::Messages => Ok(Dialect::AnthropicMessages),
        _ => Err(WireError::new(WireCode::Unsupported, "this operation has no stream")),
    }
}

fn read(op: Operation, frame: &Frame, parts: &mut Parts, limits: &Limits) -> Result<Tape, WireError> {
    let tape = scan(&frame.data, limits)?;
    let doc = tape.over(&frame.data);
    match dialect(op)? {
        Dialect::OpenaiChat => {
            let failed = doc.given(0, "error").is_some();
            match frame.event.as_deref() {
                None | Some("message") => {}
                Some("error") if failed => {}
                Some(_) => return Err(broken("an event has a name that this stream does not use")),
            }
            if failed {
                parts.push(error_part(doc), At::default());
                return Ok(tape);
            }
            let walked = crate::openai::stream::TABLE.walk(doc, limits)?;
            crate::openai::stream::parts(doc, parts)?;
            parts.rest(walked, false);
        }
        Dialect::AnthropicMessages => {
            let name = doc.get(0, "type").and_then(|t| doc.string(t));
            if name.as_deref() != frame.event.as_deref() {
                return Err(broken("an event's name and its type are not the same"));
            }
            let walked = crate::anthropic::stream::TABLE.walk(doc, limits)?;
            if name.as_deref() == Some("error") {
                parts.push(error_part(doc), At::default());
                return Ok(tape);
            }
            let provider_side = crate::anthropic::stream::parts(doc, parts)?;
            parts.rest(walked, provider_side);
        }
    }
    Ok(tape)
}

fn error_part(doc: Doc<'_>) -> Part {
    let error = read_error(doc, 0, "upstream_error");
    Part::Error { kind: error.kind, message: error.message.unwrap_or_default() }
}

/// The upstream's stream makes no sense.
pub(crate) fn broken(why: &str) -> WireError {
    WireError::new(WireCode::BadStream, why)
}

/// The number in `object[key]`, as an index.
pub(crate) fn index_of(doc: Doc<'_>, object: u32) -> Result<(u32, u32), WireError> {
    let node = doc.get(object, "index").ok_or_else(|| broken("an index is missing"))?;
    let index = doc.unsigned(node).and_then(|n| u32::try_from(n).ok());
    Ok((index.ok_or_else(|| broken("an index is no small whole number"))?, node))
}

/// Edits, sorted by what they do.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// New texts, by the node of the string.
    pub(crate) texts: Vec<(u32, &'a str)>,
    /// New indexes, by the node of the number.
    pub(crate) numbers: Vec<(u32, u32)>,
    /// Pieces of calls that go.
    pub(crate) denied: Vec<(At, Option<&'a str>)>,
    /// Nodes of words that say that tools are to be called.
    pub(crate) stops: Vec<u32>,
}

/// What rendering makes of an event.
pub(crate) struct Rendered {
    /// Frames that go before it.
    pub(crate) before: String,
    /// Changes to it; nothing when it goes.
    pub(crate) patches: Option<Vec<Patch>>,
    /// Frames that follow it.
    pub(crate) after: String,
}

impl Event {
    /// The bytes as they came.
    #[must_use]
    pub fn raw(&self) -> Bytes {
        self.frame.raw.clone()
    }

    /// The bytes with these edits made; nothing when the edits leave nothing of the event. Without edits, the very
    /// same bytes. Errors (`BadEdit`) when an edit does not fit its part or changes what must not change.
    pub fn render(&self, edits: &[EventEdit]) -> Result<Option<Bytes>, WireError> {
        if edits.is_empty() {
            return Ok(Some(self.raw()));
        }
        let Some(tape) = &self.tape else { return Err(bad("this event has nothing to edit")) };
        let doc = tape.over(&self.frame.data);
        let plan = self.plan(edits)?;
        let rendered = match dialect(self.op)? {
            Dialect::OpenaiChat => crate::openai::stream::render(doc, &plan),
            Dialect::AnthropicMessages => crate::anthropic::stream::render(doc, &plan),
        };
        let mut out = rendered.before.into_bytes();
        if let Some(patches) = rendered.patches {
            out.extend_from_slice(&self.reframed(&apply(&self.frame.data, patches)?));
        }
        out.extend_from_slice(rendered.after.as_bytes());
        Ok(if out.is_empty() { None } else { Some(out.into()) })
    }

    fn plan<'a>(&self, edits: &'a [EventEdit]) -> Result<Plan<'a>, WireError> {
        let mut plan = Plan::default();
        let at = |part: &usize| match (self.parts.get(*part), self.at.get(*part)) {
            (Some(part), Some(at)) => Ok((part, *at)),
            _ => Err(bad("no such part")),
        };
        let of_call = |part: &Part| {
            matches!(
                part,
                Part::CallName { .. } | Part::CallArgs { .. } | Part::CallRest { .. } | Part::CallEnd { .. }
            )
        };
        for edit in edits {
            match edit {
                EventEdit::Text { part, new } => {
                    let (part, at) = at(part)?;
                    match part {
                        Part::Text { splice: Splice::Refuse(why), .. }
                        | Part::Whole { splice: Splice::Refuse(why), .. } => {
                            return Err(bad(&format!("this text must not change ({why})")));
                        }
                        Part::Text { .. } | Part::Whole { .. } | Part::CallArgs { .. } => {}
                        _ => return Err(bad("the part has no text to change")),
                    }
                    if plan.texts.iter().any(|(node, _)| *node == at.text) {
                        return Err(bad("edits overlap"));
                    }
                    plan.texts.push((at.text, new));
                }
                EventEdit::DenyCall { part, notice } => {
                    let (part, at) = at(part)?;
                    if !of_call(part) {
                        return Err(bad("the part is none of a call"));
                    }
                    plan.denied.push((at, notice.as_deref()));
                }
                EventEdit::Renumber { part, index } => {
                    let (part, at) = at(part)?;
                    if !of_call(part) || plan.numbers.iter().any(|&(node, n)| node == at.index && n != *index)
                    {
                        return Err(bad("the part is none of a call, or gets two indexes"));
                    }
                    if !plan.numbers.contains(&(at.index, *index)) {
                        plan.numbers.push((at.index, *index));
                    }
                }
                EventEdit::FinishAsStop { part } => match at(part)? {
                    (Part::Finish { tool_use, .. }, at) => {
                        if *tool_use && !plan.stops.contains(&at.text) {
                            plan.stops.push(at.text);
                        }
                    }
                    _ => return Err(bad("the part is no end of a choice")),
                },
            }
        }
        Ok(plan)
    }

    /// The frame with other data. One data line is changed in place; several are written anew, since line ends
    /// between them are not part of the JSON.
    fn reframed(&self, data: &[u8]) -> Vec<u8> {
        let raw = &self.frame.raw;
        let mut out = Vec::with_capacity(raw.len() + data.len());
        if let Some(span) = &self.frame.span
            && !data.contains(&b'\n')
        {
            out.extend_from_slice(raw.get(..span.start).unwrap_or(b""));
            out.extend_from_slice(data);
            out.extend_from_slice(raw.get(span.end..).unwrap_or(b"\n\n"));
            return out;
        }
        if let Some(event) = &self.frame.event {
            out.extend_from_slice(format!("event: {event}\n").as_bytes());
        }
        for line in data.split(|b| *b == b'\n') {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.push(b'\n');
        out
    }
}

/// Patches that are the same in each dialect. What stands within `gone` is left alone.
pub(crate) fn plain_patches(
    doc: Doc<'_>,
    plan: &Plan<'_>,
    stop: &str,
    gone: &dyn Fn(u32) -> bool,
) -> Vec<Patch> {
    let texts = plan.texts.iter().map(|(node, new)| (*node, quoted(new)));
    let numbers = plan.numbers.iter().map(|(node, n)| (*node, n.to_string()));
    let stops = plan.stops.iter().map(|node| (*node, quoted(stop)));
    let all = texts.chain(numbers).chain(stops).filter(|(node, _)| *node != 0 && !gone(*node));
    all.map(|(node, with)| Patch { range: bytes_of(doc, node, node), with }).collect()
}

/// An event of Cordon's own that adds text to a channel; ids and the like are those of `like`.
#[must_use]
pub fn text_event(op: Operation, like: &Event, channel: Channel, text: &str) -> Bytes {
    match op {
        Operation::Messages | Operation::CountTokens => {
            crate::anthropic::stream::text_event(channel, text).into()
        }
        _ => {
            let doc = like.tape.as_ref().map(|tape| tape.over(&like.frame.data));
            crate::openai::stream::text_event(doc, channel, text).into()
        }
    }
}

/// The rows of the streams' tables.
pub(crate) fn stream_rows() -> Vec<Row> {
    let of = |op: Operation, table: &Table| {
        let row = move |(path, is)| Row { op, direction: Direction::Answer, stream: true, path, is };
        table.rows().into_iter().map(row).collect::<Vec<_>>()
    };
    let mut rows = of(Operation::ChatCompletions, &crate::openai::stream::TABLE);
    rows.extend(of(Operation::Messages, &crate::anthropic::stream::TABLE));
    rows
}
