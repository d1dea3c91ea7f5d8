//! What can be wrong with a ledger on disk, by name.
//!
//! What always holds: each class has one stable name, so that scripts can tell them apart.

use crate::note::Unsigned;
use std::fmt;

macro_rules! classes {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, )*) => {
        /// How a ledger was tampered with, or broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Class { $( $(#[$doc])* $variant, )* }

        impl Class {
            /// Every class.
            pub const ALL: &'static [Class] = &[ $( Class::$variant, )* ];

            /// The name that reports use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Class::$variant => $name, )* }
            }
        }
    };
}

classes! {
    /// An entry is not the one whose hash the tile holds.
    EntryChanged = "entry-changed",
    /// An entry was taken out.
    EntryRemoved = "entry-removed",
    /// An entry was put in.
    EntryInserted = "entry-inserted",
    /// Entries stand in another order.
    EntriesReordered = "entries-reordered",
    /// A bundle ends too early.
    BundleTruncated = "bundle-truncated",
    /// A bundle is not there.
    MissingBundle = "missing-bundle",
    /// A tile is not what its entries or the tiles below it give.
    TileChanged = "tile-changed",
    /// A tile's length does not fit its width.
    TileTruncated = "tile-truncated",
    /// A tile is not there.
    MissingTile = "missing-tile",
    /// A partial tile or bundle is no prefix of its successor.
    PartialInconsistent = "partial-inconsistent",
    /// No checkpoint.
    MissingCheckpoint = "missing-checkpoint",
    /// The checkpoint is no signed checkpoint.
    CheckpointMalformed = "checkpoint-malformed",
    /// The checkpoint's text is not what was signed.
    CheckpointChanged = "checkpoint-changed",
    /// The checkpoint is not signed by this ledger's key.
    CheckpointOtherKey = "checkpoint-other-key",
    /// The checkpoint is older than what is on the disk.
    CheckpointRolledBack = "checkpoint-rolled-back",
    /// All files agree with each other, and not with the checkpoint.
    RootMismatch = "root-mismatch",
    /// The journal lacks entries.
    JournalGap = "journal-gap",
    /// The journal is broken other than at its end, or differs from what was published.
    JournalDamaged = "journal-damaged",
    /// The minimum index is none that this ledger's key signed.
    MinimumChanged = "minimum-changed",
    /// The log does not say what the minimum index says.
    MinimumUnbacked = "minimum-unbacked",
    /// A legal hold is none that this ledger's key signed.
    HoldChanged = "hold-changed",
    /// The log tells of a legal hold whose file is not there.
    HoldMissing = "hold-missing",
    /// An epoch's key, or the list of epochs, is broken or not there.
    EpochKeyDamaged = "epoch-key-damaged",
    /// A salt is not what was written.
    SaltDamaged = "salt-damaged",
    /// A receipt, or an order under way, is none that this ledger's key signed.
    ReceiptChanged = "receipt-changed",
    /// A file that does not belong into a ledger.
    ForeignFile = "foreign-file",
    /// The ledger is older than a checkpoint of it that somebody kept.
    HistoryShorter = "history-shorter",
    /// The ledger's entries are others than a checkpoint of it says that somebody kept.
    HistoryOther = "history-other",
    /// No checkpoint has the cosignatures that a policy asks for.
    QuorumNotMet = "quorum-not-met",
}

/// One thing wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Tamper {
    /// What kind of thing.
    pub class: Class,
    /// In which file.
    pub path: String,
    /// At which entry, where that is known.
    pub index: Option<u64>,
    /// In words.
    pub detail: &'static str,
}

impl Tamper {
    pub(crate) fn new(class: Class, path: &str, index: Option<u64>, detail: &'static str) -> Self {
        Self { class, path: path.to_owned(), index, detail }
    }
}

impl fmt::Display for Tamper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in `{}`", self.class.name(), self.path)?;
        if let Some(index) = self.index {
            write!(f, " at entry {index}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

pub(crate) fn checkpoint_tamper(why: Unsigned) -> Tamper {
    let (class, detail) = match why {
        Unsigned::Malformed => (Class::CheckpointMalformed, "it is no signed checkpoint"),
        Unsigned::OtherKey => (Class::CheckpointOtherKey, "it is not signed by this ledger's key"),
        Unsigned::BadSignature => (Class::CheckpointChanged, "its signature does not fit its text"),
    };
    Tamper::new(class, crate::log::CHECKPOINT, None, detail)
}
