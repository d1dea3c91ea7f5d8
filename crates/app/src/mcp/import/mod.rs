//! `cordon mcp import`: local clients' configurations, read; the gated ones, shown and written; the way back.
//!
//! ```text
//! places of the known programs -> servers in each -> plan: entries for the operator's file, a bridge for each client
//!   shown (nothing is changed) ........... lines without any value of a variable, header or query
//!   written: backups, entries, then each client's file whole ........... restore: back, where nobody changed it since
//! ```
//! What always holds: a file is written only if, read again, it says exactly what it said before but for the servers
//! that were planned; only if it is still as it was when the plan was made; whole or not at all. Entries and backups are
//! their owner's only: secrets of the clients' files are in them. What it does not do: change the operator's own config
//! (an entry there is the operator's word), or YAML, whose servers it names for doing by hand.

mod backup;
mod gated;
mod jsonc;
mod tables;
#[cfg(test)]
mod tests;

pub use backup::{Restored, restore};

use crate::data::{make_dir, read, write_new};
use crate::error::AppError;
use crate::mcp::operator::{Listed, Wanted, find, key, lines, listed};
use cordon_approvals::escape::visible;
use cordon_detect::{Detectors, Settings};
use cordon_inventory::machine::{Place, Roots, document, locations, servers};
use cordon_types::{Clock as _, Secret};
use gated::{Way, entry, id, place};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What to read, and how clients are to reach the gateway.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The data directory.
    pub root: PathBuf,
    /// Home directories.
    pub homes: Vec<PathBuf>,
    /// Files besides those of the known places: a project's.
    pub files: Vec<PathBuf>,
    /// The command that clients are to run instead, without the server's id: `cordon mcp wrap --key-file ..`.
    pub bridge: Vec<String>,
}

/// What would change.
pub struct Plan {
    root: PathBuf,
    files: Vec<Gated>,
    entries: Vec<New>,
    /// What cannot be changed by a program, and why: shown as it is.
    pub by_hand: Vec<String>,
}

/// One client's file.
struct Gated {
    client: String,
    path: PathBuf,
    old: Secret,
    new: Secret,
    /// Of each server: its name, lines before, the line after.
    changes: Vec<(String, Vec<String>, String)>,
}

/// One entry for the operator's file.
struct New {
    id: String,
    way: Way,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    /// The entries for the operator's file; none when all stand there already.
    pub entries: Option<PathBuf>,
    /// Where the files of before are.
    pub backup: Option<PathBuf>,
    /// The clients' files that were changed.
    pub files: Vec<PathBuf>,
}

/// Looks at the clients' files and says what would change. Changes nothing.
pub fn plan(sources: &Sources) -> Result<Plan, AppError> {
    let known = if sources.root.join("cordon.toml").exists() { listed(&sources.root)? } else { Vec::new() };
    let taken = known.iter().map(|l| l.id.clone()).collect();
    let plan =
        Plan { root: sources.root.clone(), files: Vec::new(), entries: Vec::new(), by_hand: Vec::new() };
    let detectors = Detectors::new(&Settings::default())?;
    let mut planner = Planner { known, taken, bridge: &sources.bridge, detectors, plan };
    for (client, path) in candidates(sources) {
        if let Err(why) = planner.file(client, &path) {
            planner.plan.by_hand.push(format!("{}: {why}", shown(&path)));
        }
    }
    Ok(planner.plan)
}

struct Planner<'s> {
    known: Vec<Listed>,
    taken: Vec<String>,
    bridge: &'s [String],
    detectors: Detectors,
    plan: Plan,
}

