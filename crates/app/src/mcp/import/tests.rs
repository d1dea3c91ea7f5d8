//! Clients' files in a temporary home: read, gated, brought back.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

/// Stands for any secret of a client's file.
const SECRET: &str = "ghp_Kq3vT9sLmZx7Yw2Rb8Nd4Hc6Jf1Gp5Ae0UoX";

struct House {
    dir: TempDir,
    sources: Sources,
}

impl House {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let home = dir.path().join("home");
        for (name, text) in files {
            let path = home.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        }
        let bridge = ["cordon", "mcp", "wrap", "--key-file", "/k"].map(str::to_owned).to_vec();
        let sources = Sources { root: dir.path().join("data"), homes: vec![home], files: Vec::new(), bridge };
        Self { dir, sources }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("home").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn plan(&self) -> Plan {
        plan(&self.sources).unwrap()
    }
}

fn cursor() -> String {
    format!(
        "{{\n  // mine\n  \"mcpServers\": {{\n    \"GitHub\": {{\"command\": \"npx\", \"args\": [\"-y\", \"@mcp/server-github\"], \
         \"env\": {{\"GITHUB_TOKEN\": \"{SECRET}\"}}, \"disabled\": false}}, // keep\n  }},\n}}\n"
    )
}

fn codex() -> String {
    format!(
        "model = \"m\" # mine\n\n[mcp_servers.gh]\ncommand = \"npx\"\nargs = [\"-y\", \"@mcp/server-github\"]\n\
         startup_timeout_sec = 20\n[mcp_servers.gh.env]\nGITHUB_TOKEN = \"{SECRET}\"\n\n[mcp_servers.git]\n\
         command = \"mcp-server-git\"\nargs = [\"--api-key\", \"{SECRET}\"]\n"
    )
}

const CURSOR: &str = ".cursor/mcp.json";
const CODEX: &str = ".codex/config.toml";

