//! The dialects: what is taken is JSON to any reader, leaves byte for byte when nothing is edited, and parses again
//! when every text in it was edited.

use crate::led;
use bytes::Bytes;
use cordon_types::Operation;
use cordon_wire::{
    AnswerEdit, EventEdit, Frame, Limits, Part, RequestEdit, Span, Splice, SseReader, parse_answer,
    parse_event, parse_request,
};
use serde::de::IgnoredAny;

const OPERATIONS: [Operation; 4] =
    [Operation::ChatCompletions, Operation::Messages, Operation::CountTokens, Operation::Models];

fn operation(at: usize) -> Operation {
    OPERATIONS.get(at % 4).copied().unwrap_or(Operation::Models)
}

/// The scanner: what it takes, any other reader takes.
pub fn wire_scan(data: &[u8]) {
    let Ok(tape) = cordon_wire::json::scan(data, &Limits::default()) else { return };
    assert!(
        serde_json::from_slice::<IgnoredAny>(data).is_ok(),
        "the scanner takes what another reader refuses"
    );
    let doc = tape.over(data);
    for node in 0..doc.len() {
        let text = doc.text(node);
        assert!(text.len() <= data.len());
    }
}

/// A span, and what stands in place of which of its bytes.
type SpanEdits = (usize, Vec<(std::ops::Range<usize>, String)>);

/// Every free text gets a new beginning.
fn edits(spans: &[Span]) -> Vec<SpanEdits> {
    let free = spans.iter().enumerate().filter(|(_, s)| s.splice == Splice::Free);
    free.map(|(at, span)| {
        let end = span.text.chars().next().map_or(0, char::len_utf8);
        (at, vec![(0..end, "[\"X\"\n\\]".to_owned())])
    })
    .collect()
}

fn edited(before: &[Span], after: &[Span]) {
    assert_eq!(before.len(), after.len(), "an edit changed what stands where");
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before.path, after.path);
        let mut expected = before.text.clone();
        if before.splice == Splice::Free {
            let end = expected.chars().next().map_or(0, char::len_utf8);
            expected.replace_range(0..end, "[\"X\"\n\\]");
        }
        assert_eq!(expected, after.text);
    }
}

/// Requests.
pub fn wire_request(data: &[u8]) {
    let (op, body) = led(data);
    let op = operation(op);
    let body = Bytes::copy_from_slice(body);
    let Ok(request) = parse_request(op, body.clone(), &Limits::default()) else { return };
    assert_eq!(request.render(&[]).ok(), Some(body));
    let all: Vec<RequestEdit> =
        edits(&request.spans).into_iter().map(|(span, edits)| RequestEdit::Text { span, edits }).collect();
    let rendered = request.render(&all).unwrap_or_else(|e| panic!("free texts could not be edited: {e}"));
    let again = parse_request(op, rendered, &Limits::default())
        .unwrap_or_else(|e| panic!("an edited request is none any more: {e}"));
    // JSON in a string may cease to be JSON only if it was none.
    edited(&request.spans, &again.spans);
    let gone: Vec<RequestEdit> = (0..request.tools.len()).map(RequestEdit::RemoveTool).collect();
    let rendered = request.render(&gone).unwrap_or_else(|e| panic!("tools could not be removed: {e}"));
    let again = parse_request(op, rendered, &Limits::default())
        .unwrap_or_else(|e| panic!("a request without its tools is none any more: {e}"));
    assert!(again.tools.is_empty());
}

/// Whole answers.
pub fn wire_answer(data: &[u8]) {
    let (op, body) = led(data);
    let op = operation(op);
    let body = Bytes::copy_from_slice(body);
    let Ok(answer) = parse_answer(op, body.clone(), &Limits::default()) else { return };
    assert_eq!(answer.render(&[]).ok(), Some(body));
    let all: Vec<AnswerEdit> =
        edits(&answer.spans).into_iter().map(|(span, edits)| AnswerEdit::Text { span, edits }).collect();
    let rendered = answer.render(&all).unwrap_or_else(|e| panic!("free texts could not be edited: {e}"));
    let again = parse_answer(op, rendered, &Limits::default())
        .unwrap_or_else(|e| panic!("an edited answer is none any more: {e}"));
    edited(&answer.spans, &again.spans);
    let denied: Vec<AnswerEdit> = (0..answer.calls.len())
        .filter(|call| answer.calls.get(*call).is_some_and(|c| c.provider_side.is_none()))
        .map(|call| AnswerEdit::DenyCall { call, notice: "refused: \"so\"".to_owned() })
        .collect();
    let rendered = answer.render(&denied).unwrap_or_else(|e| panic!("calls could not be denied: {e}"));
    let again = parse_answer(op, rendered, &Limits::default())
        .unwrap_or_else(|e| panic!("an answer without its calls is none any more: {e}"));
    assert!(again.calls.iter().all(|c| c.provider_side.is_some()));
}

fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, bool) {
    let mut reader = SseReader::new(1 << 16);
    let mut frames = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        loop {
            match reader.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    let whole = reader.finish().is_ok();
    (frames, whole)
}

/// Frames and events of streams: the same for any cut.
pub fn wire_stream(data: &[u8]) {
    let (lead, data) = led(data);
    let op = operation(lead % 2);
    let (all, whole) = frames(&[data]);
    let (a, b) = data.split_at_checked(lead * data.len() / 255).unwrap_or((data, b""));
    let (cut, cut_whole) = frames(&[a, b]);
    assert_eq!(whole, cut_whole, "a cut changes whether the stream is whole");
    let raw = |all: &[Frame]| all.iter().map(|f| (f.raw.clone(), f.data.clone())).collect::<Vec<_>>();
    assert_eq!(raw(&all), raw(&cut), "a cut changes the frames");
    for frame in all {
        let bytes = frame.raw.clone();
        let Ok(event) = parse_event(op, frame, &Limits::default()) else { continue };
        assert_eq!(event.render(&[]).ok().flatten(), Some(bytes));
        let edits: Vec<EventEdit> =
            event.parts.iter().enumerate().filter_map(|(at, part)| new_text(at, part)).collect();
        if edits.is_empty() {
            continue;
        }
        let rendered = event.render(&edits).unwrap_or_else(|e| panic!("free texts could not be edited: {e}"));
        let rendered = rendered.unwrap_or_else(|| panic!("an edited event is gone"));
        let (again, whole) = frames(&[&rendered]);
        assert!(whole && again.len() == 1, "an edited event is one event");
        for frame in again {
            if let Err(e) = parse_event(op, frame, &Limits::default()) {
                panic!("an edited event is none any more: {e}");
            }
        }
    }
}

fn new_text(part: usize, is: &Part) -> Option<EventEdit> {
    let new = "[\"X\"\n\\]".to_owned();
    match is {
        Part::Text { splice: Splice::Free, .. }
        | Part::Whole { splice: Splice::Free, .. }
        | Part::CallArgs { .. } => Some(EventEdit::Text { part, new }),
        _ => None,
    }
}
