//! The witness: each status code, durability before the cosignature, and that no two cosigned checkpoints of an
//! origin contradict each other, whatever it is sent.

use crate::log::notes::cosigner;
use crate::{ORIGIN, key, leaf, ledger, signer};
use cordon_ledger::witness::{AddCheckpoint, Book, Head, Logs, Reply, book};
use cordon_ledger::witnessed::request;
use cordon_ledger::{Algorithm, Checkpoint, Note, Signer, Volume as _, tree};
use cordon_testkit::{BreakingVolume, Fault, MemoryVolume};
use proptest::prelude::*;

pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn witness_signers() -> Vec<Signer> {
    vec![
        cosigner(Algorithm::CosignatureEd25519, "witness.example/w", 50),
        cosigner(Algorithm::CosignatureMlDsa44, "witness.example/w", 51),
    ]
}

pub(crate) fn logs() -> Logs {
    Logs::parse(format!("# ours\nlog {}\n", key().to_text()).as_bytes()).unwrap()
}

pub(crate) fn open(volume: &MemoryVolume) -> Book {
    Book::open(Box::new(volume.clone()), logs(), witness_signers()).unwrap()
}

/// A ledger whose entries from `fork` on differ from [`ledger`]'s.
pub(crate) fn forked(size: u64, fork: u64) -> MemoryVolume {
    let volume = MemoryVolume::new();
    let (mut ledger, _) =
        cordon_ledger::Ledger::open(Box::new(volume.clone()), signer(), &crate::options()).unwrap();
    let leaves: Vec<_> = (0..size).map(|n| if n < fork { leaf(n) } else { leaf(n + 1_000_000) }).collect();
    ledger.append_batch(&leaves).unwrap();
    ledger.close().unwrap();
    volume
}

pub(crate) fn checkpoint(volume: &MemoryVolume) -> (String, Checkpoint) {
    let text = String::from_utf8(volume.read("checkpoint").unwrap().unwrap()).unwrap();
    let head = Checkpoint::open(&text, &key()).unwrap();
    (text, head)
}

/// What a gateway over those files asks, believing that `old` was cosigned last.
pub(crate) fn ask(volume: &MemoryVolume, old: u64) -> Vec<u8> {
    let (text, head) = checkpoint(volume);
    request(volume, &text, &head, old).unwrap().into_bytes()
}

fn is(reply: &Reply, status: u16, word: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.body.contains(word), "{reply:?}");
}

#[test]
fn a_log_that_grows_is_cosigned() {
    let volume = MemoryVolume::new();
    let mut witness = open(&volume);
    let mut old = 0;
    for size in [1, 1, 2, 300, 300, 700] {
        let files = ledger(size);
        let reply = witness.add(&ask(&files, old), NOW);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.about, Some((ORIGIN.to_owned(), size)));
        let cosigned = format!("{}{}", checkpoint(&files).0, reply.body);
        let note = Note::parse(&cosigned).unwrap();
        assert_eq!(reply.body.lines().count(), 2);
        for signer in witness_signers() {
            assert_eq!(signer.verifier().verify(&note), Ok(Some(NOW)));
        }
        // The state is itself the cosigned checkpoint, and survives.
        let state = String::from_utf8(volume.read(&book::path(ORIGIN)).unwrap().unwrap()).unwrap();
        assert_eq!(state, cosigned);
        witness = open(&volume);
        assert_eq!(witness.head(ORIGIN), Some(Head { size, root: checkpoint(&files).1.root }));
        old = size;
    }
}

