//! Tables of values, honest and hostile, for each predicate.

use crate::parse_manifest;
use crate::predicate::evaluate;
use serde_json::{Value, json};

/// Whether arguments pass the rules `[tools.args]` of that text.
fn passes(rules: &str, arguments: Value) -> bool {
    let toml = format!(
        "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\n[[tools]]\nname = \"t\"\n[tools.args]\n{rules}\n"
    );
    let manifest = parse_manifest("t.toml", &toml).unwrap_or_else(|p| panic!("{p}"));
    let tool = &manifest.tools[0];
    let outcome = evaluate(tool.args.as_ref().unwrap(), tool.other_args, Some(&arguments));
    assert_eq!(outcome.ok(), outcome.results.iter().all(|r| r.held));
    outcome.ok()
}

fn check(rules: &str, rows: &[(Value, bool)]) {
    for (value, expected) in rows {
        assert_eq!(passes(rules, json!({ "x": value })), *expected, "{rules}: {value}");
    }
}

#[test]
fn numbers() {
    check(
        "x = { min = 1, max = 100 }",
        &[
            (json!(1), true),
            (json!(100), true),
            (json!(100.0), true),
            (json!(100.5), false),
            (json!(0.999), false),
            (json!(101), false),
            (json!(-1), false),
            (json!(u64::MAX), false),
            (json!(1e300), false),
            (json!("50"), false),
            (json!(true), false),
            (json!(null), false),
            (json!([1, 2, 3]), true),
            (json!([1, 2, 300]), false),
            (json!([1, "2"]), false),
            (json!([[1]]), false),
            (json!({"x": 1}), false),
        ],
    );
    check("x = { max = 0.5 }", &[(json!(0.5), true), (json!(1), false), (json!(-7), true)]);
    check(
        "x = { max = 9007199254740993 }",
        &[(json!(9_007_199_254_740_993_i64), true), (json!(9_007_199_254_740_994_i64), false)],
    );
}

#[test]
fn enums_and_sizes() {
    check(
        "x = { enum = [\"a\", 2, true] }",
        &[
            (json!("a"), true),
            (json!("A"), false),
            (json!("a "), false),
            (json!(2), true),
            (json!(2.0), true),
            (json!("2"), false),
            (json!(true), true),
            (json!("true"), false),
            (json!(1), false),
            (json!(["a", 2]), true),
            (json!(["a", "b"]), false),
            (json!({}), false),
            (json!(null), false),
        ],
    );
    check(
        "x = { max_bytes = 3 }",
        &[(json!("abc"), true), (json!("abcd"), false), (json!("\u{e9}\u{e9}"), false), (json!(1), false)],
    );
    check("x = { max_items = 2 }", &[(json!([1, 2]), true), (json!([1, 2, 3]), false), (json!("one"), true)]);
}

#[test]
fn patterns_match_the_whole() {
    check(
        "x = { pattern = \"[a-z]+|[0-9]+\" }",
        &[
            (json!("abc"), true),
            (json!("123"), true),
            (json!("abc1"), false),
            (json!("abc\n"), false),
            (json!("\nabc"), false),
            (json!(""), false),
            (json!(123), false),
            (json!(["abc", "1"]), true),
        ],
    );
    // Multi-line mode does not loosen the ends.
    check("x = { pattern = \"(?m)^a$\" }", &[(json!("a"), true), (json!("a\nb"), false)]);
}

#[test]
fn presence() {
    let rows: [(&str, Value, bool); 10] = [
        ("x = { required = true }", json!({}), false),
        ("x = { required = true }", json!({"x": 1}), true),
        ("x = { required = true }", json!({"x": null}), false),
        ("x = { required = true }", json!({"x": []}), false),
        ("x = { required = true }", json!({"x": [null]}), false),
        ("x = { forbidden = true }", json!({}), true),
        ("x = { forbidden = true }", json!({"x": null}), false),
        ("x = {}", json!({}), true),
        ("x = {}", json!({"x": {"any": ["thing"]}}), true),
        ("x = { max = 1 }", json!({}), true),
    ];
    for (rules, value, expected) in rows {
        assert_eq!(passes(rules, value.clone()), expected, "{rules} {value}");
    }
}

