//! What is wrong with something that an operator wrote: every problem at once, each with its path and a hint.

use std::fmt;

/// One thing wrong in a config, manifest or policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File (or other source) it stands in, as the operator named it. Empty when there is only one.
    pub source: String,
    /// Where in the file: a dotted path (`upstreams[1].base_url`) or `line 4, column 7`.
    pub path: String,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Problem {
    /// A problem at `path`, with what to do about it.
    pub fn new(path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { source: String::new(), path: path.into(), message: message.into(), hint: hint.into() }
    }

    /// The same problem, said to stand in `source`.
    #[must_use]
    pub fn within(mut self, source: &str) -> Self {
        self.source = source.to_owned();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.source.is_empty() {
            write!(f, "{}: ", self.source)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " (hint: {})", self.hint)?;
        }
        Ok(())
    }
}

/// Every problem of one reading. As an error it prints one problem a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{p}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
