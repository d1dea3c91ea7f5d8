//! Tables: what is found, exactly where, and what is not.

use crate::{Detectors, Guards, Settings};
use cordon_types::{FindingKind, Guard, SpanKind};
use std::sync::OnceLock;

fn found(text: &str) -> Vec<(FindingKind, &str)> {
    static ALL: OnceLock<Detectors> = OnceLock::new();
    let d = ALL.get_or_init(|| Detectors::new(&Settings::default()).unwrap());
    let report = d.scan(text, SpanKind::User, Guards::NONE.with(Guard::Pii));
    report.findings.into_iter().map(|f| (f.kind, text.get(f.range).unwrap())).collect()
}

#[track_caller]
fn check(kind: FindingKind, text: &str, expected: &[&str]) {
    let of_kind: Vec<&str> = found(text).into_iter().filter(|(k, _)| *k == kind).map(|(_, v)| v).collect();
    assert_eq!(of_kind, expected, "{text:?}");
}

#[track_caller]
fn nothing(text: &str) {
    assert_eq!(found(text), [], "{text:?}");
}

#[test]
fn emails() {
    for (text, expected) in [
        ("Write to jane.doe+x@mail.example.com.", "jane.doe+x@mail.example.com"),
        ("<o'brien@example.ie>", "o'brien@example.ie"),
        ("mailto:a@b.co, thanks", "a@b.co"),
        ("Mail an jürgen@bücher.example!", "jürgen@bücher.example"),
        ("宛先は user@例え.jp です", "user@例え.jp"),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
        ("ja\u{200b}ne@example.com", "ja\u{200b}ne@example.com"),
        ("jane%40example.com", "jane%40example.com"),
        ("jane&#64;example.com", "jane&#64;example.com"),
    ] {
        check(FindingKind::Email, text, &[expected]);
    }
    for text in [
        "user@host",
        "icon@2x.png",
        "react@18.2.0",
        "@decorator.name",
        "a@b@",
        "git@github.com:o/r.git",
        "x@1.2.3.4",
    ] {
        check(FindingKind::Email, text, &[]);
    }
}

#[test]
fn cards() {
    for (text, expected) in [
        ("card 4111 1111 1111 1111, thanks", "4111 1111 1111 1111"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("(4111111111111111)", "4111111111111111"),
        ("amex 3782 822463 10005.", "3782 822463 10005"),
        ("5555555555554444", "5555555555554444"),
        ("6011111111111117", "6011111111111117"),
        ("3530111333300000", "3530111333300000"),
        ("30569309025904", "30569309025904"),
        ("４１１１ １１１１ １１１１ １１１１", "４１１１ １１１１ １１１１ １１１１"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
        ("NDExMSAxMTExIDExMTEgMTExMQ==", "NDExMSAxMTExIDExMTEgMTExMQ=="),
    ] {
        check(FindingKind::PaymentCard, text, &[expected]);
    }
    for text in [
        "4111 1111 1111 1112",
        "41111111111111111",
        "x4111111111111111",
        "4111111111111111a",
        "0.4111111111111111",
        "1700000000000000000",
        "0000 0000 0000 0000",
        "4444-4444",
        "550e8400-e29b-41d4-a716-446655440000",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        check(FindingKind::PaymentCard, text, &[]);
    }
}

#[test]
fn ibans() {
    for (text, expected) in [
        ("IBAN: DE89 3704 0044 0532 0130 00.", "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432", "GB82WEST12345698765432"),
        ("fr14 2004 1010 0505 0001 3m02 606", "fr14 2004 1010 0505 0001 3m02 606"),
        ("NO93 8601 1117 947", "NO93 8601 1117 947"),
    ] {
        check(FindingKind::Iban, text, &[expected]);
    }
    for text in [
        "DE89 3704 0044 0532 0130 01",
        "DE89370400440532013000X",
        "XX89370400440532013000",
        "ADE89370400440532013000",
    ] {
        check(FindingKind::Iban, text, &[]);
    }
}

#[test]
fn social_security_numbers() {
    check(FindingKind::UsSsn, "SSN: 078-05-1120.", &["078-05-1120"]);
    check(FindingKind::UsSsn, "123-45-6789", &["123-45-6789"]);
    check(FindingKind::UsSsn, "my social security number is 123456789", &["123456789"]);
    for text in [
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "123456789",
        "a-123-45-6789",
    ] {
        check(FindingKind::UsSsn, text, &[]);
    }
}

#[test]
fn phones() {
    for (text, expected) in [
        ("Call +1 (415) 555-2671 now", "+1 (415) 555-2671"),
        ("+442079460958", "+442079460958"),
        ("+44 (0)20 7946 0958, or", "+44 (0)20 7946 0958"),
        ("+49 30 901820", "+49 30 901820"),
        ("0049 30 901820", "0049 30 901820"),
        ("(212) 555-0123", "(212) 555-0123"),
        ("212-555-0123", "212-555-0123"),
        ("1-212-555-0123", "1-212-555-0123"),
        ("020 7946 0958", "020 7946 0958"),
        ("030/1234567", "030/1234567"),
        ("01 23 45 67 89", "01 23 45 67 89"),
        ("phone: 5551234567", "5551234567"),
        ("call me at 555-0123", "555-0123"),
        ("001-846-853-9089x92556 fax", "001-846-853-9089x92556"),
    ] {
        check(FindingKind::Phone, text, &[expected]);
    }
    for text in [
        "2024-01-02 10:30:00",
        "01-02-2024 10",
        "order 1234567890",
        "1700000000",
        "1.2.3.4",
        "192.168.100.200",
        "4111 1111 1111 1111",
        "550e8400-e29b-41d4-a716-446655440000",
        "1,234,567,890",
        "3.14159265358",
        "12:30:45",
        "a+12345678",
        "2013-2014 2015-2016",
        "#212-555-0123",
        "lines 100-200",
        "10000000000000000000000",
    ] {
        check(FindingKind::Phone, text, &[]);
    }
}

#[test]
fn addresses() {
    for (text, expected) in [
        ("from 203.0.113.9:8080.", "203.0.113.9"),
        ("http://8.8.8.8/x", "8.8.8.8"),
        ("10.0.0.1/24", "10.0.0.1"),
        ("at 2001:db8::ff00:42:8329.", "2001:db8::ff00:42:8329"),
        ("[::1]:80", "::1"),
        ("fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"),
    ] {
        check(FindingKind::IpAddress, text, &[expected]);
    }
    for text in [
        "v1.2.3.4",
        "version 1.2.3.4",
        "Chrome/120.0.0.0",
        "pkg==1.2.3.4",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "12:30:45",
        "std::vec",
        "a::b",
        "digits[1::2]",
        "00:1a:2b:3c:4d:5e",
        "::",
    ] {
        check(FindingKind::IpAddress, text, &[]);
    }
}

#[test]
fn ordinary_text() {
    nothing(
        "The commit 9f86d081884c7d65 of 2024-05-01T12:30:45Z took 1234567 us (12.5%), see #4321 and RFC 5321.",
    );
    nothing(
        "UUID 123e4567-e89b-12d3-a456-426614174000; build 20240501123045; range 0x7fff12345678-0x7fff12349abc",
    );
}
