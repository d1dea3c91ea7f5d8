//! Tool servers in the configurations of MCP clients.
//!
//! What always holds: a command is described (program, package, version), never run; arguments and values of
//! variables and headers are looked into for secrets and not kept.

use super::{clients, tree};
use crate::asset::{AssetKind, Attribute, Basis, Sighting, Sink, Source, slug};
use crate::catalogue::{canonical, catalogue};
use crate::code::{Secrets, line_of, name_and_version};
use crate::logs::split_url;
use serde_json::{Map, Value};

/// Keys under which clients list servers.
const WRAPPERS: [&str; 6] = ["mcpServers", "servers", "context_servers", "mcp_servers", "extensions", "mcp"];
/// Most servers of one file.
const MAX_SERVERS: usize = 1_000;

/// Reads one configuration.
pub fn config(text: &str, sink: &mut Sink) {
    let path = sink.place().to_owned();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let client = clients::client_of(&path, name).unwrap_or("unknown");
    let Some(root) = tree::parse(name, text) else { return };
    let mut servers = Vec::new();
    collect(&root, &mut servers);
    // A plugin's file may list servers without a wrapper; settings of an editor do not.
    if servers.is_empty() && name == ".mcp.json" {
        list(&root, &[], &mut servers);
    }
    // An editor's settings file without servers says nothing of agents.
    let own = !matches!(client, "VS Code" | "Zed" | "unknown");
    if own || !servers.is_empty() {
        let mut agent = sink.at(AssetKind::Agent, &slug(client), Source::McpConfig, 0);
        client.clone_into(&mut agent.name);
        agent.basis = Basis::Observed;
        sink.push(agent);
    }
    let mut secrets = Secrets::default();
    for Place { name, server, .. } in servers.into_iter().take(MAX_SERVERS) {
        let line = line_of(text, name);
        if let Some(sighting) = describe(name, server, line, sink) {
            look_for_secrets(server, line, &mut secrets);
            sink.push(sighting.with(Attribute::Client, client));
        }
    }
    secrets.tell(Source::McpConfig, sink);
}

/// A tool server in a configuration's tree.
#[derive(Clone, Debug)]
pub struct Place<'v> {
    /// What the client calls it.
    pub name: &'v str,
    /// The keys from the tree's root to it; an item of a list by its number.
    pub path: Vec<String>,
    /// Its settings, as they stand there.
    pub server: &'v Map<String, Value>,
}

/// The tool servers of a configuration, by the name of its file: for whoever changes it.
#[must_use]
pub fn servers<'v>(name: &str, root: &'v Value) -> Vec<Place<'v>> {
    let mut out = Vec::new();
    collect(root, &mut out);
    if out.is_empty() && name == ".mcp.json" {
        list(root, &[], &mut out);
    }
    out.truncate(MAX_SERVERS);
    out
}

type Servers<'v> = Vec<Place<'v>>;

fn collect<'v>(root: &'v Value, out: &mut Servers<'v>) {
    for key in WRAPPERS {
        if let Some(inner) = root.get(key) {
            list(inner, &[key], out);
            // `{"mcp": {"servers": {...}}}`.
            if key == "mcp"
                && let Some(servers) = inner.get("servers")
            {
                list(servers, &[key, "servers"], out);
            }
        }
    }
    // Claude Code keeps a list for each project.
    for (project, settings) in root.get("projects").and_then(Value::as_object).into_iter().flatten() {
        if let Some(servers) = settings.get("mcpServers") {
            list(servers, &["projects", project, "mcpServers"], out);
        }
    }
}

