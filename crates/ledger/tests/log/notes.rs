//! Notes with several signatures, cosignatures of both kinds, and keys of every algorithm. Examples are those of
//! the C2SP texts.

use crate::{key, signer};
use cordon_ledger::{Algorithm, Checkpoint, Note, Signer, Unsigned, VerifierKey, tree};

const BODY: &str = "example.com/cordon/test\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

pub(crate) fn cosigner(algorithm: Algorithm, name: &str, seed: u8) -> Signer {
    Signer::generate_with(algorithm, name, [seed; 32]).unwrap()
}

#[test]
fn the_specification_s_example() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let key = VerifierKey::from_text(vkey).unwrap();
    assert_eq!(key.to_text(), vkey);
    assert_eq!(key.open(note), Ok("This is an example message.\n"));
    assert_eq!(key.open(&note.replace("example message", "other message")), Err(Unsigned::BadSignature));
}

#[test]
fn keys_of_every_algorithm_have_one_text() {
    for algorithm in Algorithm::ALL {
        let signer = cosigner(algorithm, "witness.example/w1", 7);
        let again = Signer::from_text(&signer.to_text()).unwrap();
        assert_eq!(*again.to_text(), *signer.to_text());
        let key = VerifierKey::from_text(&signer.verifier().to_text()).unwrap();
        assert_eq!(key, signer.verifier());
        assert_eq!(key.algorithm(), algorithm);
    }
    let plain = cosigner(Algorithm::Ed25519, "n", 7).verifier();
    let other = cosigner(Algorithm::CosignatureEd25519, "m", 7).verifier();
    assert!(plain.is_duplicate_of(&other) && plain != other);
    assert_ne!(plain.id(), cosigner(Algorithm::CosignatureEd25519, "n", 7).verifier().id());
}

#[test]
fn an_unknown_algorithm_is_named() {
    use data_encoding::BASE64;
    let check = |byte: u8, word: &str| {
        let data = BASE64.encode(&[&[byte][..], &[9; 32][..]].concat());
        let said = VerifierKey::from_text(&format!("n+00000000+{data}")).unwrap_err().to_string();
        assert!(said.contains(word), "{byte:#x}: {said}");
        let said = Signer::from_text(&format!("PRIVATE+KEY+n+00000000+{data}")).unwrap_err().to_string();
        assert!(said.contains(word), "{byte:#x}: {said}");
    };
    check(0x02, "ECDSA");
    check(0x05, "RFC 6962");
    check(0x03, "reserved");
    check(0xfb, "reserved");
    check(0xff, "0xff");
    check(0x07, "not assigned");
}

#[test]
fn many_signatures_stand_in_one_checkpoint() {
    let head = Checkpoint { origin: signer().name().to_owned(), size: 0, root: tree::empty_root() };
    let mut note = head.sign(&signer());
    assert!(note.starts_with(BODY));
    let cosigners = [
        cosigner(Algorithm::CosignatureEd25519, "witness.example/w1", 1),
        cosigner(Algorithm::CosignatureMlDsa44, "witness.example/w1", 2),
        cosigner(Algorithm::CosignatureMlDsa44, signer().name(), 3),
    ];
    for (time, cosigner) in (1000..).zip(&cosigners) {
        note.push_str(&cosigner.line(BODY, time).unwrap());
    }
    note.push_str("\u{2014} somebody.example/else AAAAAAECAwQ=\n");
    assert_eq!(Checkpoint::open(&note, &key()).unwrap(), head);
    let parsed = Note::parse(&note).unwrap();
    assert_eq!(parsed.lines.len(), 5, "lines by unknown keys are kept");
    for (time, cosigner) in (1000..).zip(&cosigners) {
        assert_eq!(cosigner.verifier().verify(&parsed), Ok(Some(time)));
        assert_eq!(cosigner.verifier().lines_of(&parsed).lines().count(), 1);
    }
    assert_eq!(key().verify(&parsed), Ok(None));
    // A post-quantum key opens the same checkpoint by itself.
    assert_eq!(Checkpoint::open(&note, &cosigners[2].verifier()).unwrap(), head);
    let stranger = cosigner(Algorithm::CosignatureEd25519, "witness.example/w1", 9).verifier();
    assert_eq!(stranger.verify(&parsed), Err(Unsigned::OtherKey));
}

#[test]
fn a_cosignature_covers_time_size_root_and_origin() {
    for algorithm in [Algorithm::CosignatureEd25519, Algorithm::CosignatureMlDsa44] {
        let w = cosigner(algorithm, "w.example", 1);
        let line = w.line(BODY, 1_679_315_147).unwrap();
        let good = format!("{BODY}\n{line}");
        assert_eq!(w.verifier().verify(&Note::parse(&good).unwrap()), Ok(Some(1_679_315_147)));
        let check = |changed: String| {
            let note = Note::parse(&changed).unwrap();
            assert_eq!(w.verifier().verify(&note), Err(Unsigned::BadSignature), "{changed}");
        };
        check(good.replace("\n0\n", "\n1\n"));
        check(good.replace("cordon/test", "cordon/best"));
        check(good.replace("47DE", "48DE"));
        // Another time: the first eight bytes behind the key's id.
        let raw = line.trim_end().rsplit(' ').next().unwrap();
        let mut bytes = data_encoding::BASE64.decode(raw.as_bytes()).unwrap();
        bytes[11] ^= 1;
        check(good.replace(raw, &data_encoding::BASE64.encode(&bytes)));
        bytes[11] ^= 1;
        bytes[4] = 0x80; // beyond 2^63 - 1
        check(good.replace(raw, &data_encoding::BASE64.encode(&bytes)));
        // What is no checkpoint is not cosigned.
        assert_eq!(w.line("hello\n", 1), None);
        assert_eq!(w.line(BODY, u64::MAX), None);
    }
}

#[test]
fn extension_lines_are_in_the_ed25519_message_and_not_in_the_other() {
    let extended = format!("{BODY}more\n");
    let one = cosigner(Algorithm::CosignatureEd25519, "w.example", 1);
    let note = format!("{extended}\n{}", one.line(BODY, 5).unwrap());
    assert_eq!(one.verifier().verify(&Note::parse(&note).unwrap()), Err(Unsigned::BadSignature));
    let two = cosigner(Algorithm::CosignatureMlDsa44, "w.example", 1);
    let note = format!("{extended}\n{}", two.line(BODY, 5).unwrap());
    assert_eq!(two.verifier().verify(&Note::parse(&note).unwrap()), Ok(Some(5)));
}

#[test]
fn hostile_notes() {
    for note in [
        "",
        "\n\n",
        "a\n\n",
        "a\n\n\u{2014} n\n",
        "a\n\n- n AAAA\n",
        "a\n\n\u{2014} n AA\n",
        "a\u{1}\n\n\u{2014} n AAAAAAA=\n",
    ] {
        assert_eq!(Note::parse(note), Err(Unsigned::Malformed), "{note:?}");
    }
    let many = "\u{2014} n AAAAAAA=\n".repeat(101);
    assert_eq!(Note::parse(&format!("a\n\n{many}")), Err(Unsigned::Malformed));
}
