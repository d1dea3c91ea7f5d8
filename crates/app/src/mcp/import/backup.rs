//! The files of before, and the way back to them.

use crate::data::{make_dir, read, write_new};
use crate::error::AppError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// One file, before and after.
pub(super) struct Change<'t> {
    pub(super) path: PathBuf,
    pub(super) old: &'t str,
    pub(super) new: &'t str,
}

/// What a backup holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    files: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    /// Where it stood.
    path: PathBuf,
    /// Its copy, in the backup's folder.
    copy: String,
    /// SHA-256 of what was written over it.
    written: String,
}

/// What became of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is as it was.
    Back,
    /// It was already.
    Already,
    /// Somebody changed it since, or took it away: it was left alone.
    Changed,
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Copies the files of before into a folder of their own.
pub(super) fn keep(folder: &Path, stamp: u64, changes: &[Change<'_>]) -> Result<PathBuf, AppError> {
    let dir = folder.join(format!("backup-{stamp}"));
    make_dir(&dir)?;
    let mut files = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let copy = format!("{n}");
        write_new(&dir.join(&copy), change.old.as_bytes())?;
        files.push(Item { path: change.path.clone(), copy, written: hash(change.new) });
    }
    let index = serde_json::to_vec_pretty(&Index { files }).map_err(|e| AppError::Scan(e.to_string()))?;
    write_new(&dir.join("index.json"), &index)?;
    Ok(dir)
}

impl Change<'_> {
    /// Writes the new text, if the file is still as it was.
    pub(super) fn make(&self) -> Result<(), AppError> {
        if read(&self.path)? != self.old {
            let moved = std::io::Error::other(
                "it changed while it was looked at; `cordon mcp restore`, then try again",
            );
            return Err(AppError::file(&self.path, "writing", moved));
        }
        replace(&self.path, self.new)
    }
}

/// Writes a file whole: a reader sees all of the old or all of the new. Its mode stays.
fn replace(path: &Path, text: &str) -> Result<(), AppError> {
    let failed = |e| AppError::file(path, "writing", e);
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.cordon-new"));
    // One that a crash left behind is nobody's.
    let _ = fs::remove_file(&beside);
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(failed)
}

/// Puts back the files of a backup: the newest of the data directory, or the one given. A file that was changed since
/// is left alone unless `force`.
pub fn restore(
    root: &Path,
    backup: Option<&Path>,
    force: bool,
) -> Result<Vec<(PathBuf, Restored)>, AppError> {
    let newest = || newest(&root.join("import"));
    let dir = match backup {
        Some(dir) => dir.to_owned(),
        None => newest()?,
    };
    let index: Index = serde_json::from_str(&read(&dir.join("index.json"))?)
        .map_err(|e| AppError::Scan(format!("{}: is no backup: {e}", dir.display())))?;
    index.files.iter().map(|item| Ok((item.path.clone(), one(&dir, item, force)?))).collect()
}

fn one(dir: &Path, item: &Item, force: bool) -> Result<Restored, AppError> {
    // A name without folders: an index that was tampered with does not reach out of its own.
    let copy = Path::new(&item.copy).file_name().map(|n| dir.join(n));
    let old = read(&copy.unwrap_or_else(|| dir.join("missing")))?;
    match read(&item.path) {
        Ok(now) if now == old => Ok(Restored::Already),
        Ok(now) if force || hash(&now) == item.written => replace(&item.path, &old).map(|()| Restored::Back),
        _ => Ok(Restored::Changed),
    }
}

fn newest(folder: &Path) -> Result<PathBuf, AppError> {
    let stamp = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix("backup-")?.to_owned();
        name.parse::<u64>().ok()
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let last = entries.filter_map(|p| Some((stamp(&p)?, p))).max();
    last.map(|(_, path)| path).ok_or_else(|| AppError::Scan("there is no backup of an import".to_owned()))
}
