//! The files of one ledger directory, as the ledger sees them.
//!
//! What an implementation must hold: paths are relative, with `/`; when [`Volume::write_atomic`] or
//! [`Volume::sync`] returns `Ok`, what it covers survives a loss of power; a reader sees a file written by
//! `write_atomic` whole or not at all; after an error nothing is promised about the file concerned.

/// Why the volume refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} `{path}`: {message}")]
pub struct VolumeError {
    /// What was tried.
    pub operation: &'static str,
    /// On which file.
    pub path: String,
    /// What the system said.
    pub message: String,
}

/// The files of one ledger directory.
pub trait Volume: Send {
    /// The whole file; `None` when there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError>;

    /// The names in a directory, sorted, folders with a trailing `/`; empty when there is no such directory.
    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError>;

    /// Writes a whole file: durable and visible at once on return, or not at all.
    fn write_atomic(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError>;

    /// Adds to the end of a file that this volume object created; makes it when it is not there.
    /// Not durable before [`Volume::sync`]. The file may be longer than what was appended: the rest is zeros.
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), VolumeError>;

    /// Makes all that was appended durable, the file's existence included.
    fn sync(&mut self, path: &str) -> Result<(), VolumeError>;

    /// Removes a file; no error when there is none. Durable at the latest with the next durable write.
    fn remove(&mut self, path: &str) -> Result<(), VolumeError>;

    /// A hint before the first append: make room for so many bytes, so that a sync need not write metadata.
    fn preallocate(&mut self, _path: &str, _bytes: u64) -> Result<(), VolumeError> {
        Ok(())
    }
}
