//! Any value, any of the spellings, two of them one after the other; and values that nobody said.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "values are made here, and one test prints what it measured"
)]

use Provenance::{Trusted, Unknown, Untrusted, User};
use cordon_flow::{Bounds, Fields, Session};
use cordon_types::{Class, Provenance};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use proptest::prelude::*;
use serde_json::{Value, json};

fn session() -> Session {
    Session::new(b"an unforeseen 16", Bounds::default())
}

/// What kind of value it is decides which spellings keep it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Name,
    Mail,
    Url,
    Path,
    Iban,
    Phone,
    Day,
    Time,
    Amount,
    Account,
}

fn value() -> impl Strategy<Value = (Sort, String)> {
    let word = "[B-Z][a-z]{4,9}";
    prop_oneof![
        (word, word).prop_map(|(a, b)| (Sort::Name, format!("{a} {b}"))),
        (word, word, word).prop_map(|(a, b, c)| (Sort::Name, format!("{a} {b} {c}"))),
        "[a-z][a-z0-9.]{2,9}[a-z0-9]@[a-z]{3,9}\\.(com|org|example)"
            .prop_filter("no two dots", |m| !m.contains(".."))
            .prop_map(|m| (Sort::Mail, m)),
        "https?://[a-z]{3,9}\\.(com|org)/[a-z0-9]{1,8}(/[a-z0-9]{1,8}\\.html)?(\\?id=[a-z0-9]{2,6})?"
            .prop_map(|u| (Sort::Url, u)),
        "/[a-z]{3,8}/[a-z]{3,8}/[a-z0-9]{3,9}\\.(txt|pdf|csv)".prop_map(|p| (Sort::Path, p)),
        "(DE|FR|GB|CH)[0-9]{2}[A-Z]{0,4}[0-9]{12,18}".prop_map(|i| (Sort::Iban, i)),
        "\\+[1-9][0-9]{8,12}".prop_map(|p| (Sort::Phone, p)),
        (1990..2040, 1..13, 1..29).prop_map(|(y, m, d)| (Sort::Day, format!("{y:04}-{m:02}-{d:02}"))),
        (0..24, 0..60).prop_map(|(h, m)| (Sort::Time, format!("{h:02}:{m:02}"))),
        (10_u32..2_000_000, 1_u32..100).prop_map(|(w, c)| (Sort::Amount, format!("{w}.{c:02}"))),
        "[1-9][0-9]{7,15}".prop_map(|a| (Sort::Account, a)),
    ]
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn groups(text: &str, size: usize, with: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(with)
}

/// How the same thing is written as itself.
fn by_sort(sort: Sort, value: &str, n: u8) -> String {
    match (sort, n % 4) {
        (Sort::Name | Sort::Mail | Sort::Iban, 0) => value.to_uppercase(),
        (Sort::Name | Sort::Mail | Sort::Iban, 1) => value.to_lowercase(),
        (Sort::Name, _) => value.replace(' ', "  \n"),
        (Sort::Iban, 2) => groups(value, 4, " "),
        (Sort::Iban, _) => groups(value, 4, "-"),
        (Sort::Phone, 0) => value.replace('+', "00"),
        (Sort::Phone, 1) => format!("{} ({}) {}", &value[..3], &value[3..5], &value[5..]),
        (Sort::Phone, 2) => format!("{} {}", &value[..3], groups(&value[3..], 3, "-")),
        (Sort::Phone, _) => format!("{} (0){}", &value[..3], &value[3..]),
        (Sort::Day, n) => {
            let (y, m, d) = (&value[..4], &value[5..7], &value[8..]);
            let (month, day) = (MONTHS[m.parse::<usize>().expect("a month") - 1], d.trim_start_matches('0'));
            match n {
                0 => format!("{day} {month} {y}"),
                1 => format!("{month} {day}, {y}"),
                2 if day.parse::<u8>().expect("a day") > 12 => format!("{m}/{d}/{y}"),
                2 => format!("{d}.{m}.{y}"),
                _ => format!("{day} {} {y}", &month[..3]),
            }
        }
        (Sort::Time, n) => {
            let (h, m) = (value[..2].parse::<u8>().expect("an hour"), &value[3..]);
            let (half, twelve) = (if h < 12 { "am" } else { "pm" }, if h % 12 == 0 { 12 } else { h % 12 });
            match n {
                0 => format!("{twelve}:{m} {half}"),
                1 => format!("{twelve}:{m}{}", half.to_uppercase()),
                2 => format!("{value}:00"),
                _ => value.to_owned(),
            }
        }
        (Sort::Amount, n) => {
            let (whole, cents) = value.split_once('.').expect("a point");
            let reversed: String = whole.chars().rev().collect();
            let grouped: String = groups(&reversed, 3, ",").chars().rev().collect();
            match n {
                0 => format!("{grouped}.{cents}"),
                1 => value.trim_end_matches('0').to_owned(),
                2 if whole.len() > 3 => format!("{},{cents}", grouped.replace(',', ".")),
                _ => value.to_owned(),
            }
        }
        (Sort::Account, 0) => groups(value, 4, " "),
        (Sort::Account, 1) => groups(value, 4, "-"),
        _ => value.to_owned(),
    }
}

/// How anything is written elsewhere.
fn wrapped(value: &str, n: u8) -> String {
    let wide = |c: char| {
        if c.is_ascii_alphanumeric() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c }
    };
    match n % 9 {
        0 => format!("\"{value}\""),
        1 => format!("'{value}'."),
        2 => format!("({value}),"),
        3 => value
            .replace('@', "%40")
            .replace('/', "%2F")
            .replace(' ', "%20")
            .replace('\n', "%0A")
            .replace(':', "%3A"),
        4 => BASE64.encode(value.as_bytes()),
        5 => BASE64URL_NOPAD.encode(value.as_bytes()),
        6 => value.chars().map(wide).collect(),
        7 => format!("  {value}\n"),
        _ => value.to_owned(),
    }
}

