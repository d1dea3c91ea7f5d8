//! The ledger's files in a real directory.
//!
//! What always holds: one writer a directory (an exclusive lock that the kernel lets go of when the process
//! ends); no symbolic link is followed below the directory; files are for their owner only; a file written
//! whole appears by rename and is durable, name included, before the call returns. Appending and syncing take
//! no lock that another operation holds across a system call.
//!
//! What it deliberately does not do: know what is in the files, or repair anything.

use cordon_ledger::{Volume, VolumeError, volume::File};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, Advice, AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags},
    io::{self, Errno},
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

const LOCK: &str = "lock";
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: Mode = Mode::RWXU;
/// Largest file that is read: no ledger file comes near it.
const MAX_READ: u64 = 1 << 30;

/// Files that are open at a time while many are written: far below any limit on descriptors.
const MOST_OPEN: usize = 128;
/// Zeros that make a journal's room, so many at a time.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A journal that is being written.
struct Journal {
    file: OwnedFd,
    /// How far it is filled. One thread appends.
    length: AtomicU64,
}

/// The ledger's files in a directory.
pub struct FileVolume {
    root: OwnedFd,
    /// Whether it may write.
    writes: bool,
    /// Held for as long as this lives, where this took it.
    _lock: Option<OwnedFd>,
    journals: Mutex<BTreeMap<String, Arc<Journal>>>,
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
        Ok(Self { root, writes: true, _lock: Some(lock), journals: Mutex::default() })
    }

    /// Opens an existing directory for reading, beside a process that may be writing.
    pub fn open_read_only(dir: &Path) -> Result<Self, VolumeError> {
        let root = Self::directory(dir, &dir.display().to_string())?;
        Ok(Self { root, writes: false, _lock: None, journals: Mutex::default() })
    }

    /// Opens an existing directory for writing, without a lock of its own: for who holds one that covers it
    /// already, as the data directory's covers all below it.
    pub fn open_beside(dir: &Path) -> Result<Self, VolumeError> {
        let root = Self::directory(dir, &dir.display().to_string())?;
        Ok(Self { root, writes: true, _lock: None, journals: Mutex::default() })
    }

    fn directory(dir: &Path, shown: &str) -> Result<OwnedFd, VolumeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::open(dir, flags, Mode::empty()).map_err(failed("open directory", shown))
    }

    fn writable(&self, operation: &'static str, path: &str) -> Result<(), VolumeError> {
        if self.writes {
            return Ok(());
        }
        Err(failed(operation, path)(Errno::ROFS))
    }

    /// A folder below the root, step by step so that no link is followed.
    fn folder(&self, path: &str) -> Result<Option<OwnedFd>, VolumeError> {
        self.walk(path, None)
    }

    /// With `made`, missing folders are made; the folders in which a name is new are put there, to be synced.
    fn walk(&self, path: &str, mut made: Option<&mut Vec<OwnedFd>>) -> Result<Option<OwnedFd>, VolumeError> {
        let copy = |fd: &OwnedFd| {
            let refused = |e: std::io::Error| VolumeError {
                operation: "open",
                path: path.to_owned(),
                message: e.to_string(),
            };
            fd.try_clone().map_err(refused)
        };
        let mut here = copy(&self.root)?;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            if part == "." || part == ".." {
                return Err(failed("open", path)(Errno::INVAL));
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let next = match (fs::openat(&here, part, flags, Mode::empty()), made.as_mut()) {
                (Err(Errno::NOENT), Some(made)) => {
                    fs::mkdirat(&here, part, DIR_MODE).map_err(failed("make directory", path))?;
                    made.push(copy(&here)?);
                    fs::openat(&here, part, flags, Mode::empty())
                }
                (Err(Errno::NOENT), None) => return Ok(None),
                (other, _) => other,
            };
            here = next.map_err(failed("open", path))?;
        }
        Ok(Some(here))
    }

    fn made_folder(&self, path: &str, made: &mut Vec<OwnedFd>) -> Result<OwnedFd, VolumeError> {
        self.walk(path, Some(made))?.ok_or_else(|| failed("make directory", path)(Errno::NOENT))
    }

    fn journals(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Journal>>> {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal of that path, if this volume made it: one that a former process left is never appended to.
    fn journal(&self, operation: &'static str, path: &str) -> Result<Arc<Journal>, VolumeError> {
        self.writable(operation, path)?;
        self.journals().get(path).cloned().ok_or_else(|| failed(operation, path)(Errno::NOENT))
    }

    /// Writes files under temporary names, makes them durable, and gives them their names. The folders that
    /// are to be synced after it are put into `folders` and `made`.
    fn write_some<'a>(
        &self,
        files: &'a [File],
        folders: &mut BTreeMap<&'a str, OwnedFd>,
        made: &mut Vec<OwnedFd>,
    ) -> Result<(), VolumeError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut open = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            let (dir, name) = split(path);
            if !folders.contains_key(dir) {
                folders.insert(dir, self.made_folder(dir, made)?);
            }
            let Some(folder) = folders.get(dir) else { continue };
            let temporary = temporary(name);
            let write = || {
                let file = fs::openat(folder, &temporary, flags, FILE_MODE)?;
                write_all(file.as_fd(), bytes, 0)?;
                // Starts the writing of all before the first is waited for, so that the file system's own
                // journal commits once instead of once a file. Only a hint.
                let _ = fs::fadvise(&file, 0, None, Advice::DontNeed);
                Ok(file)
            };
            open.push((write().map_err(failed("write", path))?, path, dir, name));
        }
        for (file, path, ..) in &open {
            fs::fdatasync(file).map_err(failed("sync", path))?;
        }
        for (_, path, dir, name) in &open {
            let Some(folder) = folders.get(dir) else { continue };
            fs::renameat(folder, temporary(name), folder, *name).map_err(failed("write", path))?;
        }
        Ok(())
    }
}

