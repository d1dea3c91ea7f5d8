//! The request of Chat Completions: its table, and what is read out of it by name.
//!
//! Held against the official client's `CompletionCreateParams` and the types below it. Besides, the sampling
//! fields that compatible servers are widely sent are taken where they are plain numbers and booleans.

use crate::json::Doc;
use crate::request::{Facts, Forced, Tool, ToolKind};
use crate::table::{Field, Rule, Table, opt, req};
use cordon_types::{Feature, SpanKind};
use std::sync::LazyLock;

/// The request's table, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&REQUEST, SpanKind::Metadata));

const EFFORT: Rule = Rule::Enum(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]);

const REQUEST: Rule = Rule::Object(&[
    req("model", Rule::Name),
    req("messages", Rule::Messages(&MESSAGE)),
    opt("stream", Rule::Bool),
    opt("temperature", Rule::Number),
    opt("max_tokens", Rule::Number),
    opt("max_completion_tokens", Rule::Number),
    opt("tools", Rule::As(SpanKind::ToolDefinition, &Rule::Tools(&TOOL))),
    opt("tool_choice", TOOL_CHOICE),
    opt("parallel_tool_calls", Rule::Bool),
    opt("response_format", RESPONSE_FORMAT),
    opt(
        "stream_options",
        Rule::Object(&[opt("include_usage", Rule::Bool), opt("include_obfuscation", Rule::Bool)]),
    ),
    opt("top_p", Rule::Number),
    opt("n", Rule::Number),
    opt("stop", Rule::Either(&[Rule::Text, Rule::Array(&Rule::Text)])),
    opt("seed", Rule::Number),
    opt("user", Rule::Text),
    opt("metadata", Rule::Map(&Rule::Text)),
    opt("presence_penalty", Rule::Number),
    opt("frequency_penalty", Rule::Number),
    opt("logit_bias", Rule::Map(&Rule::Number)),
    opt("logprobs", Rule::TrueUses(Feature::Logprobs)),
    opt("top_logprobs", Rule::Use(Feature::Logprobs, &Rule::Number)),
    opt("store", Rule::Bool),
    opt("reasoning_effort", EFFORT),
    opt("verbosity", Rule::Enum(&["low", "medium", "high"])),
    opt(
        "service_tier",
        Rule::EnumUse(&["auto", "default"], Feature::ServiceTier, &["flex", "scale", "priority", "fast"]),
    ),
    opt("safety_identifier", Rule::Text),
    opt("prompt_cache_key", Rule::Text),
    opt("prompt_cache_retention", Rule::Enum(&["in_memory", "in-memory", "24h"])),
    opt(
        "prompt_cache_options",
        Rule::Object(&[opt("mode", Rule::Enum(&["implicit", "explicit"])), opt("ttl", Rule::Enum(&["30m"]))]),
    ),
    opt("modalities", Rule::Array(&Rule::EnumUse(&["text"], Feature::Audio, &["audio"]))),
    opt(
        "audio",
        Rule::Use(
            Feature::Audio,
            &Rule::Object(&[
                req("format", Rule::Enum(&["wav", "aac", "mp3", "flac", "opus", "pcm16"])),
                req("voice", Rule::Either(&[Rule::Id, Rule::Object(&[req("id", Rule::Id)])])),
            ]),
        ),
    ),
    opt(
        "prediction",
        Rule::Use(
            Feature::Prediction,
            &Rule::As(
                SpanKind::Assistant,
                &Rule::Object(&[req("type", Rule::Enum(&["content"])), req("content", TEXT_CONTENT)]),
            ),
        ),
    ),
    opt("web_search_options", Rule::Use(Feature::WebSearch, &WEB_SEARCH)),
    opt("moderation", MODERATION),
    opt("functions", Rule::Refused("`functions` is deprecated, use `tools`")),
    opt("function_call", Rule::Refused("`function_call` is deprecated, use `tool_choice`")),
    // What compatible servers take besides.
    opt("top_k", Rule::Number),
    opt("min_p", Rule::Number),
    opt("typical_p", Rule::Number),
    opt("min_tokens", Rule::Number),
    opt("repetition_penalty", Rule::Number),
    opt("repeat_penalty", Rule::Number),
    opt("length_penalty", Rule::Number),
    opt("ignore_eos", Rule::Bool),
    opt("skip_special_tokens", Rule::Bool),
    opt("cache_prompt", Rule::Bool),
    opt("enable_thinking", Rule::Bool),
    opt("num_ctx", Rule::Number),
]);

