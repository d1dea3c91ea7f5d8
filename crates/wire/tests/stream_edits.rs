//! Properties of rendering: without edits the same bytes; with edits an event that parses and says the new text.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod streams;

use cordon_types::Operation;
use cordon_wire::{EventEdit, Part, Splice};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use streams::{events, frames, render};

const STREAMS: [(Operation, &str); 2] = [
    (Operation::ChatCompletions, include_str!("golden/openai_stream.txt")),
    (Operation::Messages, include_str!("golden/anthropic_stream.txt")),
];

#[test]
fn without_edits_the_same_bytes() {
    for (op, stream) in STREAMS {
        for (event, frame) in events(op, stream).iter().zip(frames(stream)) {
            assert_eq!(event.render(&[]).unwrap().unwrap(), frame.raw);
        }
    }
}

/// The parts with a text that may change.
fn texts(parts: &[Part]) -> Vec<usize> {
    let free = |part: &Part| match part {
        Part::Text { splice, .. } | Part::Whole { splice, .. } => *splice == Splice::Free,
        part => matches!(part, Part::CallArgs { .. }),
    };
    parts.iter().enumerate().filter(|(_, p)| free(p)).map(|(i, _)| i).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_edited_event_says_the_new_text(new in ".{1,12}", which in any::<u32>()) {
        for (op, stream) in STREAMS {
            for event in events(op, stream) {
                let mut expected = event.parts.clone();
                let mut edits = Vec::new();
                for (bit, part) in texts(&event.parts).into_iter().enumerate() {
                    if which >> bit & 1 == 0 {
                        continue;
                    }
                    edits.push(EventEdit::Text { part, new: new.clone() });
                    match &mut expected[part] {
                        Part::Text { text, .. } | Part::Whole { text, .. } | Part::CallArgs { text, .. } => {
                            text.clone_from(&new);
                        }
                        _ => {}
                    }
                }
                if edits.is_empty() {
                    continue;
                }
                let again = streams::parse(op, &render(&event, &edits));
                prop_assert_eq!(again.parts, expected);
            }
        }
    }
}
