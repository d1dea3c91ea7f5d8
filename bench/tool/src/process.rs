//! Processes that the tool starts: found, measured and ended by their ids, with all their children.

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set by SIGINT and SIGTERM: every loop ends soon after, and what was started is ended.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the tool was told to stop.
pub(crate) fn stopping() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// An error when the tool was told to stop.
pub(crate) fn check_stop() -> anyhow::Result<()> {
    if stopping() { bail!("stopped by a signal") } else { Ok(()) }
}

/// Takes SIGINT and SIGTERM over.
pub(crate) fn take_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut int), Ok(mut term)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! { _ = int.recv() => (), _ = term.recv() => () }
            STOP.store(true, Ordering::Relaxed);
        });
    })?;
    Ok(())
}

/// A process that ends with this value.
pub(crate) struct Started {
    child: Child,
    what: String,
}

/// What a process and its children have used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu_seconds: f64,
    /// Resident memory now.
    pub(crate) resident_mb: f64,
    /// Most resident memory, summed over the processes.
    pub(crate) peak_mb: f64,
}

impl Started {
    /// Starts a command; its output goes to `log`.
    pub(crate) fn new(what: &str, command: &mut Command, log: &std::path::Path) -> anyhow::Result<Self> {
        let file = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {what}"))?;
        Ok(Self { child, what: what.to_owned() })
    }

    /// Starts a command that prints one line when it is ready, and gives that line.
    pub(crate) fn with_line(
        what: &str,
        command: &mut Command,
        log: &std::path::Path,
    ) -> anyhow::Result<(Self, String)> {
        let file = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {what}"))?;
        let mut started = Self { child, what: what.to_owned() };
        let out = started.child.stdout.take().context("no output")?;
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            if out.read_line(&mut line).is_ok() {
                let _ = tell.send(line);
            }
            let _ = std::io::copy(&mut out, &mut std::io::sink());
        });
        let line = told.recv_timeout(Duration::from_secs(60)).unwrap_or_default();
        if line.is_empty() {
            bail!("{what} did not start; see {}", log.display());
        }
        Ok((started, line.trim().to_owned()))
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error when it has ended.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status})", self.what),
        }
    }

    /// What it and its children have used so far.
    pub(crate) fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for pid in family(self.pid()) {
            sum.cpu_seconds += cpu(pid).unwrap_or(0.0);
            let (now, peak) = memory(pid);
            sum.resident_mb += now;
            sum.peak_mb += peak;
        }
        sum
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let family = family(self.pid());
        signal(self.pid(), Signal::TERM);
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Children of a parent that is gone: only those that were its own, and still are the same programs.
        for pid in family.into_iter().filter(|p| *p != self.child.id()) {
            if parent_of(pid).is_some_and(|p| p == 1 || p == self.child.id()) {
                signal(pid, Signal::KILL);
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The fields of `/proc/PID/stat` after the name.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// A process and all that descend from it.
fn family(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok())
            && let Some(parent) = parent_of(pid)
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut all = vec![root];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        all.extend(children.get(&pid).into_iter().flatten());
        at += 1;
    }
    all
}

fn cpu(pid: u32) -> Option<f64> {
    let fields = stat(pid)?;
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    #[allow(clippy::cast_precision_loss, reason = "ticks of a benchmark are far below 2^52")]
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn memory(pid: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}
