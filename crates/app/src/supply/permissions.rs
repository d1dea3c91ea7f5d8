//! What a change of agents' manifests lets them do that they might not before: two folders, compared by structure.
//!
//! What always holds: what cannot be told narrower is told: a rule on arguments that was changed is an entry, whichever
//! way. A limit added, a tool taken out or a lower limit is none. What it does not do: read Cedar policies; what the
//! operator's own policies forbid besides is not counted in an agent's favour.

use crate::error::AppError;
use cordon_policy::{Budgets, Manifest, ToolRule, Uninspected, UserTurns, parse_manifest};
use cordon_supply::gate::entry;
use cordon_supply::report::Entry;
use cordon_types::{FindingKind, Mode, Problems, SpanKind};
use std::path::Path;

/// The manifests of a folder (`*.toml`).
pub(super) fn read(folder: &Path) -> Result<Vec<Manifest>, AppError> {
    let fail = |e| AppError::file(folder, "reading", e);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map_err(fail)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?
        .into_iter()
        .map(|e| e.path())
        .collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let text = crate::data::read(&path)?;
        match parse_manifest(&path.display().to_string(), &text) {
            Ok(manifest) => all.push(manifest),
            Err(found) => problems.extend(found.0),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(AppError::Problems(Problems(problems))) }
}

/// What `now` allows more than `base`.
pub(super) fn widened(base: &[Manifest], now: &[Manifest]) -> Vec<Entry> {
    let mut out = Vec::new();
    for manifest in now {
        let before = base.iter().find(|m| m.agent == manifest.agent);
        let mut told = Told { manifest, out: &mut out };
        match before {
            None => told.new_agent(),
            Some(before) => {
                told.tools(before);
                told.lists(before);
                told.switches(before);
                told.budgets(before);
                told.data(before);
            }
        }
    }
    out
}

struct Told<'a> {
    manifest: &'a Manifest,
    out: &'a mut Vec<Entry>,
}

