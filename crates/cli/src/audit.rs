//! `audit`: from files and the public key alone.

use crate::args::Audit;
use crate::{custody, output, records};
use anyhow::Context as _;
use cordon_app::tools::audit::{self, Beside, Verdict};
use cordon_app::tools::witnessed;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn audit(root: &Path, command: &Audit) -> anyhow::Result<ExitCode> {
    let ledger_dir = |given: &Option<PathBuf>| given.clone().unwrap_or_else(|| root.join("ledger"));
    let default_key = root.join("keys/ledger.pub");
    // A ledger that was copied elsewhere is not judged by this machine's config.
    let own = |given: &Option<PathBuf>| given.is_none().then_some(root);
    match command {
        Audit::Verify { ledger, key, policy, against, json } => {
            let key = key.clone().unwrap_or(default_key);
            let judge = witnessed::policy(own(ledger), policy.as_deref())?;
            let beside = Beside {
                policy: judge.as_ref(),
                demand_quorum: policy.is_some(),
                against: against.as_deref(),
            };
            let watch = |done: u64, of: u64| output::progress(&format!("{done} of {of} records"));
            let verdict = audit::verify(&ledger_dir(ledger), &key, &beside, &watch);
            output::progress("");
            return Ok(verify(verdict?, *json));
        }
        Audit::Show(options) => return records::show(root, options),
        Audit::Reconcile(options) => return records::reconcile(root, options),
        Audit::Sequences { place, json } => return records::sequences(root, place, *json),
        Audit::Export(options) => return records::export(root, options),
        Audit::Copy(options) => return records::copy(root, options),
        Audit::Epoch { command } => return custody::epoch(root, command),
        Audit::Erase(options) => return custody::erase(root, options),
        Audit::Hold { command } => return custody::hold(root, command),
        Audit::Prune { dry_run, json } => return custody::prune(root, *dry_run, *json),
        Audit::Receipt { file, key, json } => return custody::receipt(root, file, key.as_ref(), *json),
        Audit::Match { index, body, json } => return custody::matches(root, *index, body, *json),
        Audit::Prove { index, ledger, policy, out } => {
            let judge = witnessed::policy(own(ledger), policy.as_deref())?;
            let (proof, words) = audit::prove(&ledger_dir(ledger), &default_key, *index, judge.as_ref())?;
            match out {
                Some(path) => {
                    std::fs::write(path, proof).with_context(|| path.display().to_string())?;
                    output::line(&format!("proof of record {index} written to {} ({words})", path.display()));
                }
                None => {
                    output::note(&words);
                    output::line(proof.trim_end());
                }
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
            "verified: {} records of {}, root {} ({}){}",
            value["size"],
            text("origin"),
            text("root"),
            text("witnesses_say"),
            match value["minimum"].as_u64() {
                None | Some(0) => String::new(),
                Some(n) => format!("; those below {n} were pruned, their hashes verified"),
            }
        ));
        if let Some(size) = value["against"]["size"].as_u64() {
            output::line(&format!("it extends the kept checkpoint of {size} records"));
        }
    } else {
        output::line(&format!("TAMPERED: {} at {}: {}", text("class"), text("where"), text("detail")));
    }
    code
}
