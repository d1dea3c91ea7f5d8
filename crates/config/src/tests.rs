//! The whole reader: what is written is read, what is wrong is named with its path, all of it at once.

use crate::{
    BaseUrl, Config, Credential, Durability, FailureMode, LimitRow, LogFormat, LogLevel, Price, UpstreamKind,
    limits::{COUNTS, TIMES},
    parse, starter, starter_manifest,
};
use cordon_types::Guard;
use proptest::prelude::*;
use std::time::Duration;

const LEAST: &str = r#"
[ledger]
origin = "cordon.local/abc"
[[upstreams]]
id = "up"
kind = "gullible"
[[models]]
name = "m"
upstream = "up"
"#;

fn good(toml: &str) -> Config {
    parse("cordon.toml", toml).unwrap_or_else(|p| panic!("{p}"))
}

/// The paths of all problems, sorted.
fn paths(toml: &str) -> Vec<String> {
    let mut list: Vec<String> =
        parse("c", toml).err().into_iter().flat_map(|p| p.0).map(|p| p.path).collect();
    list.sort();
    list
}

/// `LEAST` with `more` before it, in the root table or in tables of its own.
fn with(more: &str) -> String {
    format!("{more}\n{LEAST}")
}

fn check(more: &str, expected: &[&str]) {
    assert_eq!(paths(&with(more)), expected, "{more}");
}

/// An upstream of a kind that has an address, with these lines.
fn check_upstream(lines: &str, expected: &[&str]) {
    let toml = format!("{LEAST}\n[[upstreams]]\nid = \"x\"\nkind = \"openai-compatible\"\n{lines}");
    assert_eq!(paths(&toml), expected, "{lines}");
}

#[test]
fn what_is_kept_of_the_record() {
    // What follows the origin stands in `[ledger]`.
    let read = |more: &str| {
        let text = LEAST.replace("[[upstreams]]", &format!("{more}\n[[upstreams]]"));
        parse("cordon.toml", &text)
    };
    let plain = read("").unwrap().ledger;
    assert!(!plain.commit && plain.epoch.is_none());
    assert_eq!((plain.keep_exchanges, plain.keep_control), (None, None), "the default keeps all");
    let text =
        "commit = true\nepoch_days = 90\n[ledger.retention]\nexchanges_days = 400\ncontrol_days = 0.00001\n";
    let set = read(text).unwrap().ledger;
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    assert!(set.commit);
    assert_eq!((set.epoch, set.keep_exchanges), (days(90), days(400)));
    assert_eq!(set.keep_control, Some(Duration::from_millis(864)));
    for bad in
        ["epoch_days = 0", "epoch_days = 36501", "epoch_days = -1", "epoch_days = 0.000001", "commit = 1"]
    {
        assert!(read(bad).is_err(), "{bad}");
    }
    for bad in ["exchanges_days = 0", "control_days = \"soon\"", "exchange_days = 1"] {
        assert!(read(&format!("[ledger.retention]\n{bad}")).is_err(), "{bad}");
    }
}

#[test]
fn what_is_not_written_is_safe() {
    let c = good(LEAST);
    assert!(c.listen.address.ip().is_loopback() && c.listen.admin_address.ip().is_loopback());
    assert_eq!((c.listen.address.port(), c.listen.admin_address.port(), c.listen.workers), (8480, 8481, 0));
    assert_eq!((c.failure.detector, c.failure.store), (FailureMode::Closed, FailureMode::Closed));
    assert_eq!(c.ledger.durability, Durability::Sync);
    assert_eq!(c.ledger.publish_every, Duration::from_secs(1));
    assert_eq!(c.inspection.guards, Guard::ALL);
    assert_eq!(c.limits, crate::Limits::default());
    assert_eq!((c.log.level, c.log.format), (LogLevel::Info, LogFormat::Text));
    assert_eq!((&*c.policies.manifests, &*c.policies.cedar), ("agents", "policies"));
    assert_eq!(c.upstreams[0].retries, 1);
}

#[test]
fn the_starter_is_read_and_its_manifest_is_toml() {
    let c = good(&starter("cordon.local/0f0f"));
    assert_eq!(c.ledger.origin, "cordon.local/0f0f");
    assert_eq!(c.model("gullible-mini").unwrap().name.as_str(), "gullible");
    assert_eq!(c.upstream(&c.models[0].upstream).unwrap().kind, UpstreamKind::Gullible);
    assert_eq!(c.models[0].price, Price { input: 150_000, output: 600_000, cached: 75_000 });
    let m: toml::Table = starter_manifest("helper").parse().unwrap();
    assert_eq!(m["agent"].as_str(), Some("helper"));
}

