//! The parts of a record as short texts, the same in every format.
//!
//! What always holds: each text is made of closed words, numbers, digests and the operator's names.

use cordon_ledger::{CallJudged, FindingCount, Name, ObligationCount, PredicateResult};
use cordon_types::Mode;

/// A name of the operator's as it is, any other as `h:` and its digest.
#[must_use]
pub fn name(name: &Name) -> String {
    match name {
        Name::Known(known) => known.as_str().to_owned(),
        Name::Hidden(digest) => format!("h:{digest}"),
    }
}

/// `payment_card@user=2`
pub(crate) fn finding(f: &FindingCount) -> String {
    format!("{}@{}={}", f.kind.name(), f.span.name(), f.count)
}

/// `mask:payment_card=2`
pub(crate) fn obligation(o: &ObligationCount) -> String {
    match o.kind {
        Some(kind) => format!("{}:{}={}", o.obligation.name(), kind.name(), o.count),
        None => format!("{}={}", o.obligation.name(), o.count),
    }
}

/// `to:domains=held`
pub(crate) fn predicate(p: &PredicateResult) -> String {
    let held = if p.held { "held" } else { "failed" };
    format!("{}:{}={held}", name(&p.argument), p.predicate.as_str())
}

/// `send_mail=denied:argument_refused`
pub(crate) fn call(c: &CallJudged) -> String {
    let reason = c.reason.map(|r| format!(":{}", r.name())).unwrap_or_default();
    format!("{}={}{reason}", name(&c.tool), c.decision.name())
}

/// The mode's name.
pub(crate) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}
