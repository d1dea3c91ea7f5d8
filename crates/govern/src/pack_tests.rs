use super::*;
use crate::figures::tests::{log, pass};
use crate::{Facts, answers, queries, zipped};
use cordon_ledger::{Ledger, Options, Prefix, Signer, VerifierKey};
use cordon_testkit::MemoryVolume;
use std::collections::BTreeMap;

const ORIGIN: &str = "cordon.test/1";

struct Made {
    files: Files,
    key: VerifierKey,
}

/// Exports a period of a log of `n` exchanges, as `app` does.
fn made(n: u64, to: u64, frameworks: &str, facts: &Facts) -> Made {
    let leaves = log(n);
    let signer = || Signer::generate(ORIGIN, [7; 32]).unwrap();
    let volume = MemoryVolume::default();
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &Options::new(ORIGIN)).unwrap();
    ledger.append_batch(&leaves).unwrap();
    ledger.close().unwrap();
    let key = signer().verifier();
    let period = Period { from: 0, to };
    let figures = pass(&leaves, period);
    let tree = Prefix::at(&volume, &key, figures.size).unwrap();
    let checkpoint = tree.sign(&signer()).unwrap();
    let catalogue = Catalogue::embedded().unwrap();
    let log = Log {
        origin: ORIGIN.to_owned(),
        size: tree.size(),
        root: cordon_types::Digest(*tree.root()).to_string(),
        of_period: true,
        cosignatures: 0,
        cosigned: 0,
    };
    let answers = answers(&catalogue, &figures, facts, period, &log);
    let frameworks = catalogue.chosen(frameworks);
    let samples: BTreeMap<u64, Sample> = wanted(&frameworks, &answers)
        .into_iter()
        .map(|i| {
            let (leaf, proof) = tree.prove(&key, &checkpoint, i).unwrap();
            (i, Sample { leaf, proof: proof.to_text() })
        })
        .collect();
    let input = Input {
        catalogue: &catalogue,
        frameworks: frameworks.clone(),
        period,
        figures: &figures,
        answers: &answers,
        facts,
        log,
        checkpoint,
        key: key.to_text(),
        samples,
        anchor: None,
    };
    let mut files = build(&input).unwrap();
    let note = signer().sign(&manifest::note_text(&files[manifest::PATH]));
    files.insert(manifest::NOTE.to_owned(), note.into_bytes());
    Made { files, key }
}

fn text<'a>(made: &'a Made, path: &str) -> &'a str {
    std::str::from_utf8(made.files.get(path).unwrap_or_else(|| panic!("{path}"))).unwrap()
}

fn facts() -> Facts {
    use crate::facts::{Agent, Tool};
    Facts {
        version: "0".to_owned(),
        files: vec![("cordon.toml".to_owned(), "ab".repeat(32))],
        policy: "cd".repeat(32),
        agents: vec![Agent {
            id: "dev".to_owned(),
            tools: vec![Tool { name: "send_mail".to_owned(), effect: Some("send"), limited: Some(1) }],
            ..Agent::default()
        }],
        ..Facts::default()
    }
}

#[test]
fn one_control_as_a_page() {
    let made = made(9, 80_000, "owasp-llm", &facts());
    insta::assert_snapshot!("control_html", text(&made, "frameworks/owasp-llm/llm02-2025.html"));
    insta::assert_snapshot!("control_json", text(&made, "frameworks/owasp-llm/llm02-2025.json"));
}

#[test]
fn every_file_is_there_and_every_link_leads_somewhere() {
    let made = made(20, u64::MAX, "all", &facts());
    let pages = made.files.keys().filter(|p| p.starts_with("frameworks/") && p.ends_with(".html")).count();
    assert_eq!(pages, 313 + 11);
    for (path, bytes) in made.files.iter().filter(|(p, _)| p.ends_with(".html")) {
        let page = std::str::from_utf8(bytes).unwrap();
        assert!(!page.contains("<script") && !page.to_lowercase().contains("is compliant"), "{path}");
        assert_eq!(page.matches("<h1>").count(), 1, "{path}");
        for link in page.split("href=\"").skip(1).filter_map(|l| l.split('"').next()) {
            let mut at: Vec<&str> = path.split('/').collect();
            at.pop();
            for part in link.split('/').filter(|_| !link.starts_with('#')) {
                match part {
                    ".." => drop(at.pop()),
                    part => at.push(part),
                }
            }
            assert!(link.starts_with('#') || made.files.contains_key(&at.join("/")), "{path}: {link}");
        }
    }
    assert!(made.files.keys().all(|p| zipped::is_plain(p)));
}

#[test]
fn the_same_period_gives_the_same_bytes_when_the_log_has_grown() {
    for (n, grown, to) in [(5, 6, 50_000), (9, 300, 85_000), (40, 41, 400_000)] {
        let (before, after) = (made(n, to, "soc2", &facts()), made(grown, to, "soc2", &facts()));
        assert_eq!(before.files.keys().collect::<Vec<_>>(), after.files.keys().collect::<Vec<_>>());
        for (path, bytes) in &before.files {
            assert!(after.files.get(path) == Some(bytes), "{path} differs");
        }
        assert_eq!(zipped::write(&before.files).unwrap(), zipped::write(&after.files).unwrap());
    }
}