#[test]
fn the_starters_examples_are_read_when_they_are_uncommented() {
    let mut text = String::new();
    for line in starter("x").lines() {
        let example = line.strip_prefix("# ").filter(|l| l.starts_with('[') || l.contains(" = "));
        text.push_str(example.unwrap_or(line));
        text.push('\n');
    }
    let c = good(&text);
    assert_eq!(c.upstreams.len(), 4);
    assert_eq!(c.models.len(), 4);
    assert_eq!(c.budgets[0].cost_per_day_micros, Some(25_000_000));
    assert_eq!(c.inspection.patterns[0].max_len, 13);
    assert!(c.listen.tls.is_some());
}

#[test]
fn all_problems_come_at_once_with_source_path_and_hint() {
    let toml = r#"
        listne = 1
        [listen]
        address = "nowhere"
        workers = -1
        [limits]
        depth = 1
        [limits.timeouts]
        connect_seconds = 0
        [[upstreams]]
        id = "UP"
        kind = "opnai"
        base_ulr = "x"
        [[models]]
        upstream = "gone"
        [ledger]
    "#;
    let problems = parse("cordon.toml", toml).unwrap_err();
    let mut found: Vec<&str> = problems.0.iter().map(|p| p.path.as_str()).collect();
    found.sort_unstable();
    let expected = [
        "ledger.origin",
        "limits.depth",
        "limits.timeouts.connect_seconds",
        "listen.address",
        "listen.workers",
        "listne",
        "models[0].name",
        "models[0].upstream",
        "upstreams[0].base_ulr",
        "upstreams[0].base_url",
        "upstreams[0].id",
        "upstreams[0].kind",
    ];
    assert_eq!(found, expected, "{problems}");
    assert!(problems.0.iter().all(|p| p.source == "cordon.toml" && !p.hint.is_empty()), "{problems}");
    let text = problems.to_string();
    assert!(text.contains("did you mean `listen`?") && text.contains("did you mean `base_url`?"), "{text}");
}

#[test]
fn syntax_errors_have_a_line() {
    let problems = parse("c", "[listen]\naddress = \n").unwrap_err();
    assert!(problems.0[0].path.starts_with("line 2, column"), "{problems}");
    assert_eq!(paths("a = 1\na = 2\n"), ["line 2, column 1"]);
}

#[test]
fn listening_beyond_loopback_takes_a_word() {
    check("[listen]\naddress = \"0.0.0.0:1\"", &["listen.address"]);
    check("[listen]\naddress = \"[::]:1\"", &["listen.address"]);
    check("[listen]\naddress = \"[::1]:1\"", &[]);
    check("[listen]\naddress = \"127.8.0.1:1\"", &[]);
    check("[listen]\naddress = \"0.0.0.0:1\"\nplaintext_beyond_loopback = true", &[]);
    check("[listen]\naddress = \"0.0.0.0:1\"\ntls = { cert = \"c\", key = \"k\" }", &[]);
    check("[listen]\naddress = \"0.0.0.0:1\"\ntls = { cert = \"c\" }", &["listen.tls.key"]);
    check(
        "[listen]\nadmin_address = \"0.0.0.0:1\"\ntls = { cert = \"c\", key = \"k\" }",
        &["listen.admin_address"],
    );
    check("[listen]\naddress = \"127.0.0.1:8481\"", &["listen.admin_address"]);
    check("[listen]\naddress = \"127.0.0.1:0\"\nadmin_address = \"127.0.0.1:0\"", &[]);
    check("[listen]\naddress = \"localhost:1\"", &["listen.address"]);
    check(
        "[listen]\ntrusted_hosts = [\"Api.Example.com\", \"a b\", \".x\", 1]",
        &["listen.trusted_hosts[1]", "listen.trusted_hosts[2]", "listen.trusted_hosts[3]"],
    );
}

