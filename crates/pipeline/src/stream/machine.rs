//! The machine of one streamed answer.

use super::calls::{PartRole, Verdict};
use super::queue::{Held, Need, Queue, Stuck};
use super::running::Running;
use crate::enforce::{apply, replacements};
use crate::exchange::{Exchange, Standing, note, note_feature};
use crate::refusal::{Refusal, Why};
use crate::tally::Tally;
use bytes::Bytes;
use cordon_policy::Facts;
use cordon_types::{Feature, Finding, Millis, Operation, SpanKind};
use cordon_wire::{Arguments, CallKey, Channel, Event, EventEdit, Frame, Part, Splice, SseReader, WireCode};

/// Most tool calls in one answer: more is no answer but an attack on memory.
const MAX_CALLS: usize = 256;
/// Most running texts in one answer (choices times kinds times blocks).
const MAX_CHANNELS: usize = 1_024;

/// Most bytes of events that wait behind a call that is not judged yet: a megabyte of arguments in pieces of a token
/// each, with their framing, is under it.
const MAX_QUEUED: usize = 32 << 20;
/// Most texts that are remembered as clean.
const MAX_CLEAN: usize = 64;
/// The longest of them: ids are no longer.
const MAX_CLEAN_TEXT: usize = 256;

/// What may leave after some bytes came in.
pub enum Step {
    /// These bytes, and the stream goes on.
    Flow(Bytes),
    /// These bytes; and, once the outcome is durable, the tail with the terminal event.
    Last {
        /// May leave now.
        release: Bytes,
        /// May leave when the outcome is durable.
        tail: Bytes,
    },
}

/// The stream ends here, by Cordon's word or the upstream's fault.
#[derive(Debug)]
pub struct Cut {
    /// What was clear before, and may still leave.
    pub release: Bytes,
    /// Why; `proxy` turns it into the dialect's error event.
    pub refusal: Refusal,
}

/// See the module.
pub struct StreamMachine {
    exchange: Exchange,
    reader: SseReader,
    queue: Queue,
    facts: Facts,
    standing: Standing,
    tally: Tally,
    open_choices: std::collections::BTreeSet<u32>,
    finished_choices: std::collections::BTreeSet<u32>,
    max_arguments: usize,
    tail: Option<Bytes>,
    /// Whole texts in which nothing was found: the ids of an answer stand in each of its events.
    clean: std::collections::HashSet<(SpanKind, String)>,
}

impl StreamMachine {
    /// Begins; the judge is asked once before anything has come. `max_event` and `max_arguments` in bytes.
    pub fn new(
        exchange: Exchange,
        max_event: usize,
        max_arguments: usize,
        now: Millis,
    ) -> Result<Self, Refusal> {
        let facts = Facts { stream: true, ..Facts::default() };
        let mut tally = Tally::default();
        let standing = exchange.judge_answer(&facts, &mut tally, now)?;
        Ok(Self {
            exchange,
            reader: SseReader::new(max_event),
            queue: Queue::default(),
            facts,
            standing,
            tally,
            open_choices: std::collections::BTreeSet::new(),
            finished_choices: std::collections::BTreeSet::new(),
            max_arguments,
            tail: None,
            clean: std::collections::HashSet::new(),
        })
    }

    /// What the record needs, at any time.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes bytes as the transport brings them.
    pub fn push(&mut self, chunk: &[u8], now: Millis) -> Result<Step, Cut> {
        let mut out = Vec::new();
        self.tally.received = self.tally.received.saturating_add(chunk.len() as u64);
        self.reader.push(chunk);
        let result = self.drain(&mut out, now);
        self.step(out, result)
    }

    /// The upstream closed the stream.
    pub fn end(&mut self, now: Millis) -> Result<Step, Cut> {
        let mut out = Vec::new();
        let result = self.close(&mut out, now);
        self.step(out, result)
    }