/// Whether a wrapping can be read back: what is shorter than any base64 that is looked for cannot.
fn keeps(value: &str, n: u8) -> bool {
    !matches!(n % 9, 4 | 5) || value.len() >= 6
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn two_spellings_after_one_another(
        (sort, value) in value(),
        (a, b, c, d) in (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()),
    ) {
        prop_assume!(keeps(&value, b) && keeps(&value, d));
        let said = wrapped(&by_sort(sort, &value, a), b);
        let asked = wrapped(&by_sort(sort, &value, c), d);
        let text = format!("Please take {said} as we agreed.");
        let mut s = session();
        s.saw(User, Class::Public, &text);
        prop_assert_eq!(s.provenance(&asked), User, "{:?}: {} | {}", sort, said, asked);
        let mut s = session();
        s.saw_json(&Fields::all(Trusted), Class::Public, &json!({"field": said}));
        prop_assert_eq!(s.provenance(&asked), Trusted, "{:?}: {} | {}", sort, said, asked);
        // The stranger first, in any spelling: it stays his.
        let mut s = session();
        s.saw(Untrusted, Class::Public, &text);
        s.saw(User, Class::Public, &asked);
        prop_assert_eq!(s.provenance(&asked), Untrusted, "{:?}: {} | {}", sort, said, asked);
        prop_assert!(!s.provenance(&value).is_good(), "{:?}: {} | {}", sort, said, asked);
        // The user first: it stays the user's.
        let mut s = session();
        s.saw(User, Class::Public, &text);
        s.saw(Untrusted, Class::Public, &asked);
        prop_assert_eq!(s.provenance(&asked), User, "{:?}: {} | {}", sort, said, asked);
    }

    #[test]
    fn an_encoding_in_an_encoding(
        (sort, value) in value(),
        (a, b) in (3_u8..6, 3_u8..6),
    ) {
        prop_assume!(value.len() >= 6);
        let asked = wrapped(&wrapped(&value, a), b);
        let mut s = session();
        s.saw(User, Class::Public, &value);
        prop_assert_eq!(s.provenance(&asked), User, "{:?}: {}", sort, asked);
        let mut s = session();
        s.saw(User, Class::Public, &asked);
        prop_assert_eq!(s.provenance(&value), User, "{:?}: {}", sort, asked);
    }

    #[test]
    fn joined_from_several_results(
        (first, second) in (value(), value()),
        (p, q) in (1_usize..4, 1_usize..4),
        glue in prop_oneof![Just(", "), Just("; "), Just("\n"), Just(" ")],
    ) {
        // A time behind a number, or a number behind one, may be a telephone's.
        let digits = |s: Sort| !matches!(s, Sort::Name | Sort::Mail | Sort::Url | Sort::Path);
        prop_assume!(first.1.to_lowercase() != second.1.to_lowercase() && !(glue == " " && digits(first.0) && digits(second.0)));
        let (p, q) = (Provenance::ALL[p], Provenance::ALL[q]);
        let mut s = session();
        s.saw_json(&Fields::all(p), Class::Public, &json!({"a": [first.1]}));
        s.saw_json(&Fields::all(q), Class::Public, &json!(second.1));
        let value = format!("{}{glue}{}", first.1, second.1);
        prop_assert_eq!(s.provenance(&value), p.min(q), "{}", value);
        let unknown = format!("{value}{glue}Zebediah-7");
        prop_assert_eq!(s.provenance(&unknown), Unknown, "{}", unknown);
    }

    #[test]
    fn parts_of_what_was_seen((sort, value) in value(), source in 1_usize..4) {
        if !matches!(sort, Sort::Url | Sort::Path | Sort::Mail) {
            return Ok(());
        }
        let source = Provenance::ALL[source];
        let mut s = session();
        s.saw(source, Class::Public, &format!("It is at {value} now"));
        let part = match sort {
            Sort::Path => value.rsplit('/').next().unwrap_or_default().to_owned(),
            Sort::Mail => value.split('@').nth(1).unwrap_or_default().to_owned(),
            _ => value.split('/').nth(2).unwrap_or_default().to_owned(),
        };
        prop_assert_eq!(s.provenance(&part), source, "{} of {}", part, value);
    }

    #[test]
    fn what_strangers_said_first_is_never_good(text in any_text(), asked in any_text(), later in any::<bool>()) {
        let mut s = session();
        s.saw(Untrusted, Class::Public, &text);
        s.saw(if later { User } else { Trusted }, Class::Public, &text);
        for value in text.split_whitespace().chain([text.as_str(), asked.as_str()]) {
            let found = s.provenance(value);
            prop_assert!(!found.is_good() || value.trim().is_empty(), "{:?}: {}", value, found);
        }
    }

    #[test]
    fn more_words_of_strangers_make_nothing_better(text in any_text(), other in any_text(), asked in any_text()) {
        let mut s = session();
        s.saw(User, Class::Public, &text);
        let values: Vec<&str> = text.split_whitespace().chain([text.as_str(), asked.as_str()]).collect();
        let before: Vec<Provenance> = values.iter().map(|v| s.provenance(v)).collect();
        s.called(&Value::String(other.clone()));
        s.saw(Untrusted, Class::Public, &other);
        s.saw(Trusted, Class::Public, &other);
        for (value, before) in values.iter().zip(before) {
            let now = s.provenance(value);
            prop_assert!(!now.is_good() || now == before, "{:?}: {} then {}", value, before, now);
        }
    }
}

