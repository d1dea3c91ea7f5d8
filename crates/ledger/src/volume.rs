//! The files of one ledger directory, as the ledger sees them. Two threads use one volume at a time: one appends
//! to and syncs the journal, the other does all the rest. A third may write files that neither of them touches
//! (what witnesses cosigned).
//!
//! What an implementation must hold: paths are relative, with `/`; when [`Volume::write_atomic`],
//! [`Volume::write_files`] or [`Volume::sync`] returns `Ok`, what it covers survives a loss of power; a reader
//! sees a file written by the first two whole or not at all; no operation on the journal waits for one on other
//! files; after an error nothing is promised about the files concerned.

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

/// A file's path and all of its bytes.
pub type File = (String, Vec<u8>);

/// The files of one ledger directory.
pub trait Volume: Send + Sync {
    /// The whole file; `None` when there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError>;

    /// The names in a directory, sorted, folders with a trailing `/`; empty when there is no such directory.
    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError>;

    /// Writes a whole file: durable and visible at once on return, or not at all.
    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError>;

    /// Writes whole files, in any order: on return all are durable. Where it fails some may be there, each of
    /// them whole. A volume for which one sync costs as much as many overrides this.
    fn write_files(&self, files: &[File]) -> Result<(), VolumeError> {
        files.iter().try_for_each(|(path, bytes)| self.write_atomic(path, bytes))
    }

    /// Makes a file to append to, with so many bytes of room (zeros), so that a later sync need not write
    /// metadata. Durable on return. An append beyond the room is slower and as safe.
    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError>;

    /// Adds behind what was appended to a file that this volume object prepared. Not durable before
    /// [`Volume::sync`]. One thread a file.
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError>;

    /// Makes all that was appended durable.
    fn sync(&self, path: &str) -> Result<(), VolumeError>;

    /// Writes over bytes of a file where they stand, and makes that durable: nothing of what was there is left
    /// in the file. An error when the file is not there or is shorter. Where it fails a part may be overwritten.
    fn overwrite(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        let _ = (at, bytes);
        let message = "these files cannot be overwritten in place".to_owned();
        Err(VolumeError { operation: "overwrite", path: path.to_owned(), message })
    }

    /// Removes a file; no error when there is none. Durable at the latest with the next durable write.
    fn remove(&self, path: &str) -> Result<(), VolumeError>;
}

impl<V: Volume + ?Sized> Volume for std::sync::Arc<V> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        (**self).read(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        (**self).list(dir)
    }

    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        (**self).write_atomic(path, bytes)
    }

    fn write_files(&self, files: &[File]) -> Result<(), VolumeError> {
        (**self).write_files(files)
    }

    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        (**self).prepare(path, room)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        (**self).append(path, bytes)
    }

    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        (**self).sync(path)
    }

    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        (**self).remove(path)
    }
}
