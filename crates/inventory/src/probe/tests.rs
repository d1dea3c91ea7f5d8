//! The lists are whole and ask for nothing private; answers are told apart; targets are bounded.

use super::*;
use crate::catalogue::rows;
use std::collections::HashMap;

fn seen(status: u16, headers: &[(&str, &str)], body: &str) -> Seen {
    Seen::new(status, headers.iter().map(|(n, v)| (*n, v.as_bytes())), body.as_bytes().to_vec())
}

const HERE: At<'_> = At { tls: false, host: "10.0.0.5", port: 11434, prefix: "", loopback: false };

fn found(answers: &[(&'static str, Seen)]) -> Vec<Sighting> {
    let mut server = Server::default();
    for (path, seen) in answers {
        server.take(path, seen);
    }
    server.found(HERE)
}

fn keys(answers: &[(&'static str, Seen)]) -> Vec<(String, u16)> {
    found(answers).into_iter().map(|s| (s.id.to_string(), s.confidence)).collect()
}

fn values(sighting: &Sighting, attribute: Attribute) -> Vec<&str> {
    sighting.attributes.iter().filter(|(a, _)| *a == attribute).map(|(_, v)| v.as_str()).collect()
}

#[test]
fn the_lists_are_whole_sorted_sourced_and_all_of_them_read() {
    let servers: Vec<_> = rows(SERVERS).collect();
    let prints: Vec<_> = rows(FINGERPRINTS).collect();
    for (list, fields, keys) in [(&servers, 6, 1), (&prints, 6, 4)] {
        for row in list {
            assert_eq!(row.len(), fields, "{row:?}");
            let source = row[fields - 1];
            assert!(source.contains("Apache-2.0") || source == "curated by hand", "no source: {row:?}");
            assert!(!row[0].is_empty(), "{row:?}");
        }
        let sorted = list.windows(2).find(|w| w[0][..keys] >= w[1][..keys]);
        assert!(sorted.is_none(), "not sorted, or twice: {sorted:?}");
    }
    let all = fingerprints();
    assert_eq!(all.products.len(), servers.len(), "a product was not understood");
    assert_eq!(all.prints.len() + all.versions.len(), prints.len(), "a row was not understood");
    assert!(all.products.len() > 130);
    for (n, product) in all.products.iter().enumerate() {
        assert!(all.prints.iter().any(|p| p.product == n), "{} has no row", product.name);
    }
    for row in &prints {
        assert!(matches!(row[3], "open" | "page"), "{row:?}");
    }
}

/// What is asked for is software's own word on itself: no settings, secrets, prompts, documents or logs.
#[test]
fn no_path_brings_what_is_not_ours_to_see() {
    let all = fingerprints();
    let paths = all.prints.iter().map(|p| p.path).chain(all.versions.iter().map(|v| v.path));
    for path in paths {
        assert!(path.starts_with('/') && !path.starts_with("//") && path.is_ascii(), "{path}");
        let last = path.rsplit('/').next().unwrap();
        assert!(!last.starts_with('.'), "{path}");
        for word in [
            ".env",
            "mcp.json",
            "mcp_",
            "claude",
            "settings.json",
            "config.yaml",
            "secret",
            "token",
            "logs",
            "props",
            "chatflows",
            "documents",
            "ingest",
            "server_info",
            "health_generate",
            "instances",
            "env-info",
            "/load",
        ] {
            assert!(!path.contains(word), "{path}: {word}");
        }
    }
}

#[test]
fn ports_and_paths() {
    let all = fingerprints();
    let ports = all.ports();
    for port in [80, 443, 1234, 8000, 11434] {
        assert!(ports.contains(&port), "{port}");
    }
    assert!(ports.windows(2).all(|w| w[0] < w[1]) && ports.len() < 64);
    let (few, every) = (all.paths(11434, false), all.paths(11434, true));
    assert_eq!(few, ["/"]);
    assert_eq!((every[0], every.len()), ("/", all.paths(443, false).len()));
    assert!(every.len() > 40 && every.len() < 100);
}

#[test]
fn a_server_is_told_by_its_answers() {
    let ollama = seen(200, &[], "Ollama is running");
    let version = seen(200, &[], "{\"version\":\"0.5.7\"}");
    let all = found(&[("/", ollama.clone()), ("/api/version", version)]);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].id.to_string(), "local_server:ollama@10.0.0.5:11434");
    assert_eq!(&*all[0].evidence.place, "http://10.0.0.5:11434/");
    assert_eq!(values(&all[0], Attribute::Version), ["0.5.7"]);
    assert_eq!(values(&all[0], Attribute::Risk).len(), 2);
    // Behind a proxy that wants a credential nothing is known.
    assert!(keys(&[("/", seen(401, &[], "unauthorized"))]).is_empty());
    // What an error says is the software all the same, and no open door.
    let refused = found(&[("/", seen(500, &[], "Ollama is running"))]);
    assert_eq!(
        values(&refused[0], Attribute::Risk),
        ["plain http: what it sends and gets can be read and changed"]
    );
    let mut server = Server::default();
    server.take("/", &ollama);
    assert_eq!(server.more(), ["/api/version"]);
    let at = At { tls: true, host: "::1", port: 1, prefix: "/x", loopback: true };
    let all = server.found(at);
    assert_eq!(all[0].id.key, "ollama@[::1]:1/x");
    assert_eq!(values(&all[0], Attribute::Risk), ["answers without a credential"]);
    assert_eq!(values(&all[0], Attribute::Url), ["https://[::1]:1/x"]);
}

#[test]
fn what_others_may_say_too_counts_where_nothing_tells_more() {
    let models = "{\"object\":\"list\",\"data\":[]}";
    let generic = ("endpoint:openai-compatible@10.0.0.5:11434".to_owned(), 600);
    assert_eq!(keys(&[("/v1/models", seen(200, &[], models))]), std::slice::from_ref(&generic));
    assert!(keys(&[("/v1/models", seen(401, &[], models))]).is_empty());
    // Uvicorn carries many: alone it is little, beside the version's path a little more.
    let uvicorn = ("/v1/models", seen(200, &[("server", "uvicorn")], models));
    let vllm = "local_server:vllm@10.0.0.5:11434".to_owned();
    let sort = |mut all: Vec<(String, u16)>| {
        all.sort();
        all
    };
    assert_eq!(sort(keys(std::slice::from_ref(&uvicorn))), [generic.clone(), (vllm.clone(), 350)]);
    let both = [uvicorn, ("/version", seen(200, &[], "{\"version\":\"0.6.1\"}"))];
    assert_eq!(sort(keys(&both)), [generic, (vllm, 500)]);
    // A product that names itself leaves neither.
    let named =
        seen(200, &[("server", "uvicorn")], "{\"object\":\"list\",\"data\":[{\"owned_by\":\"sglang\"}]}");
    assert_eq!(keys(&[("/v1/models", named)]), [("local_server:sglang@10.0.0.5:11434".to_owned(), 900)]);
}

#[test]
fn a_sign_in_is_no_open_door() {
    let page =
        |more: &str| seen(200, &[], &format!("<script>window.gradio_config = {{\"version\":\"5.1.0\"{more}"));
    let open = found(&[("/", page(",\"components\":[]"))]);
    assert!(values(&open[0], Attribute::Risk).contains(&"answers without a credential"));
    assert_eq!(values(&open[0], Attribute::Version), ["5.1.0"]);
    let closed = found(&[("/", page(",\"auth_required\":true"))]);
    assert_eq!(closed.len(), 1);
    assert!(!values(&closed[0], Attribute::Risk).contains(&"answers without a credential"));
}

#[test]
fn rules() {
    let answer = seen(404, &[("Server", "LLaMA.cpp")], "Not \"Found\" \\ here");
    for (rule, holds) in [
        ("body=\"not \\\"found\\\" \\\\ HERE\"", true),
        ("header=\"server: llama.cpp\"", true),
        ("header=\"llama.cpp\" && body=\"absent\"", false),
        ("body=\"absent\" || header=\"llama\"", true),
        ("body=\"absent\" && body=\"x\" || status=404 && body=\"found\"", true),
        ("status=200 && body=\"found\"", false),
        ("body=\"found\" && body!=\"here\"", false),
        ("body=\"found\" && header!=\"nginx\"", true),
        ("body=\"a || b\"", false),
    ] {
        assert_eq!(Rule::parse(rule).unwrap_or_else(|| panic!("{rule}")).holds(&answer), holds, "{rule}");
    }
    let long = vec!["body=\"a\""; 33].join(" && ");
    for bad in [
        "",
        "body",
        "body=",
        "body=\"\"",
        "body=\"a",
        "body=a",
        "status=200",
        "status=99 && body=\"a\"",
        "status=2000",
        "body!=\"a\"",
        "body=\"a\" &&",
        "body=\"a\" || ",
        "body=\"a\" body=\"b\"",
        "body=\"a\" || status=200",
        "icon=\"1\"",
        "body~=\"a\"",
        "body=\"a\\n\"",
        "(body=\"a\")",
        &long,
    ] {
        assert!(Rule::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn versions_have_the_form_of_one() {
    let find = |at: &str, body: &str| {
        VersionAt::parse(at).unwrap().find(&seen(200, &[("X-Version", "1.4.2")], body))
    };
    for (at, body, want) in [
        ("whole", "\"1.0.0\"\n", Some("1.0.0")),
        ("whole", "2.9.2", Some("2.9.2")),
        ("whole", "v2.9.2rc1", Some("2.9.2rc1")),
        ("whole", "2.9.2 and more", None),
        ("json:version", "{\"version\" : \"v0.5.7-rc1+cu12\"}", Some("0.5.7-rc1+cu12")),
        ("json:version", "{\"version\":\"dev\",\"x\":{\"version\":\"1.2\"}}", Some("1.2")),
        ("json:version", "{\"version\":17}", None),
        ("json:version", "{\"version\":\"sk-ant-CANARY\"}", None),
        ("json:version", "{\"version\":\"1.2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", None),
        ("json:version", "{\"version\":\"123456789.1\"}", None),
        ("json:version", "{\"version\":\"1.\"}", None),
        ("json:version", "{\"version\"", None),
        ("after:Stable tag:", "Stable tag: 1.2.3.\n", Some("1.2.3")),
        ("header:X-Version", "", Some("1.4.2")),
        ("header:x-other", "", None),
    ] {
        assert_eq!(find(at, body).as_deref(), want, "{at} in {body}");
    }
    for bad in ["", "json:", "json", "all:x"] {
        assert!(VersionAt::parse(bad).is_none(), "{bad}");
    }
}

fn hosts(texts: &[&str]) -> Result<Vec<String>, String> {
    let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
    let show = |p: Place| {
        let port = p.port.map_or_else(String::new, |port| format!(" {port}"));
        let tls = p.tls.map_or("", |tls| if tls { " tls" } else { " clear" });
        format!("{}{port}{tls}{}", p.host, p.prefix)
    };
    places(&texts).map(|all| all.into_iter().map(show).collect()).map_err(|e| e.to_string())
}

#[test]
fn targets() {
    for (text, want) in [
        ("gpu.example.com", vec!["gpu.example.com"]),
        ("GPU:11434", vec!["gpu 11434"]),
        ("10.0.0.5", vec!["10.0.0.5"]),
        ("::1", vec!["::1"]),
        ("[::1]:80", vec!["::1 80"]),
        ("https://a.example/x/", vec!["a.example 443 tls/x"]),
        ("http://a.example:81", vec!["a.example 81 clear"]),
        ("HTTP://[::1]/", vec!["::1 80 clear"]),
        ("10.0.0.9/30", vec!["10.0.0.9", "10.0.0.10"]),
        ("10.0.0.9/31", vec!["10.0.0.8", "10.0.0.9"]),
        ("10.0.0.9/32", vec!["10.0.0.9"]),
        ("fd00::/127", vec!["fd00::", "fd00::1"]),
    ] {
        assert_eq!(hosts(&[text]).unwrap(), want, "{text}");
    }
    for bad in [
        "",
        " ",
        "a b",
        "user@host",
        "https://u:p@host",
        "host?x",
        "host#x",
        "ftp://host",
        "host:0",
        "host:65536",
        "host:",
        "host:+80",
        "[::1",
        "[10.0.0.1]:80",
        "[::1]x",
        "10.0.0.0/21",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "fd00::/64",
        "host/path",
        "https://host/../x",
        "https://host//x",
        "https://",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "a..b",
        ".a",
        "h\u{f6}st",
        "http://host/%2e%2e",
        "a/24",
    ] {
        assert!(hosts(&[bad]).is_err(), "{bad}");
    }
    assert!(hosts(&[&"a".repeat(600)]).is_err());
    assert_eq!(hosts(&["10.0.0.0/22"]).unwrap().len(), 1022);
    assert!(hosts(&["10.0.0.0/22", "10.1.0.0/30"]).is_ok());
    assert!(hosts(&["10.0.0.0/22", "10.1.0.0/29"]).unwrap_err().contains("1024"));
    assert_eq!(hosts(&["a", "A", "10.0.0.1", "10.0.0.0/30"]).unwrap(), ["a", "10.0.0.1", "10.0.0.2"]);
}

/// A text up to the quote that ends it, without its escapes.
fn unquoted(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Each row is fulfilled by an answer made of its own words, and by none that is empty.
#[test]
fn every_row_finds_its_product() {
    let all = fingerprints();
    let mut named: HashMap<&str, usize> = HashMap::new();
    for row in rows(FINGERPRINTS).filter(|r| r[2] != "version") {
        let rule = Rule::parse(row[4]).unwrap();
        let first = row[4].split(" || ").next().unwrap();
        let texts = |sort: &str| {
            let start = format!("{sort}=\"");
            first.split(&start).skip(1).map(unquoted).collect::<Vec<_>>().join(" ")
        };
        let (head, body) = (texts("header"), texts("body"));
        let answer = seen(200, &[("x", &head)], &body);
        // A header that is written with its name.
        let answer = match head.split_once(": ") {
            Some((name, value)) => seen(200, &[(name, value)], &body),
            None => answer,
        };
        assert!(rule.holds(&answer), "{row:?}");
        assert!(
            !rule.holds(&seen(200, &[], "")) && !rule.holds(&seen(404, &[], "<html>Not found</html>")),
            "{row:?}"
        );
        *named.entry(row[1]).or_default() += 1;
    }
    assert_eq!(named.len(), all.products.len());
}
