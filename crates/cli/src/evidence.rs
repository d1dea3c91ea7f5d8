//! `evidence`: frameworks and controls, one evidence type's figures, packs, and their verification.

use crate::output;
use clap::Subcommand;
use cordon_app::evidence::{self, Wanted};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Evidence {
    /// List the frameworks.
    Frameworks {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List controls, and by which evidence each is shown.
    Controls {
        /// Only this framework's.
        #[arg(long, default_value = "all")]
        framework: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print one evidence type's figures over a period, as JSON.
    Query {
        /// Such as `EV-DEC`.
        evidence: String,
        /// From this time on: `2026-11-25`, `2026-11-25T14:03:09Z`, or milliseconds since 1970.
        #[arg(long)]
        from: String,
        /// Before this time.
        #[arg(long)]
        to: String,
    },
    /// Make a pack: one page a control, figures, sample records with proofs, OSCAL.
    Export {
        /// A framework (`cordon evidence frameworks` lists them), or `all`.
        #[arg(long)]
        framework: String,
        /// From this time on: `2026-11-25`, `2026-11-25T14:03:09Z`, or milliseconds since 1970.
        #[arg(long)]
        from: String,
        /// Before this time.
        #[arg(long)]
        to: String,
        /// A new folder, or a new file that ends with `.zip`.
        #[arg(long, value_name = "DIR|FILE.zip")]
        out: PathBuf,
        /// Tie it to the checkpoint that is published now, with its cosignatures. A later export then differs.
        #[arg(long)]
        anchor: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify a pack, offline: hashes, proofs, signatures.
    Verify {
        /// The folder or zip.
        pack: PathBuf,
        /// The log's public key, from a source that you trust; the pack's own without.
        #[arg(long)]
        key: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn evidence(root: &Path, command: &Evidence) -> anyhow::Result<ExitCode> {
    match command {
        Evidence::Frameworks { json } => frameworks(*json)?,
        Evidence::Controls { framework, json } => controls(framework, *json)?,
        Evidence::Query { evidence, from, to } => {
            let answer = evidence::query(root, evidence, evidence::period(from, to)?)?;
            output::json(&serde_json::to_value(answer)?);
        }
        Evidence::Export { framework, from, to, out, anchor, json } => {
            let wanted = Wanted {
                framework: framework.clone(),
                period: evidence::period(from, to)?,
                out: out.clone(),
                anchor: *anchor,
                now: cordon_types::Clock::now(&cordon_app::SystemClock::new()),
            };
            export(root, &wanted, *json)?;
        }
        Evidence::Verify { pack, key, json } => return verify(pack, key.as_deref(), *json),
    }
    Ok(ExitCode::SUCCESS)
}

fn frameworks(json: bool) -> anyhow::Result<()> {
    for f in &evidence::catalogue()?.frameworks {
        if json {
            output::json(&json!({
                "framework": f.slug, "name": f.name, "version": f.version, "controls": f.controls.len(),
                "source": f.source, "licence": f.licence,
            }));
        } else {
            output::line(&format!(
                "{:<14} {:>3} controls  {} ({})",
                f.slug,
                f.controls.len(),
                f.name,
                f.version
            ));
        }
    }
    Ok(())
}

fn controls(framework: &str, json: bool) -> anyhow::Result<()> {
    let catalogue = evidence::catalogue()?;
    let chosen = catalogue.chosen(framework);
    anyhow::ensure!(
        !chosen.is_empty(),
        "there is no framework `{framework}`; `cordon evidence frameworks` lists them"
    );
    for f in chosen {
        for c in &f.controls {
            let evidence: Vec<&str> = c.evidence.iter().map(|e| e.name()).collect();
            if json {
                output::json(&json!({
                    "framework": f.slug, "control": c.id, "title": c.title, "title_is_official": c.title_is_official,
                    "asks": c.asks, "evidence": evidence, "coverage": c.coverage.name(), "verified": c.verified,
                }));
            } else {
                let (slug, id, coverage) = (&f.slug, &c.id, c.coverage.name());
                output::line(&format!(
                    "{slug:<14} {id:<20} {coverage:<8} {} [{}]",
                    c.title,
                    evidence.join(", ")
                ));
            }
        }
    }
    Ok(())
}

fn export(root: &Path, wanted: &Wanted, json: bool) -> anyhow::Result<()> {
    let made = evidence::export(root, wanted)?;
    if json {
        output::json(&json!({
            "out": wanted.out, "files": made.files, "controls": made.controls, "records": made.records,
            "proofs": made.proofs, "size": made.size, "reproducible": made.of_period, "notes": made.notes,
        }));
        return Ok(());
    }
    output::line(&format!(
        "{}: {} controls, {} records in the period, {} proofs under a checkpoint of {} entries",
        wanted.out.display(),
        made.controls,
        made.records,
        made.proofs,
        made.size
    ));
    made.notes.iter().for_each(|n| output::note(&format!("note: {n}")));
    Ok(())
}

fn verify(pack: &Path, key: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let (report, own_key) = evidence::verify(pack, key)?;
    let good = report.problems.is_empty();
    if json {
        let value: Value = json!({
            "verified": good, "files": report.files, "proofs": report.proofs, "signed": report.signed,
            "anchored": report.anchored, "origin": report.origin, "size": report.size, "root": report.root,
            "key_from_pack": own_key, "problems": report.problems,
        });
        output::json(&value);
    } else if good {
        let signed = if report.signed { "signed" } else { "not signed" };
        output::line(&format!(
            "verified: {} files, {} proofs under {} entries of {}; manifest {signed}",
            report.files, report.proofs, report.size, report.origin
        ));
    } else {
        report.problems.iter().for_each(|p| output::line(&format!("NOT VERIFIED: {p}")));
    }
    if own_key && !json {
        output::note(
            "note: the key was the pack's own; compare it with one from a source that you trust, with `--key`",
        );
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
