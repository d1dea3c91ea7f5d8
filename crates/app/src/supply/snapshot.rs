//! The advisories at hand: one file of records, one signed note about it, in the data directory.
//!
//! ```text
//! advisories/snapshot.jsonl   the records, sorted, as far as they decide and are shown
//! advisories/snapshot.note    when it was made, how new its newest record is, its digest; signed with the ledger's key
//! ```
//! What always holds: what is read was signed by this installation and is whole, or it is refused; the two files are
//! replaced together, the note last, so that a crash between them leaves what does not verify rather than what is
//! neither. Its date goes with every report.

use super::archive::{Dropped, Source};
use crate::data::{make_dir, read, verifier_key};
use crate::error::AppError;
use cordon_ledger::Signer;
use cordon_supply::osv::{self, Advisories};
use cordon_types::time;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where it stands in a data directory.
pub(super) const FOLDER: &str = "advisories";
/// Largest file of records.
const MAX_SNAPSHOT: u64 = 8 << 30;
/// The first line of the note: no checkpoint begins so.
const HEADING: &str = "cordon advisories snapshot v1";

/// What is known of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// When it was made, in milliseconds since 1970.
    pub taken: u64,
    /// When its newest record was last changed, in milliseconds since 1970; 0 where none says.
    pub newest: u64,
    /// How many records it has.
    pub records: u64,
    /// How many were taken back, or are of registries that are not known here: left out.
    pub left_out: u64,
    /// How many could not be read.
    pub unread: u64,
    /// Whence: a name, how many records, a digest or `-`.
    pub sources: Vec<(String, u64, String)>,
    /// SHA-256 of the file of records.
    pub sha256: String,
}

