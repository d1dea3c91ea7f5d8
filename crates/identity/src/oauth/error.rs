//! Why an access token is not taken: one name for each reason, and what the caller is told.

use std::fmt;

/// Why an access token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenError {
    /// Longer than any token that is taken.
    TooLong,
    /// Not three parts of base64url with strict JSON in them.
    Malformed,
    /// An algorithm that is none of the issuer's list: `none` and `HS256` never are.
    Algorithm,
    /// A `crit` header: something that must be understood, and is not.
    Critical,
    /// Nobody whom the operator trusts.
    Issuer,
    /// Not an access token's `typ`.
    Type,
    /// The issuer publishes no such key; its number among the issuers.
    UnknownKey(usize),
    /// No keys of the issuer are at hand, or they are too old; its number among the issuers.
    NoKeys(usize),
    /// The signature does not hold.
    Signature,
    /// Issued for something else.
    Audience,
    /// Expired.
    Expired,
    /// Not valid yet.
    NotYet,
    /// A claim that must be there is not, or is not what it must be.
    Claims,
    /// Bound to a key whose possession was not shown (`cnf`): as a mere bearer token it must not count.
    Bound,
    /// The operator maps its claim to no agent.
    Unmapped,
}

impl TokenError {
    /// The name that logs use. Not for the caller.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Issuer => "issuer",
            Self::Type => "type",
            Self::UnknownKey(_) => "unknown_key",
            Self::NoKeys(_) => "no_keys",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Claims => "claims",
            Self::Bound => "bound",
            Self::Unmapped => "unmapped",
        }
    }

    /// The number of the issuer whose keys would be needed, and are not at hand.
    #[must_use]
    pub const fn without_key(self) -> Option<usize> {
        match self {
            Self::UnknownKey(issuer) | Self::NoKeys(issuer) => Some(issuer),
            _ => None,
        }
    }

    /// What the caller is told. What goes beyond "not valid" is told of tokens whose signature held alone.
    #[must_use]
    pub const fn public(self) -> &'static str {
        match self {
            Self::Expired => "the access token has expired; get a new one",
            Self::Audience => {
                "the access token was issued for another resource; ask for one for this resource"
            }
            Self::Bound => "the access token is bound to a key; this gateway takes plain bearer tokens only",
            Self::Unmapped => "this client is mapped to no agent here; ask the operator of this gateway",
            Self::NoKeys(_) => "the issuer's keys cannot be had at the moment; try again later",
            _ => "this access token is not valid here; get one from an authorization server of this resource",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.public())
    }
}

impl std::error::Error for TokenError {}
