//! Manifests put in force, staged beside those that are, and taken back.
//!
//! ```text
//! permissions/previous/AGENT.toml   what an apply replaced       permissions/staged/AGENT.toml   judged beside
//! FILE -> checked whole -> compared -> the old one kept -> written in one step -> the gateway told, which records it
//! ```
//! What always holds: a manifest that goes further than the one in force is not put in force unasked; a change that
//! the gateway refuses is undone. What it deliberately does not do: keep more than one previous manifest; that is
//! version control's work.

use super::{Ledger, look, problem, proved, set};
use crate::data::{make_dir, read, write_new};
use crate::error::AppError;
use crate::load::{Sources, load};
use cordon_permissions::{AgentUse, prove};
use cordon_policy::{Manifest, parse_manifest};
use cordon_types::{AgentId, Millis};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a change came to.
pub struct Changed {
    /// For people and programs.
    pub json: Value,
    /// Whether it was made; else it would have gone further than what is in force.
    pub done: bool,
}

/// Where an agent's manifest lies before a change, and beside the one in force.
struct Places {
    target: PathBuf,
    previous: PathBuf,
    staged: PathBuf,
}

impl Places {
    fn of(root: &Path, sources: &Sources, m: &Manifest) -> Result<Self, AppError> {
        let name = Path::new(&m.source).file_name();
        let target = name
            .map(|n| sources.folder.join(n))
            .ok_or_else(|| AppError::Permissions(format!("the manifest of `{}` is in no file", m.agent)))?;
        let beside = |folder: &str| root.join("permissions").join(folder).join(format!("{}.toml", m.agent));
        Ok(Self { target, previous: beside("previous"), staged: beside("staged") })
    }
}

/// Writes a file in one step, for its owner alone.
fn put(path: &Path, text: &str) -> Result<(), AppError> {
    if let Some(folder) = path.parent() {
        make_dir(folder)?;
    }
    let new = path.with_extension("toml.new");
    // What a crash left there.
    match std::fs::remove_file(&new) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(AppError::file(&new, "replacing", e)),
    }
    write_new(&new, text.as_bytes())?;
    std::fs::rename(&new, path).map_err(|e| AppError::file(path, "replacing", e))
}

fn remove(path: &Path) -> Result<bool, AppError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(AppError::file(path, "removing", e)),
    }
}

/// Has the gateway take a change over, or records it where none runs. The problems where it is refused.
fn tell(root: &Path, agent: &AgentId, what: &str) -> Result<Value, AppError> {
    let path = format!("/cordon/v1/manifests/{agent}/{what}");
    let reply = crate::control::ask(root, "POST", &path, "")?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    let error = reply.body.get("error");
    let text = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut words = text(error.and_then(|e| e.get("message")));
    for p in error.and_then(|e| e.get("problems")).and_then(Value::as_array).into_iter().flatten() {
        words.push_str("\n  ");
        words.push_str(&text(Some(p)));
    }
    Err(AppError::Permissions(words))
}

/// A new manifest of an agent that has one, read and checked with everything else.
struct Proposed {
    old: Manifest,
    text: String,
    places: Places,
    agent: AgentId,
    compared: Value,
    never_wider: bool,
}

fn proposed(root: &Path, file: &Path) -> Result<Proposed, AppError> {
    let text = read(file)?;
    let new = parse_manifest(&file.display().to_string(), &text)?;
    let loaded = load(root)?;
    let sources = Sources::read(root, &loaded.config)?;
    let old = loaded.policy.manifest(&new.agent).cloned().ok_or_else(|| {
        let hint = "a first manifest is put into the folder of manifests by hand";
        problem("agent", format!("no manifest names `{}`", new.agent), hint)
    })?;
    let agent = new.agent.clone();
    let set = sources.with(&[new])?;
    let now = cordon_types::Clock::now(&crate::system::SystemClock::new());
    let proof = prove(&loaded.policy, &set, &agent, &AgentUse::default(), now);
    Ok(Proposed {
        places: Places::of(root, &sources, &old)?,
        compared: proved(&proof).get_mut("sweep").map(Value::take).unwrap_or_default(),
        never_wider: proof.never_wider(),
        old,
        text,
        agent,
    })
}