/// Texts with much of what the readers look for.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just(" ".to_owned()),
        Just("\n".to_owned()),
        Just(", ".to_owned()),
        Just("\"".to_owned()),
        "[a-zA-Z]{1,6}",
        "[0-9]{1,5}",
        "[-@./:;%+#&=?<>()`'$|~*_]{1,2}",
        Just("@x.com".to_owned()),
        Just("https://x.com/".to_owned()),
        Just("DE89".to_owned()),
        Just("%40".to_owned()),
        Just("March".to_owned()),
        Just("EUR".to_owned()),
        Just("pm".to_owned()),
        "\\PC{1,3}",
        Just("\u{200b}".to_owned()),
        Just("Ym9iQHguY29t".to_owned()),
        Just("it".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..14).prop_map(|p| p.concat())
}

/// Random values, unlike any that was said. Prints the rate: `cargo nextest run -p cordon-flow false_match --no-capture`.
#[test]
fn false_match_rate() {
    let mut s = session();
    let mut seed = 1_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let word = |n: u64| {
        let mut n = n;
        (0..6)
            .map(|_| {
                let c = char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
                n /= 26;
                c
            })
            .collect::<String>()
    };
    let mut make = move || {
        let (a, b) = (word(next()), word(next()));
        let big = next() * 1_000_003 + next();
        [
            format!("{a}@{b}.com"),
            format!("DE{:02}{big:018}", next() % 90 + 10),
            format!("+49{}", 100_000_000 + next() % 900_000_000),
            format!("https://{a}.org/{b}"),
            format!("{a} {b}"),
            format!("/{a}/{b}.txt"),
            format!("{a}-{b}"),
        ]
    };
    for _ in 0..2_000 {
        let text = make().join(" and ");
        s.saw(User, Class::Public, &text);
    }
    let (mut asked, mut matched) = (0_u32, 0_u32);
    for _ in 0..15_000 {
        for value in make() {
            asked += 1;
            if s.provenance(&value) != Unknown {
                matched += 1;
            }
        }
    }
    println!("{} digests, {asked} random values asked, {matched} matched", s.entries());
    assert_eq!(matched, 0);
}
