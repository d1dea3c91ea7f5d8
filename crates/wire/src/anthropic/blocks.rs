//! Content blocks of Messages, in requests and answers alike.
//!
//! Held against the official client's `MessageContentParam`, `ContentBlock` and their beta forms. What the
//! provider ran or fetched on its own side is a feature; what it signed or encrypted is issued.

use crate::table::{Field, Rule, opt, req};
use cordon_types::{Feature, SpanKind};

/// A cut of the provider's prompt cache.
pub(super) const CACHE: Field = opt(
    "cache_control",
    Rule::Object(&[req("type", Rule::Enum(&["ephemeral"])), opt("ttl", Rule::Enum(&["5m", "1h"]))]),
);
const CITE: Field = opt("citations", Rule::Object(&[opt("enabled", Rule::Bool)]));

/// A file the provider holds.
const FILE_ID: Field = req("file_id", Rule::Use(Feature::ProviderState, &Rule::Issued));

/// Cited text and its title are words of a document.
pub(super) const CITATION: Rule = Rule::As(
    SpanKind::ToolResult,
    &Rule::Tagged {
        by: "type",
        default: None,
        variants: &[
            ("char_location", Rule::Object(PLACE)),
            ("page_location", Rule::Object(PLACE)),
            ("content_block_location", Rule::Object(PLACE)),
            ("search_result_location", Rule::Object(PLACE)),
            ("web_search_result_location", Rule::Object(PLACE)),
        ],
    },
);
const PLACE: &[Field] = &[
    opt("cited_text", Rule::Text),
    opt("document_title", Rule::Text),
    opt("title", Rule::Text),
    opt("source", Rule::Text),
    opt("url", Rule::Fixed("url")),
    opt("encrypted_index", Rule::Issued),
    opt("file_id", Rule::Use(Feature::ProviderState, &Rule::Issued)),
    opt("document_index", Rule::Number),
    opt("search_result_index", Rule::Number),
    opt("start_char_index", Rule::Number),
    opt("end_char_index", Rule::Number),
    opt("start_page_number", Rule::Number),
    opt("end_page_number", Rule::Number),
    opt("start_block_index", Rule::Number),
    opt("end_block_index", Rule::Number),
];

/// A text block.
pub(super) const TEXT: (&str, Rule) =
    ("text", Rule::Object(&[req("text", Rule::Text), CACHE, opt("citations", Rule::Array(&CITATION))]));
/// Text, or text blocks.
pub(super) const TEXTS: Rule =
    Rule::Either(&[Rule::Text, Rule::Array(&Rule::Tagged { by: "type", default: None, variants: &[TEXT] })]);

const IMAGE: (&str, Rule) = (
    "image",
    Rule::Use(
        Feature::Image,
        &Rule::Object(&[
            req(
                "source",
                Rule::Tagged {
                    by: "type",
                    default: None,
                    variants: &[
                        (
                            "base64",
                            Rule::Object(&[
                                req("data", Rule::Opaque),
                                req(
                                    "media_type",
                                    Rule::Enum(&["image/jpeg", "image/png", "image/gif", "image/webp"]),
                                ),
                            ]),
                        ),
                        ("url", Rule::Object(&[req("url", Rule::Url(Feature::Image))])),
                        ("file", Rule::Object(&[FILE_ID])),
                    ],
                },
            ),
            opt(
                "transformations",
                Rule::Object(&[opt("oversized_image", Rule::Enum(&["downsize", "error"]))]),
            ),
            CACHE,
        ]),
    ),
);

const DOCUMENT: (&str, Rule) = (
    "document",
    Rule::As(
        SpanKind::ToolResult,
        &Rule::Object(&[
            req(
                "source",
                Rule::Tagged {
                    by: "type",
                    default: None,
                    variants: &[
                        (
                            "text",
                            Rule::Object(&[
                                req("data", Rule::Text),
                                req("media_type", Rule::Enum(&["text/plain"])),
                            ]),
                        ),
                        (
                            "content",
                            Rule::Object(&[req(
                                "content",
                                Rule::Either(&[
                                    Rule::Text,
                                    Rule::Array(&Rule::Tagged {
                                        by: "type",
                                        default: None,
                                        variants: &[TEXT, IMAGE],
                                    }),
                                ]),
                            )]),
                        ),
                        (
                            "base64",
                            Rule::Use(
                                Feature::Document,
                                &Rule::Object(&[
                                    req("data", Rule::Opaque),
                                    req("media_type", Rule::Enum(&["application/pdf"])),
                                ]),
                            ),
                        ),
                        ("url", Rule::Object(&[req("url", Rule::Url(Feature::Document))])),
                        ("file", Rule::Use(Feature::Document, &Rule::Object(&[FILE_ID]))),
                    ],
                },
            ),
            opt("title", Rule::Text),
            opt("context", Rule::Text),
            CITE,
            CACHE,
        ]),
    ),
);

