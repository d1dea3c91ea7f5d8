//! `scan` and `catalogue`: what AI is in code, on a machine and in network logs; how good the list of services is.

mod args;
mod lines;
mod table;

pub(crate) use args::{Catalogue, Scan};

use crate::output;
use anyhow::{Context as _, anyhow};
use args::FailOn;
use cordon_app::SystemClock;
use cordon_app::scan::{AzureQuery, Live, ProbeQuery, ScanOptions, Scanned, Scope};
use cordon_inventory::Issue;
use cordon_inventory::cloud::Cloud;
use cordon_inventory::logs::{ColumnMap, Format};
use cordon_types::Clock as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn scan(root: &Path, options: &Scan) -> anyhow::Result<ExitCode> {
    let asked = asked(root, options)?;
    let scanned = cordon_app::scan::scan(&asked, &output::progress)?;
    output::progress("");
    if let Some(path) = &options.out {
        let mut file = new_file(path)?;
        lines::write(&scanned, &mut file).with_context(|| path.display().to_string())?;
        file.flush().with_context(|| path.display().to_string())?;
    }
    if options.json {
        // A closed pipe is no error.
        let _ = lines::write(&scanned, &mut std::io::stdout().lock());
    } else {
        let _ = table::write(&scanned, options.all, &mut std::io::stdout().lock());
    }
    for note in &scanned.notes {
        output::note(&format!("note: {note}"));
    }
    if scanned.more_notes > 0 {
        output::note(&format!("note: {} more like these", scanned.more_notes));
    }
    Ok(if fails(&scanned, &options.fail_on) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The report names hosts and users: for its owner alone, where the system can say so.
fn new_file(path: &PathBuf) -> anyhow::Result<std::io::BufWriter<std::fs::File>> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(std::io::BufWriter::new(options.open(path).with_context(|| path.display().to_string())?))
}

fn asked(root: &Path, options: &Scan) -> anyhow::Result<ScanOptions> {
    let format = match (&options.log_format, &options.csv_map) {
        (_, Some(map)) => Some(Format::Csv(ColumnMap::parse(map).map_err(|e| anyhow!("--csv-map: {e}"))?)),
        (Some(name), None) => Some(
            Format::from_name(name)
                .ok_or_else(|| anyhow!("--log-format: `{name}` is not known; there are {}", Format::NAMES))?,
        ),
        (None, None) => None,
    };
    let cloud_format =
        match &options.cloud_format {
            Some(name) => Some(Cloud::from_name(name).ok_or_else(|| {
                anyhow!("--cloud-format: `{name}` is not known; there are {}", Cloud::NAMES)
            })?),
            None => None,
        };
    let machine = options.machine || options.ports;
    let files = [&options.logs, &options.bom, &options.cloud];
    let live = live(options);
    let asks = live.azure.is_some() || live.probe.is_some();
    let named = machine || options.gateway || asks || files.iter().any(|f| !f.is_empty());
    let nothing = options.paths.is_empty() && !named;
    Ok(ScanOptions {
        // Without anything named, the folder one stands in.
        paths: if nothing { vec![PathBuf::from(".")] } else { options.paths.clone() },
        logs: options.logs.clone(),
        format,
        machine: machine.then(|| options.root.clone()),
        ports: options.ports,
        declared: options.declared.clone(),
        baseline: options.baseline.clone(),
        no_ignore: options.no_ignore,
        threads: options.threads,
        packages: false,
        gateway: options.gateway.then(|| root.to_owned()),
        boms: options.bom.clone(),
        clouds: options.cloud.clone(),
        cloud_format,
        live,
        least: options.min_confidence,
        dormant_days: options.dormant_days,
        now: i64::try_from(SystemClock::new().now()).unwrap_or(i64::MAX),
    })
}

/// What is asked over the network.
fn live(options: &Scan) -> Live {
    let (azure, probe) = (&options.azure, &options.probe);
    Live {
        azure: azure.azure.then(|| AzureQuery {
            base: azure.azure_base.clone(),
            authority: azure.azure_authority.clone(),
            tenant: azure.azure_tenant.clone(),
            client: azure.azure_client_id.clone(),
            secret_file: azure.azure_secret_file.clone(),
            token_file: azure.azure_token_file.clone(),
            scope: Scope {
                subscriptions: azure.azure_subscription.clone(),
                management_groups: azure.azure_management_group.clone(),
            },
        }),
        probe: (!probe.probe.is_empty()).then(|| ProbeQuery {
            targets: probe.probe.clone(),
            ports: probe.probe_ports.clone(),
            seconds: probe.probe_seconds,
            ca: probe.probe_ca.clone(),
        }),
    }
}

fn fails(scanned: &Scanned, on: &[FailOn]) -> bool {
    let issues = scanned.inventory.issues();
    let new = scanned.drift.iter().flatten().any(|d| matches!(d, cordon_inventory::Drift::New { .. }));
    on.iter().any(|f| match f {
        FailOn::New => new,
        FailOn::Bypass => issues.contains_key(&Issue::Bypass),
        FailOn::Secret => issues.contains_key(&Issue::Secret),
        FailOn::Shadow => issues.contains_key(&Issue::Shadow),
        FailOn::Forbidden => issues.contains_key(&Issue::Forbidden),
        FailOn::Unowned => issues.contains_key(&Issue::Unowned),
        FailOn::ReviewDue => issues.contains_key(&Issue::ReviewDue),
        FailOn::Risk => issues.contains_key(&Issue::Risk),
    })
}

pub(crate) fn catalogue(command: &Catalogue) -> anyhow::Result<ExitCode> {
    let Catalogue::Check { list, ordinary, missed, json } = command;
    let found = cordon_app::scan::check_catalogue(list)?;
    let clean = ordinary.as_ref().map(|path| cordon_app::scan::check_catalogue(path)).transpose()?;
    // Of what the catalogue says, how much is right: known in the list against known in both.
    let precision = clean.as_ref().and_then(|c| (found.known * 1000).checked_div(found.known + c.known));
    let tenths = |n: u64| format!("{}.{}", n / 10, n % 10);
    if *json {
        let wrong = clean.as_ref().map(|c| c.found.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>());
        output::json(&serde_json::json!({
            "names": found.names, "known": found.known, "unsure": found.unsure, "recall_thousandths": found.share(),
            "ordinary": clean.as_ref().map(|c| c.names), "false_positives": wrong,
            "precision_thousandths": precision, "missed": found.missed,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "recall    {}%   {} of {} names ({} more by rows of low precision alone)",
        tenths(found.share()),
        found.known,
        found.names,
        found.unsure
    ));
    if let (Some(clean), Some(precision)) = (&clean, precision) {
        output::line(&format!(
            "precision {}%   {} of {} ordinary names are taken for AI",
            tenths(precision),
            clean.known,
            clean.names
        ));
        for (name, vendor) in &clean.found {
            output::line(&format!("  {name}   as {vendor}"));
        }
    }
    if *missed {
        for name in &found.missed {
            output::line(&format!("missed {name}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
