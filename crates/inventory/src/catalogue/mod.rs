//! What is known of AI beforehand: endpoints, packages, images, variables, model names. Lists with their sources.
//!
//! The lists stand in `data/`, sorted, each row with its source and licence; they are read once. A row that is no
//! row is a programming error that a test finds; here it is left out.
//!
//! What always holds: looking up a host costs a few hashes of its suffixes, whatever the number of rows. What it
//! does not do: fetch or guess; a host that no row names is not known.

mod hosts;
mod names;
#[cfg(test)]
mod tests;

pub use hosts::{Endpoint, Hit, Hosts, Match, Precision, ServiceKind};
pub use names::{Image, ModelFamily, Names, Package, Variable, canonical};

use std::sync::OnceLock;

const ENDPOINTS: &str = include_str!("../../data/endpoints.tsv");
const PACKAGES: &str = include_str!("../../data/packages.tsv");
const IMAGES: &str = include_str!("../../data/images.tsv");
const VARIABLES: &str = include_str!("../../data/variables.tsv");
const MODELS: &str = include_str!("../../data/models.tsv");

/// The lists.
#[derive(Debug)]
pub struct Catalogue {
    /// Hosts of AI services.
    pub hosts: Hosts,
    /// Packages, images, variables, models.
    pub names: Names,
}

/// The catalogue that ships.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    static ONE: OnceLock<Catalogue> = OnceLock::new();
    ONE.get_or_init(|| Catalogue {
        hosts: Hosts::new(ENDPOINTS),
        names: Names::new(PACKAGES, IMAGES, VARIABLES, MODELS),
    })
}

/// The rows of a list: tab-separated fields, without the heading.
pub(crate) fn rows(list: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    list.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split('\t').collect())
}