impl Planner<'_> {
    fn file(&mut self, client: String, path: &Path) -> Result<(), &'static str> {
        let text = read(path).map_err(|_| "cannot be read")?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let tree = document(&name, &text).ok_or("is not in a form that can be read")?;
        let mut file = Work { name: &name, tree: tree.clone(), text: text.clone(), changes: Vec::new() };
        for server in servers(&name, &tree) {
            if let Err(why) = self.server(&mut file, &server) {
                self.plan.by_hand.push(format!("{}: {}: {why}", shown(path), visible(server.name)));
            }
        }
        if !file.changes.is_empty() {
            let (old, new, path) = (Secret::new(text), Secret::new(file.text), path.to_owned());
            self.plan.files.push(Gated { client, path, old, new, changes: file.changes });
        }
        Ok(())
    }

    /// Plans one server; why it is left for doing by hand.
    fn server(&mut self, file: &mut Work<'_>, server: &Place<'_>) -> Result<(), &'static str> {
        let way = Way::of(server.server).ok_or("is not plainly written")?;
        if way.is_ours() {
            return Ok(());
        }
        if way.has_placeholders() {
            return Err("its client fills in values; write the server into the operator's file yourself");
        }
        let known = self.standing(&way);
        let id = known.clone().unwrap_or_else(|| id(server.name, &self.taken));
        let more = ["--server".to_owned(), id.clone()];
        let bridge: Vec<String> = self.bridge.iter().cloned().chain(more).collect();
        file.change(server, &bridge)?;
        let words: Vec<String> = bridge.iter().map(|w| visible(w)).collect();
        let after = format!("command: {}", words.join(" "));
        file.changes.push((visible(server.name), way.shown(&self.detectors), after));
        if known.is_none() {
            self.taken.push(id.clone());
            self.plan.entries.push(New { id, way });
        }
        Ok(())
    }

    /// The id of a server that stands in the operator's file, or is planned for it.
    fn standing(&self, way: &Way) -> Option<String> {
        let listed = match way {
            Way::Program { command, .. } => find(&self.known, Wanted::Command(command)),
            Way::Network { url, .. } => {
                self.known.iter().find(|l| l.url.as_ref() == Some(url)).map(|l| l.id.as_str())
            }
        };
        let planned = || self.plan.entries.iter().find(|e| e.way == *way).map(|e| e.id.as_str());
        listed.or_else(planned).map(str::to_owned)
    }
}

/// The files that are there, each once.
fn candidates(sources: &Sources) -> Vec<(String, PathBuf)> {
    let homes = sources.homes.iter().map(|h| h.to_string_lossy().into_owned()).collect();
    // What an administrator placed is the administrator's to change.
    let roots = Roots { root: "/nonexistent".to_owned(), homes };
    let known = locations(&roots).into_iter().map(|(client, path)| (client.to_owned(), PathBuf::from(path)));
    let given = sources.files.iter().map(|path| ("given".to_owned(), path.clone()));
    let mut seen = std::collections::BTreeSet::new();
    let mut out: Vec<(String, PathBuf)> = known.chain(given).filter(|(_, path)| path.is_file()).collect();
    out.retain(|(_, path)| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    out
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy())
}

/// A file on its way from what it says to what it shall say.
struct Work<'f> {
    name: &'f str,
    tree: Value,
    text: String,
    changes: Vec<(String, Vec<String>, String)>,
}

impl Work<'_> {
    /// Puts the bridge in the place of one server.
    fn change(&mut self, server: &Place<'_>, bridge: &[String]) -> Result<(), &'static str> {
        const BY_HAND: &str =
            "is written in a way that only its owner can change; put the bridge there yourself";
        if self.name.ends_with(".yaml") || self.name.ends_with(".yml") {
            return Err(BY_HAND);
        }
        let new = entry(server.server, bridge);
        let mut tree = self.tree.clone();
        *at(&mut tree, &server.path).ok_or(BY_HAND)? = new.clone();
        let toml = self.name.ends_with(".toml");
        let text = if toml {
            tables::replaced(&self.text, &server.path, &new)
        } else {
            jsonc::replaced(&self.text, &server.path, &new)
        };
        let text = text.ok_or(BY_HAND)?;
        // INVARIANT: read again, it says what was planned and nothing else.
        if document(self.name, &text).as_ref() != Some(&tree) {
            return Err(BY_HAND);
        }
        self.tree = tree;
        self.text = text;
        Ok(())
    }
}

