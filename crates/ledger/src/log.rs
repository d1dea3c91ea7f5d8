//! The log on one thread: commit a batch, integrate it, publish it, and recover all that at a start.
//!
//! ```text
//! commit      journal: one frame, one sync                     -> now the entries may be acknowledged
//! integrate   the tree's right edge; full tiles go to `todo`
//! publish     partial tiles and the signed checkpoint go to `todo`
//! step        writes one file of `todo`; behind a checkpoint, trims what it made superfluous
//! ```
//!
//! INVARIANT: `todo` is first in, first out, so a checkpoint is written only after every file it covers; and a
//! journal is removed only after a checkpoint that covers all its entries is durable.
//!
//! What it does not do: verify the whole tree at a start (only the right edge, which is what the root needs,
//! and all that the journal touches). [`crate::verify`] does.

use crate::{
    checkpoint::Checkpoint,
    committer::Options,
    error::LedgerError,
    journal,
    note::Signer,
    recover,
    tile::{self, Edge, Kind},
    tree::{self, Hash},
    volume::{Volume, VolumeError},
};
use std::collections::{BTreeSet, VecDeque};

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

enum Todo {
    Write(String, Vec<u8>),
    Published(u64),
}

/// One ledger directory, open for writing.
pub struct Ledger {
    volume: Box<dyn Volume>,
    signer: Signer,
    edge: Edge,
    /// The entries of the bundle that is not full, encoded.
    bundle: Vec<u8>,
    todo: VecDeque<Todo>,
    /// Size of the last checkpoint in `todo` or on the disk.
    promised: u64,
    /// First indexes of the journals on the disk, oldest first; the last is being written, if `open`.
    journals: Vec<u64>,
    journal_open: bool,
    journal_bytes: u64,
    preallocate: u64,
    /// Full files that still have partial forerunners on the disk.
    forerunners: BTreeSet<(Kind, u64)>,
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
        let found = recover::read(volume.as_ref(), &signer.verifier())?;
        let mut ledger = Self {
            volume,
            signer,
            edge: found.edge,
            bundle: found.bundle,
            todo: VecDeque::new(),
            promised: found.report.published,
            journals: found.journals,
            journal_open: false,
            journal_bytes: 0,
            preallocate: options.journal_preallocate,
            forerunners: BTreeSet::new(),
        };
        ledger.note_forerunners();
        ledger.integrate(&found.entries);
        let first = !found.has_checkpoint;
        if first {
            ledger.push_publish();
        }
        ledger.publish();
        ledger.check_against_disk()?;
        while ledger.step()? {}
        ledger.drop_journals()?;
        Ok((ledger, found.report))
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Size of the last checkpoint written or about to be.
    #[must_use]
    pub const fn promised(&self) -> u64 {
        self.promised
    }

