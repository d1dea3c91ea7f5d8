//! Running other programs, from the repository's root, with their output passed through.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    // Cargo sets it for whoever runs through it; the package's own path serves where the binary is run alone.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map(Path::to_path_buf).unwrap_or(package)
}

/// A program, to be run in the root.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs it to its end; an error unless it succeeds.
pub(crate) fn command(mut command: Command) -> anyhow::Result<()> {
    let shown = shown(&command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Its standard output; an error unless it succeeds.
pub(crate) fn output(mut command: Command) -> anyhow::Result<String> {
    let shown = shown(&command);
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !done.status.success() {
        bail!("`{shown}` failed ({})", done.status);
    }
    String::from_utf8(done.stdout).with_context(|| format!("`{shown}` wrote something that is not UTF-8"))
}

/// Whether it succeeds, in silence.
pub(crate) fn succeeds(mut command: Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|s| s.success())
}

/// A heading, the step, and how long it took.
pub(crate) fn step(heading: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("\n== {heading}");
    let started = Instant::now();
    let done = step();
    let word = if done.is_ok() { "done" } else { "FAILED" };
    println!("== {heading}: {word} in {:.1} s", started.elapsed().as_secs_f64());
    done.with_context(|| heading.to_owned())
}

fn shown(command: &Command) -> String {
    let mut words = vec![Path::new(command.get_program()).display().to_string()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}
