//! OAuth in a running gateway: whose access tokens are taken, and their keys.

mod issuers;

pub(crate) use issuers::{Issuers, check};
