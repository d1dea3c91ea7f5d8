//! JUnit XML, as pipelines read it: a suite, a case a finding; what fails is a `failure`, what is only said stands in
//! `system-out`. A run without findings is one case that passed.

use super::{Entry, Weight};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::io::{Error, Result};

/// The document; `suite` names what was checked.
///
/// # Errors
/// When it cannot be written: into memory it always can.
pub fn junit(entries: &[Entry], suite: &str) -> Result<String> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 1);
    let failures = entries.iter().filter(|e| e.weight == Weight::Error).count().to_string();
    let tests = entries.len().max(1).to_string();
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = [("tests", tests.as_str()), ("failures", &failures), ("errors", "0"), ("skipped", "0")];
    let counts = counts.into_iter();
    let mut all = BytesStart::new("testsuites");
    counts.clone().take(3).for_each(|c| all.push_attribute(c));
    out.write_event(Event::Start(all))?;
    let mut one = BytesStart::new("testsuite");
    one.push_attribute(("name", suite));
    counts.for_each(|c| one.push_attribute(c));
    out.write_event(Event::Start(one))?;
    if entries.is_empty() {
        let mut case = BytesStart::new("testcase");
        case.push_attribute(("classname", suite));
        case.push_attribute(("name", "nothing found"));
        out.write_event(Event::Empty(case))?;
    }
    for entry in entries {
        write_case(entry, suite, &mut out)?;
    }
    out.write_event(Event::End(BytesEnd::new("testsuite")))?;
    out.write_event(Event::End(BytesEnd::new("testsuites")))?;
    let mut text = String::from_utf8(out.into_inner()).map_err(Error::other)?;
    text.push('\n');
    Ok(text)
}

fn write_case(entry: &Entry, suite: &str, out: &mut Writer<Vec<u8>>) -> Result<()> {
    let mut case = BytesStart::new("testcase");
    case.push_attribute(("classname", format!("{suite}.{}", clean(&entry.rule.id)).as_str()));
    case.push_attribute(("name", clean(&entry.subject).as_str()));
    out.write_event(Event::Start(case))?;
    let text = format!("{}\n{}", clean(&entry.message), clean(&entry.places.join("\n")));
    let name = if entry.weight == Weight::Error { "failure" } else { "system-out" };
    let mut start = BytesStart::new(name);
    if entry.weight == Weight::Error {
        start.push_attribute(("message", clean(&entry.message).as_str()));
        start.push_attribute(("type", clean(&entry.rule.id).as_str()));
    }
    out.write_event(Event::Start(start))?;
    out.write_event(Event::Text(BytesText::new(&text)))?;
    out.write_event(Event::End(BytesEnd::new(name)))?;
    out.write_event(Event::End(BytesEnd::new("testcase")))
}

/// What XML 1.0 can hold: its characters without those that no escape lets in.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
            c => c,
        })
        .collect()
}
