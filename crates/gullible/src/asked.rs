//! What a request asks, in one shape for both dialects. Lenient: this is a model, not the gate.

use crate::plan::tokens;
use serde_json::Value;

/// A tool on offer.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Value,
}

/// What the caller says of calling tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Auto,
    None,
    Any,
    Named(String),
}

/// Who said a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    System,
    User,
    Tool,
    Assistant,
}

/// What the answer's text must be.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Free,
    AnyJson,
    Schema(Value),
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) texts: Vec<(Who, String)>,
    pub(crate) tools: Vec<Offered>,
    pub(crate) choice: Choice,
    pub(crate) parallel: bool,
    pub(crate) choices: u64,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stop: Vec<String>,
    pub(crate) shape: Shape,
    pub(crate) thinking: bool,
    /// A hash of the body, from which ids and times are made.
    pub(crate) seed: u64,
}

impl Asked {
    /// About how many tokens went in.
    pub(crate) fn input_tokens(&self) -> u64 {
        let texts: usize = self.texts.iter().map(|(_, t)| t.len()).sum();
        let tools: usize = self.tools.iter().map(|t| t.name.len() + t.schema.to_string().len()).sum();
        tokens(texts + tools)
    }

    /// The system texts, joined.
    pub(crate) fn system(&self) -> String {
        let texts: Vec<&str> =
            self.texts.iter().filter(|(w, _)| *w == Who::System).map(|(_, t)| t.as_str()).collect();
        texts.join("\n")
    }

    /// The texts since the model last spoke.
    pub(crate) fn tail(&self) -> &[(Who, String)] {
        let from = self.texts.iter().rposition(|(w, _)| *w == Who::Assistant).map_or(0, |i| i + 1);
        self.texts.get(from..).unwrap_or_default()
    }

    /// An id with that prefix; `salt` tells several in one answer apart.
    pub(crate) fn id(&self, prefix: &str, salt: u64) -> String {
        format!("{prefix}{:016x}{:08x}", mixed(self.seed ^ salt), mixed(salt.wrapping_add(self.seed)) >> 32)
    }

    /// A time in 2025, in seconds since the epoch.
    pub(crate) fn created(&self) -> u64 {
        1_735_689_600 + self.seed % 31_536_000
    }
}

/// Reads an OpenAI Chat Completions request.
pub(crate) fn openai(v: &Value, body: &[u8]) -> Result<Asked, &'static str> {
    let messages = v.get("messages").and_then(Value::as_array).ok_or("`messages` must be an array")?;
    let mut texts = Vec::new();
    for m in messages {
        let who = match text_at(m, "role") {
            "system" | "developer" => Who::System,
            "user" => Who::User,
            "tool" | "function" => Who::Tool,
            "assistant" => Who::Assistant,
            _ => return Err("`role` must be one of system, developer, user, assistant, tool"),
        };
        texts.push((who, flattened(m.get("content"))));
    }
    let tools = list_at(v, "tools").iter().filter_map(|t| {
        let f = t.get("function").or_else(|| t.get("custom"))?;
        Some(offered(f, f.get("parameters")))
    });
    let format = v.get("response_format");
    let shape = match format.map(|f| text_at(f, "type")) {
        Some("json_schema") => Shape::Schema(at(format, "/json_schema/schema")),
        Some("json_object") => Shape::AnyJson,
        _ => Shape::Free,
    };
    let choice = match v.get("tool_choice") {
        Some(Value::String(s)) if s == "none" => Choice::None,
        Some(Value::String(s)) if s == "required" => Choice::Any,
        Some(o @ Value::Object(_)) => named(at(Some(o), "/function/name").as_str()),
        _ => Choice::Auto,
    };
    let cap = v.get("max_completion_tokens").or_else(|| v.get("max_tokens"));
    Ok(Asked {
        tools: tools.collect(),
        choice,
        shape,
        texts,
        parallel: v.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
        choices: v.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 128),
        max_tokens: cap.and_then(Value::as_u64),
        stop: strings(v.get("stop")),
        include_usage: at(v.get("stream_options"), "/include_usage") == Value::Bool(true),
        thinking: false,
        ..base(v, body)?
    })
}

