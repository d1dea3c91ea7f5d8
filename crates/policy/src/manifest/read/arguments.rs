//! `[tools.args]` to predicates.
//!
//! What always holds: hosts, domains and directories are stored in the same canonical form that values are brought
//! to; a pattern compiles to an automaton of bounded size, so that no value can make matching slow.

use super::super::fields::described;
use super::{did_you_mean, shown};
use crate::predicate::{ArgumentPath, ArgumentRule, Bound, Commands, Domain, PathRoot, Predicate, UrlHost};
use cordon_tools::shell::{CommandPattern, Shell};
use cordon_types::Problem;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use toml::{Table, Value};

const PREDICATES: [&str; 12] = [
    "required",
    "forbidden",
    "enum",
    "pattern",
    "min",
    "max",
    "max_bytes",
    "max_items",
    "domains",
    "hosts",
    "under",
    "commands",
];
/// Largest automaton of one pattern.
const MAX_AUTOMATON_BYTES: usize = 1 << 20;
/// Longest pattern.
const MAX_PATTERN: usize = 1024;

pub(super) fn read(table: Table, at: &str, problems: &mut Vec<Problem>) -> Vec<ArgumentRule> {
    let mut out = Vec::new();
    for (argument, value) in table {
        let here = format!("{at}.{}", shown(&argument));
        let path = match ArgumentPath::parse(&argument) {
            Ok(path) => path,
            Err(hint) => {
                problems.push(Problem::new(here, "is no argument path", hint));
                continue;
            }
        };
        let Value::Table(predicates) = value else {
            let message = format!("expected a table of predicates, found {}", described(&value));
            problems.push(Problem::new(here, message, "write it as `name = { max = 100 }`"));
            continue;
        };
        let predicates = read_predicates(predicates, &here, problems);
        out.push(ArgumentRule { argument, predicates, path });
    }
    out
}

fn read_predicates(table: Table, at: &str, problems: &mut Vec<Problem>) -> Vec<Predicate> {
    let mut out = Vec::new();
    let (required, forbidden) = (is_true(table.get("required")), is_true(table.get("forbidden")));
    if forbidden && (required || table.len() > 1) {
        let hint = "keep `forbidden` alone, or remove it";
        problems.push(Problem::new(at, "is forbidden and has other predicates", hint));
    }
    for (name, value) in table {
        let here = format!("{at}.{}", shown(&name));
        match predicate(&name, &value) {
            Ok(found) => out.extend(found),
            Err((message, mut hint)) => {
                // A dotted name without quotes makes nested tables.
                if !PREDICATES.contains(&name.as_str()) && value.is_table() {
                    hint =
                        "to reach into an object, quote the whole path: `\"mail.to\" = { ... }`".to_owned();
                }
                problems.push(Problem::new(here, message, hint));
            }
        }
    }
    out
}

fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Boolean(true)))
}

type Wrong = (String, String);

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
    (message.into(), hint.into())
}

fn predicate(name: &str, value: &Value) -> Result<Option<Predicate>, Wrong> {
    let flag = |p: Predicate| match value {
        Value::Boolean(true) => Ok(Some(p)),
        Value::Boolean(false) => Ok(None),
        other => {
            Err(wrong(format!("expected true or false, found {}", described(other)), "write true or false"))
        }
    };
    let count = || match value {
        Value::Integer(n) => u64::try_from(*n).map_err(|_| wrong("is negative", "write a number from 0")),
        other => Err(wrong(format!("expected a whole number, found {}", described(other)), "write a number")),
    };
    Ok(Some(match name {
        "required" => return flag(Predicate::Required),
        "forbidden" => return flag(Predicate::Forbidden),
        "min" => Predicate::Min(bound(value)?),
        "max" => Predicate::Max(bound(value)?),
        "max_bytes" => Predicate::MaxBytes(count()?),
        "max_items" => Predicate::MaxItems(count()?),
        "enum" => Predicate::Enum(scalars(value)?),
        "pattern" => pattern(value)?,
        "domains" => Predicate::Domains(each(value, "a domain such as \"example.com\"", |s| {
            Domain::parse(s).map(|d| d.as_str().to_owned())
        })?),
        "hosts" => Predicate::Hosts(each(
            value,
            "a host such as \"api.example.com\", \"*.example.com\" or \"example.com:8443\"",
            UrlHost::canonical_entry,
        )?),
        "under" => Predicate::Under(each(value, "an absolute directory such as \"/srv/files\"", |s| {
            PathRoot::normalise(s).map(|p| p.to_text())
        })?),
        "commands" => Predicate::Commands(commands(value)?),
        other => return Err(wrong("unknown predicate", did_you_mean(other, &PREDICATES))),
    }))
}