impl About {
    /// How many whole days before `now` its newest record was changed, or it was made, whichever is earlier.
    #[must_use]
    pub fn days_old(&self, now: u64) -> u64 {
        let data = if self.newest == 0 { self.taken } else { self.newest.min(self.taken) };
        now.saturating_sub(data) / 86_400_000
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{HEADING}\ntaken {}\nnewest {}\nrecords {}\nleft-out {}\nunread {}\nsha256 {}\n",
            self.taken, self.newest, self.records, self.left_out, self.unread, self.sha256
        );
        for (name, records, digest) in &self.sources {
            let _ = writeln!(text, "source {records} {digest} {name}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == HEADING).then_some(())?;
        let mut about = Self::default();
        for line in lines {
            let (key, value) = line.split_once(' ')?;
            match key {
                "taken" => about.taken = value.parse().ok()?,
                "newest" => about.newest = value.parse().ok()?,
                "records" => about.records = value.parse().ok()?,
                "left-out" => about.left_out = value.parse().ok()?,
                "unread" => about.unread = value.parse().ok()?,
                "sha256" => value.clone_into(&mut about.sha256),
                "source" => {
                    let mut parts = value.splitn(3, ' ');
                    let (records, digest, name) = (parts.next()?, parts.next()?, parts.next()?);
                    about.sources.push((name.to_owned(), records.parse().ok()?, digest.to_owned()));
                }
                _ => return None,
            }
        }
        Some(about)
    }
}

/// Reads what was dropped in, and makes it the snapshot. Gives what is known of it, and notes.
///
/// # Errors
/// When a path cannot be read, nothing in them is an advisory, or the data directory has no key.
pub fn import(root: &Path, paths: &[PathBuf], now: u64) -> Result<(About, Vec<String>), AppError> {
    let signer = signer(root)?;
    let mut dropped = Dropped::default();
    for path in paths {
        dropped.read(path)?;
    }
    let Dropped { advisories, sources, unread, notes } = dropped;
    if advisories.is_empty() {
        return Err(AppError::Supply(format!(
            "no advisory was found ({unread} files are no OSV records); give an `all.zip` of OSV's, or a folder of its records"
        )));
    }
    let read = advisories.len() as u64;
    let newest =
        advisories.iter().filter_map(|a| time::parse(&a.modified)).filter(|t| *t <= now).max().unwrap_or(0);
    // The same id twice: the one changed last.
    let mut by_id: BTreeMap<String, osv::Advisory> = BTreeMap::new();
    for advisory in advisories {
        let older = by_id.get(&advisory.id).is_some_and(|known| known.modified > advisory.modified);
        if !older {
            by_id.insert(advisory.id.clone(), advisory);
        }
    }
    let kept: Vec<&osv::Advisory> =
        by_id.values().filter(|a| !a.withdrawn && !a.affected.is_empty()).collect();
    let folder = root.join(FOLDER);
    make_dir(&folder)?;
    let sha256 = write_records(&folder, &kept)?;
    let about = About {
        taken: now,
        newest,
        records: kept.len() as u64,
        left_out: read - kept.len() as u64,
        unread,
        sources: sources
            .into_iter()
            .map(|Source { name, records, sha256 }| (name, records, sha256.unwrap_or_else(|| "-".to_owned())))
            .collect(),
        sha256,
    };
    replace(&folder.join("snapshot.note"), signer.sign(&about.text()).as_bytes())?;
    Ok((about, notes))
}

fn write_records(folder: &Path, kept: &[&osv::Advisory]) -> Result<String, AppError> {
    let path = folder.join("snapshot.jsonl");
    let partial = folder.join("snapshot.jsonl.partial");
    let fail = |e| AppError::file(&partial, "writing", e);
    let mut out = std::io::BufWriter::new(private(&partial).map_err(fail)?);
    let mut hash = Sha256::new();
    for advisory in kept {
        let mut line = advisory.to_json().to_string();
        line.push('\n');
        hash.update(line.as_bytes());
        out.write_all(line.as_bytes()).map_err(fail)?;
    }
    let file = out.into_inner().map_err(|e| fail(e.into_error()))?;
    file.sync_all().map_err(fail)?;
    std::fs::rename(&partial, &path).map_err(|e| AppError::file(&path, "placing", e))?;
    Ok(super::hex(&hash.finalize()))
}

pub(super) fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), AppError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || -> std::io::Result<()> {
        let mut file = private(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().map_err(|e| AppError::file(path, "writing", e))
}

/// The key of this installation. A running gateway may hold the directory: the key's file is read alone.
pub(super) fn signer(root: &Path) -> Result<Signer, AppError> {
    let path = root.join("keys/ledger.key");
    if !path.exists() {
        return Err(AppError::Supply(format!(
            "{} has no key to sign a snapshot with; make the directory with `cordon init`, or name it with `--data-dir`",
            root.display()
        )));
    }
    let text = Zeroizing::new(read(&path)?);
    Signer::from_text(text.trim()).map_err(|e| AppError::BadKeyFile { path, reason: e.to_string() })
}

fn missing() -> AppError {
    AppError::Supply(
        "there are no advisories here; give some with `cordon advisories import all.zip`".to_owned(),
    )
}

/// What is known of the snapshot, verified by its signature alone.
///
/// # Errors
/// When there is none, or it was not signed by this installation.
pub fn about(root: &Path) -> Result<About, AppError> {
    let path = root.join(FOLDER).join("snapshot.note");
    if !path.exists() {
        return Err(missing());
    }
    let note = read(&path)?;
    let key = verifier_key(&root.join("keys/ledger.pub"))?;
    let bad =
        |why: String| AppError::Supply(format!("{}: {why}; import the advisories again", path.display()));
    let text = key.open(&note).map_err(|_| bad("its signature does not hold".to_owned()))?;
    About::parse(text).ok_or_else(|| bad("it is no snapshot's note".to_owned()))
}

/// The snapshot, verified whole.
///
/// # Errors
/// When there is none, or it is not what was signed.
pub(super) fn open(root: &Path) -> Result<(Advisories, About), AppError> {
    let about = about(root)?;
    let path = root.join(FOLDER).join("snapshot.jsonl");
    let fail = |e| AppError::file(&path, "reading", e);
    let size = std::fs::metadata(&path).map_err(fail)?.len();
    let changed = || {
        AppError::Supply(format!("{}: is not what was signed; import the advisories again", path.display()))
    };
    if size > MAX_SNAPSHOT {
        return Err(changed());
    }
    // Read once, so that what is checked is what is used.
    let bytes = std::fs::read(&path).map_err(fail)?;
    if super::hex(&Sha256::digest(&bytes)) != about.sha256 {
        return Err(changed());
    }
    let mut all = Advisories::default();
    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let advisory = osv::read(line).map_err(|e| AppError::Supply(format!("{}: {e}", path.display())))?;
        // What is taken back or of elsewhere was left out when it was made.
        let _ = all.add(advisory);
    }
    Ok((all, about))
}