#[test]
fn upstream_addresses() {
    check_upstream("base_url = \"https://api.example.com/v1\"", &[]);
    check_upstream("", &["upstreams[1].base_url"]);
    check_upstream("base_url = 1", &["upstreams[1].base_url"]);
    check_upstream("base_url = \"\"", &["upstreams[1].base_url"]);
    // A model of an upstream with a problem has none for that.
    check_upstream("[[models]]\nname = \"n\"\nupstream = \"x\"", &["upstreams[1].base_url"]);
    check_upstream("base_url = \"http://api.example.com/v1\"", &["upstreams[1].base_url"]);
    check_upstream("base_url = \"http://api.example.com/v1\"\nplaintext = true", &[]);
    check_upstream("base_url = \"http://127.0.0.1:11434/v1\"", &["upstreams[1].base_url"]);
    check_upstream("base_url = \"http://127.0.0.1:11434/v1\"\nallow_private = true", &[]);
    check_upstream("base_url = \"http://localhost\"\nallow_private = true", &[]);
    check_upstream("base_url = \"https://10.0.0.1\"", &["upstreams[1].base_url"]);
    check_upstream("base_url = \"https://[fd00::1]\"\nallow_private = true", &[]);
    check_upstream(
        "base_url = \"https://x.example\"\nallow = [\"10.0.0.0/8\", \"::1\", \"x\"]",
        &["upstreams[1].allow[2]"],
    );
}

#[test]
fn base_urls() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(BaseUrl::parse(text).ok().map(|u| u.to_string()).as_deref(), expected, "{text}");
    };
    check("https://API.openai.com/v1/", Some("https://api.openai.com/v1"));
    check("HTTPS://h:443", Some("https://h"));
    check("http://h:443", Some("http://h:443"));
    check("http://[::1]:11434/v1", Some("http://[::1]:11434/v1"));
    check("https://[0:0:0::1]", Some("https://[::1]"));
    check("http://127.0.0.1:80/", Some("http://127.0.0.1"));
    for bad in [
        "",
        "h",
        "ftp://h",
        "https://",
        "https:///v1",
        "https://u@h",
        "https://u:p@h",
        "https://h:0",
        "https://h:x",
        "https://h:",
        "https://h:65536",
        "https://h?x",
        "https://h#x",
        "https://h/../x",
        "https://h//x",
        "https://h/%2e",
        "https://h\\x",
        "https://h x",
        "https://[::1",
        "https://[::1]x",
        "https://[h]",
        "https://-h",
        "https://h..x",
        "https://127.1",
        "https://0x7f.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://1.2.3.04",
        "https://h.",
        "https://hé",
    ] {
        check(bad, None);
    }
}

#[test]
fn credentials_are_named_and_never_shown() {
    let check = |line: &str, expected: Option<Credential>| {
        let toml = format!(
            "{LEAST}\n[[upstreams]]\nid = \"x\"\nkind = \"openai\"\nbase_url = \"https://h\"\ncredential = {line}"
        );
        match (parse("c", &toml), expected) {
            (Ok(c), Some(e)) => assert_eq!(c.upstreams[1].credential, e),
            (Err(p), None) => {
                assert!(p.0.iter().all(|p| p.path.starts_with("upstreams[1].credential")), "{p}");
                assert!(!p.to_string().contains("hunter2"), "{p}");
            }
            (got, _) => panic!("{line}: {got:?}"),
        }
    };
    check("{ env = \"OPENAI_API_KEY\" }", Some(Credential::Env("OPENAI_API_KEY".into())));
    check("{ file = \"/run/key\" }", Some(Credential::File("/run/key".into())));
    check("{ systemd = \"openai\" }", Some(Credential::Systemd("openai".into())));
    check("{ env = \"A\", file = \"b\" }", None);
    check("{ env = \"hunter2 $\" }", None);
    check("{ systemd = \"../hunter2\" }", None);
    check("{ key = \"hunter2\" }", None);
    check("{}", None);
    check("\"hunter2\"", None);
}

#[test]
fn fixed_headers_carry_no_credential() {
    let with_headers = |h: &str| format!("base_url = \"https://h\"\nheaders = {{ {h} }}");
    check_upstream(&with_headers("OpenAI-Organization = \"org\""), &[]);
    for bad in ["Authorization", "X-API-Key", "Host", "Content-Length", "Transfer-Encoding"] {
        check_upstream(&with_headers(&format!("{bad} = \"v\"")), &[&format!("upstreams[1].headers.{bad}")]);
    }
    check_upstream(&with_headers("a = \"x\\r\\ny: z\""), &["upstreams[1].headers.a"]);
    check_upstream(&with_headers("\"a b\" = \"x\""), &["upstreams[1].headers.a b"]);
    check_upstream(&with_headers("A = \"x\", a = \"y\""), &["upstreams[1].headers.a"]);
}

