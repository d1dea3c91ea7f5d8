//! A data directory in memory: the ledger's files below `ledger/`, everything else beside them, one log.

use crate::{leaf, options, signer};
use cordon_ledger::{
    Bucket, Control, ControlKind, Custody, CustodyError, Epochs, Intent, Judged, Ledger, LedgerError,
    Linkable, Signer, Trail, Volume, VolumeError,
};
use cordon_types::{AgentId, Dialect, Mode, Operation, RequestId};
use std::cell::RefCell;
use zeroize::Zeroizing;

/// When the tests' time begins.
pub(super) const DAY: u64 = 86_400_000;

pub(super) fn key(byte: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([byte; 32])
}

/// The files below a folder of another volume.
#[derive(Clone)]
pub(super) struct Below<V>(pub(super) V);

fn below(path: &str) -> String {
    if path.is_empty() { "ledger".to_owned() } else { format!("ledger/{path}") }
}

impl<V: Volume> Volume for Below<V> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        self.0.read(&below(path))
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        self.0.list(&below(dir))
    }
    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.0.write_atomic(&below(path), bytes)
    }
    fn write_files(&self, files: &[(String, Vec<u8>)]) -> Result<(), VolumeError> {
        let files: Vec<_> = files.iter().map(|(path, bytes)| (below(path), bytes.clone())).collect();
        self.0.write_files(&files)
    }
    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        self.0.prepare(&below(path), room)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.0.append(&below(path), bytes)
    }
    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        self.0.sync(&below(path))
    }
    fn overwrite(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        self.0.overwrite(&below(path), at, bytes)
    }
    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        self.0.remove(&below(path))
    }
}

/// An open data directory.
pub(super) struct House<V> {
    pub(super) ledger: Below<V>,
    pub(super) vault: V,
    pub(super) signer: Signer,
    log: RefCell<Ledger>,
}

impl<V: Volume + Clone + 'static> House<V> {
    pub(super) fn open(disk: &V) -> Result<Self, LedgerError> {
        let ledger = Below(disk.clone());
        let (log, _) = Ledger::open(Box::new(ledger.clone()), signer(), &options())?;
        Ok(Self { ledger, vault: disk.clone(), signer: signer(), log: RefCell::new(log) })
    }

    pub(super) fn custody(&self) -> Custody<'_> {
        Custody { ledger: &self.ledger, vault: &self.vault, signer: &self.signer, trail: self }
    }

    pub(super) fn epochs(&self) -> Result<Epochs, CustodyError> {
        Epochs::open(&self.vault, 1, &key(1))
    }

    /// Appends entries and puts them under a checkpoint. The index of the first.
    pub(super) fn write(&self, leaves: &[Vec<u8>]) -> Result<u64, LedgerError> {
        let first = self.log.borrow_mut().append_batch(leaves)?;
        self.publish()?;
        Ok(first)
    }

    pub(super) fn size(&self) -> u64 {
        self.log.borrow().size()
    }

    /// Appends entries and leaves them in the journal.
    pub(super) fn append_only(&self, leaves: &[Vec<u8>]) -> Result<u64, LedgerError> {
        self.log.borrow_mut().append_batch(leaves)
    }

    fn publish(&self) -> Result<(), LedgerError> {
        let mut log = self.log.borrow_mut();
        log.publish();
        while log.step()? {}
        Ok(())
    }
}

impl<V: Volume + Clone + 'static> Trail for House<V> {
    fn append(&self, record: &Control) -> Result<u64, LedgerError> {
        self.log.borrow_mut().append_batch(&[record.encode()])
    }

    fn covered(&self, index: u64) -> Result<(), CustodyError> {
        assert!(index < self.size());
        Ok(self.publish()?)
    }

    fn durable(&self) -> u64 {
        self.size()
    }
}

pub(super) fn intent(at: u64, agent: &str, request: u128, user: Option<Linkable>, epoch: u32) -> Intent {
    Intent {
        at,
        request: RequestId(request),
        agent: Some(AgentId::new(agent).unwrap()),
        key: None,
        user,
        operation: Operation::ChatCompletions,
        dialect: Dialect::OpenaiChat,
        model: None,
        upstream: None,
        mode: Mode::Enforce,
        judged: Judged::allowed(),
        stream: false,
        body: Bucket::of(1),
        tools: 0,
        tools_removed: 0,
        truncated: false,
        not_inspected: vec![],
        opened: vec![],
        labels: None,
        call: None,
        policy: None,
        detector: None,
        commitment: None,
        epoch,
    }
}

pub(super) fn start(at: u64) -> Control {
    Control::new(ControlKind::Start, at)
}

/// A leaf that is no record.
pub(super) fn foreign() -> Vec<u8> {
    leaf(0)
}