#[test]
fn other_arguments() {
    for (rules, value, expected) in [
        ("x = {}", json!({"y": 1}), false),
        ("x = {}\nother_args = \"allow\"", json!({"y": 1}), true),
        // Who reads names without regard to case would take it for `x`.
        ("x = { max = 1 }\nother_args = \"allow\"", json!({"X": 5}), false),
        ("\"a.b\" = {}", json!({"a": {"b": 1}}), true),
        ("\"a.b\" = {}", json!({"a": {"b": 1, "c": 2}}), false),
        ("\"a.b\" = {}\nother_args = \"allow\"", json!({"a": {"b": 1, "c": 2}}), true),
        ("\"a.b\" = {}\nother_args = \"allow\"", json!({"a": {"B": 1}}), false),
        ("\"a.b\" = {}", json!({"a.b": 1}), false),
        ("a = {}", json!({"a": {"anything": {"below": 1}}}), true),
        ("\"a[].b\" = {}", json!({"a": [{"b": 1}, {"c": 1}]}), false),
        ("x = {}", json!({"": 1}), false),
    ] {
        assert_eq!(passes(rules, value.clone()), expected, "{rules} {value}");
    }
}

#[test]
fn nested_paths() {
    let rules =
        "\"recipients[].email\" = { domains = [\"example.com\"], required = true }\nother_args = \"allow\"";
    for (value, expected) in [
        (json!({"recipients": [{"email": "a@example.com"}, {"email": "b@example.com", "name": "B"}]}), true),
        (json!({"recipients": [{"email": "a@example.com"}, {"email": "b@evil.com"}]}), false),
        (json!({"recipients": [{"email": "a@example.com"}, {"name": "B"}]}), false),
        (json!({"recipients": []}), false),
        (json!({}), false),
        // Another shape is a misfit, not an absence.
        (json!({"recipients": {"email": "a@example.com"}}), false),
        (json!({"recipients": "a@evil.com"}), false),
        (json!({"recipients": ["a@evil.com"]}), false),
        (json!({"recipients": [[{"email": "a@evil.com"}]]}), false),
        (json!({"recipients": null}), false),
    ] {
        assert_eq!(passes(rules, value.clone()), expected, "{value}");
    }
    let optional = "\"to.email\" = { domains = [\"example.com\"] }\nother_args = \"allow\"";
    assert!(passes(optional, json!({"subject": "hi"})));
    assert!(!passes(optional, json!({"to": "a@evil.com"})), "a text where an object should be");
    assert!(!passes(optional, json!({"to": null})));
}

#[test]
fn arguments_that_are_no_object_fail() {
    let toml =
        "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\n[[tools]]\nname = \"t\"\n[tools.args]\nx = {}\n";
    let manifest = parse_manifest("t.toml", toml).unwrap();
    let rules = manifest.tools[0].args.as_ref().unwrap();
    for value in [None, Some(json!([])), Some(json!("x")), Some(json!(null))] {
        let outcome = evaluate(rules, true, value.as_ref());
        assert!(!outcome.ok());
        assert_eq!(outcome.failed, ["<arguments>"]);
    }
}

