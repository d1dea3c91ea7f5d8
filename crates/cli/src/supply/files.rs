//! Reports in files, for pipelines.

use anyhow::Context as _;
use cordon_supply::report::{Entry, junit, sarif};
use std::path::Path;

/// Writes SARIF and JUnit where they are asked for.
pub(super) fn reports(
    entries: &[Entry],
    suite: &str,
    sarif_to: Option<&Path>,
    junit_to: Option<&Path>,
) -> anyhow::Result<()> {
    if let Some(path) = sarif_to {
        let text = format!("{:#}\n", sarif(entries, env!("CARGO_PKG_VERSION")));
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = junit_to {
        std::fs::write(path, junit(entries, suite)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
