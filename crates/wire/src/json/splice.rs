//! Changing parts of a text in place: what no edit names keeps its bytes.
//!
//! Edits are given in *decoded* text; here they become replacements of *raw* bytes. For JSON inside a JSON
//! string this is done twice: inner raw bytes are decoded bytes of the outer string.

use super::string::{Piece, Pieces, escape_into};
use crate::fault::{WireCode, WireError};
use std::ops::Range;

/// Replace these bytes by that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Bytes to replace; empty to insert.
    pub range: Range<usize>,
    /// What to put there, as it is.
    pub with: String,
}

/// A bad edit.
pub(crate) fn bad(why: &str) -> WireError {
    WireError::new(WireCode::BadEdit, why)
}

/// Sorts patches and refuses overlapping ones. Insertions at one place keep their order.
pub fn sort(patches: &mut [Patch]) -> Result<(), WireError> {
    patches.sort_by_key(|p| (p.range.start, p.range.end));
    let overlap = patches.windows(2).any(|w| matches!(w, [a, b] if b.range.start < a.range.end));
    if overlap { Err(bad("edits overlap")) } else { Ok(()) }
}

/// Applies patches, in any order, to `text`.
pub fn apply(text: &[u8], mut patches: Vec<Patch>) -> Result<Vec<u8>, WireError> {
    sort(&mut patches)?;
    let grown: usize = patches.iter().map(|p| p.with.len()).sum();
    let mut out = Vec::with_capacity(text.len() + grown);
    let mut at = 0;
    for p in &patches {
        out.extend_from_slice(text.get(at..p.range.start).ok_or_else(|| bad("an edit is out of range"))?);
        out.extend_from_slice(p.with.as_bytes());
        at = p.range.end;
    }
    out.extend_from_slice(text.get(at..).ok_or_else(|| bad("an edit is out of range"))?);
    Ok(out)
}

/// Turns edits of a string's decoded text into patches of the text that holds it.
///
/// `raw` is the content of the scanned string (without quotes), which starts at byte `base` of the holding
/// text. Errors when an edit is out of range, overlaps another, or cuts a character.
pub fn within_string(raw: &str, base: usize, mut edits: Vec<Patch>) -> Result<Vec<Patch>, WireError> {
    sort(&mut edits)?;
    let mut map = Map { pieces: Pieces::new(raw), raw: 0, decoded: 0, current: None };
    edits
        .into_iter()
        .map(|e| {
            if e.range.start > e.range.end {
                return Err(bad("an edit ends before it begins"));
            }
            let (start, end) = (map.seek(e.range.start)?, map.seek(e.range.end)?);
            let mut with = String::with_capacity(e.with.len() + 8);
            escape_into(&e.with, &mut with);
            Ok(Patch { range: base + start..base + end, with })
        })
        .collect()
}

/// Walks a raw string once, forward, from decoded offsets to raw ones.
struct Map<'a> {
    pieces: Pieces<'a>,
    /// Where the current piece starts.
    raw: usize,
    decoded: usize,
    current: Option<Piece<'a>>,
}

impl Map<'_> {
    /// The raw offset of `decoded`, which must not lie before an earlier one's piece.
    fn seek(&mut self, decoded: usize) -> Result<usize, WireError> {
        loop {
            let (raw_len, len) = match &self.current {
                None => (0, 0),
                Some(Piece::Plain(s)) => (s.len(), s.len()),
                Some(Piece::Escape(c, raw)) => (*raw, c.len_utf8()),
            };
            let into = decoded.checked_sub(self.decoded).ok_or_else(|| bad("edits overlap"))?;
            if into == 0 {
                return Ok(self.raw);
            }
            if into < len {
                return match &self.current {
                    Some(Piece::Plain(s)) if s.is_char_boundary(into) => Ok(self.raw + into),
                    _ => Err(bad("an edit cuts a character")),
                };
            }
            self.raw += raw_len;
            self.decoded += len;
            self.current = self.pieces.next_piece();
            if self.current.is_none() {
                return if decoded == self.decoded {
                    Ok(self.raw)
                } else {
                    Err(bad("an edit is out of range"))
                };
            }
        }
    }
}