impl Told<'_> {
    fn say(&mut self, rule: &str, what: &str, message: String) {
        let subject = if what.is_empty() {
            format!("agent:{}", self.manifest.agent)
        } else {
            format!("agent:{} {what}", self.manifest.agent)
        };
        self.out.push(entry(rule, subject, message, vec![self.manifest.source.clone()]));
    }

    fn widened(&mut self, what: &str, holds: bool, message: &str) {
        if holds {
            self.say("permission-widened", what, message.to_owned());
        }
    }

    fn new_agent(&mut self) {
        let tools: Vec<&str> = self.manifest.tools.iter().map(|t| t.name.as_str()).collect();
        let models = self.manifest.models.join(", ");
        let message = format!("a new agent: tools {}; models {models}", tools.join(", "));
        self.say("permission-added", "", message);
    }

    fn tools(&mut self, before: &Manifest) {
        for tool in &self.manifest.tools {
            let what = format!("tool:{}", tool.name);
            match covering(before, &tool.name) {
                None => self.say(
                    "permission-added",
                    &what,
                    "it may call this tool, and might not before".to_owned(),
                ),
                Some(old) => self.tool(&what, old, tool),
            }
        }
        // A rule that stood before a wider one: without it, the wider one holds.
        for old in &before.tools {
            let kept = self.manifest.tools.iter().any(|t| t.name == old.name);
            let wider = self.manifest.tool(&old.name).filter(|t| !kept && covers(&t.name, &old.name));
            if let Some(wider) = wider.cloned() {
                self.tool(&format!("tool:{}", old.name), old, &wider);
            }
        }
    }

    fn tool(&mut self, what: &str, old: &ToolRule, new: &ToolRule) {
        let same = |a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| format!("{a:?}") == format!("{b:?}");
        let kept = |old: &Option<Vec<_>>, new: &Option<Vec<_>>| match (old, new) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(old), Some(new)) => old.iter().all(|o| new.iter().any(|n| same(o, n))),
        };
        self.widened(what, !kept(&old.args, &new.args), "limits on its arguments were changed or taken away");
        self.widened(what, !old.other_args && new.other_args, "arguments that no limit names pass now");
        let cleared = new.cleared.iter().any(|n| !old.cleared.iter().any(|o| same(o, n)));
        self.widened(what, cleared, "targets were cleared that were not before");
        self.widened(what, !same(&old.target, &new.target), "which arguments say where it goes was changed");
        self.widened(what, old.effect != new.effect, "what it is said to do (its effect) was changed");
        self.widened(
            what,
            new.untrusted as u8 > old.untrusted as u8 && new.untrusted.name() == "allow",
            "calls whose target is not trusted go through now",
        );
        self.widened(
            what,
            old.untrusted.name() == "refuse" && new.untrusted.name() == "ask",
            "calls whose target is not trusted were refused, and are asked about now",
        );
        self.widened(what, new.result > old.result, "its results are trusted now");
        self.widened(
            what,
            !same(&old.result_fields, &new.result_fields),
            "which fields of its results are trusted was changed",
        );
        self.widened(what, !old.labels && new.labels, "its server's own word on its results counts now");
        self.widened(what, new.class < old.class, "the data that it brings back is classed lower");
        self.widened(what, new.clearance > old.clearance, "data of a higher class may leave by it");
        self.widened(what, !old.reversible && new.reversible, "it is said to be reversible now");
        self.widened(what, new.approvals < old.approvals, "fewer people have to approve a held call");
        self.widened(
            what,
            !old.rates.iter().all(|r| new.rates.contains(r)),
            "a limit on how often it may be called was changed or taken away",
        );
        self.widened(
            what,
            old.hours.is_some() && old.hours != new.hours,
            "the hours in which it may be called were changed",
        );
    }

    fn lists(&mut self, before: &Manifest) {
        let m = self.manifest;
        for model in m.models.iter().filter(|n| !before.models.iter().any(|o| covers(o, n))) {
            self.say(
                "permission-added",
                &format!("model:{model}"),
                "it may use this model, and might not before".to_owned(),
            );
        }
        for feature in m.features.iter().filter(|f| !before.features.contains(f)) {
            self.say(
                "permission-added",
                &format!("feature:{}", feature.name()),
                "this feature of providers is let through now".to_owned(),
            );
        }
        for beta in m.betas.iter().filter(|b| !before.betas.contains(b)) {
            self.say(
                "permission-added",
                &format!("beta:{beta}"),
                "this beta header is let through now".to_owned(),
            );
        }
        for asked in m.mcp.iter().filter(|i| !before.mcp.contains(i)) {
            self.say(
                "permission-added",
                &format!("mcp:{}", asked.name()),
                "tool servers may do this towards its client now".to_owned(),
            );
        }
        for group in m.groups.iter().filter(|g| !before.groups.contains(g)) {
            self.say(
                "permission-added",
                &format!("group:{group}"),
                "it is in a group that policies may name".to_owned(),
            );
        }
    }

    fn switches(&mut self, before: &Manifest) {
        let m = self.manifest;
        self.widened(
            "mode",
            before.mode == Mode::Enforce && m.mode == Mode::Observe,
            "denials are only recorded now",
        );
        self.widened(
            "uninspected",
            before.uninspected == Uninspected::Refuse && m.uninspected == Uninspected::Allow,
            "what could not be inspected goes on now",
        );
        self.widened(
            "user_turns",
            before.user_turns == UserTurns::Asserted && m.user_turns == UserTurns::Human,
            "words of role `user` are taken for a person's now",
        );
        self.widened("flow", before.flow && !m.flow, "the flow of information is judged no more");
        let later = before.expires.is_some_and(|old| m.expires.is_none_or(|new| new > old));
        self.widened("expires", later, "it expires later, or never");
        self.widened(
            "max_output_tokens",
            raised(before.max_output_tokens, m.max_output_tokens),
            "a request may ask for more output",
        );
        self.widened("risk", m.risk < before.risk, "it is said to be able to do less harm");
    }

    fn budgets(&mut self, before: &Manifest) {
        for (name, old, new) in [
            ("budgets", &before.budgets, &self.manifest.budgets),
            ("key_budgets", &before.key_budgets, &self.manifest.key_budgets),
        ] {
            self.widened(name, more(old, new), "it may use more");
        }
    }

    fn data(&mut self, before: &Manifest) {
        let (old, new) = (&before.data, &self.manifest.data);
        for (name, old, new) in
            [("data.prompt", &old.prompt, &new.prompt), ("data.answer", &old.answer, &new.answer)]
        {
            let milder = FindingKind::ALL
                .iter()
                .filter(|k| SpanKind::ALL.iter().any(|s| new.get(**k, *s) < old.get(**k, *s)))
                .map(|k| k.name())
                .collect::<Vec<_>>();
            self.widened(
                name,
                !milder.is_empty(),
                &format!("findings are handled more mildly: {}", milder.join(", ")),
            );
        }
    }
}

/// The rule that held for every tool that `name` stands for: the same name, else the longest prefix over it.
fn covering<'m>(manifest: &'m Manifest, name: &str) -> Option<&'m ToolRule> {
    let all = manifest.tools.iter().filter(|t| covers(&t.name, name));
    all.max_by_key(|t| (t.name == name, t.name.len()))
}

/// Whether everything that `pattern` (a name, or a prefix with `*`) stands for is in what `wider` stands for.
fn covers(wider: &str, pattern: &str) -> bool {
    match wider.strip_suffix('*') {
        Some(prefix) => pattern.starts_with(prefix),
        None => wider == pattern,
    }
}

fn raised<N: PartialOrd>(old: Option<N>, new: Option<N>) -> bool {
    old.is_some_and(|old| new.is_none_or(|new| new > old))
}

fn more(old: &Budgets, new: &Budgets) -> bool {
    raised(old.requests_per_minute, new.requests_per_minute)
        || raised(old.tokens_per_minute, new.tokens_per_minute)
        || raised(old.tokens_per_day, new.tokens_per_day)
        || raised(old.cost_per_day_micros, new.cost_per_day_micros)
        || raised(old.cost_per_month_micros, new.cost_per_month_micros)
        || raised(old.concurrent, new.concurrent)
}
