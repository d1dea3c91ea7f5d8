//! C2SP tlog-policy: what reads, what does not, and which witnesses suffice.

use crate::log::notes::cosigner;
use crate::{key, signer};
use cordon_ledger::{Algorithm, Checkpoint, Policy, tree};
use proptest::prelude::*;

pub(crate) fn vkey(n: u8) -> String {
    let algorithm =
        if n.is_multiple_of(2) { Algorithm::CosignatureEd25519 } else { Algorithm::CosignatureMlDsa44 };
    cosigner(algorithm, &format!("witness.example/{n}"), n).verifier().to_text()
}

fn read(text: &str) -> Result<Policy, String> {
    Policy::parse(text.as_bytes()).map_err(|e| e.to_string())
}

#[test]
fn the_specification_s_example() {
    let mut text = format!("# a policy\n\nlog {}\n", key().to_text());
    for (n, name) in (0..).zip(["X1", "X2", "X3", "Y1", "Y2", "Y3"]) {
        text += &format!("  witness\t{name} {} \n", vkey(n));
    }
    text += "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";
    let policy = read(&text).unwrap();
    assert!(policy.accepts(&key()) && policy.asks());
    for set in 0_u32..64 {
        let has = |n: usize| set >> n & 1 == 1;
        let expected = (0..3).filter(|n| has(*n)).count() >= 2 && (3..6).any(has);
        assert_eq!(policy.suffices(has), expected, "{set:06b}");
    }
}

#[test]
fn what_does_not_read() {
    let (w, v, log) = (vkey(0), vkey(1), key().to_text());
    let plain = signer().verifier().to_text();
    let check = |text: String, said: &str| {
        let error = read(&text).unwrap_err();
        assert!(error.contains(said), "{text}\n{error}");
    };
    check(String::new(), "no `quorum` line");
    check("quorum none\nquorum none\n".into(), "line 2: there is a `quorum` line");
    check("quorum w\n".into(), "no line before this one defines `w`");
    check(format!("quorum w\nwitness w {w}\n"), "line 1");
    check(format!("witness w {w}\nwitness w {v}\nquorum w\n"), "line 2: the name `w` is taken");
    check(format!("witness none {w}\nquorum none\n"), "is taken");
    check(format!("witness a {w}\nwitness b {w}\nquorum a\n"), "earlier line");
    check(format!("log {log}\nlog {log}\nquorum none\n"), "earlier line");
    check(format!("witness w {plain}\nquorum w\n"), "no witness's key");
    check(format!("log {w}\nquorum none\n"), "no log's key");
    check(format!("witness w {w}\ngroup g 0 w\nquorum g\n"), "threshold");
    check(format!("witness w {w}\ngroup g 2 w\nquorum g\n"), "threshold");
    check(format!("witness w {w}\ngroup g 01 w\nquorum g\n"), "threshold");
    check(format!("witness w {w}\ngroup g all\nquorum g\n"), "write `group");
    check(format!("witness w {w}\ngroup g all none\nquorum g\n"), "no line before");
    check(format!("witness w {w}\ngroup g all w w\nquorum g\n"), "a group's member already");
    check(format!("witness w {w}\ngroup g all w\ngroup h all w\nquorum g\n"), "a group's member already");
    check(format!("witness w {w}\ngroup g all g\nquorum g\n"), "no line before");
    check("wittness a b\nquorum none\n".into(), "begins with");
    check("quorum none\r\n".into(), "control character");
    check("quorum none\0\n".into(), "control character");
    check(format!("witness w {}\nquorum w\n", w.replace('+', "-")), "verifier key");
    check(format!("witness w {w} http://w extra\nquorum w\n"), "write `witness");
}

#[test]
fn names_are_octets() {
    // The Kelvin sign is not K, and what is no UTF-8 is a name all the same.
    let text = format!("witness K {}\nwitness \u{212a} {} http://h/\u{e4}\nquorum K\n", vkey(0), vkey(1));
    let policy = read(&text).unwrap();
    assert!(policy.suffices(|n| n == 0) && !policy.suffices(|n| n == 1));
    let mut odd = format!("witness x\u{1} {}\nquorum x\u{1}\n", vkey(0)).into_bytes();
    odd.iter_mut().filter(|b| **b == 1).for_each(|b| *b = 0xff);
    assert!(Policy::parse(&odd).is_ok());
}

#[test]
fn none_asks_for_nothing() {
    let policy = read("quorum none").unwrap();
    assert!(!policy.asks() && policy.suffices(|_| false));
    assert!(policy.accepts(&key()));
}

#[test]
fn judging() {
    let policy =
        read(&format!("witness a {}\nwitness b {}\ngroup g all a b\nquorum g\n", vkey(0), vkey(1))).unwrap();
    let head = Checkpoint { origin: signer().name().to_owned(), size: 0, root: tree::empty_root() };
    let note = head.sign(&signer());
    let body = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let a = cosigner(Algorithm::CosignatureEd25519, "witness.example/0", 0).line(&body, 10).unwrap();
    let b = cosigner(Algorithm::CosignatureMlDsa44, "witness.example/1", 1).line(&body, 20).unwrap();
    let names = |text: &str| {
        let judged = policy.judge(text, &key()).unwrap();
        (judged.by.into_iter().map(|s| (s.name, s.time)).collect::<Vec<_>>(), judged.quorum)
    };
    assert_eq!(names(&note), (vec![], false));
    assert_eq!(names(&format!("{note}{a}")), (vec![("a".into(), 10)], false));
    assert_eq!(names(&format!("{note}{b}{a}")), (vec![("a".into(), 10), ("b".into(), 20)], true));
    let other = Checkpoint { size: 1, ..head }.sign(&signer());
    assert!(policy.judge(&format!("{other}{a}"), &key()).is_err(), "a cosignature of another checkpoint");
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Policy::parse(&bytes);
    }

    #[test]
    fn any_words_are_taken_or_refused(words in proptest::collection::vec(
        prop_oneof![Just("log"), Just("witness"), Just("group"), Just("quorum"), Just("none"), Just("a"), Just("b"),
            Just("all"), Just("1"), Just("\n"), Just("\n"), Just("#")], 0..60)) {
        let _ = Policy::parse(words.join(" ").as_bytes());
    }
}
