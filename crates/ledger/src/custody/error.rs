//! Why something about keeping, erasing or pruning was refused.

use crate::{error::LedgerError, verify::Tamper, volume::VolumeError};

/// Why it was refused, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CustodyError {
    /// A legal hold covers it.
    #[error("legal hold {hold} covers it; nothing was done (`cordon audit hold list` shows it)")]
    Held {
        /// The hold's number.
        hold: u64,
    },
    /// Digests are made under this key at this moment.
    #[error("epoch {epoch} is the current one; begin another first (`cordon audit epoch rotate`)")]
    CurrentEpoch {
        /// The epoch.
        epoch: u32,
    },
    /// No such epoch.
    #[error("there is no epoch {epoch}; `cordon audit epoch list` shows those there are")]
    NoEpoch {
        /// The number asked for.
        epoch: u32,
    },
    /// Its key is gone.
    #[error("the key of epoch {epoch} was destroyed before")]
    EpochShredded {
        /// The epoch.
        epoch: u32,
    },
    /// No such hold in force.
    #[error("there is no hold {hold} in force; `cordon audit hold list` shows those there are")]
    NoHold {
        /// The number asked for.
        hold: u64,
    },
    /// There is nothing to destroy.
    #[error("there is nothing to destroy: {problem}")]
    Nothing {
        /// Why.
        problem: &'static str,
    },
    /// A hold that covers nothing, or everything by accident.
    #[error("the scope of the hold: {problem}")]
    BadScope {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A kill switch for a user stands under the key that is to be destroyed.
    #[error(
        "kill switches for users were set under this key, and would no longer hold: lift each (`cordon unkill`), \
         restart, set them anew (`cordon kill user-name:NAME`), then erase"
    )]
    KillsDepend,
    /// The record did not come under a checkpoint in time.
    #[error("record {index} is durable and not yet under a checkpoint; try again")]
    NotCovered {
        /// The record.
        index: u64,
    },
    /// The ledger.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl From<VolumeError> for CustodyError {
    fn from(e: VolumeError) -> Self {
        Self::Ledger(e.into())
    }
}

impl From<Tamper> for CustodyError {
    fn from(t: Tamper) -> Self {
        Self::Ledger(t.into())
    }
}
