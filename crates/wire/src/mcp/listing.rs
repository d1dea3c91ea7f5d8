//! A page of a list: tools, resources, templates or prompts.

use crate::fault::{WireCode, WireError};
use crate::json::Kind;
use crate::mcp::{Message, Method};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its node in the message.
    pub node: u32,
    /// What it is called by: a tool's or prompt's name, a resource's URI, a template's pattern.
    pub name: String,
    /// The node of that.
    pub name_node: u32,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries.
    pub items: Vec<Item>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// For how long it may be kept (2026-07-28).
    pub ttl_ms: Option<u64>,
}

/// Longest name or URI in a list.
const MAX_NAME_BYTES: usize = 2048;

/// Reads the page that a server answered with.
pub fn listing(method: Method, message: &Message) -> Result<Listing, WireError> {
    let (key, name) = match method {
        Method::ToolsList => ("tools", "name"),
        Method::ResourcesList => ("resources", "uri"),
        Method::TemplatesList => ("resourceTemplates", "uriTemplate"),
        Method::PromptsList => ("prompts", "name"),
        _ => return Err(WireError::new(WireCode::Unsupported, "this method gives no list")),
    };
    let doc = message.doc();
    let list = message.get(key).filter(|l| doc.kind(*l) == Kind::Array);
    let list =
        list.ok_or_else(|| WireError::new(WireCode::MissingField, "the list is missing").under(key))?;
    let mut out = Listing { next: message.text("nextCursor"), ..Listing::default() };
    out.ttl_ms = message.get("ttlMs").and_then(|n| doc.unsigned(n));
    for (at, node) in doc.items(list).enumerate() {
        let named = doc.given(node, name).and_then(|n| Some((n, doc.string(n)?)));
        match named.filter(|(_, text)| !text.is_empty() && text.len() <= MAX_NAME_BYTES) {
            Some((name_node, text)) => out.items.push(Item { node, name: text.into_owned(), name_node }),
            None => {
                let e = WireError::new(WireCode::MissingField, "an entry has no name of a sensible length");
                return Err(e.item(at).under(key));
            }
        }
    }
    Ok(out)
}
