//! What a parse yields: texts with a kind and a place, features in use, blocks that a provider issued, usage.

use cordon_types::{Feature, SpanKind};
use std::ops::Range;

/// One text of a body, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What stands there.
    pub kind: SpanKind,
    /// The text, with JSON's escapes resolved. Offsets of findings and edits are bytes of it.
    pub text: String,
    /// The table's row, such as `messages[role=user].content[type=text].text`.
    pub path: &'static str,
    /// Whether the text may be rewritten.
    pub splice: Splice,
    /// Which choice of an answer it belongs to; 0 elsewhere.
    pub choice: u32,
    /// Where it stands.
    pub(crate) at: Place,
}

impl Span {
    /// The tape's node that holds it: for text inside a JSON string, the node of that outer string.
    #[must_use]
    pub fn node(&self) -> u32 {
        self.at.node
    }
}

/// Where a span stands: a string node of the body, or a string in the JSON text that such a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Node of the body's tape.
    pub(crate) node: u32,
    /// The inner string with its quotes, in bytes of the outer node's decoded text.
    pub(crate) inner: Option<Range<usize>>,
}

/// Whether a span may be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Splice {
    /// Any part of it may be replaced.
    Free,
    /// Nothing of it may be replaced, and why: `signed`, `schema`, `key`, `id`, `name`, `url`.
    Refuse(&'static str),
}

/// A feature in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Used {
    /// Which.
    pub feature: Feature,
    /// The table's row.
    pub path: &'static str,
}

/// A signed or encrypted block or an id that a provider issued: it passes only for whom it was issued to.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// What to digest: the bytes of the signature, data or id, decoded.
    pub digest_input: Vec<u8>,
    /// The table's row.
    pub path: &'static str,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("bytes", &self.digest_input.len()).field("path", &self.path).finish()
    }
}

/// Tokens, as the upstream counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, those read from a cache or written to it included.
    pub input: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output: Option<u64>,
    /// Those of `input` that were read from a cache.
    pub cached: Option<u64>,
}

/// One replacement in a span: bytes of its text, and what to put there.
pub type TextEdit = (Range<usize>, String);
