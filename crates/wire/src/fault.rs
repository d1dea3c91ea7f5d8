//! Why bytes are not taken. The path and the code are Cordon's own words and may be recorded;
//! `public` goes back to the sender only, since it may quote a key of theirs.

use std::fmt::Write as _;

macro_rules! codes {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal; )*) => {
        /// What is wrong, as a closed set that records and metrics may hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WireCode { $( $(#[$doc])* $variant, )* }

        impl WireCode {
            /// Every code, in a fixed order.
            pub const ALL: &'static [WireCode] = &[ $( WireCode::$variant, )* ];

            /// The name that records, metrics and errors use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( WireCode::$variant => $name, )* }
            }
        }
    };
}

codes! {
    /// The bytes are not UTF-8.
    InvalidUtf8 = "invalid_utf8";
    /// The bytes are not RFC 8259 JSON.
    InvalidJson = "invalid_json";
    /// Something follows the JSON value.
    TrailingData = "trailing_data";
    /// A key stands twice in one object.
    DuplicateKey = "duplicate_key";
    /// Two keys of one object differ only in ASCII case.
    CaseCollision = "case_collision";
    /// Nested deeper than the limit.
    TooDeep = "too_deep";
    /// More nodes, messages, tools or bytes of a key than the limit.
    TooMany = "too_many";
    /// The table does not know this field.
    UnknownField = "unknown_field";
    /// The table does not know this type, role or value.
    UnknownVariant = "unknown_variant";
    /// The value has another JSON type than the table says.
    WrongType = "wrong_type";
    /// A field that must be there is not.
    MissingField = "missing_field";
    /// The table knows it and refuses it.
    Unsupported = "unsupported";
    /// The upstream's stream is broken.
    BadStream = "bad_stream";
    /// An edit that cannot be made: out of range, overlapping, or in a span that must not change.
    BadEdit = "bad_edit";
}

/// Why a body, frame or edit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {public}", .code.name())]
pub struct WireError {
    /// What is wrong.
    pub code: WireCode,
    /// Where, such as `messages[3].content[0].type`: keys of the table and indexes only.
    pub path: String,
    /// For the developer who sent it. May quote one key of theirs.
    pub public: String,
}

impl WireError {
    /// An error at the top of the document.
    #[must_use]
    pub fn new(code: WireCode, public: impl Into<String>) -> Self {
        Self { code, path: String::new(), public: public.into() }
    }

    /// The same error, seen from the object that holds it under `key`.
    #[must_use]
    pub fn under(mut self, key: &'static str) -> Self {
        self.prefix(key);
        self
    }

    /// The same error, seen from the array that holds it at `index`.
    #[must_use]
    pub fn item(mut self, index: usize) -> Self {
        let mut at = String::new();
        let _ = write!(at, "[{index}]");
        self.prefix(&at);
        self
    }

    fn prefix(&mut self, head: &str) {
        let dot = !self.path.is_empty() && !self.path.starts_with('[');
        self.path = format!("{head}{}{}", if dot { "." } else { "" }, self.path);
    }
}

/// A key as it may be quoted to its sender: at most 64 printable ASCII characters.
#[must_use]
pub(crate) fn safe_key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(64).collect()
}
