//! What the demo tells: scenes and a summary, as calm lines or as JSON.

use serde_json::{Value, json};
use std::path::PathBuf;

/// Widest line, in characters.
const WIDTH: usize = 100;
/// Where what belongs to a scene begins.
const INDENT: usize = 22;
/// Most records of a scene that are named in its lines.
const NAMED: usize = 8;

/// One thing to tell.
pub enum Told {
    /// A scene, in order.
    Scene(Scene),
    /// The end.
    Summary(Summary),
}

/// One scene and how it came out.
pub struct Scene {
    /// From 1.
    pub number: usize,
    /// What is tried.
    pub title: &'static str,
    /// Work that must go through, not an attack.
    pub work: bool,
    /// `openai` or `anthropic`.
    pub dialect: &'static str,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// `passed`, `masked`, `stopped`, `FAILED`.
    pub word: &'static str,
    /// The answer's status.
    pub status: u16,
    /// What came back.
    pub answer: String,
    /// What decided, by the record.
    pub decided: String,
    /// The records of it, each with a checked proof of inclusion.
    pub records: Vec<u64>,
    /// What is not as it should be.
    pub failures: Vec<String>,
}

/// The end.
pub struct Summary {
    /// Scenes played.
    pub scenes: usize,
    /// Records in the ledger.
    pub records: u64,
    /// The log's name.
    pub origin: String,
    /// The root under the signed checkpoint.
    pub root: String,
    /// Files searched.
    pub files: usize,
    /// Strings that were looked for.
    pub strings: usize,
    /// Files that held one.
    pub hits: Vec<PathBuf>,
    /// All is as it should be.
    pub good: bool,
    /// Where the data was kept.
    pub kept: Option<PathBuf>,
}

impl Told {
    /// For scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Scene(scene) => scene.to_json(),
            Self::Summary(summary) => summary.to_json(),
        }
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Scene(scene) => scene.to_text(),
            Self::Summary(summary) => summary.to_text(),
        }
    }
}

impl Scene {
    fn to_json(&self) -> Value {
        json!({
            "scene": self.number, "title": self.title, "kind": if self.work { "work" } else { "attack" },
            "dialect": self.dialect, "stream": self.stream, "result": self.word.to_ascii_lowercase(),
            "status": self.status, "answer": self.answer, "decided": self.decided, "records": self.records,
            "proofs": "verified", "ok": self.failures.is_empty(), "failures": self.failures,
        })
    }

    fn to_text(&self) -> String {
        let how = format!("{}{}", self.dialect, if self.stream { ", stream" } else { "" });
        let mut text = format!("\n{:>2}  {:<8} {:<66} {how:>17}", self.number, self.word, self.title);
        let noun = if self.records.len() == 1 { "proof of inclusion" } else { "proofs of inclusion" };
        let record = format!("{}; {noun} verified", listed(&self.records));
        row(&mut text, "answer", &self.answer);
        row(&mut text, "decided", &self.decided);
        row(&mut text, "record", &record);
        for failure in &self.failures {
            row(&mut text, "WRONG", failure);
        }
        text
    }
}

impl Summary {
    fn to_json(&self) -> Value {
        json!({
            "scenes": self.scenes, "ok": self.good,
            "ledger": {
                "origin": self.origin, "size": self.records, "root": self.root,
                "verified": true, "witnessed": false,
            },
            "content": {
                "files": self.files, "strings": self.strings, "found_in": self.hits,
            },
            "data_dir": self.kept,
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let ledger = format!(
            "{} records of {}, all verified from the files and the public key; signed root {} (unwitnessed: no other \
             party has seen it)",
            self.records, self.origin, self.root
        );
        row(&mut text, "ledger", &ledger);
        let found = if self.hits.is_empty() {
            format!("none of {} strings that were said is in any of the {} files", self.strings, self.files)
        } else {
            let hits: Vec<String> = self.hits.iter().map(|p| p.display().to_string()).collect();
            format!("FAILED: what was said stands in {}", hits.join(", "))
        };
        row(&mut text, "content", &found);
        if let Some(kept) = &self.kept {
            let dir = kept.display();
            row(&mut text, "kept", &format!("{dir}; try `cordon --data-dir {dir} audit verify`"));
        }
        let end =
            if self.good { "all came out as they should" } else { "FAILED: not all came out as they should" };
        row(&mut text, "scenes", &format!("{}: {end}", self.scenes));
        text
    }
}

/// The records by number. Those that count several callers together belong to every round.
fn listed(records: &[u64]) -> String {
    let mut text = records.iter().take(NAMED).map(u64::to_string).collect::<Vec<_>>().join(", ");
    if records.len() > NAMED {
        text.push_str(&format!(" and {} more", records.len() - NAMED));
    }
    text
}

/// A named row under what is there already, in lines of at most [`WIDTH`].
fn row(text: &mut String, name: &str, value: &str) {
    text.push_str(&format!("\n             {name:<8} "));
    let mut column = INDENT;
    for (i, word) in value.split_whitespace().enumerate() {
        let long = word.chars().count();
        if i > 0 && column + 1 + long > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(INDENT));
            column = INDENT;
        } else if i > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += long;
    }
}
