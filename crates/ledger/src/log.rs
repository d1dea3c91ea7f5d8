//! The log on one thread: commit a batch, publish it, and recover all that at a start. The committer runs the
//! same two halves on two threads.
//!
//! ```text
//! Writer      journal: one frame, one sync                    -> now the entries may be acknowledged
//! Publisher   the tree; tiles, bundles and the signed checkpoint; journals that it covers go
//! ```
//!
//! What it does not do: verify the whole tree at a start (only the right edge, which is what the root needs,
//! and all that the journal touches). [`crate::verify`] does.

use crate::{
    committer::Options,
    error::LedgerError,
    journal::Batch,
    note::Signer,
    publish::Publisher,
    recover,
    segments::{Segments, Writer},
    tree::Hash,
    volume::Volume,
};
use std::sync::Arc;

/// Where the signed checkpoint stands.
pub const CHECKPOINT: &str = "checkpoint";

/// What a start found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries under the checkpoint.
    pub published: u64,
    /// Entries taken over from the journal.
    pub recovered: u64,
    /// Bytes of a torn frame that were cut off. Nothing in it had been acknowledged.
    pub torn_bytes: u64,
}

/// One ledger directory, open for writing.
pub struct Ledger {
    writer: Writer,
    publisher: Publisher,
}

impl Ledger {
    /// Opens the directory, recovers what a crash left in the journal, and publishes it.
    pub fn open(
        volume: Box<dyn Volume>,
        signer: Signer,
        options: &Options,
    ) -> Result<(Self, Recovery), LedgerError> {
        if options.origin != signer.name() {
            return Err(LedgerError::malformed("the origin", "it must be the signing key's name"));
        }
        if !signer.algorithm().is_for_logs() {
            return Err(LedgerError::malformed("the signing key", "it is a witness's, not a log's"));
        }
        let volume: Arc<dyn Volume> = Arc::from(volume);
        let found = recover::read(volume.as_ref(), &signer.verifier())?;
        let next = found.journals.last().map_or(0, |last| last + 1);
        let segments = Arc::new(Segments::new(Arc::clone(&volume), options.journal_preallocate, next));
        let mut publisher = Publisher::new(volume, signer, Arc::clone(&segments), found.edge, found.bundle);
        publisher.integrate(&found.entries);
        if found.has_checkpoint {
            publisher.publish();
        } else {
            publisher.push_publish();
        }
        publisher.check_against_disk()?;
        while publisher.step()? {}
        // Every journal on the disk is covered by the checkpoint now.
        for old in found.journals {
            segments.remove(old)?;
        }
        let writer = Writer::new(segments, publisher.size());
        Ok((Self { writer, publisher }, found.report))
    }

    /// The two halves, for two threads.
    pub(crate) fn split(self) -> (Writer, Publisher) {
        (self.writer, self.publisher)
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.writer.next()
    }

    /// Size of the last checkpoint written or about to be.
    #[must_use]
    pub const fn promised(&self) -> u64 {
        self.publisher.promised()
    }

    /// Steps that are in line.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.publisher.backlog()
    }

    /// The root over all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.publisher.root()
    }

    /// Makes the entries durable and takes them into the tree. The index of the first.
    pub fn append_batch<B: AsRef<[u8]>>(&mut self, leaves: &[B]) -> Result<u64, LedgerError> {
        let first = self.writer.next();
        let mut batch = Batch::with_capacity(0);
        for leaf in leaves.iter().map(AsRef::as_ref) {
            if leaf.len() > usize::from(u16::MAX) {
                return Err(LedgerError::LeafTooLarge { bytes: leaf.len() });
            }
            batch.push(leaf);
        }
        if !batch.is_empty() {
            let serial = self.writer.commit(&mut batch)?;
            self.publisher.take(&batch, serial);
        }
        Ok(first)
    }

    /// Puts the new tiles and a signed checkpoint over all entries in line, if there are new entries.
    pub fn publish(&mut self) {
        self.publisher.publish();
    }

    /// Does one thing of what is in line; `false` when nothing is left.
    pub fn step(&mut self) -> Result<bool, LedgerError> {
        self.publisher.step()
    }

    /// Publishes, does all that is in line, and removes the journal: nothing is left to recover. For good.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.publisher.close()
    }
}
