//! What strangers hand to a witness, and what operators write for one.

use cordon_ledger::witness::{AddCheckpoint, Decision, Head, Logs, decide};
use cordon_ledger::{Algorithm, Checkpoint, Note, Policy, Signer, VerifierKey};

fn signer() -> Option<Signer> {
    Signer::generate("example.com/log", [3; 32]).ok()
}

fn cosigners() -> Vec<Signer> {
    let make = |a| Signer::generate_with(a, "witness.example/w", [4; 32]).ok();
    [Algorithm::CosignatureEd25519, Algorithm::CosignatureMlDsa44].into_iter().filter_map(make).collect()
}

/// Requests to cosign: a request has one text; what is let through is signed by the log and extends what is known.
pub fn witness(data: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(data) {
        assert_eq!(request.to_text().as_bytes(), data, "a request has two texts");
    }
    let Some(signer) = signer() else { return };
    let key = signer.verifier();
    let Ok(logs) = Logs::parse(format!("log {}\n", key.to_text()).as_bytes()) else {
        panic!("the list is good")
    };
    for known in [None, Some(Head { size: 7, root: [9; 32] })] {
        if let Decision::Cosign(accepted) = decide(&logs, |_| known, data) {
            let cosigned = accepted.with(&accepted.cosign(&cosigners(), 5));
            let Ok(head) = Checkpoint::open(&cosigned, &key) else {
                panic!("cosigned without the log's signature")
            };
            assert!(
                known.is_none_or(|k| k.size < head.size || k == Head { size: head.size, root: head.root })
            );
            let Ok(note) = Note::parse(&cosigned) else { panic!("the state cannot be read") };
            for cosigner in cosigners() {
                assert_eq!(cosigner.verifier().verify(&note), Ok(Some(5)));
            }
        }
    }
}

/// Policies and lists of logs: taken or refused with a line.
pub fn trust(data: &[u8]) {
    let _ = Logs::parse(data);
    match Policy::parse(data) {
        Err(e) => assert!(!e.problem.is_empty(), "refused without a reason"),
        Ok(policy) => {
            assert!(policy.suffices(|_| true), "no set of witnesses would do");
            assert_eq!(policy.suffices(|_| false), !policy.asks());
            for witness in policy.witnesses() {
                assert_eq!(VerifierKey::from_text(&witness.key.to_text()).ok().as_ref(), Some(&witness.key));
            }
        }
    }
}

/// Requests.
pub fn requests() -> Vec<Vec<u8>> {
    let Some(signer) = signer() else { return Vec::new() };
    let head = |size, root| Checkpoint { origin: signer.name().to_owned(), size, root }.sign(&signer);
    let body = |old, proof: &[[u8; 32]], checkpoint: &str| {
        AddCheckpoint { old, proof: proof.to_vec(), checkpoint }.to_text().into_bytes()
    };
    vec![
        body(0, &[], &head(7, [9; 32])),
        body(7, &[], &head(7, [9; 32])),
        body(7, &[[1; 32], [2; 32]], &head(9, [8; 32])),
    ]
}

/// Policies.
pub fn policies() -> Vec<Vec<u8>> {
    let keys: Vec<String> = cosigners().iter().map(|s| s.verifier().to_text()).collect();
    let log = signer().map(|s| s.verifier().to_text()).unwrap_or_default();
    let lines: String =
        (0..).zip(&keys).map(|(n, k)| format!("witness w{n} {k} https://w{n}.example\n")).collect();
    vec![
        format!("log {log}\n{lines}group g 1 w0 w1\nquorum g\n").into_bytes(),
        format!("# none\nlog {log} https://log.example\nquorum none\n").into_bytes(),
    ]
}
