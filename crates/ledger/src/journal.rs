//! The journal: what makes an entry durable before it stands in a tile.
//!
//! ```text
//! journal/<serial number, 20 digits>:  frame frame frame 0000...
//! frame = "CJ2\n" | payload bytes u32 | first index u64 | entries u32 | XXH3 (16 bytes) | payload
//! payload = entries as in a bundle; numbers big-endian; the hash is the payload's, its seed that of what stands before
//! ```
//!
//! The name says the order of the files and no more: a file can so be made before its first entry is known.
//!
//! What always holds: one round of the committer is one frame, one write and one sync, so that only the last
//! frame of the last file can be torn by a crash. A bad frame with a good one behind it is therefore damage,
//! not a torn tail, and is never cut off in silence.

use crate::{
    tile, tree,
    verify::{Class, Tamper},
};
use twox_hash::{XxHash3_64, XxHash3_128};

/// Where journals stand.
pub const DIR: &str = "journal";
const MAGIC: &[u8; 4] = b"CJ2\n";
/// Frames of before, with a SHA-256 in the place of the XXH3: still read, so that nothing is lost when Cordon is
/// replaced after a crash.
const MAGIC_SHA: &[u8; 4] = b"CJ1\n";
const SUM: usize = 16;
const HEADER: usize = 4 + 4 + 8 + 4 + SUM;

/// The path of the journal of that serial number.
#[must_use]
pub fn path(serial: u64) -> String {
    format!("{DIR}/{serial:020}")
}

/// The serial number, from a file's name.
#[must_use]
pub fn serial(name: &str) -> Option<u64> {
    (name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok())?
}

/// Entries that become one frame: encoded as they come, so that the frame stands ready when its round begins.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: u32,
}

impl Batch {
    /// An empty one, with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut all = Vec::with_capacity(HEADER + bytes);
        all.resize(HEADER, 0);
        Self { bytes: all, entries: 0 }
    }

    /// Adds an entry; it must be at most 65,535 bytes long.
    pub fn push(&mut self, entry: &[u8]) {
        tile::push_entry(&mut self.bytes, entry);
        self.entries += 1;
    }

    /// How many entries.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.entries as u64
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The size of its frame.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Fills in the header. The frame's bytes.
    pub fn seal(&mut self, first: u64) -> &[u8] {
        let entries = self.entries;
        if let Some((header, payload)) = self.bytes.split_at_mut_checked(HEADER) {
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let (before, sum) = header.split_at_mut(HEADER - SUM);
            let first = first.to_be_bytes();
            let fields = MAGIC.iter().chain(&length.to_be_bytes()).chain(&first).copied().collect::<Vec<_>>();
            let all = fields.into_iter().chain(entries.to_be_bytes());
            before.iter_mut().zip(all).for_each(|(to, from)| *to = from);
            sum.copy_from_slice(&checksum(before, payload));
        }
        &self.bytes
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> Vec<&[u8]> {
        self.bytes.get(HEADER..).and_then(tile::entries).unwrap_or_default()
    }
}

/// Against accidents, which is all that a frame is held against: whoever can write here can write a hash of any kind.
/// Every entry goes through, so it is one that costs next to nothing.
fn checksum(header: &[u8], payload: &[u8]) -> [u8; SUM] {
    XxHash3_128::oneshot_with_seed(XxHash3_64::oneshot(header), payload).to_be_bytes()
}

fn checksum_sha(header: &[u8], payload: &[u8]) -> [u8; SUM] {
    tree::sha256(&[header, payload]).first_chunk::<SUM>().copied().unwrap_or_default()
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
    let (before, sum) = header.split_at_checked(HEADER - SUM)?;
    let (magic, numbers) = before.split_first_chunk::<4>()?;
    let checksum = match magic {
        MAGIC => checksum,
        MAGIC_SHA => checksum_sha,
        _ => return None,
    };
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
    let begins = |bytes: &[u8]| bytes == MAGIC || bytes == MAGIC_SHA;
    let good_behind = tail
        .windows(MAGIC.len())
        .enumerate()
        .any(|(at, w)| begins(w) && rest.get(at..).and_then(parse).is_some());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u64, entries: &[&[u8]]) -> Vec<u8> {
        let mut batch = Batch::with_capacity(0);
        entries.iter().for_each(|e| batch.push(e));
        batch.seal(first).to_vec()
    }

    /// As it was written before.
    fn old(mut frame: Vec<u8>) -> Vec<u8> {
        frame[..4].copy_from_slice(MAGIC_SHA);
        let sum = checksum_sha(&frame[..HEADER - SUM], &frame[HEADER..]);
        frame[HEADER - SUM..HEADER].copy_from_slice(&sum);
        frame
    }

    #[test]
    fn frames_of_before_are_read_beside_those_of_now() {
        let file = [old(frame(7, &[b"a", b"bc"])), frame(9, &[b"def"]), vec![0; 100]].concat();
        let contents = read("journal/0", &file).unwrap();
        let read: Vec<_> = contents.frames.iter().map(|f| (f.first, f.entries.clone())).collect();
        assert_eq!(read, [(7, vec![b"a".as_slice(), b"bc"]), (9, vec![b"def".as_slice()])]);
        assert_eq!(contents.torn, 0);
    }

    #[test]
    fn any_changed_byte_breaks_a_frame_of_either_kind() {
        for good in [frame(7, &[b"a", b"bc"]), old(frame(7, &[b"a", b"bc"]))] {
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 0x20;
                let torn = read("journal/0", &bad).unwrap();
                assert!(torn.frames.is_empty() && torn.torn > 0, "byte {at}");
                for behind in [frame(9, &[b"d"]), old(frame(9, &[b"d"]))] {
                    let damaged = [bad.as_slice(), &behind].concat();
                    assert_eq!(
                        read("journal/0", &damaged).unwrap_err().class,
                        Class::JournalDamaged,
                        "byte {at}"
                    );
                }
            }
        }
    }
}
