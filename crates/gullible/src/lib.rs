//! The built-in credulous model provider: deterministic, for demos and tests.
