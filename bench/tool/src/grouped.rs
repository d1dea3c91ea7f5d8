//! A file that is synced in groups: what waiting for the disk by itself costs whoever makes its records durable.

use anyhow::Context as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Bytes of an entry: about a record of Cordon's with its frame.
const ENTRY: usize = 400;
/// The file is written from its start again after as many bytes; all of it is there before, so that a sync writes data
/// alone.
const FILE: u64 = 16 << 20;

/// Where entries are handed in. One thread writes and syncs all that wait, then wakes who waits.
#[derive(Clone)]
pub(crate) struct Log(mpsc::Sender<oneshot::Sender<()>>);

impl Log {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        let block = vec![0; 1 << 20];
        for at in (0..FILE).step_by(block.len()) {
            file.write_all_at(&block, at)?;
        }
        file.sync_all()?;
        let (give, take) = mpsc::channel();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || commit(&file, &take))?;
        Ok(Self(give))
    }

    /// Returns when an entry is on the disk.
    pub(crate) async fn append(&self) -> anyhow::Result<()> {
        let (tell, told) = oneshot::channel();
        self.0.send(tell).ok().context("the log has ended")?;
        told.await.context("an entry was not written")
    }
}

/// Ends at the first error: then whoever waits is told so by the closed channel.
fn commit(file: &File, take: &mpsc::Receiver<oneshot::Sender<()>>) -> std::io::Result<()> {
    let (mut at, mut bytes, mut group) = (0, Vec::new(), Vec::new());
    while let Ok(first) = take.recv() {
        group.push(first);
        group.extend(take.try_iter());
        bytes.resize(group.len() * ENTRY, 7);
        if at + bytes.len() as u64 > FILE {
            at = 0;
        }
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        at += bytes.len() as u64;
        for tell in group.drain(..) {
            let _ = tell.send(());
        }
    }
    Ok(())
}
