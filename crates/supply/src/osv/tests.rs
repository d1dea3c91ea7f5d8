//! What the schema leaves to its readers, and what real records make of it.

use super::*;
use proptest::prelude::*;

fn affected(package: (&str, &str), rest: Value) -> Affected {
    let mut entry = rest;
    entry["package"] = json!({"ecosystem": package.0, "name": package.1});
    let record = json!({"id": "X-1", "affected": [entry]});
    read(record.to_string().as_bytes()).unwrap().affected.remove(0)
}

fn check(ecosystem: &str, rest: Value, expected: &[(&str, Answer)]) {
    let affected = affected((ecosystem, "p"), rest);
    for (version, answer) in expected {
        assert_eq!(affected.affects(version), *answer, "{version} of {affected:?}");
    }
}

const NOT: Answer = Answer::NotAffected;
const YES: Answer = Answer::Affected;

fn events(kind: &str, events: &[(&str, &str)]) -> Value {
    let events: Vec<Value> = events.iter().map(|(k, v)| json!({*k: *v})).collect();
    json!({"ranges": [{"type": kind, "events": events}]})
}

#[test]
fn listed_versions_come_first_and_ranges_after_them() {
    let both = json!({
        "versions": ["1.0", "2.0rc1"],
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "3"}, {"fixed": "3.1"}]}],
    });
    let expected =
        [("1.0.0", YES), ("v1.0", YES), ("2.0RC1", YES), ("2.0", NOT), ("3.0.5", YES), ("3.1", NOT)];
    check("PyPI", both, &expected);
    // PYSEC-2023-177 (gevent) lists the very version in which it says that it is fixed; PYSEC-2008-3 (cherrypy) one that
    // is no version of Python's.
    let gevent = json!({
        "versions": ["23.9.0", "23.9.0.post1"],
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "23.9.0"}]}],
    });
    check("PyPI", gevent, &[("23.9.0", YES), ("23.9.0.post1", YES), ("23.9.1", NOT)]);
    check("PyPI", json!({"versions": ["2.0.0-final"]}), &[("2.0.0-final", YES)]);
    // A version that is none of its scheme is listed by its very text.
    check("PyPI", json!({"versions": ["2004d-odd"]}), &[("2004d-odd", YES), ("2004e-odd", NOT)]);
}

#[test]
fn events_are_walked_in_the_order_of_versions() {
    let disordered = events(
        "SEMVER",
        &[("fixed", "2.1.0"), ("introduced", "2.0.0"), ("fixed", "1.5.0"), ("introduced", "0")],
    );
    check("npm", disordered, &[("1.4.9", YES), ("1.5.0", NOT), ("2.0.0", YES), ("2.1.0", NOT)]);
    // 1.10 is after 1.9, though not as text.
    let text = events("ECOSYSTEM", &[("introduced", "1.9"), ("fixed", "1.10")]);
    check("PyPI", text, &[("1.9.5", YES), ("1.10", NOT), ("1.2", NOT)]);
    // Fixed and brought back at one version: as written.
    let again = [("introduced", "1.0.0"), ("fixed", "2.0.0"), ("introduced", "2.0.0"), ("fixed", "3.0.0")];
    check("crates.io", events("SEMVER", &again), &[("1.9.0", YES), ("2.5.0", YES), ("3.0.0", NOT)]);
    let nothing = events("SEMVER", &[("introduced", "1.0.0"), ("fixed", "1.0.0")]);
    check("crates.io", nothing, &[("1.0.0", NOT), ("1.0.1", NOT)]);
}

#[test]
fn last_affected_and_limit() {
    let last = events("ECOSYSTEM", &[("introduced", "1.0"), ("last_affected", "1.2")]);
    check(
        "Maven",
        last,
        &[("1.2", YES), ("1.2.0", YES), ("1.2.1", NOT), ("1.3-rc1", NOT), ("1.0-alpha", NOT)],
    );
    let limit = events("SEMVER", &[("introduced", "0"), ("limit", "2.0.0")]);
    check("Go", limit, &[("v1.9.9", YES), ("v2.0.0", NOT), ("v2.0.0-0.20200101000000-abcdefabcdef", YES)]);
    let any = events("SEMVER", &[("introduced", "0"), ("limit", "*"), ("limit", "2.0.0")]);
    check("Go", any, &[("v1.9.9", YES)]);
}

