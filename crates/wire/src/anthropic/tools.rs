//! Tools of Messages: the caller's own, and the provider's types by version.

use super::blocks::CACHE;
use crate::json::Doc;
use crate::request::{Tool, ToolKind};
use crate::table::{Field, Rule, opt, req};
use cordon_types::Feature;

const CALLERS: Field = opt(
    "allowed_callers",
    Rule::Array(&Rule::EnumUse(
        &["direct"],
        Feature::CodeExecution,
        &["code_execution_20250825", "code_execution_20260120", "code_execution_20260521"],
    )),
);
const EXAMPLES: Field = opt("input_examples", Rule::Array(&Rule::Open));
const LAZY: Field = opt("defer_loading", Rule::Bool);
const STRICT: Field = opt("strict", Rule::Bool);

const CUSTOM: Rule = Rule::Object(&[
    req("name", Rule::Fixed("name")),
    opt("description", Rule::Text),
    req("input_schema", Rule::Schema),
    opt("eager_input_streaming", Rule::Bool),
    CALLERS,
    EXAMPLES,
    LAZY,
    STRICT,
    CACHE,
]);

const WEB: Rule = Rule::Use(
    Feature::WebSearch,
    &Rule::Object(&[
        req("name", Rule::Fixed("name")),
        opt("allowed_domains", Rule::Array(&Rule::Fixed("host"))),
        opt("blocked_domains", Rule::Array(&Rule::Fixed("host"))),
        opt("max_uses", Rule::Number),
        opt("max_content_tokens", Rule::Number),
        opt("citations", Rule::Object(&[opt("enabled", Rule::Bool)])),
        opt("response_inclusion", Rule::Enum(&["full", "excluded"])),
        opt("use_cache", Rule::Bool),
        opt("url_sources", Rule::Open),
        opt(
            "user_location",
            Rule::Object(&[
                req("type", Rule::Enum(&["approximate"])),
                opt("city", Rule::Text),
                opt("country", Rule::Text),
                opt("region", Rule::Text),
                opt("timezone", Rule::Text),
            ]),
        ),
        CALLERS,
        LAZY,
        STRICT,
        CACHE,
    ]),
);

const PLAIN: &[Field] = &[req("name", Rule::Fixed("name")), CALLERS, EXAMPLES, LAZY, STRICT, CACHE];
const CODE: Rule = Rule::Use(Feature::CodeExecution, &Rule::Object(PLAIN));
const DRIVE: Rule = Rule::Use(
    Feature::ComputerUse,
    &Rule::Object(&[
        req("name", Rule::Fixed("name")),
        opt("display_height_px", Rule::Number),
        opt("display_width_px", Rule::Number),
        opt("display_number", Rule::Number),
        opt("enable_zoom", Rule::Bool),
        opt("max_characters", Rule::Number),
        CALLERS,
        EXAMPLES,
        LAZY,
        STRICT,
        CACHE,
    ]),
);
const SET: Rule = Rule::Use(Feature::ComputerUse, &Rule::Object(&[opt("configs", Rule::Open), CACHE]));
const SEARCH: Rule = Rule::Use(Feature::Beta, &Rule::Object(PLAIN));
const ADVISOR: Rule = Rule::Refused("the advisor tool names a second model, leave it out");
const MCP: Rule = Rule::Use(
    Feature::RemoteMcp,
    &Rule::Object(&[
        req("mcp_server_name", Rule::Fixed("name")),
        opt("default_config", Rule::Open),
        opt("configs", Rule::Open),
        opt("tools", Rule::Array(&Rule::Open)),
        CACHE,
    ]),
);

/// One tool.
pub(super) const TOOL: Rule = Rule::Tagged {
    by: "type",
    default: Some(&CUSTOM),
    variants: &[
        ("custom", CUSTOM),
        ("web_search_20250305", WEB),
        ("web_search_20260209", WEB),
        ("web_search_20260318", WEB),
        ("web_fetch_20250910", WEB),
        ("web_fetch_20260209", WEB),
        ("web_fetch_20260309", WEB),
        ("web_fetch_20260318", WEB),
        ("code_execution_20250522", CODE),
        ("code_execution_20250825", CODE),
        ("code_execution_20260120", CODE),
        ("code_execution_20260521", CODE),
        ("bash_20241022", DRIVE),
        ("bash_20250124", DRIVE),
        ("text_editor_20241022", DRIVE),
        ("text_editor_20250124", DRIVE),
        ("text_editor_20250429", DRIVE),
        ("text_editor_20250728", DRIVE),
        ("computer_20241022", DRIVE),
        ("computer_20250124", DRIVE),
        ("computer_20251124", DRIVE),
        ("memory_20250818", DRIVE),
        ("computer_toolset_20260801", SET),
        ("browser_toolset_20260801", SET),
        ("tool_search_tool_bm25_20251119", SEARCH),
        ("tool_search_tool_bm25", SEARCH),
        ("tool_search_tool_regex_20251119", SEARCH),
        ("tool_search_tool_regex", SEARCH),
        ("advisor_20260301", ADVISOR),
        ("mcp_toolset", MCP),
    ],
};

/// Which feature a provider's tool type is, by its family.
fn feature(kind: &str) -> Feature {
    const FAMILIES: &[(&str, Feature)] = &[
        ("web_", Feature::WebSearch),
        ("code_execution_", Feature::CodeExecution),
        ("tool_search_", Feature::Beta),
        ("mcp_", Feature::RemoteMcp),
    ];
    FAMILIES.iter().find(|(head, _)| kind.starts_with(head)).map_or(Feature::ComputerUse, |f| f.1)
}

/// Reads one tool that the table has taken. A toolset has no name of its own and goes by its type.
pub(super) fn tool(doc: Doc<'_>, node: u32) -> Tool {
    let kind = doc.given(node, "type").map(|t| doc.text(t)).unwrap_or_default();
    let name = doc.get(node, "name").or_else(|| doc.get(node, "mcp_server_name")).map(|n| doc.text(n));
    let name = name.unwrap_or_else(|| kind.clone()).into_owned();
    let kind = match kind.as_ref() {
        "" | "custom" => ToolKind::Function,
        provider => ToolKind::Provider(feature(provider)),
    };
    Tool { name, kind, node }
}
