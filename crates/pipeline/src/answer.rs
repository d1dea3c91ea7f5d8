//! The way back, whole: read, inspect, judge, enforce an answer that is not streamed.

use crate::enforce::replacements;
use crate::exchange::{Exchange, note, note_feature};
use crate::prompt::as_edits;
use crate::refusal::{Refusal, Why};
use crate::tally::Tally;
use bytes::Bytes;
use cordon_policy::Facts;
use cordon_types::{Millis, Report};
use cordon_wire::{Answer, AnswerEdit, Splice};

/// Reads, inspects and judges a whole answer; gives what the caller may have of it. `tally` is filled either way.
/// Cost: linear in the body, plus one judgement for the answer and one for each tool call.
pub fn answer(exchange: &Exchange, body: Bytes, tally: &mut Tally, now: Millis) -> Result<Bytes, Refusal> {
    let gate = &exchange.gate;
    tally.received = body.len() as u64;
    let answer =
        cordon_wire::parse_answer(exchange.op, body, &gate.limits).map_err(|e| Refusal::from_answer(&e))?;
    tally.usage(&answer.usage);

    let mut facts = Facts { stream: exchange.stream, ..Facts::default() };
    let reports: Vec<Report> = answer
        .spans
        .iter()
        .map(|span| {
            let report = gate.inspect(&span.text, span.kind, tally)?;
            note(&mut facts, &report.findings, report.injection_flagged, span.kind);
            tally.words = tally.words.saturating_add(span.text.len() as u64);
            Ok(report)
        })
        .collect::<Result<_, Refusal>>()?;
    for used in &answer.opaque {
        note_feature(&mut facts, used.feature);
        tally.opaque(used.feature);
    }
    for feature in answer.calls.iter().filter_map(|c| c.provider_side) {
        note_feature(&mut facts, feature);
        tally.opaque(feature);
    }

    let duties = exchange.judge_answer(&facts, tally, now)?.duties;
    let mut edits = Vec::new();
    for (at, (span, report)) in answer.spans.iter().zip(&reports).enumerate() {
        let replaced = replacements(&report.findings, &duties);
        if replaced.is_empty() {
            continue;
        }
        if let Splice::Refuse(what) = span.splice {
            return Err(Refusal::new(
                403,
                Why::CannotSplice,
                format!(
                    "the answer holds sensitive data where it cannot be masked ({what}); it was withheld"
                ),
            ));
        }
        replaced.iter().for_each(|r| tally.replaced(r.kind));
        edits.push(AnswerEdit::Text { span: at, edits: as_edits(replaced) });
    }
    let body = judge_calls(exchange, answer, edits, &mut facts, tally, now)?;
    tally.released = body.len() as u64;
    Ok(body)
}

/// Judges each call, on the arguments as they will leave, and renders.
fn judge_calls(
    exchange: &Exchange,
    answer: Answer,
    mut edits: Vec<AnswerEdit>,
    facts: &mut Facts,
    tally: &mut Tally,
    now: Millis,
) -> Result<Bytes, Refusal> {
    // What is judged is what leaves: where a replacement touched an argument, the spliced answer is read again.
    let touched = edits.iter().any(|e| match e {
        AnswerEdit::Text { span, .. } => answer.calls.iter().any(|c| c.spans.contains(span)),
        AnswerEdit::DenyCall { .. } => false,
    });
    let render = |a: &Answer, e: &[AnswerEdit]| a.render(e).map_err(|e| Refusal::from_answer(&e));
    let answer = if touched {
        let spliced = render(&answer, &edits)?;
        edits.clear();
        cordon_wire::parse_answer(exchange.op, spliced, &exchange.gate.limits)
            .map_err(|e| Refusal::from_answer(&e))?
    } else {
        answer
    };
    for (at, call) in answer.calls.iter().enumerate() {
        if call.provider_side.is_some() {
            continue; // judged as a feature
        }
        let arguments = if call.arguments.is_empty() { "{}" } else { call.arguments.as_str() };
        let arguments = if call.arguments_ok || call.arguments.is_empty() { arguments } else { "" };
        if let Some(notice) = exchange.judge_call(&call.name, arguments, facts, tally, now)? {
            edits.push(AnswerEdit::DenyCall { call: at, notice });
        }
    }
    for block in &answer.issued {
        exchange.gate.lasting.issued.note(&exchange.caller.agent, &block.digest_input);
    }
    render(&answer, &edits)
}
