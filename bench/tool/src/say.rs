//! The terminal: lines for people on standard output, progress on standard error.

/// A line of the result.
#[expect(clippy::print_stdout, reason = "a command-line tool's output")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What is being done.
#[expect(clippy::print_stderr, reason = "a command-line tool's progress")]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}
