//! The Model Context Protocol: JSON-RPC messages, read strictly and changed in place.
//!
//! ```text
//! bytes --Message::parse--> kind, id, method, params | result | error     (a tape over the bytes)
//! params, result --texts--> every string a reader could see, but for media that cannot be read
//! edits --render--> the same bytes with what was edited, and nothing else, written anew
//! ```
//! Specification: modelcontextprotocol.io, revisions 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28;
//! `docs/mcp.md` says what of them matters here.
//!
//! What always holds: a method, a member of its parameters or a member of the envelope that the table of the revision
//! does not know is refused; keys that are equal, or equal but for case, are refused by the scanner. What it does not
//! do: hold sessions, choose a server, decide anything.

mod compose;
mod edit;
mod header;
mod listing;
mod message;
mod mirror;
mod revision;
mod text;

pub use compose::{ErrorCode, error, error_with_data, notification, refusal_code, request, response, string};
pub use edit::{Edits, render};
pub use header::{decode_header, encode_header};
pub use listing::{Item, Listing, listing};
pub use message::{Id, Message, MessageKind};
pub use mirror::{Mirror, mirrored, mirrors, says};
pub use revision::{Method, Revision};
pub use text::{McpText, Texts, texts};