#[test]
fn each_status() {
    let volume = MemoryVolume::new();
    let mut witness = open(&volume);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    // 400: it cannot be read.
    let good = text(ask(&ledger(300), 0));
    let mut bad = |body: String, word: &str| is(&witness.add(body.as_bytes(), NOW), 400, word);
    bad(String::new(), "old <size>");
    bad("old 0".into(), "old <size>");
    bad(good.replace("old 0", "old 00"), "canonical");
    bad(good.replace("old 0", "old -1"), "no number");
    bad(good.replace("old 0", "old 18446744073709551616"), "no number");
    bad(good.replace("old 0\n\n", "old 0\n"), "");
    bad(good.replace("old 0\n", "old 0\nzzz\n"), "base64");
    bad(good.replace("old 0\n", "old 0\nAAAA\n"), "32 bytes");
    let hash = format!("{}=\n", "A".repeat(43));
    bad(good.replace("old 0\n", &format!("old 0\n{}", hash.repeat(64))), "63");
    bad("old 0\n\nhello\n".into(), "signed checkpoint");
    bad(good.replace(ORIGIN, ""), "signed checkpoint");
    bad(good.replace("old 0", "old 301"), "larger");
    assert_eq!(witness.add(&[0xff; 10], NOW).status, 400);
    assert_eq!(witness.add(&vec![b'x'; 1 << 20], NOW).status, 400);
    // 404: a log that is not in the list; 403: not signed, or badly, by a key that is.
    let other = Signer::generate("example.com/other", [1; 32]).unwrap();
    let head = |size| Checkpoint { origin: ORIGIN.to_owned(), size, root: [7; 32] };
    let body = |note: &str| format!("old 0\n\n{note}");
    let strange = Checkpoint { origin: "example.com/other".to_owned(), ..head(9) }.sign(&other);
    is(&witness.add(body(&strange).as_bytes(), NOW), 404, "does not know");
    let unsigned = head(9).sign(&Signer::generate(ORIGIN, [1; 32]).unwrap());
    is(&witness.add(body(&unsigned).as_bytes(), NOW), 403, "no key trusted");
    is(&witness.add(good.replace("\n300\n", "\n299\n").as_bytes(), NOW), 403, "does not verify");
    // 422: size 0 with another root; a proof from size 0.
    is(&witness.add(body(&head(0).sign(&signer())).as_bytes(), NOW), 422, "empty tree");
    is(&witness.add(good.replace("old 0\n", &format!("old 0\n{hash}")).as_bytes(), NOW), 422, "empty");
    assert_eq!(witness.head(ORIGIN), None, "nothing was taken so far");
    // 409 tells the size, in its own type.
    is(&witness.add(text(ask(&ledger(300), 200)).as_bytes(), NOW), 409, "0\n");
    assert_eq!(witness.add(good.as_bytes(), NOW).status, 200);
    let reply = witness.add(&ask(&ledger(700), 0), NOW);
    assert_eq!((reply.status, reply.content_type, reply.body.as_str()), (409, "text/x.tlog.size", "300\n"));
    // 422: the proof does not hold; the same size with another root.
    let (newer, head700) = checkpoint(&ledger(700));
    let wrong = AddCheckpoint { old: 300, proof: vec![[1; 32]; 8], checkpoint: &newer }.to_text();
    is(&witness.add(wrong.as_bytes(), NOW), 422, "proof");
    let none = AddCheckpoint { old: 300, proof: Vec::new(), checkpoint: &newer }.to_text();
    is(&witness.add(none.as_bytes(), NOW), 422, "proof");
    is(&witness.add(&ask(&forked(300, 299), 300), NOW), 422, "another root");
    assert_eq!(witness.add(&ask(&ledger(700), 300), NOW).status, 200);
    assert_eq!(witness.head(ORIGIN), Some(Head { size: 700, root: head700.root }));
    // No clock, no cosignature.
    assert_eq!(witness.add(&ask(&ledger(700), 700), 0).status, 500);
}

#[test]
fn rewrites_truncation_and_restored_backups_are_refused() {
    let volume = MemoryVolume::new();
    let mut witness = open(&volume);
    assert_eq!(witness.add(&ask(&ledger(600), 0), NOW).status, 200);
    // The key holder signs a fresh tree: larger, as large, smaller.
    assert_eq!(witness.add(&ask(&forked(900, 100), 600), NOW).status, 422);
    assert_eq!(witness.add(&ask(&forked(600, 599), 600), NOW).status, 422);
    // A tail cut off, and a backup put back, are one thing to a witness: an older tree.
    let reply = witness.add(&ask(&ledger(599), 599), NOW);
    assert_eq!((reply.status, reply.body.as_str()), (409, "600\n"));
    assert_eq!(witness.add(&ask(&ledger(599), 0), NOW).status, 409);
    let (older, _) = checkpoint(&ledger(599));
    let body = AddCheckpoint { old: 600, proof: Vec::new(), checkpoint: &older }.to_text();
    assert_eq!(witness.add(body.as_bytes(), NOW).status, 400);
    // Grown again behind the cut, past what was cosigned.
    assert_eq!(witness.add(&ask(&forked(800, 599), 600), NOW).status, 422);
    assert_eq!(open(&volume).head(ORIGIN).unwrap().size, 600);
}

