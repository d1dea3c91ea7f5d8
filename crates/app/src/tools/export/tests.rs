//! Addresses as operators write them, and cursors that belong elsewhere.

use super::cursor::Keeper;
use super::target::Target;
use super::{hex, unhex};
use cordon_export::Format;

#[test]
fn addresses() {
    let table = [
        ("-", Format::Csv, Some("Stdout")),
        ("out/records.csv", Format::Csv, Some("File")),
        ("http://127.0.0.1:4318", Format::Otlp, Some("/v1/logs")),
        ("http://127.0.0.1:4318/", Format::Otlp, Some("/v1/logs")),
        ("https://collector.example/in?source=cordon", Format::Ocsf, Some("/in?source=cordon")),
        ("https://collector.example?source=cordon", Format::Jsonl, Some("/?source=cordon")),
        ("tcp://127.0.0.1:601", Format::Syslog, Some("601")),
        ("tls://logs.example", Format::Syslog, Some("6514")),
        ("udp://[::1]", Format::Syslog, Some("514")),
        ("udp://[::1]:5514", Format::Syslog, Some("5514")),
        ("tcp://logs.example", Format::Syslog, None),
        ("tcp://logs.example:601/path", Format::Syslog, None),
        ("http://user:secret@host/", Format::Ocsf, None),
        ("ftp://host/", Format::Ocsf, None),
        ("", Format::Ocsf, None),
        ("http://127.0.0.1/", Format::Syslog, None),
        ("udp://127.0.0.1", Format::Ocsf, None),
        ("tcp://127.0.0.1:1", Format::Csv, None),
        ("tcp://127.0.0.1:1", Format::Otlp, None),
    ];
    for (text, format, expected) in table {
        match (Target::parse(text, format), expected) {
            (Ok(target), Some(part)) => assert!(format!("{target:?}").contains(part), "{text}: {target:?}"),
            (Err(e), None) => assert!(!e.to_string().contains("secret"), "{text}: {e}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_cursor_belongs_to_one_log_format_and_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cursor");
    let open = |log: &str, format, to: &str| Keeper::open(&path, log, format, to);
    let mut keeper = open("a/1", Format::Ocsf, "x").unwrap();
    assert_eq!(keeper.cursor().next, 0);
    assert!(!path.exists(), "nothing was acknowledged");
    keeper.save(5, 9, &hex(&[3; 32])).unwrap();
    assert_eq!(open("a/1", Format::Ocsf, "x").unwrap().cursor().next, 5);
    for (log, format, to, why) in [
        ("b/2", Format::Ocsf, "x", "log"),
        ("a/1", Format::Csv, "x", "format"),
        ("a/1", Format::Ocsf, "y", "receiver"),
    ] {
        let said = open(log, format, to).err().unwrap().to_string();
        assert!(said.contains(&format!("another {why}")), "{said}");
    }
    for bad in [
        "",
        "{}",
        "[]",
        "{\"v\":1,\"log\":\"a/1\",\"format\":\"ocsf\",\"to\":\"x\",\"next\":9,\"size\":1,\"root\":\"\"}",
    ] {
        std::fs::write(&path, bad).unwrap();
        assert!(open("a/1", Format::Ocsf, "x").is_err(), "{bad}");
    }
}

#[test]
fn roots_as_text() {
    assert_eq!(unhex(&hex(&[0xa5; 32])), Some([0xa5; 32]));
    let wide = "ä".repeat(32);
    for bad in ["", "a5", &"g".repeat(64), wide.as_str()] {
        assert_eq!(unhex(bad), None, "{bad}");
    }
}

#[test]
fn a_token_does_not_go_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let check = |url: &str, goes: bool| {
        let base = cordon_upstream::BaseUrl::parse(url).unwrap();
        assert_eq!(super::send::settings(&base, Some(&token), None).is_ok(), goes, "{url}");
        assert!(super::send::settings(&base, None, None).is_ok(), "{url}");
    };
    check("https://siem.example", true);
    check("http://127.0.0.1:4318", true);
    check("http://localhost:4318", true);
    check("http://[::1]:4318", true);
    check("http://siem.example", false);
    check("http://10.0.0.7:4318", false);
    check("http://localhost.example", false);
}