/// Puts a manifest in force, and keeps the one before. One that goes further than it only with `wider`.
pub fn apply(root: &Path, file: &Path, wider: bool) -> Result<Changed, AppError> {
    let p = proposed(root, file)?;
    let mut json = json!({
        "agent": p.agent.as_str(), "never_wider": p.never_wider, "compared": p.compared, "applied": false,
    });
    if !p.never_wider && !wider {
        return Ok(Changed { json, done: false });
    }
    let (before, kept) = (read(&p.places.target)?, read(&p.places.previous).ok());
    put(&p.places.previous, &before)?;
    put(&p.places.target, &p.text)?;
    if let Err(refused) = tell(root, &p.agent, "applied") {
        put(&p.places.target, &before)?;
        // Nothing was replaced: what there is to go back to is what there was.
        match kept {
            Some(text) => put(&p.places.previous, &text)?,
            None => drop(remove(&p.places.previous)?),
        }
        return Err(refused);
    }
    // What is in force is no longer beside it.
    if read(&p.places.staged).is_ok_and(|staged| staged == p.text) && remove(&p.places.staged)? {
        tell(root, &p.agent, "unstaged")?;
    }
    set(&mut json, "applied", true);
    set(&mut json, "manifest", p.old.source.as_str());
    Ok(Changed { json, done: true })
}

/// Puts a manifest beside the one in force: each call is judged by both, the old one enforces.
pub fn stage(root: &Path, file: &Path) -> Result<Changed, AppError> {
    let p = proposed(root, file)?;
    let before = read(&p.places.staged).ok();
    put(&p.places.staged, &p.text)?;
    if let Err(refused) = tell(root, &p.agent, "staged") {
        match before {
            Some(text) => put(&p.places.staged, &text)?,
            None => drop(remove(&p.places.staged)?),
        }
        return Err(refused);
    }
    let json = json!({
        "agent": p.agent.as_str(), "never_wider": p.never_wider, "compared": p.compared, "staged": true,
    });
    Ok(Changed { json, done: true })
}

/// Takes a staged manifest away.
pub fn unstage(root: &Path, agent: &str) -> Result<Changed, AppError> {
    let agent = AgentId::new(agent).map_err(|e| problem("agent", e.to_string(), ""))?;
    let staged = root.join("permissions/staged").join(format!("{agent}.toml"));
    if !remove(&staged)? {
        return Err(AppError::Permissions(format!("nothing is staged for `{agent}`")));
    }
    tell(root, &agent, "unstaged")?;
    Ok(Changed { json: json!({"agent": agent.as_str(), "unstaged": true}), done: true })
}

/// Puts the manifest before the last change in force again, and keeps the one that it replaces: done twice, all is as
/// before.
pub fn rollback(root: &Path, agent: &str) -> Result<Changed, AppError> {
    let loaded = load(root)?;
    let sources = Sources::read(root, &loaded.config)?;
    let agent = AgentId::new(agent).map_err(|e| problem("agent", e.to_string(), ""))?;
    let m = loaded.policy.manifest(&agent).ok_or_else(|| {
        problem("agent", format!("no manifest names `{agent}`"), "`cordon check` lists the agents")
    })?;
    let places = Places::of(root, &sources, m)?;
    let Ok(previous) = read(&places.previous) else {
        return Err(AppError::Permissions(format!("no manifest of `{agent}` was replaced by `apply`")));
    };
    let back = parse_manifest(&m.source, &previous)?;
    sources.with(&[back])?;
    let now = read(&places.target)?;
    put(&places.target, &previous)?;
    if let Err(refused) = tell(root, &agent, "rolled_back") {
        put(&places.target, &now)?;
        return Err(refused);
    }
    put(&places.previous, &now)?;
    Ok(Changed { json: json!({"agent": agent.as_str(), "rolled_back": true}), done: true })
}

/// What is staged: how it compares, what of recorded use it would change, and on which calls the gateway saw the two
/// differ since it began to compare.
pub fn staged(root: &Path, ledger: Ledger<'_>, window: Millis) -> Result<Value, AppError> {
    let view = look(root, ledger, window)?;
    let seen = match std::os::unix::net::UnixStream::connect(root.join("control.sock")) {
        Ok(_) => crate::control::ask(root, "GET", "/cordon/v1/manifests", "")?.body,
        // Nothing runs, so nothing is counted; the directory's lock is not needed to say so.
        Err(_) => json!({"running": false, "differences": []}),
    };
    let mut problems = Vec::new();
    let mut out = Vec::new();
    for (name, text) in crate::load::files(&root.join("permissions/staged"), "toml", &mut problems) {
        let built =
            parse_manifest(&name, &text).and_then(|m| Ok((m.agent.clone(), view.sources.with(&[m])?)));
        out.push(match built {
            Ok((agent, set)) => {
                let proof = prove(&view.loaded.policy, &set, &agent, &view.used(&agent), view.now);
                json!({"agent": agent.as_str(), "file": name, "proof": proved(&proof), "proved": proof.proved()})
            }
            Err(found) => json!({"file": name, "problems": found.0.iter().map(ToString::to_string).collect::<Vec<_>>()}),
        });
    }
    let of = |name: &str| seen.get(name).cloned().unwrap_or_default();
    Ok(json!({"staged": out, "running": of("running"), "differences": of("differences")}))
}
