//! Installs what the tests need and the machine lacks, by package name, through each system's own installer.
//!
//! What always holds: nothing is installed twice, and what belongs to the tests stays under `.tools/` and
//! `node_modules`. What it does not do: remove, upgrade or configure anything of the machine.

use crate::run;
use anyhow::{Context as _, anyhow, bail};
use std::path::{Path, PathBuf};

/// Where the tests' Python packages are.
pub(crate) fn venv_python() -> PathBuf {
    run::root().join(".tools/venv/bin/python")
}

/// Where the independent verifier of the record is, once installed.
pub(crate) fn verifier_python() -> PathBuf {
    run::root().join(".tools/venv312/bin/python")
}

/// Everything that is missing.
pub(crate) fn all() -> anyhow::Result<()> {
    programs()?;
    nextest()?;
    // Each has a folder of its own, and waits for its registry more than it works.
    let packages: [fn() -> anyhow::Result<()>; 5] =
        [python, agents, verifier, || node("tests/e2e/ts"), || node("examples/agents-typescript")];
    std::thread::scope(|scope| {
        let running = packages.map(|install| scope.spawn(install));
        running.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("an installer broke off"))?)
    })
}

fn has(name: &str) -> bool {
    let mut command = run::program(name);
    command.arg("--version");
    run::succeeds(command)
}

/// Programs that come with the system, by Debian's names.
fn programs() -> anyhow::Result<()> {
    let e2e = run::root().join("tests/e2e");
    let mut missing = Vec::new();
    if !has("cc") {
        missing.push("build-essential");
    }
    if e2e.join("requirements.txt").exists() {
        let mut probe = run::program("python3");
        probe.args(["-c", "import ensurepip, venv"]);
        if !run::succeeds(probe) {
            missing.extend(["python3", "python3-venv", "python3-pip"]);
        }
    }
    if e2e.join("ts/package.json").exists() && !(has("node") && has("npm")) {
        missing.extend(["nodejs", "npm"]);
    }
    // A real log server for exports. It stands in /usr/sbin, which is not on everybody's path.
    let log_server = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/bin/rsyslogd"];
    if e2e.join("test_export.py").exists() && !log_server.iter().any(|p| Path::new(p).exists()) {
        missing.push("rsyslog");
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !has("apt-get") {
        bail!("install {}, then run this again", missing.join(", "));
    }
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let mut id = run::program("id");
    id.arg("-u");
    let mut command = if run::output(id)?.trim() == "0" {
        run::program("apt-get")
    } else {
        let mut sudo = run::program("sudo");
        sudo.arg("apt-get");
        sudo
    };
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    run::command(command)
}

fn nextest() -> anyhow::Result<()> {
    let mut probe = run::cargo();
    probe.args(["nextest", "--version"]);
    if run::succeeds(probe) {
        return Ok(());
    }
    let mut install = run::cargo();
    install.args(["install", "--locked", "cargo-nextest"]);
    run::command(install)
}

/// The tests' own virtual environment, with what `tests/e2e/requirements.txt` names.
fn python() -> anyhow::Result<()> {
    let wanted = run::root().join("tests/e2e/requirements.txt");
    if !wanted.exists() {
        println!("skipped: tests/e2e/requirements.txt is not there, so no Python packages are installed");
        return Ok(());
    }
    let schemas = run::root().join("tests/e2e/requirements-schemas.txt");
    let stamp = run::root().join(".tools/venv/.installed");
    fresh(&[&wanted, &schemas], &stamp, || {
        venv("python3", &venv_python())?;
        for (file, more) in [(&wanted, &[][..]), (&schemas, &["--no-deps"][..])] {
            let mut pip = run::program(venv_python());
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(more);
            pip.arg("-r").arg(file);
            run::command(pip)?;
        }
        Ok(())
    })
}

fn venv(python: impl AsRef<std::ffi::OsStr>, result: &Path) -> anyhow::Result<()> {
    if result.exists() {
        return Ok(());
    }
    let folder = result.parent().and_then(Path::parent).context("a virtual environment has a folder")?;
    let mut make = run::program(python);
    make.args(["-m", "venv"]).arg(folder);
    run::command(make)
}

/// `aics-tlog` verifies the record with software that is not ours. It needs Python 3.12 or newer.
fn verifier() -> anyhow::Result<()> {
    let mut probe = run::program(verifier_python());
    probe.args(["-c", "import importlib.metadata as m; m.version('aics-tlog')"]);
    if run::succeeds(probe) {
        return Ok(());
    }
    let Some(python) = new_python() else {
        println!(
            "skipped: aics-tlog (the independent verifier) needs Python 3.12 or newer, and none was found"
        );
        return Ok(());
    };
    venv(python, &verifier_python())?;
    let mut pip = run::program(verifier_python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "aics-tlog"]);
    run::command(pip)
}

/// A Python of 3.12 or newer: on the path, or one that pyenv keeps.
fn new_python() -> Option<PathBuf> {
    let names = ["python3", "python3.14", "python3.13", "python3.12"].map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let mut kept: Vec<PathBuf> = std::fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin/python3"))
        .collect();
    kept.sort();
    names.into_iter().chain(kept).find(|python| {
        let mut probe = run::program(python);
        probe.args(["-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 12))"]);
        run::succeeds(probe)
    })
}

/// The agent SDK of the Python example, apart from the tests' own packages: it wants other versions of some.
fn agents() -> anyhow::Result<()> {
    let wanted = run::root().join("examples/agents-python/requirements.txt");
    let python = run::root().join(".tools/venv-agents/bin/python");
    fresh(&[&wanted], &run::root().join(".tools/venv-agents/.installed"), || {
        venv("python3", &python)?;
        let mut pip = run::program(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
        run::command(pip)
    })
}

/// What a folder's `package.json` names.
fn node(folder: &str) -> anyhow::Result<()> {
    let folder = run::root().join(folder);
    let (wanted, lock) = (folder.join("package.json"), folder.join("package-lock.json"));
    if !wanted.exists() {
        println!("skipped: {} is not there, so no npm packages are installed", wanted.display());
        return Ok(());
    }
    let locked = lock.exists();
    let inputs: &[&Path] = if locked { &[&wanted, &lock] } else { &[&wanted] };
    fresh(inputs, &folder.join("node_modules/.installed"), || {
        let mut npm = run::program("npm");
        npm.arg(if locked { "ci" } else { "install" }).args(["--no-audit", "--no-fund"]).current_dir(&folder);
        run::command(npm)
    })
}

/// Does the work unless the stamp says that it was done for these very files.
fn fresh(inputs: &[&Path], stamp: &Path, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let read = |p: &&Path| std::fs::read_to_string(p).with_context(|| format!("reading {}", p.display()));
    let now = inputs.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?.concat();
    if std::fs::read_to_string(stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    work()?;
    std::fs::write(stamp, now).with_context(|| format!("writing {}", stamp.display()))
}
