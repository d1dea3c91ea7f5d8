//! Two manifests of one agent, field by field: where the new one is narrower, wider, or simply another.
//!
//! What always holds: what cannot be put in order counts as another, and another is never taken for narrower. So a
//! comparison without `Wider` and `Other` means that the new manifest lets through nothing that the old one refused,
//! whatever the operator's own policies say that are the same for both. What it deliberately does not do: ask Cedar;
//! `sweep` does.

use super::order::{Limits, arguments_within, same_arguments, tighter};
use crate::manifest::glob_matches;
use crate::{Budgets, Manifest, ToolRule, Uninspected, Untrusted, UserTurns};
use cordon_types::{Effect, FindingKind, Integrity, Mode, SpanKind};
use std::collections::BTreeSet;

/// Which way a difference goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The new manifest allows less.
    Narrower,
    /// It may allow more.
    Wider,
    /// The two cannot be put in order.
    Other,
}

impl Direction {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Narrower => "narrower",
            Direction::Wider => "wider",
            Direction::Other => "other",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The field, such as `tools.send_mail.args`.
    pub at: String,
    /// Which way it goes.
    pub direction: Direction,
}

/// Every difference between two manifests of one agent, in the order of fields.
#[must_use]
pub fn compare(old: &Manifest, new: &Manifest) -> Vec<Difference> {
    let mut c = Compared(Vec::new());
    c.identity(old, new);
    c.set("models", &old.models, &new.models);
    c.listed("features", &old.features, &new.features);
    c.listed("betas", &old.betas, &new.betas);
    c.listed("mcp", &old.mcp, &new.mcp);
    c.ordered("uninspected", old.uninspected != new.uninspected, new.uninspected == Uninspected::Refuse);
    c.most("max_output_tokens", old.max_output_tokens, new.max_output_tokens);
    c.ordered("user_turns", old.user_turns != new.user_turns, new.user_turns == UserTurns::Asserted);
    c.ordered("flow", old.flow != new.flow, new.flow);
    c.budgets("budgets", old.budgets, new.budgets);
    c.budgets("key_budgets", old.key_budgets, new.key_budgets);
    c.data(old, new);
    c.tools(old, new);
    c.0
}

struct Compared(Vec<Difference>);

impl Compared {
    fn note(&mut self, at: &str, direction: Direction) {
        self.0.push(Difference { at: at.to_owned(), direction });
    }

    fn ordered(&mut self, at: &str, differ: bool, narrower: bool) {
        if differ {
            self.note(at, if narrower { Direction::Narrower } else { Direction::Wider });
        }
    }

    fn other(&mut self, at: &str, differ: bool) {
        if differ {
            self.note(at, Direction::Other);
        }
    }

