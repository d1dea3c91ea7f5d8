//! What may stand in a record instead of text: names that the operator wrote, digests of all others, and
//! sizes in buckets.
//!
//! What always holds: there is no public way from a `String` that came over the network to a value of these
//! types other than through a digest. It does not hold keys beyond [`Digester`]'s, and that one is wiped.

use cordon_types::{AgentId, Digest, KeyId, ModelName, UpstreamId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};
use zeroize::Zeroizing;

/// A name that stands in an operator's file: a parsed id, or one that a [`Catalogue`] holds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Known(pub(crate) Arc<str>);

impl Known {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! known_from {
    ($($id:ty),*) => { $(
        impl From<&$id> for Known {
            fn from(id: &$id) -> Self {
                Self(id.as_str().into())
            }
        }
    )* };
}
known_from!(AgentId, ModelName, UpstreamId, KeyId);

/// The names in the operator's files that have no id type of their own: tools, arguments, policies.
/// Built anew at each load; the only other door to [`Known`].
///
/// What belongs into it: each name that a manifest, a policy file or the configuration spells out and that a
/// record may mention (tools, arguments of their predicates, ids of policies). What must never get in: a name
/// taken from a request or an answer, even one that was allowed by a pattern; those are recorded as digests.
///
/// ```
/// # use cordon_ledger::{Catalogue, Digester, Name};
/// let names = Catalogue::from_operator(["send_mail"]);
/// let digester = Digester::new([0; 32]);
/// assert!(matches!(names.name("send_mail", "tool", &digester), Name::Known(_)));
/// assert!(matches!(names.name("a caller's text", "tool", &digester), Name::Hidden(_)));
/// ```
#[derive(Clone, Default, Debug)]
pub struct Catalogue(BTreeSet<Arc<str>>);

impl Catalogue {
    /// Names longer than this, or with control characters in them, are never known: they are recorded as digests.
    pub const MAX_NAME: usize = 192;

    // SECURITY: call this with names from the operator's own files only. Whatever goes in may be printed
    // in records for ever.
    /// A catalogue of names from the operator's files.
    pub fn from_operator<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(|s| s.as_ref().into()).filter(Self::fits).collect())
    }

    fn fits(name: &Arc<str>) -> bool {
        !name.is_empty() && name.len() <= Self::MAX_NAME && !name.chars().any(char::is_control)
    }

    /// The name, if it is the operator's.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<Known> {
        self.0.get(name).cloned().map(Known)
    }

    /// The name if it is the operator's, else a digest of it under `domain`.
    #[must_use]
    pub fn name(&self, name: &str, domain: &'static str, digester: &Digester) -> Name {
        self.known(name).map_or_else(|| Name::Hidden(digester.linkable(domain, name.as_bytes())), Name::Known)
    }
}

/// A name in a record.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// Stands in an operator's file.
    Known(Known),
    /// Anybody's: only a keyed digest of it.
    Hidden(Linkable),
}

/// A word of Cordon's own: a detector's version, a predicate's name. Only a `'static` string becomes one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Word(pub(crate) Cow<'static, str>);

impl Word {
    /// A word from Cordon's own source.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// The word as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first 16 bytes of an HMAC-SHA-256 under the epoch key: the same value gives the same digest within an
/// epoch, so that records join; without the key nobody can try values out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Linkable(pub [u8; 16]);

impl fmt::Display for Linkable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Linkable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A salted digest that never joins: once its salt is destroyed it says nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Commitment(pub Digest);

/// The number of the first epoch. Records of before there were epochs are of it.
pub const FIRST_EPOCH: u32 = 1;

/// Makes digests under one tenant's key of one epoch.
pub struct Digester {
    epoch: u32,
    keyed: Hmac<Sha256>,
    _key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(..)")
    }
}

impl Digester {
    /// A digester of the first epoch under `key`.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self::of_epoch(FIRST_EPOCH, key)
    }

    /// A digester of that epoch under its key.
    #[must_use]
    pub fn of_epoch(epoch: u32, key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        Self { epoch, keyed: keyed(&key), _key: key }
    }

    /// Whose epoch's digests it makes: what a record that holds one says.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The linkable digest of `value`. `domain` keeps equal values of different meaning apart.
    #[must_use]
    pub fn linkable(&self, domain: &'static str, value: &[u8]) -> Linkable {
        let full = finish(self.keyed.clone(), domain, value);
        let mut short = [0; 16];
        short.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        Linkable(short)
    }

    /// The commitment to `value` under a salt that is kept outside the tree
    /// ([`crate::custody::salts`]).
    #[must_use]
    pub fn commitment(domain: &'static str, salt: &[u8; 32], value: &[u8]) -> Commitment {
        Commitment(Digest(finish(keyed(salt), domain, value)))
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to the hash's block (RFC 2104 section 2); doing it here makes this
    // infallible.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::new(&(*block).into())
}

/// `domain 0x00 value`: no domain holds a zero byte, so no two pairs collide.
fn finish(mut mac: Hmac<Sha256>, domain: &'static str, value: &[u8]) -> [u8; 32] {
    mac.update(domain.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    mac.finalize().into_bytes().into()
}

/// A size as a power of two: `n` means at least 2^(n-1) and less than 2^n bytes; 0 means empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Bucket(pub(crate) u8);

impl Bucket {
    /// The bucket of a size in bytes.
    #[must_use]
    pub const fn of(bytes: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "0 to 64")]
        Self((u64::BITS - bytes.leading_zeros()) as u8)
    }

    /// The exponent.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.0
    }
}
