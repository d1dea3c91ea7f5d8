//! Words to the terminal: the one place that prints.

use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};

/// A line to standard output. A closed pipe is no error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line to standard error.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "cordon: {text}");
}

/// A note to standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How far long work is, on one line that the next word overwrites; only where somebody watches. Nothing: clears it.
pub(crate) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    }
}

/// JSON, one line.
pub(crate) fn json(value: &Value) {
    line(&value.to_string());
}

/// Whether a person reads standard output.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
