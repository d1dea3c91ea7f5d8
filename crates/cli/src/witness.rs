//! `witness`: its own directory, its own keys, its own process.

use crate::args::Witness;
use crate::output;
use anyhow::{Context as _, bail};
use cordon_app::witness;
use cordon_ledger::Algorithm;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn witness(root: &Path, command: &Witness) -> anyhow::Result<ExitCode> {
    match command {
        Witness::Init { name, algorithm, json } => {
            let algorithms = algorithm.iter().map(|a| parse(a)).collect::<anyhow::Result<Vec<_>>>()?;
            let made = witness::init(root, name, &algorithms)?;
            if *json {
                output::json(&json!({"data_dir": root, "keys": made.keys, "logs": made.logs}));
            } else {
                output::line(&format!(
                    "made {}; list the logs that it accepts in {}",
                    root.display(),
                    made.logs.display()
                ));
                output::line(
                    "for the gateways' policy file (one of the lines, or each under a name of its own):",
                );
                made.keys.iter().for_each(|key| output::line(&format!("witness NAME {key} URL")));
            }
        }
        Witness::Serve { listen, plaintext_beyond_loopback, json } => {
            cordon_app::logging::start(&Default::default());
            witness::serve(root, *listen, *plaintext_beyond_loopback, |up| {
                let url = format!("http://{}", up.address);
                if *json {
                    output::json(&json!({"url": url, "keys": up.keys, "logs": up.logs}));
                } else {
                    output::line(&format!("the witness is up at {url}; it accepts {} logs", up.logs));
                }
            })?;
        }
        Witness::Key => {
            let path = root.join("keys/witness.pub");
            let keys = std::fs::read_to_string(&path)
                .with_context(|| format!("{}: make it with `cordon witness init`", path.display()))?;
            output::line(keys.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(name: &str) -> anyhow::Result<Algorithm> {
    match name {
        "ed25519" => Ok(Algorithm::CosignatureEd25519),
        "ml-dsa-44" => Ok(Algorithm::CosignatureMlDsa44),
        other => bail!("`{other}` is no algorithm; write `ed25519`, `ml-dsa-44`, or both with a comma"),
    }
}
