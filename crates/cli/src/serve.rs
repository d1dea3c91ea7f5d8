//! `serve`, `init`, `demo`, `gullible`.

use crate::args::{Demo, Gullible, Serve};
use crate::output;
use cordon_app::run::FirstKeys;
use cordon_app::{DataDir, Options, Running, signals};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs the gateway until it is told to stop.
pub(crate) fn serve(root: &Path, options: &Serve) -> anyhow::Result<ExitCode> {
    keep_to_itself();
    let (dir, _) = DataDir::open(root)?;
    let keep_in_files = options.json || !output::is_terminal();
    let start = Options { address: options.listen, admin_address: options.admin_listen };
    // Signals are taken before anything listens: a stop that comes early is a stop all the same.
    let signals = signals::Signals::take()?;
    let mut running = Running::start(dir, &start)?;
    let first = running.first_keys.take();
    let files = match &first {
        Some(keys) if keep_in_files => Some(running.write_first_keys(keys)?),
        _ => None,
    };
    let scheme = if running.addresses.tls { "https" } else { "http" };
    let base = format!("{scheme}://{}", running.addresses.model);
    if options.json {
        output::json(&json!({
            "openai_base_url": format!("{base}/v1"),
            "anthropic_base_url": base,
            "admin_url": format!("http://{}", running.addresses.admin),
            "control_socket": running.addresses.control,
            "data_dir": root,
            "ledger": root.join("ledger"),
            "public_key": root.join("keys/ledger.pub"),
            "admin_key_file": files.as_ref().map(|f| &f.0),
            "agent_key_file": files.as_ref().map(|f| &f.1),
        }));
    } else {
        welcome(root, &base, first.as_ref(), files.as_ref());
    }
    signals.wait(&running);
    running.stop()?;
    Ok(ExitCode::SUCCESS)
}

/// SECURITY: credentials stand in this process's memory, and some in its environment. Programs of the same user, the tool
/// servers that it starts among them, could read both where the kernel lets them look into a process.
fn keep_to_itself() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where the kernel refuses, it is as it was.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

fn welcome(
    root: &Path,
    base: &str,
    first: Option<&FirstKeys>,
    files: Option<&(std::path::PathBuf, std::path::PathBuf)>,
) {
    output::line(&format!("cordon is up. Data: {}", root.display()));
    output::line(&format!("  OpenAI clients:    base URL {base}/v1"));
    output::line(&format!("  Anthropic clients: base URL {base}"));
    match (first, files) {
        (Some(_), Some((admin, agent))) => {
            output::line(&format!("  agent key: {}", agent.display()));
            output::line(&format!("  admin key: {}", admin.display()));
        }
        (Some(keys), None) => {
            output::line("  Keys of this first start, shown once:");
            output::line(&format!("    agent `dev`: {}", keys.agent.expose()));
            output::line(&format!("    admin:       {}", keys.admin.expose()));
        }
        _ => {
            output::line("  Keys: as before (`cordon key list`; `cordon key create --agent NAME` makes one)")
        }
    }
    output::line("  Try it: model `gullible` needs no provider. `cordon demo` shows attacks being stopped.");
    output::line(&format!(
        "  Next: {} (upstreams, models), {} (what the agent may do)",
        root.join("cordon.toml").display(),
        root.join("agents/dev.toml").display()
    ));
}

/// Makes the data directory without running.
pub(crate) fn init(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let (dir, created) = DataDir::open(root)?;
    let files = dir.first_keys()?;
    if json {
        output::json(&json!({
            "data_dir": root,
            "created": created.fresh,
            "config": root.join("cordon.toml"),
            "admin_key_file": files.as_ref().map(|f| &f.0),
            "agent_key_file": files.as_ref().map(|f| &f.1),
        }));
    } else if let Some((admin, agent)) = &files {
        output::line(&format!("made {}; keys: {} and {}", root.display(), agent.display(), admin.display()));
    } else {
        output::line(&format!("{} is there already; nothing was changed", root.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays the demo.
pub(crate) fn demo(options: &Demo) -> anyhow::Result<ExitCode> {
    let json = options.json;
    if !json {
        output::line("A gateway of its own on loopback, before a model that obeys whatever it reads:");
        output::line(
            "what is stopped here, Cordon stopped. Each scene shows what decided, and the record of it.",
        );
    }
    let good = cordon_app::demo::play(options.keep.as_deref(), options.rounds, &mut |told| {
        if json { output::json(&told.to_json()) } else { output::line(&told.to_text()) }
    })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Serves the built-in model.
pub(crate) fn gullible(options: &Gullible) -> anyhow::Result<ExitCode> {
    cordon_app::gullible::serve(options.listen, |address| {
        output::json(&json!({"base_url": format!("http://{address}")}))
    })?;
    Ok(ExitCode::SUCCESS)
}