/// The cut that a caller asks the provider's prompt cache to make.
const BREAKPOINT: Field = opt(
    "prompt_cache_breakpoint",
    Rule::Object(&[req("mode", Rule::Enum(&["explicit"])), opt("ttl", Rule::Enum(&["30m", "12h"]))]),
);

const TEXT_PART: (&str, Rule) = ("text", Rule::Object(&[req("text", Rule::Text), BREAKPOINT]));
const TEXT_PARTS: Rule = Rule::Array(&Rule::Tagged { by: "type", default: None, variants: &[TEXT_PART] });
const TEXT_CONTENT: Rule = Rule::Either(&[Rule::Text, TEXT_PARTS]);

const USER_PARTS: Rule = Rule::Array(&Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT_PART,
        (
            "image_url",
            Rule::Object(&[
                req(
                    "image_url",
                    Rule::Object(&[
                        req("url", Rule::Url(Feature::Image)),
                        opt("detail", Rule::Enum(&["auto", "low", "high", "original"])),
                    ]),
                ),
                BREAKPOINT,
            ]),
        ),
        (
            "input_audio",
            Rule::Object(&[
                req(
                    "input_audio",
                    Rule::Use(
                        Feature::Audio,
                        &Rule::Object(&[
                            req("data", Rule::Opaque),
                            req("format", Rule::Enum(&["wav", "mp3"])),
                        ]),
                    ),
                ),
                BREAKPOINT,
            ]),
        ),
        (
            "file",
            Rule::Object(&[
                req(
                    "file",
                    Rule::Use(
                        Feature::Document,
                        &Rule::Object(&[
                            opt("file_data", Rule::Opaque),
                            opt("file_id", Rule::Use(Feature::ProviderState, &Rule::Id)),
                            opt("filename", Rule::Text),
                        ]),
                    ),
                ),
                BREAKPOINT,
            ]),
        ),
    ],
});

const ASSISTANT_PARTS: Rule = Rule::Array(&Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT_PART,
        ("refusal", Rule::Object(&[req("refusal", Rule::As(SpanKind::Refusal, &Rule::Text))])),
    ],
});

/// A participant's name: the model sees it.
const NAME: Field = opt("name", Rule::As(SpanKind::Metadata, &Rule::Fixed("name")));

const INSTRUCTIONS: Rule = Rule::As(SpanKind::System, &Rule::Object(&[req("content", TEXT_CONTENT), NAME]));

const MESSAGE: Rule = Rule::Tagged {
    by: "role",
    default: None,
    variants: &[
        (
            "user",
            Rule::As(
                SpanKind::User,
                &Rule::Object(&[req("content", Rule::Either(&[Rule::Text, USER_PARTS])), NAME]),
            ),
        ),
        ("assistant", Rule::As(SpanKind::Assistant, &Rule::Object(ASSISTANT))),
        (
            "tool",
            Rule::As(
                SpanKind::ToolResult,
                &Rule::Object(&[req("content", TEXT_CONTENT), req("tool_call_id", Rule::Id), NAME]),
            ),
        ),
        ("system", INSTRUCTIONS),
        ("developer", INSTRUCTIONS),
        (
            "function",
            Rule::As(
                SpanKind::ToolResult,
                &Rule::Object(&[
                    opt("content", Rule::Text),
                    req("name", Rule::As(SpanKind::ToolCall, &Rule::Fixed("name"))),
                ]),
            ),
        ),
    ],
};

