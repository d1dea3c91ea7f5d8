//! Copies of a growing log: whole, incremental, refused.

use super::{Access, copy};
use cordon_ledger::{Ledger, Options, Signer, Volume as _, verify};
use cordon_store::volume::FileVolume;
use std::path::Path;

struct Log {
    dir: tempfile::TempDir,
    signer: String,
}

impl Log {
    fn new(seed: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::generate("copies.example/log", [seed; 32]).unwrap();
        std::fs::write(dir.path().join("pub"), signer.verifier().to_text()).unwrap();
        Self { dir, signer: signer.to_text().to_string() }
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.dir.path().join("ledger")
    }

    fn grow(&self, from: u64, to: u64) {
        let signer = Signer::from_text(&self.signer).unwrap();
        let options = Options::new(signer.name());
        let volume = FileVolume::open(&self.ledger()).unwrap();
        let (mut ledger, _) = Ledger::open(Box::new(volume), signer, &options).unwrap();
        let leaves: Vec<String> = (from..to).map(|n| format!("entry {n}")).collect();
        for some in leaves.chunks(300) {
            ledger.append_batch(some).unwrap();
        }
        ledger.close().unwrap();
    }

    fn copy(&self, to: &Path) -> Result<super::Copied, String> {
        let to = to.display().to_string();
        copy(&self.ledger(), &self.dir.path().join("pub"), &to, &Access::default()).map_err(|e| e.to_string())
    }

    fn verified(&self, copy: &Path) -> u64 {
        let key = Signer::from_text(&self.signer).unwrap().verifier();
        verify(&FileVolume::open_read_only(copy).unwrap(), &key).unwrap().size
    }
}

#[test]
fn a_copy_verifies_and_grows_with_the_log() {
    let log = Log::new(1);
    let there = tempfile::tempdir().unwrap();
    let to = there.path().join("copy");
    let mut before = 0;
    for size in [1, 200, 256, 257, 70_000] {
        log.grow(before, size);
        let done = log.copy(&to).unwrap();
        assert_eq!((done.before, done.size), (before, size));
        assert_eq!(log.verified(&to), size, "at {size}");
        before = size;
    }
    let again = log.copy(&to).unwrap();
    assert!(again.files <= 6, "only the right edge is written again: {again:?}");
}

#[test]
fn another_log_an_older_one_and_the_ledger_itself_are_refused() {
    let (log, other) = (Log::new(1), Log::new(2));
    let there = tempfile::tempdir().unwrap();
    log.grow(0, 10);
    other.grow(0, 10);
    log.copy(there.path()).unwrap();
    let said = other.copy(there.path()).unwrap_err();
    assert!(said.contains("did not sign"), "{said}");
    // The same key, another history.
    let rewritten = Log::new(1);
    rewritten.grow(5, 25);
    let said = rewritten.copy(there.path()).unwrap_err();
    assert!(said.contains("did not grow from"), "{said}");
    // The same log, put back from a backup.
    let older = Log::new(1);
    older.grow(0, 5);
    let said = older.copy(there.path()).unwrap_err();
    assert!(said.contains("did not grow from"), "{said}");
    assert!(log.copy(&log.ledger()).unwrap_err().contains("the ledger itself"));
    assert_eq!(log.verified(there.path()), 10);
}

#[test]
fn what_does_not_verify_is_not_copied() {
    let log = Log::new(1);
    log.grow(0, 300);
    let bundle = log.ledger().join("tile/entries/000");
    let mut bytes = std::fs::read(&bundle).unwrap();
    // Within the first entry, not its length.
    bytes[5] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let there = tempfile::tempdir().unwrap();
    let said = log.copy(there.path()).unwrap_err();
    assert!(said.contains("entry-changed"), "{said}");
    let copied = FileVolume::open_read_only(there.path()).unwrap();
    assert_eq!(copied.read("checkpoint").unwrap(), None);
}
