//! Prints what a session costs: microseconds for a value that is seen and for one that is asked about, and bytes,
//! with ten to a hundred thousand values seen before.
//!
//! ```text
//! cargo run --release -p cordon-flow --example flow_speed
//! ```
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]

use cordon_flow::{Bounds, Fields, Session};
use cordon_types::{Class, Provenance};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

/// A value of each kind in turn, the same for the same number.
fn value(n: u64) -> String {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    match n % 8 {
        0 => format!("person{mixed}@example{}.com", n % 97),
        1 => format!("https://site{}.example.com/pages/{mixed}.html", n % 89),
        2 => format!("DE{:02}{:018}", n % 90 + 10, mixed),
        3 => format!("Hotel Number{n} Berlin"),
        4 => format!("+49{}", 100_000_000 + mixed % 900_000_000),
        5 => format!("/srv/data/{}/report-{mixed}.pdf", n % 83),
        6 => format!("{}.{:02}", mixed % 1_000_000, n % 100),
        _ => format!("ticket-{mixed}"),
    }
}

/// Nanoseconds: on the processor, where the system tells them, so that neighbours on the machine do not count.
fn spent(since: Instant) -> u128 {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let on_processor = told.and_then(|t| t.split(' ').next().and_then(|n| n.parse().ok()));
    on_processor.unwrap_or_else(|| since.elapsed().as_nanos())
}

fn microseconds(times: u64, mut work: impl FnMut(u64)) -> f64 {
    let since = Instant::now();
    let begun = spent(since);
    (0..times).for_each(&mut work);
    let nanos = u32::try_from((spent(since) - begun) / u128::from(times)).unwrap_or(u32::MAX);
    f64::from(nanos) / 1_000.0
}

fn row(bounds: Bounds, source: Provenance, before: u64) {
    let mut session = Session::new(&[7; 16], bounds);
    let fields = Fields::all(source);
    let rows: Vec<Value> = (0..before).map(|n| json!(value(n))).collect();
    for row in &rows {
        session.saw_json(&fields, Class::Internal, row);
    }
    let (entries, bytes) = (session.entries(), session.bytes());
    let known: Vec<Value> = (0..1_000).map(|n| json!(value(before.saturating_sub(1 + n % before)))).collect();
    let unknown: Vec<Value> = (0..1_000).map(|n| json!(value(10_000_000 + n))).collect();
    let joined: Vec<Value> = (0..1_000)
        .map(|n| {
            json!(format!("{}, {}", value(before - 1 - n % before), value(before - 1 - (n * 7) % before)))
        })
        .collect();
    let ask = |values: &[Value]| {
        microseconds(100_000, |n| {
            let value = usize::try_from(n).ok().and_then(|n| values.get(n % values.len()));
            black_box(value.map(|v| session.provenance_json(v, true, &|_| false)));
        })
    };
    let (known, unknown, joined) = (ask(&known), ask(&unknown), ask(&joined));
    let fresh: Vec<Value> = (0..20_000).map(|n| json!(value(20_000_000 + n))).collect();
    let seen = microseconds(20_000, |n| {
        if let Some(value) = usize::try_from(n).ok().and_then(|n| fresh.get(n)) {
            session.saw_json(&fields, Class::Internal, value);
        }
    });
    let each = bytes / entries.max(1);
    println!(
        "{:>9}  {before:>7}  {seen:>6.2}  {known:>6.2}  {unknown:>6.2}  {joined:>6.2}  {entries:>8}  {:>8}  {each:>5}",
        source.name(),
        bytes / 1024
    );
}

fn main() {
    println!("microseconds a value; asked: one that was seen, one that was not, a list of two");
    println!("   source     seen     see   known  unknown  list   digests       KiB  bytes each");
    // Large enough that nothing has to go; and the bounds that a session has.
    let all = Bounds { good: 2_000_000, bad: 2_000_000 };
    for source in [Provenance::User, Provenance::Untrusted] {
        for before in [10, 1_000, 10_000, 100_000] {
            row(all, source, before);
        }
        println!("with the usual bounds:");
        row(Bounds::default(), source, 100_000);
    }
    let page = "The committee met on Tuesday to review the results, and agreed that the office in Lisbon should open \
                before the end of the year. Mail jane@example.com or call +49 30 1234567. "
        .repeat(50);
    let mut session = Session::new(&[7; 16], Bounds::default());
    let cost =
        microseconds(200, |n| session.saw(Provenance::Untrusted, Class::Public, &format!("{n} {page}")));
    println!("a page of {} KiB of prose: {cost:.0} microseconds", page.len() / 1024);
}
