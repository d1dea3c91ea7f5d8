//! Anthropic Messages and token counting.

pub(crate) mod answer;
pub(crate) mod blocks;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod tools;
