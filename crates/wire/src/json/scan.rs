//! The scanner: one pass over the bytes, strict RFC 8259, onto a tape.
//!
//! Refused here, once and for all: bytes that are not UTF-8, anything RFC 8259 does not allow (a byte order
//! mark too), lone surrogates, a second value, nesting or nodes over the limits, and, within one object,
//! keys that are equal after unescaping or differ only in ASCII case.
//!
//! No recursion: open containers stand on a stack of at most `max_depth` entries. Time is linear in the
//! bytes, but for objects of more than eight keys, whose `n` keys are compared in `n log n`.

use super::string::hex4;
use super::tape::{Doc, Kind, Node, Tape};
use crate::fault::{WireCode, WireError, safe_key};
use crate::limits::Limits;
use std::cmp::Ordering;

/// Up to this many keys are compared pair by pair; more are sorted first.
const PAIRWISE: usize = 8;

/// Scans one JSON text. Errors with the byte offset of what is wrong.
pub fn scan(text: &[u8], limits: &Limits) -> Result<Tape, WireError> {
    if let Err(e) = std::str::from_utf8(text) {
        return Err(WireError::new(
            WireCode::InvalidUtf8,
            format!("the body is not UTF-8 at byte {}", e.valid_up_to()),
        ));
    }
    if u32::try_from(text.len()).is_err() {
        return Err(WireError::new(WireCode::TooMany, "the body is longer than 4 GiB"));
    }
    let mut s =
        Scanner { text, at: 0, limits, nodes: Vec::with_capacity(text.len() / 24 + 16), open: Vec::new() };
    s.run()?;
    Ok(Tape { nodes: s.nodes })
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    limits: &'a Limits,
    nodes: Vec<Node>,
    /// Indexes of the containers that are open.
    open: Vec<u32>,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    FirstItem,
    FirstKey,
    Key,
    CommaOrEnd,
    End,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), WireError> {
        let mut expect = Expect::Value;
        loop {
            self.skip_space();
            let Some(&b) = self.text.get(self.at) else {
                if expect == Expect::End {
                    return Ok(());
                }
                return Err(self.invalid("the body ends too early"));
            };
            expect = match (expect, b) {
                (Expect::End, _) => {
                    return Err(WireError::new(
                        WireCode::TrailingData,
                        format!("something follows the JSON value at byte {}", self.at),
                    ));
                }
                (Expect::FirstItem, b']') | (Expect::FirstKey, b'}') => self.close()?,
                (Expect::CommaOrEnd, b',') => {
                    self.at += 1;
                    if self.in_object() { Expect::Key } else { Expect::Value }
                }
                (Expect::CommaOrEnd, b'}') if self.in_object() => self.close()?,
                (Expect::CommaOrEnd, b']') if !self.in_object() => self.close()?,
                (Expect::FirstKey | Expect::Key, b'"') => {
                    self.key()?;
                    Expect::Value
                }
                (Expect::Value | Expect::FirstItem, _) => self.value(b)?,
                _ => return Err(self.invalid("unexpected character")),
            };
        }
    }

    fn value(&mut self, b: u8) -> Result<Expect, WireError> {
        match b {
            b'{' => return self.open(Kind::Object, Expect::FirstKey),
            b'[' => return self.open(Kind::Array, Expect::FirstItem),
            b'"' => {
                let (start, escaped) = self.string()?;
                self.push(Kind::String, start, escaped)?;
            }
            b't' => self.word(b"true", Kind::True)?,
            b'f' => self.word(b"false", Kind::False)?,
            b'n' => self.word(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.invalid("unexpected character")),
        }
        Ok(self.after_value())
    }

    fn after_value(&self) -> Expect {
        if self.open.is_empty() { Expect::End } else { Expect::CommaOrEnd }
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.open.last().and_then(|&i| self.nodes.get(i as usize)).is_some_and(|n| n.kind == Kind::Object)
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: usize, escaped: bool) -> Result<(), WireError> {
        let index = self.nodes.len();
        if index >= self.limits.max_nodes as usize {
            return Err(WireError::new(
                WireCode::TooMany,
                format!("the body has more than {} keys and values", self.limits.max_nodes),
            ));
        }
        self.nodes.push(Node {
            start: offset(start),
            end: offset(self.at),
            next: offset(index + 1),
            kind,
            escaped,
        });
        Ok(())
    }

    fn open(&mut self, kind: Kind, then: Expect) -> Result<Expect, WireError> {
        if self.open.len() >= usize::from(self.limits.max_depth) {
            return Err(WireError::new(
                WireCode::TooDeep,
                format!("the body nests deeper than {} levels", self.limits.max_depth),
            ));
        }
        self.open.push(offset(self.nodes.len()));
        self.at += 1;
        self.push(kind, self.at - 1, false)?;
        Ok(then)
    }

    fn close(&mut self) -> Result<Expect, WireError> {
        self.at += 1;
        let next = offset(self.nodes.len());
        let end = offset(self.at);
        let Some(index) = self.open.pop() else { return Err(self.invalid("unexpected character")) };
        let Some(node) = self.nodes.get_mut(index as usize) else {
            return Err(self.invalid("unexpected character"));
        };
        node.next = next;
        node.end = end;
        if node.kind == Kind::Object {
            self.check_keys(index)?;
        }
        Ok(self.after_value())
    }

    fn key(&mut self) -> Result<(), WireError> {
        let (start, escaped) = self.string()?;
        if self.at - start > self.limits.max_key_bytes as usize + 2 {
            return Err(WireError::new(
                WireCode::TooMany,
                format!("a key is longer than {} bytes", self.limits.max_key_bytes),
            ));
        }
        self.push(Kind::Key, start, escaped)?;
        self.skip_space();
        if self.text.get(self.at) != Some(&b':') {
            return Err(self.invalid("a `:` is missing"));
        }
        self.at += 1;
        Ok(())
    }

    /// From an opening quote to just after the closing one. Returns the start and whether there are escapes.
    fn string(&mut self) -> Result<(usize, bool), WireError> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_run(self.text.get(self.at..).unwrap_or(b""));
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.invalid("a control character in a string")),
                None => return Err(self.invalid("a string does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), WireError> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = hex4(self.text.get(self.at + 2..self.at + 6));
                match unit {
                    None => return Err(self.invalid("a broken \\u escape")),
                    Some(0xD800..=0xDBFF) => {
                        let low = hex4(self.text.get(self.at + 8..self.at + 12));
                        let pair = self.text.get(self.at + 6..self.at + 8) == Some(b"\\u".as_slice())
                            && matches!(low, Some(0xDC00..=0xDFFF));
                        if !pair {
                            return Err(self.invalid("a lone surrogate in a \\u escape"));
                        }
                        self.at += 12;
                    }
                    Some(0xDC00..=0xDFFF) => return Err(self.invalid("a lone surrogate in a \\u escape")),
                    Some(_) => self.at += 6,
                }
            }
            _ => return Err(self.invalid("an unknown escape in a string")),
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), WireError> {
        let start = self.at;
        if self.text.get(start..start + word.len()) != Some(word) {
            return Err(self.invalid("unexpected character"));
        }
        self.at += word.len();
        self.push(kind, start, false)
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Result<(), WireError> {
        let start = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Number, start, false)
    }

    fn digits(&mut self) -> Result<(), WireError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(self.invalid("a broken number")) } else { Ok(()) }
    }

    /// Equal keys, and keys that a case-blind reader would take for equal.
    fn check_keys(&self, object: u32) -> Result<(), WireError> {
        let doc = Nodes { text: self.text, nodes: &self.nodes };
        let mut few: smallvec::SmallVec<[u32; PAIRWISE]> = smallvec::SmallVec::new();
        let end = self.nodes.get(object as usize).map_or(0, |n| n.next);
        let mut at = object + 1;
        while at < end {
            few.push(at);
            at = self.nodes.get(at as usize + 1).map_or(end, |n| n.next);
        }
        if few.len() <= PAIRWISE {
            let keys: smallvec::SmallVec<[_; PAIRWISE]> = few.iter().map(|&i| (i, doc.key(i))).collect();
            for (at, &(a, (x, x_escaped))) in keys.iter().enumerate() {
                for &(b, (y, y_escaped)) in keys.iter().skip(at + 1) {
                    // Most keys differ in length already.
                    let same = if x_escaped || y_escaped {
                        doc.order(a, b) == Ordering::Equal
                    } else {
                        x.eq_ignore_ascii_case(y)
                    };
                    if same {
                        return Err(doc.collision(a, b));
                    }
                }
            }
            return Ok(());
        }
        few.sort_unstable_by(|&a, &b| doc.order(a, b));
        for pair in few.windows(2) {
            if let &[a, b] = pair
                && doc.order(a, b) == Ordering::Equal
            {
                return Err(doc.collision(a, b));
            }
        }
        Ok(())
    }

    fn invalid(&self, what: &str) -> WireError {
        WireError::new(WireCode::InvalidJson, format!("{what} at byte {}: send RFC 8259 JSON", self.at))
    }
}

