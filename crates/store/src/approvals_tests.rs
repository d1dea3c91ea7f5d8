//! Held calls over a real file: what is decided is there after any end, and what is used stays used.

use crate::{Store, StoreErrorKind};
use cordon_approvals::{Allowance, ApprovalStore, Kept, Standing};
use cordon_types::{AgentId, ApprovalId, Digest, Effect, KeyId};
use std::fs;
use tempfile::TempDir;

fn fresh() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("store.db")).unwrap();
    (dir, store)
}

fn asked(n: u128) -> Kept {
    Kept {
        id: ApprovalId(n),
        agent: AgentId::new("bot").unwrap(),
        key: KeyId::new("k1").unwrap(),
        tool: "mail__send".into(),
        effect: Effect::Send,
        asked: 5,
        expires: 100,
        standing: Standing::Asked,
    }
}

fn allowance(left: u32) -> Allowance {
    Allowance { bound: Digest([7; 32]), exact: left == 1, left, until: 1_000 }
}

fn allowed(store: &Store, n: u128, left: u32) -> ApprovalId {
    store.put_asked(&asked(n)).unwrap();
    store.put_decided(ApprovalId(n), &Standing::Allowed(allowance(left))).unwrap();
    ApprovalId(n)
}

/// The store as another process would find it now: nothing checkpointed or closed.
fn after_a_kill(dir: &TempDir) -> (TempDir, Store) {
    let copy = TempDir::new().unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = Store::open(&copy.path().join("store.db")).unwrap();
    (copy, store)
}

#[test]
fn what_is_kept_is_there_after_any_end() {
    let (dir, store) = fresh();
    store.put_asked(&asked(1)).unwrap();
    store.put_asked(&asked(2)).unwrap();
    store.put_decided(ApprovalId(2), &Standing::Denied).unwrap();
    allowed(&store, u128::MAX, 3);
    let (_copy, store) = after_a_kill(&dir);
    let find = |n| store.find_approval(ApprovalId(n)).unwrap();
    assert_eq!(find(1), Some(asked(1)));
    assert_eq!(find(2), Some(Kept { standing: Standing::Denied, ..asked(2) }));
    let grant = Kept { standing: Standing::Allowed(allowance(3)), ..asked(u128::MAX) };
    assert_eq!(find(u128::MAX), Some(grant.clone()));
    assert_eq!(find(9), None);
    assert_eq!(store.load_grants(999).unwrap(), vec![grant]);
    assert!(store.load_grants(1_000).unwrap().is_empty());
}

#[test]
fn a_use_is_on_the_disk_before_it_is_acknowledged() {
    let (dir, store) = fresh();
    let id = allowed(&store, 1, 2);
    assert!(store.use_grant(id).unwrap());
    let (_copy, other) = after_a_kill(&dir);
    assert_eq!(
        other.find_approval(id).unwrap().unwrap().standing,
        Standing::Allowed(Allowance { left: 1, exact: false, ..allowance(2) })
    );
    assert!(store.use_grant(id).unwrap());
    let (_copy, other) = after_a_kill(&dir);
    assert!(!other.use_grant(id).unwrap(), "no restart gives it again");
    assert!(!store.use_grant(id).unwrap());
    assert!(store.load_grants(0).unwrap().is_empty());
    store.put_asked(&asked(2)).unwrap();
    assert!(!store.use_grant(ApprovalId(2)).unwrap(), "what waits is no grant");
    assert!(!store.use_grant(ApprovalId(3)).unwrap());
}

#[test]
fn of_two_processes_one_gets_the_last_use() {
    let (dir, store) = fresh();
    let id = allowed(&store, 1, 1);
    let other = Store::open(&dir.path().join("store.db")).unwrap();
    let uses: usize = std::thread::scope(|s| {
        let tries = [&store, &other].map(|store| s.spawn(move || usize::from(store.use_grant(id).unwrap())));
        tries.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(uses, 1);
}

#[test]
fn a_decision_is_taken_once_and_only_a_grant_is_taken_back() {
    let (_dir, store) = fresh();
    let id = allowed(&store, 1, 1);
    let again = |standing| store.put_decided(id, &standing).map_err(|e| e.kind);
    assert_eq!(again(Standing::Allowed(allowance(5))), Err(StoreErrorKind::Data));
    assert_eq!(again(Standing::Asked), Err(StoreErrorKind::Data));
    assert_eq!(again(Standing::Denied), Ok(()));
    assert_eq!(again(Standing::Denied), Err(StoreErrorKind::Data));
    assert_eq!(again(Standing::Allowed(allowance(5))), Err(StoreErrorKind::Data));
    assert!(!store.use_grant(id).unwrap());
    assert_eq!(store.put_decided(ApprovalId(9), &Standing::Denied).unwrap_err().kind, StoreErrorKind::Data);
    assert_eq!(store.put_asked(&asked(1)).unwrap_err().kind, StoreErrorKind::Data, "an id names one call");
}

#[test]
fn a_full_disk_is_named_and_changes_nothing() {
    let (_dir, store) = fresh();
    let id = allowed(&store, 1, 1);
    store.run_tx("limit its size", |tx| Ok(tx.pragma_update(None, "max_page_count", 1)?)).unwrap();
    let error = (2..2_000).find_map(|n| store.put_asked(&asked(n)).err()).unwrap();
    assert_eq!(error.kind, StoreErrorKind::Full);
    assert!(store.find_approval(id).unwrap().is_some());
}

#[test]
fn a_grant_that_cannot_be_read_is_an_error() {
    for (column, value) in [("id", "apr_1"), ("agent", "NOT A NAME"), ("effect", "fly")] {
        let (dir, store) = fresh();
        allowed(&store, 1, 1);
        let raw = rusqlite::Connection::open(dir.path().join("store.db")).unwrap();
        raw.execute(&format!("UPDATE approvals SET {column} = ?1"), [value]).unwrap();
        assert_eq!(store.load_grants(0).unwrap_err().kind, StoreErrorKind::Data, "{column}");
    }
}

#[test]
fn what_is_over_is_forgotten_and_nothing_else() {
    let (_dir, store) = fresh();
    for n in 1..=3 {
        store.put_asked(&asked(n)).unwrap();
    }
    store.put_decided(ApprovalId(2), &Standing::Denied).unwrap();
    store.put_decided(ApprovalId(3), &Standing::Allowed(allowance(1))).unwrap();
    assert_eq!(store.prune_approvals(5, 500).unwrap(), 0, "not asked before then");
    assert_eq!(store.prune_approvals(6, 99).unwrap(), 0, "they may wait still");
    assert_eq!(store.prune_approvals(6, 500).unwrap(), 2, "the grant can be used");
    assert_eq!(store.load_grants(500).unwrap().len(), 1);
    assert_eq!(store.prune_approvals(6, 1_000).unwrap(), 1);
}

#[test]
fn an_older_store_is_brought_up_to_date() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("store.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(crate::schema::STEPS[0]).unwrap();
    raw.pragma_update(None, "application_id", crate::schema::APPLICATION_ID).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    drop(raw);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.schema_version().unwrap(), 4);
    allowed(&store, 1, 1);
    assert_eq!(cordon_approvals::PinStore::load_pins(&store).unwrap(), []);
}
