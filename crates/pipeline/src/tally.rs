//! What an exchange gathers for its record while it goes through: kinds and counts, never a value.

use cordon_policy::{PredicateResult, ReasonCode};
use cordon_types::{Feature, Finding, FindingKind, SpanKind};
use std::collections::BTreeMap;

/// One judged tool call.
#[derive(Clone, Debug)]
pub struct CallTally {
    /// The tool's name as the model wrote it: the recorder turns it into a known name or a digest.
    pub name: String,
    /// What it does, where the manifest says.
    pub effect: Option<cordon_types::Effect>,
    /// What the flow of information said, where it was judged.
    pub flow: Option<cordon_policy::Flow>,
    /// `None`: allowed.
    pub refused: Option<ReasonCode>,
    /// Policies that decided.
    pub policies: Vec<cordon_policy::PolicyRef>,
    /// Results of the argument predicates.
    pub predicates: Vec<PredicateResult>,
}

/// Everything that one direction of an exchange adds up to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Findings by kind and by the kind of span they stood in.
    pub findings: BTreeMap<(FindingKind, SpanKind), u32>,
    /// Replacements made, by kind.
    pub replaced: BTreeMap<FindingKind, u32>,
    /// Tool calls of the model's answer.
    pub calls: Vec<CallTally>,
    /// What the calls of this turn that were let through bring back, together.
    pub turn: Option<cordon_types::Labels>,
    /// Tools that were not offered to the model.
    pub tools_removed: u32,
    /// What was let through without being looked into.
    pub not_inspected: Vec<Feature>,
    /// A bounded decoding hit its bound.
    pub truncated: bool,
    /// A detector failed, and the operator had opened that.
    pub detector_failed: bool,
    /// Spending could not be stored, and the operator had opened that.
    pub store_failed: bool,
    /// Policies that decided, last decision of each kind.
    pub policies: Vec<cordon_policy::PolicyRef>,
    /// Observe mode let something go on that would have been refused.
    pub observed: Option<ReasonCode>,
    /// Tokens, where the upstream said.
    pub tokens_in: Option<u64>,
    /// Tokens, where the upstream said.
    pub tokens_out: Option<u64>,
    /// Of `tokens_in`, those read from the provider's cache.
    pub tokens_cached: Option<u64>,
    /// Bytes that came in: from the caller on the way in, from the upstream on the way back.
    pub received: u64,
    /// Bytes of the model's words and arguments: to estimate tokens where nobody counts them.
    pub words: u64,
    /// Bytes handed to the caller.
    pub released: u64,
    /// Millionths of the price table's currency.
    pub cost_micros: u64,
}

impl Tally {
    /// Counts findings of one span.
    pub fn found(&mut self, findings: &[Finding], span: SpanKind) {
        for f in findings {
            let n = self.findings.entry((f.kind, span)).or_default();
            *n = n.saturating_add(1);
        }
    }

    /// Counts replacements.
    pub fn replaced(&mut self, kind: FindingKind) {
        let n = self.replaced.entry(kind).or_default();
        *n = n.saturating_add(1);
    }

    /// Names something that was let through without being looked into, once.
    pub fn opaque(&mut self, feature: Feature) {
        if !self.not_inspected.contains(&feature) {
            self.not_inspected.push(feature);
        }
    }

    /// Takes over usage figures, keeping the latest that was said of each.
    pub fn usage(&mut self, u: &cordon_wire::Usage) {
        self.tokens_in = u.input.or(self.tokens_in);
        self.tokens_out = u.output.or(self.tokens_out);
        self.tokens_cached = u.cached.or(self.tokens_cached);
    }
}