/// The name under which a file is written before it is whole.
fn temporary(name: &str) -> String {
    format!(".new-{name}")
}

fn sync_all<'a>(folders: impl IntoIterator<Item = &'a OwnedFd>, shown: &str) -> Result<(), VolumeError> {
    folders.into_iter().try_for_each(fs::fsync).map_err(failed("sync directory", shown))
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
        let Some(folder) = self.folder(dir)? else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match fs::openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => read_all(file.as_fd()).map(Some).map_err(failed("read", path)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(failed("open", path)(e)),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        let Some(folder) = self.folder(dir)? else { return Ok(Vec::new()) };
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

    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.write_files(&[(path.to_owned(), bytes.to_vec())])
    }

    fn write_files(&self, files: &[File]) -> Result<(), VolumeError> {
        let Some((first, _)) = files.first() else { return Ok(()) };
        self.writable("write", first)?;
        let (mut folders, mut made) = (BTreeMap::new(), Vec::new());
        for some in files.chunks(MOST_OPEN) {
            self.write_some(some, &mut folders, &mut made)?;
        }
        sync_all(folders.values().chain(&made), split(first).0)
    }

    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        self.writable("create", path)?;
        let ((dir, name), mut made) = (split(path), Vec::new());
        let folder = self.made_folder(dir, &mut made)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = fs::openat(&folder, name, flags, FILE_MODE).map_err(failed("create", path))?;
        // Room in one piece where the file system can, and then real zeros: a block that was only reserved is
        // marked as written at its first sync, which is metadata and waits for all other metadata.
        match fs::fallocate(&file, FallocateFlags::empty(), 0, room.max(1)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(e) => return Err(failed("make room for", path)(e)),
        }
        let mut at = 0;
        while at < room {
            let piece = ZEROS.get(..usize::try_from(room - at).unwrap_or(usize::MAX)).unwrap_or(&ZEROS);
            write_all(file.as_fd(), piece, at).map_err(failed("make room for", path))?;
            at += piece.len() as u64;
        }
        fs::fsync(&file).map_err(failed("sync", path))?;
        sync_all(made.iter().chain([&folder]), dir)?;
        self.journals().insert(path.to_owned(), Arc::new(Journal { file, length: AtomicU64::new(0) }));
        Ok(())
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let journal = self.journal("append to", path)?;
        let at = journal.length.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        write_all(journal.file.as_fd(), bytes, at).map_err(failed("append to", path))
    }

    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        let journal = self.journal("sync", path)?;
        fs::fdatasync(&journal.file).map_err(failed("sync", path))
    }

    fn overwrite(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        self.writable("overwrite", path)?;
        let (dir, name) = split(path);
        let folder = self.folder(dir)?.ok_or_else(|| failed("overwrite", path)(Errno::NOENT))?;
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let write = || {
            let file = fs::openat(&folder, name, flags, Mode::empty())?;
            let stat = fs::fstat(&file)?;
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if !regular || at.checked_add(bytes.len() as u64).is_none_or(|end| end > size) {
                return Err(Errno::INVAL);
            }
            write_all(file.as_fd(), bytes, at)?;
            fs::fsync(&file)
        };
        write().map_err(failed("overwrite", path))
    }

    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        self.writable("remove", path)?;
        // Out of the lock before the descriptor is closed.
        let journal = self.journals().remove(path);
        drop(journal);
        let (dir, name) = split(path);
        let Some(folder) = self.folder(dir)? else { return Ok(()) };
        match fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(failed("remove", path)(e)),
        }
        if dir.ends_with(".p") {
            // The folder of a tile's partial forerunners goes with the last of them; a full one stays.
            let (above, last) = split(dir);
            if let Some(above) = self.folder(above)? {
                let _ = fs::unlinkat(&above, last, AtFlags::REMOVEDIR);
            }
        }
        Ok(())
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
        let volume = FileVolume::open(dir.path()).unwrap();
        volume.write_atomic("tile/0/x001/234.p/5", b"abc").unwrap();
        volume.prepare("journal/1", 64).unwrap();
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
        let volume = FileVolume::open(dir.path()).unwrap();
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
        let volume = FileVolume::open_read_only(dir.path()).unwrap();
        assert!(volume.write_atomic("a", b"").is_err());
        assert!(volume.append("a", b"").is_err());
        assert!(volume.remove("a").is_err());
        assert!(volume.list("").unwrap().iter().all(|n| n == "lock"));
    }
}
