//! What passes through: which dialect, which operation, what kind of span, which way, under which mode.

use serde::{Deserialize, Serialize};

/// A wire format: a model provider's, or that of tool servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI Chat Completions and Models.
    OpenaiChat,
    /// Anthropic Messages and token counting.
    AnthropicMessages,
    /// Model Context Protocol, JSON-RPC with tool servers. No model speaks it.
    Mcp,
}

impl Dialect {
    /// Every dialect that models speak, in a fixed order.
    pub const ALL: [Dialect; 2] = [Dialect::OpenaiChat, Dialect::AnthropicMessages];

    /// Every dialect that a record may name.
    pub const RECORDED: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::Mcp];

    /// The name that config, records and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::OpenaiChat => "openai-chat",
            Dialect::AnthropicMessages => "anthropic-messages",
            Dialect::Mcp => "mcp",
        }
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `GET /v1/models`, `GET /v1/models/{id}`
    Models,
    /// MCP: the list of tools.
    ToolsList,
    /// MCP: a tool's call.
    ToolsCall,
    /// MCP: the list of resources, or of their templates.
    ResourcesList,
    /// MCP: a resource's content, or word of its changes.
    ResourcesRead,
    /// MCP: the list of prompts.
    PromptsList,
    /// MCP: a prompt's text.
    PromptsGet,
    /// MCP: completion of an argument.
    Complete,
    /// MCP: a task that a call became: how it stands, what it asked for, its end.
    Tasks,
    /// MCP: everything else: the handshake, discovery, streams, what is no method.
    McpSession,
    /// `POST /cordon/v1/sessions`
    Sessions,
    /// `POST /cordon/v1/authorize`
    Authorize,
    /// `POST /cordon/v1/report`
    Report,
}

impl Operation {
    /// Every operation, in a fixed order.
    pub const ALL: [Operation; 16] = [
        Operation::ChatCompletions,
        Operation::Messages,
        Operation::CountTokens,
        Operation::Models,
        Operation::ToolsList,
        Operation::ToolsCall,
        Operation::ResourcesList,
        Operation::ResourcesRead,
        Operation::PromptsList,
        Operation::PromptsGet,
        Operation::Complete,
        Operation::Tasks,
        Operation::McpSession,
        Operation::Sessions,
        Operation::Authorize,
        Operation::Report,
    ];

    /// The name that records and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Operation::ChatCompletions => "chat.completions",
            Operation::Messages => "messages",
            Operation::CountTokens => "messages.count_tokens",
            Operation::Models => "models",
            Operation::ToolsList => "tools.list",
            Operation::ToolsCall => "tools.call",
            Operation::ResourcesList => "resources.list",
            Operation::ResourcesRead => "resources.read",
            Operation::PromptsList => "prompts.list",
            Operation::PromptsGet => "prompts.get",
            Operation::Complete => "completion.complete",
            Operation::Tasks => "tasks",
            Operation::McpSession => "mcp.session",
            Operation::Sessions => "sessions",
            Operation::Authorize => "tools.authorize",
            Operation::Report => "tools.report",
        }
    }
}

/// What stands in a span, from the point of view of whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanKind {
    /// Instructions of the application (`system`, `developer`).
    System,
    /// Asserted to be the user's words.
    User,
    /// The model's words.
    Assistant,
    /// The model's reasoning, where the wire shows it.
    Reasoning,
    /// The model's refusal text.
    Refusal,
    /// A tool's name, description or schema.
    ToolDefinition,
    /// A tool call's name and arguments.
    ToolCall,
    /// What a tool returned.
    ToolResult,
    /// Everything else that carries text: user ids, metadata, stop sequences.
    Metadata,
}

impl SpanKind {
    /// Every kind, in a fixed order.
    pub const ALL: [SpanKind; 9] = [
        SpanKind::System,
        SpanKind::User,
        SpanKind::Assistant,
        SpanKind::Reasoning,
        SpanKind::Refusal,
        SpanKind::ToolDefinition,
        SpanKind::ToolCall,
        SpanKind::ToolResult,
        SpanKind::Metadata,
    ];

    /// The name that records and `inspect --jsonl` use (`role` there).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SpanKind::System => "system",
            SpanKind::User => "user",
            SpanKind::Assistant => "assistant",
            SpanKind::Reasoning => "reasoning",
            SpanKind::Refusal => "refusal",
            SpanKind::ToolDefinition => "tool_definition",
            SpanKind::ToolCall => "tool_call",
            SpanKind::ToolResult => "tool_result",
            SpanKind::Metadata => "metadata",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// Which way an exchange's bytes flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the caller to the upstream.
    Prompt,
    /// From the upstream to the caller.
    Answer,
}

/// How a manifest is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What is denied is stopped.
    #[default]
    Enforce,
    /// What would be denied is recorded and goes on (never secrets, parsing, limits or the kill switch).
    Observe,
}

/// Something that a provider does on its own side, or that Cordon cannot look into. Each passes no gateway,
/// so each is refused unless the agent's manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The provider searches the web or fetches pages.
    WebSearch,
    /// The provider runs code in its own sandbox.
    CodeExecution,
    /// The provider drives a computer, shell or editor through its own tool types.
    ComputerUse,
    /// The provider connects to tool servers itself.
    RemoteMcp,
    /// The provider searches files it holds.
    FileSearch,
    /// The request names state that the provider holds (files, containers, conversations, stored prompts).
    ProviderState,
    /// The provider fetches something by URL (image, document).
    FetchByUrl,
    /// An image in the request, which Cordon cannot inspect.
    Image,
    /// Audio in or out, which Cordon cannot inspect.
    Audio,
    /// A document or file in a form that Cordon cannot inspect (PDF, binary).
    Document,
    /// Token probabilities: a second copy of the answer that masking does not reach.
    Logprobs,
    /// Predicted output and similar side inputs.
    Prediction,
    /// Background, batch or priority processing tiers that change where or when data is processed.
    ServiceTier,
    /// A beta header that the table knows but that changes what the provider does.
    Beta,
    /// Reasoning that comes back encrypted, so that it cannot be inspected.
    EncryptedReasoning,
    /// Tool types with free-form (grammar) input instead of JSON arguments.
    CustomTool,
}

impl Feature {
    /// Every feature, in a fixed order.
    pub const ALL: [Feature; 16] = [
        Feature::WebSearch,
        Feature::CodeExecution,
        Feature::ComputerUse,
        Feature::RemoteMcp,
        Feature::FileSearch,
        Feature::ProviderState,
        Feature::FetchByUrl,
        Feature::Image,
        Feature::Audio,
        Feature::Document,
        Feature::Logprobs,
        Feature::Prediction,
        Feature::ServiceTier,
        Feature::Beta,
        Feature::EncryptedReasoning,
        Feature::CustomTool,
    ];

    /// The name that manifests and records use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Feature::WebSearch => "web_search",
            Feature::CodeExecution => "code_execution",
            Feature::ComputerUse => "computer_use",
            Feature::RemoteMcp => "remote_mcp",
            Feature::FileSearch => "file_search",
            Feature::ProviderState => "provider_state",
            Feature::FetchByUrl => "fetch_by_url",
            Feature::Image => "image",
            Feature::Audio => "audio",
            Feature::Document => "document",
            Feature::Logprobs => "logprobs",
            Feature::Prediction => "prediction",
            Feature::ServiceTier => "service_tier",
            Feature::Beta => "beta",
            Feature::EncryptedReasoning => "encrypted_reasoning",
            Feature::CustomTool => "custom_tool",
        }
    }
}
