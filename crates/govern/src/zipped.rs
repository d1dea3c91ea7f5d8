//! A pack in one file: ZIP, with fixed times, modes and order.
//!
//! What always holds: the same files give the same bytes, on any processor (the compressor has no code of its own for
//! one); what is read is bounded in files and bytes, and a name that leaves the folder is refused.

use crate::pack::Files;
use std::io::{Cursor, Read as _, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Most files that are read: a pack over all frameworks has under 2,000.
pub const MAX_FILES: usize = 20_000;
/// Most bytes that are read, uncompressed: a pack over all frameworks has under 64 MiB.
pub const MAX_BYTES: u64 = 512 << 20;

/// Why it is no pack, or could not be made one.
#[derive(Debug, thiserror::Error)]
pub enum ZipProblem {
    /// It is no archive, or broken.
    #[error("the archive cannot be read or made: {0}")]
    Broken(String),
    /// More than a pack ever has.
    #[error("the archive has more files or bytes than an evidence pack ever has")]
    TooLarge,
    /// A name that is no plain relative path.
    #[error("the archive has a name that is no plain path")]
    Name,
}

fn broken(e: impl std::fmt::Display) -> ZipProblem {
    ZipProblem::Broken(e.to_string())
}

/// Whether a path is plain: relative, forward, without tricks.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p != "."
            && p != ".."
            && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    path.len() < 200 && path.split('/').all(part)
}

/// The archive's bytes.
pub fn write(files: &Files) -> Result<Vec<u8>, ZipProblem> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in files {
        out.start_file(path.as_str(), options).map_err(broken)?;
        out.write_all(bytes).map_err(broken)?;
    }
    Ok(out.finish().map_err(broken)?.into_inner())
}

/// The files of an archive.
pub fn read(bytes: &[u8]) -> Result<Files, ZipProblem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > MAX_FILES {
        return Err(ZipProblem::TooLarge);
    }
    let (mut files, mut room) = (Files::new(), MAX_BYTES);
    for n in 0..archive.len() {
        let file = archive.by_index(n).map_err(broken)?;
        let name = file.name().map_err(broken)?.into_owned();
        if !is_plain(&name) || !file.is_file() || files.contains_key(&name) {
            return Err(ZipProblem::Name);
        }
        let mut content = Vec::new();
        file.take(room + 1).read_to_end(&mut content).map_err(broken)?;
        room = room.checked_sub(content.len() as u64).ok_or(ZipProblem::TooLarge)?;
        files.insert(name, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn there_and_back_and_the_same_each_time() {
        let files: Files = [("a/b.json", vec![1; 5_000]), ("a/c", vec![]), ("z.txt", b"x".to_vec())]
            .map(|(n, b)| (n.to_owned(), b))
            .into();
        let bytes = write(&files).unwrap();
        assert_eq!(bytes, write(&files).unwrap());
        assert_eq!(read(&bytes).unwrap(), files);
        assert!(bytes.len() < 1_000, "it is compressed: {}", bytes.len());
    }

    #[test]
    fn bad_names() {
        for name in ["../x", "/x", "a//b", "a/../b", "a\\b", "", "a/", ".", "a\u{0}b", "c:x"] {
            assert!(!is_plain(name), "{name}");
            let files: Files = [(name.to_owned(), vec![1])].into();
            if let Ok(bytes) = write(&files) {
                assert!(read(&bytes).is_err(), "{name}");
            }
        }
        assert!(is_plain("frameworks/nist-ai-rmf/govern-1.1.html"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..200) {
            let _ = read(&bytes);
            let good = write(&[("a".to_owned(), bytes)].into()).unwrap();
            let _ = read(&good[..good.len().saturating_sub(cut)]);
        }
    }
}
