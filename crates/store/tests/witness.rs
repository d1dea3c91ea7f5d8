//! The witness and the ledger over real directories: what the holder of the ledger's key can do to the files, and
//! what finds it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions fail by panicking, as its cases do"
)]

use cordon_ledger::witness::{Book, Logs, book};
use cordon_ledger::witnessed::{COSIGNED, against, path_of, request, standing};
use cordon_ledger::{
    Algorithm, Checkpoint, Class, Ledger, LedgerError, Options, Policy, Signer, VerifierKey, Volume as _,
    verify,
};
use cordon_store::volume::FileVolume;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const ORIGIN: &str = "example.com/cordon/files";

fn signer() -> Signer {
    Signer::generate(ORIGIN, [3; 32]).unwrap()
}

fn key() -> VerifierKey {
    signer().verifier()
}

fn cosigner() -> Signer {
    Signer::generate_with(Algorithm::CosignatureMlDsa44, "witness.example/files", [4; 32]).unwrap()
}

fn policy() -> Policy {
    Policy::parse(format!("witness w {}\nquorum w\n", cosigner().verifier().to_text()).as_bytes()).unwrap()
}

/// Appends to the ledger in a directory up to so many entries; `salt` makes other ones.
fn grow(dir: &Path, to: u64, salt: &str) {
    let volume = Arc::new(FileVolume::open(dir).unwrap());
    let (mut ledger, _) = Ledger::open(Box::new(volume), signer(), &Options::new(ORIGIN)).unwrap();
    let leaves: Vec<_> = (ledger.size()..to).map(|n| format!("{{\"n\":{n}{salt}}}").into_bytes()).collect();
    ledger.append_batch(&leaves).unwrap();
    ledger.close().unwrap();
}

fn ask(dir: &Path, old: u64) -> Vec<u8> {
    let volume = FileVolume::open_read_only(dir).unwrap();
    let text = String::from_utf8(volume.read("checkpoint").unwrap().unwrap()).unwrap();
    let head = Checkpoint::open(&text, &key()).unwrap();
    request(&volume, &text, &head, old).unwrap().into_bytes()
}

fn witness(dir: &Path) -> Book {
    let logs = Logs::parse(format!("log {}\n", key().to_text()).as_bytes()).unwrap();
    Book::open(Box::new(FileVolume::open(dir).unwrap()), logs, vec![cosigner()]).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { std::fs::copy(path, to).map(|_| ()).unwrap() }
    }
}

fn class(result: Result<impl std::fmt::Debug, LedgerError>) -> Class {
    match result {
        Err(LedgerError::Damaged(tamper)) => tamper.class,
        other => panic!("{other:?}"),
    }
}

struct Scene {
    _root: TempDir,
    ledger: PathBuf,
    witness: PathBuf,
    other: PathBuf,
}

/// A ledger of 600 entries of which the first 400 and then all were cosigned, and a backup from before that.
fn scene() -> Scene {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join(name);
    let s = Scene { ledger: at("ledger"), witness: at("witness"), other: at("other"), _root: root };
    grow(&s.ledger, 400, "");
    assert_eq!(witness(&s.witness).add(&ask(&s.ledger, 0), 5).status, 200);
    copy(&s.ledger, &s.other);
    grow(&s.ledger, 600, "");
    let reply = witness(&s.witness).add(&ask(&s.ledger, 400), 6);
    assert_eq!(reply.status, 200);
    let volume = FileVolume::open(&s.ledger).unwrap();
    let checkpoint = String::from_utf8(volume.read("checkpoint").unwrap().unwrap()).unwrap();
    let cosigned = format!("{checkpoint}{}", reply.body).into_bytes();
    volume.write_atomic(COSIGNED, &cosigned).unwrap();
    volume.write_atomic(&path_of(&cosigner().verifier()), &cosigned).unwrap();
    s
}

/// What the witness keeps, as an auditor is given it.
fn kept(s: &Scene) -> String {
    std::fs::read_to_string(s.witness.join(book::path(ORIGIN))).unwrap()
}