/// The body is at most `u32::MAX` long (checked on entry), and nodes are fewer than bytes plus one.
#[inline]
fn offset(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Keys, compared without regard to ASCII case.
struct Nodes<'a> {
    text: &'a [u8],
    nodes: &'a [Node],
}

impl Nodes<'_> {
    fn key(&self, i: u32) -> (&[u8], bool) {
        let Some(n) = self.nodes.get(i as usize) else { return (b"", false) };
        (self.text.get(n.start as usize + 1..n.end as usize - 1).unwrap_or(b""), n.escaped)
    }

    fn decoded(&self, i: u32) -> String {
        super::string::decode(std::str::from_utf8(self.key(i).0).unwrap_or(""))
    }

    /// A total order in which keys that are equal but for case are equal: by length, then by lower-case bytes.
    #[inline]
    fn order(&self, a: u32, b: u32) -> Ordering {
        let ((x, x_escaped), (y, y_escaped)) = (self.key(a), self.key(b));
        if x_escaped || y_escaped {
            return order_bytes(self.decoded(a).as_bytes(), self.decoded(b).as_bytes());
        }
        order_bytes(x, y)
    }

    fn collision(&self, a: u32, b: u32) -> WireError {
        let (x, y) = (self.decoded(a), self.decoded(b));
        if x == y {
            return WireError::new(
                WireCode::DuplicateKey,
                format!("the key `{}` stands twice in one object: keep one", safe_key(&x)),
            );
        }
        WireError::new(
            WireCode::CaseCollision,
            format!("the keys `{}` and `{}` differ only in case: keep one", safe_key(&x), safe_key(&y)),
        )
    }
}

