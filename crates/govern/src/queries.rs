//! The evidence queries: one a type, from figures and facts to an [`Answer`].
//!
//! What always holds: what Cordon does not produce is called so, with what is missing; a table's figures come from
//! one place, which it names. What it does not do: judge whether the figures are good.

mod about;
mod files;
mod records;

use crate::answer::{Answer, Availability, Cell, Table};
use crate::catalogue::{Catalogue, EvidenceId};
use crate::facts::Facts;
use crate::figures::{Figures, Period};
use cordon_types::time;

pub use about::Log;

/// The answers of every evidence type, by id.
#[must_use]
pub fn answers(
    catalogue: &Catalogue,
    figures: &Figures,
    facts: &Facts,
    period: Period,
    log: &Log,
) -> Vec<Answer> {
    let answer = |id: &EvidenceId| {
        let (availability, lacks) = about::availability(*id);
        let there = matches!(availability, Availability::Direct | Availability::Partial);
        Answer {
            id: *id,
            what: catalogue.what(*id).to_owned(),
            availability,
            lacks,
            records: if there { figures.count(*id) } else { 0 },
            tables: if there { tables(*id, figures, facts, log) } else { Vec::new() },
            commands: if there { commands(*id, period) } else { Vec::new() },
            samples: if there { figures.chosen(*id) } else { Vec::new() },
        }
    };
    EvidenceId::ALL.iter().map(answer).collect()
}

fn tables(id: EvidenceId, f: &Figures, facts: &Facts, log: &Log) -> Vec<Table> {
    use EvidenceId as E;
    let tables = match id {
        E::Bud => vec![records::budget_refusals(f), files::budgets(facts)],
        E::Cfg => vec![records::changes(f), files::files(facts), files::settings(facts)],
        E::Cost => vec![records::usage(f, "model"), records::usage(f, "agent")],
        E::Dec => {
            let mut all = vec![records::decisions(f), records::reasons(f), records::findings(f, |_| true)];
            all.extend([records::obligations(f), records::policies(f), records::predicates(f)]);
            all.extend([records::not_inspected(f), records::opened(f)]);
            all
        }
        E::Dlp => vec![records::findings(f, records::sensitive), records::obligations(f)],
        E::Exp => vec![about::pack(log)],
        E::Hitl => vec![records::approvals(f)],
        E::Iam => vec![records::keys(f), records::refusals(f), records::agents(f)],
        E::Inv => vec![records::seen(f), files::agents(facts), files::models(facts)],
        E::Kill => vec![records::kills(f), records::kill_scopes(f)],
        E::Log => vec![records::log(f), records::operations(f)],
        E::Pol => vec![records::versions(f), records::changes(f), files::policy(facts)],
        E::Proof => vec![about::checkpoint(log)],
        E::Ret => vec![about::retention(f)],
        E::Rev => vec![records::reviews(f)],
        E::Ropa => vec![records::flows(f), records::agent_data(f), files::purposes(facts)],
        E::Slo => vec![records::finishes(f), records::statuses(f), records::latency(f), records::runs(f)],
        E::Sup => vec![records::upstreams(f), files::upstreams(facts)],
        E::Tls => vec![files::transport(facts), files::upstreams(facts)],
        E::Tool => vec![records::tools(f), records::offered(f), records::pins(f), files::tools(facts)],
        E::Bom | E::Eval | E::Fb | E::Imp | E::Inc | E::Risk | E::Train => Vec::new(),
    };
    tables.into_iter().filter(|t| !t.rows.is_empty()).collect()
}

/// The exact commands that make the figures and the records again.
fn commands(id: EvidenceId, period: Period) -> Vec<String> {
    use EvidenceId as E;
    let (from, to) = (time::text(period.from), time::text(period.to));
    let mut all = vec![format!("cordon evidence query {} --from {from} --to {to}", id.name())];
    let show = format!("cordon audit show --from {} --to {}", period.from, period.to);
    match id {
        E::Dec => all.push(format!("{show} --decision denied")),
        E::Proof => all.push("cordon audit verify".to_owned()),
        E::Tls => {}
        _ => all.push(show),
    }
    all
}

/// A row of a name and a number.
fn row(name: impl Into<Cell>, n: u64) -> Vec<Cell> {
    vec![name.into(), n.into()]
}

/// The versions of policy and detectors in force in the period.
#[must_use]
pub fn versions(figures: &Figures) -> Table {
    records::versions(figures)
}
