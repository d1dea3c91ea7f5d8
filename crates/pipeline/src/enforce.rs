//! From findings and obligations to replacements in one text.
//!
//! What always holds: replacements are sorted, do not overlap, and depend on the findings alone, not on the order
//! in which a stream brought them. What it does not do: decide which kinds are masked; the judge did.

use cordon_policy::Obligations;
use cordon_types::{Finding, FindingKind};
use std::ops::Range;

/// One stretch of a text and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// Bytes of the text that go.
    pub range: Range<usize>,
    /// What comes in their place.
    pub with: &'static str,
    /// For the record: which kind made it.
    pub kind: FindingKind,
}

/// What stands in the place of a redacted value: it does not even say what it was.
const REDACTED: &str = "[REDACTED]";

/// What stands in the place of a masked value: its kind, so that the sentence still makes sense.
const fn placeholder(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Email => "[EMAIL]",
        FindingKind::Phone => "[PHONE]",
        FindingKind::PaymentCard => "[PAYMENT_CARD]",
        FindingKind::Iban => "[IBAN]",
        FindingKind::UsSsn => "[US_SSN]",
        FindingKind::IpAddress => "[IP_ADDRESS]",
        FindingKind::ApiKey => "[API_KEY]",
        FindingKind::PrivateKey => "[PRIVATE_KEY]",
        FindingKind::Jwt => "[JWT]",
        FindingKind::ConnectionString => "[CONNECTION_STRING]",
        FindingKind::Injection => "[INJECTION]",
        FindingKind::Jailbreak => "[JAILBREAK]",
        FindingKind::HiddenText => "[HIDDEN_TEXT]",
        FindingKind::ExfilImage => "[IMAGE_REMOVED]",
        FindingKind::ExfilLink => "[LINK_REMOVED]",
        FindingKind::OperatorTerm | FindingKind::OperatorPattern => "[REMOVED]",
    }
}

/// The replacement that one finding asks for, if any.
fn wanted(finding: &Finding, duties: &Obligations) -> Option<&'static str> {
    if duties.redact.contains(finding.kind) {
        Some(REDACTED)
    } else if duties.mask.contains(finding.kind) {
        Some(placeholder(finding.kind))
    } else {
        None
    }
}

/// Merges what overlaps into one replacement that covers all of it. Of those that overlap, the one that begins
/// first names the placeholder; a redaction among them wins, because it says the least.
///
/// O(n log n) in the number of findings.
pub(crate) fn replacements(findings: &[Finding], duties: &Obligations) -> Vec<Replacement> {
    let mut wanted: Vec<Replacement> = findings
        .iter()
        .filter_map(|f| Some(Replacement { range: f.range.clone(), with: wanted(f, duties)?, kind: f.kind }))
        .collect();
    wanted.sort_by_key(|r| (r.range.start, std::cmp::Reverse(r.range.end), r.kind));
    let mut merged: Vec<Replacement> = Vec::with_capacity(wanted.len());
    for next in wanted {
        match merged.last_mut() {
            Some(last) if next.range.start < last.range.end => {
                last.range.end = last.range.end.max(next.range.end);
                if next.with == REDACTED {
                    last.with = REDACTED;
                }
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// The text of `window`, which stands at `offset` of a longer running text, with the replacements applied.
/// A replacement that began before the window has been written already: only the rest of its range goes.
pub(crate) fn apply(window: &str, offset: usize, replacements: &[Replacement]) -> String {
    let end = offset + window.len();
    let mut out = String::with_capacity(window.len());
    let mut at = offset;
    for r in replacements.iter().filter(|r| r.range.end > offset && r.range.start < end) {
        if r.range.start > at {
            out.push_str(window.get(at - offset..r.range.start - offset).unwrap_or_default());
        }
        if r.range.start >= offset {
            out.push_str(r.with);
        }
        at = r.range.end.min(end);
    }
    out.push_str(window.get(at - offset..).unwrap_or_default());
    out
}

#[cfg(test)]
#[path = "enforce_tests.rs"]
mod tests;
