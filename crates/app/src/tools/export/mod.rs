//! `cordon audit export`: verified entries, in a format, to a receiver.
//!
//! ```text
//! checkpoint -> Reader: bundle by bundle, each verified -> leaves -> format -> receiver takes it -> cursor
//!      ^                                                                                             |
//!      '---- --follow: look again each second; the new tree must have grown from the old one --------'
//! ```
//! What always holds: nothing leaves that was not verified against the signed checkpoint; the cursor moves only behind
//! what was taken, so that each entry leaves at least once; memory is bounded by one bundle.

mod cursor;
mod send;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use send::{Here, settings};

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_export::{EXAMPLE_ENTERPRISE, Format, Leaf, Log};
use cordon_ledger::{Reader, VerifierKey, tree::Hash};
use cordon_store::volume::FileVolume;
use cursor::Keeper;
use send::{Refused, Sender};
use std::path::{Path, PathBuf};
use std::time::Duration;
use target::Target;
use tokio::signal::unix::{SignalKind, signal};

/// Entries that go together: a body of some 300 KiB in the widest format.
const BATCH: usize = 128;
/// How often a log that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Before the first repetition; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause, and the most that a receiver's `retry-after` may ask for.
const MOST_PAUSE: Duration = Duration::from_secs(60);

/// What to export, and where to.
#[derive(Debug)]
pub struct Job {
    /// The format's name.
    pub format: String,
    /// A file, `-`, or an address.
    pub to: String,
    /// Where to keep how far it came.
    pub cursor: Option<PathBuf>,
    /// The first entry, where there is no cursor yet.
    pub start: u64,
    /// Go on as the log grows.
    pub follow: bool,
    /// How often a batch is tried again; without end while following.
    pub retries: u32,
    /// A file that holds a bearer token.
    pub bearer: Option<PathBuf>,
    /// A file with certificate authorities beside the system's.
    pub ca: Option<PathBuf>,
    /// The private enterprise number in syslog's structured data.
    pub enterprise: Option<u32>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries that were taken.
    pub entries: u64,
    /// The next entry.
    pub next: u64,
}

/// Exports, and tells `note` what goes wrong on the way and is tried again.
pub fn export(
    ledger: &Path,
    key: &Path,
    job: &Job,
    note: &mut dyn FnMut(&str),
) -> Result<Exported, AppError> {
    let format = Format::from_name(&job.format).ok_or_else(|| {
        let all = Format::ALL.map(Format::name).join(", ");
        AppError::Problems(cordon_types::Problems(vec![cordon_types::Problem::new(
            "format",
            format!("`{}` is no format", job.format),
            all,
        )]))
    })?;
    let target = Target::parse(&job.to, format)?;
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    runtime.block_on(async {
        let sender = Sender::new(&target, format, job.bearer.as_deref(), job.ca.as_deref())?;
        let log = Log {
            origin: key.name().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            enterprise: job.enterprise.unwrap_or(EXAMPLE_ENTERPRISE),
        };
        let keeper =
            job.cursor.as_deref().map(|path| Keeper::open(path, &log.origin, format, &job.to)).transpose()?;
        let next = keeper.as_ref().filter(|k| k.cursor().size > 0).map_or(job.start, |k| k.cursor().next);
        let mut run = Run {
            log,
            format,
            sender,
            keeper,
            seen: None,
            done: Exported { entries: 0, next },
            retries: (!job.follow).then_some(job.retries),
            note,
        };
        if job.follow {
            run.follow(&volume, &key).await
        } else {
            run.once(&volume, &key).await.map(|()| run.done)
        }
    })
}

struct Run<'a> {
    log: Log,
    format: Format,
    sender: Sender,
    keeper: Option<Keeper>,
    /// The tree that was read last.
    seen: Option<(u64, Hash)>,
    done: Exported,
    /// None: without end.
    retries: Option<u32>,
    note: &'a mut dyn FnMut(&str),
}

impl Run<'_> {
    async fn follow(mut self, volume: &FileVolume, key: &VerifierKey) -> Result<Exported, AppError> {
        let take = |kind| signal(kind).map_err(AppError::Thread);
        let (mut interrupt, mut terminate) = (take(SignalKind::interrupt())?, take(SignalKind::terminate())?);
        // What a signal interrupts was not acknowledged, and will be sent again.
        tokio::select! {
            failed = self.go_on(volume, key) => return Err(failed),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(self.done)
    }

    /// Until something fails for good.
    async fn go_on(&mut self, volume: &FileVolume, key: &VerifierKey) -> AppError {
        loop {
            if let Err(failed) = self.once(volume, key).await {
                return failed;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Everything up to the checkpoint of this moment.
    async fn once(&mut self, volume: &FileVolume, key: &VerifierKey) -> Result<(), AppError> {
        let mut reader = Reader::open(volume, key)?;
        let (size, root) = (reader.head().size, reader.head().root);
        self.continues(&mut reader)?;
        self.done.next = self.done.next.max(reader.lowest());
        while self.done.next < size {
            let bundle = reader.bundle(self.done.next / 256)?;
            let leaves: Vec<Leaf> = Leaf::of_bundle(bundle, self.done.next).collect();
            for batch in leaves.chunks(BATCH) {
                let lines = self.format.encode(&self.log, batch);
                self.deliver(lines).await?;
                self.done.entries += batch.len() as u64;
                self.done.next += batch.len() as u64;
                if let Some(keeper) = &mut self.keeper {
                    keeper.save(self.done.next, size, &hex(&root))?;
                }
            }
        }
        self.seen = Some((size, root));
        Ok(())
    }

    /// The log must be the one that was seen before, grown.
    fn continues(&self, reader: &mut Reader<'_>) -> Result<(), AppError> {
        if let Some((size, root)) = self.seen
            && !reader.grew_from(size, &root)?
        {
            let reason =
                "the log did not grow from the one that was read a moment ago: it was rewritten or put back";
            return Err(AppError::Delivery(reason.to_owned()));
        }
        let Some(keeper) = self.keeper.as_ref().filter(|k| self.seen.is_none() && k.cursor().size > 0) else {
            return Ok(());
        };
        let root = unhex(&keeper.cursor().root).ok_or_else(|| keeper.foreign())?;
        if reader.grew_from(keeper.cursor().size, &root)? { Ok(()) } else { Err(keeper.foreign()) }
    }

    async fn deliver(&mut self, lines: Vec<Vec<u8>>) -> Result<(), AppError> {
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            match Box::pin(self.sender.send(self.format, lines.clone())).await {
                Ok(()) => return Ok(()),
                Err(Refused::Never(why)) => {
                    return Err(AppError::Delivery(format!("{why} (entry {} on)", self.done.next)));
                }
                Err(Refused::Later(why, _)) if self.retries.is_some_and(|most| tried >= most) => {
                    let text =
                        format!("{why}; given up after {} attempts (entry {} on)", tried + 1, self.done.next);
                    return Err(AppError::Delivery(text));
                }
                Err(Refused::Later(why, after)) => {
                    let wait = after.unwrap_or(pause).clamp(FIRST_PAUSE, MOST_PAUSE);
                    (self.note)(&format!("{why}; trying again in {} ms", wait.as_millis()));
                    tokio::time::sleep(wait).await;
                    pause = pause.saturating_mul(2).min(MOST_PAUSE);
                    tried += 1;
                }
            }
        }
    }
}

fn hex(root: &Hash) -> String {
    root.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Hash> {
    let mut root = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (to, pair) in root.iter_mut().zip(text.as_bytes().chunks(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(root)
}
