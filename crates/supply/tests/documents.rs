//! What is written, against the official schemas (`data/schemas`), and read again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions fail by panicking, as its cases do"
)]

use cordon_inventory::code::FileKind;
use cordon_inventory::logs::Usage;
use cordon_inventory::{AssetKind, Inventory, Rules, Sink, declared, scan_file};
use cordon_supply::Ecosystem;
use cordon_supply::bom::{self, Bom, Kind, Part};
use cordon_supply::osv::Package;
use cordon_supply::report::{Entry, Rule, Weight, junit, sarif};
use jsonschema::Registry;
use serde_json::{Value, json};

/// Every violation of a schema; an unknown reference fails, and nothing is fetched.
fn violations(schema: &str, document: &Value) -> Vec<String> {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let base = "http://cyclonedx.org/schema/";
    let registry = Registry::new()
        .add(
            format!("{base}spdx.SNAPSHOT.schema.json"),
            read(include_str!("data/schemas/spdx-licences.json")),
        )
        .unwrap()
        .add(format!("{base}jsf-0.82.SNAPSHOT.schema.json"), read(include_str!("data/schemas/jsf-0.82.json")))
        .unwrap()
        .prepare()
        .unwrap();
    let validator = jsonschema::options()
        .with_registry(&registry)
        .offline()
        .should_validate_formats(true)
        .build(&read(&schema.replace("{2}]?$", "{2}?$")))
        .unwrap();
    validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

const CYCLONEDX: &str = include_str!("data/schemas/cyclonedx-1.6.json");
const SPDX: &str = include_str!("data/schemas/spdx-2.3.json");
/// SARIF's own pattern for languages has a bracket that closes nothing, which ECMA-262 refuses in Unicode mode.
const SARIF: &str = include_str!("data/schemas/sarif-2.1.0.json");

const DECLARED: &str = r#"
[[asset]]
kind = "service"
name = "openai"
owner = "ann"
data_class = "confidential"
[[asset]]
kind = "model"
name = "ghost-model"
owner = "ann"
"#;

fn inventory() -> Inventory {
    let files: [(&str, Vec<u8>); 6] = [
        ("requirements.txt", b"openai==1.2.0\nlangchain==0.1.0\n".to_vec()),
        ("app.py", b"import openai\nMODEL = \"gpt-4o\"\nURL = \"https://api.openai.com/v1\"\n".to_vec()),
        (
            ".mcp.json",
            br#"{"mcpServers":{"git":{"command":"uvx","args":["mcp-server-git==2026.1.1"]},
                "far":{"url":"https://mcp.linear.app/mcp"}}}"#
                .to_vec(),
        ),
        ("Dockerfile", b"FROM ollama/ollama:0.3\n".to_vec()),
        ("AGENTS.md", b"Be kind.\n".to_vec()),
        ("m.safetensors", safetensors()),
    ];
    let mut found = Vec::new();
    for (path, bytes) in files {
        let mut sink = Sink::new(path);
        scan_file(FileKind::of(path).unwrap(), &bytes, bytes.len() as u64, &mut sink);
        found.extend(sink.found);
    }
    let rules = Rules { now: 1_795_600_800_000, dormant_days: 90, least: 0, logs: false };
    Inventory::new(found, &Usage::default(), &declared(DECLARED).unwrap(), &rules)
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(header);
    out.extend_from_slice(&[0; 4]);
    out
}

fn bill() -> Bom {
    let package = |ecosystem, name: &str, version: Option<&str>| Package {
        ecosystem,
        name: name.to_owned(),
        version: version.map(str::to_owned),
        requirement: version.is_none().then(|| ">=1".to_owned()),
    };
    let packages = [
        package(Ecosystem::PyPi, "openai", Some("1.2.0")),
        package(Ecosystem::PyPi, "langchain", Some("0.1.0")),
        package(Ecosystem::Npm, "@scope/pkg", Some("1.0.0-rc.1+b.2")),
        package(Ecosystem::Maven, "org.x:y", Some("1.0")),
        package(Ecosystem::Go, "github.com/Masterminds/goutils", Some("v1.1.0")),
        package(Ecosystem::Cargo, "serde_json", None),
    ];
    let head = ("the \"subject\"", "3e671687-395b-41f5-a30f-a58921a69b79", "2026-11-27T10:00:00Z", "0.1.0");
    let head = (head.0.to_owned(), head.1.to_owned(), head.2.to_owned(), head.3.to_owned());
    Bom::new(head, &inventory(), packages.map(|p| (p, vec!["a b/requirements.txt:3".to_owned()])))
}

fn with<'p>(parts: &'p [Part], kind: Kind, name: &str) -> &'p Part {
    parts
        .iter()
        .find(|p| p.kind == kind && p.name.contains(name))
        .unwrap_or_else(|| panic!("{name} in {parts:#?}"))
}

#[test]
fn the_schemas_refuse_what_they_should() {
    let broken =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "model", "name": 1}]});
    assert!(violations(CYCLONEDX, &broken).len() >= 2);
    assert!(!violations(SPDX, &json!({"spdxVersion": "SPDX-2.3"})).is_empty());
    assert!(!violations(SARIF, &json!({"version": "2.1.0", "runs": [{"results": []}]})).is_empty());
}