/// GHSA-4r6h-8v6p-xvw6 (xlsx): the fix is not on npm, so that no event names it.
#[test]
fn githubs_last_known_range_closes_what_nothing_else_closes() {
    let known = |range: &str| {
        json!({
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
            "database_specific": {"last_known_affected_version_range": range},
        })
    };
    check("npm", known("< 0.19.3"), &[("0.18.5", YES), ("0.19.3", NOT), ("0.20.2", NOT)]);
    check("npm", known("<= 0.18.5"), &[("0.18.5", YES), ("0.18.6", NOT)]);
    // What cannot be read closes nothing.
    check("npm", known("all of them"), &[("0.20.2", YES)]);
    // Where an event closes the range, it alone counts.
    let fixed = json!({
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}],
        "database_specific": {"last_known_affected_version_range": "< 1.0.0"},
    });
    check("npm", fixed, &[("1.5.0", YES), ("2.0.0", NOT)]);
    let within = json!({"ranges": [{
        "type": "ECOSYSTEM", "events": [{"introduced": "0"}],
        "database_specific": {"last_known_affected_version_range": "<= 1.4"},
    }]});
    check("PyPI", within, &[("1.4", YES), ("1.4.1", NOT)]);
}

#[test]
fn a_bound_that_cannot_be_read_closes_nothing() {
    let maybe = Answer::Possible(Doubt::BoundUnread);
    for odd in ["2.0.0, 1.9.5", "none", "", "see advisory", "2.0.0 and later"] {
        let range = events("SEMVER", &[("introduced", "1.0.0"), ("fixed", odd)]);
        check("npm", range, &[("0.9.0", NOT), ("1.5.0", maybe), ("9.0.0", maybe)]);
    }
    // A `v` or a comparison before a version is not odd enough.
    for plain in ["v2.0.0", ">= 2.0.0", " 2.0.0 ", "=2.0.0"] {
        let range = events("SEMVER", &[("introduced", "1.0.0"), ("fixed", plain)]);
        check("npm", range, &[("1.5.0", YES), ("2.0.0", NOT)]);
    }
    let start = events("ECOSYSTEM", &[("introduced", "long ago"), ("fixed", "2.0")]);
    check("PyPI", start, &[("1.0", maybe), ("2.0", NOT)]);
    // A bound that was read still decides, where another was not.
    let two = events("SEMVER", &[("introduced", "0"), ("fixed", "1.5.0"), ("fixed", "?")]);
    check("npm", two, &[("1.0.0", maybe), ("1.5.0", NOT)]);
}

#[test]
fn the_scheme_of_a_range_may_not_be_the_registrys() {
    // Semantic bounds for a Python package: they hold, and its own versions are read in its own order.
    let semver = events("SEMVER", &[("introduced", "0"), ("fixed", "1.2.0")]);
    check("PyPI", semver.clone(), &[("1.1.0", YES), ("1.2.0rc1", YES), ("1.2", NOT), ("1.2.0.post1", NOT)]);
    let dev = [("1.2.0.dev3", YES), ("1!0.1", NOT), ("what?", Answer::Possible(Doubt::VersionUnread))];
    check("PyPI", semver, &dev);
    // The registry's order where a record says so: 1.0.0-rc.1 is before 1.0.0 in npm, too.
    check("npm", events("ECOSYSTEM", &[("introduced", "1.0.0")]), &[("1.0.0-rc.1", NOT), ("1.0.0", YES)]);
    // Commits say nothing of a version; beside a range that does, they do not matter.
    let commits =
        events("GIT", &[("introduced", "0"), ("fixed", "8af9e1f4c1f4e7a2e3f5b1c2d3e4f5a6b7c8d9e0")]);
    check("PyPI", commits.clone(), &[("1.0", Answer::Possible(Doubt::NoBounds))]);
    let mut both = events("ECOSYSTEM", &[("introduced", "0"), ("fixed", "2")]);
    both["ranges"].as_array_mut().unwrap().push(commits["ranges"][0].clone());
    check("PyPI", both, &[("1.0", YES), ("2", NOT)]);
    let mut listed = commits;
    listed["versions"] = json!(["1.0"]);
    check("PyPI", listed, &[("1.0", YES), ("1.1", NOT)]);
    check("PyPI", json!({}), &[("1.0", Answer::Possible(Doubt::NoBounds))]);
}

