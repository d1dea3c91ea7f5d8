//! The walk over trees of files: parallel, respecting ignore files, within bounds.

use super::{ScanOptions, Shared};
use cordon_inventory::code::FileKind;
use cordon_inventory::{Sink, scan_file};
use ignore::{DirEntry, WalkBuilder, WalkState};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::Ordering;

/// Deepest folder: beyond, a tree is built to be endless.
const MAX_DEPTH: usize = 64;
/// Files between two words of progress.
const PROGRESS: u64 = 2_000;

pub(super) fn walk(options: &ScanOptions, shared: &Shared, progress: &(dyn Fn(&str) + Sync)) {
    let Some((first, rest)) = options.paths.split_first() else { return };
    let mut builder = WalkBuilder::new(first);
    for path in rest {
        builder.add(path);
    }
    builder
        .standard_filters(false)
        .git_ignore(!options.no_ignore)
        .git_exclude(!options.no_ignore)
        .ignore(!options.no_ignore)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH))
        .threads(options.threads)
        .filter_entry(|e| !matches!(e.file_name().to_str(), Some(".git" | ".hg" | ".svn")));
    builder.build_parallel().run(|| {
        let mut buffer = Vec::new();
        Box::new(move |entry| {
            match entry {
                Ok(entry) => {
                    let n = shared.files.load(Ordering::Relaxed);
                    if one(&entry, &mut buffer, shared) && n % PROGRESS == PROGRESS - 1 {
                        progress(&format!("{} files", n + 1));
                    }
                }
                Err(error) => shared.note(error.to_string()),
            }
            WalkState::Continue
        })
    });
}

/// One entry; whether it is a file.
fn one(entry: &DirEntry, buffer: &mut Vec<u8>, shared: &Shared) -> bool {
    // A symbolic link is none, nor is a pipe or a device: only what is a file is opened.
    if !entry.file_type().is_some_and(|t| t.is_file()) {
        return false;
    }
    shared.files.fetch_add(1, Ordering::Relaxed);
    let path = place(entry.path());
    if let Some(kind) = FileKind::of(&path) {
        read(entry.path(), &path, kind, buffer, shared);
    }
    true
}

/// A path as the inventory names it.
fn place(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

/// Reads one file of a known kind, within the kind's limit.
pub(super) fn read(path: &Path, place: &str, kind: FileKind, buffer: &mut Vec<u8>, shared: &Shared) {
    let open = || -> std::io::Result<(File, u64)> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let size = if meta.is_file() { meta.len() } else { 0 };
        Ok((file, size))
    };
    let (file, size) = match open() {
        Ok(opened) => opened,
        Err(error) => return shared.note(format!("{place}: {error}")),
    };
    if size > kind.limit() && !kind.head_only() {
        return shared
            .note(format!("{place}: {size} bytes are over the limit of {} for such a file", kind.limit()));
    }
    buffer.clear();
    if let Err(error) = file.take(kind.limit()).read_to_end(buffer) {
        return shared.note(format!("{place}: {error}"));
    }
    shared.read.fetch_add(1, Ordering::Relaxed);
    shared.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
    shared.packages(kind, buffer, place);
    let mut sink = Sink::new(place);
    scan_file(kind, buffer, size, &mut sink);
    if sink.overflow {
        shared.note(format!("{place}: more was found than one file may give; the rest is left out"));
    }
    shared.found(sink.found);
}