/// Reads an Anthropic Messages request.
pub(crate) fn anthropic(v: &Value, body: &[u8]) -> Result<Asked, &'static str> {
    let messages = v.get("messages").and_then(Value::as_array).ok_or("messages: Field required")?;
    let mut texts = Vec::new();
    if let Some(system) = v.get("system") {
        texts.push((Who::System, flattened(Some(system))));
    }
    for m in messages {
        let who = match text_at(m, "role") {
            "user" => Who::User,
            "assistant" => Who::Assistant,
            _ => return Err("messages: role must be user or assistant"),
        };
        match m.get("content") {
            Some(Value::Array(blocks)) => {
                for b in blocks {
                    let result = text_at(b, "type") == "tool_result";
                    let text =
                        if result { flattened(b.get("content")) } else { text_at(b, "text").to_owned() };
                    texts.push((if result { Who::Tool } else { who }, text));
                }
            }
            other => texts.push((who, flattened(other))),
        }
    }
    let tools = list_at(v, "tools").iter().map(|t| offered(t, t.get("input_schema")));
    let wanted = v.get("tool_choice");
    let choice = match wanted.map(|c| text_at(c, "type")) {
        Some("none") => Choice::None,
        Some("any") => Choice::Any,
        Some("tool") => named(at(wanted, "/name").as_str()),
        _ => Choice::Auto,
    };
    let format = v.get("output_format").or_else(|| v.pointer("/output_config/format"));
    Ok(Asked {
        tools: tools.collect(),
        choice,
        texts,
        shape: format.and_then(|f| f.get("schema")).map_or(Shape::Free, |s| Shape::Schema(s.clone())),
        parallel: at(wanted, "/disable_parallel_tool_use") != Value::Bool(true),
        max_tokens: v.get("max_tokens").and_then(Value::as_u64),
        stop: strings(v.get("stop_sequences")),
        thinking: matches!(v.get("thinking").map(|t| text_at(t, "type")), Some("enabled" | "adaptive")),
        ..base(v, body)?
    })
}

fn base(v: &Value, body: &[u8]) -> Result<Asked, &'static str> {
    let model = v.get("model").and_then(Value::as_str).ok_or("`model` must be a string")?;
    Ok(Asked {
        model: model.to_owned(),
        stream: v.get("stream").and_then(Value::as_bool).unwrap_or(false),
        include_usage: false,
        texts: Vec::new(),
        tools: Vec::new(),
        choice: Choice::Auto,
        parallel: true,
        choices: 1,
        max_tokens: None,
        stop: Vec::new(),
        shape: Shape::Free,
        thinking: false,
        seed: hashed(body),
    })
}

fn offered(f: &Value, schema: Option<&Value>) -> Offered {
    Offered {
        name: text_at(f, "name").to_owned(),
        description: text_at(f, "description").to_owned(),
        schema: schema.cloned().unwrap_or(Value::Null),
    }
}

fn named(name: Option<&str>) -> Choice {
    name.map_or(Choice::Any, |n| Choice::Named(n.to_owned()))
}

fn text_at<'v>(v: &'v Value, key: &str) -> &'v str {
    v.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list_at<'v>(v: &'v Value, key: &str) -> &'v [Value] {
    v.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn at(v: Option<&Value>, pointer: &str) -> Value {
    v.and_then(|v| v.pointer(pointer)).cloned().unwrap_or(Value::Null)
}

/// A string, or the texts of an array of parts.
fn flattened(v: Option<&Value>) -> String {
    match v {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> =
                parts.iter().map(|p| text_at(p, "text")).filter(|t| !t.is_empty()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn strings(v: Option<&Value>) -> Vec<String> {
    let all = match v {
        Some(Value::String(s)) => vec![s.clone()],
        Some(Value::Array(a)) => a.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|s| !s.is_empty()).collect()
}

/// FNV-1a, then mixed. Tells requests apart; promises nothing else.
fn hashed(bytes: &[u8]) -> u64 {
    let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    mixed(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
