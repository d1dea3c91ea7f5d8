//! Slicing: for each agent, action and resource named outright, the few policies that can concern it.
//!
//! Cedar looks at every policy it is given; the cost is linear. So each agent gets its own small sets, made once.
//!
//! What always holds: a policy is left out of a slice only where its scope cannot match; a scope that is open, or
//! of a form not understood here, goes into every slice.

use crate::context::Reads;
use crate::rule::Rule;
use crate::{Action, Facts, Manifest};
use cedar_policy::{
    ActionConstraint, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet as CedarSet,
    PrincipalConstraint, ResourceConstraint, RestrictedExpression,
};
use cordon_types::{Mode, Problem};
use rustc_hash::FxHashMap;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What is evaluated for one agent, action and resource.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) policies: CedarSet,
    /// Those that can hold where nothing was found.
    quiet: CedarSet,
    /// The permits alone, for obligations where a denial is only observed. Empty for an enforced agent.
    pub(crate) permits: CedarSet,
    pub(crate) reads: Reads,
    pub(crate) size: usize,
}

/// An agent with all that concerns it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) manifest: Manifest,
    pub(crate) uid: EntityUid,
    pub(crate) entities: Entities,
    /// Its rules, by index into the set's.
    pub(crate) rules: Vec<usize>,
    slices: Vec<ActionSlices>,
}

#[derive(Debug)]
struct ActionSlices {
    action: EntityUid,
    base: Slice,
    named: FxHashMap<String, Slice>,
}

impl Slice {
    /// The policies that these facts can concern.
    pub(crate) fn of(&self, facts: &Facts) -> &CedarSet {
        if facts.findings.is_empty() { &self.quiet } else { &self.policies }
    }
}

impl View {
    pub(crate) fn slice(&self, action: Action, resource: &str) -> Option<(&EntityUid, &Slice)> {
        let of_action = self.slices.get(action as usize)?;
        Some((&of_action.action, of_action.named.get(resource).unwrap_or(&of_action.base)))
    }
}

/// The schema's types, read once: reading a name takes longer than evaluating a policy.
static TYPES: LazyLock<Vec<(&'static str, EntityTypeName)>> = LazyLock::new(|| {
    let names = ["Agent", "AgentGroup", "Action", "Model", "Tool"];
    names.into_iter().filter_map(|name| Some((name, name.parse().ok()?))).collect()
});

/// The uid of an entity of one of the schema's types.
pub(crate) fn uid(entity_type: &'static str, id: &str) -> Result<EntityUid, String> {
    let known = TYPES.iter().find(|(name, _)| *name == entity_type);
    let (_, name) = known.ok_or_else(|| format!("the schema has no `{entity_type}`"))?;
    Ok(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
}

pub(super) fn views(manifests: Vec<Manifest>, rules: &[Rule]) -> Result<Vec<View>, Problem> {
    // By principal first, so that making all slices costs no more than there are policies and agents.
    let mut of_agent: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let mut of_group: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let mut open: Vec<usize> = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
        match rule.policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => open.push(i),
            PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::In(uid)
            | PrincipalConstraint::IsIn(_, uid) => {
                let map = match uid.type_name().basename() {
                    "Agent" => &mut of_agent, // `in` holds for the entity itself too
                    "AgentGroup" => &mut of_group,
                    _ => {
                        open.push(i);
                        continue;
                    }
                };
                let name: &str = uid.id().unescaped();
                map.entry(name.to_owned()).or_default().push(i);
            }
        }
    }
    let mut views = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let mut indexes = open.clone();
        indexes.extend(of_agent.get(manifest.agent.as_str()).into_iter().flatten());
        for group in &manifest.groups {
            indexes.extend(of_group.get(group).into_iter().flatten());
        }
        indexes.sort_unstable();
        indexes.dedup();
        let source = manifest.source.clone();
        let view = view(manifest, indexes, rules);
        views.push(
            view.map_err(|e| Problem::new("", e, "this is a defect of Cordon; report it").within(&source))?,
        );
    }
    Ok(views)
}

fn view(manifest: Manifest, indexes: Vec<usize>, rules: &[Rule]) -> Result<View, String> {
    let own: Vec<&Rule> = indexes.iter().filter_map(|i| rules.get(*i)).collect();
    let observing = manifest.mode == Mode::Observe;
    let slices =
        Action::ALL.into_iter().map(|a| action_slices(a, &own, observing)).collect::<Result<_, _>>()?;
    Ok(View {
        uid: uid("Agent", manifest.agent.as_str())?,
        entities: entities(&manifest)?,
        rules: indexes,
        slices,
        manifest,
    })
}

fn action_slices(action: Action, rules: &[&Rule], observing: bool) -> Result<ActionSlices, String> {
    let action_uid = uid("Action", action.name())?;
    let mut base = Vec::new();
    let mut named: FxHashMap<String, Vec<&Rule>> = FxHashMap::default();
    for rule in rules {
        let concerned = match rule.policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == action_uid,
            ActionConstraint::In(uids) => uids.contains(&action_uid),
        };
        if !concerned {
            continue;
        }
        match rule.policy.resource_constraint() {
            ResourceConstraint::Eq(uid) => {
                let name: &str = uid.id().unescaped();
                named.entry(name.to_owned()).or_default().push(rule);
            }
            _ => base.push(*rule),
        }
    }
    let named = named
        .into_iter()
        .map(|(name, extra)| {
            let all: Vec<&Rule> = base.iter().copied().chain(extra).collect();
            Ok((name, slice(&all, observing)?))
        })
        .collect::<Result<_, String>>()?;
    Ok(ActionSlices { action: action_uid, base: slice(&base, observing)?, named })
}

fn slice(rules: &[&Rule], observing: bool) -> Result<Slice, String> {
    let set = |wanted: &dyn Fn(&Rule) -> bool| {
        CedarSet::from_policies(rules.iter().filter(|r| wanted(r)).map(|r| r.policy.clone()))
            .map_err(|e| e.to_string())
    };
    Ok(Slice {
        policies: set(&|_| true)?,
        quiet: set(&|r| !r.of_findings)?,
        permits: set(&|r| observing && r.policy.effect() == Effect::Permit)?,
        reads: rules.iter().fold(Reads::NONE, |all, r| all.union(r.reads)),
        size: rules.len(),
    })
}

/// The agent and its groups.
pub(crate) fn entities(m: &Manifest) -> Result<Entities, String> {
    let groups: HashSet<EntityUid> =
        m.groups.iter().map(|g| uid("AgentGroup", g)).collect::<Result<_, _>>()?;
    let mode = match m.mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    };
    let text = |s: &str| RestrictedExpression::new_string(s.to_owned());
    let attributes = HashMap::from([
        ("owner".to_owned(), text(&m.owner)),
        ("risk".to_owned(), text(m.risk.name())),
        ("mode".to_owned(), text(mode)),
    ]);
    let mut all: Vec<Entity> =
        groups.iter().map(|g| Entity::new_no_attrs(g.clone(), HashSet::new())).collect();
    all.push(Entity::new(uid("Agent", m.agent.as_str())?, attributes, groups).map_err(|e| e.to_string())?);
    Entities::from_entities(all, None).map_err(|e| e.to_string())
}
