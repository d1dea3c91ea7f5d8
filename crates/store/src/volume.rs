//! The ledger's files in a real directory.
//!
//! What always holds: one writer a directory (an exclusive lock that the kernel lets go of when the process
//! ends); no symbolic link is followed below the directory; files are for their owner only; a file written
//! whole appears by rename and is durable, name included, before the call returns.
//!
//! What it deliberately does not do: know what is in the files, or repair anything.

use cordon_ledger::{Volume, VolumeError};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags},
    io::{self, Errno},
};
use std::{collections::BTreeMap, path::Path};

const LOCK: &str = "lock";
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: Mode = Mode::RWXU;
/// Largest file that is read: no ledger file comes near it.
const MAX_READ: u64 = 1 << 30;

/// A journal that is being written.
struct Journal {
    file: OwnedFd,
    length: u64,
    /// Whether the file's name is durable.
    named: bool,
}

/// The ledger's files in a directory.
pub struct FileVolume {
    root: OwnedFd,
    /// Held for as long as this lives; `None` when opened for reading.
    lock: Option<OwnedFd>,
    journals: BTreeMap<String, Journal>,
}

fn failed(operation: &'static str, path: &str) -> impl FnOnce(Errno) -> VolumeError {
    let path = path.to_owned();
    move |e| VolumeError { operation, path, message: std::io::Error::from(e).to_string() }
}

