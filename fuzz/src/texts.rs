//! What operators, agents and the ledger's files hand in: taken or refused, never a panic; what has one form only is
//! given back in that form.

use crate::led;
use cordon_ledger::{Checkpoint, InclusionProof, Record, Signer, VerifierKey};
use cordon_policy::{PolicySet, PolicySource, ToolUsed, Used};
use cordon_types::ModelName;

/// Manifests.
pub fn manifest(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match cordon_policy::parse_manifest("m.toml", &text) {
        Err(problems) => assert!(!problems.0.is_empty(), "refused without a reason"),
        Ok(manifest) => {
            let agent = manifest.agent.clone();
            let models = [ModelName::new("m").ok()].into_iter().flatten().collect::<Vec<_>>();
            // A manifest that reads must compile, but for models that the config does not have.
            if let Err(problems) = PolicySet::build(vec![manifest], Vec::new(), &[]) {
                panic!("a manifest does not compile: {problems}");
            }
            let _ = (agent, models);
        }
    }
}

/// Manifests cut down to some use: what comes out reads, is nowhere wider, covers the use, and cut again stays.
pub fn rightsize(data: &[u8]) {
    let (lead, data) = led(data);
    let text = String::from_utf8_lossy(data);
    let Ok(m) = cordon_policy::parse_manifest("m.toml", &text) else { return };
    // Every second entry was used, or every third, ...; a pattern by a name that it fits.
    let step = 1 + lead % 4;
    let name = |n: &str| n.strip_suffix('*').map_or_else(|| n.to_owned(), |p| format!("{p}x"));
    let mut used = Used::default();
    for tool in
        m.tools.iter().step_by(step).filter(|t| m.tool(&name(&t.name)).is_some_and(|r| r.name == t.name))
    {
        used.tools.insert(name(&tool.name), ToolUsed { calls: 1, ..ToolUsed::default() });
    }
    used.models = m.models.iter().step_by(step).map(|n| (name(n), 1)).collect();
    used.features = m.features.iter().step_by(step).copied().collect();
    if lead & 4 > 0 {
        used.hidden.insert(None, 1);
    }
    let cut = cordon_policy::rightsize(&m, &used).unwrap_or_else(|p| panic!("{p}\n{text}"));
    let wider: Vec<_> = cordon_policy::compare(&m, &cut.manifest)
        .into_iter()
        .filter(|d| d.direction != cordon_policy::Direction::Narrower)
        .collect();
    assert!(wider.is_empty(), "{wider:?}\n{text}\n=>\n{}", cut.text);
    assert!(used.tools.keys().all(|t| cut.manifest.tool(t).is_some()), "{text}\n=>\n{}", cut.text);
    assert!(used.models.keys().all(|m| cut.manifest.lists_model(m)), "{text}\n=>\n{}", cut.text);
    let again =
        cordon_policy::rightsize(&cut.manifest, &used).unwrap_or_else(|p| panic!("{p}\n{}", cut.text));
    assert!(cordon_policy::compare(&cut.manifest, &again.manifest).is_empty(), "{}", again.text);
}

/// The config.
pub fn config(data: &[u8]) {
    if let Err(problems) = cordon_config::parse("cordon.toml", &String::from_utf8_lossy(data)) {
        assert!(!problems.0.is_empty(), "refused without a reason");
    }
}

/// An operator's Cedar.
pub fn policy(data: &[u8]) {
    let own = PolicySource { name: "own.cedar".to_owned(), text: String::from_utf8_lossy(data).into_owned() };
    let manifest = "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\nmodels = [\"m\"]\n";
    let Ok(manifest) = cordon_policy::parse_manifest("a.toml", manifest) else {
        panic!("the manifest is good")
    };
    if let Err(problems) = PolicySet::build(vec![manifest], vec![own], &[]) {
        assert!(!problems.0.is_empty(), "refused without a reason");
    }
}

/// Texts of keys.
pub fn key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(key) = cordon_identity::KeyText::parse(&text) {
        assert!(text.contains(key.id));
    }
}

/// Leaves: what is taken is in its one form.
pub fn record(data: &[u8]) {
    if let Ok(record) = Record::decode(data) {
        let encoded = match &record {
            Record::Intent(r) => r.encode(),
            Record::Outcome(r) => r.encode(),
            Record::Control(r) => r.encode(),
        };
        assert_eq!(encoded, data, "a leaf has two forms");
    }
}

/// Inclusion proofs as text.
pub fn proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(proof) = InclusionProof::from_text(text) {
        let again = InclusionProof::from_text(&proof.to_text()).map(|p| p.to_text());
        assert_eq!(again.ok(), Some(proof.to_text()));
    }
}

/// Checkpoints, signed notes, keys of signers and verifiers.
pub fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Checkpoint::parse(text);
    if let Ok(key) = VerifierKey::from_text(text) {
        assert_eq!(VerifierKey::from_text(&key.to_text()).map(|k| k.to_text()).ok(), Some(key.to_text()));
    }
    let _ = Signer::from_text(text);
    if let Ok(signer) = Signer::generate("example.com/log", [3; 32]) {
        let key = signer.verifier();
        if let Ok(checkpoint) = Checkpoint::open(text, &key) {
            assert!(Checkpoint::open(&checkpoint.sign(&signer), &key).is_ok());
        }
    }
}
