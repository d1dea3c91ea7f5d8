//! Recall and precision of the endpoint catalogue against lists that it was not made from.

use crate::catalogue::{Precision, catalogue};

/// What came of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Names in the list.
    pub names: u64,
    /// Names that the catalogue knows, by rows of normal precision.
    pub known: u64,
    /// Names that only a row of low precision or a guess knows.
    pub unsure: u64,
    /// Names that it does not know.
    pub missed: Vec<String>,
    /// Names that it knows, with whose they are.
    pub found: Vec<(String, &'static str)>,
}

impl Checked {
    /// Known by rows of normal precision, in thousandths of all.
    #[must_use]
    pub fn share(&self) -> u64 {
        (self.known * 1000).checked_div(self.names).unwrap_or(0)
    }
}

/// Looks every name of a list up: one a line, with or without `*.`, `||...^`, `0.0.0.0 `; `#` begins a comment.
#[must_use]
pub fn check(list: &str) -> Checked {
    let mut out = Checked::default();
    for name in list.lines().filter_map(host) {
        out.names += 1;
        let hosts = &catalogue().hosts;
        match hosts.find(name, None).and_then(|h| hosts.row(h)) {
            Some(row) if row.precision == Precision::Normal => {
                out.known += 1;
                out.found.push((name.to_owned(), row.vendor));
            }
            Some(_) => {
                out.unsure += 1;
                out.missed.push(name.to_owned());
            }
            None => out.missed.push(name.to_owned()),
        }
    }
    out
}

/// The name that a line of a list stands for; none for a comment, a heading or a bare word.
fn host(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or("").trim();
    // An address before the name (a hosts file's) has no letter in it.
    let is_name = |w: &&str| w.contains('.') && w.bytes().any(|b| b.is_ascii_alphabetic());
    let word = line.split([' ', '\t', ',']).find(is_name)?;
    let word = word.trim_start_matches("||").trim_start_matches("*.").trim_matches(['"', '.', '^']);
    let word = word.split("://").last().unwrap_or(word).split('/').next().unwrap_or(word);
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_many_forms() {
        let list = "# heading\n\napi.openai.com\n||claude.ai^\n0.0.0.0 gemini.google.com\n*.example.org\nkagi.com\n*.example.com,Text,a note of b.c\n";
        let got = check(list);
        assert_eq!((got.names, got.known, got.unsure), (6, 3, 1));
        assert_eq!(got.share(), 500);
        assert_eq!(got.missed, ["example.org", "kagi.com", "example.com"]);
        assert_eq!(check("").share(), 0);
    }
}
