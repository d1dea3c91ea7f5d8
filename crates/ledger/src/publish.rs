//! The side that publishes: the tree, tiles, bundles, checkpoints, and the end of journals that they cover.
//!
//! ```text
//! integrate   committed entries enter the tree's right edge; full tiles and bundles are kept; many go in line
//! publish     the others, the partial ones that changed, and the signed checkpoint go in line
//! step        does one thing of what is in line
//! ```
//!
//! INVARIANT: what is in line is first in, first out, so a checkpoint is written only after every file that it
//! covers; and a journal is removed only after a checkpoint that covers all its entries is durable.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    journal::Batch,
    log::CHECKPOINT,
    note::Signer,
    recover,
    segments::Segments,
    tile::{self, Edge, Kind},
    tree::{self, Hash},
    volume::{File, Volume, VolumeError},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

enum Todo {
    Make(u64),
    Files(Vec<File>),
    Checkpoint(Vec<u8>),
    Published(u64),
}

/// A journal that holds entries.
struct Filled {
    serial: u64,
    /// The index behind its last entry.
    end: u64,
    bytes: u64,
}

pub(crate) struct Publisher {
    volume: Arc<dyn Volume>,
    signer: Signer,
    segments: Arc<Segments>,
    edge: Edge,
    /// The entries of the bundle that is not full, encoded.
    bundle: Vec<u8>,
    /// Full tiles and bundles that are not in line yet.
    full: Vec<File>,
    todo: VecDeque<Todo>,
    /// Size of the last checkpoint in line or on the disk.
    promised: u64,
    /// Journals with entries, oldest first; the last may still be written to.
    filled: VecDeque<Filled>,
    /// The serial number of the oldest journal that may be there.
    oldest: u64,
    /// The partial file of each kind that stands on the disk or in line, by number and width.
    partial: BTreeMap<Kind, (u64, u64)>,
    /// Full files that still have partial forerunners on the disk.
    forerunners: BTreeSet<(Kind, u64)>,
}

impl Publisher {
    pub(crate) fn new(
        volume: Arc<dyn Volume>,
        signer: Signer,
        segments: Arc<Segments>,
        edge: Edge,
        bundle: Vec<u8>,
    ) -> Self {
        let (promised, oldest) = (edge.size(), segments.next());
        let mut new = Self {
            volume,
            signer,
            segments,
            edge,
            bundle,
            full: Vec::new(),
            todo: VecDeque::new(),
            promised,
            filled: VecDeque::new(),
            oldest,
            partial: BTreeMap::new(),
            forerunners: BTreeSet::new(),
        };
        new.note_forerunners();
        new
    }

