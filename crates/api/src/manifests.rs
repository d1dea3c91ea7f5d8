//! Manifests that the directory's owner put down: taken over, and recorded.
//!
//! What always holds: the gateway loads its files whole or not at all before a change is recorded. What it
//! deliberately does not do: carry manifests; they are files, and whoever writes there owns the directory.

use crate::shape::Reply;
use crate::{Admin, Operator};
use cordon_types::AgentId;
use serde_json::{Value, json};

/// What was done with an agent's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestChange {
    /// Another one was put in force.
    Applied,
    /// The one before was put in force again.
    RolledBack,
    /// One was put beside the one in force.
    Staged,
    /// It was taken away again.
    Unstaged,
}

impl ManifestChange {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "applied" => Self::Applied,
            "rolled_back" => Self::RolledBack,
            "staged" => Self::Staged,
            "unstaged" => Self::Unstaged,
            _ => return None,
        })
    }
}

/// Why a change was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The files have problems; the old rules stay.
    Problems(Vec<String>),
    /// It is in force and could not be recorded.
    NotRecorded(String),
}

impl Admin {
    pub(crate) fn manifests(&self, by: &Operator, method: &str, rest: &[&str]) -> Reply {
        match (method, rest) {
            ("GET", []) => Reply::ok(self.runtime.staged()),
            ("POST", [agent, what]) => match (AgentId::new(agent), ManifestChange::from_name(what)) {
                (Ok(agent), Some(what)) if self.runtime.knows_agent(&agent) => {
                    taken(self.runtime.manifest(by, &agent, what))
                }
                _ => Reply::not_found(),
            },
            (_, [] | [_, _]) => Reply::wrong_method(),
            _ => Reply::not_found(),
        }
    }
}

fn taken(result: Result<(), NotTaken>) -> Reply {
    match result {
        Ok(()) => Reply::ok(json!({"done": true})),
        Err(NotTaken::Problems(problems)) => Reply::problems(&problems),
        Err(NotTaken::NotRecorded(text)) => {
            tracing::error!(error = %text, "a manifest was taken over and could not be recorded");
            Reply::error(
                503,
                "record_unavailable",
                "the change is in force, but its record could not be written",
            )
        }
    }
}

/// What a runtime without a gateway says of staged manifests.
pub(crate) fn nothing_staged() -> Value {
    json!({"running": false, "differences": []})
}
