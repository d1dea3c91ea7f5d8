//! What leaves the log, and what providers' usage exports bring in: never a panic; each format is what it says it is.

use crate::led;
use cordon_export::reconcile::{Aliases, CsvColumns, Usage, Walk, read_csv, read_usage};
use cordon_export::{EXAMPLE_ENTERPRISE, Format, Leaf, Log};
use serde::de::IgnoredAny;

/// Any leaf, in any format.
pub fn export(data: &[u8]) {
    let log = Log { origin: "fuzz.example/log".to_owned(), version: "0", enterprise: EXAMPLE_ENTERPRISE };
    let leaf = Leaf::new(7, [9; 32], data.to_vec());
    let mut walk = Walk::default();
    walk.take(7, leaf.record.as_ref());
    assert_eq!(walk.finish().leaves, 1);
    let leaves = [leaf];
    for format in Format::ALL {
        for line in format.encode(&log, &leaves) {
            match format {
                Format::Ocsf | Format::Otlp | Format::Jsonl => {
                    assert!(serde_json::from_slice::<IgnoredAny>(&line).is_ok(), "no JSON");
                    assert!(!line.contains(&b'\n'), "a line has a line end in it");
                }
                Format::Syslog => {
                    assert!(line.starts_with(b"<") && line.ends_with(b"]") && !line.contains(&b'\n'))
                }
                Format::Csv => assert!(!line.is_empty()),
            }
        }
    }
}

/// Providers' usage exports.
pub fn usage(data: &[u8]) {
    let (kind, rest) = led(data);
    let (aliases, mut usage) = (Aliases::default(), Usage::default());
    let read = match kind % 3 {
        0 => read_usage(rest, &aliases, &mut usage),
        1 => read_csv(rest, &CsvColumns::default(), &aliases, &mut usage),
        _ => CsvColumns::parse(&String::from_utf8_lossy(rest))
            .and_then(|columns| read_csv(b"date,model\n2026-11-25,m\n", &columns, &aliases, &mut usage)),
    };
    if let Err(e) = read {
        assert!(!e.to_string().is_empty());
    }
    assert!(usage.rows.keys().all(|(day, model)| day.len() == 10 && !model.chars().any(char::is_control)));
}
