//! One table of a TOML file, replaced as lines: comments and all other tables stay as their owner wrote them.
//!
//! What it does not do: follow tables that are written inline or scattered; whoever changes a text reads the whole of
//! it again afterwards, and a change that did something else is not made.

use serde_json::Value;

/// The text with the table at `path` (and the tables below it) replaced. `None` where it is not written as tables.
#[must_use]
pub(super) fn replaced(text: &str, path: &[String], value: &Value) -> Option<String> {
    let mut before = String::new();
    let mut after = String::new();
    let mut place = 0;
    for line in text.split_inclusive('\n') {
        if let Some(keys) = header(line) {
            match (keys.starts_with(path), place) {
                (true, 0) => place = 1,
                (false, 1) => place = 2,
                _ => {}
            }
        }
        match place {
            0 => before.push_str(line),
            1 => {}
            _ => after.push_str(line),
        }
    }
    if place == 0 {
        return None;
    }
    let name: Vec<String> = path.iter().map(|k| crate::mcp::operator::key(k)).collect();
    let table = toml::Table::try_from(value).ok()?;
    // Plain members come before tables, or they would belong to them.
    let (tables, plain): (Vec<_>, Vec<_>) = table.into_iter().partition(|(_, v)| v.is_table());
    let mut new = format!("[{}]\n", name.join("."));
    for (key, value) in plain.into_iter().chain(tables) {
        new.push_str(&format!("{} = {value}\n", crate::mcp::operator::key(&key)));
    }
    if !after.is_empty() {
        new.push('\n');
    }
    Some(before + &new + &after)
}

/// The keys of a line that opens a table.
fn header(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    if !line.starts_with('[') || line.starts_with("[[") {
        return None;
    }
    let mut table: toml::Table = line.parse().ok()?;
    let mut keys = Vec::new();
    while table.len() == 1 {
        let (key, value) = table.into_iter().next()?;
        keys.push(key);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => return None,
        }
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_table_changes_and_all_else_stays() {
        let text = "# mine\nmodel = \"x\"\n\n[mcp_servers.git]\ncommand = \"a\"\n[mcp_servers.git.env]\nT = \"1\"\n\n\
                    [mcp_servers.\"we b\"] # keep\nurl = \"u\"\n[tools]\nx = 1\n";
        let path = |last: &str| vec!["mcp_servers".to_owned(), last.to_owned()];
        let new = replaced(text, &path("git"), &json!({"args": ["m"], "command": "cordon"})).unwrap();
        let whole = "# mine\nmodel = \"x\"\n\n[mcp_servers.git]\nargs = [\"m\"]\ncommand = \"cordon\"\n\n\
                     [mcp_servers.\"we b\"] # keep\nurl = \"u\"\n[tools]\nx = 1\n";
        assert_eq!(new, whole);
        let last = replaced(text, &path("we b"), &json!({"command": "cordon"})).unwrap();
        assert!(last.contains("[mcp_servers.\"we b\"]\ncommand = \"cordon\"\n\n[tools]"), "{last}");
        assert_eq!(replaced(text, &path("other"), &json!({})), None);
        assert_eq!(replaced("mcp_servers = { git = { command = \"a\" } }\n", &path("git"), &json!({})), None);
    }
}
