//! One loaded policy: Cedar's own form, and what its annotations say.
//!
//! What always holds: an annotation that nobody understands is a problem, so that a mistyped obligation cannot be
//! lost. What it deliberately does not do: let the operator's own policies use `@code`; that is the manifests'.

use crate::answer::PolicyRef;
use crate::compile::{Generated, line_and_column};
use crate::context::Reads;
use crate::manifest::nearest;
use crate::set::PolicySource;
use crate::{KindSet, ReasonCode};
use cedar_policy::{Effect, Policy, PolicyId, PolicySet as CedarSet};
use cordon_types::{FindingKind, Problem};
use miette::Diagnostic;
use std::sync::Arc;

/// What an obligation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    Mask,
    Redact,
    Notify,
    Hold,
    Cap(u64),
}

/// A policy with its annotations read.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: PolicyRef,
    pub(crate) policy: Policy,
    pub(crate) text: String,
    pub(crate) source: Arc<str>,
    /// Of the operator's own files.
    pub(crate) own: bool,
    pub(crate) code: ReasonCode,
    /// Holds in observe mode too.
    pub(crate) always: bool,
    pub(crate) kinds: KindSet,
    pub(crate) duty: Option<Duty>,
    pub(crate) message: Option<String>,
    pub(crate) reads: Reads,
    /// It holds only where something was found, and cannot err.
    pub(crate) of_findings: bool,
}

/// What an own policy may be annotated with.
const ANNOTATIONS: [&str; 7] = ["id", "description", "message", "obligation", "kind", "tokens", "enforce"];
/// Longest `@message`.
const MAX_MESSAGE: usize = 512;

/// A manifest's policy. Its text is ours, so an error in it is a bug; it is reported all the same.
pub(crate) fn from_manifest(g: Generated, source: &Arc<str>, problems: &mut Vec<Problem>) -> Option<Rule> {
    let policy = match Policy::parse(Some(PolicyId::new(&g.id)), &g.text) {
        Ok(policy) => policy,
        Err(e) => {
            let message = format!("does not compile to Cedar: {e}");
            problems
                .push(Problem::new(g.id, message, "this is a defect of Cordon; report it").within(source));
            return None;
        }
    };
    let rule = annotated(PolicyRef(g.id.into()), policy, g.text, source, false, problems)?;
    Some(Rule { of_findings: g.of_findings, ..rule })
}

/// The policies of one of the operator's files.
pub(crate) fn from_own(file: &PolicySource, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let source: Arc<str> = file.name.as_str().into();
    let set: CedarSet = match file.text.parse() {
        Ok(set) => set,
        Err(errors) => {
            let errors: cedar_policy::ParseErrors = errors;
            for e in errors.iter() {
                let at = place(e, &file.text);
                let hint = e.help().map_or_else(|| "see the Cedar grammar".to_owned(), |h| h.to_string());
                problems.push(Problem::new(at, e.to_string(), hint).within(&source));
            }
            return Vec::new();
        }
    };
    for template in set.templates() {
        let message = "is a template";
        let hint = "write policies without `?principal` and `?resource`";
        problems.push(Problem::new(template.id().to_string(), message, hint).within(&source));
    }
    let mut policies: Vec<Policy> = set.policies().cloned().collect();
    // Cedar numbers a file's policies in order: policy0, policy1, ...
    policies.sort_by_key(|p| number(p.id()));
    let mut rules: Vec<Rule> = Vec::new();
    for (i, policy) in policies.into_iter().enumerate() {
        let name = match policy.annotation("id") {
            Some(id) if is_id(id) => id.to_owned(),
            Some(_) => {
                let hint = "use 1 to 64 of a-z, A-Z, 0-9, `-`, `_`, `.`";
                problems.push(
                    Problem::new(format!("policy {}", i + 1), "has no usable @id", hint).within(&source),
                );
                continue;
            }
            None => (i + 1).to_string(),
        };
        let id = format!("own:{}#{name}", file.name);
        if rules.iter().any(|r| r.id.as_str() == id) {
            let message = format!("the id `{name}` stands there twice");
            problems.push(
                Problem::new(format!("policy {}", i + 1), message, "give each its own @id").within(&source),
            );
            continue;
        }
        let text = policy.to_cedar().unwrap_or_else(|| policy.to_string());
        let policy = policy.new_id(PolicyId::new(&id));
        rules.extend(annotated(PolicyRef(id.into()), policy, text, &source, true, problems));
    }
    rules
}

