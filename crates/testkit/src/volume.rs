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
    /// So many of them are durable.
    synced: usize,
    /// Whether the file's existence is.
    named: bool,
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
            files.insert(path.to_owned(), File { synced: bytes.len(), bytes, named: true });
        }
    }

    /// Power is lost: what was not synced is kept up to `keep` thousandths of its bytes.
    pub fn lose_power(&self, keep: usize) {
        let mut files = self.files();
        files.retain(|_, f| f.named || keep > 0);
        for file in files.values_mut() {
            let unsynced = file.bytes.len() - file.synced;
            file.bytes.truncate(file.synced + unsynced * keep.min(1000) / 1000);
            file.synced = file.bytes.len();
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

    fn write_atomic(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let file = File { bytes: bytes.to_vec(), synced: bytes.len(), named: true };
        self.files().insert(path.to_owned(), file);
        Ok(())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.files().entry(path.to_owned()).or_default().bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self, path: &str) -> Result<(), VolumeError> {
        if let Some(file) = self.files().get_mut(path) {
            file.synced = file.bytes.len();
            file.named = true;
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), VolumeError> {
        self.files().remove(path);
        Ok(())
    }
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

    /// How many changing operations were asked for.
    #[must_use]
    pub fn operations(&self) -> usize {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &mut self,
        operation: &'static str,
        path: &str,
        whole: impl FnOnce(&mut MemoryVolume) -> Result<(), VolumeError>,
        half: impl FnOnce(&mut MemoryVolume) -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        let now = {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            *done += 1;
            *done - 1
        };
        let broken =
            Err(VolumeError { operation, path: path.to_owned(), message: "broken by the test".to_owned() });
        if now < self.at {
            return whole(&mut self.inner);
        }
        if now > self.at {
            return broken;
        }
        match self.fault {
            Fault::Refused => broken,
            Fault::Torn => half(&mut self.inner).and(broken),
            Fault::DoneButFailed => whole(&mut self.inner).and(broken),
            Fault::ThenDead => whole(&mut self.inner),
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

    fn write_atomic(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        // Atomic means: half of it is nothing at all.
        self.change("write", path, |v| v.write_atomic(path, bytes), |_| Ok(()))
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        self.change("append to", path, |v| v.append(path, bytes), |v| v.append(path, half))
    }

    fn sync(&mut self, path: &str) -> Result<(), VolumeError> {
        self.change("sync", path, |v| v.sync(path), |_| Ok(()))
    }

    fn remove(&mut self, path: &str) -> Result<(), VolumeError> {
        self.change("remove", path, |v| v.remove(path), |_| Ok(()))
    }
}
