//! `inspect`.

use crate::args::Inspect;
use crate::output;
use anyhow::{Context as _, anyhow};
use cordon_app::tools::inspect::{Inspector, ROLES, kind};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Largest text of one call, in bytes.
const MAX_TEXT: u64 = 64 << 20;
/// Lines between two words of progress.
const PROGRESS: u64 = 10_000;

pub(crate) fn inspect(root: &Path, options: &Inspect) -> anyhow::Result<ExitCode> {
    let inspector = Inspector::open(root)?;
    let input: Box<dyn Read> = match &options.file {
        Some(path) => Box::new(File::open(path).with_context(|| path.display().to_string())?),
        None => Box::new(std::io::stdin()),
    };
    let found = if options.jsonl { lines(&inspector, input)? } else { whole(&inspector, input, options)? };
    Ok(if found && options.exit_code { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn lines(inspector: &Inspector, input: Box<dyn Read>) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut found = false;
    let watched = std::io::stderr().is_terminal();
    let mut reader = BufReader::new(input);
    let mut line = String::new();
    for n in 1_u64.. {
        line.clear();
        if reader.by_ref().take(MAX_TEXT).read_line(&mut line).with_context(|| format!("line {n}"))? == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let result = inspector.line(&line).with_context(|| format!("line {n}"))?;
        found |= result["findings"].as_array().is_some_and(|f| !f.is_empty());
        writeln!(out, "{result}")?;
        if watched && n % PROGRESS == 0 {
            output::note(&format!("{n} lines"));
        }
    }
    out.flush()?;
    Ok(found)
}

fn whole(inspector: &Inspector, input: Box<dyn Read>, options: &Inspect) -> anyhow::Result<bool> {
    let kind = kind(&options.role).ok_or_else(|| anyhow!(ROLES))?;
    let mut text = String::new();
    input.take(MAX_TEXT).read_to_string(&mut text).context("the text must be UTF-8")?;
    let result = inspector.inspect(&text, kind);
    let findings = result["findings"].as_array().cloned().unwrap_or_default();
    if options.json {
        output::json(&result);
    } else {
        let injection = &result["injection"];
        let flagged = if injection["flagged"] == true { " (flagged)" } else { "" };
        output::line(&format!("injection score {}{flagged}", injection["score"]));
        for f in &findings {
            output::line(&format!(
                "{:<20} bytes {}..{} confidence {}",
                f["kind"].as_str().unwrap_or_default(),
                f["start"],
                f["end"],
                f["confidence"]
            ));
        }
    }
    Ok(!findings.is_empty())
}
