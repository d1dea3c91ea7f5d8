//! Bounds on what one body may hold. The size of the body itself is the listener's to bound.

/// How deep, how many, how long. Everything over a bound is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub max_depth: u16,
    /// Most JSON nodes (keys and values) in one body: bounds the tape's memory (16 bytes a node).
    pub max_nodes: u32,
    /// Most messages in a request.
    pub max_messages: u32,
    /// Most tools in a request.
    pub max_tools: u32,
    /// Longest key, in bytes as written: keys are compared with each other.
    pub max_key_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 64, max_nodes: 200_000, max_messages: 2_000, max_tools: 256, max_key_bytes: 1024 }
    }
}
