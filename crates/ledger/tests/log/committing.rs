//! The committer: order, health, backpressure, checkpoints by the clock.

use crate::{key, leaf, options, signer};
use cordon_ledger::{Committer, Durability, LedgerError, Options, verify};
use cordon_testkit::{BreakingVolume, FakeClock, Fault, MemoryVolume};
use futures_util::{FutureExt, future::join_all};
use std::sync::Arc;

fn start(volume: &MemoryVolume, options: Options) -> Committer {
    Committer::start(Box::new(volume.clone()), signer(), options, Arc::new(FakeClock::default())).unwrap()
}

/// Waits without a runtime: the writing thread wakes this one.
fn wait<F: Future>(future: F) -> F::Output {
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