#[test]
fn cyclonedx_is_valid_and_says_it_all() {
    let document = bom::cyclonedx(&bill());
    assert_eq!(violations(CYCLONEDX, &document), Vec::<String>::new());
    let parts = bom::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(with(&parts, Kind::Library, "@scope/pkg").version.as_deref(), Some("1.0.0-rc.1+b.2"));
    assert_eq!(with(&parts, Kind::Library, "org.x:y").ecosystem, Some(Ecosystem::Maven));
    assert_eq!(with(&parts, Kind::Library, "Masterminds").ecosystem, Some(Ecosystem::Go));
    with(&parts, Kind::Framework, "langchain");
    with(&parts, Kind::Model, "gpt-4o");
    with(&parts, Kind::Model, "m.safetensors");
    with(&parts, Kind::Application, "mcp-server-git");
    with(&parts, Kind::Container, "ollama");
    let service = with(&parts, Kind::Service, "OpenAI");
    assert_eq!(service.data_class.as_deref(), Some("confidential"));
    assert!(service.endpoints.iter().any(|e| e.contains("api.openai.com")), "{service:?}");
    with(&parts, Kind::Service, "far");
    assert!(!document.to_string().contains("ghost-model"), "only declared");
    let models = document["components"].as_array().unwrap().iter();
    let cards =
        models.filter(|c| c["type"] == "machine-learning-model" && c["modelCard"].is_object()).count();
    assert_eq!(cards, 2);
    // A package that files name stands once, whatever the inventory knows of it besides.
    let openai = parts.iter().filter(|p| p.name == "openai").count();
    assert_eq!(openai, 1);
}

#[test]
fn spdx_is_valid_and_says_it_all() {
    let document = bom::spdx(&bill());
    assert_eq!(violations(SPDX, &document), Vec::<String>::new());
    let parts = bom::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(parts.len(), bill().parts.len());
    assert_eq!(with(&parts, Kind::Library, "@scope/pkg").version.as_deref(), Some("1.0.0-rc.1+b.2"));
    with(&parts, Kind::Model, "gpt-4o");
    let service = with(&parts, Kind::Service, "OpenAI");
    assert!(service.endpoints.iter().any(|e| e.contains("api.openai.com")), "{service:?}");
    let three = bom::read(bom::spdx3(&bill()).to_string().as_bytes()).unwrap();
    assert_eq!(three.len(), bill().parts.len());
    with(&three, Kind::Model, "gpt-4o");
}

#[test]
fn what_is_read_is_an_inventory_and_packages_again() {
    for document in [bom::cyclonedx(&bill()), bom::spdx(&bill()), bom::spdx3(&bill())] {
        let parts = bom::read(document.to_string().as_bytes()).unwrap();
        let packages = bom::packages(&parts);
        let exact = packages.iter().filter(|p| p.version.is_some()).count();
        // The five with a version, and the tool server's.
        assert_eq!(exact, 6, "{packages:?}");
        let mut sink = Sink::new("bom.json");
        bom::sightings(&parts, &mut sink);
        let has = |kind: AssetKind, key: &str| {
            sink.found.iter().any(|s| s.id.kind == kind && s.id.key.contains(key))
        };
        assert!(has(AssetKind::Package, "pypi/openai") && has(AssetKind::Package, "pypi/langchain"));
        assert!(has(AssetKind::Model, "gpt-4o"), "{:?}", sink.found);
        assert!(!has(AssetKind::Package, "@scope"), "what is no AI is no sighting");
    }
}

fn entries() -> Vec<Entry> {
    let entry = |id: &str, weight, subject: &str| Entry {
        rule: Rule { id: id.to_owned(), title: "what it is".to_owned() },
        weight,
        subject: subject.to_owned(),
        message: "do <this> & \"that\" ]]> \u{1b}[2J \u{0}".to_owned(),
        places: vec!["a b/ü.txt:3".to_owned(), "/x/y".to_owned(), "odd:0".to_owned()],
        severity: None,
    };
    vec![
        entry("new-package", Weight::Error, "package:pypi/x"),
        entry("GHSA-1", Weight::Warning, "npm/@a/b 1.0"),
        entry("new-package", Weight::Note, "package:pypi/<y>"),
    ]
}

#[test]
fn sarif_is_valid() {
    let empty = sarif(&[], "0.1.0");
    assert_eq!(violations(SARIF, &empty), Vec::<String>::new());
    let log = sarif(&entries(), "0.1.0");
    assert_eq!(violations(SARIF, &log), Vec::<String>::new());
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 2);
    assert_eq!(run["results"][0]["ruleIndex"], 1);
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&json!("a%20b/%C3%BC.txt"), &json!(3))
    );
    assert!(!log.to_string().contains("\\u001b"), "{log}");
}

#[test]
fn junit_is_well_formed_and_counts() {
    use quick_xml::Reader;
    use quick_xml::events::Event;
    for (entries, tests, failures) in [(Vec::new(), "1", "0"), (entries(), "3", "1")] {
        let text = junit(&entries, "cordon gate").unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        let mut reader = Reader::from_str(&text);
        let (mut cases, mut failed, mut depth) = (0, 0, 0);
        loop {
            let event = reader.read_event().unwrap();
            if let Event::Start(e) | Event::Empty(e) = &event {
                for attribute in e.attributes() {
                    let attribute = attribute.unwrap();
                    if e.name().as_ref() == "testsuite" {
                        match attribute.key.as_ref() {
                            "tests" => assert_eq!(attribute.value.as_ref(), tests),
                            "failures" => assert_eq!(attribute.value.as_ref(), failures),
                            _ => {}
                        }
                    }
                }
                cases += usize::from(e.name().as_ref() == "testcase");
                failed += usize::from(e.name().as_ref() == "failure");
            }
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!((cases.to_string().as_str(), failed.to_string().as_str(), depth), (tests, failures, 0));
    }
}
