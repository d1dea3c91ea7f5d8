//! The flow as a whole: the matrix of guards over every place of every dialect, the properties of streams, and what
//! is refused by default.
#![allow(unreachable_pub, reason = "one binary, many files")]
#![allow(missing_docs, reason = "a test's parts are for its own files")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod again;
mod hands;
mod matrix;
mod place;
mod rules;
mod staged;
mod streams;
mod world;
