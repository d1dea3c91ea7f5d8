//! A server's answer as the client may have it: judged, in the client's revision, with URIs that lead back.

use crate::mcp::target::map_uris;
use cordon_pipeline::hands::{self, CallExchange, TextEdits};
use cordon_pipeline::{Refusal, Tally};
use cordon_types::Millis;
use cordon_wire::json::{Doc, Kind};
use cordon_wire::mcp::{Edits, Message, Method, Revision, Texts, render, string, texts};

/// Members of results that the last revision with sessions does not know.
const STATELESS_ONLY: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// Members of results that hold blocks of content.
const BLOCKS: [&str; 3] = ["content", "contents", "messages"];

/// Where a result goes.
pub(crate) struct Place<'a> {
    pub revision: Revision,
    /// Names carry their server's.
    pub joined: bool,
    /// What the client knows the task by that the result is of.
    pub handle: Option<&'a str>,
}

/// The texts of a result; `of_task`: one that holds the tool's as its member `result`.
fn of_result(doc: Doc<'_>, body: u32, of_task: bool, read: &mut Texts) {
    for (key, value) in doc.members(body) {
        let key = doc.text(key);
        read.fixed.push_str(&key);
        read.fixed.push('\n');
        match key.as_ref() {
            "result" if of_task && doc.kind(value) == Kind::Object => of_result(doc, value, false, read),
            // Media stand in blocks alone; elsewhere a text that calls itself one is read.
            key => texts(doc, value, BLOCKS.contains(&key), read),
        }
    }
}

/// Takes out a text that its reader does not get to see.
pub(crate) fn pass_over(read: &mut Texts, node: Option<u32>) {
    read.strings.retain(|t| Some(t.node) != node);
}

/// What is to stand in the place of what may not pass.
fn replace(doc: Doc<'_>, read: &Texts, changed: TextEdits, edits: &mut Edits) -> Result<(), Refusal> {
    for (at, ranges) in changed {
        if let Some(text) = read.strings.get(at) {
            edits.text(doc, text.node, ranges).map_err(Refusal::from_wire)?;
        }
    }
    Ok(())
}

/// Judges a result and renders it. `tally` is filled either way.
pub(crate) fn result(
    exchange: &CallExchange,
    method: Method,
    message: &Message,
    to: &Place<'_>,
    tally: &mut Tally,
    now: Millis,
) -> Result<String, Refusal> {
    let doc = message.doc();
    let Some(body) = message.body() else { return Ok("{}".to_owned()) };
    let mut read = Texts::default();
    of_result(doc, body, to.handle.is_some(), &mut read);
    if to.handle.is_some() {
        pass_over(&mut read, message.get("taskId"));
    }
    let changed = hands::result(exchange, &read, tally, now)?;
    let mut edits = Edits::default();
    if to.joined {
        let inner = message.get("result").filter(|n| to.handle.is_some() && doc.kind(*n) == Kind::Object);
        for node in BLOCKS.into_iter().filter_map(|key| doc.given(inner.unwrap_or(body), key)) {
            map_uris(doc, node, &exchange.server, &mut edits);
        }
    }
    replace(doc, &read, changed, &mut edits)?;
    if let Some(handle) = to.handle {
        edits.set(doc, body, "taskId", string(handle));
    }
    if to.revision.is_stateless() {
        if doc.get(body, "resultType").is_none() {
            edits.set(doc, body, "resultType", "\"complete\"");
        }
        if method == Method::ResourcesRead {
            if doc.get(body, "ttlMs").is_none_or(|n| doc.kind(n) != Kind::Number) {
                edits.set(doc, body, "ttlMs", "0");
            }
            edits.set(doc, body, "cacheScope", "\"private\"");
        }
    } else {
        STATELESS_ONLY.iter().for_each(|key| edits.unset(doc, body, key));
    }
    let rendered = render(doc, body, &edits);
    if to.handle.is_some() {
        of_task_told(exchange, &rendered, now);
        return Ok(rendered);
    }
    Ok(told(exchange, rendered, now))
}

/// What a task brought is the tool's result, and known as such; what stands around it is the server's word.
fn of_task_told(exchange: &CallExchange, rendered: &str, now: Millis) {
    let mut around = serde_json::from_str::<serde_json::Value>(rendered).unwrap_or_default();
    if let Some(inner) = around.as_object_mut().and_then(|o| o.remove("result")) {
        hands::learn(exchange, &inner.to_string(), now);
    }
    hands::learn(exchange, &around.to_string(), now);
}

/// Judges a message's parameters, or an error's, and renders them: words on their way to the client.
pub(crate) fn words(
    exchange: &CallExchange,
    message: &Message,
    tally: &mut Tally,
    now: Millis,
    more: impl FnOnce(&Message, u32, &mut Edits),
) -> Result<String, Refusal> {
    let doc = message.doc();
    let Some(body) = message.body() else { return Ok("{}".to_owned()) };
    let mut read = Texts::default();
    texts(doc, body, false, &mut read);
    inspected(exchange, message, &read, tally, now, more)
}

/// The same, with the texts that were read already.
pub(crate) fn inspected(
    exchange: &CallExchange,
    message: &Message,
    read: &Texts,
    tally: &mut Tally,
    now: Millis,
    more: impl FnOnce(&Message, u32, &mut Edits),
) -> Result<String, Refusal> {
    let doc = message.doc();
    let Some(body) = message.body() else { return Ok("{}".to_owned()) };
    let changed = hands::result(exchange, read, tally, now)?;
    let mut edits = Edits::default();
    replace(doc, read, changed, &mut edits)?;
    more(message, body, &mut edits);
    Ok(told(exchange, render(doc, body, &edits), now))
}

/// SECURITY: whatever words of a server leave for the client, the session has heard them: an error or a question can
/// bring an address, or restricted data, as well as a result.
pub(crate) fn told(exchange: &CallExchange, words: String, now: Millis) -> String {
    hands::learn(exchange, &words, now);
    words
}
