//! Join, marks and drift.

use crate::asset::{AssetKind, Attribute, Sink, Source};
use crate::declared::declared;
use crate::inventory::{Inventory, Issue, Mark, Rules};
use crate::logs::{Format, LogScan, Usage};
use crate::{Baseline, BaselineError, Drift};

/// 2026-11-25.
const NOW: i64 = 1_795_600_800_000;

fn rules(logs: bool) -> Rules {
    Rules { now: NOW, dormant_days: 90, least: 400, logs }
}

fn usage(log: &str) -> Usage {
    let mut usage = Usage::default();
    let mut scan = LogScan::new("squid.log", Some(Format::Squid), 2026, &mut usage);
    scan.push(log.as_bytes()).unwrap();
    scan.finish().unwrap();
    usage
}

fn sightings() -> Vec<crate::Sighting> {
    let mut sink = Sink::new("a.py");
    for (key, confidence) in [("openai", 850), ("cohere", 800), ("guess", 300)] {
        let mut s = sink.at(AssetKind::Service, key, Source::Code, 3).with(Attribute::Host, "h");
        s.confidence = confidence;
        sink.push(s);
    }
    let s = sink.at(AssetKind::Secret, "a.py#x", Source::Code, 4);
    sink.push(s);
    sink.found
}

const DECLARED: &str = r#"
[[asset]]
kind = "service"
name = "OpenAI"
owner = "platform"
review = 2026-01-01
[[asset]]
kind = "service"
name = "cohere"
[[asset]]
kind = "service"
name = "Mistral"
owner = "platform"
[[asset]]
kind = "service"
name = "perplex*"
status = "forbidden"
instead = "ask the gateway"
"#;

const LOG: &str = "1795600000.000 1 10.0.0.5 TCP/200 9 GET https://api.openai.com/v1 ann X/- -\n1795600001.000 1 10.0.0.6 TCP/200 9 CONNECT www.perplexity.ai:443 bob X/- -\n";

fn marks(inventory: &Inventory) -> Vec<(String, Option<Mark>, Vec<Issue>)> {
    inventory.assets.iter().map(|a| (a.id.key.clone(), a.mark, a.issues.clone())).collect()
}

#[test]
fn the_four_marks() {
    let declared = declared(DECLARED).unwrap();
    let inventory = Inventory::new(sightings(), &usage(LOG), &declared, &rules(true));
    assert_eq!(
        marks(&inventory),
        [
            ("cohere".into(), Some(Mark::Dormant), vec![Issue::Unowned, Issue::Dormant]),
            ("mistral".into(), Some(Mark::Ghost), vec![Issue::Ghost]),
            ("openai".into(), Some(Mark::Sanctioned), vec![Issue::ReviewDue]),
            ("perplexity".into(), Some(Mark::Shadow), vec![Issue::Forbidden, Issue::Shadow, Issue::Unowned]),
            ("a.py#x".into(), None, vec![Issue::Secret]),
        ]
    );
    assert_eq!(inventory.unsure, 1);
    let openai = &inventory.assets[2];
    assert_eq!((openai.sightings, openai.evidence.len(), openai.used.as_ref().unwrap().clients), (2, 2, 1));
    assert_eq!(inventory.assets[3].instead.as_deref(), Some("ask the gateway"));
    let uses: Vec<_> = inventory.uses.iter().map(|u| (u.who.as_str(), u.user.as_str(), u.mark)).collect();
    assert_eq!(uses, [("10.0.0.5", "ann", Some(Mark::Sanctioned)), ("10.0.0.6", "bob", Some(Mark::Shadow))]);
    // Without logs nothing can be dormant.
    let without = Inventory::new(sightings(), &Usage::default(), &declared, &rules(false));
    assert_eq!(without.assets[0].mark, Some(Mark::Sanctioned));
}

fn lines(inventory: &Inventory) -> String {
    let line = |a: &crate::Asset| {
        let mut value = serde_json::to_value(a).unwrap();
        value["t"] = "asset".into();
        value.to_string() + "\n"
    };
    inventory.assets.iter().map(line).collect()
}

#[test]
fn drift_between_two_scans() {
    let before = Inventory::new(sightings(), &Usage::default(), &[], &rules(false));
    let baseline = Baseline::read(&lines(&before)).unwrap();
    assert_eq!(baseline.drift(&before), []);
    let mut later = sightings();
    later.retain(|s| s.id.key != "cohere");
    later[0].attributes.push((Attribute::Host, "other".into()));
    let after = Inventory::new(later, &usage(LOG), &declared(DECLARED).unwrap(), &rules(false));
    let drift = baseline.drift(&after);
    let keys: Vec<_> = drift
        .iter()
        .map(|d| match d {
            Drift::New { id } => format!("new {}", id.key),
            Drift::Gone { id } => format!("gone {}", id.key),
            Drift::Changed { id, what } => format!("changed {}: {}", id.key, what.join(", ")),
        })
        .collect();
    assert!(keys.contains(&"new perplexity".into()) && keys.contains(&"new mistral".into()), "{keys:?}");
    let changed = keys.iter().find(|k| k.starts_with("changed openai")).unwrap();
    assert!(changed.contains("mark: shadow -> sanctioned") && changed.contains("host: + other"), "{changed}");
    assert!(keys.iter().any(|k| k == "changed cohere: mark: shadow -> ghost, host: - h"), "{keys:?}");
    assert_eq!(Baseline::read("{\"t\":\"asset\"}\n"), Err(BaselineError::Line(1)));
    assert_eq!(Baseline::read("x"), Err(BaselineError::Line(1)));
    assert_eq!(Baseline::read("\n"), Err(BaselineError::Empty));
}

#[test]
fn what_an_agents_host_reached_itself_went_past_the_gateway() {
    let agents = crate::agents("[[agent]]\nname=\"bot\"\nhosts=[\"10.0.0.5\"]").unwrap();
    let mut inventory = Inventory::new(sightings(), &usage(LOG), &declared(DECLARED).unwrap(), &rules(true));
    let before = inventory.issues();
    inventory.mark_bypasses(&agents);
    let found: Vec<_> =
        inventory.uses.iter().filter_map(|u| Some((u.who.as_str(), u.bypass.as_deref()?))).collect();
    assert_eq!(found, [("10.0.0.5", "bot")]);
    let issues = inventory.issues();
    assert_eq!(issues.get(&Issue::Bypass), Some(&1));
    assert_eq!(issues.len(), before.len() + 1, "nothing else changes");
    let openai =
        inventory.assets.iter().find(|a| a.id.key == "openai" && a.id.kind == AssetKind::Service).unwrap();
    assert_eq!(openai.issues.first(), Some(&Issue::Bypass));
}

#[test]
fn a_lookup_alone_is_no_bypass() {
    let mut usage = Usage::default();
    let mut scan = LogScan::new("dns.log", Some(Format::Dnsmasq), 2026, &mut usage);
    scan.push(b"Nov 25 10:00:00 dnsmasq[1]: query[A] api.openai.com from 10.0.0.5\n").unwrap();
    scan.finish().unwrap();
    let agents = crate::agents("[[agent]]\nname=\"bot\"\nhosts=[\"10.0.0.5\"]").unwrap();
    let mut inventory = Inventory::new(Vec::new(), &usage, &[], &rules(true));
    inventory.mark_bypasses(&agents);
    assert_eq!(inventory.uses.len(), 1);
    assert!(!inventory.issues().contains_key(&Issue::Bypass));
}