#[test]
fn what_is_changed_is_found() {
    let made = made(9, u64::MAX, "hipaa", &facts());
    let report = crate::verify::verify(&made.files, &made.key);
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.signed && report.proofs > 3 && !report.anchored, "{report:?}");
    let off = |change: &dyn Fn(&mut Files), part: &str| {
        let mut files = made.files.clone();
        change(&mut files);
        let problems = crate::verify::verify(&files, &made.key).problems;
        assert!(problems.iter().any(|p| p.contains(part)), "{part}: {problems:?}");
    };
    let sample = made.files.keys().find(|p| p.ends_with(".tlog-proof")).unwrap().clone();
    let record = sample.replace(".tlog-proof", ".json");
    off(&|f| drop(f.remove("index.html")), "index.html: it is missing");
    off(&|f| f.get_mut("README.txt").unwrap().push(b' '), "README.txt: it was changed");
    off(&|f| drop(f.insert("more.txt".into(), vec![])), "more.txt: it stands in no manifest");
    off(&|f| drop(f.remove("manifest.json")), "it is not there");
    off(&|f| drop(f.insert("manifest.json".into(), b"{}".to_vec())), "cannot be read");
    off(&|f| f.get_mut(&record).unwrap()[20] ^= 1, &sample);
    off(&|f| f.get_mut("checkpoint").unwrap()[2] ^= 1, "checkpoint: it is not there, or not signed");
    off(&|f| f.get_mut("manifest.json").unwrap().push(b'\n'), "manifest.note: it signs another");
    // A forger who makes the manifest anew is found by its signature, and by the proofs.
    let forge = |f: &mut Files| {
        f.get_mut("index.html").unwrap().push(b' ');
        let mut m: manifest::Manifest = serde_json::from_slice(&f[manifest::PATH]).unwrap();
        let page = &f["index.html"];
        let entry = manifest::Entry { bytes: page.len() as u64, sha256: manifest::sha256(page) };
        m.files.insert("index.html".to_owned(), entry);
        f.insert(manifest::PATH.to_owned(), serde_json::to_vec(&m).unwrap());
    };
    off(&|f| forge(f), "manifest.note: it signs another");
    let stranger = Signer::generate(ORIGIN, [8; 32]).unwrap().verifier();
    assert!(crate::verify::verify(&made.files, &stranger).problems.len() > 3);
    assert!(!crate::verify::verify(&Files::new(), &made.key).problems.is_empty());
}

#[test]
fn hostile_names_stay_text() {
    use crate::facts::{Agent, Tool};
    let evil = "<script>alert(1)</script>\"'&\u{202e}";
    let mut facts = facts();
    facts.agents = vec![Agent {
        id: evil.to_owned(),
        tools: vec![Tool { name: evil.to_owned(), effect: None, limited: None }],
        ..Agent::default()
    }];
    facts.files.push((evil.to_owned(), evil.to_owned()));
    let made = made(5, u64::MAX, "all", &facts);
    let page = text(&made, "evidence/EV-TOOL.html");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\u{fffd}"), "{page}");
    for (path, bytes) in made.files.iter().filter(|(p, _)| p.ends_with(".html")) {
        assert!(!String::from_utf8_lossy(bytes).contains("<script"), "{path}");
    }
}

#[test]
fn nothing_is_claimed_of_what_is_not_there() {
    let made = made(9, u64::MAX, "all", &facts());
    for id in ["EV-RISK", "EV-INC", "EV-EVAL", "EV-BOM", "EV-TRAIN", "EV-IMP", "EV-FB"] {
        let answer: serde_json::Value =
            serde_json::from_str(text(&made, &format!("evidence/{id}.json"))).unwrap();
        assert!(["none_yet", "needs_import"].contains(&answer["availability"].as_str().unwrap()), "{id}");
        assert_eq!(
            (answer["records"].as_u64(), answer["tables"].as_array().map(Vec::len)),
            (Some(0), Some(0)),
            "{id}"
        );
        assert!(!answer["lacks"].as_str().unwrap().is_empty(), "{id}");
    }
}

#[test]
fn oscal_identifiers_are_made_from_content() {
    let results = |n, to| {
        let made = made(n, to, "gdpr", &facts());
        serde_json::from_str::<serde_json::Value>(text(
            &made,
            "frameworks/gdpr/oscal-assessment-results.json",
        ))
        .unwrap()
    };
    let (a, b, c) = (results(9, 50_000), results(12, 50_000), results(9, 60_000));
    let uuid = |v: &serde_json::Value| v["assessment-results"]["uuid"].as_str().unwrap().to_owned();
    assert_eq!(a, b);
    assert_ne!(uuid(&a), uuid(&c));
    assert_eq!(uuid(&a).as_bytes()[14], b'5', "version 5");
    let result = &a["assessment-results"]["results"][0];
    assert_eq!(result["observations"].as_array().unwrap().len(), 21);
    assert!(result.get("findings").is_none(), "whether an objective is satisfied is not ours to say");
}

#[test]
fn every_direct_evidence_has_figures_when_there_are_records() {
    let leaves = log(40);
    let period = Period { from: 0, to: u64::MAX };
    let figures = pass(&leaves, period);
    let catalogue = Catalogue::embedded().unwrap();
    let answers = queries::answers(&catalogue, &figures, &facts(), period, &Log::default());
    for answer in answers.iter().filter(|a| a.availability == crate::Availability::Direct) {
        assert!(answer.records > 0 && !answer.tables.is_empty(), "{}", answer.id.name());
        assert!(
            (1..=5).contains(&answer.samples.len()) && !answer.commands.is_empty(),
            "{}",
            answer.id.name()
        );
        assert!(answer.tables.iter().all(|t| t.rows.iter().all(|r| r.len() == t.columns.len())));
    }
}
