//! JSON, read strictly and rewritten in place.
//!
//! `scan` makes a [`Tape`] of a text; [`Doc`] reads it; [`splice`] changes parts of the text.
//! No value tree is built and nothing is printed back: what is not edited keeps its bytes.

mod scan;
pub mod splice;
mod string;
mod tape;
#[cfg(test)]
mod tests;

pub use scan::scan;
pub use string::{decode, escape_into};
pub use tape::{Doc, Kind, Node, Tape};
