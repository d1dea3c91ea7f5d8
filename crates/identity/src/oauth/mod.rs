//! Access tokens of other issuers: JWTs as RFC 9068 profiles them, checked here as a resource server does (RFC 6750,
//! RFC 9728, RFC 8707, and the advice of RFC 8725).
//!
//! ```text
//! token --three parts, strict JSON--> `iss` picks the issuer --its keys alone--> signature --> type, audience, times
//!       --> the operator's mapping of one claim --> Principal
//! ```
//! What always holds: the algorithm is one of an asymmetric list, and fits the key's own kind; a key serves the issuer
//! that published it and no other; no claim is believed before the signature holds; a caller's id is a keyed digest of
//! who it is, so that it lasts over tokens and says nothing.
//!
//! What it deliberately does not do: fetch keys (`app` does, through `upstream`), read a clock, do cryptography of its
//! own (`ring` checks signatures), look at any key that a token brings along (`jwk`, `jku`, `x5u`).

mod cache;
mod claims;
mod error;
mod json;
mod jwks;
mod jws;
#[cfg(test)]
mod tests;
mod trust;

pub use cache::{AGAIN_MS, COOLDOWN_MS, KEYS_LAST_MS, KeyCache, REFRESH_MS};
pub use error::TokenError;
pub use jwks::{Keys, KeysError};
pub use jws::Algorithm;
pub use trust::{
    IssuerSettings, LEEWAY_SECONDS, MAX_TOKEN_BYTES, Trust, Verified, is_federated, looks_like_token,
};
