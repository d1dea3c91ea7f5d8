//! What is known about tools, apart from any transport: what a server declares ([`pins`]), whether arguments fit
//! ([`schema`]), what a shell would run ([`shell`]), and HTTP interfaces as tools ([`openapi`]).
//!
//! ```text
//! tools/list ──> pins: digest, difference, look-alikes, signs ──> quarantine or not (whoever asks decides)
//! a call ──────> schema: do the arguments fit? ──> shell: what would run? ──> openapi: the request it becomes
//! ```
//! What always holds: no I/O, no clock, no randomness; every input is a stranger's and every reading is bounded; an
//! error names places and rules, never a value that was passed. What it deliberately does not do: judge. It says what
//! is there; `policy` and `pipeline` say whether it may be.

pub mod json;
pub mod limits;
pub mod openapi;
pub mod pins;
pub mod schema;
pub mod shell;
pub mod show;
