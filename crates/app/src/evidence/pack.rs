//! A pack on the disk: written whole or not at all, read within bounds.

use super::problem;
use crate::data::verifier_key;
use crate::error::AppError;
use cordon_govern::pack::Files;
use cordon_govern::verify::{Report, verify as verify_files};
use cordon_govern::zipped::{self, MAX_BYTES, MAX_FILES};
use cordon_ledger::VerifierKey;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Deepest folder of a pack: `frameworks/<f>/<file>`.
const MAX_DEPTH: usize = 4;

/// Errors when something is there already.
pub(super) fn must_be_free(out: &Path) -> Result<(), AppError> {
    if out.symlink_metadata().is_ok() {
        return Err(problem(format!(
            "{} is there already; remove it, or name another `--out`",
            out.display()
        )));
    }
    Ok(())
}

/// Writes a pack beside its place, then puts it there.
pub(super) fn write(out: &Path, files: &Files, zip: bool) -> Result<(), AppError> {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let beside = PathBuf::from(name);
    let put = |path: &Path, bytes: &[u8]| {
        let file = fs::OpenOptions::new().mode(0o600).create_new(true).write(true).open(path);
        file.and_then(|mut f| f.write_all(bytes)).map_err(|e| AppError::file(path, "writing", e))
    };
    let folder = |path: &Path| {
        let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
        made.map_err(|e| AppError::file(path, "creating", e))
    };
    must_be_free(&beside)?;
    if zip {
        put(&beside, &zipped::write(files).map_err(problem)?)?;
    } else {
        folder(&beside)?;
        for (path, bytes) in files {
            let path = beside.join(path);
            path.parent().map_or(Ok(()), folder)?;
            put(&path, bytes)?;
        }
    }
    fs::rename(&beside, out).map_err(|e| AppError::file(out, "placing", e))
}

/// Verifies a pack: a folder or a zip. Without a key of the reader's own, the pack's; then `true` stands beside.
pub fn verify(pack: &Path, key: Option<&Path>) -> Result<(Report, bool), AppError> {
    let files = if pack.is_dir() { read_folder(pack)? } else { read_zip(pack)? };
    match key {
        Some(path) => Ok((verify_files(&files, &verifier_key(path)?), false)),
        None => {
            let text = files.get("ledger.pub").and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
            let key = VerifierKey::from_text(text.trim())
                .map_err(|e| problem(format!("the pack's ledger.pub: {e}; give a key with `--key`")))?;
            Ok((verify_files(&files, &key), true))
        }
    }
}

fn too_large() -> AppError {
    problem("it has more files or bytes than an evidence pack ever has")
}

fn read_zip(path: &Path) -> Result<Files, AppError> {
    let file = fs::File::open(path).map_err(|e| AppError::file(path, "opening", e))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| AppError::file(path, "reading", e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    zipped::read(&bytes).map_err(|e| problem(format!("{}: {e}", path.display())))
}

fn read_folder(root: &Path) -> Result<Files, AppError> {
    let (mut files, mut room) = (Files::new(), MAX_BYTES);
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| AppError::file(&folder, "reading", e))?;
        for entry in entries {
            let entry = entry.map_err(|e| AppError::file(&folder, "reading", e))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| AppError::file(&path, "reading", e))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((path, format!("{name}/"), depth + 1));
                continue;
            }
            // A link could lead anywhere: it is no part of a pack.
            if !kind.is_file() || files.len() >= MAX_FILES {
                return Err(problem(format!("{}: an evidence pack has no such file", path.display())));
            }
            let file = fs::File::open(&path).map_err(|e| AppError::file(&path, "opening", e))?;
            let mut bytes = Vec::new();
            file.take(room + 1).read_to_end(&mut bytes).map_err(|e| AppError::file(&path, "reading", e))?;
            room = room.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}
