//! `bom`: a scan as CycloneDX or SPDX.

use super::args::{Bom, Format};
use super::{now, packages};
use crate::output;
use anyhow::{Context as _, ensure};
use cordon_app::scan::{ScanOptions, scan};
use cordon_app::supply;
use cordon_supply::bom;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn bom(options: &Bom) -> anyhow::Result<ExitCode> {
    let serial = options.serial.as_ref().map(|s| s.to_ascii_lowercase());
    ensure!(
        serial.as_deref().is_none_or(is_uuid),
        "--serial: write a UUID, as 3e671687-395b-41f5-a30f-a58921a69b79"
    );
    let nothing = options.paths.is_empty() && options.bom.is_empty() && !options.machine;
    let now = now();
    let asked = ScanOptions {
        paths: if nothing { vec![PathBuf::from(".")] } else { options.paths.clone() },
        boms: options.bom.clone(),
        declared: options.declared.clone(),
        machine: options.machine.then(|| options.root.clone()),
        no_ignore: options.no_ignore,
        threads: options.threads,
        packages: !options.ai_only,
        ..packages(now)
    };
    let scanned = scan(&asked, &output::progress)?;
    output::progress("");
    let subject = options.name.clone().unwrap_or_else(|| subject(asked.paths.first().or(asked.boms.first())));
    let bill = supply::bill(&scanned, &subject, serial, now);
    let document = match options.format {
        Format::Cyclonedx => bom::cyclonedx(&bill),
        Format::Spdx => bom::spdx(&bill),
        Format::Spdx3 => bom::spdx3(&bill),
    };
    match &options.out {
        None => output::line(&format!("{document:#}")),
        Some(path) => {
            std::fs::write(path, format!("{document:#}\n")).with_context(|| path.display().to_string())?;
            output::note(&format!("{}: {} parts", path.display(), bill.parts.len()));
        }
    }
    for note in &scanned.notes {
        output::note(&format!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of the folder or file, made whole: `.` has none.
fn subject(path: Option<&PathBuf>) -> String {
    let whole = path.and_then(|p| Path::new(p).canonicalize().ok());
    let name = whole.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "this machine".to_owned())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))
}
