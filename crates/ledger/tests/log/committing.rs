//! The committer: order, health, backpressure, checkpoints by the clock.

use crate::{key, leaf, options, signer};
use cordon_ledger::{Committer, Durability, Ledger, LedgerError, Options, Volume, VolumeError, verify};
use cordon_testkit::{BreakingVolume, FakeClock, Fault, MemoryVolume};
use futures_util::{FutureExt, future::join_all};
use std::sync::Arc;

fn start(volume: &MemoryVolume, options: Options) -> Committer {
    Committer::start(Box::new(volume.clone()), signer(), options, Arc::new(FakeClock::default())).unwrap()
}

/// Waits without a runtime: the writing thread wakes this one.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(out) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker))
        {
            return out;
        }
        std::thread::park();
    }
}

#[test]
fn indexes_follow_the_calls_and_survive() {
    let volume = MemoryVolume::new();
    let committer = start(&volume, options());
    let indexes: Vec<_> = wait(join_all((0..1000).map(|n| committer.append(leaf(n)))))
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(indexes, (0..1000).collect::<Vec<_>>());
    assert_eq!(committer.size(), 1000);
    drop(committer.append(leaf(1000)));
    committer.stop().unwrap();
    assert!(matches!(wait(committer.append(leaf(0))), Err(LedgerError::Stopped | LedgerError::Unavailable)));
    let verified = verify(&volume, &key()).unwrap();
    assert_eq!((verified.size, verified.pending), (1001, 0));
    let again = start(&volume, options());
    assert_eq!(wait(again.append(leaf(1001))).unwrap(), 1001);
}

#[test]
fn one_failed_write_stops_everything() {
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed] {
        for at in 1..12 {
            let volume = BreakingVolume::new(MemoryVolume::new(), at, fault);
            let Ok(committer) =
                Committer::start(Box::new(volume), signer(), options(), Arc::new(FakeClock::default()))
            else {
                continue;
            };
            let mut failed = false;
            for n in 0..20 {
                match wait(committer.append(leaf(n))) {
                    Ok(index) => assert!(!failed && index == n),
                    Err(e) => {
                        assert!(matches!(e, LedgerError::Unavailable), "{e}");
                        failed = true;
                        assert!(!committer.healthy());
                    }
                }
            }
            assert!(failed, "{fault:?} at {at}");
            assert!(committer.stop().is_err());
        }
    }
}

#[test]
fn limits_refuse_at_once() {
    let committer = start(&MemoryVolume::new(), Options { max_queue: 0, ..options() });
    assert!(matches!(committer.append(vec![]).now_or_never(), Some(Err(LedgerError::Overloaded { max: 0 }))));
    let long = committer.append(vec![0; 65_536]).now_or_never();
    assert!(matches!(long, Some(Err(LedgerError::LeafTooLarge { bytes: 65_536 }))));
}

#[test]
fn behind_acknowledges_at_once_and_writes_all_by_the_end() {
    let volume = MemoryVolume::new();
    let committer = start(&volume, Options { durable: Durability::Behind, ..options() });
    for n in 0..500 {
        assert_eq!(committer.append(leaf(n)).now_or_never().unwrap().unwrap(), n);
    }
    committer.stop().unwrap();
    assert_eq!(verify(&volume, &key()).unwrap().size, 500);
}

#[test]
fn a_foreign_key_or_origin_is_refused() {
    let volume = crate::ledger(10);
    let thief = || cordon_ledger::Signer::generate(crate::ORIGIN, [9; 32]).unwrap();
    let open = |s, o| Committer::start(Box::new(volume.clone()), s, o, Arc::new(FakeClock::default())).err();
    assert!(matches!(open(thief(), options()), Some(LedgerError::Damaged(_))));
    assert!(matches!(open(signer(), Options::new("example.com/other")), Some(LedgerError::Malformed { .. })));
}

#[test]
fn a_checkpoint_comes_without_a_stop_and_by_the_number_of_entries() {
    let volume = MemoryVolume::new();
    let committer = start(&volume, Options { publish_entries: 10, ..options() });
    let published = || verify(&volume, &key()).map_or(0, |v| v.size);
    for n in 0..5000 {
        wait(committer.append(leaf(n))).unwrap();
    }
    // The clock stands still: what comes, comes by number. The thread behind is awake or has been.
    while published() == 0 {
        std::thread::yield_now();
    }
    committer.stop().unwrap();
    assert_eq!(published(), 5000);
}

