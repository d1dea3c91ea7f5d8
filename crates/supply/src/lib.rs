//! The supply chain: what versions mean, which advisories hold for a package, bills of materials, what a change adds.
//!
//! ```text
//! OSV records -> osv::Advisories --+
//! packages, with versions ---------+-> advise -> hits, gravest first -> report (SARIF, JUnit)
//! inventory -> bom -> CycloneDX, SPDX          base + now + what is approved -> gate -> report
//! CycloneDX, SPDX -> bom -> components
//! ```
//! What always holds: texts in, values out; nothing here opens a file, runs anything or connects to anything, and every
//! reader is bounded, whatever it is fed. What cannot be decided is said so, and is never "not affected". What it
//! deliberately does not do: unpack, sign, walk or print; `app` and `cli` do.

pub mod bom;
pub mod gate;
pub mod osv;
pub mod report;
pub mod version;

pub use version::{Ecosystem, Scheme};