const SEARCH_RESULT: (&str, Rule) = (
    "search_result",
    Rule::As(
        SpanKind::ToolResult,
        &Rule::Object(&[
            req("content", Rule::Array(&Rule::Tagged { by: "type", default: None, variants: &[TEXT] })),
            req("source", Rule::Text),
            req("title", Rule::Text),
            CITE,
            CACHE,
        ]),
    ),
);

const THINKING: (&str, Rule) = (
    "thinking",
    Rule::As(
        SpanKind::Reasoning,
        &Rule::Object(&[req("thinking", Rule::Fixed("signed")), req("signature", Rule::Issued)]),
    ),
);
const REDACTED: (&str, Rule) = (
    "redacted_thinking",
    Rule::Use(Feature::EncryptedReasoning, &Rule::Object(&[req("data", Rule::Issued)])),
);

const CALLER: Field = opt(
    "caller",
    Rule::Tagged {
        by: "type",
        default: None,
        variants: &[
            ("direct", Rule::Object(&[])),
            ("code_execution_20250825", BY_CODE),
            ("code_execution_20260120", BY_CODE),
            ("code_execution_20260521", BY_CODE),
        ],
    },
);
const BY_CODE: Rule = Rule::Use(Feature::CodeExecution, &Rule::Object(&[req("tool_id", Rule::Id)]));

const CALL: &[Field] = &[
    req("id", Rule::Id),
    req("name", Rule::Fixed("name")),
    req("input", Rule::Open),
    opt("toolset_name", Rule::Fixed("name")),
    opt("server_name", Rule::Fixed("name")),
    CALLER,
    CACHE,
];
const TOOL_USE: (&str, Rule) = ("tool_use", Rule::As(SpanKind::ToolCall, &Rule::Object(CALL)));
const MCP_TOOL_USE: (&str, Rule) =
    ("mcp_tool_use", Rule::Use(Feature::RemoteMcp, &Rule::As(SpanKind::ToolCall, &Rule::Object(CALL))));

/// Which provider tool runs is known by its name: each uses its own feature.
const SERVER_TOOL_USE: (&str, Rule) = (
    "server_tool_use",
    Rule::As(
        SpanKind::ToolCall,
        &Rule::Tagged {
            by: "name",
            default: None,
            variants: &[
                ("web_search", Rule::Use(Feature::WebSearch, &SERVER_CALL)),
                ("web_fetch", Rule::Use(Feature::WebSearch, &SERVER_CALL)),
                ("code_execution", Rule::Use(Feature::CodeExecution, &SERVER_CALL)),
                ("bash_code_execution", Rule::Use(Feature::CodeExecution, &SERVER_CALL)),
                ("text_editor_code_execution", Rule::Use(Feature::CodeExecution, &SERVER_CALL)),
                ("tool_search_tool_regex", Rule::Use(Feature::Beta, &SERVER_CALL)),
                ("tool_search_tool_bm25", Rule::Use(Feature::Beta, &SERVER_CALL)),
                ("advisor", Rule::Use(Feature::Beta, &SERVER_CALL)),
            ],
        },
    ),
);
const SERVER_CALL: Rule = Rule::Object(&[
    req("id", Rule::Id),
    req("input", Rule::Open),
    req("type", Rule::Enum(&["server_tool_use"])),
    CALLER,
    CACHE,
]);

