//! The journal's files: appended to by whoever commits, made in advance and removed by whoever publishes.
//!
//! What always holds: a file's room is on the disk, zeros and all, before the first frame goes into it, so that
//! a commit's sync writes data and no metadata; serial numbers grow, and none is used twice by one process.

use crate::{
    error::LedgerError,
    journal::{self, Batch},
    volume::{Volume, VolumeError},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What both sides know of the files.
pub(crate) struct Segments {
    volume: Arc<dyn Volume>,
    room: u64,
    /// The serial number of the next file to be made. Held while one is being made.
    next: Mutex<u64>,
}

impl Segments {
    pub(crate) fn new(volume: Arc<dyn Volume>, room: u64, next: u64) -> Self {
        Self { volume, room, next: Mutex::new(next) }
    }

    pub(crate) const fn room(&self) -> u64 {
        self.room
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The serial number of the next file to be made.
    pub(crate) fn next(&self) -> u64 {
        *self.lock()
    }

    /// Makes the file of that number, unless it is there.
    pub(crate) fn make(&self, serial: u64) -> Result<(), VolumeError> {
        let mut next = self.lock();
        if *next <= serial {
            self.volume.prepare(&journal::path(serial), self.room)?;
            *next = serial + 1;
        }
        Ok(())
    }

    pub(crate) fn remove(&self, serial: u64) -> Result<(), VolumeError> {
        self.volume.remove(&journal::path(serial))
    }
}

/// The side that commits.
pub(crate) struct Writer {
    segments: Arc<Segments>,
    serial: u64,
    path: String,
    used: u64,
    open: bool,
    /// The index of the next entry.
    next: u64,
}

impl Writer {
    pub(crate) fn new(segments: Arc<Segments>, next: u64) -> Self {
        let serial = segments.next();
        Self { segments, serial, path: journal::path(serial), used: 0, open: false, next }
    }

    /// The index of the next entry.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Makes the batch durable: on return its entries may be acknowledged. In which file it is.
    pub(crate) fn commit(&mut self, batch: &mut Batch) -> Result<u64, LedgerError> {
        let bytes = batch.size() as u64;
        if !self.open || (self.used > 0 && self.used + bytes > self.segments.room()) {
            if self.open {
                self.serial += 1;
                self.path = journal::path(self.serial);
            }
            self.segments.make(self.serial)?;
            self.open = true;
            self.used = 0;
        }
        let volume = &self.segments.volume;
        volume.append(&self.path, batch.seal(self.next))?;
        volume.sync(&self.path)?;
        self.used += bytes;
        self.next += batch.len();
        Ok(self.serial)
    }
}
