//! The tape: a flat list of nodes in document order, and the ways to walk it.
//!
//! An object's nodes are: itself, then key and value in turn; an array's: itself, then its items.
//! `next` of a node is the index right after everything below it, so that stepping over costs one read.

use super::string;
use std::borrow::Cow;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `{..}`
    Object,
    /// `[..]`
    Array,
    /// A string that is a value.
    String,
    /// A string that is an object's key.
    Key,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl Kind {
    /// How an error calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::String | Kind::Key => "a string",
            Kind::Number => "a number",
            Kind::True | Kind::False => "a boolean",
            Kind::Null => "null",
        }
    }
}

/// One key or value. 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// First byte of it in the text; a string's opening quote.
    pub start: u32,
    /// Just after its last byte; after a string's closing quote.
    pub end: u32,
    /// Index of the node after everything below this one.
    pub next: u32,
    /// What it is.
    pub kind: Kind,
    /// A string with at least one escape in it.
    pub escaped: bool,
}

const NONE: Node = Node { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false };

/// A scanned text's nodes. The root is node 0.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
}

impl Tape {
    /// The nodes, in document order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// A text with its tape.
#[derive(Clone, Copy)]
pub struct Doc<'a> {
    text: &'a [u8],
    tape: &'a Tape,
}

impl<'a> Doc<'a> {
    /// The tape must have been scanned from this very text; else what is read is nonsense (never unsafe).
    #[must_use]
    pub fn new(text: &'a [u8], tape: &'a Tape) -> Self {
        Self { text, tape }
    }

    /// The node. An index that is not on the tape reads as an endless null.
    #[must_use]
    #[inline]
    pub fn node(&self, i: u32) -> Node {
        self.tape.nodes.get(i as usize).copied().unwrap_or(NONE)
    }

    /// What node `i` is.
    #[must_use]
    #[inline]
    pub fn kind(&self, i: u32) -> Kind {
        self.node(i).kind
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.tape.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tape.nodes.is_empty()
    }

    /// The bytes of node `i`, as written; a string's with its quotes.
    #[must_use]
    pub fn raw(&self, i: u32) -> &'a [u8] {
        let n = self.node(i);
        self.text.get(n.start as usize..n.end as usize).unwrap_or(b"")
    }

    /// The decoded text of a string or key; empty for anything else.
    #[must_use]
    #[inline]
    pub fn text(&self, i: u32) -> Cow<'a, str> {
        let n = self.node(i);
        let content = std::str::from_utf8(self.content(n)).unwrap_or("");
        if n.escaped { Cow::Owned(string::decode(content)) } else { Cow::Borrowed(content) }
    }

    /// What stands between a string's quotes, as written.
    #[inline]
    fn content(&self, n: Node) -> &'a [u8] {
        if !matches!(n.kind, Kind::String | Kind::Key) {
            return b"";
        }
        self.text.get(n.start as usize + 1..(n.end as usize).saturating_sub(1)).unwrap_or(b"")
    }

    /// A string's or key's bytes, decoded: as `text`, for comparing.
    #[must_use]
    #[inline]
    pub fn bytes(&self, i: u32) -> Cow<'a, [u8]> {
        let n = self.node(i);
        if n.escaped {
            return Cow::Owned(self.text(i).into_owned().into_bytes());
        }
        Cow::Borrowed(self.content(n))
    }

    /// The decoded text, when node `i` is a string.
    #[must_use]
    pub fn string(&self, i: u32) -> Option<Cow<'a, str>> {
        (self.kind(i) == Kind::String).then(|| self.text(i))
    }

    /// A whole number that fits, when node `i` is one.
    #[must_use]
    pub fn unsigned(&self, i: u32) -> Option<u64> {
        (self.kind(i) == Kind::Number).then(|| std::str::from_utf8(self.raw(i)).ok()?.parse().ok())?
    }

    /// A boolean, when node `i` is one.
    #[must_use]
    pub fn boolean(&self, i: u32) -> Option<bool> {
        match self.kind(i) {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// Keys and values (node indexes) of an object, in order; nothing for anything else.
    #[inline]
    pub fn members(&self, i: u32) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let this = *self;
        let n = this.node(i);
        let end = if n.kind == Kind::Object { n.next } else { 0 };
        let mut at = i.saturating_add(1);
        std::iter::from_fn(move || {
            let (key, value) = (at, at.checked_add(1)?);
            (key < end).then(|| {
                at = this.node(value).next;
                (key, value)
            })
        })
    }

    /// Items (node indexes) of an array, in order; nothing for anything else.
    #[inline]
    pub fn items(&self, i: u32) -> impl Iterator<Item = u32> + use<'a> {
        let this = *self;
        let n = this.node(i);
        let end = if n.kind == Kind::Array { n.next } else { 0 };
        let mut at = i.saturating_add(1);
        std::iter::from_fn(move || {
            let item = at;
            (item < end).then(|| {
                at = this.node(item).next;
                item
            })
        })
    }

    /// The value under `key` in an object.
    #[must_use]
    #[inline]
    pub fn get(&self, i: u32, key: &str) -> Option<u32> {
        self.members(i).find(|&(k, _)| *self.bytes(k) == *key.as_bytes()).map(|(_, v)| v)
    }

    /// As `get`, for a value that is not null.
    #[must_use]
    pub fn given(&self, i: u32, key: &str) -> Option<u32> {
        self.get(i, key).filter(|&v| self.kind(v) != Kind::Null)
    }
}