const TOOL_RESULT: (&str, Rule) = (
    "tool_result",
    Rule::As(
        SpanKind::ToolResult,
        &Rule::Object(&[
            req("tool_use_id", Rule::Id),
            opt(
                "content",
                Rule::Either(&[
                    Rule::Text,
                    Rule::Array(&Rule::Tagged {
                        by: "type",
                        default: None,
                        variants: &[TEXT, IMAGE, SEARCH_RESULT, DOCUMENT, TOOL_REFERENCE, BROWSER_STATE],
                    }),
                ]),
            ),
            opt("is_error", Rule::Bool),
            opt("toolset_name", Rule::Fixed("name")),
            CACHE,
        ]),
    ),
);
const TOOL_REFERENCE: (&str, Rule) =
    ("tool_reference", Rule::Object(&[req("tool_name", Rule::Fixed("name")), CACHE]));
/// The browser's state is the open web's words.
const BROWSER_STATE: (&str, Rule) = (
    "browser_state",
    Rule::Use(
        Feature::ComputerUse,
        &Rule::Object(&[
            req("tabs", Rule::Array(&Rule::Open)),
            opt("state_changes", Rule::Array(&Rule::Open)),
            CACHE,
        ]),
    ),
);

/// A result of something the provider ran: its words are untrusted, its encrypted parts issued.
const RESULT: &[Field] = &[
    req("tool_use_id", Rule::Id),
    req("content", RESULT_CONTENT),
    opt("is_error", Rule::Bool),
    CALLER,
    CACHE,
];
const RESULT_CONTENT: Rule = Rule::Either(&[Rule::Text, Rule::Array(&RESULT_ITEM), RESULT_ITEM]);
const RESULT_ITEM: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT,
        (
            "web_search_result",
            Rule::Object(&[
                req("encrypted_content", Rule::Issued),
                req("title", Rule::Text),
                req("url", Rule::Fixed("url")),
                opt("page_age", Rule::Text),
            ]),
        ),
        (
            "web_fetch_result",
            Rule::Object(&[
                req("content", Rule::Tagged { by: "type", default: None, variants: &[DOCUMENT] }),
                req("url", Rule::Fixed("url")),
                opt("retrieved_at", Rule::Text),
            ]),
        ),
        (
            "encrypted_code_execution_result",
            Rule::Object(&[
                req("encrypted_stdout", Rule::Issued),
                opt("stderr", Rule::Text),
                opt("return_code", Rule::Number),
                req("content", Rule::Array(&OUTPUT_FILE)),
            ]),
        ),
        ("code_execution_result", EXECUTED),
        ("bash_code_execution_result", EXECUTED),
        ("text_editor_code_execution_view_result", EDITED),
        ("text_editor_code_execution_create_result", EDITED),
        ("text_editor_code_execution_str_replace_result", EDITED),
        (
            "tool_search_tool_search_result",
            Rule::Object(&[req(
                "tool_references",
                Rule::Array(&Rule::Tagged { by: "type", default: None, variants: &[TOOL_REFERENCE] }),
            )]),
        ),
        ("advisor_result", Rule::Object(&[req("text", Rule::Text), opt("stop_reason", Rule::Id)])),
        (
            "advisor_redacted_result",
            Rule::Object(&[req("encrypted_content", Rule::Issued), opt("stop_reason", Rule::Id)]),
        ),
        ("web_search_tool_result_error", FAILED),
        ("web_fetch_tool_result_error", FAILED),
        ("code_execution_tool_result_error", FAILED),
        ("bash_code_execution_tool_result_error", FAILED),
        ("text_editor_code_execution_tool_result_error", FAILED),
        ("tool_search_tool_result_error", FAILED),
        ("advisor_tool_result_error", FAILED),
    ],
};
const FAILED: Rule = Rule::Object(&[req("error_code", Rule::Id), opt("error_message", Rule::Text)]);
const OUTPUT_FILE: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        ("code_execution_output", Rule::Object(&[FILE_ID])),
        ("bash_code_execution_output", Rule::Object(&[FILE_ID])),
    ],
};
const EXECUTED: Rule = Rule::Object(&[
    req("stdout", Rule::Text),
    req("stderr", Rule::Text),
    req("return_code", Rule::Number),
    req("content", Rule::Array(&OUTPUT_FILE)),
]);
const EDITED: Rule = Rule::Object(&[
    opt("content", Rule::Text),
    opt("file_type", Rule::Enum(&["text", "image", "pdf"])),
    opt("is_file_update", Rule::Bool),
    opt("lines", Rule::Array(&Rule::Text)),
    opt("num_lines", Rule::Number),
    opt("start_line", Rule::Number),
    opt("total_lines", Rule::Number),
    opt("new_lines", Rule::Number),
    opt("new_start", Rule::Number),
    opt("old_lines", Rule::Number),
    opt("old_start", Rule::Number),
]);

