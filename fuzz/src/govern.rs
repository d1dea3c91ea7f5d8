//! Evidence packs as strangers hand them in, leaves as the evidence pass takes them, and times as operators write them.

use cordon_govern::{Pass, Period, verify, zipped};
use cordon_ledger::Signer;
use cordon_types::time;

/// Archives, and manifests by themselves: nothing that is not whole is taken.
pub fn pack(data: &[u8]) {
    let Ok(signer) = Signer::generate("cordon.local/fuzz", [7; 32]) else { panic!("the origin is good") };
    let files = zipped::read(data).unwrap_or_else(|_| {
        ["manifest.json", "manifest.note", "checkpoint", "samples/1.tlog-proof"]
            .map(|name| (name.to_owned(), data.to_vec()))
            .into()
    });
    assert!(files.keys().all(|name| zipped::is_plain(name)), "a name leaves the folder");
    let report = verify::verify(&files, &signer.verifier());
    assert!(!report.problems.is_empty(), "verified, and signed by nobody");
}

/// Leaves and times.
pub fn evidence(data: &[u8]) {
    let mut pass = Pass::new(Period { from: 10, to: 1 << 40 });
    for (index, leaf) in (0..).zip(data.split(|b| *b == b'\n')) {
        pass.take(index, leaf);
    }
    let figures = pass.end();
    assert!(figures.size <= data.len() as u64 + 1);
    if let Some(at) = time::parse(&String::from_utf8_lossy(data)) {
        assert_eq!(time::parse(&time::text(at)), Some(at), "a time has two readings");
    }
}
