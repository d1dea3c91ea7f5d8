//! `cordon audit copy`: the plain tiles, bundles and checkpoint to another directory or an S3-compatible store.
//!
//! ```text
//! checkpoint there -> what it covers is there -> new bundles and tiles, each verified, written, read back -> checkpoint
//! ```
//! What always holds: nothing is copied that was not verified against the signed checkpoint; the checkpoint goes last,
//! so that whoever reads the copy by its checkpoint finds all that it covers; what is there is never removed, and
//! another log's copy, or a newer one of this log, is never written over.
//! What it does not do: copy the journal, whose entries come with the next checkpoint, or keys.

mod bucket;
#[cfg(test)]
mod tests;

pub use bucket::Access;

use crate::data::verifier_key;
use crate::error::AppError;
use bucket::Bucket;
use cordon_ledger::minimum::MINIMUM;
use cordon_ledger::tile::{self, Kind};
use cordon_ledger::witnessed::{BY_WITNESS, COSIGNED};
use cordon_ledger::{Checkpoint, Reader, Volume as _, VolumeError, log::CHECKPOINT, volume::File};
use cordon_store::volume::FileVolume;
use std::path::{Path, PathBuf};

/// Bundles and tiles that are written and synced together.
const TOGETHER: usize = 64;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The log.
    pub origin: String,
    /// Entries that the copy covers.
    pub size: u64,
    /// Entries that it covered before.
    pub before: u64,
    /// Files that were written.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Where a copy stands.
enum Place {
    Folder(FileVolume),
    Bucket(Box<Bucket>),
}

impl Place {
    fn open(to: &str, ledger: &Path, access: &Access) -> Result<Self, AppError> {
        if to.starts_with("s3://") {
            return Ok(Self::Bucket(Box::new(Bucket::open(to, access)?)));
        }
        if to.contains("://") {
            return Err(AppError::Delivery(format!(
                "`{to}` is not known: give a directory or s3://bucket/prefix"
            )));
        }
        let folder = PathBuf::from(to);
        let same = || Some(folder.canonicalize().ok()? == ledger.canonicalize().ok()?);
        if same().unwrap_or(false) {
            return Err(AppError::Delivery(
                "the copy would be the ledger itself: name another directory".to_owned(),
            ));
        }
        Ok(Self::Folder(FileVolume::open(&folder)?))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, AppError> {
        match self {
            Self::Folder(volume) => Ok(volume.read(path)?),
            Self::Bucket(bucket) => bucket.read(path),
        }
    }

    /// Writes files and reads them back.
    fn write(&self, files: &[File]) -> Result<(), AppError> {
        match self {
            Self::Folder(volume) => volume.write_files(files)?,
            Self::Bucket(bucket) => files.iter().try_for_each(|(path, bytes)| bucket.write(path, bytes))?,
        }
        for (path, bytes) in files {
            if self.read(path)?.as_ref() != Some(bytes) {
                return Err(AppError::Delivery(format!(
                    "`{path}` does not read back as it was written; check the store"
                )));
            }
        }
        Ok(())
    }
}

/// Copies what is new.
pub fn copy(ledger: &Path, key: &Path, to: &str, access: &Access) -> Result<Copied, AppError> {
    let key = verifier_key(key)?;
    let source = FileVolume::open_read_only(ledger)?;
    let place = Place::open(to, ledger, access)?;
    // The text as it stands, with whatever signatures it has; the reader checks ours.
    let Some(text) = source.read(CHECKPOINT)? else {
        return Err(AppError::Volume(VolumeError {
            operation: "read",
            path: CHECKPOINT.to_owned(),
            message: "it is not there; is this a ledger's directory?".to_owned(),
        }));
    };
    let open = |text: &[u8]| Checkpoint::open(std::str::from_utf8(text).unwrap_or_default(), &key).ok();
    let head = match open(&text) {
        Some(head) => head,
        // Says what is wrong with it.
        None => Reader::open(&source, &key)?.head().clone(),
    };
    let mut reader = Reader::at(&source, &key, head)?;
    let size = reader.head().size;
    let there = place.read(CHECKPOINT)?;
    let before = match &there {
        None => 0,
        Some(text) => {
            let refuse = |why: &str| AppError::Delivery(format!("{to} holds {why}; name another place"));
            let head = open(text).ok_or_else(|| refuse("a checkpoint that this log's key did not sign"))?;
            if !reader.grew_from(head.size, &head.root)? {
                return Err(refuse("a log that this one did not grow from: a newer one, or another history"));
            }
            head.size
        }
    };
    let mut copied = Copied { origin: reader.head().origin.clone(), size, before, files: 0, bytes: 0 };
    let mut batch = Batch { place: &place, files: Vec::new(), copied: &mut copied };
    batch.tree(&mut reader, before)?;
    // Which bundles are not there, and by whose word. A copy keeps the bundles that it had before.
    if let Some(minimum) = source.read(MINIMUM)?.filter(|_| reader.lowest() > 0) {
        batch.push(MINIMUM.to_owned(), minimum)?;
    }
    batch.flush()?;
    // INVARIANT: last, behind all that it covers.
    if there.as_ref() != Some(&text) {
        batch.push(CHECKPOINT.to_owned(), text)?;
        batch.flush()?;
    }
    // What witnesses cosigned of it; never more than the copy has.
    let names = source.list(BY_WITNESS)?.into_iter().map(|name| format!("{BY_WITNESS}/{name}"));
    for path in [COSIGNED.to_owned()].into_iter().chain(names) {
        let Some(text) = source.read(&path)? else { continue };
        if open(&text).is_some_and(|head| head.size <= size) && place.read(&path)?.as_ref() != Some(&text) {
            batch.push(path, text)?;
        }
    }
    batch.flush()?;
    Ok(copied)
}

struct Batch<'a> {
    place: &'a Place,
    files: Vec<File>,
    copied: &'a mut Copied,
}

impl Batch<'_> {
    /// What the tree has beyond its first `before` leaves.
    fn tree(&mut self, reader: &mut Reader<'_>, before: u64) -> Result<(), AppError> {
        let size = reader.head().size;
        for n in (before / 256)..size.div_ceil(256) {
            let hashes = if n * 256 < reader.lowest() {
                reader.tile(0, n)?
            } else {
                let bundle = reader.bundle(n)?;
                let mut bytes = Vec::new();
                bundle.entries.iter().for_each(|entry| tile::push_entry(&mut bytes, entry));
                self.push(tile::path_of_width(Kind::Entries, n, bundle.hashes.len() as u64), bytes)?;
                bundle.hashes
            };
            self.push(tile::path_of_width(Kind::Tile(0), n, hashes.len() as u64), hashes.concat())?;
        }
        for level in 1_u8..8 {
            let whole = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            let had = before.checked_shr(8 * u32::from(level)).unwrap_or(0);
            for n in (had / 256)..whole.div_ceil(256) {
                let hashes = reader.tile(level, n)?;
                self.push(tile::path_of_width(Kind::Tile(level), n, hashes.len() as u64), hashes.concat())?;
            }
        }
        Ok(())
    }

    fn push(&mut self, path: String, bytes: Vec<u8>) -> Result<(), AppError> {
        self.files.push((path, bytes));
        if self.files.len() < TOGETHER { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), AppError> {
        self.place.write(&self.files)?;
        self.copied.files += self.files.len() as u64;
        self.copied.bytes += self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        self.files.clear();
        Ok(())
    }
}
