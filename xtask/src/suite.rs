//! `cargo xtask test`: everything that has to pass, in the order in which it fails fastest.

use crate::run::{self, step};
use crate::workspace::Workspace;
use crate::{install, layers, report, tidy};
use std::path::PathBuf;

/// Seconds for all fuzz targets together in a test run: the seeds, then a second each of inputs made from them.
const SMOKE_SECONDS: u32 = 40;

/// Installs, then runs; stops at the first failure.
pub(crate) fn test(all: bool, install: bool) -> anyhow::Result<()> {
    if install {
        step("install what the tests need", install::all)?;
    }
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("layers", || report("layers", &layers::check()?))?;
    step("tidy", || report("tidy", &tidy::check()?))?;
    // Asked for together, all that is run below is built once, with the same features of every library.
    step("build", || cargo(&["build", "--workspace", "--bins", "--tests"]))?;
    // What is handed out has to build without what only tests and tools ask of its libraries.
    step("the binary by itself", || cargo(&["check", "--package", "cordon"]))?;
    step("unit, property and matrix tests", || cargo(&["nextest", "run", "--workspace"]))?;
    step("documentation tests", || cargo(&["test", "--doc", "--workspace"]))?;
    step("fuzz, briefly", || smoke(SMOKE_SECONDS))?;
    step("end to end", end_to_end)?;
    if all {
        step("dependencies", dependencies)?;
    }
    println!("\nall passed");
    Ok(())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = run::cargo();
    command.args(arguments);
    run::command(command)
}

/// The drivers in `fuzz/`, which need no nightly compiler, as the tests build them: every arithmetic slip shows.
pub(crate) fn fuzz(seconds: u32) -> anyhow::Result<()> {
    cargo(&["build", "--package", "cordon-fuzz"])?;
    smoke(seconds)
}

/// The built drivers.
fn smoke(seconds: u32) -> anyhow::Result<()> {
    let mut command = run::program(built("smoke")?);
    command.args(["--seconds", &seconds.to_string()]);
    run::command(command)
}

/// The black box. The binary is the one of the `dev` profile: its overflow checks and debug assertions are on.
fn end_to_end() -> anyhow::Result<()> {
    let runner = run::root().join("tests/e2e/run.py");
    if !runner.exists() {
        println!("skipped: tests/e2e/run.py is not there");
        return Ok(());
    }
    let python = install::venv_python();
    let python = if python.exists() { python } else { PathBuf::from("python3") };
    let mut command = run::program(python);
    command.arg(runner).env("CORDON_BIN", built("cordon")?);
    let verifier = install::verifier_python();
    if verifier.exists() {
        command.env("CORDON_TLOG_PYTHON", verifier);
    } else {
        println!("skipped by the tests: aics-tlog, for want of a Python of 3.12 or newer");
    }
    run::command(command)
}

/// Where a built binary is.
fn built(name: &str) -> anyhow::Result<PathBuf> {
    Ok(Workspace::members_only()?.target_directory.join("debug").join(name))
}

/// Licences, bans and sources. The advisory database has to be fetched, which a machine without network cannot.
fn dependencies() -> anyhow::Result<()> {
    let mut probe = run::cargo();
    probe.args(["deny", "--version"]);
    if !run::succeeds(probe) {
        println!("skipped: cargo-deny is not installed (`cargo install --locked cargo-deny`)");
        return Ok(());
    }
    cargo(&["deny", "check", "bans", "licenses", "sources"])
}
