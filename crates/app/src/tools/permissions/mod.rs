//! `cordon permissions`: what agents may reach against what they used; suggestions with their proof; manifests put in
//! force, staged and taken back.
//!
//! ```text
//! config, manifests, policies -> PolicySet --+
//! ledger's files, keys for names -> Fold ----+--> reports, suggestions
//! ```
//! What always holds: looking works on files alone, beside a gateway that runs or without one; what is changed goes
//! through the API, so that it is recorded.

mod change;
mod names;

pub use change::{Changed, apply, rollback, stage, staged, unstage};

use crate::data::verifier_key;
use crate::error::AppError;
use crate::load::{Loaded, Sources, load};
use crate::system::SystemClock;
use cordon_ledger::{Filter, show};
use cordon_permissions::{AgentUse, Fold, LeftOut, Proof, Systems, Verdict, Window, prove, report, suggest};
use cordon_policy::{Change, Manifest, Supposed};
use cordon_store::volume::FileVolume;
use cordon_types::{AgentId, Clock as _, Millis, Problem, Problems, time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Which ledger, and the key that verifies it.
pub type Ledger<'a> = (&'a Path, &'a Path);

pub(crate) fn problem(path: &str, message: String, hint: &str) -> AppError {
    AppError::Problems(Problems(vec![Problem::new(path, message, hint)]))
}

/// What was read: the operator's files, and the use that records show.
pub struct View {
    loaded: Loaded,
    sources: Sources,
    used: BTreeMap<AgentId, AgentUse>,
    window: Window,
    now: Millis,
}

/// Reads files and records. `window` is in milliseconds before now.
pub fn look(root: &Path, ledger: Ledger<'_>, window: Millis) -> Result<View, AppError> {
    let loaded = load(root)?;
    let sources = Sources::read(root, &loaded.config)?;
    let now = SystemClock::new().now();
    let window = Window { from: now.saturating_sub(window), to: Millis::MAX };
    let known = names::Names::at_hand(root, &loaded);
    let used = records(ledger, &known, window)?;
    Ok(View { loaded, sources, used, window, now })
}

/// The use that the ledger's records show; none where no gateway has run.
fn records(
    (ledger, key): Ledger<'_>,
    known: &names::Names,
    window: Window,
) -> Result<BTreeMap<AgentId, AgentUse>, AppError> {
    let find = |digest: &_| known.find(digest);
    let mut fold = Fold::new(window, &find);
    if !ledger.join("checkpoint").exists() {
        return Ok(fold.finish());
    }
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    for shown in show(&volume, &key, &Filter::default())? {
        let shown = shown?;
        if let Some(record) = &shown.record {
            fold.take(shown.index, record);
        }
    }
    Ok(fold.finish())
}

impl View {
    fn agent(&self, name: &str) -> Result<&Manifest, AppError> {
        let agent = AgentId::new(name).map_err(|e| problem("agent", e.to_string(), ""))?;
        self.loaded.policy.manifest(&agent).ok_or_else(|| {
            problem("agent", format!("no manifest names `{agent}`"), "`cordon check` lists the agents")
        })
    }

    fn used(&self, agent: &AgentId) -> AgentUse {
        self.used.get(agent).cloned().unwrap_or_default()
    }

    /// The reports, the highest score first, as JSON.
    pub fn reports(&self, agent: Option<&str>) -> Result<Value, AppError> {
        let config = &self.loaded.config;
        let systems = Systems {
            servers: config.servers.iter().map(|s| s.id.to_string()).collect(),
            models: config.models.iter().map(|m| (m.name.to_string(), m.upstream.to_string())).collect(),
        };
        let wanted: Vec<&Manifest> = match agent {
            Some(name) => vec![self.agent(name)?],
            None => self.loaded.policy.agents().collect(),
        };
        let one = |m: &Manifest| report(&self.loaded.policy, m, &self.used(&m.agent), &systems, self.now);
        let mut reports: Vec<_> = wanted.into_iter().map(one).collect();
        reports.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.agent.cmp(&b.agent)));
        let agents = serde_json::to_value(reports).map_err(|e| AppError::Permissions(e.to_string()))?;
        Ok(json!({"at": time::rfc3339(self.now), "from": time::rfc3339(self.window.from), "agents": agents}))
    }

    /// A suggestion for an agent, with its proof.
    pub fn suggest(&self, agent: &str, grace: Millis) -> Result<Suggested, AppError> {
        let m = self.agent(agent)?;
        let used = self.used(&m.agent);
        let cut = suggest(m, &used, self.now, grace)?;
        let mut out = Suggested {
            json: json!({
                "agent": m.agent.as_str(), "manifest": m.source, "from": time::rfc3339(self.window.from),
                "age_days": cut.age.map(|a| a / DAY), "young": cut.young, "learnt": cut.learnt,
                "left_out": left_out(cut.left_out),
                "changes": cut.changes.iter().map(change).collect::<Vec<_>>(),
                "offered": false, "proved": false, "toml": Value::Null,
            }),
            text: None,
            sound: true,
        };
        let Some((manifest, text)) = cut.manifest else { return Ok(out) };
        let new = self.sources.with(&[manifest])?;
        let proof = prove(&self.loaded.policy, &new, &m.agent, &used, self.now);
        out.sound = proof.breaks_nothing() && proof.never_wider();
        set(&mut out.json, "proof", proved(&proof));
        set(&mut out.json, "proved", proof.proved());
        // SECURITY: what breaks recorded use, or goes further than before, is not offered.
        if out.sound {
            set(&mut out.json, "offered", true);
            set(&mut out.json, "toml", text.as_str());
            out.text = Some(text);
        }
        Ok(out)
    }
}

