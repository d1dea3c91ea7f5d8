//! Requests and tokens a provider, model and day (UTC), as the records say.
//!
//! What always holds: an exchange counts on the day of its intent; names are the operator's, since nothing else goes
//! upstream.

use crate::words;
use cordon_ledger::{Intent, Outcome};
use cordon_types::time;
use std::collections::BTreeMap;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `2026-11-25`, UTC.
    pub day: String,
    /// The upstream's name in the config.
    pub provider: String,
    /// The model's name in the config.
    pub model: String,
}

impl Key {
    pub(super) fn of(r: &Intent) -> Self {
        Self {
            day: time::day(r.at),
            provider: r.upstream.as_ref().map(|u| u.as_str().to_owned()).unwrap_or_default(),
            model: r.model.as_ref().map(words::name).unwrap_or_default(),
        }
    }
}

/// Tokens, as the upstream counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// In, those from a cache among them.
    pub input: u64,
    /// Out.
    pub output: u64,
    /// Of those in, from a cache.
    pub cached: u64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Exchanges that went upstream.
    pub sent: u64,
    /// Of those, answered.
    pub answered: u64,
    /// Of those, without a known end.
    pub open: u64,
    /// Of those answered, without a count of tokens.
    pub uncounted: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// Millionths of the price table's currency.
    pub cost_micros: u64,
}

#[derive(Default)]
pub(super) struct Counts(BTreeMap<Key, Counted>);

impl Counts {
    fn at(&mut self, key: &Key) -> &mut Counted {
        self.0.entry(key.clone()).or_default()
    }

    pub(super) fn opened(&mut self, key: &Key) {
        self.at(key).sent += 1;
    }

    pub(super) fn left_open(&mut self, key: &Key) {
        self.at(key).open += 1;
    }

    pub(super) fn closed(&mut self, key: &Key, r: &Outcome, answered: bool) {
        let row = self.at(key);
        row.answered += u64::from(answered);
        row.uncounted += u64::from(answered && r.tokens_in.is_none());
        row.tokens.input = row.tokens.input.saturating_add(r.tokens_in.unwrap_or(0));
        row.tokens.output = row.tokens.output.saturating_add(r.tokens_out.unwrap_or(0));
        row.tokens.cached = row.tokens.cached.saturating_add(r.tokens_cached.unwrap_or(0));
        row.cost_micros = row.cost_micros.saturating_add(r.cost_micros.unwrap_or(0));
    }

    pub(super) fn into_rows(self) -> Vec<(Key, Counted)> {
        self.0.into_iter().collect()
    }
}