    fn step(&mut self, out: Vec<u8>, result: Result<(), Refusal>) -> Result<Step, Cut> {
        self.tally.released = self.tally.released.saturating_add(out.len() as u64);
        let release = Bytes::from(out);
        match result {
            Err(refusal) => Err(Cut { release, refusal }),
            Ok(()) => Ok(match self.tail.take() {
                Some(tail) => Step::Last { release, tail },
                None => Step::Flow(release),
            }),
        }
    }

    fn drain(&mut self, out: &mut Vec<u8>, now: Millis) -> Result<(), Refusal> {
        while self.tail.is_none() {
            let Some(frame) = self.reader.next().map_err(|e| Refusal::from_answer(&e))? else { break };
            self.frame(frame, out, now)?;
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<u8>, now: Millis) -> Result<(), Refusal> {
        self.reader.finish().map_err(|e| Refusal::from_answer(&e))?;
        // Some compatible servers send no terminal event; where every choice has ended the answer is whole.
        let whole = self.exchange.op == Operation::ChatCompletions
            && !self.open_choices.is_empty()
            && self.open_choices.is_subset(&self.finished_choices);
        if !whole {
            return Err(Refusal::new(
                502,
                Why::Upstream("upstream_ended_early"),
                "the upstream ended the stream before its answer was complete; retry the request",
            ));
        }
        self.resolve(None, now)?;
        self.flush(out)?;
        self.tail = Some(Bytes::new());
        Ok(())
    }

    fn frame(&mut self, frame: Frame, out: &mut Vec<u8>, now: Millis) -> Result<(), Refusal> {
        if frame.is_comment() {
            // A keep-alive: what it says is a stranger's text, so only the fact of it goes on.
            out.extend_from_slice(b":\n\n");
            return Ok(());
        }
        let event = cordon_wire::parse_event(self.exchange.op, frame, &self.exchange.gate.limits)
            .map_err(|e| Refusal::from_answer(&e))?;
        if event.parts.iter().any(|p| matches!(p, Part::Terminal)) {
            return self.terminal(&event, out, now);
        }
        self.event(event, now)?;
        self.flush(out)
    }

    /// The event that ends the answer: kept back until the outcome is durable.
    fn terminal(&mut self, event: &Event, out: &mut Vec<u8>, now: Millis) -> Result<(), Refusal> {
        // A comment or id in the same frame is a stranger's text too, and cannot be rewritten there.
        for (at, part) in event.parts.iter().enumerate() {
            if let Part::Whole { kind, text, splice, .. } = part {
                self.whole(at, *kind, text, splice, now)?;
            }
        }
        self.resolve(None, now)?;
        self.flush(out)?;
        if !self.queue.is_empty() {
            return Err(Refusal::internal());
        }
        self.queue.settle(self.exchange.op, event, None, out);
        self.tail = Some(event.raw());
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let renumber = self.exchange.op == Operation::ChatCompletions;
        self.queue.flush(self.exchange.op, renumber, out).map_err(|stuck| match stuck {
            Stuck::Splice(what) => cannot_splice(what),
            Stuck::Wire(e) => Refusal::from_answer(&e),
        })
    }

    fn event(&mut self, event: Event, now: Millis) -> Result<(), Refusal> {
        let mut needs = Vec::new();
        let mut edits = Vec::new();
        for (at, part) in event.parts.iter().enumerate() {
            match part {
                Part::Text { channel, text, .. } => needs.push(self.text(at, *channel, text, now)?),
                Part::Whole { kind, text, splice, .. } => {
                    edits.extend(self.whole(at, *kind, text, splice, now)?);
                }
                Part::CallName { call, name } => {
                    self.leave_for_call(call.choice, now)?;
                    let held = self.call(*call)?;
                    // Clients disagree on what a second name means: one of them would run what was not judged.
                    if std::mem::replace(&mut held.named, true) {
                        return Err(bad_stream("a second name for one tool call"));
                    }
                    held.name.push_str(name);
                    needs.push(Need::Call { part: at, role: PartRole::Name, key: *call });
                }
                Part::CallArgs { call, text } => {
                    self.call(*call)?.arguments.push_str(text);
                    self.tally.words = self.tally.words.saturating_add(text.len() as u64);
                    needs.push(Need::Call { part: at, role: PartRole::Arguments, key: *call });
                }
                Part::CallRest { call } => {
                    self.call(*call)?;
                    needs.push(Need::Call { part: at, role: PartRole::Rest, key: *call });
                }
                Part::CallEnd { call } => {
                    self.judge_call(*call, now)?;
                    needs.push(Need::Call { part: at, role: PartRole::End, key: *call });
                }
                Part::Finish { choice, tool_use } => {
                    self.resolve(Some(*choice), now)?;
                    self.finished_choices.insert(*choice);
                    needs.push(Need::Finish { part: at, choice: *choice, tool_use: *tool_use });
                }
                Part::Usage(usage) => self.tally.usage(usage),
                Part::ProviderCall { feature } => self.feature(*feature, now)?,
                Part::Opaque(used) => self.feature(used.feature, now)?,
                Part::Issued(issued) => {
                    self.exchange.gate.lasting.issued.note(&self.exchange.caller.agent, &issued.digest_input);
                }
                Part::Error { kind, .. } => return Err(upstream_error(kind)),
                Part::Terminal => {}
            }
        }
        self.queue.push(Held { event, needs, edits });
        if self.queue.bytes() > MAX_QUEUED {
            return Err(hold_cap());
        }
        Ok(())
    }

    /// A piece of a running text.
    fn text(&mut self, part: usize, channel: Channel, text: &str, now: Millis) -> Result<Need, Refusal> {
        self.leave_others(channel, now)?;
        let gate = self.exchange.gate.clone();
        if self.queue.texts.len() >= MAX_CHANNELS {
            return Err(too_many("texts"));
        }
        let running = self
            .queue
            .texts
            .entry(channel)
            .or_insert_with(|| Running::new(gate.detectors.clone(), channel.kind, gate.guards));
        if running.is_finished() && !text.is_empty() {
            return Err(bad_stream("text after the end of its block or choice"));
        }
        running.left = false;
        self.tally.words = self.tally.words.saturating_add(text.len() as u64);
        let (range, findings, flagged) = running.push(text).map_err(|_| hold_cap())?;
        self.found(&findings, flagged, channel.kind, now)?;
        if let Some(running) = self.queue.texts.get_mut(&channel)
            && !findings.is_empty()
        {
            running.obey(&self.standing.duties);
        }
        Ok(Need::Text { part, channel, start: range.start, end: range.end })
    }

    /// Another text of the same choice begins: the one before gives way, or, where the dialect's blocks follow one
    /// another, it is over.
    fn leave_others(&mut self, channel: Channel, now: Millis) -> Result<(), Refusal> {
        self.open_choices.insert(channel.choice);
        let others: Vec<Channel> = self
            .queue
            .texts
            .keys()
            .filter(|c| c.choice == channel.choice && **c != channel)
            .copied()
            .collect();
        for other in others {
            // Only where blocks follow one another does the next one end those before it.
            if self.exchange.op != Operation::Messages || other.block == channel.block {
                if let Some(running) = self.queue.texts.get_mut(&other) {
                    running.left = true;
                }
            } else {
                self.finish_text(other, now)?;
            }
        }
        Ok(())
    }

    /// A tool call begins: the texts before it are over where blocks follow one another, else they give way.
    fn leave_for_call(&mut self, choice: u32, now: Millis) -> Result<(), Refusal> {
        let texts: Vec<Channel> = self.queue.texts.keys().filter(|c| c.choice == choice).copied().collect();
        for channel in texts {
            if self.exchange.op == Operation::Messages {
                self.finish_text(channel, now)?;
            } else if let Some(running) = self.queue.texts.get_mut(&channel) {
                running.left = true;
            }
        }
        Ok(())
    }

    fn finish_text(&mut self, channel: Channel, now: Millis) -> Result<(), Refusal> {
        let Some(running) = self.queue.texts.get_mut(&channel) else { return Ok(()) };
        let (findings, flagged) = running.finish().map_err(|_| hold_cap())?;
        self.found(&findings, flagged, channel.kind, now)?;
        if let Some(running) = self.queue.texts.get_mut(&channel) {
            running.obey(&self.standing.duties);
        }
        Ok(())
    }

    /// Counts findings of a running text.
    fn found(
        &mut self,
        findings: &[Finding],
        flagged: bool,
        kind: SpanKind,
        now: Millis,
    ) -> Result<(), Refusal> {
        if findings.is_empty() {
            return Ok(());
        }
        self.tally.found(findings, kind);
        self.judge_found(findings, flagged, kind, now)
    }

    /// When findings are news, asks the judge again; counts what will be replaced.
    fn judge_found(
        &mut self,
        findings: &[Finding],
        flagged: bool,
        kind: SpanKind,
        now: Millis,
    ) -> Result<(), Refusal> {
        if note(&mut self.facts, findings, flagged, kind) {
            self.standing = self.exchange.judge_answer(&self.facts, &mut self.tally, now)?;
        }
        for r in replacements(findings, &self.standing.duties) {
            self.tally.replaced(r.kind);
        }
        Ok(())
    }

    /// A short text that arrives whole.
    fn whole(
        &mut self,
        part: usize,
        kind: SpanKind,
        text: &str,
        splice: &Splice,
        now: Millis,
    ) -> Result<Option<EventEdit>, Refusal> {
        let key = (kind, text.to_owned());
        if self.clean.contains(&key) {
            return Ok(None);
        }
        let report = self.exchange.gate.inspect(text, kind, &mut self.tally)?;
        if report.findings.is_empty() && self.clean.len() < MAX_CLEAN && key.1.len() <= MAX_CLEAN_TEXT {
            self.clean.insert(key);
        }
        self.judge_found(&report.findings, report.injection_flagged, kind, now)?;
        let replaced = replacements(&report.findings, &self.standing.duties);
        if replaced.is_empty() {
            return Ok(None);
        }
        match splice {
            Splice::Free => Ok(Some(EventEdit::Text { part, new: apply(text, 0, &replaced) })),
            Splice::Refuse(what) => Err(cannot_splice(what)),
        }
    }

    fn feature(&mut self, feature: Feature, now: Millis) -> Result<(), Refusal> {
        self.tally.opaque(feature);
        if note_feature(&mut self.facts, feature) {
            self.standing = self.exchange.judge_answer(&self.facts, &mut self.tally, now)?;
        }
        Ok(())
    }

    fn call(&mut self, key: CallKey) -> Result<&mut super::calls::Call, Refusal> {
        self.open_choices.insert(key.choice);
        if self.queue.calls.held() > self.max_arguments {
            return Err(hold_cap());
        }
        if self.queue.calls.len() >= MAX_CALLS {
            return Err(too_many("tool calls"));
        }
        let call = self.queue.calls.entry(key);
        // A call's piece that comes too late would leave without having been judged.
        if call.verdict.is_some() || self.finished_choices.contains(&key.choice) {
            return Err(bad_stream("a piece of a tool call after the call's end"));
        }
        Ok(call)
    }

    /// Ends the texts and judges the calls of one choice, or of all.
    fn resolve(&mut self, choice: Option<u32>, now: Millis) -> Result<(), Refusal> {
        let texts: Vec<Channel> =
            self.queue.texts.keys().filter(|c| choice.is_none_or(|n| n == c.choice)).copied().collect();
        for channel in texts {
            self.finish_text(channel, now)?;
        }
        for key in self.queue.calls.waiting(choice) {
            self.judge_call(key, now)?;
        }
        Ok(())
    }

    fn judge_call(&mut self, key: CallKey, now: Millis) -> Result<(), Refusal> {
        let call = self.queue.calls.entry(key);
        if call.verdict.is_some() {
            return Ok(());
        }
        let (name, named) = (std::mem::take(&mut call.name), call.named);
        let mut arguments = std::mem::take(&mut call.arguments);
        // A tool without parameters may be called without a byte of arguments.
        let empty = arguments.is_empty();
        if empty {
            arguments.push_str("{}");
        }
        self.inspect_unspliceable(&name, "name", now)?;
        // SECURITY: what the strict reading does not take (a repeated key, say) is refused, whatever a lax one would
        // make of it: the agent's own reader may be a third.
        let read = cordon_wire::parse_arguments(&arguments, &self.exchange.gate.limits);
        let changed = match &read {
            Ok(parsed) => self.inspect_arguments(parsed, now)?,
            Err(_) => {
                self.inspect_unspliceable(&arguments, "arguments", now)?;
                None
            }
        };
        if !named {
            // Arguments of a call that the provider runs itself come without a name here; its feature was judged.
            if self.facts.features.is_empty() {
                return Err(bad_stream("arguments of a tool call that has no name"));
            }
            self.queue.calls.decide(key, Verdict::Allowed { arguments: changed });
            return Ok(());
        }
        let judged = if read.is_ok() { changed.as_deref().unwrap_or(&arguments) } else { "" };
        let notice = self.exchange.judge_call(&name, judged, &mut self.facts, &mut self.tally, now)?;
        let verdict = match notice {
            Some(notice) => Verdict::Denied { notice },
            None => Verdict::Allowed { arguments: changed },
        };
        self.queue.calls.decide(key, verdict);
        Ok(())
    }

    /// A text of a call in which nothing can be replaced: its name would become another tool's, and arguments that
    /// are not one JSON object have no place that is known to be a string.
    fn inspect_unspliceable(&mut self, text: &str, what: &str, now: Millis) -> Result<(), Refusal> {
        let report = self.exchange.gate.inspect(text, SpanKind::ToolCall, &mut self.tally)?;
        self.judge_found(&report.findings, report.injection_flagged, SpanKind::ToolCall, now)?;
        if replacements(&report.findings, &self.standing.duties).is_empty() {
            return Ok(());
        }
        Err(cannot_splice(what))
    }

    /// Inspects the strings in a call's arguments; gives the new argument text where something was replaced.
    fn inspect_arguments(&mut self, parsed: &Arguments, now: Millis) -> Result<Option<String>, Refusal> {
        let mut edits = Vec::new();
        for (at, span) in parsed.spans.iter().enumerate() {
            let report = self.exchange.gate.inspect(&span.text, span.kind, &mut self.tally)?;
            self.judge_found(&report.findings, report.injection_flagged, span.kind, now)?;
            let replaced = replacements(&report.findings, &self.standing.duties);
            if replaced.is_empty() {
                continue;
            }
            if let Splice::Refuse(what) = span.splice {
                return Err(cannot_splice(what));
            }
            edits.push((at, replaced.into_iter().map(|r| (r.range, r.with.to_owned())).collect()));
        }
        if edits.is_empty() {
            return Ok(None);
        }
        parsed.render(&edits).map(Some).map_err(|e| Refusal::from_answer(&e))
    }
}

fn cannot_splice(what: &str) -> Refusal {
    Refusal::new(
        403,
        Why::CannotSplice,
        format!("sensitive data stands where it cannot be masked without breaking the message ({what})"),
    )
}

fn hold_cap() -> Refusal {
    Refusal::new(
        502,
        Why::HoldCap,
        "the answer holds an encoded block or tool call too long to inspect in a stream; ask without streaming",
    )
}

fn bad_stream(what: &str) -> Refusal {
    Refusal::new(
        502,
        Why::Wire(WireCode::BadStream),
        format!("the upstream's stream was not passed on: {what}"),
    )
}

fn too_many(what: &str) -> Refusal {
    Refusal::new(502, Why::Limit, format!("the upstream's answer has too many {what}"))
}

fn upstream_error(kind: &'static str) -> Refusal {
    Refusal::new(
        502,
        Why::Upstream(kind),
        "the upstream reported an error in the middle of its answer; retry the request",
    )
}