fn advisory(id: &str, aliases: &[&str], rest: Value) -> Advisory {
    let mut record = json!({"id": id, "aliases": aliases, "affected": [{
        "package": {"ecosystem": "PyPI", "name": "Some.Thing"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
    }]});
    for (key, value) in rest.as_object().unwrap() {
        record[key] = value.clone();
    }
    read(record.to_string().as_bytes()).unwrap()
}

fn package(version: Option<&str>, requirement: Option<&str>) -> Package {
    Package {
        ecosystem: Ecosystem::PyPi,
        name: "some_thing".to_owned(),
        version: version.map(str::to_owned),
        requirement: requirement.map(str::to_owned),
    }
}

#[test]
fn one_thing_is_told_once_under_all_its_names() {
    let mut all = Advisories::default();
    let vector = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]);
    all.add(advisory("PYSEC-1", &["CVE-1"], json!({"summary": "one"}))).unwrap();
    all.add(advisory("GHSA-1", &["CVE-1"], json!({"severity": vector}))).unwrap();
    all.add(advisory("CVE-2", &["PYSEC-1"], json!({}))).unwrap();
    all.add(advisory("GHSA-9", &[], json!({"database_specific": {"severity": "MODERATE"}}))).unwrap();
    let back = advisory("GHSA-8", &[], json!({"withdrawn": "2026-01-01T00:00:00Z"}));
    assert_eq!(all.add(back), Err(Refused::Withdrawn));
    let hits = all.hits(&package(Some("1.4"), None));
    let told: Vec<_> = hits.iter().map(|h| (h.id.as_str(), h.aliases.join(" "), h.severity.level)).collect();
    assert_eq!(
        told,
        [
            ("GHSA-1", "CVE-1 CVE-2 PYSEC-1".to_owned(), Some(Level::Critical)),
            ("GHSA-9", String::new(), Some(Level::Medium))
        ]
    );
    assert_eq!((hits[0].summary.as_str(), hits[0].severity.tenths), ("one", Some(98)));
    assert_eq!(hits[0].fixed.as_deref(), Some("2.0"));
    assert!(all.hits(&package(Some("2.0"), None)).is_empty());
}

#[test]
fn what_only_a_manifest_asks_for_is_possible_where_its_range_admits_an_affected_version() {
    let mut all = Advisories::default();
    all.add(advisory("PYSEC-1", &[], json!({}))).unwrap();
    let doubt = |requirement: Option<&str>| all.hits(&package(None, requirement)).first().map(|h| h.doubt);
    assert_eq!(doubt(Some(">=1.0,<3")), Some(Some(Doubt::RangeAdmits)));
    assert_eq!(doubt(Some("~=1.4")), Some(Some(Doubt::RangeAdmits)));
    assert_eq!(doubt(Some("^1.4.0")), Some(Some(Doubt::RangeAdmits)));
    assert_eq!(doubt(Some(">=2.1")), None);
    assert_eq!(doubt(None), Some(Some(Doubt::NoVersion)));
}

