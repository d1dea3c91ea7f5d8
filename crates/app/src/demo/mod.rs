//! The demo: attacks and leaks against the built-in credulous model, stopped; normal work beside them, going through.

use crate::error::AppError;
use serde_json::{Value, json};
use std::path::Path;

/// One scene and how it came out.
pub struct Scene {
    /// What is tried.
    pub title: String,
    /// What happened.
    pub outcome: String,
    /// As it should be.
    pub ok: bool,
}

impl Scene {
    /// For scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"title": self.title, "outcome": self.outcome, "ok": self.ok})
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{} {}: {}", if self.ok { "ok  " } else { "FAIL" }, self.title, self.outcome)
    }
}

/// Plays all scenes; true when each came out as it should.
pub fn play(_keep: Option<&Path>, _tell: &mut dyn FnMut(&Scene)) -> Result<bool, AppError> {
    Ok(false)
}
