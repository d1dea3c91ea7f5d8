//! OAuth, towards authorization servers.

mod web;

pub use web::{Metadata, Reach, Web};
