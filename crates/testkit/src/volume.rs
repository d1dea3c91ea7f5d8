//! Volumes in memory: one that works, and one that breaks at its n-th operation and then loses power.
//!
//! What always holds: a handle and its clones see the same files, so that a test can lose power, look at what
//! survived, and open it again. What was not synced may be there, gone or torn after a loss of power.

use cordon_ledger::{Volume, VolumeError};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// So many of them were appended; what is behind is room, zeros.
    used: usize,
    /// So many of those are durable.
    synced: usize,
    /// The room it was made with.
    room: usize,
    /// Whether the file's existence is.
    named: bool,
}

impl File {
    fn whole(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), used: bytes.len(), synced: bytes.len(), room: 0, named: true }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.used);
        self.bytes.extend_from_slice(bytes);
        self.used = self.bytes.len();
        self.bytes.resize(self.used.max(self.room), 0);
    }
}

type Files = BTreeMap<String, File>;

/// Files in memory, shared by clones.
#[derive(Clone, Debug, Default)]
pub struct MemoryVolume(Arc<Mutex<Files>>);

impl MemoryVolume {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every path, sorted.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.files().keys().cloned().collect()
    }

    /// A copy that shares nothing with this one.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.files().clone())))
    }

    /// Changes a file behind the ledger's back; `None` removes it.
    pub fn tamper(&self, path: &str, change: impl FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut files = self.files();
        let before = files.remove(path).map(|f| f.bytes);
        if let Some(bytes) = change(before) {
            files.insert(path.to_owned(), File::whole(&bytes));
        }
    }

    /// Power is lost: of the bytes that were not synced, the first `keep` thousandths are kept.
    pub fn lose_power(&self, keep: usize) {
        self.lose(keep, |unsynced, keep| keep..unsynced);
    }

    /// Power is lost in the middle of writing backwards: of the bytes that were not synced, only the last
    /// `keep` thousandths are there.
    pub fn lose_power_at_the_front(&self, keep: usize) {
        self.lose(keep, |unsynced, keep| 0..unsynced - keep);
    }

    fn lose(&self, keep: usize, lost: impl Fn(usize, usize) -> std::ops::Range<usize>) {
        let mut files = self.files();
        files.retain(|_, f| f.named || keep > 0);
        for file in files.values_mut() {
            let unsynced = file.used - file.synced;
            let lost = lost(unsynced, unsynced * keep.min(1000) / 1000);
            if lost.end == unsynced && file.room == 0 {
                file.bytes.truncate(file.synced + lost.start);
            } else {
                let hit = file.bytes.iter_mut().skip(file.synced + lost.start).take(lost.len());
                hit.for_each(|b| *b = 0);
            }
            file.used = file.bytes.len();
            file.synced = file.used;
            file.named = true;
        }
    }
}

impl Volume for MemoryVolume {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        Ok(self.files().get(path).map(|f| f.bytes.clone()))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        let prefix = format!("{dir}/");
        let files = self.files();
        let inside = files.keys().filter_map(|p| p.strip_prefix(&prefix));
        let mut names: Vec<String> = inside
            .map(|rest| {
                rest.split_once('/').map_or_else(|| rest.to_owned(), |(folder, _)| format!("{folder}/"))
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.files().insert(path.to_owned(), File::whole(bytes));
        Ok(())
    }

    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        let room = usize::try_from(room).map_err(|_| refused("create", path, "too large for memory"))?;
        let file = File { bytes: vec![0; room], used: 0, synced: 0, room, named: true };
        if self.files().insert(path.to_owned(), file).is_some() {
            return Err(refused("create", path, "it is there already"));
        }
        Ok(())
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let mut files = self.files();
        let file = files.get_mut(path).ok_or_else(|| refused("append to", path, "it was not prepared"))?;
        file.append(bytes);
        Ok(())
    }

    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        if let Some(file) = self.files().get_mut(path) {
            file.synced = file.used;
        }
        Ok(())
    }

    fn overwrite(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        let mut files = self.files();
        let there = usize::try_from(at).ok().and_then(|at| at.checked_add(bytes.len()).map(|end| at..end));
        let found = files.get_mut(path).zip(there);
        let room = found.and_then(|(file, range)| file.bytes.get_mut(range));
        let room = room.ok_or_else(|| refused("overwrite", path, "it is not there or too short"))?;
        room.copy_from_slice(bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        self.files().remove(path);
        Ok(())
    }
}

fn refused(operation: &'static str, path: &str, message: &str) -> VolumeError {
    VolumeError { operation, path: path.to_owned(), message: message.to_owned() }
}

/// How the n-th changing operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does nothing and says so (a full or read-only disk).
    Refused,
    /// It is half done, and says that it failed.
    Torn,
    /// It is done, and says that it failed.
    DoneButFailed,
    /// It says that it is done, and everything after it fails.
    ThenDead,
}

/// A volume that breaks at its n-th changing operation and refuses every one after it.
#[derive(Clone, Debug)]
pub struct BreakingVolume {
    inner: MemoryVolume,
    at: usize,
    fault: Fault,
    done: Arc<Mutex<usize>>,
}

impl BreakingVolume {
    /// Breaks at changing operation `at` (from 0).
    #[must_use]
    pub fn new(inner: MemoryVolume, at: usize, fault: Fault) -> Self {
        Self { inner, at, fault, done: Arc::default() }
    }

    /// The volume underneath, which does not break.
    #[must_use]
    pub const fn inner(&self) -> &MemoryVolume {
        &self.inner
    }

    /// How many changing operations were asked for.
    #[must_use]
    pub fn operations(&self) -> usize {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        operation: &'static str,
        path: &str,
        whole: impl FnOnce(&MemoryVolume) -> Result<(), VolumeError>,
        half: impl FnOnce(&MemoryVolume) -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        // Held throughout: two threads' operations happen one after the other, as the fault says.
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *done;
        *done += 1;
        let broken = Err(refused(operation, path, "broken by the test"));
        if now < self.at {
            return whole(&self.inner);
        }
        if now > self.at {
            return broken;
        }
        match self.fault {
            Fault::Refused => broken,
            Fault::Torn => half(&self.inner).and(broken),
            Fault::DoneButFailed => whole(&self.inner).and(broken),
            Fault::ThenDead => whole(&self.inner),
        }
    }
}

impl Volume for BreakingVolume {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        self.inner.read(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        self.inner.list(dir)
    }

    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        // Atomic means: half of it is nothing at all.
        self.change("write", path, |v| v.write_atomic(path, bytes), |_| Ok(()))
    }

    fn write_files(&self, files: &[(String, Vec<u8>)]) -> Result<(), VolumeError> {
        let path = files.first().map_or("", |(path, _)| path);
        let half = files.get(..files.len() / 2).unwrap_or_default();
        self.change("write", path, |v| v.write_files(files), |v| v.write_files(half))
    }

    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        self.change("create", path, |v| v.prepare(path, room), |v| v.prepare(path, room / 2))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        self.change("append to", path, |v| v.append(path, bytes), |v| v.append(path, half))
    }

    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        self.change("sync", path, |v| v.sync(path), |_| Ok(()))
    }

    fn overwrite(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        self.change("overwrite", path, |v| v.overwrite(path, at, bytes), |v| v.overwrite(path, at, half))
    }

    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        self.change("remove", path, |v| v.remove(path), |_| Ok(()))
    }
}
