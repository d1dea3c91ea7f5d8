//! A tool server that Cordon starts: one JSON-RPC message a line on its standard input and output.
//!
//! ```text
//! send --> stdin        stdout --> lines, each within its size        stderr --> read and dropped, its bytes counted
//! ```
//! What always holds: the command stands in the operator's file and no shell reads it; of Cordon's environment it gets
//! `PATH` and `HOME`; it leads a process group of its own, which is ended, by its number, when nobody holds the
//! [`Child`] any more. What it does not do: start it again; its owner does.

use crate::{client::Spawn, error::UpstreamError};
use bytes::{Bytes, BytesMut};
use cordon_policy::Permit;
use std::{
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    time::timeout,
};

/// How long a child has to end by itself once its input is closed.
const GRACE: Duration = Duration::from_secs(2);
/// Messages that wait for a child that does not read.
const QUEUE: usize = 64;

/// How to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildSettings {
    /// The program: a path, or a name that `PATH` finds.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, all of it.
    pub env: Vec<(String, String)>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Longest line that is taken from it.
    pub max_line: usize,
}

/// What comes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Message(Bytes),
    /// A line that is longer than permitted: it is over.
    TooLong,
    /// It closed its output, or ended.
    Over,
}

/// A running child. Dropped, it is ended.
#[derive(Debug)]
pub struct Child {
    input: mpsc::Sender<Bytes>,
    id: u32,
    complained: Arc<AtomicU64>,
}

impl Child {
    /// Starts it. What it says comes through `lines`; the task ends when that is dropped.
    pub fn start(
        settings: &ChildSettings,
        spawner: &dyn Spawn,
        lines: mpsc::Sender<Line>,
    ) -> Result<Self, UpstreamError> {
        let failed = |reason: String| UpstreamError::Start { reason };
        let mut child = Command::new(&settings.program)
            .args(&settings.args)
            .env_clear()
            .envs(settings.env.iter().map(|(k, v)| (k, v)))
            .current_dir(&settings.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let (Some(id), Some(stdin), Some(stdout), Some(stderr)) =
            (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it ended at once".to_owned()));
        };
        let (input, messages) = mpsc::channel(QUEUE);
        let complained = Arc::new(AtomicU64::new(0));
        let (max, counted) = (settings.max_line, complained.clone());
        spawner.spawn(
            "tool-server",
            Box::pin(async move {
                let group = Group(id);
                tokio::select! {
                    () = write(stdin, messages) => {}
                    () = read(stdout, max, lines) => {}
                    () = drain(stderr, &counted) => {}
                }
                // Its input is closed now, which asks it to end.
                let _ = timeout(GRACE, child.wait()).await;
                drop(group);
                let _ = child.wait().await;
            }),
        );
        Ok(Self { input, id, complained })
    }

    /// Sends what a caller said, and what the judge permitted.
    pub async fn send(&self, _permit: &Permit, message: Bytes) -> Result<(), UpstreamError> {
        self.send_own(message).await
    }

    /// Sends what the gateway made itself. INVARIANT: nothing of a caller's is in it.
    pub async fn send_own(&self, message: Bytes) -> Result<(), UpstreamError> {
        // A line end within a message would make two of it.
        let mut line = BytesMut::with_capacity(message.len() + 1);
        line.extend(message.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
        line.extend_from_slice(b"\n");
        self.input.send(line.freeze()).await.map_err(|_| UpstreamError::Ended)
    }

    /// Its process id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Bytes that it wrote to its standard error: dropped, since they may be content.
    #[must_use]
    pub fn complained(&self) -> u64 {
        self.complained.load(Ordering::Relaxed)
    }
}

/// Ends the child and all that it started, by the number of their group, however its task ends.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let group = i32::try_from(self.0).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn write(mut stdin: ChildStdin, mut messages: mpsc::Receiver<Bytes>) {
    while let Some(message) = messages.recv().await {
        if stdin.write_all(&message).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read(mut stdout: ChildStdout, max: usize, lines: mpsc::Sender<Line>) {
    let mut buffer = BytesMut::with_capacity(8_192);
    // Up to here there is no line end: what a long line had brought before is not looked through again.
    let mut seen = 0;
    loop {
        match stdout.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        while let Some(end) = buffer.iter().skip(seen).position(|b| *b == b'\n').map(|at| at + seen) {
            seen = 0;
            if end > max {
                let _ = lines.send(Line::TooLong).await;
                return;
            }
            let mut line = buffer.split_to(end + 1).freeze();
            line.truncate(end);
            if line.last() == Some(&b'\r') {
                line.truncate(end - 1);
            }
            if !line.is_empty() && lines.send(Line::Message(line)).await.is_err() {
                return;
            }
        }
        seen = buffer.len();
        if buffer.len() > max {
            let _ = lines.send(Line::TooLong).await;
            return;
        }
    }
    let _ = lines.send(Line::Over).await;
}

/// Reads to the end, and then waits: a server may close its standard error and go on.
async fn drain(mut stderr: ChildStderr, counted: &AtomicU64) {
    let mut buffer = [0; 4_096];
    while let Ok(n @ 1..) = read_some(&mut stderr, &mut buffer).await {
        counted.fetch_add(n as u64, Ordering::Relaxed);
    }
    std::future::pending::<()>().await;
}

async fn read_some(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> std::io::Result<usize> {
    from.read(buffer).await
}
