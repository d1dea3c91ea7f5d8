//! The snapshot of everything that decides: built whole or not at all, then never changed.
//!
//! What always holds: every policy has passed the schema; each agent meets only the policies that can concern it
//! (by principal and its groups, by action, by a resource named outright); a policy that leaves a place open stands
//! in every slice of that place. What it deliberately does not do: read files, or judge (that is `judge`'s).

use crate::memo::Memo;
use crate::rule::Rule;
use crate::{Manifest, compile, rule};
use cedar_policy::Schema;
use cordon_types::{AgentId, Digest, ModelName, Problem, Problems};
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

mod check;
mod slice;

pub(crate) use slice::{Slice, View, uid};

/// One of the operator's own Cedar files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// The file's name, as problems and policy ids give it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Everything that decides, at one moment. Immutable; replaced whole on reload. `Send + Sync`.
#[derive(Debug)]
pub struct PolicySet {
    pub(crate) views: Vec<View>,
    by_agent: FxHashMap<AgentId, usize>,
    pub(crate) rules: Vec<Rule>,
    by_id: FxHashMap<Arc<str>, usize>,
    pub(crate) memo: Memo,
    version: Digest,
}

const SCHEMA: &str = include_str!("schema.cedarschema");
/// Raised whenever this crate's own rules (predicates, defaults, observe mode) change what a source means.
const RULES: &str = "cordon-policy rules 1";

impl PolicySet {
    /// Builds a snapshot. `models` are the names that the config knows; when empty, manifests' models are not
    /// checked against it.
    ///
    /// # Errors
    /// Every problem at once: agents named twice, unknown models, own policies that do not parse, do not fit the
    /// schema, can never apply, or name agents or groups that no manifest has.
    pub fn build(
        manifests: Vec<Manifest>,
        own: Vec<PolicySource>,
        models: &[ModelName],
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let version = digest(&manifests, &own);
        check::manifests(&manifests, models, &mut problems);
        check::sources(&own, &mut problems);
        let schema = schema().map_err(|p| Problems(vec![p]))?;
        let mut rules: Vec<Rule> = Vec::new();
        for manifest in &manifests {
            let source: Arc<str> = manifest.source.as_str().into();
            for generated in compile::compile(manifest) {
                rules.extend(rule::from_manifest(generated, &source, &mut problems));
            }
        }
        for file in &own {
            rules.extend(rule::from_own(file, &mut problems));
        }
        check::principals(&rules, &manifests, &mut problems);
        check::against_schema(&rules, &own, schema, &mut problems);
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let views = slice::views(manifests, &rules).map_err(|p| Problems(vec![p]))?;
        Ok(Self {
            by_agent: views.iter().enumerate().map(|(i, v)| (v.manifest.agent.clone(), i)).collect(),
            by_id: rules.iter().enumerate().map(|(i, r)| (r.id.0.clone(), i)).collect(),
            views,
            rules,
            memo: Memo::default(),
            version,
        })
    }

    /// A digest of everything that decides: manifests, own policies, the schema, and this crate's own rules.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.version
    }

    /// The ids of all policies: they may stand in records.
    pub fn policy_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|r| r.id.as_str())
    }

    /// Every agent's manifest, in the order in which they were given.
    pub fn agents(&self) -> impl Iterator<Item = &Manifest> {
        self.views.iter().map(|v| &v.manifest)
    }

    /// One agent's manifest.
    #[must_use]
    pub fn manifest(&self, agent: &AgentId) -> Option<&Manifest> {
        self.view(agent).map(|(_, v)| &v.manifest)
    }

    /// Everything that concerns one agent, as Cedar: its manifest's policies, then the operator's own that can
    /// apply to it. It parses again to the same policies.
    #[must_use]
    pub fn cedar(&self, agent: &AgentId) -> Option<String> {
        let (_, view) = self.view(agent)?;
        let mut out = format!("// {}, from {}\n", view.manifest.agent, printable(&view.manifest.source));
        for rule in view.rules.iter().filter_map(|i| self.rules.get(*i)) {
            out.push('\n');
            if rule.own {
                out.push_str(&format!("// {}\n", printable(rule.id.as_str())));
            }
            out.push_str(&rule.text);
            out.push('\n');
        }
        Some(out)
    }

    /// The schema that every policy is checked against.
    #[must_use]
    pub const fn schema() -> &'static str {
        SCHEMA
    }

    pub(crate) fn view(&self, agent: &AgentId) -> Option<(usize, &View)> {
        let index = *self.by_agent.get(agent)?;
        Some((index, self.views.get(index)?))
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(*self.by_id.get(id)?)
    }
}

/// A file's name without what could end a comment.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn schema() -> Result<Schema, Problem> {
    match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Ok(schema),
        Err(e) => Err(Problem::new("", e.to_string(), "this is a defect of Cordon; report it")
            .within("schema.cedarschema")),
    }
}

fn digest(manifests: &[Manifest], own: &[PolicySource]) -> Digest {
    let mut parts: Vec<[&str; 3]> =
        manifests.iter().map(|m| ["manifest", m.agent.as_str(), &m.text]).collect();
    parts.extend(own.iter().map(|o| ["own", o.name.as_str(), o.text.as_str()]));
    parts.sort_unstable();
    parts.push([RULES, env!("CARGO_PKG_VERSION"), SCHEMA]);
    let mut hash = Sha256::new();
    for part in parts.iter().flatten() {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Digest(hash.finalize().into())
}