/// A day.
const DAY: Millis = 86_400_000;

/// A suggestion, ready to be shown.
pub struct Suggested {
    /// All of it.
    pub json: Value,
    /// The manifest, where one is offered.
    pub text: Option<String>,
    /// Whether what was made holds: else it is a defect, and nothing is offered.
    pub sound: bool,
}

/// Sets a member of an object.
fn set(json: &mut Value, name: &str, to: impl Into<Value>) {
    if let Some(object) = json.as_object_mut() {
        object.insert(name.to_owned(), to.into());
    }
}

fn left_out(l: LeftOut) -> Value {
    json!({"denied": l.denied, "flagged": l.flagged, "observed": l.observed, "beyond": l.beyond})
}

fn change(c: &Change) -> Value {
    json!({"at": c.at, "fate": c.fate.name(), "why": c.why})
}

/// A proof as JSON.
pub(crate) fn proved(proof: &Proof) -> Value {
    let r = &proof.replays;
    let listed: Vec<Value> = r
        .listed
        .iter()
        .map(|(what, n, verdict)| match verdict {
            Verdict::Changed(old, new) => {
                json!({"what": what, "uses": n, "verdict": "changed", "old": old.name(), "new": new.name()})
            }
            Verdict::Undecidable => json!({"what": what, "uses": n, "verdict": "undecidable"}),
        })
        .collect();
    let swept = proof.swept.as_ref().map(|s| {
        let name = |s: Supposed| s.name();
        json!({
            "check": s.how.name(), "questions": s.questions,
            "widened": s.widened.iter().map(|w| json!({
                "action": w.action, "resource": w.resource, "old": name(w.old), "new": name(w.new),
            })).collect::<Vec<_>>(),
            "not_narrower": s.not_narrower.iter().map(|d| json!({
                "at": d.at, "direction": d.direction.name(),
            })).collect::<Vec<_>>(),
        })
    });
    json!({
        "replayed": {
            "same": r.same, "changed": r.changed, "undecidable": r.undecidable, "stale": r.stale,
            "not_replayed": r.beyond, "listed": listed,
        },
        "never_wider": proof.never_wider(), "sweep": swept,
    })
}
