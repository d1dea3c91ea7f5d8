//! Who calls, and who may not any more: virtual keys, access tokens of issuers that the operator trusts, kill switches.
//!
//! ```text
//! headers --presented--> key text --Keyring::authenticate, or token --Trust::verify--> Principal --KillSet::hit--> stop or go on
//! ```
//!
//! What always holds: there is no anonymous principal; a key's text is shown once, when minted, and only a digest
//! of it is kept; a stranger learns the same thing whether a key is unknown, wrong, expired or revoked.
//!
//! What it deliberately does not do: I/O (the traits here are implemented by `store`), read a clock or randomness
//! (both are passed in), decide what a principal may do (`policy` does).

pub mod acknowledge;
pub mod auth;
pub mod key;
pub mod keyring;
pub mod kill;
pub mod oauth;
pub mod persist;
mod text;

pub use auth::{AuthError, presented};
pub use key::{KeyKind, KeyRecord, MAX_LABEL_BYTES, MintError, MintedKey, mint, revoke, rotate};
pub use keyring::{Keyring, Principal};
pub use kill::{Kill, KillScope, KillScopeError, KillSet, KillSwitch, Target};
pub use persist::{KeyStore, KillStore, StoreError, StoreErrorKind};
pub use text::{KeyText, PREFIX};
