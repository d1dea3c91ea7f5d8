//! Events that wait until all their parts may leave.

use super::calls::{Calls, PartRole};
use super::running::Running;
use cordon_wire::{CallKey, Channel, Event, EventEdit, Part, Splice};
use std::collections::{BTreeMap, VecDeque};

/// What one part of an event waits for.
pub(crate) enum Need {
    Text { part: usize, channel: Channel, start: usize, end: usize },
    Call { part: usize, role: PartRole, key: CallKey },
    Finish { part: usize, choice: u32, tool_use: bool },
}

/// One event in the queue.
pub(crate) struct Held {
    pub(crate) event: Event,
    pub(crate) needs: Vec<Need>,
    /// Edits that were clear at once.
    pub(crate) edits: Vec<EventEdit>,
}

/// Why an event cannot leave as it must be changed.
pub(crate) enum Stuck {
    /// The text may not be replaced (signed, for one).
    Splice(&'static str),
    /// Rendering failed.
    Wire(cordon_wire::WireError),
}

/// The events of one stream, in order, and what decides over them.
#[derive(Default)]
pub(crate) struct Queue {
    events: VecDeque<Held>,
    /// Raw bytes of `events`.
    bytes: usize,
    pub(crate) texts: BTreeMap<Channel, Running>,
    pub(crate) calls: Calls,
}

impl Queue {
    pub(crate) fn push(&mut self, held: Held) {
        self.bytes += held.event.raw().len();
        self.events.push_back(held);
    }

    /// How many bytes of events wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Lets go of every event at the front whose parts are clear.
    pub(crate) fn flush(
        &mut self,
        op: cordon_types::Operation,
        renumber: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Stuck> {
        while self.events.front().is_some_and(|held| self.is_ready(held)) {
            let Some(held) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(held.event.raw().len());
            self.release(op, renumber, held, out)?;
        }
        Ok(())
    }

    fn is_ready(&self, held: &Held) -> bool {
        held.needs.iter().all(|need| match need {
            Need::Text { channel, end, .. } => {
                self.texts.get(channel).is_none_or(|t| t.left || t.limit() >= *end)
            }
            Need::Call { key, .. } => self.calls.get(key).is_some_and(|c| c.verdict.is_some()),
            Need::Finish { .. } => true,
        })
    }

    fn release(
        &mut self,
        op: cordon_types::Operation,
        renumber: bool,
        held: Held,
        out: &mut Vec<u8>,
    ) -> Result<(), Stuck> {
        let Held { event, needs, mut edits } = held;
        for need in &needs {
            match need {
                Need::Text { part, channel, start, .. } => {
                    if let Some(edit) = self.text_edit(&event, *part, channel, *start)? {
                        edits.push(edit);
                    }
                }
                Need::Call { part, role, key } => {
                    // The texts before a call are over by now: what is owed of them comes first.
                    self.settle(op, &event, Some(key.choice), out);
                    // As in a whole answer: notices are lines of their own below the text.
                    let lead = match (renumber, self.calls.noticed(key.choice)) {
                        (false, _) => "",
                        (true, true) => "\n",
                        (true, false) if self.has_spoken(key.choice) => "\n\n",
                        (true, false) => "",
                    };
                    edits.extend(self.calls.edits(*part, *role, *key, renumber, lead));
                }
                Need::Finish { part, choice, tool_use } => {
                    self.settle(op, &event, Some(*choice), out);
                    if *tool_use && self.calls.all_denied(*choice) {
                        edits.push(EventEdit::FinishAsStop { part: *part });
                    }
                }
            }
        }
        if let Some(bytes) = event.render(&edits).map_err(Stuck::Wire)? {
            out.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// Whether the choice has said something to the user.
    fn has_spoken(&self, choice: u32) -> bool {
        let content = Channel { choice, kind: cordon_types::SpanKind::Assistant, block: 0 };
        self.texts.get(&content).is_some_and(|t| !t.is_empty())
    }

    fn text_edit(
        &mut self,
        event: &Event,
        part: usize,
        channel: &Channel,
        start: usize,
    ) -> Result<Option<EventEdit>, Stuck> {
        let (Some(Part::Text { text, splice, .. }), Some(running)) =
            (event.parts.get(part), self.texts.get_mut(channel))
        else {
            return Ok(None);
        };
        let new = running.release(text, start);
        if new == *text {
            return Ok(None);
        }
        match splice {
            Splice::Free => Ok(Some(EventEdit::Text { part, new })),
            Splice::Refuse(why) => Err(Stuck::Splice(why)),
        }
    }

    /// What is owed of the texts of one choice, or of all, leaves in events of its own, before the event that ends it.
    pub(crate) fn settle(
        &mut self,
        op: cordon_types::Operation,
        like: &Event,
        choice: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        for (channel, running) in
            self.texts.iter_mut().filter(|(c, _)| choice.is_none_or(|only| c.choice == only))
        {
            let text = running.settle();
            if !text.is_empty() {
                out.extend_from_slice(&cordon_wire::text_event(op, like, *channel, &text));
            }
        }
    }
}
