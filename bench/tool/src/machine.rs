//! What it was measured on.

use crate::clock;
use crate::histogram::Histogram;
use crate::target::says;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

/// The machine, in words.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// When, in UTC.
    pub(crate) date: String,
    /// The processor.
    pub(crate) processor: String,
    /// Its cores.
    pub(crate) cores: usize,
    /// The kernel.
    pub(crate) kernel: String,
    /// The distribution.
    pub(crate) system: String,
    /// Cordon's revision.
    pub(crate) revision: String,
    /// A 4 KiB write and its `fdatasync` into a preallocated file where the data directories stand: median, in ms.
    pub(crate) sync_p50_ms: f64,
    /// The same, 99th percentile.
    pub(crate) sync_p99_ms: f64,
    /// The file system there.
    pub(crate) file_system: String,
}

impl Machine {
    /// Looks around; `folder` is where the data directories stand.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let processor = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("unknown");
        let release = read("/etc/os-release");
        let system = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown");
        let syncs = syncs(folder)?;
        Ok(Self {
            date: says(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
            processor: processor.trim_start_matches(['\t', ' ', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: system.trim_matches('"').to_owned(),
            revision: says(Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"])),
            sync_p50_ms: syncs.at(500),
            sync_p99_ms: syncs.at(990),
            file_system: file_system(folder),
        })
    }
}

/// The name of the file system that holds `folder`.
fn file_system(folder: &Path) -> String {
    let listed =
        Command::new("df").arg("--output=fstype").arg(folder).output().map(|o| o.stdout).unwrap_or_default();
    // A heading comes first.
    String::from_utf8_lossy(&listed).lines().nth(1).unwrap_or("unknown").trim().to_owned()
}

/// What a sync of one block takes, with nothing else going on.
fn syncs(folder: &Path) -> anyhow::Result<Histogram> {
    sync_times(folder, 4096, 500)
}

/// What a write of so many bytes and its `fdatasync` take, into a preallocated file, so many times.
pub(crate) fn sync_times(folder: &Path, bytes: usize, times: u64) -> anyhow::Result<Histogram> {
    const BLOCKS: u64 = 256;
    let (block, count) = (vec![7; bytes], times);
    let path = folder.join("sync.probe");
    let mut file = File::create(&path)?;
    for _ in 0..BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut times = Histogram::default();
    for n in 0..count {
        file.seek(SeekFrom::Start(n % BLOCKS * bytes as u64))?;
        let begun = clock::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.add(clock::now() - begun);
    }
    fs::remove_file(&path)?;
    Ok(times)
}
