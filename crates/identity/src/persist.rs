//! What identity asks of a store. Implemented by `store`; a test may break one on purpose.
//!
//! INVARIANT: each writing method is durable when it returns `Ok`, and has changed nothing when it returns `Err`.

use crate::{
    key::KeyRecord,
    kill::{Kill, KillScope},
};

/// What kind of trouble a store has: each calls for another deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The disk is full.
    Full,
    /// The file is damaged, or is no store.
    Corrupt,
    /// A newer version of Cordon wrote it.
    Newer,
    /// The file or its directory may not be read or written.
    Permission,
    /// Another process holds it.
    Busy,
    /// What stands there cannot be read as what it should be.
    Data,
    /// Any other failure of the disk or the database.
    Io,
}

impl StoreErrorKind {
    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Full => "free space on the disk of the data directory; nothing was changed",
            Self::Corrupt => {
                "stop Cordon and put back the last backup of the data directory; keep the damaged file"
            }
            Self::Newer => "start the newer version of Cordon, or use another data directory",
            Self::Permission => "let the user that runs Cordon read and write the data directory",
            Self::Busy => "end the other process that uses this data directory",
            Self::Data => "a row was changed by hand or by another program; put back the last backup",
            Self::Io => "look at the system's log for trouble with the disk of the data directory",
        }
    }
}

/// Why a store did not do what was asked. For the operator; it holds no content and no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store could not {operation}: {detail} ({})", kind.hint())]
pub struct StoreError {
    /// What was tried: `load keys`.
    pub operation: &'static str,
    /// What kind of trouble.
    pub kind: StoreErrorKind,
    /// What the database or the system said.
    pub detail: String,
}

/// Where keys are kept.
pub trait KeyStore: Send + Sync {
    /// All keys, revoked and expired ones too.
    fn load_keys(&self) -> Result<Vec<KeyRecord>, StoreError>;
    /// Saves new keys and changes of known ones: all of them or none. A revocation is never taken back.
    fn put_keys(&self, records: &[KeyRecord]) -> Result<(), StoreError>;
}

/// Where kills are kept.
pub trait KillStore: Send + Sync {
    /// All kills in force.
    fn load_kills(&self) -> Result<Vec<Kill>, StoreError>;
    /// Saves a kill; one that is in force already keeps its time.
    fn put_kill(&self, kill: &Kill) -> Result<(), StoreError>;
    /// Removes a kill. Returns whether it was in force.
    fn remove_kill(&self, scope: &KillScope) -> Result<bool, StoreError>;
}
