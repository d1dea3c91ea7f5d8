//! One JSON-RPC message (2.0, as MCP narrows it): what it is, and where its parts stand.

use crate::fault::{WireCode, WireError, safe_key};
use crate::json::{Doc, Kind, Tape, escape_into, scan};
use crate::limits::Limits;
use crate::mcp::Method;
use bytes::Bytes;

/// Longest id, in bytes as written.
const MAX_ID_BYTES: usize = 512;
/// Longest name of a method.
const MAX_METHOD_BYTES: usize = 128;

/// A message's id, as JSON text in one form: a whole number, or a string with its quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

impl Id {
    /// An id of Cordon's own.
    #[must_use]
    pub fn number(n: u64) -> Self {
        Self(n.to_string().into())
    }

    /// A string of Cordon's own.
    #[must_use]
    pub fn text(s: &str) -> Self {
        Self(super::string(s).into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The id that node `i` is: a whole number or a string.
    #[must_use]
    pub fn read(doc: Doc<'_>, i: u32) -> Option<Self> {
        let raw = std::str::from_utf8(doc.raw(i)).ok().filter(|r| r.len() <= MAX_ID_BYTES)?;
        match doc.kind(i) {
            Kind::Number => {
                let digits = raw.strip_prefix('-').unwrap_or(raw);
                digits.bytes().all(|b| b.is_ascii_digit()).then(|| Self(raw.into()))
            }
            Kind::String => {
                let mut text = String::from("\"");
                escape_into(&doc.text(i), &mut text);
                text.push('"');
                Some(Self(text.into()))
            }
            _ => None,
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// It has a method and an id.
    Request,
    /// It has a method and no id.
    Notification,
    /// It has a result.
    Response,
    /// It has an error.
    Error,
}

/// A message and its bytes.
#[derive(Clone, Debug)]
pub struct Message {
    text: Bytes,
    tape: Tape,
    kind: MessageKind,
    id: Option<Id>,
    method: String,
    /// Node of `params`, `result` or `error`.
    body: Option<u32>,
}

impl Message {
    /// Reads one message. A batch (an array) is refused.
    pub fn parse(text: Bytes, limits: &Limits) -> Result<Self, WireError> {
        let tape = scan(&text, limits)?;
        let doc = Doc::new(&text, &tape);
        let wrong = |code, why: String| Err(WireError::new(code, why));
        match doc.kind(0) {
            Kind::Object => {}
            Kind::Array => {
                return wrong(
                    WireCode::Unsupported,
                    "batches are not taken; send one message at a time".into(),
                );
            }
            other => {
                return wrong(WireCode::WrongType, format!("a message is an object, not {}", other.name()));
            }
        }
        let Parts { versioned, id, null_id, method, body, answer } = parts(doc)?;
        if !versioned {
            return wrong(WireCode::MissingField, "`jsonrpc` must be \"2.0\"".into());
        }
        let kind = match (answer, method.is_empty(), id.is_some(), null_id) {
            (None, false, true, false) => MessageKind::Request,
            (None, false, false, false) => MessageKind::Notification,
            (Some(MessageKind::Response), true, true, false) => MessageKind::Response,
            (Some(MessageKind::Error), true, ..) => MessageKind::Error,
            _ => {
                return wrong(
                    WireCode::MissingField,
                    "it is neither a request, nor a notification, nor an answer".into(),
                );
            }
        };
        if body.is_some_and(|b| doc.kind(b) != Kind::Object) {
            return wrong(WireCode::WrongType, "params, result and error are objects".into());
        }
        Ok(Self { text, tape, kind, id, method, body })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Its id; none for a notification, and for an error that could not say which request it answers.
    #[must_use]
    pub const fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The name of its method; empty for an answer.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The bytes, read.
    #[must_use]
    pub fn doc(&self) -> Doc<'_> {
        Doc::new(&self.text, &self.tape)
    }

    /// The node of `params`, `result` or `error`.
    #[must_use]
    pub const fn body(&self) -> Option<u32> {
        self.body
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether it has none: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A member of `params`, `result` or `error`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<u32> {
        self.doc().given(self.body?, key)
    }

    /// A member that is a string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.doc().string(self.get(key)?).map(std::borrow::Cow::into_owned)
    }

    /// The JSON text of node `i`.
    #[must_use]
    pub fn raw(&self, i: u32) -> &str {
        std::str::from_utf8(self.doc().raw(i)).unwrap_or("null")
    }

    /// The node of a member of `_meta`.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<u32> {
        self.doc().given(self.get("_meta")?, key)
    }

    /// Refuses members of `params` that the method does not have.
    pub fn check_params(&self, method: Method) -> Result<(), WireError> {
        let doc = self.doc();
        for (key, value) in self.body.into_iter().flat_map(|b| doc.members(b)) {
            let key = doc.text(key);
            if key == "_meta" {
                if doc.kind(value) != Kind::Object {
                    return Err(WireError::new(WireCode::WrongType, "`_meta` is an object").under("params"));
                }
            } else if !method.params().contains(&key.as_ref()) {
                let why = format!("`{}` has no parameter `{}`", method.name(), safe_key(&key));
                return Err(WireError::new(WireCode::UnknownField, why).under("params"));
            }
        }
        Ok(())
    }
}

/// The members of an envelope.
#[derive(Default)]
struct Parts {
    versioned: bool,
    id: Option<Id>,
    null_id: bool,
    method: String,
    body: Option<u32>,
    /// It has a result, or an error.
    answer: Option<MessageKind>,
}

fn parts(doc: Doc<'_>) -> Result<Parts, WireError> {
    let wrong = |code, why: &str| Err(WireError::new(code, why));
    let mut p = Parts::default();
    for (key, value) in doc.members(0) {
        match doc.text(key).as_ref() {
            "jsonrpc" => p.versioned = doc.string(value).as_deref() == Some("2.0"),
            "id" if doc.kind(value) == Kind::Null => p.null_id = true,
            "id" => match Id::read(doc, value) {
                Some(read) => p.id = Some(read),
                None => return wrong(WireCode::WrongType, "an id is a string or a whole number"),
            },
            "method" => {
                let name = doc.string(value).filter(|m| !m.is_empty() && m.len() <= MAX_METHOD_BYTES);
                let Some(name) = name else {
                    return wrong(WireCode::WrongType, "`method` is a short string");
                };
                p.method = name.into_owned();
            }
            "params" | "result" | "error" if p.body.is_some() => {
                return wrong(WireCode::Unsupported, "a message has one of params, result and error");
            }
            "params" => p.body = Some(value),
            "result" => (p.body, p.answer) = (Some(value), Some(MessageKind::Response)),
            "error" => (p.body, p.answer) = (Some(value), Some(MessageKind::Error)),
            other => {
                let why = format!("a message has no member `{}`", safe_key(other));
                return wrong(WireCode::UnknownField, &why);
            }
        }
    }
    Ok(p)
}