/// `commands = ["git status"]`, or `{ shell = "bash", allow = ["git status"] }`.
fn commands(value: &Value) -> Result<Commands, Wrong> {
    let hint = "write `[\"git status\", \"git log *\"]`, or `{ shell = \"bash\", allow = [...] }`";
    let (shell, list) = match value {
        Value::Table(t) => {
            if let Some(key) = t.keys().find(|k| !matches!(k.as_str(), "shell" | "allow")) {
                return Err(wrong(format!("`{}` is unknown here", shown(key)), hint));
            }
            let shell = match t.get("shell").map(Value::as_str) {
                None => Shell::default(),
                Some(name) => name.and_then(Shell::from_name).ok_or_else(|| {
                    wrong(
                        "no such shell is understood",
                        "name `sh` or `bash`; what others read cannot be judged",
                    )
                })?,
            };
            (shell, t.get("allow").ok_or_else(|| wrong("names no commands", hint))?)
        }
        list => (Shell::default(), list),
    };
    let items =
        list.as_array().filter(|a| !a.is_empty()).ok_or_else(|| wrong("is no list, or empty", hint))?;
    let mut out = Commands { shell, allowed: Vec::with_capacity(items.len()), texts: Vec::new() };
    for item in items {
        let text = item.as_str().ok_or_else(|| wrong("holds something that is no text", hint))?;
        out.allowed.push(CommandPattern::parse(text).map_err(|p| wrong(p.message, p.hint))?);
        out.texts.push(text.to_owned());
    }
    Ok(out)
}

fn bound(value: &Value) -> Result<Bound, Wrong> {
    match value {
        Value::Integer(n) => Ok(Bound::Whole(*n)),
        Value::Float(x) if x.is_finite() => Ok(Bound::Decimal(*x)),
        other => {
            Err(wrong(format!("expected a number, found {}", described(other)), "write a finite number"))
        }
    }
}

/// A list of texts, or a single one, each brought to canonical form.
fn each(
    value: &Value,
    wanted: &str,
    canonical: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, Wrong> {
    let single = std::slice::from_ref(value);
    let items = value.as_array().map_or(single, Vec::as_slice);
    if items.is_empty() {
        return Err(wrong("is empty, so that nothing could hold", format!("name {wanted}")));
    }
    items
        .iter()
        .map(|item| {
            item.as_str()
                .and_then(&canonical)
                .ok_or_else(|| wrong(format!("is not {wanted}"), format!("write {wanted}")))
        })
        .collect()
}

fn scalars(value: &Value) -> Result<Vec<serde_json::Value>, Wrong> {
    let hint = "write a list of texts, numbers or true/false";
    let items =
        value.as_array().filter(|a| !a.is_empty()).ok_or_else(|| wrong("is no list, or empty", hint))?;
    items
        .iter()
        .map(|item| match item {
            Value::String(s) => Ok(s.as_str().into()),
            Value::Integer(n) => Ok((*n).into()),
            Value::Boolean(b) => Ok((*b).into()),
            Value::Float(x) if x.is_finite() => Ok((*x).into()),
            _ => Err(wrong("holds something other than a scalar", hint)),
        })
        .collect()
}

fn pattern(value: &Value) -> Result<Predicate, Wrong> {
    let hint = "write a regular expression that the whole value must match, without look-around";
    let text = value.as_str().ok_or_else(|| wrong("is no text", hint))?;
    if text.len() > MAX_PATTERN {
        return Err(wrong("is too long", "at most 1024 bytes"));
    }
    let build = |text: &str| {
        Regex::builder()
            .configure(Regex::config().nfa_size_limit(Some(MAX_AUTOMATON_BYTES)))
            .syntax(syntax::Config::new())
            .build(text)
    };
    // The bare pattern is compiled first: an unbalanced one must not lean on the parentheses put around it.
    let whole = build(text).and_then(|_| build(&format!("\\A(?:{text})\\z")));
    whole
        .map(|regex| Predicate::Pattern(Box::new(regex), text.to_owned()))
        .map_err(|_| wrong("is no regular expression that can be used, or too large", hint))
}
