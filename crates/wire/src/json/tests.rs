//! Tables and properties of the scanner and the splicing.
#![expect(clippy::string_slice, reason = "the cuts are taken from character boundaries")]

use super::splice::{Patch, apply, within_string};
use super::{decode, escape_into, scan};
use crate::fault::WireCode;
use crate::limits::Limits;
use proptest::prelude::*;

fn code(text: &[u8]) -> Option<WireCode> {
    scan(text, &Limits::default()).err().map(|e| e.code)
}

const FINE: &[&str] = &[
    "0",
    "-0",
    "1.5e-3",
    " [ ] ",
    "{}",
    "null",
    r#""\ud83d\ude00""#,
    r#"{"a":{"a":1},"b":[{"a":1}]}"#,
    "\"\u{7f}\"",
];

const BROKEN: &[&str] = &[
    "",
    " ",
    "{",
    "[",
    "[1,]",
    "{\"a\":1,}",
    "{,}",
    "{\"a\"}",
    "{\"a\" 1}",
    "{a:1}",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "1e+",
    "nul",
    "True",
    "NaN",
    "'a'",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u+123\"",
    "\"\n\"",
    "\"\0\"",
    "[1 2]",
    "]",
    "}",
    "[}",
    "{]",
    "\u{feff}{}",
    "/**/1",
    r#""\ud800""#,
    r#""\udc00""#,
    r#""\ud800\ud800""#,
    r#""\ud800x""#,
    r#""\ud83d\u0041""#,
    "{\"a\":}",
];

