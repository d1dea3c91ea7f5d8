//! The requests of Messages and of token counting: their tables, and what is read out of them by name.
//!
//! Held against the official client's `MessageCreateParams` (beta form included) and `MessageCountTokensParams`.

use super::blocks::{CACHE, MESSAGE_BLOCKS, TEXT, TEXTS};
use super::tools::{TOOL, tool};
use crate::json::Doc;
use crate::request::{Facts, Forced, turns};
use crate::table::{Field, Rule, Table, opt, req};
use cordon_types::{Feature, SpanKind};
use std::sync::LazyLock;

/// The table of `messages`, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&REQUEST, SpanKind::Metadata));
/// The table of `messages/count_tokens`, unrolled.
pub(crate) static COUNT_TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&COUNT, SpanKind::Metadata));

const NO_BETA: Rule = Rule::Refused("this beta field is not supported, leave it out");

const MODEL: Field = req("model", Rule::Name);
const MESSAGES: Field = req("messages", Rule::Messages(&MESSAGE));
const SYSTEM: Field = opt("system", Rule::As(SpanKind::System, &TEXTS));
const TOOLS: Field = opt("tools", Rule::As(SpanKind::ToolDefinition, &Rule::Tools(&TOOL)));
const TOOL_CHOICE: Field = opt(
    "tool_choice",
    Rule::Tagged {
        by: "type",
        default: None,
        variants: &[
            ("auto", CHOICE),
            ("any", CHOICE),
            ("none", Rule::Object(&[])),
            (
                "tool",
                Rule::Object(&[
                    req("name", Rule::As(SpanKind::ToolDefinition, &Rule::Fixed("name"))),
                    opt("disable_parallel_tool_use", Rule::Bool),
                ]),
            ),
        ],
    },
);
const CHOICE: Rule = Rule::Object(&[opt("disable_parallel_tool_use", Rule::Bool)]);
const DISPLAY: Field = opt("display", Rule::Enum(&["summarized", "omitted", "updates"]));
const BINDING: Field = opt("block_binding", NO_BETA);
const THINKING: Field = opt(
    "thinking",
    Rule::Tagged {
        by: "type",
        default: None,
        variants: &[
            ("enabled", Rule::Object(&[req("budget_tokens", Rule::Number), DISPLAY, BINDING])),
            ("adaptive", Rule::Object(&[DISPLAY, BINDING])),
            ("between_tools", Rule::Object(&[])),
            ("disabled", Rule::Object(&[])),
        ],
    },
);
const FORMAT: Rule = Rule::As(
    SpanKind::System,
    &Rule::Object(&[req("type", Rule::Enum(&["json_schema"])), req("schema", Rule::Schema)]),
);
const OUTPUT_CONFIG: Field = opt(
    "output_config",
    Rule::Object(&[
        opt("effort", Rule::Enum(&["low", "medium", "high", "xhigh", "max"])),
        opt("format", FORMAT),
        opt("task_budget", NO_BETA),
    ]),
);
const OUTPUT_FORMAT: Field = opt("output_format", FORMAT);
const SPEED: Field = opt("speed", Rule::EnumUse(&["standard"], Feature::ServiceTier, &["fast"]));
const PROFILE: Field = opt("user_profile_id", Rule::Use(Feature::ProviderState, &Rule::Id));
const WORKSPACE: Field =
    opt("workspace_id", Rule::Refused("the workspace is chosen by the gateway's credential, leave it out"));
const MCP: Field = opt(
    "mcp_servers",
    Rule::Use(
        Feature::RemoteMcp,
        &Rule::Array(&Rule::Object(&[
            req("type", Rule::Enum(&["url"])),
            req("name", Rule::Fixed("name")),
            req("url", Rule::Fixed("url")),
            opt("authorization_token", Rule::Fixed("credential")),
            opt(
                "tool_configuration",
                Rule::Object(&[
                    opt("allowed_tools", Rule::Array(&Rule::Fixed("name"))),
                    opt("enabled", Rule::Bool),
                ]),
            ),
        ])),
    ),
);
const CONTEXT: Field = opt("context_management", Rule::Use(Feature::Beta, &Rule::Open));

