//! The table: whose, how long, how many, how large.

use super::*;
use cordon_types::{Class, Labels, Provenance};

const ALICE: Binding = [1; 32];
const BOB: Binding = [2; 32];

fn entropy(n: u64) -> [u8; ENTROPY_BYTES] {
    let mut out = [7; ENTROPY_BYTES];
    out[..8].copy_from_slice(&n.to_le_bytes());
    out
}

fn small() -> Limits {
    Limits { sessions: 64 * 4, per_principal: 3, live: 1_000, idle: 100, ..Limits::default() }
}

#[test]
fn a_session_is_its_principals() {
    let sessions = Sessions::new(Limits::default());
    let id = sessions.open(&ALICE, 0, &entropy(1));
    assert!(id.as_str().starts_with(SESSION_PREFIX));
    let said =
        sessions.with(id.as_str(), &ALICE, 1, |s| s.saw(Provenance::User, Class::Public, "write to Bob"));
    assert_eq!(said, Some(()));
    assert_eq!(sessions.with(id.as_str(), &ALICE, 1, |s| s.provenance("Bob")), Some(Provenance::User));
    assert_eq!(sessions.with(id.as_str(), &BOB, 1, |s| s.labels()), None);
    assert!(!sessions.close(id.as_str(), &BOB));
    let other = sessions.open(&BOB, 0, &entropy(2));
    assert_eq!(sessions.with(other.as_str(), &BOB, 1, |s| s.provenance("Bob")), Some(Provenance::Unknown));
    assert!(sessions.close(id.as_str(), &ALICE));
    assert_eq!(sessions.with(id.as_str(), &ALICE, 1, |s| s.labels()), None);
}

#[test]
fn what_is_no_id_opens_nothing() {
    let sessions = Sessions::new(Limits::default());
    let id = sessions.open(&ALICE, 0, &entropy(1));
    let id = id.as_str();
    for wrong in [
        "",
        "cordon_session_",
        id.trim_start_matches('c'),
        id.strip_suffix(|_| true).expect("not empty"),
        &format!("{id}a"),
        &id.to_uppercase(),
        &format!(" {id}"),
    ] {
        assert_eq!(sessions.with(wrong, &ALICE, 1, |s| s.labels()), None, "{wrong}");
    }
    assert_eq!(sessions.with(id, &ALICE, 1, |s| s.labels()), Some(Labels::CLEAN));
    assert_eq!(format!("{:?}", sessions.open(&ALICE, 0, &entropy(2))), "SessionId(..)");
}

#[test]
fn time_ends_it() {
    let sessions = Sessions::new(small());
    let id = sessions.open(&ALICE, 0, &entropy(1));
    for now in (0..1_000).step_by(90) {
        assert!(sessions.with(id.as_str(), &ALICE, now, |_| ()).is_some(), "{now}");
    }
    assert!(sessions.with(id.as_str(), &ALICE, 1_000, |_| ()).is_none());
    let idle = sessions.open(&ALICE, 2_000, &entropy(2));
    // A clock that steps back ends nothing and lengthens nothing.
    assert!(sessions.with(idle.as_str(), &ALICE, 1_500, |_| ()).is_some());
    assert!(sessions.with(idle.as_str(), &ALICE, 2_100, |_| ()).is_none());
    let _ = sessions.open(&BOB, 3_000, &entropy(3));
    sessions.sweep(4_000);
    assert_eq!(sessions.size().0, 0);
}

#[test]
fn a_principal_pushes_out_its_own() {
    let sessions = Sessions::new(small());
    let others = sessions.open(&BOB, 0, &entropy(100));
    let ids: Vec<_> = (0..5).map(|n| sessions.open(&ALICE, n, &entropy(n))).collect();
    let there: Vec<bool> =
        ids.iter().map(|i| sessions.with(i.as_str(), &ALICE, 10, |_| ()).is_some()).collect();
    assert_eq!(there, [false, false, true, true, true]);
    assert!(sessions.with(others.as_str(), &BOB, 10, |_| ()).is_some());
}

#[test]
fn memory_is_bounded() {
    let bytes = 64 * 400_000;
    let sessions = Sessions::new(Limits { bytes, ..Limits::default() });
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = sessions.open(&ALICE, n, &entropy(n));
        let text = (0..1_000).map(|i| format!("word{n}x{i} ")).collect::<String>();
        sessions.with(id.as_str(), &ALICE, n, |s| s.saw(Provenance::Untrusted, Class::Public, &text));
        ids.push(id);
    }
    let (count, used) = sessions.size();
    assert!(used <= bytes / 64 && count < 20 && count > 0, "{count} sessions, {used} bytes");
    // The one just used is there.
    assert!(sessions.with(ids[19].as_str(), &ALICE, 101, |_| ()).is_some());
}

#[test]
fn a_panic_ends_the_session() {
    let sessions = Sessions::new(Limits::default());
    let id = sessions.open(&ALICE, 0, &entropy(1));
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sessions.with(id.as_str(), &ALICE, 1, |_| panic!("half told"))
    }));
    assert!(broken.is_err());
    assert!(sessions.with(id.as_str(), &ALICE, 1, |_| ()).is_none());
    assert_eq!(sessions.size().0, 0);
    assert!(sessions.with(sessions.open(&ALICE, 0, &entropy(2)).as_str(), &ALICE, 1, |_| ()).is_some());
}

#[test]
fn many_threads() {
    let sessions = Sessions::new(Limits::default());
    let ids: Vec<_> = (0..8).map(|n| sessions.open(&ALICE, 0, &entropy(n))).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (sessions, ids) = (&sessions, &ids);
            scope.spawn(move || {
                for id in ids {
                    let text = format!("thread{thread}");
                    sessions.with(id.as_str(), &ALICE, 1, |s| s.saw(Provenance::User, Class::Public, &text));
                }
            });
        }
    });
    for id in &ids {
        for thread in 0..4 {
            let known = sessions.with(id.as_str(), &ALICE, 1, |s| s.provenance(&format!("thread{thread}")));
            assert_eq!(known, Some(Provenance::User));
        }
    }
}