#[test]
fn names_of_models_lead_to_one_model() {
    let models = |more: &str| paths(&format!("{LEAST}\n[[models]]\nupstream = \"up\"\n{more}"));
    assert_eq!(models("name = \"n\"\naliases = [\"o\"]"), [""; 0]);
    assert_eq!(models("name = \"m\""), ["models[1].name"]);
    assert_eq!(models("name = \"n\"\naliases = [\"m\"]"), ["models[1].aliases[0]"]);
    assert_eq!(
        models("name = \"n\"\naliases = [\"n\", \"o\", \"o\"]"),
        ["models[1].aliases[0]", "models[1].aliases[2]"]
    );
    assert_eq!(models("name = \"gpt-*\""), ["models[1].name"]);
    assert_eq!(
        models("name = \"n\"\nprice = { input = -1, output = \"x\" }"),
        ["models[1].price.input", "models[1].price.output"]
    );
    let nobody = "[[budgets]]\nmodel = \"gone\"\nrequests_per_minute = 0";
    check(nobody, &["budgets[0].model", "budgets[0].requests_per_minute"]);
    check("[[budgets]]\nmodel = \"m\"\n[[budgets]]\nmodel = \"m\"", &["budgets[1].model"]);
}

#[test]
fn terms_and_patterns() {
    check(
        "[[inspection.terms]]\nname = \"a\"\ntext = \"b\"\n[[inspection.patterns]]\nname = \"a\"\nregex = \"x\"\nmax_len = 1",
        &["inspection.patterns[0].name"],
    );
    check("[[inspection.patterns]]\nname = \"a\"\nregex = \"x\"", &["inspection.patterns[0].max_len"]);
    check("[[inspection.terms]]\nname = \"a b\"", &["inspection.terms[0].name", "inspection.terms[0].text"]);
    check(
        "[inspection]\ninjection_threshold = 1.5\nguards = { pii = false, piii = true }",
        &["inspection.guards.piii", "inspection.injection_threshold"],
    );
    let c = good(&with("[inspection]\nguards = { pii = false }\ninjection_threshold = 1"));
    assert_eq!(c.inspection.guards.len(), 4);
}

#[test]
fn costs_are_exact_and_rounded_up() {
    let price = Price { input: 150_000, output: 600_000, cached: 75_000 };
    let check = |i, o, c, expected| assert_eq!(price.cost_micros(i, o, c), expected, "{i} {o} {c}");
    check(0, 0, 0, 0);
    check(1, 0, 0, 1);
    check(1_000_000, 1_000_000, 0, 750_000);
    check(1_000_000, 0, 1_000_000, 75_000);
    check(10, 0, 1_000_000, 1);
    check(u64::MAX, u64::MAX, 0, 13_835_058_055_282_163_712);
    let dear = Price { input: u64::MAX, output: u64::MAX, cached: 0 };
    assert_eq!(dear.cost_micros(u64::MAX, u64::MAX, 0), u64::MAX);
}

#[test]
fn every_limit_can_be_set_to_its_ends_and_not_beyond() {
    let line = |row: &LimitRow, value: u64, time: bool| {
        let (table, key) = row.key.rsplit_once('.').unwrap();
        let value = if time { format!("{}.{:03}", value / 1000, value % 1000) } else { value.to_string() };
        with(&format!("[{table}]\n{key} = {value}"))
    };
    for (row, time) in COUNTS.iter().map(|r| (r, false)).chain(TIMES.iter().map(|r| (r, true))) {
        assert!((row.min..=row.max).contains(&row.default), "{}", row.key);
        assert!(paths(&line(row, row.min, time)).is_empty(), "{}", row.key);
        assert!(paths(&line(row, row.max, time)).is_empty(), "{}", row.key);
        assert_eq!(paths(&line(row, row.max + 1, time)), [row.key], "{}", row.key);
        if let Some(below) = row.min.checked_sub(1) {
            assert_eq!(paths(&line(row, below, time)), [row.key], "{}", row.key);
        }
    }
}

#[test]
fn every_limit_is_documented_with_its_default_and_reason() {
    let docs = include_str!("../../../docs/configuration.md");
    let number = |n: u64, time: bool| {
        let whole = n.is_multiple_of(1000);
        if !time {
            n.to_string()
        } else if whole {
            (n / 1000).to_string()
        } else {
            format!("0.{}", n / 100)
        }
    };
    for (row, time) in COUNTS.iter().map(|r| (r, false)).chain(TIMES.iter().map(|r| (r, true))) {
        let n = |v| number(v, time);
        let key = row.key.rsplit('.').next().unwrap();
        let line =
            format!("| `{key}` | {} | {} to {} | {} |", n(row.default), n(row.min), n(row.max), row.reason);
        assert!(docs.contains(&line), "missing in docs/configuration.md:\n{line}");
    }
}

