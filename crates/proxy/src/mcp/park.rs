//! A call at a server with sessions that asked its client something, while the client has none: it waits here until the
//! client comes back with the answer and the token.

use crate::mcp::replies::Replies;
use cordon_types::{Digest, KeyId};
use cordon_wire::mcp::Id;
use tokio::time::Instant;

/// See the module.
pub(crate) struct Parked {
    /// Whose.
    pub key: KeyId,
    /// Of which request: method, name and arguments.
    pub request: Digest,
    /// What the server goes on to say.
    pub replies: Replies,
    /// The server's questions: the name under which the client was asked, and the id to answer to.
    pub questions: Vec<(String, Id)>,
    /// Until when it waits.
    pub until: Instant,
}
