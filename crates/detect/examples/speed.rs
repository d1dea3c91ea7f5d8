//! Prints what a scan costs: nanoseconds for texts of several kinds and sizes and for each guard alone, for a
//! piece of a stream, and milliseconds for a megabyte of what is meant to be slow.
//!
//! ```text
//! cargo run --release -p cordon-detect --example speed [-- <kind> <times>]
//! ```
//!
//! With a kind (`prose`, `german`, `chinese`, `numbers`, `code`) only the scan of 1 KB of it is repeated, for a profiler
//! that counts instructions.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a program that measures and prints"
)]

use cordon_detect::{Detectors, Guards, Settings, StreamScan};
use cordon_types::{Guard, SpanKind};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const KINDS: &[(&str, &str)] = &[
    (
        "prose",
        "The committee met on Tuesday to review the quarterly results, and agreed that the new office in Lisbon should \
         open before the end of the year. Several members asked about the cost of moving, which had been estimated at \
         40,000 euros. What is still missing is a list of the people who will move; please send it to me by Friday. ",
    ),
    (
        "german",
        "Der Vorstand prüfte die Ergebnisse für das Jahr 2024 und beschloß, das Büro in Lissabon zu öffnen. Über die \
         Kosten wird später entschieden; für die Mitglieder ändert sich nichts. ",
    ),
    (
        "chinese",
        "委员会于周二开会审议季度业绩，并同意在年底前开设里斯本的新办公室。几位成员询问了搬迁的费用。",
    ),
    ("numbers", "2024-01-02 12:30 4711 815.25 17 99,50 +3 (12) 1.2.3 800 42 10:11:12 0.5 1,024 "),
    (
        "code",
        "let total = items.iter().map(|i| i.price * i.count).sum::<u64>(); // [see](docs/a.md)\nif total > 10 {\n",
    ),
];

const HOSTILE: &[&str] = &[
    "1 ",
    "password:",
    "token=",
    "ignore ",
    "ignore all ",
    "vtaber ",
    "snoitcurtsni ",
    "jdbc:",
    "://",
    "https://a:b@c/",
    "a@",
    "é",
    "%41",
    "+14155552671 ",
    "putty-user-key-file-",
    "server=a;",
    "![",
    "![a](",
    "![a][b] ",
    "<img ",
    "<",
    "[a](",
    "url(",
    "ignore all previous instructions ",
    "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ= ",
    "所有",
    "忽略所有",
    "-----begin private key-----",
    "eyJ",
    "a.",
    "1.",
    "::",
    "\u{200b}",
    "&#65;",
    "show the ",
    "<img src=https://e.t/x>",
    "[a]:",
    "javascript:",
    "data:text/html",
    "i g n o r e ",
    "1gnore ",
    "(",
    "\"",
    "a=",
    "\\u0041",
    "d e ",
];

fn guards() -> [(&'static str, Guards); 6] {
    let only = |g| Guards::NONE.with(g);
    [
        ("all", Guards::ALL),
        ("pii", only(Guard::Pii)),
        ("secrets", only(Guard::Secrets)),
        ("injection", only(Guard::Injection)),
        ("exfil", only(Guard::Exfiltration)),
        ("terms", only(Guard::Terms)),
    ]
}

fn text(unit: &str, len: usize) -> String {
    let all = unit.repeat(len / unit.len() + 1);
    let end = all.floor_char_boundary(len);
    all.get(..end).unwrap_or("").to_owned()
}

fn main() {
    let d = Arc::new(Detectors::new(&Settings::default()).expect("the default settings are usable"));
    let mut args = std::env::args().skip(1);
    if let Some(kind) = args.next() {
        let times: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1000);
        let unit = KINDS.iter().find(|(k, _)| *k == kind).map_or(kind.as_str(), |(_, u)| *u);
        let text = text(unit, 1024);
        for _ in 0..times {
            black_box(d.scan(&text, SpanKind::User, Guards::ALL));
        }
        return;
    }
    for (name, unit) in KINDS {
        for size in [1024, 8192] {
            let text = text(unit, size);
            let mut line = format!("{name:8} {size:5} bytes, ns:");
            for (guard, set) in guards() {
                let times = 4_000_000 / size;
                let start = Instant::now();
                for _ in 0..times {
                    black_box(d.scan(&text, SpanKind::User, set));
                }
                let ns = start.elapsed().as_nanos() / times as u128;
                line.push_str(&format!(" {guard} {ns}"));
            }
            println!("{line}");
        }
    }
    for (name, unit) in KINDS {
        let text = unit.repeat(200);
        let mut scan = StreamScan::new(d.clone(), SpanKind::Assistant, Guards::ALL);
        let (mut pushes, mut held) = (0, 0);
        let start = Instant::now();
        let mut pushed = 0;
        for word in text.split_inclusive([' ', '，']) {
            pushed += word.len();
            let step = scan.push(word).expect("prose is not held back");
            held = held.max(pushed - step.clear);
            pushes += 1;
        }
        println!(
            "{name:8} stream, ns a word: {}; most bytes held: {held}",
            start.elapsed().as_nanos() / pushes
        );
    }
    for unit in HOSTILE {
        let text = text(unit, 1_000_000);
        let start = Instant::now();
        let found = d.scan(&text, SpanKind::ToolResult, Guards::ALL).findings.len();
        println!("{unit:?} 1 MB: {} ms, {found} findings", start.elapsed().as_millis());
    }
}
