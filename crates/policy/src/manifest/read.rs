//! TOML to [`Manifest`]: every problem at once, each with its path and a hint.
//!
//! What always holds: an unknown field is refused, and so is a value outside its range; dates are whole days in UTC.
//! What it deliberately does not do: check a manifest against the models that the config knows
//! ([`PolicySet::build`](crate::PolicySet::build) does).

use super::fields::{Fields, described, nearest, shown_key};
use super::{Budgets, DataRules, DataTable, Handling, Manifest, RiskTier, Uninspected, UserTurns};
use cordon_types::{AgentId, Feature, FindingKind, Millis, Mode, Problem, Problems, SpanKind};
use toml::{Table, Value};

mod arguments;
mod tools;

/// Longest observation: 14 days.
const OBSERVE_MAX_MILLIS: Millis = 14 * 86_400_000;
/// Largest manifest that is read.
const MAX_BYTES: usize = 1 << 20;
/// Most entries in one list of a manifest; keeps its policies within what Cedar evaluates quickly.
const MAX_LIST: usize = 512;

/// Reads a manifest. `source` is the file's name, as problems will give it.
///
/// # Errors
/// Every problem at once.
pub fn parse_manifest(source: &str, toml: &str) -> Result<Manifest, Problems> {
    let mut problems = Vec::new();
    let manifest = if toml.len() > MAX_BYTES {
        problems.push(Problem::new("", "is larger than 1 MiB", "split it: one manifest an agent"));
        None
    } else {
        match toml.parse::<Table>() {
            Ok(table) => read(source, toml, table, &mut problems),
            Err(e) => {
                problems.push(Problem::new(place(toml, e.span()), e.message(), "correct the TOML there"));
                None
            }
        }
    };
    match manifest {
        Some(m) if problems.is_empty() => Ok(m),
        _ => Err(Problems(problems.into_iter().map(|p| p.within(source)).collect())),
    }
}

fn place(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    span.map_or_else(String::new, |s| crate::compile::line_and_column(text, s.start))
}

fn named<T: Copy, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.into_iter().map(|t| (name(t), t)).collect()
}

fn read(source: &str, text: &str, table: Table, problems: &mut Vec<Problem>) -> Option<Manifest> {
    let mut f = Fields::new(table, "", problems);
    let agent = read_agent(&mut f);
    let owner = f.required_text("owner", 256, "name the person or team that answers for this agent");
    let purpose = f.required_text("purpose", 1024, "say in a sentence what the agent is for");
    let risk = f.choice("risk", &named(RiskTier::ALL, RiskTier::name));
    let groups = f.texts("groups").unwrap_or_default();
    check_groups(&mut f, &groups);
    let (mode, created, observe_until) = read_mode(&mut f);
    let expires = f.day("expires").map(|(_, end)| end);
    let models = f.texts("models").unwrap_or_default();
    check_globs(&mut f, "models", &models, 128);
    let features = read_features(&mut f);
    let betas = f.texts("betas").unwrap_or_default();
    check_names(&mut f, "betas", &betas, 128);
    let uninspected =
        f.choice("uninspected", &[("refuse", Uninspected::Refuse), ("allow", Uninspected::Allow)]);
    let max_output_tokens = f.count("max_output_tokens", 1 << 40);
    let user_turns = f
        .choice("user_turns", &[("asserted", UserTurns::Asserted), ("human", UserTurns::Human)])
        .unwrap_or_default();
    let flow = f.choice("flow", &[("enforce", true), ("off", false)]).unwrap_or(true);
    let budgets = f.table("budgets");
    let key_budgets = f.table("key_budgets");
    let data = f.table("data");
    let tools = f.take("tools");
    let budgets = budgets.map(|t| read_budgets("budgets", t, f.problems())).unwrap_or_default();
    let key_budgets = key_budgets.map(|t| read_budgets("key_budgets", t, f.problems())).unwrap_or_default();
    let data = data.map(|t| read_data(t, f.problems())).unwrap_or_default();
    let tools = tools.map(|v| tools::read(v, f.problems())).unwrap_or_default();
    f.finish();
    Some(Manifest {
        agent: agent?,
        owner: owner?,
        purpose: purpose?,
        risk: risk.unwrap_or(RiskTier::High),
        groups,
        mode,
        created,
        observe_until,
        expires,
        models,
        uninspected: uninspected.unwrap_or(if tools.is_empty() {
            Uninspected::Allow
        } else {
            Uninspected::Refuse
        }),
        tools,
        data,
        features,
        betas,
        max_output_tokens,
        user_turns,
        flow,
        budgets,
        key_budgets,
        source: source.to_owned(),
        text: text.to_owned(),
    })
}

