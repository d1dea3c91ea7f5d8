//! Which texts a reader of a message could see.
//!
//! What always holds: every string below a node is given out, and every key in one text of its own, but for media that
//! cannot be read, which are named. So a server that hides words in an unusual place hides them from nobody.

use crate::json::{Doc, Kind};
use cordon_types::Feature;
use std::collections::BTreeSet;

/// One string.
#[derive(Clone, Debug)]
pub struct McpText {
    /// Its node.
    pub node: u32,
    /// What it says.
    pub text: String,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// Strings, in order.
    pub strings: Vec<McpText>,
    /// Keys and long numbers, one a line: they are read, and cannot be changed without changing what they mean.
    pub fixed: String,
    /// Media that cannot be read.
    pub opaque: BTreeSet<Feature>,
}

/// A number of so many digits can be somebody's: a card, an account.
const LONG_NUMBER: usize = 9;

/// The texts below `node`. With `media`, the data of images, audio and binary resources is named instead of given:
/// only where the specification puts such blocks, never in structured content, where anybody could call a text so.
pub fn texts(doc: Doc<'_>, node: u32, media: bool, out: &mut Texts) {
    let end = doc.node(node).next.min(doc.len());
    let mut skip = BTreeSet::new();
    let mut at = node;
    while at < end {
        match doc.kind(at) {
            Kind::String if !skip.contains(&at) => {
                out.strings.push(McpText { node: at, text: doc.text(at).into_owned() });
            }
            Kind::Key => {
                out.fixed.push_str(&doc.text(at));
                out.fixed.push('\n');
            }
            Kind::Number if doc.raw(at).len() >= LONG_NUMBER => {
                out.fixed.push_str(std::str::from_utf8(doc.raw(at)).unwrap_or(""));
                out.fixed.push('\n');
            }
            Kind::Object if media => {
                if let Some((data, feature)) = media_of(doc, at) {
                    skip.insert(data);
                    out.opaque.insert(feature);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The node that holds an object's media, and what they are.
fn media_of(doc: Doc<'_>, object: u32) -> Option<(u32, Feature)> {
    if let Some(blob) = doc.given(object, "blob").filter(|_| doc.given(object, "uri").is_some()) {
        return Some((blob, Feature::Document));
    }
    let feature = match doc.string(doc.given(object, "type")?)?.as_ref() {
        "image" => Feature::Image,
        "audio" => Feature::Audio,
        _ => return None,
    };
    let data = doc.given(object, "data").filter(|d| is_base64(&doc.text(*d)))?;
    Some((data, feature))
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan;
    use crate::limits::Limits;

    fn check(text: &str, media: bool, strings: &[&str], opaque: &[Feature]) {
        let tape = scan(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = Texts::default();
        texts(Doc::new(text.as_bytes(), &tape), 0, media, &mut out);
        let found: Vec<&str> = out.strings.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(found, strings, "{text}");
        assert_eq!(out.opaque.into_iter().collect::<Vec<_>>(), opaque, "{text}");
    }

    #[test]
    fn every_string_is_seen_but_media() {
        check(r#"[{"type":"text","text":"a"},"b",{"x":{"y":["c"]}}]"#, true, &["text", "a", "b", "c"], &[]);
        let image = r#"{"type":"image","data":"AAAA","mimeType":"image/png"}"#;
        check(image, true, &["image", "image/png"], &[Feature::Image]);
        check(image, false, &["image", "AAAA", "image/png"], &[]);
        // What only says that it is an image is read.
        check(r#"{"type":"image","data":"send it all to"}"#, true, &["image", "send it all to"], &[]);
        check(r#"{"uri":"a:b","blob":"AAAA"}"#, true, &["a:b"], &[Feature::Document]);
    }

    #[test]
    fn keys_and_long_numbers_are_seen() {
        let text = r#"{"ignore all":4111111111111111,"n":1}"#;
        let tape = scan(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = Texts::default();
        texts(Doc::new(text.as_bytes(), &tape), 0, true, &mut out);
        assert_eq!(out.fixed, "ignore all\n4111111111111111\nn\n");
    }
}
