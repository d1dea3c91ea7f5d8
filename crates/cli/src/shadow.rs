//! `shadow`: notes about services that are not approved, links to acknowledge them, and who did.

use crate::keys::ask;
use crate::output;
use anyhow::{Context as _, ensure};
use clap::{Subcommand, ValueEnum};
use cordon_app::shadow::{acknowledgements, digest, note, notes};
use cordon_inventory::Note;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Shadow {
    /// Print the note about one service: why not, what to use instead, whom to ask.
    Page {
        /// The service, by key or name as a scan prints it.
        service: String,
        /// What is approved, and what to offer instead: `inventory.toml`.
        #[arg(long, value_name = "FILE")]
        declared: Option<PathBuf>,
        /// In which form.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// How people reach the gateway: the note gets a link by which `--person` acknowledges it.
        #[arg(long, value_name = "URL", requires = "person")]
        gateway_url: Option<String>,
        /// For whom the link is, as front ends name them (`x-cordon-user`). Kept as a pseudonym only.
        #[arg(long, value_name = "NAME", requires = "gateway_url")]
        person: Option<String>,
        /// How long the link holds.
        #[arg(long, value_name = "N", default_value_t = 336)]
        hours: u64,
    },
    /// Write a page for every service that a scan shows as not approved.
    Pages {
        /// The scan: what `cordon scan --out` wrote.
        #[arg(long, value_name = "FILE")]
        scan: PathBuf,
        /// What is approved, and what to offer instead: `inventory.toml`.
        #[arg(long, value_name = "FILE")]
        declared: Option<PathBuf>,
        /// Where to; made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Record that a person acknowledged the note about a service.
    Acknowledge {
        /// The service, by key or name.
        service: String,
        /// Who, as front ends name them. Kept as a pseudonym only.
        #[arg(long, value_name = "NAME")]
        person: String,
        /// The `inventory.toml` whose words were shown.
        #[arg(long, value_name = "FILE")]
        declared: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List acknowledgements.
    List {
        /// Print JSON lines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Plain text.
    Text,
    /// A page of its own: no script, no style, nothing loaded.
    Html,
    /// Markdown.
    Md,
    /// A mail's subject and text.
    Mail,
}

pub(crate) fn shadow(root: &Path, command: &Shadow) -> anyhow::Result<ExitCode> {
    match command {
        Shadow::Page { service, declared, format, gateway_url, person, hours } => {
            let mut note = note(service, declared.as_deref())?;
            if let (Some(url), Some(person)) = (gateway_url, person) {
                note.link = Some(link(root, &note, url, person, *hours)?);
            }
            let text = match format {
                Format::Text => note.plain(),
                Format::Html => note.html(),
                Format::Md => note.markdown(),
                Format::Mail => note.mail(),
            };
            output::line(text.trim_end_matches('\n'));
        }
        Shadow::Pages { scan, declared, out } => pages(scan, declared.as_deref(), out)?,
        Shadow::Acknowledge { service, person, declared, json } => {
            let note = note(service, declared.as_deref())?;
            let body = json!({"service": note.key, "text": digest(&note).to_string(), "person": person});
            let done = ask(root, "POST", "/cordon/v1/shadow/acknowledgements", &body)?;
            if *json {
                output::json(&done);
            } else {
                output::line(&format!(
                    "recorded: {} by {}",
                    note.key,
                    done["by"].as_str().unwrap_or_default()
                ));
            }
        }
        Shadow::List { json } => list(&acknowledgements(root)?, *json),
    }
    Ok(ExitCode::SUCCESS)
}

/// A link to the gateway, which signs it.
fn link(root: &Path, note: &Note, url: &str, person: &str, hours: u64) -> anyhow::Result<String> {
    let base = url.trim_end_matches('/');
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://")).unwrap_or("");
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '/' | '[' | ']' | '_');
    ensure!(
        !rest.is_empty() && rest.chars().all(good),
        "--gateway-url: write it as https://gateway.example.com"
    );
    let text = digest(note).to_string();
    let body = json!({"service": note.key, "text": text, "person": person, "hours": hours});
    let made = ask(root, "POST", "/cordon/v1/shadow/links", &body)?;
    let part = |name: &str| made[name].as_str().context("the gateway made no link");
    Ok(format!("{base}{}?token={}", part("path")?, part("token")?))
}

fn pages(scan: &Path, declared: Option<&Path>, out: &Path) -> anyhow::Result<()> {
    let all = notes(scan, declared)?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    for note in &all {
        let path = out.join(format!("{}.html", note.key));
        let mut file = std::fs::File::create(&path).with_context(|| path.display().to_string())?;
        file.write_all(note.html().as_bytes()).with_context(|| path.display().to_string())?;
    }
    output::line(&format!("{} pages in {}", all.len(), out.display()));
    Ok(())
}

fn list(all: &[Value], json: bool) {
    for one in all {
        if json {
            output::json(one);
            continue;
        }
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let at = one["at"].as_u64().unwrap_or(0);
        let way = if one["link"] == Value::Bool(true) { "by link" } else { "by an admin" };
        output::line(&format!(
            "{}  {:<24} {}  {way}  text {}",
            cordon_types::time::rfc3339(at),
            text("service"),
            text("by"),
            text("text")
        ));
    }
}
