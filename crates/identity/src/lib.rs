//! Virtual keys.