proptest! {
    #[test]
    fn anything_may_be_parsed(text in any::<String>(), key in "[a-z_]{1,12}", value in "[a-z0-9\"\\[\\]{}=. ]{0,20}") {
        let _ = parse("c", &text);
        let _ = parse("c", &with(&format!("{key} = {value}")));
        let _ = BaseUrl::parse(&text);
        let _ = BaseUrl::parse(&format!("https://{text}"));
    }

    #[test]
    fn a_base_url_that_is_read_prints_as_itself(text in "https?://[a-z0-9.\\[\\]:-]{1,12}(/[a-z0-9./]{0,8})?") {
        if let Ok(url) = BaseUrl::parse(&text) {
            prop_assert_eq!(BaseUrl::parse(&url.to_string()), Ok(url));
        }
    }
}

#[test]
fn advisories() {
    assert_eq!(good(LEAST).advisories.mirror, None);
    let text = "[advisories]\nmirror = \"https://osv.example.com/m\"\nregistries = [\"PyPI\"]\ncredential = { env = \"T\" }\nca_file = \"ca.pem\"\n";
    let a = good(&with(text)).advisories;
    assert_eq!(a.mirror.map(|m| m.to_string()).as_deref(), Some("https://osv.example.com/m"));
    assert_eq!((a.registries, a.ca_file.as_deref()), (vec!["PyPI".to_owned()], Some("ca.pem")));
    assert_eq!(a.credential, Credential::Env("T".to_owned()));
    assert!(good(&with("[advisories]\nmirror = \"http://127.0.0.1:1\"")).advisories.mirror.is_some());
    for wrong in ["mirror = \"http://osv.example.com\"", "mirror = \"osv\"", "registries = [\"Debian\"]"] {
        assert!(crate::parse("c", &with(&format!("[advisories]\n{wrong}"))).is_err(), "{wrong}");
    }
}

#[test]
fn approvals() {
    let a = good(LEAST).approvals;
    assert_eq!((a.timeout.as_secs(), a.use_within.as_secs(), a.max_wider.as_secs()), (600, 600, 86_400));
    assert_eq!((a.max_pending, a.max_pending_per_agent, a.webhook), (100, 20, None));
    let text = "[approvals]\ntimeout = \"2m\"\nmax_pending = 5\nwebhook = \"https://hooks.example.com/a\"\n\
                credential = { env = \"HOOK\" }\nca_file = \"ca.pem\"";
    let a = good(&with(text)).approvals;
    let hook = a.webhook.unwrap();
    assert_eq!((a.timeout.as_secs(), a.max_pending), (120, 5));
    assert_eq!(hook.url.to_string(), "https://hooks.example.com/a");
    assert_eq!((hook.credential, hook.ca_file.as_deref()), (Credential::Env("HOOK".into()), Some("ca.pem")));
    for here in ["http://127.0.0.1:9/x", "http://localhost/x"] {
        assert!(good(&with(&format!("[approvals]\nwebhook = \"{here}\""))).approvals.webhook.is_some());
    }
    good(&with("[approvals]\nwebhook = \"http://hooks.example.com\"\nplaintext = true"));
    check("[approvals]\nwebhook = \"http://hooks.example.com\"", &["approvals.webhook"]);
    check("[approvals]\nwebhook = \"hooks\"", &["approvals.webhook"]);
    check("[approvals]\ntimeout = \"soon\"", &["approvals.timeout"]);
    check("[approvals]\ntimeout = 10", &["approvals.timeout"]);
    check("[approvals]\nuse_within = \"8d\"", &["approvals.use_within"]);
    check("[approvals]\nmax_pending = 0", &["approvals.max_pending"]);
    check("[approvals]\ncredential = { env = \"A\" }", &["approvals.credential"]);
    check("[approvals]\ntime_out = \"1m\"", &["approvals.time_out"]);
}