#[test]
fn mail_domains() {
    check(
        "x = { domains = [\"Example.com\", \"partner.org\"] }",
        &[
            (json!("a@example.com"), true),
            (json!("A.b+c@EXAMPLE.COM"), true),
            (json!("a@mail.example.com"), true),
            (json!("a@example.com."), true),
            (json!("Ann B <ann@example.com>"), true),
            (json!("<ann@example.com>"), true),
            (json!("example.com"), true),
            (json!("www.partner.org"), true),
            (json!("a@notexample.com"), false),
            (json!("a@example.com.evil.com"), false),
            (json!("a@evil.com"), false),
            (json!("a@evil.com@example.com"), false),
            (json!("a@example.com@evil.com"), false),
            (json!("\"a@evil.com\"@example.com"), false),
            (json!("a@example.com <b@evil.com>"), false),
            (json!("example.com <b@evil.com>"), false),
            (json!("b@evil.com, a@example.com"), false),
            (json!("b@evil.com; a@example.com"), false),
            (json!("x <a@example.com>, y <b@evil.com>"), false),
            (json!("evil.com, x <a@example.com>"), false),
            (json!("a@example.com\r\nBcc: b@evil.com"), false),
            (json!("a@example.com\nBcc: evil"), false),
            (json!("a@example.com\u{0}"), false),
            (json!("user%evil.com@example.com"), false),
            (json!("evil.com!user@example.com"), false),
            (json!("a@ex\u{e4}mple.com"), false),
            (json!("a@\u{ff45}xample.com"), false),
            (json!("a@example\u{3002}com"), false),
            (json!("a@[127.0.0.1]"), false),
            (json!("a(comment)@example.com"), false),
            (json!("a@exa(comment)mple.com"), false),
            (json!(" a@example.com"), false),
            (json!("a@example.com "), false),
            (json!("@example.com"), false),
            (json!("a@"), false),
            (json!(".a@example.com"), false),
            (json!("a@.example.com"), false),
            (json!("https://example.com/"), false),
            (json!(""), false),
            (json!(["a@example.com", "b@partner.org"]), true),
            (json!(["a@example.com", "b@evil.org"]), false),
            (json!({"email": "a@example.com"}), false),
        ],
    );
}

#[test]
fn hosts_of_urls() {
    check(
        "x = { hosts = [\"api.example.com\", \"*.cdn.example.com\", \"example.org:8443\", \"10.0.0.1\"] }",
        &[
            (json!("https://api.example.com"), true),
            (json!("HTTPS://API.Example.com/path?q=@evil#x"), true),
            (json!("http://api.example.com:80/"), true),
            (json!("https://api.example.com:443/"), true),
            (json!("https://api.example.com./"), true),
            (json!("https://a.cdn.example.com/"), true),
            (json!("https://cdn.example.com/"), false),
            (json!("https://x.api.example.com/"), false),
            (json!("https://example.org:8443/"), true),
            (json!("https://example.org/"), false),
            (json!("https://api.example.com:8080/"), false),
            (json!("https://api.example.com:/"), false),
            (json!("https://api.example.com:443443/"), false),
            (json!("https://api.example.com@evil.com/"), false),
            (json!("https://evil.com@api.example.com/"), false),
            (json!("https://api.example.com:x@evil.com/"), false),
            (json!("https://api.example.com\\@evil.com/"), false),
            (json!("https://evil.com\\.api.example.com/"), false),
            (json!("https://api.example.com%2eevil.com/"), false),
            (json!("https://api.example.com.evil.com/"), false),
            (json!("https://evil.com/api.example.com"), false),
            (json!("https://evil.com?api.example.com"), false),
            (json!("https://evil.com#api.example.com"), false),
            (json!("https:///api.example.com/"), false),
            (json!("https:api.example.com"), false),
            (json!("//api.example.com/"), false),
            (json!("api.example.com"), false),
            (json!("ftp://api.example.com/"), false),
            (json!("javascript://api.example.com/%0aalert(1)"), false),
            (json!("https://\u{ff41}pi.example.com/"), false),
            (json!("https://api\u{3002}example.com/"), false),
            (json!(" https://api.example.com/"), false),
            (json!("https://api.example.com/\r\nHost: evil.com"), false),
            (json!("ht\ttps://api.example.com/"), false),
            (json!("https://10.0.0.1/"), true),
            (json!("https://10.0.0.1./"), true),
            (json!("https://10.1/"), false),
            (json!("https://0x0a000001/"), false),
            (json!("https://167772161/"), false),
            (json!("https://012.0.0.1/"), false),
            (json!("https://[::1]/"), false),
            (json!("https://api..example.com/"), false),
            (json!("https:///"), false),
            (json!(7), false),
        ],
    );
}

