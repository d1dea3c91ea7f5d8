//! Scripted model answers, whole and streamed, and the cutting of streams.
//!
//! ```text
//! Script --whole()--> the body of an answer        --stream(cuts)--> the same answer as events, cut into deltas
//! stream bytes --chunks(cuts)--> what a transport might bring
//! ```
//! What always holds: for any cuts, `stream` adds up to what `whole` says. What it does not do: make invalid
//! answers; tests write those themselves.

use cordon_types::Dialect;
use serde_json::{Value, json};

/// One piece of a choice, in the order in which the model says it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Words to the user.
    Content(String),
    /// Reasoning that the wire shows.
    Reasoning(String),
    /// A refusal (OpenAI only; skipped elsewhere).
    Refusal(String),
    /// A tool call: the tool and its arguments.
    Call(String, String),
}

/// An answer of a model that does as it is told.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The choices; Anthropic's dialect has the first alone.
    pub choices: Vec<Vec<Piece>>,
}

/// Decides every cut, from numbers that are used one after another and again from the start.
#[derive(Clone, Debug)]
pub struct Cuts {
    numbers: Vec<u8>,
    at: usize,
}

impl Cuts {
    /// Cuts by these numbers; none of them: no cut at all.
    #[must_use]
    pub fn new(numbers: Vec<u8>) -> Self {
        Self { numbers, at: 0 }
    }

    /// The next number below `below`; without numbers, 0.
    pub fn pick(&mut self, below: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at = if self.at + 1 < self.numbers.len() { self.at + 1 } else { 0 };
        usize::from(number).checked_rem(below).unwrap_or(0)
    }

    /// A text in pieces, cut between characters. An empty text is one empty piece.
    pub fn text<'t>(&mut self, mut text: &'t str) -> Vec<&'t str> {
        let mut out = Vec::new();
        while !self.numbers.is_empty() && !text.is_empty() {
            let mut cut = 1 + self.pick(12);
            while cut < text.len() && !text.is_char_boundary(cut) {
                cut += 1;
            }
            let (piece, rest) = text.split_at_checked(cut).unwrap_or((text, ""));
            out.push(piece);
            text = rest;
        }
        if !text.is_empty() || out.is_empty() {
            out.push(text);
        }
        out
    }
}

/// Bytes in chunks, cut anywhere, within characters too. Chunks may be empty.
#[must_use]
pub fn chunks<'b>(bytes: &'b [u8], cuts: &mut Cuts) -> Vec<&'b [u8]> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !cuts.numbers.is_empty() && !rest.is_empty() {
        let cut = if cuts.at == 0 { 1 + cuts.pick(200) } else { cuts.pick(200) };
        let (chunk, after) = rest.split_at_checked(cut).unwrap_or((rest, b""));
        out.push(chunk);
        rest = after;
    }
    out.push(rest);
    out
}

impl Script {
    /// The body of the whole answer.
    #[must_use]
    pub fn whole(&self, dialect: Dialect) -> Vec<u8> {
        match dialect {
            Dialect::OpenaiChat | Dialect::Mcp => {
                let choices: Vec<Value> =
                    self.choices.iter().enumerate().map(|(at, pieces)| choice(at, pieces)).collect();
                json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                       "choices": choices,
                       "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
            }
            Dialect::AnthropicMessages => {
                let pieces = self.choices.first().map(Vec::as_slice).unwrap_or_default();
                let blocks: Vec<Value> = pieces.iter().enumerate().filter_map(block).collect();
                json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks,
                       "stop_reason": stop(pieces, "tool_use", "end_turn"), "stop_sequence": null,
                       "usage": {"input_tokens": 1, "output_tokens": 1}})
            }
        }
        .to_string()
        .into_bytes()
    }

    /// The answer as a stream. Pieces of one choice keep their order, but its calls run side by side; choices are
    /// mixed as the cuts say.
    #[must_use]
    pub fn stream(&self, dialect: Dialect, cuts: &mut Cuts) -> Vec<u8> {
        match dialect {
            Dialect::OpenaiChat | Dialect::Mcp => self.chunks_of_choices(cuts),
            Dialect::AnthropicMessages => {
                messages(self.choices.first().map(Vec::as_slice).unwrap_or_default(), cuts)
            }
        }
        .into_bytes()
    }

    fn chunks_of_choices(&self, cuts: &mut Cuts) -> String {
        let mut queues: Vec<Vec<Value>> = Vec::new();
        for pieces in &self.choices {
            let mut deltas = deltas(pieces, cuts);
            deltas.reverse();
            queues.push(deltas);
        }
        let mut out = String::new();
        loop {
            let open: Vec<usize> =
                queues.iter().enumerate().filter(|(_, q)| !q.is_empty()).map(|(i, _)| i).collect();
            let Some(&at) = open.get(cuts.pick(open.len())) else { break };
            let Some(delta) = queues.get_mut(at).and_then(Vec::pop) else { break };
            let finish = delta.get("finish").cloned().unwrap_or(Value::Null);
            let delta = if finish.is_null() { delta } else { json!({}) };
            let choice = json!({"index": at, "delta": delta, "finish_reason": finish});
            out.push_str(&format!(
                "data: {}\n\n",
                json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
            ));
        }
        out.push_str("data: [DONE]\n\n");
        out
    }
}

fn stop(pieces: &[Piece], tools: &'static str, plain: &'static str) -> &'static str {
    if pieces.iter().any(|p| matches!(p, Piece::Call(..))) { tools } else { plain }
}