const REQUEST: Rule = Rule::Object(&[
    MODEL,
    MESSAGES,
    req("max_tokens", Rule::Number),
    SYSTEM,
    opt("stream", Rule::Bool),
    opt("temperature", Rule::Number),
    TOOLS,
    TOOL_CHOICE,
    THINKING,
    OUTPUT_CONFIG,
    OUTPUT_FORMAT,
    opt("top_p", Rule::Number),
    opt("top_k", Rule::Number),
    opt("stop_sequences", Rule::Array(&Rule::Text)),
    opt("metadata", Rule::Object(&[opt("user_id", Rule::Text)])),
    CACHE,
    opt("service_tier", Rule::EnumUse(&["standard_only"], Feature::ServiceTier, &["auto"])),
    SPEED,
    opt("inference_geo", Rule::Use(Feature::ServiceTier, &Rule::Id)),
    opt(
        "container",
        Rule::Use(
            Feature::ProviderState,
            &Rule::Either(&[
                Rule::Issued,
                Rule::Object(&[
                    opt("id", Rule::Issued),
                    opt(
                        "skills",
                        Rule::Use(
                            Feature::CodeExecution,
                            &Rule::Array(&Rule::Object(&[
                                req("type", Rule::Enum(&["anthropic", "custom"])),
                                req("skill_id", Rule::Id),
                                opt("version", Rule::Id),
                            ])),
                        ),
                    ),
                ]),
            ]),
        ),
    ),
    opt(
        "diagnostics",
        Rule::Use(Feature::ProviderState, &Rule::Object(&[opt("previous_message_id", Rule::Issued)])),
    ),
    PROFILE,
    WORKSPACE,
    MCP,
    CONTEXT,
    opt("compaction", NO_BETA),
    opt("billing_policy", NO_BETA),
    opt("fallbacks", Rule::Refused("models are routed by the gateway, leave it out")),
    opt("fallback_credit_token", NO_BETA),
    opt("thread", NO_BETA),
    opt("betas", Rule::Refused("send betas in the `anthropic-beta` header")),
]);

const COUNT: Rule = Rule::Object(&[
    MODEL,
    MESSAGES,
    SYSTEM,
    TOOLS,
    TOOL_CHOICE,
    THINKING,
    OUTPUT_CONFIG,
    OUTPUT_FORMAT,
    CACHE,
    SPEED,
    PROFILE,
    WORKSPACE,
    MCP,
    CONTEXT,
    opt("compaction", NO_BETA),
    opt("billing_policy", NO_BETA),
    opt("thread", NO_BETA),
    opt("betas", Rule::Refused("send betas in the `anthropic-beta` header")),
]);

const MESSAGE: Rule = Rule::Tagged {
    by: "role",
    default: None,
    variants: &[
        ("user", Rule::As(SpanKind::User, &BODY)),
        ("assistant", Rule::As(SpanKind::Assistant, &BODY)),
        (
            "system",
            Rule::As(
                SpanKind::System,
                &Rule::Object(&[
                    req("content", SYSTEM_BLOCKS),
                    opt("clear_at", NO_BETA),
                    opt("output_config", NO_BETA),
                ]),
            ),
        ),
    ],
};
const SYSTEM_BLOCKS: Rule = Rule::Either(&[
    Rule::Text,
    Rule::Array(&Rule::Tagged {
        by: "type",
        default: None,
        variants: &[TEXT, ("tool_addition", NO_BETA), ("tool_removal", NO_BETA)],
    }),
]);
const BODY: Rule = Rule::Object(&[req("content", Rule::Either(&[Rule::Text, MESSAGE_BLOCKS]))]);

/// Reads what the judge needs by name. The body has passed the table.
pub(crate) fn facts(doc: Doc<'_>) -> Facts {
    let format = doc.given(0, "output_config").and_then(|c| doc.given(c, "format"));
    Facts {
        include_usage: false,
        strict_output: format.or_else(|| doc.given(0, "output_format")).is_some(),
        choices: 1,
        max_output_tokens: doc.given(0, "max_tokens").and_then(|n| doc.unsigned(n)),
        user_turns: doc.given(0, "messages").map_or(0, |m| turns(doc, m, &["user"])),
        tools: doc
            .given(0, "tools")
            .map(|t| doc.items(t).map(|i| tool(doc, i)).collect())
            .unwrap_or_default(),
        forced_tool: doc.given(0, "tool_choice").and_then(|c| forced(doc, c)),
        store: false,
    }
}

fn forced(doc: Doc<'_>, choice: u32) -> Option<Forced> {
    match doc.text(doc.get(choice, "type")?).as_ref() {
        "any" => Some(Forced::Any),
        "tool" => doc.get(choice, "name").map(|n| Forced::Named(doc.text(n).into_owned())),
        _ => None,
    }
}
