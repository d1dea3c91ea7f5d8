//! Messages of tool servers: what is taken leaves byte for byte when nothing is edited, and is a message again when every
//! text in it was.

use bytes::Bytes;
use cordon_wire::Limits;
use cordon_wire::mcp::{Edits, Message, Method, Revision, Texts, listing, mirrors, render, texts};

/// One message, either way.
pub fn mcp_message(data: &[u8]) {
    let limits = Limits::default();
    let Ok(message) = Message::parse(Bytes::copy_from_slice(data), &limits) else { return };
    let doc = message.doc();
    for revision in Revision::ALL {
        if let Some(method) = Method::find(message.method(), revision) {
            let _ = message.check_params(method);
        }
    }
    if let Ok(page) = listing(Method::ToolsList, &message) {
        for item in page.items {
            assert_eq!(doc.text(item.name_node), item.name);
        }
    }
    for node in 0..doc.len() {
        let _ = mirrors(doc, node);
    }
    assert_eq!(render(doc, 0, &Edits::default()), message.raw(0));
    let mut read = Texts::default();
    texts(doc, message.body().unwrap_or(0), true, &mut read);
    let mut edits = Edits::default();
    for text in &read.strings {
        let end = text.text.chars().next().map_or(0, char::len_utf8);
        let edited = edits.text(doc, text.node, vec![(0..end, "[\"X\"\n\\]".to_owned())]);
        assert!(edited.is_ok(), "a text that was given out cannot be edited");
    }
    if message.body().is_some() {
        let edited = Message::parse(Bytes::from(render(doc, 0, &edits)), &limits);
        assert!(edited.is_ok_and(|m| m.kind() == message.kind()), "an edit breaks the message");
    }
}