#[test]
fn a_checkpoint_comes_when_its_time_has_come() {
    let (volume, clock) = (MemoryVolume::new(), Arc::new(FakeClock::default()));
    let quick = Options { publish_every_ms: 20, ..options() };
    let committer =
        Committer::start(Box::new(volume.clone()), signer(), quick, Arc::<FakeClock>::clone(&clock)).unwrap();
    wait(committer.append(leaf(0))).unwrap();
    while verify(&volume, &key()).map_or(0, |v| v.size) == 0 {
        clock.advance_ms(1);
        std::thread::yield_now();
    }
    committer.stop().unwrap();
}

#[test]
fn full_files_do_not_wait_for_the_checkpoint_and_a_crash_between_the_two_is_none() {
    let volume = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options()).unwrap();
    for batch in 0..40 {
        let leaves: Vec<_> = (batch * 16..(batch + 1) * 16).map(leaf).collect();
        ledger.append_batch(&leaves).unwrap();
        while ledger.step().unwrap() {}
    }
    let beyond = ["tile/0/000", "tile/entries/000", "tile/0/001", "tile/entries/001"];
    assert!(beyond.iter().all(|path| volume.read(path).unwrap().is_some()), "{:?}", volume.paths());
    // Nothing was published: only the journal vouches for them.
    let crashed = volume.copy();
    let verified = verify(&crashed, &key()).unwrap();
    assert_eq!((verified.size, verified.pending), (0, 640));
    let (again, recovery) = Ledger::open(Box::new(crashed.clone()), signer(), &options()).unwrap();
    assert_eq!((again.size(), recovery.recovered, again.root()), (640, 640, ledger.root()));
    assert_eq!(verify(&crashed, &key()).unwrap().size, 640);
}

/// A volume whose tiles are written only when the test lets them be.
struct Gate {
    inner: MemoryVolume,
    open: Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
}

impl Volume for Gate {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VolumeError> {
        self.inner.read(path)
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, VolumeError> {
        self.inner.list(dir)
    }
    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.inner.write_atomic(path, bytes)
    }
    fn write_files(&self, files: &[(String, Vec<u8>)]) -> Result<(), VolumeError> {
        let (lock, changed) = &*self.open;
        drop(changed.wait_while(lock.lock().unwrap(), |open| !*open).unwrap());
        self.inner.write_files(files)
    }
    fn prepare(&self, path: &str, room: u64) -> Result<(), VolumeError> {
        self.inner.prepare(path, room)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), VolumeError> {
        self.inner.append(path, bytes)
    }
    fn sync(&self, path: &str) -> Result<(), VolumeError> {
        self.inner.sync(path)
    }
    fn remove(&self, path: &str) -> Result<(), VolumeError> {
        self.inner.remove(path)
    }
}

#[test]
fn acknowledgements_do_not_wait_for_tiles_until_memory_would_grow() {
    let (disk, open) = (MemoryVolume::new(), Arc::default());
    let gate = Gate { inner: disk.clone(), open: Arc::clone(&open) };
    let options = Options { publish_entries: 1, max_queue: 100, journal_preallocate: 1 << 20, ..options() };
    let committer =
        Committer::start(Box::new(gate), signer(), options, Arc::new(FakeClock::default())).unwrap();
    // No tile is written, and all of these are acknowledged.
    for n in 0..100 {
        wait(committer.append(leaf(n))).unwrap();
    }
    // 128 MiB may wait for the tiles; then the queue fills, and then appends are refused.
    let many = (128 << 20) / 60_000;
    let offer = || drop(committer.append(vec![b' '; 60_000]).now_or_never());
    while committer.size() < many {
        offer();
        std::thread::yield_now();
    }
    (0..5_000).for_each(|_| offer());
    let refused = committer.append(vec![]).now_or_never();
    assert!(matches!(refused, Some(Err(LedgerError::Overloaded { .. }))), "{refused:?}");
    assert!(committer.size() < many + 300, "{} entries", committer.size());
    assert!(committer.healthy());
    *open.0.lock().unwrap() = true;
    open.1.notify_all();
    committer.stop().unwrap();
    let verified = verify(&disk, &key()).unwrap();
    assert!(verified.size >= 100 && verified.pending == 0);
}