const ASSISTANT: &[Field] = &[
    opt("content", Rule::Either(&[Rule::Text, ASSISTANT_PARTS])),
    opt("tool_calls", Rule::As(SpanKind::ToolCall, &Rule::Array(&TOOL_CALL))),
    opt("refusal", Rule::As(SpanKind::Refusal, &Rule::Text)),
    opt("reasoning_content", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    opt("reasoning", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    NAME,
    opt(
        "audio",
        Rule::Use(
            Feature::Audio,
            &Rule::Object(&[req("id", Rule::Use(Feature::ProviderState, &Rule::Issued))]),
        ),
    ),
    opt("function_call", Rule::As(SpanKind::ToolCall, &FUNCTION)),
    // A client that plays an answer back sends these too.
    opt("annotations", Rule::As(SpanKind::ToolResult, &Rule::Open)),
];

const FUNCTION: Rule = Rule::Object(&[req("name", Rule::Fixed("name")), req("arguments", Rule::Json)]);

/// A call in a history; in an answer too.
pub(super) const TOOL_CALL: Rule = Rule::Tagged {
    by: "type",
    default: Some(&CALL_FUNCTION),
    variants: &[
        ("function", CALL_FUNCTION),
        (
            "custom",
            Rule::Object(&[
                req("id", Rule::Id),
                opt("index", Rule::Number),
                req(
                    "custom",
                    Rule::Use(
                        Feature::CustomTool,
                        &Rule::Object(&[req("name", Rule::Fixed("name")), req("input", Rule::Text)]),
                    ),
                ),
            ]),
        ),
    ],
};
const CALL_FUNCTION: Rule =
    Rule::Object(&[req("id", Rule::Id), req("function", FUNCTION), opt("index", Rule::Number)]);

const TOOL: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        (
            "function",
            Rule::Object(&[req(
                "function",
                Rule::Object(&[
                    req("name", Rule::Fixed("name")),
                    opt("description", Rule::Text),
                    opt("parameters", Rule::Schema),
                    opt("strict", Rule::Bool),
                ]),
            )]),
        ),
        (
            "custom",
            Rule::Object(&[req(
                "custom",
                Rule::Use(
                    Feature::CustomTool,
                    &Rule::Object(&[
                        req("name", Rule::Fixed("name")),
                        opt("description", Rule::Text),
                        opt(
                            "format",
                            Rule::Tagged {
                                by: "type",
                                default: None,
                                variants: &[
                                    ("text", Rule::Object(&[])),
                                    (
                                        "grammar",
                                        Rule::Object(&[req(
                                            "grammar",
                                            Rule::Object(&[
                                                req("definition", Rule::Fixed("schema")),
                                                req("syntax", Rule::Enum(&["lark", "regex"])),
                                            ]),
                                        )]),
                                    ),
                                ],
                            },
                        ),
                    ]),
                ),
            )]),
        ),
    ],
};

const CHOSEN: Rule = Rule::As(SpanKind::ToolDefinition, &Rule::Object(&[req("name", Rule::Fixed("name"))]));
const TOOL_CHOICE: Rule = Rule::Either(&[
    Rule::Enum(&["none", "auto", "required"]),
    Rule::Tagged {
        by: "type",
        default: None,
        variants: &[
            ("function", Rule::Object(&[req("function", CHOSEN)])),
            ("custom", Rule::Object(&[req("custom", CHOSEN)])),
            (
                "allowed_tools",
                Rule::Object(&[req(
                    "allowed_tools",
                    Rule::Object(&[
                        req("mode", Rule::Enum(&["auto", "required"])),
                        req(
                            "tools",
                            Rule::Array(&Rule::Tagged {
                                by: "type",
                                default: None,
                                variants: &[
                                    ("function", Rule::Object(&[req("function", CHOSEN)])),
                                    ("custom", Rule::Object(&[req("custom", CHOSEN)])),
                                ],
                            }),
                        ),
                    ]),
                )]),
            ),
        ],
    },
]);