#[inline]
fn order_bytes(x: &[u8], y: &[u8]) -> Ordering {
    x.len()
        .cmp(&y.len())
        .then_with(|| x.iter().map(u8::to_ascii_lowercase).cmp(y.iter().map(u8::to_ascii_lowercase)))
}

/// How many bytes from the start need no attention in a string: neither `"`, `\` nor a control character.
/// First 32 at a time, in a loop that becomes vector instructions; then eight: the usual "has a byte less than n" and
/// "has a zero byte" tests on a word.
#[inline]
fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
    let (blocks, _) = text.as_chunks::<32>();
    let plain = blocks.iter().take_while(|block| block.iter().fold(0, |all, &b| all | special(b)) == 0);
    let mut at = plain.count() * 32;
    let (words, tail) = text.get(at..).unwrap_or_default().as_chunks::<8>();
    for word in words {
        let w = u64::from_le_bytes(*word);
        let zero_byte = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
        let control = w.wrapping_sub(ONES * 0x20) & !w & HIGHS;
        let hit = control | zero_byte(w ^ (ONES * 0x22)) | zero_byte(w ^ (ONES * 0x5C));
        if hit != 0 {
            return at + (hit.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + tail.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(tail.len())
}

/// The tape of a text that is known to be one value, for callers inside this crate.
impl Tape {
    /// Reads the tape beside the text it was scanned from.
    #[must_use]
    pub fn over<'a>(&'a self, text: &'a [u8]) -> Doc<'a> {
        Doc::new(text, self)
    }
}
