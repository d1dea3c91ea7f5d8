//! Names of things. Each is parsed once, at the edge, and cheap to clone afterwards.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` must be 1 to {max} characters of {allowed}")]
pub struct IdError {
    /// Which kind of id.
    pub what: &'static str,
    /// Longest permitted, in bytes.
    pub max: usize,
    /// The permitted characters, in words.
    pub allowed: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the id. Errors when it is empty, too long, or has a character that is not allowed.
            pub fn new(s: &str) -> Result<Self, IdError> {
                let ok: fn(u8) -> bool = $ok;
                if s.is_empty() || s.len() > $max || !s.bytes().all(ok) {
                    return Err(IdError { what: $what, max: $max, allowed: $allowed });
                }
                Ok(Self(s.into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                Self::new(&s)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_slug(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
}

id!(
    /// An agent, as its manifest names it.
    AgentId, "agent", 64, "a-z, 0-9, `-`, `_`, `.`", is_slug
);
id!(
    /// A model, as a caller writes it in `model` and the config lists it. Only names that stand in the
    /// operator's config become a `ModelName`; a stranger's name is never one.
    ModelName, "model", 128, "printable ASCII without space, quote or backslash",
    |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'')
);
id!(
    /// An upstream, as the config names it.
    UpstreamId, "upstream", 64, "a-z, 0-9, `-`, `_`, `.`", is_slug
);
id!(
    /// A tool server, as the config names it. It is the prefix of its tools' names, so it has no `_`: the first `__`
    /// ends it.
    ServerId, "server", 32, "a-z, 0-9, `-`",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
id!(
    /// The public part of a virtual key: names it in lists, logs and records without giving it away.
    KeyId, "key", 32, "a-z, 0-9", |b| b.is_ascii_lowercase() || b.is_ascii_digit()
);
id!(
    /// The user on whose behalf an agent acts, as a vouching front end names them. A direct identifier:
    /// it is never written to a record, a log or a metric; records hold a keyed digest of it.
    UserRef, "user", 256, "printable ASCII", |b| b.is_ascii_graphic()
);

/// Names one request, in answers, logs and records alike: 128 random bits, shown as `req_` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{:032x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Names one held call, in answers, records and an approver's commands: 128 random bits, shown as `apr_` and 32
/// hexadecimal digits. It opens nothing: deciding takes a person's credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId(pub u128);

impl ApprovalId {
    /// Reads what `Display` writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("apr_").filter(|d| d.len() == 32)?;
        let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        u128::from_str_radix(digits, 16).ok().filter(|_| lower).map(Self)
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "apr_{:032x}", self.0)
    }
}

impl fmt::Debug for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::ApprovalId;

    #[test]
    fn an_approvals_id_is_read_as_it_is_written() {
        for id in [ApprovalId(0), ApprovalId(0xab), ApprovalId(u128::MAX)] {
            assert_eq!(ApprovalId::parse(&id.to_string()), Some(id));
        }
        let long = format!("apr_{:033x}", 1);
        let upper = format!("apr_{:032X}", 0xab);
        let sign = format!("apr_+{:031x}", 1);
        for text in ["", "apr_", "apr_1", "req_00000000000000000000000000000001", &long, &upper, &sign] {
            assert_eq!(ApprovalId::parse(text), None, "{text}");
        }
    }
}
