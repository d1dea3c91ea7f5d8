//! Outbound: the only way in which Cordon reaches a model provider, a tool server ([`ToolServers`], [`Child`]), and
//! ([`Peer`]) a witness.
//!
//! ```text
//! send(permit, upstream, request)
//!   pool: an idle connection of that upstream ── or ── dial: resolve → judge every address → connect → TLS
//!   headers: the caller's whitelisted ones, then the gateway's own (host, credential) over them
//!   head: within its time; 3xx, encoded or oversized heads are errors
//!   body: chunk by chunk, each within its time; read to the end → the connection goes back to the pool
//! ```
//!
//! What always holds:
//! - nothing of a caller's is sent without a [`cordon_policy::Permit`]; a [`Delivery`] carries only what the gateway
//!   made itself, records and copies of the ledger, as a [`Peer`] carries checkpoints, and knows no model provider; a
//!   [`Probe`] carries nothing, and asks what a server is;
//! - a connection goes to exactly the address that was judged, and a credential only to its own upstream;
//! - redirects are never followed; a request that may have been processed is never sent twice;
//! - no error text for a caller names an address, a host or a credential.
//!
//! What it does not do: choose an upstream, inspect content, or retry at another upstream.

mod address;
mod body;
mod builtin;
mod client;
mod delivery;
mod dial;
mod error;
mod headers;
mod io;
pub mod oauth;
mod peer;
mod pool;
mod probe;
mod settings;
#[cfg(test)]
mod tests;
mod tools;

pub use address::{AddressClass, classify};
pub use body::{Incoming, IncomingBody};
pub use builtin::{Builtin, BuiltinAnswer, BuiltinEnd};
pub use client::{Client, Outgoing, Spawn};
pub use delivery::{Delivery, Line};
pub use error::{Phase, UpstreamError};
pub use peer::{Peer, PeerAnswer};
pub use probe::{Probe, ProbeLimits, Probed, Prober};
pub use settings::{AuthStyle, BaseUrl, Credential, Settings, Target};
pub use tools::{ApiRequest, Child, ChildSettings, Line as ChildLine, ToolRequest, ToolServers};