#[test]
fn what_is_refused() {
    use WireCode::{CaseCollision, DuplicateKey, InvalidJson, InvalidUtf8, TrailingData};
    let check =
        |text: &str, expected: Option<WireCode>| assert_eq!(code(text.as_bytes()), expected, "{text}");
    FINE.iter().for_each(|text| check(text, None));
    BROKEN.iter().for_each(|text| check(text, Some(InvalidJson)));
    for trailing in ["1 2", "01", "{} {}", "[]]", "null,", "{}x", "1\0"] {
        check(trailing, Some(TrailingData));
    }
    check(r#"{"a":1,"a":2}"#, Some(DuplicateKey));
    check(r#"{"a":1,"\u0061":2}"#, Some(DuplicateKey));
    check(r#"[{"x":{"a":1,"b":0,"a":2}}]"#, Some(DuplicateKey));
    check(r#"{"model":1,"Model":2}"#, Some(CaseCollision));
    check(r#"{"model":1,"\u004dodel":2}"#, Some(CaseCollision));
    check(r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"\u0061":0}"#, Some(DuplicateKey));
    check(r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"B":0}"#, Some(CaseCollision));
    check(r#"{"ä":1,"Ä":2}"#, None);
    for bad in [&b"\"\xff\""[..], b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"{\"\xf5\":1}", b"\xff"] {
        assert_eq!(code(bad), Some(InvalidUtf8));
    }
}

#[test]
fn limits_hold_at_the_edge() {
    let limits = Limits { max_depth: 3, max_nodes: 6, max_key_bytes: 4, ..Limits::default() };
    let check =
        |text: &str, expected| assert_eq!(scan(text.as_bytes(), &limits).err().map(|e| e.code), expected);
    check("[[[]]]", None);
    check("[[[[]]]]", Some(WireCode::TooDeep));
    check("[1,2,3,4,5]", None);
    check("[1,2,3,4,5,6]", Some(WireCode::TooMany));
    check(r#"{"abcd":1}"#, None);
    check(r#"{"abcde":1}"#, Some(WireCode::TooMany));
    let deep = "[".repeat(1_000_000);
    assert_eq!(code(deep.as_bytes()), Some(WireCode::TooDeep));
}

#[test]
fn errors_quote_a_key_but_have_no_path_of_the_callers() {
    let e = scan("{\"s\u{e9}cret\":1,\"s\u{e9}cret\":2}".as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(e.path, "");
    assert!(e.public.contains("s?cret"), "{}", e.public);
}

#[test]
fn the_tape_steps_over_what_is_below() {
    let text = br#"{"a":[1,{"b":"\u0062"},true],"c":null}"#;
    let tape = scan(text, &Limits::default()).unwrap();
    let doc = tape.over(text);
    let a = doc.get(0, "a").unwrap();
    let items: Vec<_> = doc.items(a).map(|i| String::from_utf8_lossy(doc.raw(i)).into_owned()).collect();
    assert_eq!(items, ["1", r#"{"b":"\u0062"}"#, "true"]);
    let b = doc.items(a).nth(1).and_then(|o| doc.get(o, "b")).unwrap();
    assert_eq!(doc.text(b), "b");
    assert!(doc.get(0, "c").is_some() && doc.given(0, "c").is_none());
    assert_eq!(doc.members(0).count(), 2);
}

#[test]
fn edits_that_cannot_be() {
    let edit = |range, with: &str| Patch { range, with: with.into() };
    let raw = r"a\u00e9\ud83d\ude00\nz";
    assert_eq!(decode(raw), "a\u{e9}\u{1f600}\nz");
    for bad in [1..2, 3..4, 0..6, 0..10, 10..10] {
        assert!(within_string(raw, 0, vec![edit(bad.clone(), "x")]).is_err(), "{bad:?}");
    }
    assert!(within_string("abc", 0, vec![edit(0..2, "x"), edit(1..3, "y")]).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "the point of the check")]
    let backward = within_string("abc", 0, vec![edit(2..1, "x")]);
    assert!(backward.is_err());
    let fine = within_string(raw, 0, vec![edit(1..3, "\"")]).unwrap();
    assert_eq!(apply(raw.as_bytes(), fine).unwrap(), br#"a\"\ud83d\ude00\nz"#);
}

/// A string written in one of the ways JSON allows, chosen by `how`.
fn written(text: &str, how: &[u8]) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if how.get(i % how.len().max(1)).is_some_and(|h| h % 3 == 0) {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        } else {
            escape_into(c.encode_utf8(&mut [0; 4]), &mut out);
        }
    }
    out
}

fn json_like() -> impl Strategy<Value = String> {
    proptest::string::string_regex(
        "([\\[\\]{}:, \n]|\"[a-c\\\\/u0-9]{0,5}\"|-?[0-9.eE+-]{1,4}|true|false|null){0,12}",
    )
    .unwrap()
}

proptest! {
    #[test]
    fn agrees_with_another_parser(text in json_like()) {
        let ours = code(text.as_bytes());
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        let stricter = matches!(ours, Some(WireCode::DuplicateKey | WireCode::CaseCollision));
        // The other's raw values are not checked for lone surrogates.
        prop_assert!(stricter || ours.is_none() == theirs, "{:?} {}", ours, theirs);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let ours = scan(&bytes, &Limits::default()).is_ok();
        prop_assert!(!ours || serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
    }

    #[test]
    fn strings_decode_as_written(text in any::<String>(), how in proptest::collection::vec(any::<u8>(), 1..9)) {
        let raw = format!("\"{}\"", written(&text, &how));
        let tape = scan(raw.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(tape.over(raw.as_bytes()).text(0).into_owned(), text);
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else(
        text in any::<String>(),
        how in proptest::collection::vec(any::<u8>(), 1..9),
        (a, b) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        with in any::<String>(),
    ) {
        let cuts: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let (a, b) = (cuts[a.index(cuts.len())], cuts[b.index(cuts.len())]);
        let (start, end) = (a.min(b), a.max(b));
        let raw = written(&text, &how);
        let patches = within_string(&raw, 0, vec![Patch { range: start..end, with: with.clone() }]).unwrap();
        let edited = String::from_utf8(apply(raw.as_bytes(), patches.clone()).unwrap()).unwrap();
        prop_assert_eq!(decode(&edited), format!("{}{with}{}", &text[..start], &text[end..]));
        prop_assert!(edited.starts_with(&raw[..patches[0].range.start]));
        prop_assert!(edited.ends_with(&raw[patches[0].range.end..]));
    }
}
