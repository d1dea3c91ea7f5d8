//! Tables from the operator's files.

use super::row;
use crate::answer::{Cell, Origin, Table};
use crate::facts::{Budget, Facts};
use cordon_types::time;

fn table(title: &'static str, columns: &[&'static str], rows: Vec<Vec<Cell>>) -> Table {
    Table { title, from: Origin::Files, columns: columns.to_vec(), rows }
}

fn yes(it: bool) -> Cell {
    if it { "yes".into() } else { "no".into() }
}

pub(super) fn budgets(facts: &Facts) -> Table {
    let cells = |b: &Budget| vec![b.of.as_str().into(), b.limit.into(), b.value.into()];
    let agents = facts.agents.iter().flat_map(|a| &a.budgets);
    table("Budgets set", &["of", "limit", "value"], agents.chain(&facts.budgets).map(cells).collect())
}

pub(super) fn files(facts: &Facts) -> Table {
    let rows = facts.files.iter().map(|(name, hash)| vec![name.as_str().into(), hash.as_str().into()]);
    table("The operator's files", &["file", "SHA-256"], rows.collect())
}

pub(super) fn settings(facts: &Facts) -> Table {
    let own = [("version of Cordon", &facts.version), ("version of the detectors", &facts.detectors)];
    let own = own.into_iter().map(|(name, value)| vec![name.into(), value.as_str().into()]);
    let rows =
        own.chain(facts.settings.iter().map(|(name, value)| vec![(*name).into(), value.as_str().into()]));
    table("Settings", &["setting", "value"], rows.collect())
}

pub(super) fn policy(facts: &Facts) -> Table {
    let rows = vec![vec!["policy, as the files make it".into(), facts.policy.as_str().into()]];
    table("Version that the files make", &["of", "version (hash)"], rows)
}

pub(super) fn agents(facts: &Facts) -> Table {
    let rows = facts.agents.iter().map(|a| {
        vec![
            a.id.as_str().into(),
            a.risk.into(),
            a.mode.into(),
            yes(a.owner),
            yes(a.purpose),
            a.expires.map_or_else(|| "never".to_owned(), time::text).into(),
            (a.tools.len() as u64).into(),
            a.features.join(", ").into(),
        ]
    });
    let columns = ["agent", "risk", "mode", "owner named", "purpose stated", "expires", "tools", "features"];
    table("Agents with a manifest", &columns, rows.collect())
}

pub(super) fn models(facts: &Facts) -> Table {
    let rows =
        facts.models.iter().map(|m| vec![m.name.as_str().into(), m.upstream.as_str().into(), yes(m.priced)]);
    table("Models in the config", &["model", "upstream", "priced"], rows.collect())
}

pub(super) fn upstreams(facts: &Facts) -> Table {
    let rows = facts
        .upstreams
        .iter()
        .map(|u| vec![u.id.as_str().into(), u.kind.into(), u.scheme.into(), yes(u.private), yes(u.own_ca)]);
    let columns = ["upstream", "kind", "scheme", "private addresses allowed", "own certificate authority"];
    table("Upstreams in the config", &columns, rows.collect())
}

pub(super) fn transport(facts: &Facts) -> Table {
    let rows = facts.transport.iter().map(|(name, value)| vec![(*name).into(), value.as_str().into()]);
    table("Listeners", &["setting", "value"], rows.collect())
}

pub(super) fn purposes(facts: &Facts) -> Table {
    let count = |it: fn(&crate::facts::Agent) -> bool| facts.agents.iter().filter(|a| it(a)).count() as u64;
    let rows = vec![
        row("manifests", facts.agents.len() as u64),
        row("with a purpose stated", count(|a| a.purpose)),
        row("with an owner named", count(|a| a.owner)),
    ];
    table("What manifests state", &["what", "count"], rows)
}

pub(super) fn tools(facts: &Facts) -> Table {
    let rows = facts.agents.iter().flat_map(|a| {
        a.tools.iter().map(|t| {
            let limits = t.limited.map_or_else(|| "not limited".into(), Cell::from);
            vec![
                a.id.as_str().into(),
                t.name.as_str().into(),
                t.effect.unwrap_or("not declared").into(),
                limits,
            ]
        })
    });
    table("Tools that manifests list", &["agent", "tool", "effect", "arguments with limits"], rows.collect())
}
