//! The store over a real file: what is saved is there after any end, what is damaged or foreign is refused.

use crate::{Store, StoreErrorKind};
use cordon_identity::{KeyKind, KeyRecord, KeyStore, Kill, KillScope, KillStore, mint, revoke, rotate};
use cordon_pipeline::meter::{BudgetStore, Spent};
use cordon_types::AgentId;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};
use tempfile::TempDir;

fn fresh() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("store.db")).unwrap();
    (dir, store)
}

fn reopen(dir: &TempDir) -> Store {
    Store::open(&dir.path().join("store.db")).unwrap()
}

fn key(seed: u8) -> KeyRecord {
    let agent = Some(AgentId::new("bot").unwrap());
    mint(KeyKind::Agent, agent, "ci", Some(u64::from(seed) + 1_000), &[seed; 40], 5).unwrap().record
}

fn kind_of_opening(path: &Path) -> StoreErrorKind {
    Store::open(path).unwrap_err().kind
}

#[test]
fn everything_is_there_after_reopening() {
    let (dir, store) = fresh();
    let admin = mint(KeyKind::Admin, None, "", None, &[9; 40], 7).unwrap().record;
    let kill = Kill { scope: KillScope::tool("send mail").unwrap(), since: 3 };
    store.put_keys(&[key(1), admin.clone()]).unwrap();
    store.put_kill(&kill).unwrap();
    store.budget_raise(&[("agent:bot", "d:2026-11-23", 10, 20)]).unwrap();
    store.set_meta("created", "1").unwrap();
    store.set_meta("created", "2").unwrap();
    drop(store);
    let store = reopen(&dir);
    assert_eq!(store.load_keys().unwrap(), vec![key(1), admin]);
    assert_eq!(store.load_kills().unwrap(), vec![kill]);
    assert_eq!(store.budget_load().unwrap(), vec![("agent:bot".into(), "d:2026-11-23".into(), 10, 20)]);
    assert_eq!(store.meta("created").unwrap().as_deref(), Some("2"));
    assert_eq!(store.meta("other").unwrap(), None);
    assert_eq!(store.schema_version().unwrap(), 4);
}