fn joined(pieces: &[Piece], of: fn(&Piece) -> Option<&String>) -> Option<String> {
    let texts: Vec<&str> = pieces.iter().filter_map(of).map(String::as_str).collect();
    (!texts.is_empty()).then(|| texts.concat())
}

fn choice(at: usize, pieces: &[Piece]) -> Value {
    let mut message = json!({"role": "assistant"});
    for (key, text) in [
        ("content", joined(pieces, |p| if let Piece::Content(t) = p { Some(t) } else { None })),
        ("reasoning_content", joined(pieces, |p| if let Piece::Reasoning(t) = p { Some(t) } else { None })),
        ("refusal", joined(pieces, |p| if let Piece::Refusal(t) = p { Some(t) } else { None })),
    ] {
        if let (Some(text), Some(message)) = (text, message.as_object_mut()) {
            message.insert(key.to_owned(), Value::String(text));
        }
    }
    let call = |(i, (name, arguments)): (usize, (&String, &String))| json!({"id": format!("call_{at}_{i}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls: Vec<Value> = calls(pieces).into_iter().enumerate().map(call).collect();
    if let (false, Some(message)) = (calls.is_empty(), message.as_object_mut()) {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    json!({"index": at, "message": message, "finish_reason": stop(pieces, "tool_calls", "stop")})
}

fn calls(pieces: &[Piece]) -> Vec<(&String, &String)> {
    pieces.iter().filter_map(|p| if let Piece::Call(n, a) = p { Some((n, a)) } else { None }).collect()
}

/// The deltas of one choice; the last one is `{"finish": reason}`.
fn deltas(pieces: &[Piece], cuts: &mut Cuts) -> Vec<Value> {
    let mut out = vec![json!({"role": "assistant", "content": ""})];
    for piece in pieces {
        let (key, text) = match piece {
            Piece::Content(text) => ("content", text),
            Piece::Reasoning(text) => ("reasoning_content", text),
            Piece::Refusal(text) => ("refusal", text),
            Piece::Call(..) => continue,
        };
        out.extend(cuts.text(text).into_iter().map(|piece| json!({ (key): piece })));
    }
    let mut open: Vec<Vec<Value>> = Vec::new();
    for (index, (name, arguments)) in calls(pieces).into_iter().enumerate() {
        let start = json!({"index": index, "id": format!("call_{index}"), "type": "function",
                           "function": {"name": name, "arguments": ""}});
        let pieces = cuts.text(arguments).into_iter();
        let mut all: Vec<Value> =
            pieces.rev().map(|piece| json!({"index": index, "function": {"arguments": piece}})).collect();
        all.push(start);
        open.push(all);
    }
    // Any call that has begun may go on, and the next may begin: real models begin them in order.
    let mut begun = 0;
    while open.iter().any(|calls| !calls.is_empty()) {
        let running: Vec<usize> = open
            .iter()
            .enumerate()
            .filter(|(at, c)| *at <= begun && !c.is_empty())
            .map(|(at, _)| at)
            .collect();
        let at = running.get(cuts.pick(running.len())).copied().unwrap_or(begun);
        if let Some(element) = open.get_mut(at).and_then(Vec::pop) {
            out.push(json!({"tool_calls": [element]}));
        }
        begun = begun.max(at + 1);
    }
    out.push(json!({"finish": stop(pieces, "tool_calls", "stop")}));
    out
}

fn block((at, piece): (usize, &Piece)) -> Option<Value> {
    Some(match piece {
        Piece::Content(text) => json!({"type": "text", "text": text}),
        Piece::Reasoning(text) => {
            json!({"type": "thinking", "thinking": text, "signature": format!("sig{at}")})
        }
        Piece::Refusal(_) => return None,
        Piece::Call(name, arguments) => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": input})
        }
    })
}

fn messages(pieces: &[Piece], cuts: &mut Cuts) -> String {
    let mut out = String::new();
    let mut event = |value: Value| {
        let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
        out.push_str(&format!("event: {name}\ndata: {value}\n\n"));
    };
    event(json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "m", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1}}}));
    for (index, (at, piece)) in
        pieces.iter().enumerate().filter(|(_, p)| !matches!(p, Piece::Refusal(_))).enumerate()
    {
        let (start, kind, key, text) = match piece {
            Piece::Content(text) | Piece::Refusal(text) => {
                (json!({"type": "text", "text": ""}), "text_delta", "text", text)
            }
            Piece::Reasoning(text) => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                "thinking_delta",
                "thinking",
                text,
            ),
            Piece::Call(name, arguments) => (
                json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": {}}),
                "input_json_delta",
                "partial_json",
                arguments,
            ),
        };
        event(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for piece in cuts.text(text) {
            event(
                json!({"type": "content_block_delta", "index": index, "delta": {"type": kind, (key): piece}}),
            );
        }
        if matches!(piece, Piece::Reasoning(_)) {
            event(json!({"type": "content_block_delta", "index": index,
                         "delta": {"type": "signature_delta", "signature": format!("sig{at}")}}));
        }
        event(json!({"type": "content_block_stop", "index": index}));
    }
    event(json!({"type": "message_delta",
                 "delta": {"stop_reason": stop(pieces, "tool_use", "end_turn"), "stop_sequence": null},
                 "usage": {"output_tokens": 1}}));
    event(json!({"type": "message_stop"}));
    out
}
