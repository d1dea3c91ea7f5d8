//! How far an export has come: one small file, replaced whole after the receiver has acknowledged.
//!
//! What always holds: a cursor belongs to one log, one format and one receiver, and names the tree that it was at, so
//! that neither another log nor a rewritten one is taken for a continuation.

use crate::error::AppError;
use cordon_export::Format;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Its owner's only: an address may hold what others should not read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    v: u32,
    log: String,
    format: String,
    to: String,
    /// The first entry that has not been acknowledged.
    pub(super) next: u64,
    /// The size of the tree that it was read from.
    pub(super) size: u64,
    /// That tree's root, in hexadecimal.
    pub(super) root: String,
}

/// A cursor and its file.
pub(super) struct Keeper {
    path: PathBuf,
    cursor: Cursor,
}

impl Keeper {
    /// Reads the file, or begins where there is none.
    pub(super) fn open(path: &Path, log: &str, format: Format, to: &str) -> Result<Self, AppError> {
        let fresh = Cursor {
            v: 1,
            log: log.to_owned(),
            format: format.name().to_owned(),
            to: to.to_owned(),
            next: 0,
            size: 0,
            root: String::new(),
        };
        let refuse = |reason: String| AppError::Cursor { path: path.to_owned(), reason };
        let text = match fs::metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), cursor: fresh });
            }
            Err(e) => return Err(AppError::file(path, "reading", e)),
            Ok(_) => crate::data::read(path)?,
        };
        let cursor: Cursor = serde_json::from_str(&text).map_err(|e| {
            refuse(format!("it is no cursor ({e}); name another file, or remove it to begin anew"))
        })?;
        let same = [
            ("log", &cursor.log, &fresh.log),
            ("format", &cursor.format, &fresh.format),
            ("receiver", &cursor.to, &fresh.to),
        ];
        for (what, had, wanted) in same {
            if had != wanted {
                let text = format!(
                    "it belongs to another {what} (`{had}`, not `{wanted}`); use a cursor file for each"
                );
                return Err(refuse(text));
            }
        }
        if cursor.v != 1 || cursor.next > cursor.size {
            return Err(refuse("it contradicts itself; remove it to begin anew".to_owned()));
        }
        Ok(Self { path: path.to_owned(), cursor })
    }

    pub(super) const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// What to say when the log is not the one that the cursor saw.
    pub(super) fn foreign(&self) -> AppError {
        let reason = "the log did not grow from the one that this cursor was at: it was rewritten or put back from a \
                      backup; run `cordon audit verify`, then begin anew with another cursor file";
        AppError::Cursor { path: self.path.clone(), reason: reason.to_owned() }
    }

    /// Replaces the file: whole and durable on return, or not at all.
    pub(super) fn save(&mut self, next: u64, size: u64, root: &str) -> Result<(), AppError> {
        self.cursor = Cursor { next, size, root: root.to_owned(), ..self.cursor.clone() };
        let fail = |e| AppError::file(&self.path, "writing", e);
        let text = serde_json::to_string(&self.cursor).map_err(|e| fail(e.into()))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = self.path.with_file_name(format!(".{name}.new"));
        let write = || {
            let mut file = private().open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        write().map_err(fail)
    }
}
