//! Held calls: what waits, shown live to an approver, and what they decide.
//!
//! SECURITY: arguments leave here for operators only, and are kept nowhere. `arguments` and `targets` are escaped, fit
//! to be shown; `arguments_json` is the value as it is, for programs.

use crate::shape::{Reply, read};
use crate::{Admin, Change, Operator};
use cordon_approvals::{
    Credential, Decision, DenyReason, MAX_NAME_BYTES, NotWaiting, Person, Refusal, Scope, StandingGrant, View,
};
use cordon_types::{AgentId, ApprovalId, Digest, KeyId, Millis};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    by: String,
    #[serde(default)]
    scope: AllowScope,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum AllowScope {
    #[default]
    Nothing,
    Word(String),
    Wider(Wider),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wider {
    /// The digest of the predicate, as it was listed.
    predicate: String,
    /// Milliseconds since the Unix epoch.
    until: Millis,
    count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deny {
    by: String,
    reason: Option<String>,
}

impl Admin {
    pub(crate) fn approvals(&self, by: &Operator, method: &str, rest: &[&str], body: &[u8]) -> Reply {
        let id = rest.first().map(|id| ApprovalId::parse(id).ok_or_else(Reply::not_found)).transpose();
        match (method, rest, id) {
            ("GET", [], _) => self.list_approvals(),
            (_, _, Err(reply)) => reply,
            ("GET", [_], Ok(Some(id))) => self.show_approval(id),
            ("POST", [_, what @ ("allow" | "deny")], Ok(Some(id))) => {
                let read = if *what == "allow" { allow(body) } else { deny(body) };
                match read {
                    Ok((name, decision)) => self.decide(by, id, name, decision),
                    Err(reply) => reply,
                }
            }
            (_, [] | [_] | [_, "allow" | "deny"], _) => Reply::wrong_method(),
            _ => Reply::not_found(),
        }
    }

    fn list_approvals(&self) -> Reply {
        let now = self.clock.now();
        let waiting: Vec<Value> = self.desk.list(now).iter().map(shown).collect();
        let standing: Vec<Value> = self.desk.standing(now).iter().map(grant).collect();
        Reply::ok(json!({"approvals": waiting, "standing": standing}))
    }

    fn show_approval(&self, id: ApprovalId) -> Reply {
        let now = self.clock.now();
        if let Some(view) = self.desk.show(id, now) {
            return Reply::ok(shown(&view));
        }
        match self.desk.became(id, now) {
            Ok(NotWaiting::Unknown) => refused(&Refusal::NotWaiting(NotWaiting::Unknown)),
            Ok(state) => Reply::ok(json!({"id": id.to_string(), "state": state.name()})),
            Err(e) => Reply::error(500, "not_read", &e.to_string()),
        }
    }

    fn decide(&self, by: &Operator, id: ApprovalId, name: String, decision: Decision) -> Reply {
        let person = Person { credential: self.credential(by), name };
        match self.desk.decide(id, &person, decision, self.clock.now()) {
            Err(refusal) => refused(&refusal),
            Ok(decided) => {
                let state = match (decision, decided.still_needed) {
                    (Decision::Deny(_), _) => "denied",
                    (Decision::Allow(_), 0) => "allowed",
                    (Decision::Allow(_), _) => "waiting",
                };
                let reply = Reply::ok(json!({
                    "id": id.to_string(),
                    "state": state,
                    "still_needed": decided.still_needed,
                    "expires_at": decided.event.expires_at,
                }));
                self.recorded(by, &Change::Approval(Box::new(decided.event)), reply)
            }
        }
    }

    /// What vouches for an operator. A key that was rotated is still the same person's: it counts as the one that it
    /// began as.
    fn credential(&self, by: &Operator) -> Credential {
        match by {
            Operator::Owner => Credential::Owner,
            Operator::Key(id) => Credential::Key(self.first_of(id)),
        }
    }

    fn first_of(&self, id: &KeyId) -> KeyId {
        let mut first = id.clone();
        // A chain as long as there are keys has a loop in it, which no rotation makes.
        for _ in 0..self.keys.records().len() {
            match self.keys.get(first.as_str()).and_then(|k| k.replaces) {
                Some(older) => first = older,
                None => break,
            }
        }
        first
    }
}

fn name(by: String) -> Result<String, Reply> {
    let trimmed = by.trim();
    if trimmed.is_empty() || trimmed.len() > MAX_NAME_BYTES {
        return Err(refused(&Refusal::BadName));
    }
    Ok(trimmed.to_owned())
}

fn allow(body: &[u8]) -> Result<(String, Decision), Reply> {
    let asked: Allow = read(body)?;
    let bad = |message: &str| Reply::error(400, "bad_scope", message);
    let scope = match asked.scope {
        AllowScope::Nothing => Scope::Once,
        AllowScope::Word(word) if word == "once" => Scope::Once,
        AllowScope::Word(_) => {
            return Err(bad("`scope` is \"once\", or {\"predicate\", \"until\", \"count\"} as listed"));
        }
        AllowScope::Wider(w) => Scope::Wider {
            predicate: Digest::parse(&w.predicate)
                .ok_or_else(|| bad("`predicate` is the digest that the list shows under `wider`"))?,
            until: w.until,
            count: w.count,
        },
    };
    Ok((name(asked.by)?, Decision::Allow(scope)))
}

fn deny(body: &[u8]) -> Result<(String, Decision), Reply> {
    let asked: Deny = read(body)?;
    let reason = match asked.reason.as_deref() {
        None => DenyReason::Other,
        Some(word) => DenyReason::from_name(word).ok_or_else(|| {
            let all = DenyReason::ALL.map(DenyReason::name).join("`, `");
            Reply::error(400, "bad_reason", &format!("`reason` is one of `{all}`"))
        })?,
    };
    Ok((name(asked.by)?, Decision::Deny(reason)))
}

fn refused(refusal: &Refusal) -> Reply {
    let status = match refusal {
        Refusal::NotWaiting(NotWaiting::Unknown) => 404,
        Refusal::NotWaiting(NotWaiting::Expired) => 410,
        Refusal::NotWaiting(_) | Refusal::SamePerson | Refusal::OtherPredicate | Refusal::TooManyGrants => 409,
        Refusal::OwnKey | Refusal::NotOffered => 403,
        Refusal::OutOfBounds | Refusal::BadName => 400,
        Refusal::NotSaved(_) | Refusal::DeniedNotSaved(_) => 500,
    };
    Reply::error(status, refusal.code(), &refusal.to_string())
}

fn shown(view: &View) -> Value {
    let targets = view.targets.iter().map(|t| {
        json!({
            "argument": t.argument,
            "value": t.value.as_str(),
            "ascii": t.ascii.as_ref().map(|a| a.as_str()),
            "digest": t.digest.to_string(),
        })
    });
    json!({
        "id": view.id.to_string(),
        "state": "waiting",
        "agent": view.agent.as_str(),
        "user": view.user.map(|u| u.to_string()),
        "tool": view.tool,
        "effect": view.effect.name(),
        "labels": {"integrity": view.labels.integrity.name(), "class": view.labels.class.name()},
        "arguments": view.arguments.as_str(),
        // What is no JSON (it should be) is there as text.
        "arguments_json": serde_json::from_str(&view.raw).unwrap_or_else(|_| Value::from(view.raw.as_str())),
        "targets": targets.collect::<Vec<_>>(),
        "why": view.why,
        "needed": view.needed,
        "allowed_by": view.allowed_by,
        "wider": view.wider.as_ref().map(|w| json!({"predicate": w.predicate.to_string(), "words": w.words})),
        "asked_at": view.asked_at,
        "expires_at": view.expires_at,
    })
}

fn grant(grant: &StandingGrant) -> Value {
    json!({
        "id": grant.id.to_string(),
        "agent": AgentId::as_str(&grant.agent),
        "tool": grant.tool,
        "effect": grant.effect.name(),
        "scope": if grant.exact { "once" } else { "wider" },
        "left": grant.left,
        "until": grant.until,
    })
}
