//! What is sent and what comes back: ordinary English with nothing in it to find, the same at every run.
//!
//! Each request bears a mark of eight letters; the upstream puts it into its answer, so that an answer that went to
//! the wrong caller, was cut or was changed shows up as a wrong one.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request's mark.
pub(crate) type Mark = [u8; 8];

/// What stands before a mark.
pub(crate) const BEFORE_MARK: &str = "Ticket named ";
/// A mark's first letter, when its stream is to be paced.
pub(crate) const PACED: u8 = b'q';
/// The model that every target knows.
pub(crate) const MODEL: &str = "bench-model";
/// Bytes of one message of a conversation.
const KB: usize = 1024;
/// Content chunks of a stream.
pub(crate) const CHUNKS: usize = 200;

const SENTENCES: &[&str] = &[
    "The delivery arrived at the north warehouse a little before noon and was stored on the upper shelves.",
    "Please compare the two proposals and tell us which of them asks less of the people on the night shift.",
    "Our customers mostly write to us in the morning, and they expect a short and friendly reply.",
    "The garden behind the office was planted last spring, and the roses have done better than anyone hoped.",
    "A summary of the meeting should name the decisions, the open questions and who takes care of each of them.",
    "When the pump stops, the level in the tank falls slowly, so there is time to look for the cause.",
    "She asked whether the report could be ready by the end of the week, and nobody wanted to promise it.",
    "The train was late again, which gave us time to talk about the plan for the coming season.",
    "Most of the visitors liked the second room best, because the light there is soft and even.",
    "It would help to know how the numbers were gathered before we draw conclusions from them.",
    "The manual explains how to replace the filter, but it leaves out that the valve has to be closed first.",
    "They moved the shelves to the other wall, and since then the room feels twice as large.",
    "For the workshop we need a projector, a long table, and enough chairs for everyone who signed up.",
    "The recipe calls for fresh herbs, though dried ones will do if they are added early enough.",
    "In the second half of the year the team will be smaller, and the work has to be planned with that in mind.",
    "The old bridge is closed for repairs, so the bus takes the longer way through the village.",
    "Write a polite note to the supplier, thank them for their patience, and ask for a new date.",
    "What surprised us was how quickly the children learned the rules and began to change them.",
    "The figures for the last quarter look better than expected, mainly because fewer parts were returned.",
    "If the weather holds, the roof will be finished before the holidays and the scaffolding can come down.",
];

const WORDS: &[&str] = &[
    " the", " plan", " is", " simple", ":", " first", " we", " look", " at", " what", " people", " asked",
    " for", ",", " then", " we", " write", " a", " short", " answer", ".", " After", " that", " it", " gets",
    " easier", ".",
];

/// The number of a run's first request: another one for each run, also of another process (but for one in a thousand).
/// A gateway that remembers texts must not know those of the run before. Streams count from 0.
pub(crate) fn first() -> u64 {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    (RUNS.fetch_add(1, Ordering::Relaxed) + u64::from(std::process::id() % 1024)) << 17
}

/// The mark of the `n`th request.
pub(crate) fn mark(n: u64, paced: bool) -> Mark {
    let mut out = [b'a'; 8];
    let mut rest = n;
    for slot in out.iter_mut().skip(1).rev() {
        *slot = b'a' + u8::try_from(rest % 16).unwrap_or(0);
        rest /= 16;
    }
    if paced {
        out = [PACED, out[1], out[2], out[3], out[4], out[5], out[6], out[7]];
    }
    out
}

/// How a prompt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One message of the user, another one in each request.
    Fresh,
    /// A turn of a conversation: one KB is new, what comes before it was sent in earlier requests too.
    Turn,
}

/// A chat request whose prompt has `bytes` bytes of text. The mark is patched in at `Request::mark_at`, in the last
/// message of the user: what a gateway remembers of earlier texts, it does not know that one.
#[derive(Clone)]
pub(crate) struct Request {
    body: Vec<u8>,
    mark_at: usize,
}

