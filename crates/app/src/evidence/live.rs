//! Posture of a data directory, and the snapshots of reviews.
//!
//! What always holds: a snapshot is named by its hash, so that the one that the log names is the one that is read; it is
//! durable before its review is recorded.

use super::{Source, known, problem};
use crate::error::AppError;
use cordon_api::PostureProblem;
use cordon_govern::posture::{Posture, Snapshot};
use cordon_govern::{Log, Period};
use cordon_ledger::witnessed::COSIGNED;
use cordon_ledger::{Checkpoint, Control, ControlKind, Linkable};
use cordon_types::{Digest, Millis};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// How far back posture looks, unless asked for what came since the last review: 90 days.
const LOOKS_BACK_MS: u64 = 90 * 86_400_000;
/// The folder of snapshots.
const FOLDER: &str = "reviews";

/// The log at the checkpoint at hand.
pub(super) fn at_hand(source: &Source) -> Result<Log, AppError> {
    let text = checkpoint(source)?;
    let head = Checkpoint::open(&text, &source.key)
        .map_err(|_| problem("the ledger's checkpoint is not signed with this key"))?;
    let seen = cosigned(source)?;
    Ok(Log {
        cosignatures: seen.as_ref().map_or(0, |(text, _)| cosignatures(text, &head.origin)),
        cosigned: seen.map_or(0, |(_, seen)| seen.size),
        origin: head.origin,
        size: head.size,
        root: Digest(head.root).to_string(),
        of_period: false,
    })
}

pub(super) fn checkpoint(source: &Source) -> Result<String, AppError> {
    let bytes =
        cordon_ledger::Volume::read(&source.volume, cordon_ledger::log::CHECKPOINT)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(problem)
}

/// The newest checkpoint that a quorum of witnesses cosigned, if there is one. What it says is in the log: a start and
/// `audit verify` look at that.
pub(super) fn cosigned(source: &Source) -> Result<Option<(String, Checkpoint)>, AppError> {
    let Some(bytes) = cordon_ledger::Volume::read(&source.volume, COSIGNED)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(problem)?;
    let head = Checkpoint::open(&text, &source.key)
        .map_err(|_| problem(format!("the ledger's {COSIGNED} is not signed with this key")))?;
    Ok(Some((text, head)))
}

/// Signature lines of others than the log. They are counted, not checked: that takes the witnesses' keys.
pub(super) fn cosignatures(note: &str, origin: &str) -> u64 {
    let signatures = note.rsplit_once("\n\n").map_or("", |(_, s)| s);
    let others = signatures.lines().filter_map(|l| l.strip_prefix("\u{2014} ")?.split(' ').next());
    others.filter(|name| *name != origin).count() as u64
}

/// What posture there is at `now`.
pub(crate) fn posture(
    root: &Path,
    now: Millis,
    framework: &str,
    since_review: bool,
) -> Result<Value, PostureProblem> {
    let catalogue = super::catalogue().map_err(failed)?;
    known(&catalogue, framework).map_err(|e| PostureProblem::NoFramework(e.to_string()))?;
    let period = Period { from: now.saturating_sub(LOOKS_BACK_MS), to: now };
    let source = Source::read(root, period).map_err(failed)?;
    let window = of_source(&source).map_err(failed)?;
    let last = source.figures.last_review.as_ref();
    let before = last.and_then(|r| kept(root, &r.snapshot?));
    let shown = if since_review {
        let none = || {
            PostureProblem::NoReview("nobody reviewed yet; `cordon posture review` records one".to_owned())
        };
        let since = Period { from: last.ok_or_else(none)?.at, to: now };
        of_source(&Source::read(root, since).map_err(failed)?).map_err(failed)?
    } else {
        window.clone()
    };
    let posture = Posture::new(&catalogue, framework, &shown, &window, &source.figures, before.as_ref());
    serde_json::to_value(posture).map_err(failed)
}

/// Records a review at `now`: the snapshot is kept, then its hash is appended.
pub(crate) fn review(
    root: &Path,
    now: Millis,
    (by, epoch): (Linkable, u32),
    append: impl FnOnce(&Control) -> Result<(), String>,
) -> Result<Value, PostureProblem> {
    let snapshot = snapshot(root, now).map_err(failed)?;
    let hash = keep(root, &snapshot).map_err(failed)?;
    let record = Control {
        by: Some(by),
        snapshot: Some(hash),
        epoch,
        ..Control::new(ControlKind::PostureReview, now)
    };
    append(&record).map_err(PostureProblem::NotRecorded)?;
    Ok(json!({"at": now, "by": by.to_string(), "snapshot": hash.to_string(), "size": snapshot.size}))
}

fn failed(e: impl ToString) -> PostureProblem {
    PostureProblem::Failed(e.to_string())
}

/// A snapshot of all frameworks at `now`.
fn snapshot(root: &Path, now: Millis) -> Result<Snapshot, AppError> {
    of_source(&Source::read(root, Period { from: now.saturating_sub(LOOKS_BACK_MS), to: now })?)
}

fn of_source(source: &Source) -> Result<Snapshot, AppError> {
    let log = at_hand(source)?;
    let answers = source.answers(&log);
    Ok(Snapshot::new(&source.catalogue, &answers, source.period, &log, &source.facts.policy))
}

/// Keeps a snapshot; durable on return. Its hash.
fn keep(root: &Path, snapshot: &Snapshot) -> Result<Digest, AppError> {
    let bytes = serde_json::to_vec(snapshot).map_err(problem)?;
    let hash = Digest(sha2::Sha256::digest(&bytes).into());
    let folder = root.join(FOLDER);
    if !folder.is_dir() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|e| AppError::file(&folder, "creating", e))?;
    }
    let path = folder.join(format!("{hash}.json"));
    let beside = folder.join(format!("{hash}.new"));
    let mut options = std::fs::OpenOptions::new();
    options.mode(0o600).create(true).truncate(true).write(true);
    options
        .open(&beside)
        .and_then(|mut f| f.write_all(&bytes).and_then(|()| f.sync_all()))
        .and_then(|()| std::fs::rename(&beside, &path))
        .and_then(|()| std::fs::File::open(&folder)?.sync_all())
        .map_err(|e| AppError::file(&path, "writing", e))?;
    Ok(hash)
}

/// The snapshot of that hash, if it is there and is it.
fn kept(root: &Path, hash: &Digest) -> Option<Snapshot> {
    let text = crate::data::read(&root.join(FOLDER).join(format!("{hash}.json"))).ok()?;
    (Digest(sha2::Sha256::digest(text.as_bytes()).into()) == *hash)
        .then(|| serde_json::from_str(&text).ok())?
}
