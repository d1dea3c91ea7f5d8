//! What a pass came to, and what a provider says of the same days.

use super::{Counted, Key, Kind, MOST_LISTED, Noticed, Tokens, usage::Usage};
use std::collections::BTreeMap;

/// What a pass came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Leaves seen.
    pub leaves: u64,
    /// Intents among them.
    pub intents: u64,
    /// Outcomes among them.
    pub outcomes: u64,
    /// Starts of the gateway.
    pub starts: u64,
    /// How many of each kind were noticed.
    pub totals: BTreeMap<Kind, u64>,
    /// The first of each kind, in the order in which they were noticed.
    pub noticed: Vec<Noticed>,
    /// Counts a day, provider and model, sorted.
    pub counts: Vec<(Key, Counted)>,
}

impl Report {
    pub(super) fn notice(&mut self, noticed: Noticed) {
        let total = self.totals.entry(noticed.kind).or_default();
        *total += 1;
        if *total <= MOST_LISTED as u64 {
            self.noticed.push(noticed);
        }
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.totals.iter().any(|(kind, n)| kind.is_wrong() && *n > 0)
    }
}

/// Ours and theirs, of one model and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The day.
    pub day: String,
    /// The model, as our config names it.
    pub model: String,
    /// Ours: requests that were answered.
    pub our_requests: u64,
    /// Theirs; none where their export does not count requests.
    pub their_requests: Option<u64>,
    /// Ours.
    pub ours: Tokens,
    /// Theirs.
    pub theirs: Tokens,
}

/// How two numbers differ: theirs less ours.
pub type Difference = i128;

impl Compared {
    /// Requests, tokens in, tokens out.
    #[must_use]
    pub fn differences(&self) -> [Difference; 3] {
        let less = |theirs: u64, ours: u64| i128::from(theirs) - i128::from(ours);
        [
            self.their_requests.map_or(0, |theirs| less(theirs, self.our_requests)),
            less(self.theirs.input, self.ours.input),
            less(self.theirs.output, self.ours.output),
        ]
    }

    /// Whether they agree, within so many thousandths of the larger number.
    #[must_use]
    pub fn agree(&self, permille: u32) -> bool {
        let [requests, input, output] = self.differences().map(i128::unsigned_abs);
        let within = |off: u128, a: u64, b: u64| off * 1_000 <= u128::from(a.max(b)) * u128::from(permille);
        within(requests, self.our_requests, self.their_requests.unwrap_or(0))
            && within(input, self.ours.input, self.theirs.input)
            && within(output, self.ours.output, self.theirs.output)
    }
}

/// Sets our counts beside a provider's, for each model and day that either has. `provider` narrows ours to one
/// upstream. Days outside what the provider's export covers are left out: it says nothing of them.
#[must_use]
pub fn compare(counts: &[(Key, Counted)], usage: &Usage, provider: Option<&str>) -> Vec<Compared> {
    let blank = |day: &str, model: &str| Compared {
        day: day.to_owned(),
        model: model.to_owned(),
        our_requests: 0,
        their_requests: None,
        ours: Tokens::default(),
        theirs: Tokens::default(),
    };
    let mut rows: BTreeMap<(String, String), Compared> = BTreeMap::new();
    for ((day, model), theirs) in &usage.rows {
        let row = rows.entry((day.clone(), model.clone())).or_insert_with(|| blank(day, model));
        row.their_requests = theirs.requests;
        row.theirs = theirs.tokens;
    }
    let wanted = |key: &Key| provider.is_none_or(|p| p == key.provider) && usage.covers(&key.day);
    for (key, ours) in counts.iter().filter(|(key, _)| wanted(key)) {
        let at = (key.day.clone(), key.model.clone());
        let row = rows.entry(at).or_insert_with(|| blank(&key.day, &key.model));
        row.our_requests += ours.answered;
        row.ours.input = row.ours.input.saturating_add(ours.tokens.input);
        row.ours.output = row.ours.output.saturating_add(ours.tokens.output);
        row.ours.cached = row.ours.cached.saturating_add(ours.tokens.cached);
    }
    rows.into_values().collect()
}