    pub(crate) const fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) const fn promised(&self) -> u64 {
        self.promised
    }

    pub(crate) fn backlog(&self) -> usize {
        self.todo.len()
    }

    pub(crate) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Takes a batch that is in the journal of that number.
    pub(crate) fn take(&mut self, batch: &Batch, serial: u64) {
        self.integrate(&batch.entries());
        let (end, bytes, half) = (self.edge.size(), batch.size() as u64, self.segments.room() / 2);
        let before = match self.filled.back_mut().filter(|f| f.serial == serial) {
            Some(last) => {
                let before = last.bytes;
                (last.end, last.bytes) = (end, before + bytes);
                before
            }
            None => {
                self.filled.push_back(Filled { serial, end, bytes });
                0
            }
        };
        if before < half && before + bytes >= half {
            self.todo.push_back(Todo::Make(serial + 1));
        }
        // What waits for the next checkpoint is bounded by this, not by how many entries come before it. A full file
        // never changes again; beyond the checkpoint it is what a crash between the two leaves as well.
        if self.full.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() >= half {
            self.todo.push_back(Todo::Files(std::mem::take(&mut self.full)));
        }
    }

    /// Takes entries into the tree.
    pub(crate) fn integrate<B: AsRef<[u8]>>(&mut self, leaves: &[B]) {
        let Self { edge, bundle, full, .. } = self;
        for leaf in leaves {
            tile::push_entry(bundle, leaf.as_ref());
            edge.push(tree::leaf_hash(leaf.as_ref()), |level, n, hashes| {
                if level == 0 {
                    let room = Vec::with_capacity(bundle.len());
                    full.push((tile::path(Kind::Entries, n), std::mem::replace(bundle, room)));
                }
                full.push((tile::path(Kind::Tile(level), n), hashes.as_flattened().to_vec()));
            });
        }
    }

    /// Puts new tiles and bundles and a signed checkpoint over all entries in line, if there are new ones.
    pub(crate) fn publish(&mut self) {
        if self.edge.size() > self.promised {
            self.push_publish();
        }
    }

    pub(crate) fn push_publish(&mut self) {
        let size = self.edge.size();
        let mut files = std::mem::take(&mut self.full);
        for (level, n, hashes) in self.edge.partial() {
            let (kind, width) = (Kind::Tile(level), hashes.len() as u64);
            // An upper tile rarely changes between two checkpoints.
            if self.partial.insert(kind, (n, width)) != Some((n, width)) {
                files.push((tile::path_of_width(kind, n, width), hashes.as_flattened().to_vec()));
            }
        }
        let (n, width) = (size / tile::WIDTH, size % tile::WIDTH);
        if width > 0 && self.partial.insert(Kind::Entries, (n, width)) != Some((n, width)) {
            files.push((tile::path_of_width(Kind::Entries, n, width), self.bundle.clone()));
        }
        if !files.is_empty() {
            self.todo.push_back(Todo::Files(files));
        }
        let head = Checkpoint { origin: self.signer.name().to_owned(), size, root: self.edge.root() };
        self.todo.push_back(Todo::Checkpoint(head.sign(&self.signer).into_bytes()));
        self.todo.push_back(Todo::Published(size));
        self.promised = size;
    }

    /// Does one thing of what is in line; `false` when nothing is left.
    pub(crate) fn step(&mut self) -> Result<bool, LedgerError> {
        match self.todo.pop_front() {
            None => return Ok(false),
            Some(Todo::Make(serial)) => self.segments.make(serial)?,
            Some(Todo::Files(files)) => self.volume.write_files(&files)?,
            Some(Todo::Checkpoint(bytes)) => self.volume.write_atomic(CHECKPOINT, &bytes)?,
            Some(Todo::Published(size)) => self.trim(size)?,
        }
        Ok(true)
    }

    /// Behind a durable checkpoint of `size`: journals that it covers go, and partial files whose full
    /// successor is there.
    fn trim(&mut self, size: u64) -> Result<(), VolumeError> {
        // The last one is kept: the committing side may be about to write to it.
        while self.filled.len() > 1
            && let Some(done) = self.filled.pop_front_if(|f| f.end <= size)
        {
            self.remove_journals(done.serial + 1)?;
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

    fn remove_journals(&mut self, end: u64) -> Result<(), VolumeError> {
        while self.oldest < end {
            self.segments.remove(self.oldest)?;
            self.oldest += 1;
        }
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

    /// At a start only: a file that is there already must be the one about to be written.
    pub(crate) fn check_against_disk(&self) -> Result<(), LedgerError> {
        let in_line = self.todo.iter().filter_map(|t| if let Todo::Files(f) = t { Some(f) } else { None });
        for (path, bytes) in in_line.flatten() {
            if self.volume.read(path)?.is_some_and(|there| there != *bytes) {
                return Err(recover::differs(path).into());
            }
        }
        Ok(())
    }

    /// Publishes, does all that is in line, and removes the journals: nothing is left to recover. Nobody may
    /// commit any more.
    pub(crate) fn close(&mut self) -> Result<(), LedgerError> {
        self.publish();
        while self.step()? {}
        self.filled.clear();
        self.remove_journals(self.segments.next())?;
        Ok(())
    }
}

fn width(kind: Kind, n: u64, size: u64) -> u64 {
    match kind {
        Kind::Tile(level) => tile::width_at(level, n, size),
        Kind::Entries => tile::width_at(0, n, size),
    }
}