    /// A most of something; `None` is no limit.
    fn most<T: PartialOrd>(&mut self, at: &str, old: Option<T>, new: Option<T>) {
        let less = match (&old, &new) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(o), Some(n)) => n <= o,
        };
        self.ordered(at, old != new, less);
    }

    fn identity(&mut self, old: &Manifest, new: &Manifest) {
        self.other("agent", old.agent != new.agent);
        // Own policies may read these.
        self.other("owner", old.owner != new.owner);
        self.other("risk", old.risk != new.risk);
        let groups = |m: &Manifest| m.groups.iter().cloned().collect::<BTreeSet<_>>();
        self.other("groups", groups(old) != groups(new));
        self.ordered("mode", old.mode != new.mode, new.mode == Mode::Enforce);
        let both = old.mode == Mode::Observe && new.mode == Mode::Observe;
        let until = both && old.observe_until != new.observe_until;
        self.ordered("observe_until", until, new.observe_until < old.observe_until);
        self.ordered("created", both && old.created != new.created, new.created > old.created);
        self.most("expires", old.expires, new.expires);
    }

    /// Names, some of which may end in `*`.
    fn set(&mut self, at: &str, old: &[String], new: &[String]) {
        for name in new.iter().filter(|n| !old.iter().any(|o| covers(o, n))) {
            self.note(&format!("{at}.{name}"), Direction::Wider);
        }
        for name in old.iter().filter(|o| !new.iter().any(|n| covers(n, o))) {
            self.note(&format!("{at}.{name}"), Direction::Narrower);
        }
    }

    fn listed<T: PartialEq>(&mut self, at: &str, old: &[T], new: &[T]) {
        if new.iter().any(|n| !old.contains(n)) {
            self.note(at, Direction::Wider);
        } else if old.iter().any(|o| !new.contains(o)) {
            self.note(at, Direction::Narrower);
        }
    }

    fn budgets(&mut self, at: &str, old: Budgets, new: Budgets) {
        let at = |field: &str| format!("{at}.{field}");
        self.most(&at("requests_per_minute"), old.requests_per_minute, new.requests_per_minute);
        self.most(&at("tokens_per_minute"), old.tokens_per_minute, new.tokens_per_minute);
        self.most(&at("tokens_per_day"), old.tokens_per_day, new.tokens_per_day);
        self.most(&at("cost_per_day"), old.cost_per_day_micros, new.cost_per_day_micros);
        self.most(&at("cost_per_month"), old.cost_per_month_micros, new.cost_per_month_micros);
        self.most(&at("concurrent"), old.concurrent, new.concurrent);
    }

    fn data(&mut self, old: &Manifest, new: &Manifest) {
        for (at, old, new) in [
            ("data.prompt", &old.data.prompt, &new.data.prompt),
            ("data.answer", &old.data.answer, &new.data.answer),
        ] {
            for kind in FindingKind::ALL.iter().copied() {
                let pairs = SpanKind::ALL.into_iter().map(|s| (old.get(kind, s), new.get(kind, s)));
                let (mut milder, mut stricter) = (false, false);
                for (old, new) in pairs {
                    milder |= new < old;
                    stricter |= new > old;
                }
                self.ordered(&format!("{at}.{}", kind.name()), milder || stricter, !milder);
            }
        }
    }

    fn tools(&mut self, old: &Manifest, new: &Manifest) {
        for rule in &new.tools {
            let at = format!("tools.{}", rule.name);
            if !old.tools.iter().any(|o| covers(&o.name, &rule.name)) {
                self.note(&at, Direction::Wider);
                continue;
            }
            for before in governed(old, new, &rule.name) {
                self.tool(&at, before, rule);
                self.shared_rates(&at, before, (old, new), rule);
            }
        }
        for rule in old.tools.iter().filter(|o| !new.tools.iter().any(|n| n.name == o.name)) {
            self.note(&format!("tools.{}", rule.name), Direction::Narrower);
        }
    }

    fn tool(&mut self, at: &str, old: &ToolRule, new: &ToolRule) {
        let at = |field: &str| format!("{at}.{field}");
        self.other(&at("effect"), old.effect != new.effect);
        self.targets(&at("target"), old, new);
        let cleared_in = |n: &ToolRule, o: &ToolRule| {
            n.cleared.iter().all(|c| {
                let same = o.cleared.iter().find(|before| before.argument == c.argument);
                same.is_some_and(|before| tighter(&c.predicates, &before.predicates))
            })
        };
        let (narrower, wider) = (cleared_in(new, old), cleared_in(old, new));
        self.ordered(&at("cleared"), !(narrower && wider), narrower);
        let rank = |u: Untrusted| match u {
            Untrusted::Refuse => 0,
            Untrusted::Ask => 1,
            Untrusted::Allow => 2,
        };
        self.ordered(
            &at("untrusted"),
            old.untrusted != new.untrusted,
            rank(new.untrusted) < rank(old.untrusted),
        );
        self.ordered(&at("result"), old.result != new.result, new.result == Integrity::Untrusted);
        self.other(&at("result_fields"), old.result_fields != new.result_fields);
        self.other(&at("result_labels"), old.labels != new.labels);
        self.ordered(&at("class"), old.class != new.class, new.class > old.class);
        self.ordered(&at("clearance"), old.clearance != new.clearance, new.clearance < old.clearance);
        self.other(&at("reversible"), old.reversible != new.reversible);
        self.ordered(&at("approvals"), old.approvals != new.approvals, new.approvals > old.approvals);
        let same = same_arguments(limits(old), limits(new));
        self.ordered(&at("args"), !same, arguments_within(limits(new), limits(old)));
        let rates = |n: &ToolRule, o: &ToolRule| o.rates.iter().all(|r| n.rates.contains(r));
        self.ordered(&at("rates"), !(rates(new, old) && rates(old, new)), rates(new, old));
        self.ordered(&at("hours"), old.hours != new.hours, old.hours.is_none());
    }

    /// The arguments that say where a call goes: the more of them, the more is judged.
    fn targets(&mut self, at: &str, old: &ToolRule, new: &ToolRule) {
        let names = |r: &ToolRule| {
            let named = r.target.as_ref();
            named.map(|t| t.iter().map(|a| a.argument.clone()).collect::<BTreeSet<_>>())
        };
        let (before, after) = (names(old), names(new));
        let out = |r: &ToolRule| matches!(r.effect, Some(Effect::Send | Effect::Spend | Effect::Execute));
        let narrower = match (&before, &after) {
            (Some(b), Some(a)) => a.is_superset(b),
            // Without names: all arguments where it goes out, else none.
            (Some(_), None) => out(new),
            (None, Some(_)) => !out(old),
            (None, None) => true,
        };
        self.ordered(at, before != after, narrower);
    }

    /// All tools that an entry rules over count together: entries made of one count each for itself.
    fn shared_rates(
        &mut self,
        at: &str,
        was: &ToolRule,
        (old, new): (&Manifest, &Manifest),
        rule: &ToolRule,
    ) {
        let of_it = |n: &&ToolRule| governed(old, new, &n.name).iter().any(|o| o.name == was.name);
        if !was.rates.is_empty() && rule.name != was.name && new.tools.iter().filter(of_it).count() > 1 {
            self.note(&format!("{at}.rates"), Direction::Wider);
        }
    }
}

pub(super) fn limits(rule: &ToolRule) -> Limits<'_> {
    (rule.args.as_deref(), rule.other_args)
}

/// Whether every name that `inner` fits, `outer` fits too.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    match inner.strip_suffix('*') {
        None => glob_matches(outer, inner),
        Some(prefix) => outer.strip_suffix('*').is_some_and(|o| prefix.starts_with(o)),
    }
}

/// The old entries that ruled over any name over which the new one of that name rules.
fn governed<'m>(old: &'m Manifest, new: &Manifest, name: &str) -> Vec<&'m ToolRule> {
    let Some(_) = name.strip_suffix('*') else { return old.tool(name).into_iter().collect() };
    // The narrowest old pattern around it, unless it stands there itself, and all that lies below it and has no entry
    // of its own in the new one.
    let around = old.tools.iter().filter(|o| o.name != name && covers(&o.name, name));
    let itself = old.tools.iter().find(|o| o.name == name);
    let first = itself.or_else(|| around.max_by_key(|o| o.name.len()));
    let below = old
        .tools
        .iter()
        .filter(|o| o.name != name && covers(name, &o.name) && !new.tools.iter().any(|n| n.name == o.name));
    first.into_iter().chain(below).collect()
}
