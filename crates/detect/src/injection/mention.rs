//! Speaking *of* an attack instead of making one: "the attacker asks the model to ignore previous instructions".
//!
//! What always holds: only the bounded context before a match is looked at.
//! What this deliberately does not do: clear a text. A mention weighs less; several together still count, and
//! so does what a quoted attack goes on to demand.

use crate::view::ViewText;

/// Directly before an imperative, these make it a description.
const DESCRIBING: &[&str] = &[
    "to",
    "that",
    "which",
    "can",
    "could",
    "might",
    "may",
    "will",
    "would",
    "not",
    "never",
    "cannot",
    "don't",
    "dont",
    "won't",
    "didn't",
    "doesn't",
    "shouldn't",
    "they",
    "users",
    "attackers",
    "it",
    "who",
    "attempts",
    "attempting",
    "tries",
];
/// With one of these a word or two before, the words are addressed to the reader after all.
const ADDRESSING: &[&str] =
    &["you", "must", "should", "please", "now", "have", "need", "required", "assistant", "ai", "want"];
/// Words with which writing on security and prompts brings in a quotation.
const QUOTING: &[&str] = &[
    "such as",
    "e.g",
    "example",
    "phrase",
    "like",
    "attack",
    "inject",
    "jailbreak",
    "detect",
    "block",
    "contain",
    "quote",
    "saying",
    "says",
    "said",
    "string",
    "pattern",
    "match",
    "filter",
    "regex",
    "flag",
    "reject",
    "beispiel",
    "exemple",
    "ejemplo",
    "called",
    "known as",
    "titled",
    "wrote",
    "reads",
    "reported",
    "payload",
    "sample",
    "test",
    "assert",
    "known",
    "text",
];

/// Whether what starts at `start` is spoken of rather than said.
pub(super) fn is_mention(view: &ViewText<'_>, start: usize) -> bool {
    let before = view.behind_lower(start);
    let bare = before.trim_end();
    if bare.ends_with(['"', '\'', '`', '\u{201c}', '\u{2018}', '\u{ab}', '\u{201e}', '\u{300c}']) {
        return QUOTING.iter().any(|w| bare.contains(w));
    }
    let mut words = bare.rsplit(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty());
    let Some(last) = words.next() else { return false };
    if !bare.ends_with(|c: char| c.is_alphanumeric()) || !DESCRIBING.contains(&last) {
        return false;
    }
    !words.take(2).any(|w| ADDRESSING.contains(&w))
}
