//! Which programs speak MCP, and where their configurations stand on Linux, macOS and Windows.
//!
//! Sources: snyk/agent-scan@b9e98ab (Apache-2.0) for the rows marked `agent-scan`; the others are from the programs'
//! public documentation and code, and are marked `documentation`.

/// One program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// Its files below a home directory, with `/`, for every system; a star stands for one folder.
    pub home: &'static [&'static str],
    /// Its files below a project, with `/`.
    pub project: &'static [&'static str],
    /// Its files that an administrator places, from the root.
    pub managed: &'static [&'static str],
    /// Folders of skills below a home directory.
    pub skills: &'static [&'static str],
    /// Where the row comes from.
    pub source: &'static str,
}

const fn client(
    name: &'static str,
    home: &'static [&'static str],
    project: &'static [&'static str],
    skills: &'static [&'static str],
    source: &'static str,
) -> Client {
    Client { name, home, project, managed: &[], skills, source }
}

/// Every program, by name.
pub const CLIENTS: &[Client] = &[
    client(
        "Amazon Q Developer",
        &[".aws/amazonq/mcp.json", ".aws/amazonq/agents/default.json", ".aws/amazonq/agents/mcp.json"],
        &[".amazonq/mcp.json"],
        &[],
        "agent-scan",
    ),
    client("Amp", &[], &[], &[".config/agents/skills"], "agent-scan"),
    client("Antigravity", &[".gemini/antigravity/mcp_config.json"], &[], &[], "agent-scan"),
    Client {
        name: "Claude Code",
        home: &[".claude.json", ".claude/settings.json"],
        project: &[".mcp.json"],
        managed: &[
            "etc/claude-code/managed-mcp.json",
            "Library/Application Support/ClaudeCode/managed-mcp.json",
            "ProgramData/ClaudeCode/managed-mcp.json",
        ],
        skills: &[".claude/skills"],
        source: "agent-scan",
    },
    client(
        "Claude Desktop",
        &[
            ".config/Claude/claude_desktop_config.json",
            "Library/Application Support/Claude/claude_desktop_config.json",
            "AppData/Roaming/Claude/claude_desktop_config.json",
        ],
        &[],
        &[],
        "agent-scan",
    ),
    client(
        "Cline",
        &[
            ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            "AppData/Roaming/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        ],
        &[],
        &[],
        "documentation",
    ),
    client("Codex CLI", &[".codex/config.toml"], &[".codex/config.toml"], &[".codex/skills"], "agent-scan"),
    client(
        "Continue",
        &[".continue/config.yaml", ".continue/config.json"],
        &[".continue/mcpServers/*"],
        &[],
        "documentation",
    ),
    client("Cursor", &[".cursor/mcp.json"], &[".cursor/mcp.json"], &[".cursor/skills"], "agent-scan"),
    client(
        "Gemini CLI",
        &[".gemini/settings.json"],
        &[".gemini/settings.json"],
        &[".gemini/skills"],
        "agent-scan",
    ),
    client(
        "Goose",
        &[".config/goose/config.yaml", "AppData/Roaming/Block/goose/config/config.yaml"],
        &[],
        &[],
        "documentation",
    ),
    client("JetBrains Junie", &[".junie/mcp/mcp.json"], &[".junie/mcp/mcp.json"], &[], "documentation"),
    client("Kiro", &[".kiro/settings/mcp.json"], &[".kiro/settings/mcp.json"], &[], "agent-scan"),
    client("LM Studio", &[".lmstudio/mcp.json"], &[], &[], "documentation"),
    client(
        "OpenClaw",
        &[],
        &[],
        &[".openclaw/skills", ".openclaw/workspace/skills", ".clawdbot/skills"],
        "agent-scan",
    ),
    Client {
        name: "opencode",
        home: &[".config/opencode/opencode.json", ".config/opencode/opencode.jsonc"],
        project: &["opencode.json", "opencode.jsonc"],
        managed: &[
            "etc/opencode/opencode.json",
            "Library/Application Support/opencode/opencode.json",
            "ProgramData/opencode/opencode.json",
        ],
        skills: &[],
        source: "agent-scan",
    },
    client(
        "Roo Code",
        &[
            ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            "Library/Application Support/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            "AppData/Roaming/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        ],
        &[".roo/mcp.json"],
        &[],
        "documentation",
    ),
    client(
        "VS Code",
        &[
            ".config/Code/User/mcp.json",
            ".config/Code/User/settings.json",
            "Library/Application Support/Code/User/mcp.json",
            "Library/Application Support/Code/User/settings.json",
            "AppData/Roaming/Code/User/mcp.json",
            "AppData/Roaming/Code/User/settings.json",
            ".vscode/mcp.json",
        ],
        &[".vscode/mcp.json"],
        &[".copilot/skills"],
        "agent-scan",
    ),
    client(
        "Windsurf",
        &[".codeium/windsurf/mcp_config.json"],
        &[],
        &[".codeium/windsurf/skills"],
        "agent-scan",
    ),
    client(
        "Zed",
        &[".config/zed/settings.json", "AppData/Roaming/Zed/settings.json"],
        &[".zed/settings.json"],
        &[],
        "documentation",
    ),
];

/// Names that say by themselves whose file it is, wherever it lies.
const TELLING: &[(&str, &str)] = &[
    ("claude_desktop_config.json", "Claude Desktop"),
    ("cline_mcp_settings.json", "Cline"),
    ("managed-mcp.json", "Claude Code"),
    (".mcp.json", "Claude Code"),
    ("opencode.json", "opencode"),
    ("opencode.jsonc", "opencode"),
    ("mcp_config.json", "Windsurf"),
    ("mcp_settings.json", "Roo Code"),
];

/// Whose configuration the file is.
pub(super) fn client_of(path: &str, name: &str) -> Option<&'static str> {
    let ends = |tail: &str| match tail.strip_suffix("/*") {
        Some(folder) => path.rsplit_once('/').is_some_and(|(dir, _)| below(dir, folder)),
        None => below(path, tail),
    };
    let placed = |c: &&Client| {
        // `settings.json` alone and the like say nothing without their folder.
        c.home.iter().chain(c.project).any(|p| (p.contains('/') || p.starts_with('.')) && ends(p))
    };
    CLIENTS
        .iter()
        .find(placed)
        .map(|c| c.name)
        .or_else(|| TELLING.iter().find(|(n, _)| *n == name).map(|(_, client)| *client))
}

fn below(path: &str, tail: &str) -> bool {
    path.strip_suffix(tail).is_some_and(|head| head.is_empty() || head.ends_with('/'))
}

/// Where a machine's files stand: values, so that this looks at no machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The root of the file system.
    pub root: String,
    /// Home directories.
    pub homes: Vec<String>,
}

/// Every place at which a client's configuration may stand, with the client. Those of all systems: a disk of another
/// system may be mounted.
#[must_use]
pub fn locations(roots: &Roots) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    for client in CLIENTS {
        for home in &roots.homes {
            out.extend(client.home.iter().map(|p| (client.name, joined(home, p))));
        }
        out.extend(client.managed.iter().map(|p| (client.name, joined(&roots.root, p))));
    }
    out
}

/// Folders that may hold skills and instructions.
#[must_use]
pub fn skill_folders(roots: &Roots) -> Vec<String> {
    let all = CLIENTS.iter().flat_map(|c| c.skills).chain(&[".claude/agents", ".claude/commands"]);
    all.flat_map(|p| roots.homes.iter().map(|h| joined(h, p))).collect()
}

fn joined(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}
