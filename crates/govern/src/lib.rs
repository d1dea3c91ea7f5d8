//! What the record shows of the controls that somebody answers for: frameworks as data, evidence as queries over
//! records and the operator's files, packs for auditors, posture.
//!
//! ```text
//! leaves --Pass--> Figures + samples --+
//! operator's files --> Facts ----------+--> Answer (one an evidence type) --> Standing (one a control)
//! frameworks.json --> Catalogue -------+                                  --> pack: HTML, JSON, OSCAL, proofs
//! ```
//!
//! What always holds: a figure comes from a record or a file, and none is made up; an evidence type that Cordon does
//! not produce says so; nothing here says that anything is compliant. The same leaves, files and period give the same
//! bytes. What it does not do: read files, sign, or know what time it is; `app` hands all that in.

pub mod answer;
pub mod catalogue;
pub mod facts;
pub mod figures;
mod html;
pub mod oscal;
pub mod pack;
pub mod posture;
pub mod queries;
pub mod sample;
pub mod standing;
pub mod tally;
pub mod verify;
pub mod zipped;

pub use answer::{Answer, Availability, Cell, Table};
pub use catalogue::{Catalogue, CatalogueError, Clock, Control, Coverage, EvidenceId, Framework};
pub use facts::Facts;
pub use figures::{Figures, Pass, Period};
pub use queries::{Log, answers};
pub use standing::Standing;