fn read_agent(f: &mut Fields<'_>) -> Option<AgentId> {
    let name = f.required_text("agent", 64, "name the agent, such as \"support-bot\"")?;
    AgentId::new(&name)
        .map_err(|e| f.problem("agent", e.to_string(), "use 1 to 64 of a-z, 0-9, `-`, `_`, `.`"))
        .ok()
}

fn read_mode(f: &mut Fields<'_>) -> (Mode, Option<Millis>, Option<Millis>) {
    let mode =
        f.choice("mode", &[("enforce", Mode::Enforce), ("observe", Mode::Observe)]).unwrap_or_default();
    let created = f.day("created").map(|(start, _)| start);
    let until = f.day("observe_until");
    match (mode, created, until) {
        (Mode::Observe, None, _) => {
            f.problem("created", "is missing", "observe mode needs the day this manifest was made");
        }
        (Mode::Observe, _, None) => {
            f.problem(
                "observe_until",
                "is missing",
                "observe mode needs its last day, at most 14 days after `created`",
            );
        }
        (Mode::Observe, Some(from), Some((last, _))) if last < from => {
            f.problem("observe_until", "lies before `created`", "name a later day");
        }
        (Mode::Observe, Some(from), Some((last, _))) if last - from > OBSERVE_MAX_MILLIS => {
            f.problem(
                "observe_until",
                "lies more than 14 days after `created`",
                "observe for at most 14 days, then enforce",
            );
        }
        (Mode::Enforce, _, Some(_)) => {
            f.problem(
                "observe_until",
                "means nothing in enforce mode",
                "remove it, or set mode = \"observe\"",
            );
        }
        _ => {}
    }
    (mode, created, until.map(|(_, end)| end))
}

fn is_plain(name: &str, max: usize) -> bool {
    (1..=max).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'' | b'*'))
}

fn check_names(f: &mut Fields<'_>, key: &str, names: &[String], max: usize) {
    too_long(f, key, names.len());
    for (i, name) in names.iter().enumerate() {
        let at = format!("{key}[{i}]");
        if !is_plain(name, max) {
            let hint =
                format!("use 1 to {max} printable ASCII characters without space, quote, backslash or `*`");
            f.problem(&at, "is no name", hint);
        }
        if names.iter().take(i).any(|n| n == name) {
            f.problem(&at, "stands there twice", "remove one");
        }
    }
}

fn check_globs(f: &mut Fields<'_>, key: &str, names: &[String], max: usize) {
    let bare: Vec<String> = names
        .iter()
        .enumerate()
        // A lone `*` lists everything: keep it distinct so that it neither clashes nor counts as empty.
        .map(|(i, n)| if n == "*" { format!("any-{i}") } else { n.strip_suffix('*').unwrap_or(n).to_owned() })
        .collect();
    too_long(f, key, names.len());
    for (i, name) in names.iter().enumerate() {
        let at = format!("{key}[{i}]");
        if !bare.get(i).is_some_and(|n| is_plain(n, max)) {
            let hint = format!(
                "use 1 to {max} printable ASCII characters without space, quote or backslash; `*` only at the end"
            );
            f.problem(&at, "is no name", hint);
        }
        if names.iter().take(i).any(|n| n == name) {
            f.problem(&at, "stands there twice", "remove one");
        }
    }
}

fn too_long(f: &mut Fields<'_>, key: &str, len: usize) {
    if len > MAX_LIST {
        f.problem(key, format!("has {len} entries"), format!("at most {MAX_LIST}; use a prefix with `*`"));
    }
}

fn check_groups(f: &mut Fields<'_>, groups: &[String]) {
    too_long(f, "groups", groups.len());
    for (i, group) in groups.iter().enumerate() {
        if AgentId::new(group).is_err() {
            f.problem(&format!("groups[{i}]"), "is no group name", "use 1 to 64 of a-z, 0-9, `-`, `_`, `.`");
        }
    }
}

