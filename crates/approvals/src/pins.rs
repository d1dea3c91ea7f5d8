//! What is kept of the tools of a server that somebody approved: their definitions, which are the server's, not a call's.

use cordon_identity::StoreError;
use cordon_types::{Millis, ServerId};

/// An approved set of tools; an empty one where an approval was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPin {
    /// Whose.
    pub server: ServerId,
    /// The definitions, in their canonical form.
    pub set: String,
    /// Tools whose words try to steer their reader, and which may be used all the same.
    pub accepted: Vec<String>,
    /// When they were approved.
    pub at: Millis,
    /// Nobody approved them: they were the server's first listing.
    pub first_use: bool,
}

/// Where pins are kept. Each writing method is durable when it returns `Ok`, and has changed nothing when it returns
/// `Err`.
pub trait PinStore: Send + Sync {
    /// All pins.
    fn load_pins(&self) -> Result<Vec<KeptPin>, StoreError>;
    /// Saves a pin in the place of the server's last.
    fn put_pin(&self, pin: &KeptPin) -> Result<(), StoreError>;
}