#[test]
fn a_failed_write_lets_no_cosignature_go() {
    // Whatever operation fails, and however: no cosignature, nothing more until a restart; the restart knows the
    // old or the new checkpoint, whole, and goes on from it.
    let mut failed = 0;
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed, Fault::ThenDead] {
        for at in 0..2 {
            let memory = MemoryVolume::new();
            assert_eq!(open(&memory).add(&ask(&ledger(200), 0), NOW).status, 200);
            let volume = BreakingVolume::new(memory.clone(), at, fault);
            let Ok(mut witness) = Book::open(Box::new(volume), logs(), witness_signers()) else { continue };
            let reply = witness.add(&ask(&ledger(300), 200), NOW);
            if reply.status == 200 {
                continue;
            }
            failed += 1;
            assert_eq!(reply.status, 500);
            assert!(!reply.body.contains('\u{2014}') && !witness.healthy());
            assert_eq!(witness.add(&ask(&ledger(300), 200), NOW).status, 500);
            memory.lose_power(0);
            let mut again = open(&memory);
            let size = again.head(ORIGIN).unwrap().size;
            assert!(size == 200 || size == 300, "{size}");
            assert_eq!(again.add(&ask(&ledger(700), size), NOW).status, 200);
        }
    }
    assert!(failed > 0, "no write failed");
}

#[test]
fn a_damaged_memory_is_not_served_from() {
    let check = |change: fn(String) -> String, word: &str| {
        let volume = MemoryVolume::new();
        assert_eq!(open(&volume).add(&ask(&ledger(3), 0), NOW).status, 200);
        volume.tamper(&book::path(ORIGIN), |b| {
            Some(change(String::from_utf8(b.unwrap()).unwrap()).into_bytes())
        });
        let refused = Book::open(Box::new(volume), logs(), witness_signers()).err().unwrap().to_string();
        assert!(refused.contains(word), "{refused}");
    };
    check(|t| t.replace("\n3\n", "\n2\n"), "cosignature");
    check(|t| t.replace(ORIGIN, "example.com/x"), "another log");
    check(|_| "x".to_owned(), "no signed checkpoint");
    check(|t| t.lines().take(5).map(|l| format!("{l}\n")).collect(), "cosignature");
}

#[test]
fn lists_of_logs() {
    let check = |text: String, word: &str| {
        let said = Logs::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    };
    assert_eq!(logs().origins().collect::<Vec<_>>(), [ORIGIN]);
    check(key().to_text(), "line 1: write `log <vkey>`");
    check("log x".to_owned(), "verifier key");
    check(format!("log {}", witness_signers()[0].verifier().to_text()), "no log's key");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Requests of every kind, honest and forked, in any order: what is cosigned forms one history.
    #[test]
    fn cosigned_checkpoints_never_contradict_each_other(
        requests in proptest::collection::vec((1_u64..60, 0_u64..60, any::<bool>(), any::<bool>()), 1..30)
    ) {
        let volume = MemoryVolume::new();
        let mut witness = open(&volume);
        let mut cosigned: Vec<Vec<Vec<u8>>> = Vec::new();
        for (size, fork, knows, restarts) in requests {
            let files = forked(size, fork);
            let known = witness.head(ORIGIN).map_or(0, |h| h.size);
            let old = if knows { known } else { fork };
            if old > size {
                continue;
            }
            if witness.add(&ask(&files, old), NOW).status == 200 {
                let leaves = (0..size).map(|n| if n < fork { leaf(n) } else { leaf(n + 1_000_000) }).collect();
                cosigned.push(leaves);
            }
            if restarts {
                witness = open(&volume);
            }
        }
        for pair in cosigned.windows(2) {
            prop_assert!(pair[1].starts_with(&pair[0]), "one does not extend the other");
        }
    }

    #[test]
    fn a_request_has_one_text(old in any::<u64>(), proof in proptest::collection::vec(any::<[u8; 32]>(), 0..64), rest in "[a-z\n]{0,40}") {
        let request = AddCheckpoint { old, proof, checkpoint: &rest };
        let text = request.to_text();
        prop_assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(request));
    }

    #[test]
    fn any_body_is_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let reply = open(&MemoryVolume::new()).add(&body, NOW);
        prop_assert!([400, 403, 404].contains(&reply.status));
    }
}

#[test]
fn the_empty_tree_is_cosigned() {
    let mut witness = open(&MemoryVolume::new());
    let empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: tree::empty_root() }.sign(&signer());
    let body = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: &empty }.to_text();
    assert_eq!(witness.add(body.as_bytes(), NOW).status, 200);
    assert_eq!(witness.add(&ask(&ledger(5), 0), NOW).status, 200);
}
