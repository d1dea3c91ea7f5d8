//! The rules of fingerprints: what an answer must have, and where it names a version.
//!
//! ```text
//! rule  := all "||" all ...          all  := term "&&" term ...
//! term  := status=200 | header="text" | body="text" | header!="text" | body!="text"      \" and \\ within quotes
//! where := whole | json:key | header:name | after:text
//! ```
//! What always holds: texts are compared without regard to ASCII case, and looked for once each; no rule has a pattern
//! that could take long. A version has the form of one, and is short: nothing else of an answer is kept.

use memchr::memmem;

/// Most terms of one rule.
const MAX_TERMS: usize = 32;
/// Longest version.
const MAX_VERSION: usize = 32;
/// How often a key or text is looked for before a version stands behind it.
const MAX_TRIES: usize = 16;

/// An answer, as rules look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    status: u16,
    /// Lines `name: value`, lower case.
    head: Vec<u8>,
    body: Vec<u8>,
    /// The body in lower case.
    lower: Vec<u8>,
}

impl Seen {
    /// An answer's status, headers, and as much of its body as was read.
    pub fn new<'h>(status: u16, headers: impl Iterator<Item = (&'h str, &'h [u8])>, body: Vec<u8>) -> Self {
        let mut head = Vec::new();
        for (name, value) in headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend(value.iter().filter(|b| **b != b'\n'));
            head.push(b'\n');
        }
        head.make_ascii_lowercase();
        let lower = body.to_ascii_lowercase();
        Self { status, head, body, lower }
    }

    /// Whether the request was served.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether a server that speaks TLS says in the clear that it wants it.
    #[must_use]
    pub fn wants_tls(&self) -> bool {
        self.status == 400
            && [&b"https port"[..], b"client sent an http request to an https server"]
                .iter()
                .any(|text| memmem::find(&self.lower, text).is_some())
    }
}

/// One thing that an answer must have, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Status(u16),
    Header { text: Vec<u8>, there: bool },
    Body { text: Vec<u8>, there: bool },
}

impl Term {
    fn holds(&self, seen: &Seen) -> bool {
        let is = |hay: &[u8], text: &[u8], there: bool| memmem::find(hay, text).is_some() == there;
        match self {
            Self::Status(status) => seen.status == *status,
            Self::Header { text, there } => is(&seen.head, text, *there),
            Self::Body { text, there } => is(&seen.lower, text, *there),
        }
    }
}

/// What an answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Vec<Vec<Term>>);

impl Rule {
    /// Reads a rule; `None` when it is none. Each way to fulfil it has a term that says what must be there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let (mut any, mut all, mut count) = (Vec::new(), Vec::new(), 0);
        loop {
            let (term, left) = term(rest)?;
            count += 1;
            if count > MAX_TERMS {
                return None;
            }
            all.push(term);
            rest = left.trim_start();
            if let Some(more) = rest.strip_prefix("&&") {
                rest = more.trim_start();
                continue;
            }
            // What only says what is not there would be true of any server.
            let says =
                |t: &Term| matches!(t, Term::Header { there: true, .. } | Term::Body { there: true, .. });
            if !all.iter().any(says) {
                return None;
            }
            any.push(std::mem::take(&mut all));
            if rest.is_empty() {
                return Some(Self(any));
            }
            rest = rest.strip_prefix("||")?.trim_start();
        }
    }

    /// Whether the answer has it.
    #[must_use]
    pub fn holds(&self, seen: &Seen) -> bool {
        self.0.iter().any(|all| all.iter().all(|term| term.holds(seen)))
    }
}

/// A term, and what follows it.
fn term(text: &str) -> Option<(Term, &str)> {
    if let Some(rest) = text.strip_prefix("status=") {
        let digits = rest.get(..3)?;
        let status = digits.parse().ok().filter(|s| (100..=599).contains(s))?;
        return Some((Term::Status(status), rest.get(3..)?));
    }
    let (header, rest) = match text.strip_prefix("header") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("body")?),
    };
    let (there, rest) = match rest.strip_prefix("!=") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix('=')?),
    };
    let (mut text, rest) = quoted(rest)?;
    text.make_ascii_lowercase();
    let text = text.into_bytes();
    Some((if header { Term::Header { text, there } } else { Term::Body { text, there } }, rest))
}

/// A text in quotes, not empty, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if out.is_empty() => return None,
            '"' => return Some((out, inner.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                c @ ('"' | '\\') => out.push(c),
                _ => return None,
            },
            c => out.push(c),
        }
    }
    None
}

/// Where an answer names the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionAt {
    /// It is the whole body.
    Whole,
    /// Behind this text: a key with its colon, the beginning of a script.
    After {
        /// The text.
        text: Vec<u8>,
        /// A colon stands between, as in JSON.
        colon: bool,
    },
    /// In this header, lower case.
    Header(Vec<u8>),
}

impl VersionAt {
    /// Reads where; `None` when it says nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "whole" {
            return Some(Self::Whole);
        }
        let (sort, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
        match sort {
            "json" => Some(Self::After { text: format!("\"{rest}\"").into_bytes(), colon: true }),
            "after" => Some(Self::After { text: rest.as_bytes().to_vec(), colon: false }),
            "header" => Some(Self::Header(format!("{}:", rest.to_ascii_lowercase()).into_bytes())),
            _ => None,
        }
    }

    /// The version that an answer names there.
    #[must_use]
    pub fn find(&self, seen: &Seen) -> Option<String> {
        match self {
            Self::Whole => {
                let body = seen.body.trim_ascii();
                let bare = body.strip_prefix(b"\"").and_then(|b| b.strip_suffix(b"\"")).unwrap_or(body);
                version(bare).filter(|v| bare.strip_prefix(b"v").unwrap_or(bare).len() == v.len())
            }
            Self::After { text, colon } => {
                memmem::find_iter(&seen.body, text).take(MAX_TRIES).find_map(|at| {
                    let mut rest = seen.body.get(at + text.len()..)?.trim_ascii_start();
                    if *colon {
                        rest = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
                    }
                    version(rest)
                })
            }
            Self::Header(name) => {
                let lines = seen.head.split(|b| *b == b'\n');
                lines
                    .filter_map(|line| line.strip_prefix(name.as_slice()))
                    .find_map(|v| version(v.trim_ascii()))
            }
        }
    }
}

/// A version at the beginning of `text`, without a `v`: numbers with dots, and what may follow them.
fn version(text: &[u8]) -> Option<String> {
    let text = text.strip_prefix(b"v").unwrap_or(text);
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_');
    let length = text.iter().position(|b| !part(b)).unwrap_or(text.len());
    let found = text.get(..length).filter(|v| v.len() <= MAX_VERSION)?;
    let digits = |from: &[u8]| from.iter().take_while(|b| b.is_ascii_digit()).count();
    let major = digits(found);
    let rest = found.get(major..)?.strip_prefix(b".")?;
    if major == 0 || major > 8 || digits(rest) == 0 {
        return None;
    }
    std::str::from_utf8(found).ok().map(|v| v.trim_end_matches(['.', '-', '+', '_']).to_owned())
}
