//! The supply chain's readers: versions, ranges, advisories, bills of materials; and what is written of strangers' names.

use crate::led;
use cordon_supply::Ecosystem;
use cordon_supply::bom::{self, Bom};
use cordon_supply::osv::{self, Advisories, Answer, Package};
use cordon_supply::report::{Entry, Rule, Weight, junit, sarif};
use cordon_supply::version::{Admits, admits};

fn ecosystem(lead: usize) -> Ecosystem {
    Ecosystem::ALL.get(lead % Ecosystem::ALL.len()).copied().unwrap_or(Ecosystem::Npm)
}

/// Two versions and a range, a line each: an order is the same both ways, and whatever a range is, it ends.
pub fn versions(data: &[u8]) {
    let (lead, bytes) = led(data);
    let ecosystem = ecosystem(lead);
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (a, b, range) = (next(), next(), next());
    let scheme = ecosystem.scheme();
    let there = scheme.compare(a, b);
    assert_eq!(there, scheme.compare(b, a).map(std::cmp::Ordering::reverse), "{a} {b}");
    if let Some(itself) = scheme.compare(a, a) {
        assert!(itself.is_eq(), "{a}");
    }
    let _ = admits(ecosystem, range, a) == Admits::Yes;
}

/// A record: what is read can be written and read again; every version has an answer.
pub fn advisory(data: &[u8]) {
    let (lead, bytes) = led(data);
    let Ok(advisory) = osv::read(bytes) else { return };
    let again = osv::read(advisory.to_json().to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&advisory));
    let mut found = Vec::new();
    for affected in advisory.affected.iter().take(20) {
        let edges = affected.ranges.iter().flat_map(|r| &r.events).map(|(_, v)| v.as_str());
        for version in
            edges.chain(affected.versions.iter().map(String::as_str)).chain(["1.0", "", "x"]).take(50)
        {
            if affected.affects(version) == Answer::Affected {
                found.push((affected.ecosystem, affected.name.clone(), version.to_owned()));
            }
        }
    }
    let mut all = Advisories::default();
    if all.add(advisory).is_err() {
        return;
    }
    for (ecosystem, name, version) in found {
        let requirement = (lead % 2 == 1).then(|| version.clone());
        let version = requirement.is_none().then_some(version);
        let exact = version.is_some();
        let hits = all.hits(&Package { ecosystem, name, version, requirement });
        // What is affected for sure is told for sure.
        assert!(!exact || hits.iter().any(|h| h.doubt.is_none()), "{hits:?}");
    }
}

/// A document: parts without control characters, which can be written in each format and read again.
pub fn bill(data: &[u8]) {
    let Ok(parts) = bom::read(data) else { return };
    for part in &parts {
        assert!(!part.name.chars().any(char::is_control), "{part:?}");
    }
    let count = parts.len();
    let _ = bom::packages(&parts);
    let mut sink = cordon_inventory::Sink::new("bom.json");
    bom::sightings(&parts, &mut sink);
    let entries: Vec<Entry> = parts
        .iter()
        .take(50)
        .map(|p| Entry {
            rule: Rule { id: "new-package".to_owned(), title: p.name.clone() },
            weight: Weight::Error,
            subject: p.name.clone(),
            message: format!("{:?}", p.version),
            places: p.endpoints.clone(),
            severity: None,
        })
        .collect();
    let text = junit(&entries, "fuzz").unwrap_or_else(|e| panic!("{e}"));
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    let log = sarif(&entries, "0");
    assert!(!log.to_string().is_empty());
    let bill = Bom {
        subject: "x".to_owned(),
        serial: String::new(),
        at: String::new(),
        version: String::new(),
        parts,
    };
    for document in [bom::cyclonedx(&bill), bom::spdx(&bill), bom::spdx3(&bill)] {
        let again = bom::read(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.len(), count);
    }
}

/// Inputs for each of them.
pub mod seeds {
    /// Versions and ranges.
    pub fn versions() -> Vec<Vec<u8>> {
        let texts: [&[u8]; 7] = [
            b"1!2.0rc1.post2.dev3+a.1\n2.0\n>=1,<2,!=1.5.*",
            b"1.0.0-alpha.1+b\nv1.0\n^1.2 || ~2.3.x - 4",
            b"1.0.0\n1.0.1\n>=1.2, <2",
            b"v0.0.0-20200101000000-abcdef123456\nv2.0.0+incompatible\n>= v1",
            b"1.0-alpha-1.ga.RELEASE\n1.x1\n[1.0,2.0),(3,]",
            b"1.0.0.1-Beta\n1\n>= 1.0",
            b"1.0.rc1\n1.a\n~> 2.3",
        ];
        let each = (0_u8..).zip(texts);
        each.map(|(n, t)| [&[n], t].concat()).collect()
    }

    /// Records.
    pub fn records() -> Vec<Vec<u8>> {
        vec![
            b"\0{\"id\":\"GHSA-1\",\"aliases\":[\"CVE-1\"],\"severity\":[{\"score\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"versions\":[\"1.0.0\"],\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2.0.0\"},{\"limit\":\"*\"}]},{\"type\":\"GIT\",\"events\":[{\"introduced\":\"0\"}]}],\"database_specific\":{\"last_known_affected_version_range\":\"<= 1.5\"}}]}".to_vec(),
            b"\x01{\"id\":\"PYSEC-1\",\"withdrawn\":\"\",\"affected\":[{\"package\":{\"ecosystem\":\"PyPI\",\"name\":\"X.y\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"1.0\"},{\"last_affected\":\"1.5rc1\"},{\"fixed\":\"oops, 2\"}]}]}]}".to_vec(),
        ]
    }

    /// Documents.
    pub fn bills() -> Vec<Vec<u8>> {
        vec![
            b"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{\"type\":\"machine-learning-model\",\"name\":\"gpt-4o\",\"modelCard\":{\"modelParameters\":{\"modelArchitecture\":\"x\"}}},{\"type\":\"library\",\"name\":\"openai\",\"purl\":\"pkg:pypi/openai@1.0\",\"components\":[{\"name\":\"y\",\"group\":\"g\"}]}],\"services\":[{\"name\":\"s\",\"endpoints\":[\"https://api.openai.com/v1\"],\"data\":[{\"classification\":\"c\"}]}]}".to_vec(),
            b"{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"name\":\"a\",\"versionInfo\":\"1\",\"comment\":\"machine-learning model\",\"primaryPackagePurpose\":\"OTHER\",\"externalRefs\":[{\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:npm/%40a/b@1\"}]}]}".to_vec(),
            b"{\"@graph\":[{\"type\":\"ai_AIPackage\",\"name\":\"m\"},{\"type\":\"software_Package\",\"name\":\"p\",\"software_packageUrl\":\"pkg:golang/a/b@v1\"}]}".to_vec(),
        ]
    }
}
