//! `mcp`: tool servers, what they declare ([`crate::servers`]) and their refresh tokens; local clients behind the gateway:
//! the bridge that stands in for their servers, and the rewriting of their configurations.

use crate::output;
use crate::servers::{self, Approve, Review, Servers, Unapprove};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use cordon_app::interfaces::describe;
use cordon_app::mcp::import::{Restored, Sources, plan, restore};
use cordon_app::mcp::operator::{Wanted, find, free_id, lines, listed};
use cordon_app::mcp::wrap::{Gateway, bridge};
use cordon_app::oauth::{put_refresh_token, remove_refresh_token, with_refresh_tokens};
use cordon_types::{Secret, ServerId};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most that is read of a token: beyond its own limit, so that one that is too long is said to be.
const MAX_INPUT: u64 = 64 * 1024;

#[derive(Subcommand)]
pub(crate) enum Mcp {
    /// List the tool servers: how they are, and how many of their tools are quarantined.
    Servers(Servers),
    /// Show what a server declares that is not approved, and what in it is remarkable.
    Review(Review),
    /// Approve what a server declares: its tools may be used as they are now.
    Approve(Approve),
    /// Take an approval back: the server's tools are quarantined.
    Unapprove(Unapprove),
    /// Stand in for a stdio server: carry a client's messages to the gateway, which runs the server.
    Wrap(Wrap),
    /// Show which local clients' servers would go through the gateway; with `--write`, make it so.
    Import(Import),
    /// List what tools an OpenAPI document becomes, as lines for a manifest.
    Openapi(Openapi),
    /// The refresh tokens by which the gateway gets its own tokens for tool servers.
    Token {
        #[command(subcommand)]
        command: Token,
    },
    /// Put back the clients' configurations of before an import.
    Restore {
        /// The backup's folder; the newest without.
        backup: Option<PathBuf>,
        /// Also over files that were changed since.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Put a server's refresh token in, from standard input; it is kept encrypted.
    Set {
        /// The server's id.
        server: String,
    },
    /// Take a server's refresh token out.
    Remove {
        /// The server's id.
        server: String,
    },
    /// Which servers need one, and have one.
    List,
}

#[derive(Args)]
pub(crate) struct Wrap {
    /// The server's id in the operator's file; else it is found by its command.
    #[arg(long, value_name = "ID", required_unless_present = "command")]
    server: Option<String>,
    /// A file with the agent's key. Without, `CORDON_KEY`.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The gateway; else as the config says it listens.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// PEM file of the authorities trusted for the gateway.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Only print the lines that the operator's file needs for this command.
    #[arg(long)]
    print: bool,
    /// The server's command, exactly as it stands in the operator's file. It is not run here.
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Openapi {
    /// The document: JSON or YAML.
    file: PathBuf,
    /// The server's id in the operator's file.
    #[arg(long, value_name = "ID", default_value = "api")]
    server: String,
    /// Which operations, as in `operations` of the operator's file. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    operation: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Import {
    /// A file with the agent's key, for the clients (`cordon key create --agent NAME --out FILE` makes one).
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// A home directory to look into; yours without. May be repeated.
    #[arg(long, value_name = "DIR")]
    home: Vec<PathBuf>,
    /// A further configuration: a project's. May be repeated.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Write it: backups, the operator's entries, the clients' files.
    #[arg(long)]
    write: bool,
}

pub(crate) fn mcp(root: &Path, default_root: bool, command: &Mcp) -> anyhow::Result<ExitCode> {
    match command {
        Mcp::Servers(options) => servers::servers(root, options),
        Mcp::Review(options) => servers::review(root, options),
        Mcp::Approve(options) => servers::approve(root, options),
        Mcp::Unapprove(options) => servers::unapprove(root, options),
        Mcp::Wrap(options) => wrap(root, options),
        Mcp::Import(options) => import(root, default_root, options),
        Mcp::Openapi(options) => openapi(options),
        Mcp::Token { command } => token(root, command),
        Mcp::Restore { backup, force } => {
            let mut left = false;
            for (path, what) in restore(root, backup.as_deref(), *force)? {
                let word = match what {
                    Restored::Back => "back as it was",
                    Restored::Already => "was as before already",
                    Restored::Changed => "was changed since, and left alone (`--force` puts it back)",
                };
                left |= what == Restored::Changed;
                output::line(&format!("{}: {word}", path.display()));
            }
            Ok(if left { ExitCode::from(3) } else { ExitCode::SUCCESS })
        }
    }
}

/// What an operation does is for the operator to say: the lines name it, and leave the effect open.
fn openapi(options: &Openapi) -> anyhow::Result<ExitCode> {
    let (operations, skipped) = describe(&options.file, &options.operation)?;
    for operation in &operations {
        let arguments: Vec<String> =
            operation.arguments.iter().map(|(name, position)| format!("{name} ({position})")).collect();
        let route = format!("{} {}: {}", operation.method, operation.path, arguments.join(", "));
        output::line(&format!("# {}", visible(&route)));
        output::line(&format!("[[tools]]\nname = \"{}__{}\"", options.server, operation.tool));
        output::line(
            "# effect = \"read\", \"write\", \"send\", \"execute\" or \"spend\": until you say it, calls are refused\n",
        );
    }
    for problem in &skipped {
        output::note(&format!("no tool: {problem}"));
    }
    output::note(&format!("{} operations, {} that can be no tools", operations.len(), skipped.len()));
    Ok(ExitCode::SUCCESS)
}

/// A document's words for a terminal: on one line, and nothing that acts on it.
fn visible(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}

fn token(root: &Path, command: &Token) -> anyhow::Result<ExitCode> {
    let told = |runs: bool| {
        if runs { "the gateway goes by it" } else { "no gateway took notice; it will at its start" }
    };
    match command {
        Token::Set { server } => {
            let id = ServerId::new(server)?;
            // Not an argument: those stand in the shell's history, and in the list of processes.
            let mut text = String::new();
            std::io::stdin().take(MAX_INPUT).read_to_string(&mut text).context("reading standard input")?;
            let token = Secret::new(text.trim().to_owned());
            drop(Secret::new(text));
            let runs = put_refresh_token(root, &id, &token)?;
            output::line(&format!("{id}: stored; {}", told(runs)));
        }
        Token::Remove { server } => {
            let id = ServerId::new(server)?;
            match remove_refresh_token(root, &id)? {
                Some(runs) => output::line(&format!("{id}: removed; {}", told(runs))),
                None => {
                    output::line(&format!("{id}: there was none"));
                    return Ok(ExitCode::from(3));
                }
            }
        }
        Token::List => {
            for (id, stored) in with_refresh_tokens(root)? {
                output::line(&format!("{id}: {}", if stored { "stored" } else { "missing" }));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// SECURITY: nothing is started here, whatever stands behind `--`: the words are only looked up.
fn wrap(root: &Path, options: &Wrap) -> anyhow::Result<ExitCode> {
    if options.print && !options.command.is_empty() {
        let taken = listed(root).unwrap_or_default();
        let id = named(&options.command, |id| taken.iter().any(|l| l.id == id));
        output::line(lines(&id, &options.command, &[]).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let config = root.join("cordon.toml");
    let known =
        listed(root).with_context(|| "the operator's file says which servers there are".to_owned())?;
    let wanted = match &options.server {
        Some(id) => Wanted::Id(id),
        None => Wanted::Command(&options.command),
    };
    let Some(server) = find(&known, wanted) else {
        output::error(&format!(
            "no server in {} fits; the operator adds it there, and reloads:",
            config.display()
        ));
        let id = match &options.server {
            Some(id) => id.clone(),
            None => named(&options.command, |id| known.iter().any(|l| l.id == id)),
        };
        output::note(lines(&id, &options.command, &[]).trim_end());
        return Ok(ExitCode::from(3));
    };
    if options.server.is_some() && !options.command.is_empty() {
        let same = known.iter().any(|l| l.id == server && l.command == options.command);
        anyhow::ensure!(same, "server `{server}` has another command in {}", config.display());
    }
    let url = match &options.url {
        Some(url) => url.clone(),
        None => cordon_app::mcp::wrap::address(root)?,
    };
    let gateway = Gateway { url, server: server.to_owned(), key: key(options.key_file.as_deref())? };
    let input = std::io::BufReader::new(std::io::stdin());
    bridge(&gateway, options.ca_file.as_deref(), input, std::io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

/// An id for a command: after its program.
fn named(command: &[String], taken: impl Fn(&str) -> bool) -> String {
    let program = command.first().map(|p| p.rsplit('/').next().unwrap_or(p)).unwrap_or_default();
    free_id(program, taken)
}

#[allow(clippy::disallowed_methods, reason = "the command line reads the environment and hands values on")]
fn key(file: Option<&Path>) -> anyhow::Result<Secret> {
    if let Some(path) = file {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
        return Ok(Secret::new(text.trim().to_owned()));
    }
    match std::env::var("CORDON_KEY") {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim().to_owned())),
        _ => bail!("give the agent's key: `--key-file FILE`, or CORDON_KEY"),
    }
}

#[allow(clippy::disallowed_methods, reason = "the command line reads the environment and hands values on")]
fn import(root: &Path, default_root: bool, options: &Import) -> anyhow::Result<ExitCode> {
    let homes = if options.home.is_empty() {
        vec![PathBuf::from(std::env::var_os("HOME").context("no home directory; name one with `--home`")?)]
    } else {
        options.home.clone()
    };
    let key_file = options
        .key_file
        .canonicalize()
        .with_context(|| format!("{}: cannot read", options.key_file.display()))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let program = std::env::current_exe().map_or_else(|_| "cordon".to_owned(), |p| text(&p));
    let mut words = vec![program, "mcp".to_owned(), "wrap".to_owned()];
    if !default_root {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        words.extend(["--data-dir".to_owned(), text(&root)]);
    }
    words.extend(["--key-file".to_owned(), text(&key_file)]);
    let sources = Sources { root: root.to_owned(), homes, files: options.file.clone(), bridge: words };
    let plan = plan(&sources)?;
    for line in plan.diff() {
        output::line(&line);
    }
    for line in &plan.by_hand {
        output::line(&format!("left as it is: {line}"));
    }
    if plan.is_empty() {
        output::line("nothing to change");
        return Ok(ExitCode::SUCCESS);
    }
    if !options.write {
        output::line("nothing was changed; `--write` does it");
        return Ok(ExitCode::SUCCESS);
    }
    let written = plan.write()?;
    output::line(&format!("changed {} files", written.files.len()));
    if let Some(backup) = &written.backup {
        output::line(&format!("before: {} (`cordon mcp restore` puts it back)", backup.display()));
    }
    if let Some(entries) = &written.entries {
        output::line(&format!("now read {}, and add what is right to cordon.toml", entries.display()));
    }
    Ok(ExitCode::SUCCESS)
}
