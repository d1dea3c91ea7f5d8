//! Why a caller is not let in: one name for each reason, for records and metrics, and what the caller is told.
//! Also which header carries the key.
//!
//! What always holds: what a caller is told never depends on what Cordon knows of any key, only on the text that
//! the caller sent.

use crate::text::TextError;
use std::fmt;

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthError {
    /// No credential was sent.
    Missing,
    /// `Authorization` and `x-api-key` carry different credentials.
    Conflicting,
    /// `Authorization` has another scheme than `Bearer`.
    Scheme,
    /// The credential is not one of Cordon's keys.
    NotOurs,
    /// It begins like a key but is none.
    Malformed,
    /// Its checksum does not hold: mistyped or cut.
    Checksum,
    /// No key has that id.
    Unknown,
    /// The id is known, the secret is wrong.
    WrongSecret,
    /// It expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl AuthError {
    /// Every reason, in a fixed order.
    pub const ALL: [AuthError; 10] = [
        Self::Missing,
        Self::Conflicting,
        Self::Scheme,
        Self::NotOurs,
        Self::Malformed,
        Self::Checksum,
        Self::Unknown,
        Self::WrongSecret,
        Self::Expired,
        Self::Revoked,
    ];

    /// The name that records and metrics use. Not for the caller.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Conflicting => "conflicting",
            Self::Scheme => "scheme",
            Self::NotOurs => "not_ours",
            Self::Malformed => "malformed",
            Self::Checksum => "checksum",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong_secret",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn public(self) -> &'static str {
        match self {
            Self::Missing => {
                "no key was sent; send a Cordon key as `Authorization: Bearer ...` or `x-api-key`"
            }
            Self::Conflicting => "`Authorization` and `x-api-key` carry different keys; send one",
            Self::Scheme => "`Authorization` must be `Bearer` and a Cordon key",
            Self::NotOurs => {
                "this is not a Cordon key; it begins with `cordon_` (provider keys belong to the gateway)"
            }
            Self::Malformed => "this is not a whole Cordon key; copy it again, without spaces or line breaks",
            Self::Checksum => "this key was mistyped or cut; copy it again",
            // SECURITY: one text for all four, so that nobody can find out which keys exist or existed.
            Self::Unknown | Self::WrongSecret | Self::Expired | Self::Revoked => {
                "this key is not valid; ask the operator of this gateway for a new one"
            }
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.public())
    }
}

impl std::error::Error for AuthError {}

impl From<TextError> for AuthError {
    fn from(e: TextError) -> Self {
        match e {
            TextError::Prefix => Self::NotOurs,
            TextError::Shape => Self::Malformed,
            TextError::Check => Self::Checksum,
        }
    }
}

/// The key that a request carries: in `Authorization: Bearer` (OpenAI's clients) or `x-api-key` (Anthropic's).
/// Two different ones are refused: which of them counts would be for two readers to disagree on. The caller of this
/// function refuses a header that occurs twice.
pub fn presented<'a>(
    authorization: Option<&'a str>,
    x_api_key: Option<&'a str>,
) -> Result<&'a str, AuthError> {
    let bearer = authorization.map(bearer).transpose()?;
    let api_key = x_api_key.map(str::trim).filter(|k| !k.is_empty());
    match (bearer, api_key) {
        (None, None) => Err(AuthError::Missing),
        (Some(a), Some(b)) if a != b => Err(AuthError::Conflicting),
        (Some(k), _) | (None, Some(k)) => Ok(k),
    }
}

fn bearer(value: &str) -> Result<&str, AuthError> {
    let (scheme, rest) = value.trim().split_once(' ').ok_or(AuthError::Scheme)?;
    let rest = rest.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || rest.is_empty() {
        return Err(AuthError::Scheme);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_header_counts() {
        let check = |a, x, expected| assert_eq!(presented(a, x), expected, "{a:?} {x:?}");
        check(None, None, Err(AuthError::Missing));
        check(None, Some(""), Err(AuthError::Missing));
        check(Some("Bearer k"), None, Ok("k"));
        check(Some("bEARER   k "), None, Ok("k"));
        check(None, Some(" k "), Ok("k"));
        check(Some("Bearer k"), Some("k"), Ok("k"));
        check(Some("Bearer k"), Some("j"), Err(AuthError::Conflicting));
        check(Some("Basic k"), None, Err(AuthError::Scheme));
        check(Some("Basic k"), Some("k"), Err(AuthError::Scheme));
        check(Some("Bearer"), None, Err(AuthError::Scheme));
        check(Some("Bearer "), None, Err(AuthError::Scheme));
        check(Some("k"), None, Err(AuthError::Scheme));
        check(Some(""), Some("k"), Err(AuthError::Scheme));
    }

    #[test]
    fn what_cordon_knows_does_not_show() {
        use AuthError::{Expired, Revoked, Unknown, WrongSecret};
        for e in [WrongSecret, Expired, Revoked] {
            assert_eq!(e.public(), Unknown.public());
        }
    }
}