#[test]
fn clients_are_gated_and_brought_back_and_no_secret_is_shown() {
    let (cursor, codex) = (cursor(), codex());
    let h = House::new(&[(CURSOR, &cursor), (CODEX, &codex)]);
    let plan = h.plan();
    let diff = plan.diff().join("\n");
    assert!(!diff.contains(SECRET) && plan.by_hand.is_empty(), "{diff} {:?}", plan.by_hand);
    for part in
        ["(Cursor)", "(Codex CLI)", "- env: GITHUB_TOKEN=***", "- command: mcp-server-git --api-key ***"]
    {
        assert!(diff.contains(part), "{part} in {diff}");
    }
    assert_eq!(h.text(CURSOR), cursor, "looking changes nothing");
    assert!(!h.sources.root.exists());

    let written = plan.write().unwrap();
    assert_eq!(written.files.len(), 2);
    let new = h.text(CURSOR);
    assert!(!new.contains(SECRET) && new.contains("// mine") && new.contains("// keep"), "{new}");
    let tree = document("mcp.json", &new).unwrap();
    let server = &tree["mcpServers"]["GitHub"];
    let args = serde_json::json!(["mcp", "wrap", "--key-file", "/k", "--server", "gh"]);
    assert_eq!((&server["command"], &server["args"]), (&"cordon".into(), &args));
    assert_eq!((&server["disabled"], server.get("env")), (&false.into(), None));
    let tree = document("config.toml", &h.text(CODEX)).unwrap();
    assert_eq!(tree["mcp_servers"]["gh"]["args"], args, "the same program has one entry");
    assert_eq!(tree["mcp_servers"]["gh"]["startup_timeout_sec"], 20);
    assert_eq!((&tree["model"], tree["mcp_servers"]["gh"].get("env")), (&"m".into(), None));
    let mode = fs::metadata(h.path(CURSOR)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);

    let entries = written.entries.unwrap();
    assert_eq!(fs::metadata(&entries).unwrap().permissions().mode() & 0o777, 0o600);
    let table: toml::Table = fs::read_to_string(&entries).unwrap().parse().unwrap();
    let servers = table["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 2);
    assert_eq!(servers[0]["id"].as_str(), Some("gh"));
    assert_eq!(servers[0]["env"]["GITHUB_TOKEN"].as_str(), Some(SECRET));
    assert!(h.plan().is_empty(), "what is gated stays as it is");

    let back = restore(&h.sources.root, None, false).unwrap();
    assert!(back.iter().all(|(_, what)| *what == Restored::Back), "{back:?}");
    assert_eq!((h.text(CURSOR), h.text(CODEX)), (cursor, codex));
    let again = restore(&h.sources.root, None, false).unwrap();
    assert!(again.iter().all(|(_, what)| *what == Restored::Already));
}

#[test]
fn what_somebody_changed_since_is_left_alone() {
    let h = House::new(&[(CURSOR, &cursor())]);
    h.plan().write().unwrap();
    let mine = h.text(CURSOR) + "// a note\n";
    fs::write(h.path(CURSOR), &mine).unwrap();
    let what = restore(&h.sources.root, None, false).unwrap();
    assert_eq!(what[0].1, Restored::Changed);
    assert_eq!(h.text(CURSOR), mine);
    assert_eq!(restore(&h.sources.root, None, true).unwrap()[0].1, Restored::Back);
    assert_eq!(h.text(CURSOR), cursor());
    assert!(restore(&h.dir.path().join("none"), None, false).is_err());
}

#[test]
fn a_file_that_changed_under_the_plan_is_not_written() {
    let h = House::new(&[(CURSOR, &cursor())]);
    let plan = h.plan();
    let mine = cursor().replace("mine", "yours");
    fs::write(h.path(CURSOR), &mine).unwrap();
    assert!(plan.write().is_err());
    assert_eq!(h.text(CURSOR), mine);
}

#[test]
fn every_clients_own_form_stays_its_own() {
    let files = [
        (
            ".config/opencode/opencode.json",
            r#"{"mcp": {"a": {"type": "local", "command": ["x", "y"], "environment": {"K": "v"}}}}"#,
        ),
        (
            ".config/zed/settings.json",
            r#"{"context_servers": {"a": {"command": {"path": "x", "args": ["y"], "env": {}}}}}"#,
        ),
        (
            ".config/Code/User/mcp.json",
            r#"{"servers": {"a": {"type": "http", "url": "https://u:p@example.com/mcp?key=1", "headers": {"Authorization": "Bearer abc", "X-Other": "z"}}}}"#,
        ),
        (".claude.json", r#"{"projects": {"/a b": {"mcpServers": {"a": {"command": "x", "args": ["z"]}}}}}"#),
    ];
    let h = House::new(&files);
    let plan = h.plan();
    let diff = plan.diff().join("\n");
    assert!(diff.contains("url: https://example.com/mcp\n") && diff.contains("Authorization=***"), "{diff}");
    assert!(!diff.contains("abc") && !diff.contains("u:p") && !diff.contains("key=1"), "{diff}");
    let written = plan.write().unwrap();
    let tree = |name: &str| document("x.json", &h.text(name)).unwrap();
    let open = &tree(files[0].0)["mcp"]["a"];
    assert_eq!((open["type"].as_str(), open["command"][0].as_str()), (Some("local"), Some("cordon")));
    assert_eq!(open.get("environment"), None);
    let zed = &tree(files[1].0)["context_servers"]["a"]["command"];
    assert_eq!((zed["path"].as_str(), zed["args"][0].as_str()), (Some("cordon"), Some("mcp")));
    let code = &tree(files[2].0)["servers"]["a"];
    assert_eq!((code["type"].as_str(), code.get("url"), code.get("headers")), (Some("stdio"), None, None));
    let claude = &tree(files[3].0)["projects"]["/a b"]["mcpServers"]["a"];
    assert_eq!(claude["command"].as_str(), Some("cordon"));
    let text = fs::read_to_string(written.entries.unwrap()).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let network = table["servers"].as_array().unwrap().iter().find(|s| s.get("url").is_some()).unwrap();
    let token = network["credential"]["file"].as_str().unwrap();
    assert_eq!(fs::read_to_string(token).unwrap(), "abc");
    assert_eq!(fs::metadata(token).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(text.contains("X-Other"), "{text}");
}

#[test]
fn what_a_program_cannot_change_is_said_and_left() {
    let goose = "extensions:\n  git:\n    cmd: mcp-server-git\n    args: []\n    type: stdio\n";
    let code = r#"{"servers": {"a": {"command": "x", "env": {"T": "${input:token}"}}}}"#;
    let inline = "mcp_servers = { git = { command = \"x\" } }\n";
    let files = [
        (".config/goose/config.yaml", goose),
        (".config/Code/User/mcp.json", code),
        (CODEX, inline),
        (CURSOR, "{"),
    ];
    let h = House::new(&files);
    let plan = h.plan();
    assert!(plan.is_empty());
    assert_eq!(plan.by_hand.len(), 4, "{:?}", plan.by_hand);
    assert!(plan.write().unwrap().files.is_empty());
    for (name, text) in files {
        assert_eq!(h.text(name), text);
    }
}

#[test]
fn an_entry_that_stands_there_is_used() {
    let h = House::new(&[(CODEX, &codex())]);
    fs::create_dir_all(&h.sources.root).unwrap();
    let config =
        format!("[[servers]]\nid = \"repo\"\ncommand = [\"mcp-server-git\", \"--api-key\", \"{SECRET}\"]\n");
    fs::write(h.sources.root.join("cordon.toml"), config).unwrap();
    let written = h.plan().write().unwrap();
    assert!(h.text(CODEX).contains("\"repo\""));
    let entries = fs::read_to_string(written.entries.unwrap()).unwrap();
    assert!(entries.contains("server-github") && !entries.contains("mcp-server-git"));
}

#[test]
fn a_linked_file_is_written_where_it_lies() {
    let h = House::new(&[("dotfiles/cursor.json", &cursor())]);
    fs::create_dir_all(h.path(".cursor")).unwrap();
    std::os::unix::fs::symlink(h.path("dotfiles/cursor.json"), h.path(CURSOR)).unwrap();
    h.plan().write().unwrap();
    assert!(fs::symlink_metadata(h.path(CURSOR)).unwrap().is_symlink());
    assert!(h.text("dotfiles/cursor.json").contains("cordon"));
    restore(&h.sources.root, None, false).unwrap();
    assert_eq!(h.text("dotfiles/cursor.json"), cursor());
}