fn at<'v>(tree: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(tree, |value, key| match value {
        Value::Object(map) => map.get_mut(key),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What would change, for people. Nothing secret is in it.
    #[must_use]
    pub fn diff(&self) -> Vec<String> {
        let mut out = Vec::new();
        for file in &self.files {
            out.push(format!("{} ({})", shown(&file.path), file.client));
            for (name, before, after) in &file.changes {
                out.push(format!("  {name}"));
                out.extend(before.iter().map(|line| format!("  - {line}")));
                out.push(format!("  + {after}"));
            }
        }
        for new in &self.entries {
            let what = match &new.way {
                Way::Program { command, .. } => command.first().map(|c| visible(c)).unwrap_or_default(),
                Way::Network { url, .. } => visible(&place(url)),
            };
            out.push(format!("for the operator's file: [[servers]] id = \"{}\": {what}", new.id));
        }
        out
    }

    /// Writes backups, entries and the clients' files. On an error `restore` brings back what was changed.
    pub fn write(&self) -> Result<Written, AppError> {
        if self.files.is_empty() {
            return Ok(Written::default());
        }
        let folder = self.root.join("import");
        make_dir(&self.root)?;
        make_dir(&folder)?;
        let stamp = crate::system::SystemClock::new().now();
        let changes = self.files.iter().map(|f| backup::Change {
            path: f.path.canonicalize().unwrap_or_else(|_| f.path.clone()),
            old: f.old.expose(),
            new: f.new.expose(),
        });
        let changes: Vec<backup::Change<'_>> = changes.collect();
        let kept = backup::keep(&folder, stamp, &changes)?;
        let entries = self.write_entries(&folder, stamp)?;
        for change in &changes {
            change.make()?;
        }
        let files = changes.into_iter().map(|c| c.path).collect();
        Ok(Written { entries, backup: Some(kept), files })
    }

    /// The entries, with what the servers need to run: for the operator to read and to add.
    fn write_entries(&self, folder: &Path, stamp: u64) -> Result<Option<PathBuf>, AppError> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        let mut text = "# Tool servers of local clients. Read each, then add it to cordon.toml; `cordon check` says whether it fits.\n\
             # An agent may use them when its manifest lists their tools, as `id__tool`.\n"
            .to_owned();
        for new in &self.entries {
            text.push('\n');
            match &new.way {
                Way::Program { command, env } => text.push_str(&lines(&new.id, command, env)),
                Way::Network { url, sse, .. } => self.network(&mut text, folder, stamp, new, (url, *sse))?,
            }
        }
        let path = folder.join(format!("servers-{stamp}.toml"));
        write_new(&path, text.as_bytes())?;
        Ok(Some(path))
    }

    fn network(
        &self,
        text: &mut String,
        folder: &Path,
        stamp: u64,
        new: &New,
        (url, sse): (&str, bool),
    ) -> Result<(), AppError> {
        let quoted = |s: &str| toml::Value::String(s.to_owned()).to_string();
        let _ = write!(text, "[[servers]]\nid = {}\nurl = {}\n", quoted(&new.id), quoted(url));
        if sse {
            text.push_str("transport = \"sse\"\n");
        }
        let (token, left) = new.way.token();
        if let Some(token) = token {
            let path = folder.join(format!("{}-{stamp}.token", new.id));
            write_new(&path, token.expose().as_bytes())?;
            let _ = writeln!(text, "credential = {{ file = {} }}", quoted(&path.to_string_lossy()));
        }
        for name in left {
            let _ = writeln!(
                text,
                "# its client sent the header {}; its value is in the backup",
                quoted(&key(&name))
            );
        }
        Ok(())
    }
}
