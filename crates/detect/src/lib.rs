//! Text to findings.
