//! Which name leads to which upstream. Destinations come from the operator's config alone.

use cordon_types::{Dialect, ModelName, UpstreamId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Price in millionths of the currency for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// For input tokens.
    pub input: u64,
    /// For output tokens.
    pub output: u64,
    /// For input tokens read from the provider's cache.
    pub cached: u64,
}

impl Price {
    /// Cost in millionths of the currency, rounded up.
    #[must_use]
    pub fn cost(&self, input: u64, output: u64, cached: u64) -> u64 {
        let fresh = u128::from(input.saturating_sub(cached));
        let sum = fresh * u128::from(self.input)
            + u128::from(cached.min(input)) * u128::from(self.cached)
            + u128::from(output) * u128::from(self.output);
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// One model that the config offers.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name in manifests, records and answers to `GET /v1/models`.
    pub name: ModelName,
    /// Where requests go.
    pub upstream: UpstreamId,
    /// The dialects which that upstream speaks.
    pub dialects: Vec<Dialect>,
    /// What the upstream calls it.
    pub upstream_name: String,
    /// Its price.
    pub price: Price,
    /// The most output tokens that a request may ask for.
    pub max_output_tokens: Option<u64>,
}

/// All models, by name and alias.
#[derive(Clone, Debug, Default)]
pub struct ModelTable {
    models: Vec<Arc<Model>>,
    /// Names come from the config: a caller can ask for one, not add one, so a hash without a secret will do.
    by_name: FxHashMap<String, usize>,
}

impl ModelTable {
    /// A table of these models; each comes with its aliases. A later name does not replace an earlier one.
    #[must_use]
    pub fn new(models: impl IntoIterator<Item = (Model, Vec<String>)>) -> Self {
        let mut table = Self::default();
        for (model, aliases) in models {
            let at = table.models.len();
            table.by_name.entry(model.name.as_str().to_owned()).or_insert(at);
            for alias in aliases {
                table.by_name.entry(alias).or_insert(at);
            }
            table.models.push(Arc::new(model));
        }
        table
    }

    /// The model of that name or alias.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.by_name.get(name).and_then(|i| self.models.get(*i))
    }

    /// Every model, in the config's order.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().map(AsRef::as_ref)
    }
}
