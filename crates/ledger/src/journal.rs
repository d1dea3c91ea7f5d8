//! The journal: what makes an entry durable before it stands in a tile.
//!
//! ```text
//! journal/<first index, 20 digits>:  frame frame frame 0000...
//! frame = "CJ1\n" | payload bytes u32 | first index u64 | entries u32 | SHA-256 (16 bytes) | payload
//! payload = entries as in a bundle; numbers big-endian; the hash covers the header before it and the payload
//! ```
//!
//! What always holds: one round of the committer is one frame, one write and one sync, so that only the last
//! frame of the last file can be torn by a crash. A bad frame with a good one behind it is therefore damage,
//! not a torn tail, and is never cut off in silence.

use crate::{
    tile,
    verify::{Class, Tamper},
};
use sha2::{Digest as _, Sha256};

/// Where journals stand.
pub const DIR: &str = "journal";
const MAGIC: &[u8; 4] = b"CJ1\n";
const HEADER: usize = 4 + 4 + 8 + 4 + 16;

/// The path of the journal whose first entry is `first`.
#[must_use]
pub fn path(first: u64) -> String {
    format!("{DIR}/{first:020}")
}

/// The first index, from a file's name.
#[must_use]
pub fn first_index(name: &str) -> Option<u64> {
    (name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok())?
}

/// A frame over these entries.
#[must_use]
pub fn frame<B: AsRef<[u8]>>(first: u64, entries: &[B]) -> Vec<u8> {
    let payload: usize = entries.iter().map(|e| e.as_ref().len() + 2).sum();
    let mut out = Vec::with_capacity(HEADER + payload);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&u32::try_from(payload).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    let head = out.len();
    out.extend_from_slice(&[0; 16]);
    for entry in entries {
        tile::push_entry(&mut out, entry.as_ref());
    }
    let (before, rest) = out.split_at_mut(head);
    let (sum, payload) = rest.split_at_mut(16);
    sum.copy_from_slice(&checksum(before, payload));
    out
}

fn checksum(header: &[u8], payload: &[u8]) -> [u8; 16] {
    let full = Sha256::new().chain_update(header).chain_update(payload).finalize();
    full.first_chunk::<16>().copied().unwrap_or_default()
}

/// One good frame.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The index of its first entry.
    pub first: u64,
    /// Its entries.
    pub entries: Vec<&'a [u8]>,
    bytes: usize,
}

/// What one journal file holds.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The good frames.
    pub frames: Vec<Frame<'a>>,
    /// Bytes of a torn frame at the end: 0 when it ends well.
    pub torn: u64,
}

fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let (before, sum) = header.split_at_checked(HEADER - 16)?;
    let numbers = before.strip_prefix(MAGIC)?;
    let (length, numbers) = numbers.split_first_chunk::<4>()?;
    let (first, count) = numbers.split_first_chunk::<8>()?;
    let count = u32::from_be_bytes(*count.first_chunk::<4>()?);
    let payload = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    if checksum(before, payload) != sum {
        return None;
    }
    let entries = tile::entries(payload)?;
    if entries.len() != usize::try_from(count).ok()? {
        return None;
    }
    Some(Frame { first: u64::from_be_bytes(*first), entries, bytes: HEADER + payload.len() })
}

/// Reads a journal file. Errors when a bad frame has a good one behind it.
pub fn read<'a>(file: &str, bytes: &'a [u8]) -> Result<Contents<'a>, Tamper> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some(frame) = parse(rest) {
        rest = rest.get(frame.bytes..).unwrap_or_default();
        frames.push(frame);
    }
    let used = rest.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let tail = rest.get(..used).unwrap_or_default();
    let good_behind = tail
        .windows(MAGIC.len())
        .enumerate()
        .any(|(at, w)| w == MAGIC && tail.get(at..).and_then(|_| rest.get(at..)).and_then(parse).is_some());
    if good_behind {
        return Err(Tamper::new(
            Class::JournalDamaged,
            file,
            None,
            "a broken frame has a good one behind it",
        ));
    }
    Ok(Contents { frames, torn: used as u64 })
}