fn audit(dir: &Path, kept: &str) -> Result<u64, LedgerError> {
    let volume = FileVolume::open_read_only(dir).unwrap();
    verify(&volume, &key())?;
    against(&volume, &key(), kept, "kept").map(|older| older.size)
}

#[test]
fn an_honest_ledger_is_witnessed() {
    let s = scene();
    assert_eq!(audit(&s.ledger, &kept(&s)).unwrap(), 600);
    let volume = FileVolume::open_read_only(&s.ledger).unwrap();
    let found = standing(&volume, &key(), &policy()).unwrap();
    assert_eq!((found.witnessed(), found.size, found.by()[0].time), (600, 600, 6));
    grow(&s.ledger, 700, "");
    assert_eq!(audit(&s.ledger, &kept(&s)).unwrap(), 600);
    assert_eq!(witness(&s.witness).add(&ask(&s.ledger, 600), 7).status, 200);
}

#[test]
fn a_rewrite_by_the_key_holder() {
    let s = scene();
    for size in [600, 900] {
        let dir = s.other.with_extension(size.to_string());
        grow(&dir, size, ",\"other\":1");
        assert_eq!(witness(&s.witness).add(&ask(&dir, 600), 7).status, 422);
        assert_eq!(class(audit(&dir, &kept(&s))), Class::HistoryOther);
    }
    assert_eq!(witness(&s.witness).head(ORIGIN).unwrap().size, 600);
}

#[test]
fn a_restored_backup() {
    let s = scene();
    let reply = witness(&s.witness).add(&ask(&s.other, 400), 7);
    assert_eq!((reply.status, reply.body.as_str()), (409, "600\n"));
    assert_eq!(class(audit(&s.other, &kept(&s))), Class::HistoryShorter);
    // It goes on from there as if nothing had been.
    grow(&s.other, 800, ",\"again\":1");
    assert_eq!(witness(&s.witness).add(&ask(&s.other, 600), 7).status, 422);
    assert_eq!(class(audit(&s.other, &kept(&s))), Class::HistoryOther);
}

#[test]
fn a_truncated_tail() {
    let s = scene();
    // The older tree's files, with what was cosigned of the newer one left beside them.
    for name in [COSIGNED.to_owned(), path_of(&cosigner().verifier())] {
        std::fs::create_dir_all(s.other.join("cosigned")).unwrap();
        std::fs::copy(s.ledger.join(&name), s.other.join(&name)).unwrap();
    }
    let volume = FileVolume::open_read_only(&s.other).unwrap();
    assert_eq!(class(verify(&volume, &key())), Class::HistoryShorter);
    let opened = FileVolume::open(&s.other).unwrap();
    let refused = Ledger::open(Box::new(opened), signer(), &Options::new(ORIGIN)).map(|_| ());
    assert_eq!(class(refused), Class::HistoryShorter);
    assert_eq!(witness(&s.witness).add(&ask(&s.other, 400), 7).status, 409);
}

#[test]
fn requests_at_once_are_answered_one_after_the_other() {
    let s = scene();
    let shared = Arc::new(Mutex::new(witness(&s.witness)));
    let bodies: Vec<_> = (0..8)
        .map(|n| {
            let dir = s.other.with_extension(n.to_string());
            copy(&s.ledger, &dir);
            grow(&dir, 601 + n, &format!(",\"fork\":{n}"));
            ask(&dir, 600)
        })
        .collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let add = |body: Vec<u8>| {
            let shared = shared.clone();
            scope.spawn(move || shared.lock().unwrap().add(&body, 9).status)
        };
        let threads: Vec<_> = bodies.into_iter().map(add).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 409).count(), 7, "{statuses:?}");
}

#[test]
fn a_second_process_on_a_witness_s_directory_is_refused() {
    let s = scene();
    let first = witness(&s.witness);
    assert!(FileVolume::open(&s.witness).is_err());
    drop(first);
    assert_eq!(witness(&s.witness).head(ORIGIN).unwrap().size, 600);
}
