//! One pass over the log: every figure of a period, in bounded memory.
//!
//! ```text
//! (index, leaf) --time--> outside the period: its index counts, no more
//!                  +----> inside: decoded, counted (count.rs), offered to the samples of its evidence types
//! ```
//!
//! What always holds: each leaf is looked at once and in order; what cannot be read is counted, never skipped. Figures
//! depend on the leaves up to the last one of the period and on nothing behind it, so they stay the same when the log
//! grows.

mod count;
mod kinds;

use crate::catalogue::EvidenceId;
use crate::sample::Sampler;
use crate::tally::{Grid, Named, Tally};
use cordon_ledger::record::peek_at;
use cordon_ledger::{Control, ControlKind, Record, tree};
use cordon_types::{Digest, Millis};
use std::collections::BTreeMap;

/// From, included, to, excluded, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: Millis,
    /// The first moment that does not belong to it.
    pub to: Millis,
}

impl Period {
    /// Whether a moment belongs to it.
    #[must_use]
    pub const fn holds(&self, at: Millis) -> bool {
        at >= self.from && at < self.to
    }
}

/// When and where something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Time of the first record.
    pub first: Millis,
    /// Time of the last.
    pub last: Millis,
    /// Index of the first.
    pub first_index: u64,
    /// Index of the last.
    pub last_index: u64,
    /// In how many records.
    pub records: u64,
}

/// A review that the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its record.
    pub index: u64,
    /// When.
    pub at: Millis,
    /// Who, as a pseudonym.
    pub by: Option<String>,
    /// The hash of what was reviewed.
    pub snapshot: Option<Digest>,
}

/// Tokens and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Exchanges that said how much.
    pub exchanges: u64,
    /// Tokens in.
    pub tokens_in: u64,
    /// Tokens out.
    pub tokens_out: u64,
    /// Of those in, cached.
    pub cached: u64,
    /// Millionths of the price table's currency.
    pub cost_micros: u64,
}

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Records of the period by kind: intent, outcome, control.
    pub records: Tally,
    /// Leaves up to the period's end that are no record of this version.
    pub unreadable: u64,
    /// How many leaves the period's tree has: the last record of the period, or before it, and all under it.
    pub size: u64,
    /// The log's first record's time.
    pub oldest: Option<Millis>,
    /// The lowest index that is kept; those below were pruned.
    pub kept_from: Option<u64>,
    /// The period's first and last record.
    pub span: Option<Seen>,
    /// Decisions about prompts, answers, and tool calls: by place, then decision.
    pub decisions: Grid,
    /// Reasons: by place, then reason.
    pub reasons: Grid,
    /// Findings: by kind, then span.
    pub findings: Grid,
    /// Obligations: by what was done, then kind of finding.
    pub obligations: Grid,
    /// Policies that decided.
    pub policies: Tally,
    /// Argument predicates: by predicate, then `held` or `failed`.
    pub predicates: Grid,
    /// Tool calls: by tool, then decision.
    pub tools: Grid,
    /// Tools offered, and taken out.
    pub offered: Tally,
    /// Requests: by agent, then decision.
    pub agents: Grid,
    /// Requests: by model, then decision.
    pub models: Grid,
    /// Requests let through: by agent, then upstream.
    pub flows: Grid,
    /// Findings in let-through requests, by agent, then kind.
    pub agent_data: Grid,
    /// Upstreams: by upstream, then how exchanges ended.
    pub upstreams: Grid,
    /// Requests by operation.
    pub operations: Tally,
    /// Requests by mode.
    pub modes: Tally,
    /// Requests on behalf of a user.
    pub on_behalf: u64,
    /// When agents, models, upstreams and keys were seen: by sort and name.
    pub seen: Named<Seen>,
    /// Policy versions, and detector versions, by sort and version.
    pub versions: Named<Seen>,
    /// How exchanges ended.
    pub finishes: Tally,
    /// Statuses to callers.
    pub statuses: Tally,
    /// Total time, in buckets of powers of two of milliseconds, by exponent.
    pub took: BTreeMap<u32, u64>,
    /// What was not inspected.
    pub not_inspected: Tally,
    /// Failures that the operator had opened, and that occurred.
    pub opened: Tally,
    /// Records in which a bounded decoding hit its bound.
    pub truncated: u64,
    /// Usage by model, and by agent: by sort and name.
    pub usage: Named<Usage>,
    /// Usage in all.
    pub usage_total: Usage,
    /// Control records by kind.
    pub controls: Tally,
    /// Requests refused before they had a body or an agent, by reason.
    pub refusals: Tally,
    /// Kill switches set, by scope.
    pub kills: Tally,
    /// From a kill's record to the record of an exchange that it ended: the longest, in milliseconds.
    pub longest_to_stop: Option<u64>,
    /// Intents of the period without an outcome in it.
    pub open: u64,
    /// Reviews of the period.
    pub reviews: Vec<Review>,
    /// The last review of the whole log, in the period or not.
    pub last_review: Option<Review>,
    samples: BTreeMap<EvidenceId, Sampler>,
}

