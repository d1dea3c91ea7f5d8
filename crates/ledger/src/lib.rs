//! The audit record: leaves, Merkle tree, checkpoints, proofs, verifier.
//!
//! ```text
//! Intent, Outcome, Control --encode--> leaf bytes --> Committer --> journal (one write, one sync a round)
//!                                                        |              then the waiters wake
//!                                                        +--> tree --> tiles, bundles, signed checkpoint
//! ```
//!
//! What always holds here: a record has no field that a stranger's text fits into; an index is handed out
//! only after its entry is on the disk (unless the operator chose otherwise); an entry once in the tree never
//! changes; a ledger that cannot write says so to every waiter and never recovers by itself.
//!
//! What it deliberately does not do: touch files (a [`Volume`] does), read a clock or make randomness (both
//! are handed in), or promise anything against whoever holds both the disk and the signing key: that is a
//! witness's work.

pub mod algorithm;
pub mod checkpoint;
pub mod committer;
pub mod custody;
pub mod error;
pub mod files;
mod filter;
pub mod journal;
pub mod log;
pub mod minimum;
pub mod name;
pub mod note;
pub mod policy;
pub mod prefix;
pub mod proof;
mod publish;
pub mod read;
pub mod record;
mod recover;
mod segments;
pub mod show;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod volume;
pub mod witness;
pub mod witnessed;

pub use algorithm::Algorithm;
pub use checkpoint::Checkpoint;
pub use committer::{Appended, Committer, Courier, Durability, Options};
pub use custody::{Custody, CustodyError, Epochs, Hold, Receipt, Retention, Scope, Trail, What};
pub use error::LedgerError;
pub use filter::{Filter, RecordType, Sought};
pub use log::{Ledger, Recovery};
pub use minimum::Minimum;
pub use name::{Bucket, Catalogue, Commitment, Digester, FIRST_EPOCH, Known, Linkable, Name, Word};
pub use note::{Note, Signer, Unsigned, VerifierKey};
pub use policy::{Policy, PolicyError};
pub use prefix::{Prefix, leaves};
pub use proof::{
    ConsistencyProof, InclusionProof, consistency, entry, prove, verify_consistency, verify_proof,
};
pub use read::{Bundle, Reader};
pub use record::{
    CallJudged, Control, ControlKind, Decision, Failed, FindingCount, Finish, Intent, Judged, Labels,
    Obligation, ObligationCount, Outcome, PredicateResult, Reason, Record, ToolCalled,
};
pub use show::{Shown, show, show_last};
pub use verify::{Class, Tamper, Verified, verify, verify_watched};
pub use volume::{Volume, VolumeError};