fn read_features(f: &mut Fields<'_>) -> Vec<Feature> {
    let names = f.texts("features").unwrap_or_default();
    let choices = named(Feature::ALL, Feature::name);
    let mut out = Vec::new();
    for (i, name) in names.into_iter().enumerate() {
        out.extend(f.choose(&format!("features[{i}]"), &Value::String(name), &choices));
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn read_budgets(name: &str, table: Table, problems: &mut Vec<Problem>) -> Budgets {
    const TOKENS: u64 = 1 << 50;
    let mut f = Fields::new(table, name, problems);
    let small = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok());
    let budgets = Budgets {
        requests_per_minute: small(f.count("requests_per_minute", u64::from(u32::MAX))),
        tokens_per_minute: f.count("tokens_per_minute", TOKENS),
        tokens_per_day: f.count("tokens_per_day", TOKENS),
        cost_per_day_micros: read_money(&mut f, "cost_per_day"),
        cost_per_month_micros: read_money(&mut f, "cost_per_month"),
        concurrent: small(f.count("concurrent", 1_000_000)),
    };
    if let (Some(day), Some(month)) = (budgets.cost_per_day_micros, budgets.cost_per_month_micros)
        && day > month
    {
        f.problem("cost_per_day", "is more than `cost_per_month`", "a day cannot cost more than its month");
    }
    if let (Some(minute), Some(day)) = (budgets.tokens_per_minute, budgets.tokens_per_day)
        && minute > day
    {
        f.problem("tokens_per_minute", "is more than `tokens_per_day`", "lower it, or raise the day's");
    }
    f.finish();
    budgets
}

/// An amount of the price table's currency, to millionths of it.
fn read_money(f: &mut Fields<'_>, key: &'static str) -> Option<u64> {
    const MOST: f64 = 1e9;
    let value = f.take(key)?;
    let amount = match &value {
        Value::Integer(n) => i32::try_from(*n).ok().map(f64::from),
        Value::Float(x) => Some(*x),
        other => {
            let found = format!("expected an amount, found {}", described(other));
            f.problem(key, found, "write a number such as 12.50, in the price table's currency");
            return None;
        }
    };
    match amount {
        Some(x) if x > 0.0 && x <= MOST => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 < x <= 1e15 here")]
            let micros = (x * 1e6).round() as u64;
            Some(micros.max(1))
        }
        _ => {
            f.problem(key, "is out of range", "write an amount above 0 and up to 1000000000");
            None
        }
    }
}

fn read_data(table: Table, problems: &mut Vec<Problem>) -> DataRules {
    let mut rules = DataRules::default();
    let mut f = Fields::new(table, "data", problems);
    let (prompt, answer) = (f.table("prompt"), f.table("answer"));
    if let Some(t) = prompt {
        read_direction(t, "data.prompt", &mut rules.prompt, f.problems());
    }
    if let Some(t) = answer {
        read_direction(t, "data.answer", &mut rules.answer, f.problems());
    }
    f.finish();
    rules
}

fn read_direction(table: Table, at: &str, rules: &mut DataTable, problems: &mut Vec<Problem>) {
    let handlings = named(Handling::ALL, Handling::name);
    let mut f = Fields::new(table, at, problems);
    for kind in FindingKind::ALL.iter().copied() {
        match f.take(kind.name()) {
            None => {}
            Some(Value::Table(by_span)) => {
                let at = f.path(kind.name());
                read_by_span(by_span, &at, kind, rules, f.problems());
            }
            Some(value) => {
                if let Some(handling) = f.choose(kind.name(), &value, &handlings) {
                    rules.set_all(kind, handling);
                }
            }
        }
    }
    f.finish();
}

/// `injection = { system = "allow", others = "block" }`: by kind of span; what is not named keeps its default.
fn read_by_span(
    table: Table,
    at: &str,
    kind: FindingKind,
    rules: &mut DataTable,
    problems: &mut Vec<Problem>,
) {
    let handlings = named(Handling::ALL, Handling::name);
    let mut f = Fields::new(table, at, problems);
    if let Some(handling) = f.choice("others", &handlings) {
        rules.set_all(kind, handling);
    }
    for span in SpanKind::ALL {
        if let Some(handling) = f.choice(span.name(), &handlings) {
            rules.set(kind, span, handling);
        }
    }
    f.finish();
}

/// The hint for an unknown predicate or similar name.
fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// A key of the manifest as it is shown in a path.
fn shown(key: &str) -> String {
    shown_key(key)
}
