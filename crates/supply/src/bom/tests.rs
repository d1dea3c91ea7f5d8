//! Package URLs and documents of strangers.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn package_urls() {
    for (text, want) in [
        ("pkg:pypi/django@1.11.1", Some((Ecosystem::PyPi, "django", Some("1.11.1")))),
        ("pkg:npm/%40angular/animation@12.3.1", Some((Ecosystem::Npm, "@angular/animation", Some("12.3.1")))),
        ("pkg:npm/foobar", Some((Ecosystem::Npm, "foobar", None))),
        (
            "pkg:golang/google.golang.org/genproto@abcdedf#/googleapis/api",
            Some((Ecosystem::Go, "google.golang.org/genproto", Some("abcdedf"))),
        ),
        (
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources",
            Some((Ecosystem::Maven, "org.apache.xmlgraphics:batik-anim", Some("1.9.1"))),
        ),
        (
            "pkg:nuget/EnterpriseLibrary.Common@6.0.1304",
            Some((Ecosystem::NuGet, "EnterpriseLibrary.Common", Some("6.0.1304"))),
        ),
        (
            "pkg:gem/ruby-advisory-db-check@0.12.4",
            Some((Ecosystem::RubyGems, "ruby-advisory-db-check", Some("0.12.4"))),
        ),
        ("pkg:cargo/rand@0.7.2%2Bx", Some((Ecosystem::Cargo, "rand", Some("0.7.2+x")))),
        ("pkg:deb/debian/curl@7.50.3-1", None),
        ("pkg:maven/only-one@1", None),
        ("pkg:npm/", None),
        ("pkg:npm/a%zz@1", None),
        ("pkg:npm/a%4", None),
        ("django", None),
    ] {
        let found = purl::parse(text);
        let found = found.as_ref().map(|(e, n, v)| (*e, n.as_str(), v.as_deref()));
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn documents_of_strangers() {
    for (text, why) in [
        ("", "no JSON"),
        ("{}", "names no format"),
        (r#"{"spdxVersion":"SPDX-2.1"}"#, "SPDX-2.1"),
        (r#"{"bomFormat":"CycloneDX","specVersion":"9"}"#, "CycloneDX 9"),
        (&format!("{}{}", r#"{"components":["#.repeat(5_000), "]}".repeat(5_000)), "no JSON"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    // What is odd within is passed over.
    let odd = json!({"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [
        5, {"type": "library"}, {"name": "a", "version": 7, "purl": "pkg:npm/%40s/a@1\u{1b}", "licenses": "MIT"},
        {"name": "b", "group": "g", "components": [{"name": "c", "type": "data"}]},
    ], "services": [{"name": "s", "endpoints": [1, "https://x"]}]});
    let parts = read(odd.to_string().as_bytes()).unwrap();
    let names: Vec<_> = parts.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["@s/a", "g/b", "c", "s"]);
    assert_eq!(parts[0].version.as_deref(), Some("1"), "no control character");
}

proptest! {
    #[test]
    fn package_urls_come_back(name in "[A-Za-z0-9@._-]{1,20}(/[A-Za-z0-9._-]{1,10})?", version in "[0-9A-Za-z.+~-]{1,12}") {
        for ecosystem in [Ecosystem::Npm, Ecosystem::Go, Ecosystem::Cargo, Ecosystem::RubyGems] {
            let text = purl::purl(ecosystem, &name, Some(&version));
            prop_assert_eq!(purl::parse(&text), Some((ecosystem, name.clone(), Some(version.clone()))));
        }
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = purl::parse(&String::from_utf8_lossy(&bytes));
    }
}