fn list<'v>(value: &'v Value, above: &[&str], out: &mut Servers<'v>) {
    let path = |last: String| above.iter().map(|k| (*k).to_owned()).chain([last]).collect();
    match value {
        Value::Object(map) => {
            let all = map.iter().filter_map(|(n, v)| Some((n, v.as_object()?)));
            out.extend(all.filter(|s| is_server(s.1)).map(|(name, server)| Place {
                name: name.as_str(),
                path: path(name.clone()),
                server,
            }));
        }
        Value::Array(items) => {
            let named = |(i, v): (usize, &'v Value)| Some((i, v.get("name")?.as_str()?, v.as_object()?));
            let all = items.iter().enumerate().filter_map(named).filter(|s| is_server(s.2));
            out.extend(all.map(|(i, name, server)| Place { name, path: path(i.to_string()), server }));
        }
        _ => {}
    }
}

const URLS: [&str; 5] = ["url", "serverUrl", "httpUrl", "uri", "serverurl"];

fn is_server(map: &Map<String, Value>) -> bool {
    ["command", "cmd"].iter().chain(&URLS).any(|k| map.contains_key(*k))
}

fn text<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    map.get(key).and_then(Value::as_str).filter(|s| !s.is_empty())
}

fn describe(name: &str, server: &Map<String, Value>, line: u64, sink: &Sink) -> Option<Sighting> {
    let mut sighting = match URLS.iter().find_map(|k| text(server, k)) {
        Some(url) => remote(url, server, line, sink),
        None => local(name, server, line, sink)?,
    };
    sighting.basis = Basis::Observed;
    let display = crate::asset::clipped(name.to_owned());
    if !display.is_empty() {
        sighting.name = display;
    }
    for key in ["env", "envs", "headers", "environment"] {
        for (variable, _) in server.get(key).and_then(Value::as_object).into_iter().flatten().take(50) {
            sighting = sighting.with(Attribute::Variables, variable.as_str());
        }
    }
    let off = |v: &Value| v.as_bool() == Some(false) || v.as_str() == Some("false");
    let on = |v: &Value| v.as_bool() == Some(true) || v.as_str() == Some("true");
    if server.get("disabled").is_some_and(on) || server.get("enabled").is_some_and(off) {
        sighting = sighting.with(Attribute::State, "disabled");
    }
    for key in ["autoApprove", "alwaysAllow"] {
        for tool in server.get(key).and_then(Value::as_array).into_iter().flatten().take(50) {
            sighting = sighting.with(Attribute::AutoApprove, tool.as_str().unwrap_or_default());
        }
    }
    if server.get("trust").is_some_and(on) {
        sighting = sighting.with(Attribute::AutoApprove, "every tool");
    }
    Some(sighting)
}

fn remote(url: &str, server: &Map<String, Value>, line: u64, sink: &Sink) -> Sighting {
    let (host, path) = split_url(url);
    let host = host.to_lowercase();
    let path = path.unwrap_or("/").split(['?', '#']).next().unwrap_or("/").trim_end_matches('/');
    let scheme = url.split("://").next().filter(|s| s.len() < 8).unwrap_or("https");
    let transport = text(server, "type").or_else(|| text(server, "transport")).unwrap_or("http");
    let mut sighting = sink
        .at(AssetKind::ToolServer, &format!("{host}{path}"), Source::McpConfig, line)
        .with(Attribute::Url, format!("{scheme}://{host}{path}"))
        .with(Attribute::Transport, transport)
        .with(Attribute::Host, host.as_str());
    if let Some(row) = catalogue().hosts.find(&host, Some(path)).and_then(|h| catalogue().hosts.row(h)) {
        sighting = sighting.with(Attribute::Vendor, row.vendor);
    }
    let here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if scheme == "http" && !here {
        sighting =
            sighting.with(Attribute::Risk, "plain http: what it sends and gets can be read and changed");
    }
    sighting
}

/// The program and its arguments: `command` may be one string or a list, `cmd` is Goose's word.
fn words(server: &Map<String, Value>) -> Vec<&str> {
    let mut out = Vec::new();
    for key in ["command", "cmd", "args"] {
        match server.get(key) {
            Some(Value::String(s)) => out.push(s.as_str()),
            Some(Value::Array(list)) => out.extend(list.iter().filter_map(Value::as_str).take(200)),
            Some(Value::Object(inner)) => out.extend(text(inner, "path")),
            _ => {}
        }
    }
    out
}

