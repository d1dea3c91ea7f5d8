//! Information flow: the labels of a session, and where each value that it has seen came from.
//!
//! ```text
//! saw(user's words) ─┐                        ┌─ provenance(value)
//! saw_json(result)  ─┼─> words -> digests -> index: who brought it first ─┼─ provenance_json(argument)
//! called(arguments) ─┘                        └─ labels()
//! ```
//! What always holds: no text is kept; what nobody brought is unknown; what strangers brought first stays untrusted,
//! whoever says it later; of parts the worst counts. What it deliberately does not do: know tools, policies or who the
//! user is. `docs/information-flow.md` says what is promised and what is lost.

mod asked;
mod encoded;
mod fields;
mod index;
mod keyed;
mod seen;
mod session;
mod sessions;
mod shape;
mod typed;
mod url;
mod words;

pub use fields::Fields;
pub use index::Bounds;
pub use session::{LONGEST_VALUE, Session};
pub use sessions::{Binding, ENTROPY_BYTES, Limits, SESSION_PREFIX, SessionId, Sessions};