/// `folder/name`; the folder is empty for a file at the top.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl FileVolume {
    /// Opens (or makes) the directory for writing. Errors when another process holds it.
    pub fn open(dir: &Path) -> Result<Self, VolumeError> {
        let shown = dir.display().to_string();
        match fs::mkdir(dir, DIR_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(failed("make directory", &shown)(e)),
        }
        let root = Self::directory(dir, &shown)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let lock = fs::openat(&root, LOCK, flags, FILE_MODE).map_err(failed("open", LOCK))?;
        fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| match e {
            Errno::WOULDBLOCK => VolumeError {
                operation: "lock",
                path: shown,
                message:
                    "another process is using this ledger directory; stop it, or choose another directory"
                        .to_owned(),
            },
            other => failed("lock", LOCK)(other),
        })?;
        Ok(Self { root, lock: Some(lock), journals: BTreeMap::new() })
    }

    /// Opens an existing directory for reading, beside a process that may be writing.
    pub fn open_read_only(dir: &Path) -> Result<Self, VolumeError> {
        let root = Self::directory(dir, &dir.display().to_string())?;
        Ok(Self { root, lock: None, journals: BTreeMap::new() })
    }

    fn directory(dir: &Path, shown: &str) -> Result<OwnedFd, VolumeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::open(dir, flags, Mode::empty()).map_err(failed("open directory", shown))
    }

    fn writable(&self, operation: &'static str, path: &str) -> Result<(), VolumeError> {
        if self.lock.is_some() {
            return Ok(());
        }
        Err(failed(operation, path)(Errno::ROFS))
    }

    /// A folder below the root, step by step so that no link is followed. With `make`, missing ones are made,
    /// and their names are durable.
    fn folder(&self, path: &str, make: bool) -> Result<Option<OwnedFd>, VolumeError> {
        let mut here = self.root.try_clone().map_err(|e| VolumeError {
            operation: "open",
            path: path.to_owned(),
            message: e.to_string(),
        })?;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            if part == "." || part == ".." {
                return Err(failed("open", path)(Errno::INVAL));
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let next = match fs::openat(&here, part, flags, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    fs::mkdirat(&here, part, DIR_MODE).map_err(failed("make directory", path))?;
                    fs::fsync(&here).map_err(failed("sync directory", path))?;
                    fs::openat(&here, part, flags, Mode::empty())
                }
                Err(Errno::NOENT) => return Ok(None),
                other => other,
            };
            here = next.map_err(failed("open", path))?;
        }
        Ok(Some(here))
    }

    fn made_folder(&self, path: &str) -> Result<OwnedFd, VolumeError> {
        self.folder(path, true)?.ok_or_else(|| failed("make directory", path)(Errno::NOENT))
    }

    /// The journal of that path; made if this volume has not made it yet. One that a former process left is
    /// never appended to.
    fn journal(&mut self, path: &str) -> Result<&mut Journal, VolumeError> {
        self.writable("append to", path)?;
        if !self.journals.contains_key(path) {
            let (dir, name) = split(path);
            let folder = self.made_folder(dir)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = fs::openat(&folder, name, flags, FILE_MODE).map_err(failed("create", path))?;
            self.journals.insert(path.to_owned(), Journal { file, length: 0, named: false });
        }
        self.journals.get_mut(path).ok_or_else(|| failed("append to", path)(Errno::NOENT))
    }
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match io::pwrite(file, bytes, at) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(n) => {
                bytes = bytes.get(n..).unwrap_or_default();
                at += n as u64;
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn read_all(file: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let stat = fs::fstat(file)?;
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || size > MAX_READ {
        return Err(Errno::INVAL);
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno::FBIG)?];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|r| !r.is_empty()) {
        match io::pread(file, rest, done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

impl Volume for FileVolume {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        let (dir, name) = split(path);
        let Some(folder) = self.folder(dir, false)? else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match fs::openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => read_all(file.as_fd()).map(Some).map_err(failed("read", path)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(failed("open", path)(e)),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        let Some(folder) = self.folder(dir, false)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&folder).map_err(failed("list", dir))? {
            let entry = entry.map_err(failed("list", dir))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A temporary file is one whose rename a crash prevented: it belongs to nothing.
            if name == "." || name == ".." || name.starts_with(".new-") {
                continue;
            }
            let is_folder = match entry.file_type() {
                FileType::Unknown => {
                    let stat = fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
                    stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
                }
                known => known == FileType::Directory,
            };
            names.push(if is_folder { format!("{name}/") } else { name });
        }
        names.sort_unstable();
        Ok(names)
    }

    fn write_atomic(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.writable("write", path)?;
        let (dir, name) = split(path);
        let folder = self.made_folder(dir)?;
        let temporary = format!(".new-{name}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let write = || {
            let file = fs::openat(&folder, &temporary, flags, FILE_MODE)?;
            write_all(file.as_fd(), bytes, 0)?;
            fs::fsync(&file)?;
            fs::renameat(&folder, &temporary, &folder, name)?;
            fs::fsync(&folder)
        };
        write().map_err(failed("write", path))
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let journal = self.journal(path)?;
        write_all(journal.file.as_fd(), bytes, journal.length).map_err(failed("append to", path))?;
        journal.length += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self, path: &str) -> Result<(), VolumeError> {
        let (dir, _) = split(path);
        let named = {
            let journal = self.journal(path)?;
            fs::fdatasync(&journal.file).map_err(failed("sync", path))?;
            std::mem::replace(&mut journal.named, true)
        };
        if !named {
            let folder = self.made_folder(dir)?;
            fs::fsync(&folder).map_err(failed("sync directory", dir))?;
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), VolumeError> {
        self.writable("remove", path)?;
        self.journals.remove(path);
        let (dir, name) = split(path);
        let Some(folder) = self.folder(dir, false)? else { return Ok(()) };
        match fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(failed("remove", path)(e)),
        }
        if dir.ends_with(".p") {
            // The folder of a tile's partial forerunners goes with the last of them; a full one stays.
            let (above, last) = split(dir);
            if let Some(above) = self.folder(above, false)? {
                let _ = fs::unlinkat(&above, last, AtFlags::REMOVEDIR);
            }
        }
        Ok(())
    }

    fn preallocate(&mut self, path: &str, bytes: u64) -> Result<(), VolumeError> {
        let journal = self.journal(path)?;
        // The length is set here once, so that a later sync need not write it. A file system that cannot
        // reserve room appends instead: slower, and as safe.
        match fs::fallocate(&journal.file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(e) => return Err(failed("make room for", path)(e)),
        }
        fs::fsync(&journal.file).map_err(failed("sync", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_second_writer_is_refused_and_a_reader_is_not() {
        let dir = dir();
        let first = FileVolume::open(dir.path()).unwrap();
        let second = FileVolume::open(dir.path()).err().unwrap();
        assert!(second.message.contains("another process"), "{second}");
        assert!(FileVolume::open_read_only(dir.path()).is_ok());
        drop(first);
        assert!(FileVolume::open(dir.path()).is_ok());
    }

    #[test]
    fn files_come_back_and_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = dir();
        let mut volume = FileVolume::open(dir.path()).unwrap();
        volume.write_atomic("tile/0/x001/234.p/5", b"abc").unwrap();
        volume.preallocate("journal/1", 64).unwrap();
        volume.append("journal/1", b"de").unwrap();
        volume.append("journal/1", b"f").unwrap();
        volume.sync("journal/1").unwrap();
        assert_eq!(volume.read("tile/0/x001/234.p/5").unwrap().unwrap(), b"abc");
        let journal = volume.read("journal/1").unwrap().unwrap();
        assert!(journal.starts_with(b"def") && journal.iter().skip(3).all(|b| *b == 0));
        assert_eq!(volume.list("tile/0/x001").unwrap(), ["234.p/"]);
        assert_eq!(volume.read("tile/1/000").unwrap(), None);
        let mode = std::fs::metadata(dir.path().join("journal/1")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        volume.remove("tile/0/x001/234.p/5").unwrap();
        assert!(volume.list("tile/0/x001").unwrap().is_empty());
        volume.remove("tile/0/x001/234.p/5").unwrap();
    }

    #[test]
    fn links_and_ways_out_are_not_followed() {
        let (dir, other) = (dir(), dir());
        std::fs::write(other.path().join("secret"), b"x").unwrap();
        std::os::unix::fs::symlink(other.path(), dir.path().join("tile")).unwrap();
        std::os::unix::fs::symlink(other.path().join("secret"), dir.path().join("checkpoint")).unwrap();
        let mut volume = FileVolume::open(dir.path()).unwrap();
        assert!(volume.read("checkpoint").is_err());
        assert!(volume.read("tile/secret").is_err());
        assert!(volume.read("../secret").is_err() || volume.read("../secret").unwrap().is_none());
        assert!(volume.write_atomic("tile/new", b"x").is_err());
        assert_eq!(std::fs::read(other.path().join("secret")).unwrap(), b"x");
    }

    #[test]
    fn a_reader_writes_nothing() {
        let dir = dir();
        drop(FileVolume::open(dir.path()).unwrap());
        let mut volume = FileVolume::open_read_only(dir.path()).unwrap();
        assert!(volume.write_atomic("a", b"").is_err());
        assert!(volume.append("a", b"").is_err());
        assert!(volume.remove("a").is_err());
        assert!(volume.list("").unwrap().iter().all(|n| n == "lock"));
    }
}