/// A program's name, without its folder and ending.
fn bare(program: &str) -> &str {
    let program = program.rsplit(['/', '\\']).next().unwrap_or(program);
    program.trim_end_matches(".exe").trim_end_matches(".cmd")
}

/// The package that a command fetches and runs (`npx`, `uvx`, ...): its registry, name and version, the last empty where
/// none is written.
#[must_use]
pub fn package_of<'w>(words: &[&'w str]) -> Option<(&'static str, &'w str, &'w str)> {
    let (program, arguments) = words.split_first()?;
    let ecosystem = runner(bare(program))?;
    let word =
        arguments.iter().find(|a| !a.starts_with('-') && !matches!(**a, "run" | "dlx" | "x" | "tool"))?;
    let (package, version) = name_and_version(word, ecosystem);
    (!package.is_empty()).then_some((ecosystem, package, version))
}

fn local(name: &str, server: &Map<String, Value>, line: u64, sink: &Sink) -> Option<Sighting> {
    let words = words(server);
    let (program, arguments) = words.split_first()?;
    let package = package_of(&words);
    let program = bare(program);
    let key = match package {
        Some((ecosystem, package, _)) => format!("{ecosystem}/{}", canonical(ecosystem, package)),
        None if program == "docker" || program == "podman" => match image(arguments) {
            Some(image) => format!("image/{image}"),
            None => format!("command/{program}/{}", slug(name)),
        },
        None => format!("command/{program}/{}", slug(name)),
    };
    let mut sighting = sink
        .at(AssetKind::ToolServer, &key, Source::McpConfig, line)
        .with(Attribute::Transport, "stdio")
        .with(Attribute::Command, program);
    if let Some((ecosystem, package, version)) = package {
        sighting = sighting
            .with(Attribute::Package, format!("{ecosystem}/{package}"))
            .with(Attribute::Version, version);
        if matches!(version, "" | "latest") {
            sighting = sighting.with(Attribute::Risk, "unpinned: whatever version is newest runs");
        }
    }
    Some(sighting)
}

/// Programs that fetch a package and run it, with its registry.
fn runner(program: &str) -> Option<&'static str> {
    match program {
        "npx" | "bunx" | "pnpx" | "pnpm" | "bun" => Some("npm"),
        "uvx" | "pipx" => Some("pypi"),
        _ => None,
    }
}

/// The image of `docker run ...`: the first word that is no option and no option's value.
fn image<'w>(arguments: &[&'w str]) -> Option<&'w str> {
    const WITH_VALUE: [&str; 10] =
        ["-e", "--env", "-v", "--volume", "--mount", "-p", "--name", "--network", "-u", "-w"];
    let mut rest = arguments.iter().skip_while(|a| **a != "run").skip(1);
    while let Some(word) = rest.next() {
        if WITH_VALUE.contains(word) {
            rest.next();
        } else if !word.starts_with('-') {
            let tag = word.rsplit('/').next().and_then(|l| l.split_once(':')).map_or(0, |(_, t)| t.len() + 1);
            return word.get(..word.len() - tag).map(|w| w.split('@').next().unwrap_or(w));
        }
    }
    None
}

/// Values of variables and headers, and arguments, each with its name before it, as a detector expects it.
fn look_for_secrets(server: &Map<String, Value>, line: u64, secrets: &mut Secrets) {
    for key in ["env", "envs", "headers", "environment"] {
        for (name, value) in server.get(key).and_then(Value::as_object).into_iter().flatten().take(100) {
            if let Some(value) = value.as_str().filter(|v| v.len() < 10_000) {
                secrets.look(&format!("{name}={value}"), line);
            }
        }
    }
    let urls = URLS.iter().filter_map(|k| text(server, k));
    for word in words(server).into_iter().chain(urls).filter(|w| w.len() < 10_000) {
        secrets.look(word, line);
    }
}
