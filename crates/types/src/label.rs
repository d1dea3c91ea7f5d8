//! Labels of information flow: what a tool does, how far a word can be trusted, how secret it is, where it came from.
//!
//! What always holds: each is a small closed order, so that labels join without a table. `flow` computes them,
//! `policy` judges by them, records name them; they meet here. What it deliberately does not do: say which text has
//! which label.

use std::fmt;

/// What a tool does to the world, in the owner's judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Looks.
    Read,
    /// Changes.
    Write,
    /// Sends something to somebody.
    Send,
    /// Runs something.
    Execute,
    /// Spends money.
    Spend,
}

impl Effect {
    /// Every effect, in a fixed order.
    pub const ALL: [Effect; 5] = [Effect::Read, Effect::Write, Effect::Send, Effect::Execute, Effect::Spend];

    /// The name in manifests, Cedar and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Effect::Read => "read",
            Effect::Write => "write",
            Effect::Send => "send",
            Effect::Execute => "execute",
            Effect::Spend => "spend",
        }
    }
}

/// How far what a session has seen can be trusted. It only falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Integrity {
    /// Something in it was written by a stranger, or nobody knows by whom: the floor, and the default.
    #[default]
    Untrusted,
    /// All of it is the user's, the operator's or a trusted tool's.
    Trusted,
}

impl Integrity {
    /// Every value, lowest first.
    pub const ALL: [Integrity; 2] = [Integrity::Untrusted, Integrity::Trusted];

    /// The name in manifests, Cedar and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Integrity::Untrusted => "untrusted",
            Integrity::Trusted => "trusted",
        }
    }
}

/// How secret data is. A session's class only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Anybody may have it.
    Public,
    /// The organisation's own.
    Internal,
    /// For some of its people.
    Confidential,
    /// Harm is done when it leaves.
    Restricted,
}

impl Class {
    /// Every class, lowest first.
    pub const ALL: [Class; 4] = [Class::Public, Class::Internal, Class::Confidential, Class::Restricted];

    /// The name in manifests, Cedar and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Public => "public",
            Class::Internal => "internal",
            Class::Confidential => "confidential",
            Class::Restricted => "restricted",
        }
    }
}

/// Where a value came from, as far as the session knows. Ordered from worst to best: of parts, the worst counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provenance {
    /// Nobody brought it: the model made it up, or changed it beyond recognition. Worth no more than untrusted.
    #[default]
    Unknown,
    /// A tool brought it whose results strangers can write.
    Untrusted,
    /// A tool brought it whose results the operator trusts.
    Trusted,
    /// The user's own words.
    User,
}

impl Provenance {
    /// Every value, worst first.
    pub const ALL: [Provenance; 4] =
        [Provenance::Unknown, Provenance::Untrusted, Provenance::Trusted, Provenance::User];

    /// The name in Cedar and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Provenance::Unknown => "unknown",
            Provenance::Untrusted => "untrusted",
            Provenance::Trusted => "trusted",
            Provenance::User => "user",
        }
    }

    /// Whether it may supply the target of an effect.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Provenance::Trusted | Provenance::User)
    }
}

/// A session's two labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels {
    /// Falls when untrusted content enters.
    pub integrity: Integrity,
    /// Rises with the class of the data read.
    pub class: Class,
}

impl Labels {
    /// Nothing has been seen yet.
    pub const CLEAN: Labels = Labels { integrity: Integrity::Trusted, class: Class::Public };

    /// What a session is worth of which nothing is known: untrusted, and it may have read anything up to `highest`.
    #[must_use]
    pub const fn floor(highest: Class) -> Self {
        Self { integrity: Integrity::Untrusted, class: highest }
    }

    /// Both together: the lower integrity, the higher class.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { integrity: self.integrity.min(other.integrity), class: self.class.max(other.class) }
    }
}

macro_rules! shown_by_name {
    ($($t:ty),*) => { $(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $t {
            /// The value of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|v| v.name() == name)
            }
        }
    )* };
}
shown_by_name!(Effect, Integrity, Class, Provenance);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_only_get_worse() {
        let read = Labels { integrity: Integrity::Trusted, class: Class::Restricted };
        let page = Labels { integrity: Integrity::Untrusted, class: Class::Public };
        let both = Labels { integrity: Integrity::Untrusted, class: Class::Restricted };
        assert_eq!(read.join(page), both);
        assert_eq!(page.join(read), both);
        assert_eq!(Labels::CLEAN.join(read), read);
        assert_eq!(Labels::floor(Class::Restricted), both);
    }

    #[test]
    fn names_lead_back() {
        for p in Provenance::ALL {
            assert_eq!(Provenance::from_name(p.name()), Some(p));
        }
        assert_eq!(Class::from_name("secret"), None);
    }
}
