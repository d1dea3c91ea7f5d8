//! Dialects: bytes to spans and back.