#[test]
fn directories() {
    check(
        "x = { under = [\"/srv/files\", \"/tmp/a/../shared/\"] }",
        &[
            (json!("/srv/files"), true),
            (json!("/srv/files/a/b.txt"), true),
            (json!("/srv//files/./a"), true),
            (json!("/srv/files/a/../b"), true),
            (json!("/tmp/shared/x"), true),
            (json!("/srv/files/a%b"), true),
            (json!("/srv/files/50%"), true),
            (json!("/srv/files/../secret"), false),
            (json!("/srv/files/../../etc/passwd"), false),
            (json!("/../srv/files/x"), false),
            (json!("/srv/filesystem"), false),
            (json!("/srv"), false),
            (json!("/"), false),
            (json!("srv/files/x"), false),
            (json!("./x"), false),
            (json!("~/x"), false),
            (json!("/srv/files/~root/x"), false),
            (json!("/srv/files/%2e%2e/secret"), false),
            (json!("/srv/files/..%2fsecret"), false),
            (json!("/srv/files/%252e%252e/x"), false),
            (json!("/srv/files/%u002e%u002e/x"), false),
            (json!("/srv/files\u{0}/x"), false),
            (json!("/srv/files/x\n"), false),
            (json!("/srv/files\\..\\..\\secret"), false),
            (json!("/srv/files/\u{2024}\u{2024}/secret"), false),
            (json!("/srv/files/\u{ff0e}\u{ff0e}/secret"), false),
            (json!("/srv/files/..\u{2215}secret"), false),
            (json!("/srv/files/.. /secret"), false),
            (json!("/srv/files/.../secret"), false),
            (json!("//srv/files/x"), false),
            (json!("file:///srv/files/x"), false),
            (json!("/SRV/FILES/x"), false),
            (json!(""), false),
            (json!(["/srv/files/a", "/srv/files/b"]), true),
            (json!(["/srv/files/a", "/etc/passwd"]), false),
            (json!(null), false),
        ],
    );
}

#[test]
fn commands_are_read_as_a_shell_would() {
    let rows =
        |rows: &[(&str, bool)]| rows.iter().map(|(line, holds)| (json!(line), *holds)).collect::<Vec<_>>();
    check(
        r#"x = { commands = ["git status", "git log *", "ls"] }"#,
        &rows(&[
            ("git status", true),
            ("g''it \"status\"", true),
            ("git log main", true),
            ("git status; ls", true),
            ("git status; rm -rf /", false),
            ("git status && $(rm -rf /)", false),
            ("git${IFS}status", false),
            ("{rm,-rf,/}", false),
            ("sh -c 'rm -rf /'", false),
            ("git log --output=/etc/passwd", false),
            ("", false),
        ]),
    );
    check(
        r#"x = { commands = ["git log *"] }"#,
        &[
            (json!(["git", "log", "main"]), true),
            (json!(["git", "log", "main; rm -rf /"]), true),
            (json!(["rm", "-rf", "/"]), false),
            (json!(["git log main"]), false),
            (json!(["git", 1]), false),
            (json!(7), false),
        ],
    );
    check(
        r#"x = { commands = { shell = "bash", allow = ["ls *"] } }"#,
        &rows(&[("ls {a,b}", true), ("ls <(rm -rf /)", false)]),
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn no_path_escapes(parts in proptest::collection::vec("(\\.|\\.\\.|a|b|\\.\\. |%2e|)", 0..8)) {
        let path = format!("/srv/{}", parts.join("/"));
        if passes("x = { under = [\"/srv\"] }", json!({ "x": path })) {
            // Walk it as a file system would.
            let mut depth: i32 = 0;
            for part in path.split('/') {
                match part {
                    "" | "." => {}
                    ".." => depth -= 1,
                    _ => depth += 1,
                }
                proptest::prop_assert!(depth >= 0);
            }
            proptest::prop_assert!(depth >= 1);
        }
    }

    #[test]
    fn no_mail_leaves_its_domain(local in "[ -~]{0,8}", rest in "[ -~]{0,12}") {
        // Whatever surrounds it: what passes ends in the allowed domain, and holds one `@` at most.
        let value = format!("{local}{rest}");
        if passes("x = { domains = [\"example.com\"] }", json!({ "x": value })) {
            let bare = value.trim_end_matches('>').trim_end_matches('.').to_lowercase();
            proptest::prop_assert!(bare.ends_with("example.com"));
            proptest::prop_assert!(value.matches('@').count() <= 1);
        }
    }
}