fn number(id: &PolicyId) -> usize {
    let text: &str = id.as_ref();
    text.strip_prefix("policy").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX)
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Where in a file something of Cedar's points.
pub(crate) fn place(e: &dyn Diagnostic, text: &str) -> String {
    let label = e.labels().and_then(|mut labels| labels.next());
    label.map_or_else(String::new, |l| line_and_column(text, l.offset()))
}

fn annotated(
    id: PolicyRef,
    policy: Policy,
    text: String,
    source: &Arc<str>,
    own: bool,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    if own {
        for (key, _) in policy.annotations().filter(|(key, _)| !ANNOTATIONS.contains(key)) {
            let hint = match nearest(key, &ANNOTATIONS) {
                Some(near) => format!("did you mean `@{near}`?"),
                None => format!("known: {}", ANNOTATIONS.map(|a| format!("@{a}")).join(", ")),
            };
            wrong.push((format!("unknown annotation @{key}"), hint));
        }
    }
    let kinds = read_kinds(&policy, &mut wrong);
    let duty = read_duty(&policy, kinds, &mut wrong);
    let always = match policy.annotation("enforce") {
        None => false,
        Some("always") => true,
        Some(_) => {
            wrong.push((
                "unknown value of @enforce".into(),
                "write @enforce(\"always\"), or leave it out".into(),
            ));
            false
        }
    };
    let message = policy.annotation("message").map(str::to_owned);
    if message.as_ref().is_some_and(|m| m.len() > MAX_MESSAGE || m.chars().any(char::is_control)) {
        wrong.push((
            "@message is too long or has control characters".into(),
            "one line, at most 512 bytes".into(),
        ));
    }
    let code = policy.annotation("code").filter(|_| !own).and_then(ReasonCode::from_name);
    let reads = match own {
        true => policy.to_json().map_or(Reads::ALL, |json| Reads::of(&json.to_string())),
        // The text is ours: there a field is always written so.
        false => Reads::of_ours(&text),
    };
    let fine = wrong.is_empty();
    for (message, hint) in wrong {
        problems.push(Problem::new(id.to_string(), message, hint).within(source));
    }
    fine.then(|| Rule {
        id,
        policy,
        text,
        source: source.clone(),
        own,
        code: code.unwrap_or(ReasonCode::PolicyForbids),
        always,
        kinds,
        duty,
        message,
        reads,
        of_findings: false,
    })
}

fn read_kinds(policy: &Policy, wrong: &mut Vec<(String, String)>) -> KindSet {
    let mut kinds = KindSet::EMPTY;
    for name in
        policy.annotation("kind").unwrap_or_default().split(',').map(str::trim).filter(|n| !n.is_empty())
    {
        match FindingKind::from_name(name) {
            Some(kind) => kinds.insert(kind),
            None => {
                let names: Vec<&str> = FindingKind::ALL.iter().map(|k| k.name()).collect();
                let hint = nearest(name, &names).map_or_else(
                    || format!("one of: {}", names.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                wrong.push((format!("unknown kind {name:?} in @kind"), hint));
            }
        }
    }
    kinds
}

fn read_duty(policy: &Policy, kinds: KindSet, wrong: &mut Vec<(String, String)>) -> Option<Duty> {
    let name = policy.annotation("obligation")?;
    if policy.effect() == Effect::Forbid {
        wrong.push(("an obligation on a forbid does nothing".into(), "put it on a permit".into()));
        return None;
    }
    let of_kinds = |duty: Duty, wrong: &mut Vec<(String, String)>| {
        if kinds.is_empty() {
            let hint = "add @kind(\"payment_card\") or the like";
            wrong.push((format!("@obligation(\"{name}\") names no kind"), hint.into()));
        }
        Some(duty)
    };
    match name {
        "mask" => of_kinds(Duty::Mask, wrong),
        "redact" => of_kinds(Duty::Redact, wrong),
        "notify" => of_kinds(Duty::Notify, wrong),
        "hold" => Some(Duty::Hold),
        "cap" => {
            let tokens = policy.annotation("tokens").and_then(|t| t.parse().ok()).filter(|t| *t > 0);
            if tokens.is_none() {
                wrong.push(("@obligation(\"cap\") needs a number".into(), "add @tokens(\"1000\")".into()));
            }
            tokens.map(Duty::Cap)
        }
        other => {
            let hint = "one of: mask, redact, notify, hold, cap";
            wrong.push((format!("unknown obligation {other:?}"), hint.into()));
            None
        }
    }
}