impl Request {
    /// The `n`th of several different texts of one size.
    pub(crate) fn new(model: &str, bytes: usize, stream: bool, n: usize, shape: Shape) -> Self {
        let system = "You are the assistant of a small company. Answer briefly and in plain words.";
        let mut sentences = SENTENCES.iter().cycle().skip(n * 7);
        let mut text = |mut text: String, bytes: usize| {
            while text.len() < bytes {
                let _ = write!(text, "{} ", sentences.next().copied().unwrap_or_default());
            }
            text.truncate(bytes.max(1));
            text
        };
        let mut messages = vec![serde_json::json!({"role": "system", "content": system})];
        let mut left = bytes.saturating_sub(system.len());
        if shape == Shape::Turn {
            for role in ["user", "assistant"].iter().cycle() {
                if left <= KB {
                    break;
                }
                let bytes = KB.min(left - KB);
                messages.push(serde_json::json!({"role": role, "content": text(String::new(), bytes)}));
                left -= bytes;
            }
        }
        let last = text(format!("{BEFORE_MARK}aaaaaaaa. "), left);
        messages.push(serde_json::json!({"role": "user", "content": last}));
        let mut body = serde_json::json!({"model": model, "messages": messages, "temperature": 0.2});
        if stream && let Some(map) = body.as_object_mut() {
            map.insert("stream".to_owned(), true.into());
        }
        let body = body.to_string().into_bytes();
        let mark_at =
            memchr::memmem::find(&body, BEFORE_MARK.as_bytes()).map_or(0, |at| at + BEFORE_MARK.len());
        Self { body, mark_at }
    }

    /// The body with this mark.
    pub(crate) fn with(&self, mark: &Mark) -> bytes::Bytes {
        let mut body = self.body.clone();
        if let Some(slot) = body.get_mut(self.mark_at..self.mark_at + mark.len()) {
            slot.copy_from_slice(mark);
        }
        body.into()
    }
}

/// The mark in a request's body, as the upstream sees it.
pub(crate) fn mark_in(body: &[u8]) -> Option<Mark> {
    let at = memchr::memmem::find(body, BEFORE_MARK.as_bytes())? + BEFORE_MARK.len();
    body.get(at..at + 8)?.try_into().ok()
}

/// The text of an answer that is no stream.
pub(crate) fn answer_text(mark: &str) -> String {
    format!(
        "{mark} was read. The request is clear and nothing in it needs a further question: the plan fits the time \
         that is left, and the people named in it know what to do."
    )
}

/// The `i`th piece of a stream's text.
pub(crate) fn piece(mark: &str, i: usize) -> String {
    if i == 0 {
        mark.to_owned()
    } else {
        WORDS.get((i - 1) % WORDS.len()).copied().unwrap_or(" and").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_their_size_and_mark() {
        for bytes in [1024, 8192] {
            for n in 0..8 {
                let shape = if n < 4 { Shape::Fresh } else { Shape::Turn };
                let request = Request::new(MODEL, bytes, n % 2 == 0, n, shape);
                let body = request.with(&mark(77, true));
                let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let texts: Vec<_> = json["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|m| m["content"].as_str().unwrap())
                    .collect();
                assert_eq!(texts.iter().map(|t| t.len()).sum::<usize>(), bytes);
                assert!(texts.last().unwrap().starts_with(BEFORE_MARK));
                assert_eq!(texts.len(), if shape == Shape::Turn && bytes > KB { 9 } else { 2 });
                assert_eq!(mark_in(&body), Some(mark(77, true)));
                assert_eq!(json["stream"] == true, n % 2 == 0);
            }
        }
    }

    #[test]
    fn marks_differ() {
        let all: std::collections::HashSet<_> = (0..5000).map(|n| mark(n, false)).collect();
        assert_eq!(all.len(), 5000);
        let runs: std::collections::HashSet<_> = (0..100).map(|_| mark(first() + 70_000, false)).collect();
        assert_eq!(runs.len(), 100);
        assert!(!runs.contains(&mark(70_000, false)));
        assert!(mark(5, true).starts_with(b"q"));
    }
}
