//! Formats: one golden of each, tables of their escapes, and that nothing gets out but words, names, digests and
//! numbers.

mod content;
mod goldens;
pub(crate) mod made;

use crate::{Format, Leaf, Log, counted};
use cordon_ledger::tree;

pub(crate) fn log() -> Log {
    Log { origin: "cordon.local/00ff".to_owned(), version: "0.1.0", enterprise: crate::EXAMPLE_ENTERPRISE }
}

pub(crate) fn leaf(index: u64, bytes: Vec<u8>) -> Leaf {
    Leaf::new(index, tree::leaf_hash(&bytes), bytes)
}

fn lines(format: Format, leaves: &[Leaf]) -> Vec<String> {
    format.encode(&log(), leaves).into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

#[test]
fn what_is_no_record_leaves_as_its_index_and_hash_alone() {
    let secret = "a stranger's words";
    let strange = leaf(3, format!("{{\"v\":9,\"text\":\"{secret}\"}}").into_bytes());
    let hash = strange.hash_text();
    for format in Format::ALL {
        let out = lines(format, std::slice::from_ref(&strange)).concat();
        assert!(!out.contains("stranger"), "{out}");
        assert!(out.contains(&hash) && out.contains("unknown") || format == Format::Jsonl, "{out}");
    }
    assert_eq!(lines(Format::Jsonl, &[strange]), [format!("{{\"index\":3,\"leaf\":\"{hash}\"}}")]);
}

#[test]
fn syslog_frames_and_escapes() {
    assert_eq!(counted(b"<1>1 - - - - - -"), b"16 <1>1 - - - - - -");
    let names = made::catalogue();
    let mut outcome = made::outcome();
    for call in &mut outcome.calls {
        call.tool = names.name("odd \"]\\= tool", "tool", &made::digester());
    }
    let message = &lines(Format::Syslog, &[leaf(1, outcome.encode())])[0];
    assert!(message.contains(r#"calls="odd \"\]\\= tool=denied:argument_refused""#), "{message}");
    // RFC 5424: nothing stands behind the structured data, and no line ends within.
    assert!(message.ends_with(']') && !message.contains('\n'), "{message}");
}

#[test]
fn csv_has_as_many_fields_in_each_line_and_no_formulas() {
    let names = made::catalogue();
    let mut intent = made::intent();
    intent.model = Some(names.name("=cmd|' /C calc'!A0", "model", &made::digester()));
    let mut text = Format::Csv.head().unwrap();
    text.push(b'\n');
    for leaf in [leaf(0, intent.encode()), leaf(1, made::outcome().encode()), leaf(2, made::kill().encode())]
    {
        text.extend(Format::Csv.encode(&log(), &[leaf]).concat());
        text.push(b'\n');
    }
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let head = reader.headers().unwrap().clone();
    let model = head.iter().position(|h| h == "model").unwrap();
    let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(&rows[0][model], "'=cmd|' /C calc'!A0");
    assert_eq!(&rows[2][head.iter().position(|h| h == "what").unwrap()], "kill");
}

#[test]
fn a_leaf_gives_the_same_ids_for_ever_and_no_two_the_same() {
    let leaves =
        [leaf(7, made::intent().encode()), leaf(8, made::outcome().encode()), leaf(9, made::kill().encode())];
    let first = lines(Format::Ocsf, &leaves);
    assert_eq!(first, lines(Format::Ocsf, &leaves));
    let uids: std::collections::BTreeSet<String> = first
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["metadata"]["uid"].to_string())
        .collect();
    assert_eq!(uids.len(), first.len());
    // An intent and its finding, an outcome and its refused call, a kill and its incident.
    assert_eq!(first.len(), 6, "{first:#?}");
}

#[test]
fn an_incident_is_closed_under_the_id_it_was_opened_with() {
    let uid = |record: cordon_ledger::Control| {
        let line = lines(Format::Ocsf, &[leaf(1, record.encode())]).pop().unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["class_uid"], 2005);
        (event["finding_info_list"][0]["uid"].clone(), event["status_id"].clone())
    };
    let (opened, closed) = (uid(made::kill()), uid(made::unkill()));
    assert_eq!(opened.0, closed.0);
    assert_eq!((opened.1, closed.1), (1.into(), 5.into()));
}
