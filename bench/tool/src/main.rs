//! Load, upstream and reports for comparing Cordon with others.
fn main() {}
