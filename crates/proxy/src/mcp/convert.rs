//! A server's answer as the client may have it: judged, in the client's revision, with URIs that lead back.

use crate::mcp::target::map_uris;
use cordon_pipeline::hands::{self, CallExchange};
use cordon_pipeline::{Refusal, Tally};
use cordon_types::Millis;
use cordon_wire::json::Kind;
use cordon_wire::mcp::{Edits, Message, Method, Revision, Texts, render, texts};

/// Members of results that the last revision with sessions does not know.
const STATELESS_ONLY: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// Judges a result and renders it. `tally` is filled either way.
pub(crate) fn result(
    exchange: &CallExchange,
    method: Method,
    message: &Message,
    to: Revision,
    joined: bool,
    tally: &mut Tally,
    now: Millis,
) -> Result<String, Refusal> {
    let doc = message.doc();
    let Some(body) = message.body() else { return Ok("{}".to_owned()) };
    let mut read = Texts::default();
    for (key, value) in doc.members(body) {
        // Media stand in blocks alone; elsewhere a text that calls itself one is read.
        let media = matches!(doc.text(key).as_ref(), "content" | "contents" | "messages");
        texts(doc, value, media, &mut read);
    }
    let changed = hands::result(exchange, &read, tally, now)?;
    let mut edits = Edits::default();
    if joined {
        for key in ["content", "contents", "messages"] {
            if let Some(node) = message.get(key) {
                map_uris(doc, node, &exchange.server, &mut edits);
            }
        }
    }
    for (at, ranges) in changed {
        if let Some(text) = read.strings.get(at) {
            edits.text(doc, text.node, ranges).map_err(Refusal::from_wire)?;
        }
    }
    if to.is_stateless() {
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
    Ok(told(exchange, render(doc, body, &edits), now))
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
    let changed = hands::result(exchange, &read, tally, now)?;
    let mut edits = Edits::default();
    for (at, ranges) in changed {
        if let Some(text) = read.strings.get(at) {
            edits.text(doc, text.node, ranges).map_err(Refusal::from_wire)?;
        }
    }
    more(message, body, &mut edits);
    Ok(told(exchange, render(doc, body, &edits), now))
}

/// SECURITY: whatever words of a server leave for the client, the session has heard them: an error or a question can
/// bring an address, or restricted data, as well as a result.
pub(crate) fn told(exchange: &CallExchange, words: String, now: Millis) -> String {
    hands::learn(exchange, &words, now);
    words
}
