//! OAuth, towards authorization servers: their documents, and the gateway's own tokens for tool servers.
//!
//! What always holds: a caller's token goes to the token endpoint that the operator named, in exchange for another, and
//! nowhere else; a token goes to the one server that it was got for; nothing that an authorization server says reaches a
//! caller.

mod grant;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;
mod web;

pub use grant::TokenFailure;
pub use settings::{Grant, TokenPlace, TokenSettings};
pub use tokens::{Bearer, RefreshTokens, Stored, Subject, Tokens};
pub use web::{Metadata, Reach, Web};
