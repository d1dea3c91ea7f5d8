//! Tool calls of a stream: held whole, judged once, before any of a call is seen.

use cordon_wire::{CallKey, EventEdit};
use std::collections::BTreeMap;

/// What became of one call.
pub(crate) enum Verdict {
    /// It goes on; with these arguments where something in them had to be replaced.
    Allowed {
        /// The whole argument text, when it changed.
        arguments: Option<String>,
    },
    /// It is replaced by this text.
    Denied {
        /// What the agent reads in the call's place.
        notice: String,
    },
}

/// One call while it is held.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) named: bool,
    pub(crate) arguments: String,
    pub(crate) verdict: Option<Verdict>,
    /// The index under which it leaves, when earlier calls of its choice were denied.
    index: Option<u32>,
    notice_written: bool,
    arguments_written: bool,
}

/// The calls of one stream, by choice and index.
#[derive(Default)]
pub(crate) struct Calls(BTreeMap<CallKey, Call>);

impl Calls {
    /// Bytes of arguments held, for the cap.
    pub(crate) fn held(&self) -> usize {
        self.0.values().filter(|c| c.verdict.is_none()).map(|c| c.arguments.len()).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn entry(&mut self, key: CallKey) -> &mut Call {
        self.0.entry(key).or_default()
    }

    pub(crate) fn get(&self, key: &CallKey) -> Option<&Call> {
        self.0.get(key)
    }

    /// Calls that wait for their judgement: all, or those of one choice.
    pub(crate) fn waiting(&self, choice: Option<u32>) -> Vec<CallKey> {
        self.0
            .iter()
            .filter(|(k, c)| c.verdict.is_none() && choice.is_none_or(|n| n == k.choice))
            .map(|(k, _)| *k)
            .collect()
    }

    /// Whether a choice had calls and none of them was allowed.
    pub(crate) fn all_denied(&self, choice: u32) -> bool {
        let mut of_choice = self.0.iter().filter(|(k, _)| k.choice == choice).peekable();
        of_choice.peek().is_some()
            && of_choice.all(|(_, c)| matches!(c.verdict, Some(Verdict::Denied { .. })))
    }

    /// Sets the verdict, and the index under which the call leaves: the number of calls of its choice that were
    /// allowed before it.
    pub(crate) fn decide(&mut self, key: CallKey, verdict: Verdict) {
        let before = self
            .0
            .range(CallKey { choice: key.choice, index: 0 }..key)
            .filter(|(_, c)| matches!(c.verdict, Some(Verdict::Allowed { .. })))
            .count();
        let call = self.entry(key);
        call.index = u32::try_from(before).ok();
        call.verdict = Some(verdict);
    }

    /// Whether a notice of that choice has left already.
    pub(crate) fn noticed(&self, choice: u32) -> bool {
        self.0.iter().any(|(k, c)| k.choice == choice && c.notice_written)
    }

    /// The edits for one part of a call's events. `renumber`: this dialect numbers calls without gaps. `lead` stands
    /// before a notice, to part it from the text that it joins.
    pub(crate) fn edits(
        &mut self,
        part: usize,
        role: PartRole,
        key: CallKey,
        renumber: bool,
        lead: &str,
    ) -> Vec<EventEdit> {
        let call = self.entry(key);
        let mut edits = Vec::new();
        match &call.verdict {
            Some(Verdict::Allowed { arguments }) => {
                if renumber && let Some(index) = call.index.filter(|i| *i != key.index) {
                    edits.push(EventEdit::Renumber { part, index });
                }
                if role == PartRole::Arguments
                    && let Some(whole) = arguments
                {
                    let new = if call.arguments_written { String::new() } else { whole.clone() };
                    call.arguments_written = true;
                    edits.push(EventEdit::Text { part, new });
                }
            }
            // SECURITY: a part whose call was never judged does not leave.
            None => edits.push(EventEdit::DenyCall { part, notice: None }),
            Some(Verdict::Denied { notice }) => {
                let notice = (!call.notice_written).then(|| format!("{lead}{notice}"));
                call.notice_written = true;
                edits.push(EventEdit::DenyCall { part, notice });
            }
        }
        edits
    }
}

/// Which piece of a call a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartRole {
    /// Its name.
    Name,
    /// A piece of its arguments.
    Arguments,
    /// What is neither name nor arguments: an id.
    Rest,
    /// Its end.
    End,
}