const RUN: Rule = Rule::As(SpanKind::ToolResult, &Rule::Object(RESULT));
const WEB_RESULT: (&str, Rule) = ("web_search_tool_result", Rule::Use(Feature::WebSearch, &RUN));
const FETCH_RESULT: (&str, Rule) = ("web_fetch_tool_result", Rule::Use(Feature::WebSearch, &RUN));
const CODE_RESULT: (&str, Rule) = ("code_execution_tool_result", Rule::Use(Feature::CodeExecution, &RUN));
const BASH_RESULT: (&str, Rule) =
    ("bash_code_execution_tool_result", Rule::Use(Feature::CodeExecution, &RUN));
const EDIT_RESULT: (&str, Rule) =
    ("text_editor_code_execution_tool_result", Rule::Use(Feature::CodeExecution, &RUN));
const SEARCH_TOOLS: (&str, Rule) = ("tool_search_tool_result", Rule::Use(Feature::Beta, &RUN));
const ADVISED: (&str, Rule) = ("advisor_tool_result", Rule::Use(Feature::Beta, &RUN));
const MCP_RESULT: (&str, Rule) = ("mcp_tool_result", Rule::Use(Feature::RemoteMcp, &RUN));
const UPLOAD: (&str, Rule) = (
    "container_upload",
    Rule::Use(Feature::ProviderState, &Rule::Object(&[req("file_id", Rule::Issued), CACHE])),
);

const NO_BETA: Rule = Rule::Refused("this beta block is not supported, send the conversation without it");

/// Blocks of a message in a request. A client may play an answer back under either role.
pub(super) const MESSAGE_BLOCKS: Rule = Rule::Array(&Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT,
        TOOL_RESULT,
        TOOL_USE,
        THINKING,
        REDACTED,
        IMAGE,
        DOCUMENT,
        SEARCH_RESULT,
        SERVER_TOOL_USE,
        WEB_RESULT,
        FETCH_RESULT,
        CODE_RESULT,
        BASH_RESULT,
        EDIT_RESULT,
        SEARCH_TOOLS,
        ADVISED,
        MCP_TOOL_USE,
        MCP_RESULT,
        UPLOAD,
        BROWSER_STATE,
        TOOL_REFERENCE,
        ("compaction", NO_BETA),
        ("fallback", NO_BETA),
        ("tool_addition", NO_BETA),
        ("tool_removal", NO_BETA),
        ("mcp_tool_listing", NO_BETA),
    ],
});

/// One block of an answer.
pub(crate) const ANSWER_BLOCK: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT,
        TOOL_USE,
        THINKING,
        REDACTED,
        SERVER_TOOL_USE,
        WEB_RESULT,
        FETCH_RESULT,
        CODE_RESULT,
        BASH_RESULT,
        EDIT_RESULT,
        SEARCH_TOOLS,
        ADVISED,
        MCP_TOOL_USE,
        MCP_RESULT,
        UPLOAD,
        ("compaction", NO_BETA),
        ("fallback", NO_BETA),
        ("mcp_tool_listing", NO_BETA),
    ],
};

/// A thinking block as a stream begins it: its signature follows.
const THINKING_START: (&str, Rule) = (
    "thinking",
    Rule::As(
        SpanKind::Reasoning,
        &Rule::Object(&[req("thinking", Rule::Fixed("signed")), opt("signature", Rule::Issued)]),
    ),
);

/// One block of a streamed answer, as it begins.
pub(super) const START_BLOCK: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        TEXT,
        TOOL_USE,
        THINKING_START,
        REDACTED,
        SERVER_TOOL_USE,
        WEB_RESULT,
        FETCH_RESULT,
        CODE_RESULT,
        BASH_RESULT,
        EDIT_RESULT,
        SEARCH_TOOLS,
        ADVISED,
        MCP_TOOL_USE,
        MCP_RESULT,
        UPLOAD,
        ("compaction", NO_BETA),
        ("fallback", NO_BETA),
        ("mcp_tool_listing", NO_BETA),
    ],
};
