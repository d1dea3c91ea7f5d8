//! `audit`: from files and the public key alone.

use crate::args::Audit;
use crate::{output, records};
use anyhow::Context as _;
use cordon_app::tools::audit::{self, Verdict};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn audit(root: &Path, command: &Audit) -> anyhow::Result<ExitCode> {
    let ledger_dir = |given: &Option<PathBuf>| given.clone().unwrap_or_else(|| root.join("ledger"));
    let default_key = root.join("keys/ledger.pub");
    match command {
        Audit::Verify { ledger, key, json } => {
            let key = key.clone().unwrap_or(default_key);
            return Ok(verify(audit::verify(&ledger_dir(ledger), &key)?, *json));
        }
        Audit::Show(options) => return records::show(root, options),
        Audit::Reconcile(options) => return records::reconcile(root, options),
        Audit::Export(options) => return records::export(root, options),
        Audit::Copy(options) => return records::copy(root, options),
        Audit::Prove { index, ledger, out } => {
            let proof = audit::prove(&ledger_dir(ledger), &default_key, *index)?;
            match out {
                Some(path) => {
                    std::fs::write(path, proof).with_context(|| path.display().to_string())?;
                    output::line(&format!(
                        "proof of record {index} written to {} (unwitnessed)",
                        path.display()
                    ));
                }
                None => output::line(proof.trim_end()),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(verdict: Verdict, json: bool) -> ExitCode {
    let (value, code) = match verdict {
        Verdict::Good(value) => (value, ExitCode::SUCCESS),
        Verdict::Tampered(value) => (value, ExitCode::from(3)),
    };
    if json {
        output::json(&value);
        return code;
    }
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    if value["verified"] == Value::Bool(true) {
        output::line(&format!(
            "verified: {} records of {}, root {} (unwitnessed)",
            value["size"],
            text("origin"),
            text("root")
        ));
    } else {
        output::line(&format!("TAMPERED: {} at {}: {}", text("class"), text("where"), text("detail")));
    }
    code
}
