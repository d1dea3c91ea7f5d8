//! The tool servers in the operator's file, as far as local clients need them: which commands stand there.

use crate::data::read;
use crate::error::AppError;
use cordon_types::{Problem, Problems, ServerId};
use std::path::Path;
use toml::Value;

/// One `[[servers]]` of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its program and arguments; empty for one on the network.
    pub command: Vec<String>,
    /// Its URL, for one on the network.
    pub url: Option<String>,
}

/// The tool servers of `cordon.toml`. What is wrong with an entry is for `cordon check` to say.
pub fn listed(root: &Path) -> Result<Vec<Listed>, AppError> {
    let path = root.join("cordon.toml");
    let table: toml::Table = read(&path)?.parse().map_err(|e: toml::de::Error| {
        let hint = "`cordon check` says more";
        let problem = Problem::new("cordon.toml", format!("is not valid TOML: {}", e.message()), hint);
        AppError::Problems(Problems(vec![problem]))
    })?;
    let servers = table.get("servers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(servers.iter().filter_map(one).collect())
}

fn one(server: &Value) -> Option<Listed> {
    let words = server.get("command").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let command = words.iter().map(|w| w.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    let url = server.get("url").and_then(Value::as_str).map(str::to_owned);
    let id = server.get("id")?.as_str().filter(|id| ServerId::new(id).is_ok())?.to_owned();
    Some(Listed { id, command, url })
}

/// What a client wants to reach.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The server of that id.
    Id(&'a str),
    /// The one with exactly this command.
    Command(&'a [String]),
}

/// The id under which it stands in the operator's file.
#[must_use]
pub fn find<'l>(listed: &'l [Listed], wanted: Wanted<'_>) -> Option<&'l str> {
    let fits = |l: &&Listed| match wanted {
        Wanted::Id(id) => l.id == id,
        Wanted::Command(command) => !command.is_empty() && l.command == command,
    };
    listed.iter().find(fits).map(|l| l.id.as_str())
}

/// A free id for a server that a client calls `name`.
#[must_use]
pub fn free_id(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = String::new();
    for c in name.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() >= 24 {
            break;
        }
    }
    let id = id.trim_matches('-');
    let id = if id.is_empty() { "server" } else { id };
    let numbered = (2_u32..).map(|n| format!("{id}-{n}"));
    std::iter::once(id.to_owned()).chain(numbered).find(|id| !taken(id)).unwrap_or_default()
}

/// The lines that an operator adds for a program. `env` is written as it is: not for a terminal.
#[must_use]
pub fn lines(id: &str, command: &[String], env: &[(String, String)]) -> String {
    let text = |s: &str| Value::String(s.to_owned()).to_string();
    let words: Vec<String> = command.iter().map(|w| text(w)).collect();
    let mut out = format!("[[servers]]\nid = {}\ncommand = [{}]\n", text(id), words.join(", "));
    if !env.is_empty() {
        let pairs: Vec<String> =
            env.iter().map(|(name, value)| format!("{} = {}", key(name), text(value))).collect();
        out.push_str(&format!("env = {{ {} }}\n", pairs.join(", ")));
    }
    out
}

/// A key of an inline table.
pub(crate) fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_only_as_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[[servers]]\nid = \"git\"\ncommand = [\"mcp-server-git\", \"--repository\", \"/srv/repo\"]\n\
                    [[servers]]\nid = \"web\"\nurl = \"https://example.com/mcp\"\n\
                    [[servers]]\nid = \"NO\"\ncommand = [\"x\"]\n";
        std::fs::write(dir.path().join("cordon.toml"), text).unwrap();
        let listed = listed(dir.path()).unwrap();
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let by = |w: &[&str]| find(&listed, Wanted::Command(&words(w))).map(str::to_owned);
        assert_eq!(by(&["mcp-server-git", "--repository", "/srv/repo"]).as_deref(), Some("git"));
        assert_eq!(by(&["mcp-server-git", "--repository", "/srv/other"]), None);
        assert_eq!(by(&["mcp-server-git"]), None);
        assert_eq!(by(&["x"]), None, "an id that is none is no entry");
        assert_eq!(by(&[]), None, "a server on the network has no command");
        assert_eq!(find(&listed, Wanted::Id("web")), Some("web"));
        assert_eq!(find(&listed, Wanted::Id("NO")), None);
    }

    #[test]
    fn the_lines_are_toml_whatever_stands_in_them() {
        let command = ["a \"b\"".to_owned(), "c\\\n\u{1b}".to_owned(), String::new()];
        let env = [("A B".to_owned(), "x'\"".to_owned()), ("C".to_owned(), "y".to_owned())];
        let table: toml::Table = lines("git", &command, &env).parse().unwrap();
        let server = &table["servers"].as_array().unwrap()[0];
        assert_eq!(one(server).unwrap().command, command);
        assert_eq!(server["env"]["A B"].as_str(), Some("x'\""));
    }

    #[test]
    fn ids_are_free_and_fit() {
        for (name, id) in
            [("GitHub", "github"), ("my server_2!", "my-server-2"), ("日本", "server"), ("--a--", "a")]
        {
            assert_eq!(free_id(name, |_| false), id);
        }
        assert_eq!(free_id("git", |id| id == "git" || id == "git-2"), "git-3");
        assert!(ServerId::new(&free_id(&"x-".repeat(99), |_| false)).is_ok());
    }
}
