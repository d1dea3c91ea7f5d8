//! Dialects: bytes to spans and back.
//!
//! ```text
//! body --json::scan--> tape --table::Table::walk--> spans, features, issued blocks
//! body + edits --json::splice--> body'          (what is not edited stays byte for byte)
//! ```
//!
//! What always holds here:
//! - Bytes are read once, by one strict scanner; what is forwarded is those bytes, never a second reading.
//! - A field, variant or block that the dialect's table does not know is refused by name.
//! - Work is linear in the body; no recursion is deeper than the table, which is a constant.
//! - No error's `path` has a byte of the caller's in it.
//!
//! What it deliberately does not do: decide anything, look into what a text says, do any I/O.

pub mod json;
pub mod table;

pub mod anthropic;
pub mod mcp;
pub mod openai;

mod answer;
mod arguments;
mod error;
mod fault;
mod limits;
mod request;
mod rows;
mod span;
mod sse;
mod stream;

pub use answer::{Answer, AnswerEdit, Call, parse_answer};
pub use arguments::{Arguments, parse_arguments};
pub use error::{ApiError, UpstreamError, error_body, error_event, error_kind, parse_upstream_error};
pub use fault::{WireCode, WireError};
pub use limits::Limits;
pub use request::{Forced, Request, RequestEdit, Tool, ToolKind, parse_request};
pub use rows::{Is, Row, rows, rows_json};
pub use span::{Issued, Span, Splice, TextEdit, Usage, Used};
pub use sse::{Frame, SseReader};
pub use stream::{CallKey, Channel, Event, EventEdit, Part, parse_event, text_event};
