//! Who decides, what they may decide, and why a decision is refused. A refusal is a value with words for the approver.

use crate::event::Event;
use cordon_identity::StoreError;
use cordon_types::{Digest, KeyId, Millis};
use std::fmt;

/// Longest name of a person, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// What vouches for a person. Two people have two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The owner of the data directory.
    Owner,
    /// The holder of an admin key. One that was rotated counts as the key it began as.
    Key(KeyId),
}

/// Somebody who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What vouches for them.
    pub credential: Credential,
    /// Their name, as they say it. Live only: records hold a pseudonym.
    pub name: String,
}

impl Person {
    /// Whether both may be one person: one credential, or one name in another spelling.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let plain = |p: &Self| p.name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        self.credential == other.credential || plain(self) == plain(other)
    }
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on.
    Allow(Scope),
    /// It may not; or, where it was allowed and is not used up, not any more.
    Deny(DenyReason),
}

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This very call, once.
    Once,
    /// Calls like it.
    Wider {
        /// The predicate, as it was shown: what the approver read is what is granted.
        predicate: Digest,
        /// Until when.
        until: Millis,
        /// How often.
        count: u32,
    },
}

impl Scope {
    /// Of two, what both allow.
    pub(crate) fn narrower(self, other: Self) -> Self {
        match (self, other) {
            (Self::Once, _) | (_, Self::Once) => Self::Once,
            (
                Self::Wider { predicate, until, count },
                Self::Wider { predicate: other, until: other_until, count: other_count },
            ) if predicate == other => {
                Self::Wider { predicate, until: until.min(other_until), count: count.min(other_count) }
            }
            // Both were held against the call's own predicate, so this does not come up; if it did, less is right.
            _ => Self::Once,
        }
    }
}

/// Why somebody denied, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyReason {
    /// Nobody wanted this call.
    Unexpected,
    /// It goes to the wrong place.
    WrongTarget,
    /// It looks like an attack.
    Suspicious,
    /// It is against a rule of the house.
    NotPermitted,
    /// Anything else.
    Other,
}

impl DenyReason {
    /// Every reason, in a fixed order.
    pub const ALL: [DenyReason; 5] =
        [Self::Unexpected, Self::WrongTarget, Self::Suspicious, Self::NotPermitted, Self::Other];

    /// The code in the API and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::WrongTarget => "wrong_target",
            Self::Suspicious => "suspicious",
            Self::NotPermitted => "not_permitted",
            Self::Other => "other",
        }
    }

    /// The reason of that code.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// A decision that was taken.
#[must_use = "the event is to be recorded"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// People that must still allow it; 0 when it is settled.
    pub still_needed: u8,
    /// For the record.
    pub event: Event,
}

/// What became of a call that does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWaiting {
    /// There was none of that name.
    Unknown,
    /// Its time was over, or a restart ended it: denied.
    Expired,
    /// Somebody denied it.
    Denied,
    /// It was allowed, and the grant waits to be used.
    Allowed,
    /// It was allowed, and the grant is used up.
    Used,
}

impl NotWaiting {
    /// The code in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Allowed => "allowed",
            Self::Used => "used",
        }
    }
}

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of that name waits.
    NotWaiting(NotWaiting),
    /// The same credential or name has allowed it already: two people are needed.
    SamePerson,
    /// An agent's own key does not decide about its calls.
    OwnKey,
    /// No wider grant is offered for this call.
    NotOffered,
    /// The predicate is not the one that was shown.
    OtherPredicate,
    /// The time or the count of a wider grant is out of bounds.
    OutOfBounds,
    /// Too many grants wait to be used.
    TooManyGrants,
    /// The name is empty, too long, or has control characters.
    BadName,
    /// The decision could not be saved, so it was not taken.
    NotSaved(StoreError),
    /// It is denied from now on, but that could not be saved.
    DeniedNotSaved(StoreError),
}

impl Refusal {
    /// The code in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotWaiting(state) => match state {
                NotWaiting::Unknown => "not_found",
                other => other.name(),
            },
            Self::SamePerson => "same_person",
            Self::OwnKey => "own_key",
            Self::NotOffered => "not_offered",
            Self::OtherPredicate => "other_predicate",
            Self::OutOfBounds => "out_of_bounds",
            Self::TooManyGrants => "too_many_grants",
            Self::BadName => "bad_name",
            Self::NotSaved(_) | Self::DeniedNotSaved(_) => "not_saved",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWaiting(NotWaiting::Unknown) => "no call of that name waits or has waited",
            Self::NotWaiting(NotWaiting::Expired) => {
                "its time was over, or a restart ended it: it is denied; the agent may ask again"
            }
            Self::NotWaiting(NotWaiting::Denied) => "it was denied already",
            Self::NotWaiting(NotWaiting::Allowed) => "it was allowed already; `deny` takes that back while unused",
            Self::NotWaiting(NotWaiting::Used) => "it was allowed already, and the grant is used up",
            Self::SamePerson => {
                "two people must allow it: another credential and another name than the first (an admin key of their own)"
            }
            Self::OwnKey => "an agent's own key does not decide about its calls",
            Self::NotOffered => "only this very call can be allowed, once: nothing wider is offered for it",
            Self::OtherPredicate => "the predicate is not the one shown for this call; look at it again",
            Self::OutOfBounds => "the time or the count of the wider grant is out of bounds",
            Self::TooManyGrants => "too many grants wait to be used; deny some that are not needed any more",
            Self::BadName => "say who decides, in 1 to 256 bytes without control characters",
            Self::NotSaved(e) => return write!(f, "nothing was decided: {e}"),
            Self::DeniedNotSaved(e) => return write!(f, "it is denied, but that is not saved: {e}"),
        })
    }
}