impl Figures {
    /// How many records of the period an evidence type is about.
    #[must_use]
    pub fn count(&self, id: EvidenceId) -> u64 {
        self.samples.get(&id).map_or(0, Sampler::count)
    }

    /// Indexes of its sample records.
    #[must_use]
    pub fn chosen(&self, id: EvidenceId) -> Vec<u64> {
        self.samples.get(&id).map(Sampler::chosen).unwrap_or_default()
    }
}

/// What an outcome needs to know of its intent.
#[derive(Debug)]
struct Open {
    model: Option<String>,
    upstream: Option<String>,
}

/// The pass.
#[derive(Debug)]
pub struct Pass {
    period: Period,
    figures: Figures,
    /// Exchanges under way: what their outcomes will need.
    under_way: BTreeMap<u64, Open>,
    /// Intents pushed out of `under_way`.
    forgotten: u64,
    unreadable_since: u64,
    last_kill: Option<Millis>,
}

impl Pass {
    /// Most exchanges under way that are kept: far more than a gateway serves at once, so that only intents that never
    /// got an outcome are pushed out.
    const UNDER_WAY: usize = 65_536;
    /// Most reviews that are listed.
    const REVIEWS: usize = 200;

    /// A pass for a period.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self {
            period,
            figures: Figures::default(),
            under_way: BTreeMap::new(),
            forgotten: 0,
            unreadable_since: 0,
            last_kill: None,
        }
    }

    /// Takes one leaf. They come in order, from the first of the log.
    pub fn take(&mut self, index: u64, leaf: &[u8]) {
        self.figures.kept_from.get_or_insert(index);
        let Some(at) = peek_at(leaf) else {
            self.unreadable_since += 1;
            return;
        };
        if leaf.starts_with(b"{\"v\":1,\"t\":\"control\"") {
            self.review(index, leaf);
        }
        self.figures.oldest.get_or_insert(at);
        if at >= self.period.to {
            return;
        }
        self.figures.size = index + 1;
        self.figures.unreadable += std::mem::take(&mut self.unreadable_since);
        if at < self.period.from {
            return;
        }
        match Record::decode(leaf) {
            Ok(record) => {
                let about = kinds::concerned(&record, &self.figures);
                self.count(index, &record);
                let hash = tree::leaf_hash(leaf);
                for id in about {
                    self.figures.samples.entry(id).or_default().take(index, &hash);
                }
            }
            Err(_) => self.figures.unreadable += 1,
        }
    }

    /// The figures. The log has ended.
    #[must_use]
    pub fn end(mut self) -> Figures {
        self.figures.open = self.under_way.len() as u64 + self.forgotten;
        self.figures
    }

    /// A review anywhere in the log: what moved since the last one is asked for whatever the period.
    fn review(&mut self, index: u64, leaf: &[u8]) {
        if let Ok(Record::Control(c @ Control { kind: ControlKind::PostureReview, .. })) =
            Record::decode(leaf)
        {
            let by = c.by.map(|b| b.to_string());
            let review = Review { index, at: c.at, by, snapshot: c.snapshot };
            if self.period.holds(c.at) && self.figures.reviews.len() < Self::REVIEWS {
                self.figures.reviews.push(review.clone());
            }
            self.figures.last_review = Some(review);
        }
    }
}

#[cfg(test)]
#[path = "figures_tests.rs"]
pub(crate) mod tests;
