//! Advisories from what the operator drops in: folders and zips of OSV records, and single records.
//!
//! What always holds: files are read, never run; a zip's entries, their sizes, their sum and how far one unpacks are
//! bounded before memory is taken; links are passed over. A record that cannot be read is counted and named in a note,
//! and does not stop the others. Nothing is fetched.

use crate::error::AppError;
use cordon_inventory::asset::legible;
use cordon_supply::osv::{self, Advisory, MAX_RECORD};
use ignore::WalkBuilder;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use zip::ZipArchive;

/// Largest archive: npm's `all.zip`, the largest of the registries known here, is under 300 MiB.
pub(super) const MAX_ARCHIVE: u64 = 4 << 30;
/// Most records of one archive or folder: npm's has some 250,000.
const MAX_RECORDS: usize = 2_000_000;
/// Most bytes that one archive unpacks to.
const MAX_UNPACKED: u64 = 32 << 30;
/// A record packs to a third or a tenth. What unpacks to more than so many times its size is a bomb...
const MAX_RATIO: u64 = 200;
/// ... once it has given so many bytes.
const RATIO_FROM: u64 = 256 << 10;
/// Most notes kept.
const MAX_NOTES: usize = 20;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// The records.
    pub(super) advisories: Vec<Advisory>,
    /// One line for each path: its name, how many records, its digest where it is a file.
    pub(super) sources: Vec<Source>,
    /// Records that could not be read.
    pub(super) unread: u64,
    /// Some of them, and why.
    pub(super) notes: Vec<String>,
}

/// Where records came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) records: u64,
    /// SHA-256 of the file; of a folder there is none.
    pub(super) sha256: Option<String>,
}

impl Dropped {
    /// Reads one path.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), AppError> {
        let before = self.advisories.len();
        let meta = std::fs::metadata(path).map_err(|e| AppError::file(path, "looking at it", e))?;
        let mut sha256 = None;
        if meta.is_dir() {
            self.folder(path)?;
        } else if meta.is_file() {
            if meta.len() > MAX_ARCHIVE {
                return Err(AppError::Supply(format!(
                    "{}: is larger than any archive of advisories",
                    path.display()
                )));
            }
            sha256 = Some(digest(path)?);
            self.file(path)?;
        } else {
            return Err(AppError::Supply(format!("{}: is neither a file nor a folder", path.display())));
        }
        let name = path.file_name().map_or_else(|| "folder".into(), |n| n.to_string_lossy());
        // A name stands on a line of the signed note.
        let name = legible(&name).chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
        let records = (self.advisories.len() - before) as u64;
        self.sources.push(Source { name, records, sha256 });
        Ok(())
    }

    fn folder(&mut self, root: &Path) -> Result<(), AppError> {
        let mut builder = WalkBuilder::new(root);
        builder.standard_filters(false).follow_links(false).max_depth(Some(8)).sort_by_file_name(Ord::cmp);
        for entry in builder.build() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread(&error.to_string());
                    continue;
                }
            };
            let name = entry.file_name().to_string_lossy();
            if entry.file_type().is_some_and(|t| t.is_file())
                && (name.ends_with(".json") || name.ends_with(".zip"))
            {
                self.file(entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), AppError> {
        let file = File::open(path).map_err(|e| AppError::file(path, "opening", e))?;
        let mut reader = BufReader::new(file);
        let mut magic = [0_u8; 4];
        let is_zip = reader.read_exact(&mut magic).is_ok() && magic.starts_with(b"PK");
        reader.rewind().map_err(|e| AppError::file(path, "reading", e))?;
        let place = path.display().to_string();
        if is_zip {
            return self.zip(reader, &place);
        }
        let mut bytes = Vec::new();
        let most = MAX_RECORD as u64 + 1;
        reader.take(most).read_to_end(&mut bytes).map_err(|e| AppError::file(path, "reading", e))?;
        self.record(&bytes, &place)
    }

    /// `all.zip`: one record an entry.
    fn zip(&mut self, reader: impl Read + Seek, place: &str) -> Result<(), AppError> {
        let broken =
            |e: zip::result::ZipError| AppError::Supply(format!("{place}: the archive cannot be read: {e}"));
        let mut archive = ZipArchive::new(reader).map_err(broken)?;
        if archive.len() > MAX_RECORDS {
            return Err(AppError::Supply(format!(
                "{place}: has over {MAX_RECORDS} entries; no archive of advisories has"
            )));
        }
        let mut room = MAX_UNPACKED;
        let mut bytes = Vec::new();
        for n in 0..archive.len() {
            let entry = archive.by_index(n).map_err(broken)?;
            let name = entry.name().map(|n| legible(&n)).unwrap_or_default();
            if !entry.is_file() || !name.ends_with(".json") {
                continue;
            }
            let (packed, told) = (entry.compressed_size(), entry.size());
            bytes.clear();
            let most = (MAX_RECORD as u64).max(RATIO_FROM).min(room) + 1;
            if let Err(error) = entry.take(most).read_to_end(&mut bytes) {
                self.unread(&format!("{place}: {name}: {error}"));
                continue;
            }
            let size = bytes.len() as u64;
            room = room.checked_sub(size).ok_or_else(|| bomb(place, &name))?;
            // What it says of its size may lie low; what was read does not.
            let size = size.max(told);
            if size > RATIO_FROM && size / packed.max(1) > MAX_RATIO {
                return Err(bomb(place, &name));
            }
            self.record(&bytes, &format!("{place}: {name}"))?;
        }
        Ok(())
    }

    fn record(&mut self, bytes: &[u8], place: &str) -> Result<(), AppError> {
        if self.advisories.len() >= MAX_RECORDS {
            return Err(AppError::Supply(format!(
                "{place}: over {MAX_RECORDS} records; no set of advisories has"
            )));
        }
        match osv::read(bytes) {
            Ok(advisory) => self.advisories.push(advisory),
            Err(error) => self.unread(&format!("{place}: {error}")),
        }
        Ok(())
    }

    fn unread(&mut self, note: &str) {
        self.unread += 1;
        if self.notes.len() < MAX_NOTES {
            self.notes.push(legible(note));
        }
    }
}

fn bomb(place: &str, name: &str) -> AppError {
    AppError::Supply(format!("{place}: {name} unpacks to more than an archive of advisories ever does"))
}

fn digest(path: &Path) -> Result<String, AppError> {
    let fail = |e| AppError::file(path, "reading", e);
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        let n = file.read(&mut piece).map_err(fail)?;
        if n == 0 {
            break;
        }
        hash.update(piece.get(..n).unwrap_or_default());
    }
    Ok(super::hex(&hash.finalize()))
}