#[test]
fn each_registry_reads_its_own_ranges() {
    let bad = |ecosystem: Ecosystem, fixed: &str, range: &str| {
        let record = json!({"id": "X", "affected": [{
            "package": {"ecosystem": ecosystem.osv(), "name": "g:p"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }]});
        let mut all = Advisories::default();
        all.add(read(record.to_string().as_bytes()).unwrap()).unwrap();
        let requirement = Some(range.to_owned());
        !all.hits(&Package { ecosystem, name: "g:p".to_owned(), version: None, requirement }).is_empty()
    };
    use Ecosystem as E;
    for (ecosystem, range, want) in [
        (E::Npm, "^1.2.0", true),
        (E::Npm, "^5.0.0", false),
        (E::Npm, ">=1.0.0 <1.9.0 || >=5", true),
        (E::Npm, "1.x", true),
        (E::Npm, ">1.0.0 <2", true),
        (E::Cargo, ">1.0.0, <3", true),
        (E::PyPi, ">1.0,<2", true),
        (E::Npm, "5 - 6", false),
        (E::Npm, "*", true),
        (E::Npm, "latest", true),
        (E::Cargo, "1.4", true),
        (E::Cargo, "=2.0.0", false),
        (E::Cargo, ">=0.3, <0.5", true),
        (E::PyPi, "==1.*", true),
        (E::PyPi, ">=2.0rc1", true),
        (E::PyPi, ">=2.0", false),
        (E::Maven, "[1.0,2.0)", true),
        (E::Maven, "[2.0,3.0]", false),
        (E::Maven, "(,1.0],[5.0,)", true),
        (E::Maven, "${x.version}", true),
        (E::RubyGems, "~> 1.2", true),
        (E::RubyGems, "~> 2.1", false),
        (E::NuGet, ">= 2.0", false),
        (E::Go, ">= v1.0.0", true),
    ] {
        assert_eq!(
            bad(ecosystem, if ecosystem == E::PyPi { "2.0" } else { "2.0.0" }, range),
            want,
            "{ecosystem:?} {range}"
        );
    }
}

#[test]
fn scores() {
    let of = |vector: &str| {
        let record = json!({"id": "X", "severity": [{"type": "CVSS_V3", "score": vector}]});
        let s = read(record.to_string().as_bytes()).unwrap().severity;
        (s.tenths, s.level)
    };
    // Scores as the CVSS v3.1 and v4.0 examples and the advisories' own pages give them.
    assert_eq!(of("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"), (Some(100), Some(Level::Critical)));
    assert_eq!(of("CVSS:3.0/AV:L/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:L"), (Some(49), Some(Level::Medium)));
    assert_eq!(
        of("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"),
        (Some(93), Some(Level::Critical))
    );
    assert_eq!(of("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"), (Some(0), None));
    assert_eq!(of("7.5"), (Some(75), Some(Level::High)));
    assert_eq!(of("nonsense"), (None, None));
}

#[test]
fn what_is_no_record_is_refused() {
    for (text, why) in [
        ("", "no OSV record"),
        ("[]", "no id"),
        ("{}", "no id"),
        (r#"{"id":"X","affected":5}"#, "no OSV record"),
        (&"[".repeat(100_000), "no OSV record"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let many = format!(r#"{{"id":"X","affected":[{}]}}"#, vec!["{}"; 20_001].join(","));
    assert_eq!(read(many.as_bytes()), Err(RecordError::TooMany("packages")));
    assert_eq!(read(&vec![b' '; MAX_RECORD + 1]), Err(RecordError::TooLarge));
    // Taken back stays taken back, also without a date; a fuzzer found that it did not.
    let back = read(br#"{"id":"X","withdrawn":"c"}"#).unwrap();
    assert_eq!(read(back.to_json().to_string().as_bytes()), Ok(back));
    // Other registries' packages are passed over, not an error.
    let other = r#"{"id":"X","affected":[{"package":{"ecosystem":"Debian:12","name":"x"}}]}"#;
    assert!(read(other.as_bytes()).unwrap().affected.is_empty());
}

proptest! {
    /// Whatever the texts are, an order is one: nothing panics, and backwards is the reverse.
    #[test]
    fn orders_are_orders(texts in proptest::collection::vec("[0-9a-z.+!_-]{0,12}", 3)) {
        for ecosystem in Ecosystem::ALL {
            let scheme = ecosystem.scheme();
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            let order = |a: &str, b: &str| scheme.compare(a, b);
            prop_assert_eq!(order(a, b), order(b, a).map(std::cmp::Ordering::reverse));
            // Maven's own order is not transitive between lists and qualifiers; the others' are.
            if let (Some(x), Some(y)) = (order(a, b), order(b, c))
                && x == y && scheme != crate::Scheme::Maven
            {
                prop_assert_eq!(order(a, c), Some(x), "{} {} {}", a, b, c);
            }
        }
    }

    /// Any bytes end, and what is read can be written and read again.
    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        if let Ok(advisory) = read(text.as_bytes()) {
            prop_assert_eq!(read(advisory.to_json().to_string().as_bytes()), Ok(advisory));
        }
    }
}