const RESPONSE_FORMAT: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        ("text", Rule::Object(&[])),
        ("json_object", Rule::Object(&[])),
        (
            "json_schema",
            Rule::Object(&[req(
                "json_schema",
                Rule::As(
                    SpanKind::System,
                    &Rule::Object(&[
                        req("name", Rule::Fixed("name")),
                        opt("description", Rule::Text),
                        opt("schema", Rule::Schema),
                        opt("strict", Rule::Bool),
                    ]),
                ),
            )]),
        ),
    ],
};

const WEB_SEARCH: Rule = Rule::Object(&[
    opt("search_context_size", Rule::Enum(&["low", "medium", "high"])),
    opt(
        "user_location",
        Rule::Object(&[
            req("type", Rule::Enum(&["approximate"])),
            req(
                "approximate",
                Rule::Object(&[
                    opt("city", Rule::Text),
                    opt("country", Rule::Text),
                    opt("region", Rule::Text),
                    opt("timezone", Rule::Text),
                ]),
            ),
        ]),
    ),
]);

const MODERATION_MODE: Rule = Rule::Object(&[req("mode", Rule::Enum(&["score", "block"]))]);
const MODERATION: Rule = Rule::Object(&[
    req("model", Rule::Id),
    opt("policy", Rule::Object(&[opt("input", MODERATION_MODE), opt("output", MODERATION_MODE)])),
]);

/// Reads what the judge needs by name. The body has passed the table.
pub(crate) fn facts(doc: Doc<'_>) -> Facts {
    let flag = |node: Option<u32>| node.and_then(|n| doc.boolean(n)).unwrap_or(false);
    let number = |key: &str| doc.given(0, key).and_then(|n| doc.unsigned(n));
    let options = doc.given(0, "stream_options");
    let format = doc.given(0, "response_format").and_then(|f| doc.get(f, "type")).map(|t| doc.text(t));
    let turns = doc.given(0, "messages").map_or(0, |m| crate::request::turns(doc, m, &["user"]));
    Facts {
        include_usage: flag(options.and_then(|o| doc.get(o, "include_usage"))),
        strict_output: format.is_some_and(|f| f != "text"),
        choices: number("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        max_output_tokens: number("max_completion_tokens").or_else(|| number("max_tokens")),
        user_turns: turns,
        tools: doc
            .given(0, "tools")
            .map(|t| doc.items(t).map(|i| tool(doc, i)).collect())
            .unwrap_or_default(),
        forced_tool: doc.given(0, "tool_choice").and_then(|c| forced(doc, c)),
        store: doc.get(0, "store").is_some_and(|s| doc.boolean(s) != Some(false)),
    }
}

fn tool(doc: Doc<'_>, node: u32) -> Tool {
    let (inner, kind) = match doc.get(node, "custom") {
        Some(custom) => (Some(custom), ToolKind::Custom),
        None => (doc.get(node, "function"), ToolKind::Function),
    };
    let name = inner.and_then(|f| doc.get(f, "name")).map(|n| doc.text(n).into_owned());
    Tool { name: name.unwrap_or_default(), kind, node }
}

fn forced(doc: Doc<'_>, choice: u32) -> Option<Forced> {
    if let Some(word) = doc.string(choice) {
        return (word == "required").then_some(Forced::Any);
    }
    if let Some(allowed) = doc.get(choice, "allowed_tools") {
        let mode = doc.get(allowed, "mode").map(|m| doc.text(m));
        return mode.is_some_and(|m| m == "required").then_some(Forced::Any);
    }
    let named = doc.get(choice, "function").or_else(|| doc.get(choice, "custom"))?;
    doc.get(named, "name").map(|n| Forced::Named(doc.text(n).into_owned()))
}
