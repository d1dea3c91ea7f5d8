//! The binary `cordon`.
fn main() {}
