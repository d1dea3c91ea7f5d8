//! A gateway under test: how to reach it, and the process that is measured.

use crate::client::{Connection, Shot};
use crate::process::{self, Started};
use crate::prose;
use crate::upstream::PROBE;
use anyhow::Context as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a target is made with.
pub(crate) struct Place<'a> {
    /// The upstream.
    pub(crate) upstream: SocketAddr,
    /// A folder for its config, data and log: on a real disk.
    pub(crate) folder: &'a std::path::Path,
    /// Where the peers were installed.
    pub(crate) tools: &'a std::path::Path,
    /// The release binary.
    pub(crate) cordon: &'a std::path::Path,
}

/// A running target. Ends with this value.
pub(crate) struct Target {
    /// Its name in reports.
    pub(crate) name: String,
    /// How to reach it.
    pub(crate) shot: Arc<Shot>,
    /// Its process; none for a direct connection.
    pub(crate) process: Option<Started>,
    /// What is on, in words.
    pub(crate) what: String,
    /// Its version, as it says it.
    pub(crate) version: String,
    /// Its configuration, printed with the report.
    pub(crate) config: String,
    /// Whether a number that a guard should take out was kept from the upstream.
    pub(crate) guarded: Option<bool>,
}

impl Target {
    /// Waits until it gives a right answer, then sees whether its guard works.
    pub(crate) fn settle(&mut self, patience: Duration) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = tokio::task::LocalSet::new();
        let end = crate::clock::now() + u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let text = prose::Request::new(prose::MODEL, 1024, false, 0, prose::Shape::Fresh);
        loop {
            process::check_stop()?;
            let mut connection = Connection::new(self.shot.clone());
            let mark = prose::mark(1, false);
            let body = text.with(&mark);
            match tasks.block_on(&runtime, connection.ask(body, &mark)) {
                Ok(()) => break,
                Err(e) if crate::clock::now() > end => {
                    return Err(e.context(format!("{} does not answer", self.name)));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
            if let Some(process) = &mut self.process {
                process.check_alive()?;
            }
        }
        self.guarded = Some(tasks.block_on(&runtime, guarded(self.shot.clone()))?);
        Ok(())
    }
}

/// Sends a number that must not reach the upstream: masked or refused, both are right.
async fn guarded(shot: Arc<Shot>) -> anyhow::Result<bool> {
    let content =
        format!("{}probeaaa. My social security number is {PROBE}, please note it.", prose::BEFORE_MARK);
    let body = serde_json::json!({"model": prose::MODEL, "messages": [{"role": "user", "content": content}]});
    let mut connection = Connection::new(shot);
    let answer = connection.send(body.to_string().into()).await?;
    let body = http_body_util::BodyExt::collect(answer.into_body()).await?.to_bytes();
    Ok(memchr::memmem::find(&body, b"leaked!!").is_none())
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?.port())
}

/// Cordon's binary: the one that is named, else the one beside this tool.
pub(crate) fn binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("cordon"));
    let path = named.map_or_else(beside, |n| Ok(n.to_owned()))?;
    path.canonicalize()
        .with_context(|| format!("no {}: cargo build --profile dist -p cordon", path.display()))
}

/// The first line of what a command prints.
pub(crate) fn says(command: &mut std::process::Command) -> String {
    let Ok(out) = command.output() else { return "not found".to_owned() };
    let text = [out.stdout, out.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}