    /// Files waiting to be written.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.todo.len()
    }

    /// The root over all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Makes the entries durable and takes them into the tree. The index of the first.
    pub fn append_batch<B: AsRef<[u8]>>(&mut self, leaves: &[B]) -> Result<u64, LedgerError> {
        let first = self.commit(leaves)?;
        self.integrate(leaves);
        Ok(first)
    }

    /// Makes the entries durable: on return they may be acknowledged. Then [`Ledger::integrate`] them.
    pub(crate) fn commit<B: AsRef<[u8]>>(&mut self, leaves: &[B]) -> Result<u64, LedgerError> {
        let first = self.edge.size();
        if let Some(long) = leaves.iter().find(|l| l.as_ref().len() > usize::from(u16::MAX)) {
            return Err(LedgerError::LeafTooLarge { bytes: long.as_ref().len() });
        }
        if leaves.is_empty() {
            return Ok(first);
        }
        let frame = journal::frame(first, leaves);
        let bytes = frame.len() as u64;
        if !self.journal_open || self.journal_bytes + bytes > self.preallocate {
            self.volume.preallocate(&journal::path(first), self.preallocate.max(bytes))?;
            self.journals.push(first);
            self.journal_open = true;
            self.journal_bytes = 0;
        }
        let path = journal::path(self.journals.last().copied().unwrap_or(first));
        self.volume.append(&path, &frame)?;
        self.volume.sync(&path)?;
        self.journal_bytes += bytes;
        Ok(first)
    }

    /// Takes committed entries into the tree; full tiles and bundles are put in line to be written.
    pub(crate) fn integrate<B: AsRef<[u8]>>(&mut self, leaves: &[B]) {
        let Self { edge, bundle, todo, .. } = self;
        for leaf in leaves {
            tile::push_entry(bundle, leaf.as_ref());
            edge.push(tree::leaf_hash(leaf.as_ref()), |level, n, hashes| {
                if level == 0 {
                    todo.push_back(Todo::Write(tile::path(Kind::Entries, n), std::mem::take(bundle)));
                }
                todo.push_back(Todo::Write(tile::path(Kind::Tile(level), n), hashes.as_flattened().to_vec()));
            });
        }
    }

    /// Puts the partial tiles and a signed checkpoint over all entries in line, if there are new ones.
    pub fn publish(&mut self) {
        if self.edge.size() > self.promised {
            self.push_publish();
        }
    }

    fn push_publish(&mut self) {
        let size = self.edge.size();
        for (level, n, hashes) in self.edge.partial() {
            let path = tile::path_of_width(Kind::Tile(level), n, hashes.len() as u64);
            self.todo.push_back(Todo::Write(path, hashes.as_flattened().to_vec()));
        }
        let width = size % tile::WIDTH;
        if width > 0 {
            let path = tile::path_of_width(Kind::Entries, size / tile::WIDTH, width);
            self.todo.push_back(Todo::Write(path, self.bundle.clone()));
        }
        let head = Checkpoint { origin: self.signer.name().to_owned(), size, root: self.edge.root() };
        self.todo.push_back(Todo::Write(CHECKPOINT.to_owned(), head.sign(&self.signer).into_bytes()));
        self.todo.push_back(Todo::Published(size));
        self.promised = size;
    }

    /// Does one thing of what is in line; `false` when nothing is left.
    pub fn step(&mut self) -> Result<bool, LedgerError> {
        match self.todo.pop_front() {
            None => Ok(false),
            Some(Todo::Write(path, bytes)) => {
                self.volume.write_atomic(&path, &bytes)?;
                Ok(true)
            }
            Some(Todo::Published(size)) => {
                self.trim(size)?;
                Ok(true)
            }
        }
    }

    /// Behind a durable checkpoint of `size`: journals that it covers go, and partial files whose full
    /// successor is there.
    fn trim(&mut self, size: u64) -> Result<(), VolumeError> {
        while let [oldest, next, ..] = self.journals.as_slice() {
            if *next > size {
                break;
            }
            self.volume.remove(&journal::path(*oldest))?;
            self.journals.remove(0);
        }
        let full: Vec<_> =
            self.forerunners.iter().filter(|(k, n)| width(*k, *n, size) == tile::WIDTH).copied().collect();
        for (kind, n) in full {
            let dir = format!("{}.p", tile::path(kind, n));
            for name in self.volume.list(&dir)? {
                self.volume.remove(&format!("{dir}/{name}"))?;
            }
            self.forerunners.remove(&(kind, n));
        }
        self.note_forerunners();
        Ok(())
    }

    fn note_forerunners(&mut self) {
        let size = self.promised;
        for level in 0_u8..8 {
            let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            if !hashes.is_multiple_of(tile::WIDTH) {
                self.forerunners.insert((Kind::Tile(level), hashes / tile::WIDTH));
                if level == 0 {
                    self.forerunners.insert((Kind::Entries, hashes / tile::WIDTH));
                }
            }
        }
    }

    /// At a start only: a full file that is there already must be the one about to be written.
    fn check_against_disk(&self) -> Result<(), LedgerError> {
        for todo in &self.todo {
            if let Todo::Write(path, bytes) = todo
                && path != CHECKPOINT
                && let Some(there) = self.volume.read(path)?
                && there != *bytes
            {
                return Err(recover::differs(path).into());
            }
        }
        Ok(())
    }

    /// At a start only: every journal on the disk is covered by the checkpoint just written.
    fn drop_journals(&mut self) -> Result<(), VolumeError> {
        for first in std::mem::take(&mut self.journals) {
            self.volume.remove(&journal::path(first))?;
        }
        Ok(())
    }

    /// Publishes, writes all that is in line, and removes the journal: nothing is left to recover.
    pub fn close(&mut self) -> Result<(), LedgerError> {
        self.publish();
        while self.step()? {}
        self.journal_open = false;
        self.drop_journals()?;
        Ok(())
    }
}

fn width(kind: Kind, n: u64, size: u64) -> u64 {
    match kind {
        Kind::Tile(level) => tile::width_at(level, n, size),
        Kind::Entries => tile::width_at(0, n, size),
    }
}