#[test]
fn files_are_their_owners_only() {
    let (dir, store) = fresh();
    store.set_meta("a", "b").unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    drop(store);
    fs::set_permissions(dir.path().join("store.db"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(reopen(&dir));
    assert_eq!(mode("store.db"), 0o600);
}

#[test]
fn a_revocation_is_never_taken_back() {
    let (_dir, store) = fresh();
    store.put_keys(&[revoke(&key(1), 50)]).unwrap();
    store.put_keys(&[key(1)]).unwrap();
    store.put_keys(&[revoke(&key(1), 60)]).unwrap();
    assert_eq!(store.load_keys().unwrap()[0].revoked, Some(50));
}

#[test]
fn a_rotation_is_saved_whole() {
    let (_dir, store) = fresh();
    store.put_keys(&[key(1)]).unwrap();
    let (new, ending) = rotate(&key(1), 10, None, &[2; 40], 100).unwrap();
    store.put_keys(&[ending.clone(), new.record.clone()]).unwrap();
    assert_eq!(store.load_keys().unwrap(), vec![ending, new.record]);
}

#[test]
fn a_known_id_never_gets_another_secret_and_nothing_of_the_batch_stays() {
    let (_dir, store) = fresh();
    store.put_keys(&[key(1)]).unwrap();
    let mut forged = key(1);
    forged.digest.0[0] ^= 1;
    assert_eq!(store.put_keys(&[key(2), forged]).unwrap_err().kind, StoreErrorKind::Data);
    let stranger = KeyRecord { agent: Some(AgentId::new("other").unwrap()), ..key(1) };
    assert_eq!(store.put_keys(&[stranger]).unwrap_err().kind, StoreErrorKind::Data);
    assert_eq!(store.load_keys().unwrap(), vec![key(1)]);
}

#[test]
fn kills_go_on_and_off_and_keep_their_first_time() {
    let (_dir, store) = fresh();
    let all = |since| Kill { scope: KillScope::All, since };
    store.put_kill(&all(1)).unwrap();
    store.put_kill(&all(2)).unwrap();
    assert_eq!(store.load_kills().unwrap(), vec![all(1)]);
    assert!(store.remove_kill(&KillScope::All).unwrap());
    assert!(!store.remove_kill(&KillScope::All).unwrap());
    assert!(store.load_kills().unwrap().is_empty());
}

#[test]
fn a_kill_that_cannot_be_read_is_an_error() {
    let (dir, store) = fresh();
    let raw = rusqlite::Connection::open(dir.path().join("store.db")).unwrap();
    raw.execute("INSERT INTO kills VALUES ('agent:NOT A NAME', 1)", []).unwrap();
    assert_eq!(store.load_kills().unwrap_err().kind, StoreErrorKind::Data);
}

#[test]
fn budgets_only_rise() {
    let (_dir, store) = fresh();
    store.budget_raise(&[("a", "d:2026-11-23", 10, 5), ("b", "m:2026-11", u64::MAX, 0)]).unwrap();
    store.budget_raise(&[("a", "d:2026-11-23", 7, 9)]).unwrap();
    let rows = store.budget_load().unwrap();
    assert_eq!(rows[0], ("a".into(), "d:2026-11-23".into(), 10, 9));
    assert_eq!(rows[1].2, i64::MAX.unsigned_abs());
}

#[test]
fn spending_goes_through_the_pipelines_trait() {
    let (_dir, store) = fresh();
    let store: &dyn BudgetStore = &store;
    let spent = |tokens| Spent { scope: "key:a".into(), period: "m:2026-11".into(), tokens, cost_micros: 1 };
    store.raise(&[spent(5)]).unwrap();
    store.raise(&[spent(3)]).unwrap();
    assert_eq!(store.load().unwrap(), vec![spent(5)]);
}

#[test]
fn a_full_disk_is_named_and_nothing_of_the_batch_stays() {
    let (_dir, store) = fresh();
    store.put_keys(&[key(0)]).unwrap();
    store.run_tx("limit its size", |tx| Ok(tx.pragma_update(None, "max_page_count", 8)?)).unwrap();
    let batch: Vec<_> = (1..200).map(key).collect();
    let error = store.put_keys(&batch).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Full);
    assert!(error.to_string().starts_with("the store could not save keys: "), "{error}");
    assert_eq!(store.load_keys().unwrap(), vec![key(0)]);
}

#[test]
fn old_periods_are_forgotten() {
    let (_dir, store) = fresh();
    let periods =
        ["d:2025-12-31", "d:2026-11-22", "d:2026-11-23", "d:2026-11-24", "m:2026-10", "m:2026-11", "x"];
    let rows: Vec<_> = periods.iter().map(|p| ("a", *p, 1, 1)).collect();
    store.budget_raise(&rows).unwrap();
    assert_eq!(store.budget_prune("2026-11-23").unwrap(), 3);
    let left: Vec<String> = store.budget_load().unwrap().into_iter().map(|r| r.1).collect();
    assert_eq!(left, ["d:2026-11-23", "d:2026-11-24", "m:2026-11", "x"]);
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("store.db");
    fs::write(&path, "this is a text file, long enough to be taken for a header of SQLite's".repeat(40))
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(kind_of_opening(&path), StoreErrorKind::Corrupt);
    assert_eq!(fs::read(&path).unwrap(), before);
    let foreign = dir.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(kind_of_opening(&foreign), StoreErrorKind::Corrupt);
    assert_eq!(kind_of_opening(&dir.path().join("missing/store.db")), StoreErrorKind::Permission);
}

#[test]
fn a_damaged_file_is_refused() {
    let (dir, store) = fresh();
    for seed in 0..200 {
        store.put_keys(&[key(seed)]).unwrap();
    }
    drop(store);
    let path = dir.path().join("store.db");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    for b in &mut bytes[4096..end] {
        *b = 0xA5;
    }
    fs::write(&path, bytes).unwrap();
    assert_eq!(kind_of_opening(&path), StoreErrorKind::Corrupt);
}

#[test]
fn a_newer_store_is_refused_and_left_as_it_is() {
    let (dir, store) = fresh();
    drop(store);
    let path = dir.path().join("store.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer);
    assert!(error.to_string().contains("start the newer version"), "{error}");
    let raw = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(raw.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 99);
}

#[test]
fn a_copy_taken_while_it_is_in_use_opens_with_all_that_was_acknowledged() {
    let (dir, store) = fresh();
    for seed in 0..20u8 {
        store.put_keys(&[key(seed)]).unwrap();
        // As after a kill -9: the files as they lie there, nothing checkpointed or closed.
        let copy = TempDir::new().unwrap();
        for name in ["store.db", "store.db-wal"] {
            fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        assert_eq!(reopen(&copy).load_keys().unwrap().len(), usize::from(seed) + 1);
    }
}

#[test]
fn a_log_cut_anywhere_gives_a_prefix_of_what_was_saved() {
    let (dir, store) = fresh();
    for seed in 0..6u8 {
        store.put_keys(&[key(seed)]).unwrap();
    }
    let wal = fs::read(dir.path().join("store.db-wal")).unwrap();
    let mut last = 0;
    for cut in (0..=wal.len()).step_by(1_031).chain([wal.len()]) {
        let copy = TempDir::new().unwrap();
        let path = copy.path().join("store.db");
        fs::copy(dir.path().join("store.db"), &path).unwrap();
        fs::write(copy.path().join("store.db-wal"), &wal[..cut]).unwrap();
        let keys = Store::open(&path).unwrap().load_keys().unwrap();
        assert!(keys.len() >= last, "cut at {cut}");
        assert!(keys.iter().zip(0u8..).all(|(k, seed)| *k == key(seed)), "cut at {cut}");
        last = keys.len();
    }
    assert_eq!(last, 6);
}

#[test]
fn many_threads_write_at_once() {
    let (dir, store) = fresh();
    std::thread::scope(|s| {
        for t in 0..8u8 {
            let store = &store;
            s.spawn(move || {
                for i in 0..10u8 {
                    store.put_keys(&[key(t * 10 + i)]).unwrap();
                    store.budget_raise(&[("all", "d:2026-11-23", u64::from(t * 10 + i), 1)]).unwrap();
                }
            });
        }
    });
    drop(store);
    let store = reopen(&dir);
    assert_eq!(store.load_keys().unwrap().len(), 80);
    assert_eq!(store.budget_load().unwrap()[0].2, 79);
}

#[test]
fn approved_tools_are_one_set_a_server_and_there_after_reopening() {
    use cordon_approvals::{KeptPin, PinStore as _};
    let (dir, store) = fresh();
    let pin = |at| KeptPin {
        server: cordon_types::ServerId::new("crm").unwrap(),
        set: format!("{{\"tools\":[{at}]}}"),
        accepted: vec!["a".to_owned(), "b.c".to_owned()],
        at,
        first_use: at == 2,
    };
    store.put_pin(&pin(1)).unwrap();
    store.put_pin(&pin(2)).unwrap();
    drop(store);
    let store = reopen(&dir);
    assert_eq!(store.load_pins().unwrap(), [pin(2)]);
}
