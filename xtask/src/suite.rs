//! `cargo xtask test`: everything that has to pass, in the order in which it fails fastest.

use crate::run::{self, step};
use crate::{install, layers, report, tidy};
use anyhow::Context as _;
use std::path::PathBuf;

/// Seconds for each fuzz target in a test run: enough for the corpus and some thousand inputs more.
const SMOKE_SECONDS: u32 = 5;

/// Installs, then runs; stops at the first failure.
pub(crate) fn test(all: bool, install: bool) -> anyhow::Result<()> {
    if install {
        step("install what the tests need", install::all)?;
    }
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("layers", || report("layers", &layers::check()?))?;
    step("tidy", || report("tidy", &tidy::check()?))?;
    step("unit, property and matrix tests", || cargo(&["nextest", "run", "--workspace"]))?;
    step("documentation tests", || cargo(&["test", "--doc", "--workspace"]))?;
    step("fuzz, briefly", || fuzz(SMOKE_SECONDS))?;
    step("the binary", || cargo(&["build", "--package", "cordon"]))?;
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

/// The drivers in `fuzz/`, which need no nightly compiler.
pub(crate) fn fuzz(seconds: u32) -> anyhow::Result<()> {
    let manifest = run::root().join("fuzz/Cargo.toml");
    if !manifest.exists() {
        println!("skipped: fuzz/Cargo.toml is not there");
        return Ok(());
    }
    let mut command = run::cargo();
    command.args(["run", "--release", "--manifest-path"]).arg(manifest);
    command.args(["--bin", "smoke", "--", "--seconds", &seconds.to_string()]);
    run::command(command)
}

/// The black box. The binary is the one of the `dev` profile: its overflow checks and debug assertions are on, and
/// it is nearly built when the unit tests are.
fn end_to_end() -> anyhow::Result<()> {
    let runner = run::root().join("tests/e2e/run.py");
    if !runner.exists() {
        println!("skipped: tests/e2e/run.py is not there");
        return Ok(());
    }
    let python = install::venv_python();
    let python = if python.exists() { python } else { PathBuf::from("python3") };
    let mut command = run::program(python);
    command.arg(runner).env("CORDON_BIN", binary()?);
    let verifier = install::verifier_python();
    if verifier.exists() {
        command.env("CORDON_TLOG_PYTHON", verifier);
    } else {
        println!("skipped by the tests: aics-tlog, for want of a Python of 3.12 or newer");
    }
    run::command(command)
}

/// Where the built binary is.
fn binary() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(run::root()).no_deps().exec();
    let target = metadata.context("asking cargo for its target directory")?.target_directory;
    Ok(target.join("debug/cordon").into_std_path_buf())
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
