use super::*;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn sizes_stop_at_their_limits() {
    let at_limit = source("crates/a/src/lib.rs", &"//\n".repeat(FILE_LINES));
    assert_eq!(sizes(&at_limit), Vec::<String>::new());
    let over = source("crates/a/src/lib.rs", &"//\n".repeat(FILE_LINES + 1));
    assert_eq!(sizes(&over).len(), 1);
    let body = |n: usize| format!("fn f() {{\n{}}}\n", "    x();\n".repeat(n));
    assert_eq!(sizes(&source("a.rs", &body(FUNCTION_LINES - 2))).len(), 0);
    assert_eq!(sizes(&source("a.rs", &body(FUNCTION_LINES - 1))).len(), 1);
}

#[test]
fn files_open_with_what_they_are_for() {
    assert!(header(&source("crates/a/src/b.rs", "//! B.\n")).is_none());
    assert!(header(&source("crates/a/src/b.rs", "use x;\n")).is_some());
    assert!(header(&source("crates/a/src/b_tests.rs", "use x;\n")).is_none());
    assert!(header(&source("crates/a/src/tests.rs", "use x;\n")).is_none());
}

#[test]
fn globs_are_for_tests() {
    let check = |path: &str, text: &str, n: usize| assert_eq!(globs(&source(path, text)).len(), n, "{text}");
    check("crates/a/src/b.rs", "use super::*;", 1);
    check("crates/a/src/b.rs", "pub use a::{b,\n c::*};", 1);
    check("crates/a/src/b.rs", "use super::x; let y = a * b;", 0);
    check("crates/a/src/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n", 0);
    check("crates/a/src/tests.rs", "use super::*;", 0);
    check("crates/a/src/b.rs", "fn f() -> impl Fn() + use<'a> { let x = *y; }", 0);
    let allowed = "#[cfg(test)]\n#[allow(x, reason = \"y\")]\nmod tests {\n    use super::*;\n}\n";
    check("crates/a/src/b.rs", allowed, 0);
}

#[test]
fn names_say_something() {
    for path in ["crates/util/src/lib.rs", "crates/a/src/helpers.rs", "crates/a/src/common/mod.rs"] {
        assert!(name(path).is_some(), "{path}");
    }
    for path in ["crates/a/src/splice.rs", "docs/commonplace.md", "crates/a/src/utility_rates.rs"] {
        assert!(name(path).is_none(), "{path}");
    }
}

#[test]
fn traces_of_a_machine_are_seen() {
    let path = ["/work", "/main/x"].concat();
    assert_eq!(machine(&source("docs/a.md", &path)).len(), 1);
    let host = ["https://pypi", ".org/simple"].concat();
    assert_eq!(machine(&source("docs/a.md", &host)).len(), 1);
    assert_eq!(machine(&source("docs/a.md", "https://example.com/main")).len(), 0);
    let lock = ["\"resolved\": \"https://registry.npmjs", ".org/a/-/a-1.tgz\""].concat();
    assert_eq!(machine(&source("tests/e2e/ts/package-lock.json", &lock)).len(), 0);
    let lock = "\"resolved\": \"https://mirror.example/a/-/a-1.tgz\"";
    assert_eq!(machine(&source("tests/e2e/ts/package-lock.json", lock)).len(), 1);
}

#[test]
fn no_crate_is_over_a_fifth_once_there_are_ten() {
    let lines = |large: usize, crates: usize| -> BTreeMap<String, usize> {
        (0..crates).map(|n| (format!("c{n}"), if n == 0 { large } else { 100 })).collect()
    };
    assert_eq!(shares(&lines(225, 10)).len(), 0);
    assert_eq!(shares(&lines(226, 10)).len(), 1);
    assert_eq!(shares(&lines(5_000, 9)).len(), 0);
}

#[test]
fn inline_tests_are_no_product() {
    let text = "a\nb\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(source("crates/a/src/b.rs", text).product_lines(), 2);
    let sibling = "a\n#[cfg(test)]\nmod tests;\n";
    assert_eq!(source("crates/a/src/b.rs", sibling).product_lines(), 3);
}