#[test]
fn witnesses() {
    assert_eq!(good(LEAST).ledger.witnesses, None);
    let c = good(&with("[ledger.witnesses]\npolicy = \"w.policy\"\ntimeout_seconds = 2.5"));
    let w = c.ledger.witnesses.unwrap();
    assert_eq!(
        (w.policy.as_str(), w.every, w.timeout),
        ("w.policy", Duration::from_secs(1), Duration::from_millis(2500))
    );
    assert!(!w.allow_private && !w.plaintext && w.ca_file.is_none());
    check("[ledger.witnesses]", &["ledger.witnesses.policy"]);
    check("[ledger.witnesses]\npolicy = \"\"", &["ledger.witnesses.policy"]);
    check("[ledger.witnesses]\npolicy = \"w\"\nevery_ms = 99", &["ledger.witnesses.every_ms"]);
    check("[ledger.witnesses]\npolicy = \"w\"\nplaintex = true", &["ledger.witnesses.plaintex"]);
}

/// A tool server with these lines.
fn check_server(lines: &str, expected: &[&str]) {
    let toml = format!("{LEAST}\n[[servers]]\n{lines}");
    assert_eq!(paths(&toml), expected, "{lines}");
}

#[test]
fn tool_servers() {
    check_server("id = \"bank\"\nurl = \"http://127.0.0.1:9001/mcp\"", &[]);
    check_server("id = \"bank\"\nurl = \"https://tools.example.com/mcp\"\ntransport = \"sse\"", &[]);
    check_server(
        "id = \"git\"\ncommand = [\"mcp-server-git\", \"--repository\", \"/srv\"]\nenv = { A_B = \"c\" }",
        &[],
    );
    check_server("id = \"bank\"", &["servers[0].url"]);
    check_server("id = \"bank\"\nurl = \"http://127.0.0.1/mcp\"\ncommand = [\"x\"]", &["servers[0].url"]);
    check_server("id = \"bank_one\"\nurl = \"http://127.0.0.1/mcp\"", &["servers[0].id"]);
    check_server("id = \"bank\"\nurl = \"http://tools.example.com/mcp\"", &["servers[0].url"]);
    check_server("id = \"bank\"\nurl = \"http://127.0.0.1/mcp\"\nenv = {}", &["servers[0].env"]);
    let api = "id = \"pets\"\nurl = \"https://api.example.com/v1\"\n";
    let check_api = |lines: &str, expected: &[&str]| check_server(&format!("{api}{lines}"), expected);
    check_api("openapi = \"pets.yaml\"\noperations = [\"get*\", \"!tag:admin\"]", &[]);
    check_api("openapi = \"https://api.example.com/openapi.json\"", &["servers[0].openapi"]);
    check_api("openapi = \"\"", &["servers[0].openapi"]);
    check_api("openapi = \"pets.yaml\"\ntransport = \"sse\"", &["servers[0].transport"]);
    check_api("operations = [\"get*\"]", &["servers[0].operations"]);
    check_server("id = \"pets\"\nopenapi = \"pets.yaml\"", &["servers[0].url"]);
    check_server("id = \"git\"\ncommand = [\"x\"]\nopenapi = \"pets.yaml\"", &["servers[0].openapi"]);
    let credential = "credential = { env = \"KEY\" }\ncredential_as = ";
    for (name, fine) in [
        ("bearer", true),
        ("basic", true),
        ("X-Api-Key", true),
        ("PRIVATE-TOKEN", true),
        ("Authorization", false),
        ("cookie", false),
        ("Mcp-Session-Id", false),
        ("a b", false),
    ] {
        let expected: &[&str] = if fine { &[] } else { &["servers[0].credential_as"] };
        check_api(&format!("{credential}\"{name}\""), expected);
    }
    check_api("credential_as = \"basic\"", &["servers[0].credential_as"]);
    check_api(&format!("{credential}\"X-A\"\nheaders = {{ x-a = \"b\" }}"), &["servers[0].credential_as"]);
    check_server("id = \"git\"\ncommand = []", &["servers[0].command"]);
    check_server("id = \"git\"\ncommand = [\"x\"]\nenv = { \"A-B\" = \"c\" }", &["servers[0].env.A-B"]);
    check_server("id = \"git\"\ncommand = [\"x\"]\nrestart = 1", &["servers[0].restart"]);
}

#[test]
fn a_gateway_for_tools_needs_no_models() {
    let config = good(
        "[ledger]\norigin = \"cordon.local/abc\"\n[[servers]]\nid = \"bank\"\nurl = \"http://localhost:9/mcp\"",
    );
    assert!(config.models.is_empty());
    let Some(crate::ServerWay::Http { allow, allow_private, .. }) = config.servers.first().map(|s| &s.way)
    else {
        panic!("it is on the network");
    };
    // A loopback name that is written is meant; other private addresses are not.
    assert!(!allow_private && allow.iter().any(|n| n.to_string() == "127.0.0.0/8"));
}
