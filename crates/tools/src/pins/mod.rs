//! What a server declares: its tools (and prompts and resources), pinned by digest, compared, and looked at.
//!
//! ```text
//! tools/list pages ─ ToolSet::read ─> ToolSet ─ digest ─> the pin
//!                                        ├─ diff(old, new) ─> what an approver must see
//!                                        ├─ look_alikes(all servers) ─> names and mentions across servers
//!                                        └─ texts, signs ─> what detectors should read, what hides
//! ```
//! What always holds: every member of a definition is in its digest, known or not, so that nothing can change unseen;
//! the order of a list and of members, and how JSON was written, are not. What it does not do: decide what is
//! quarantined.

mod alike;
mod diff;
mod signs;
#[cfg(test)]
mod tests;

pub use alike::{Likeness, LookAlike, MENTION_FROM, NEAR_FROM, look_alikes};
pub use diff::{Change, ChangeKind, Part, diff};
pub use signs::{LONG_DESCRIPTION, LONG_TEXT, Sign, SignKind, Text, suspicious, texts};

use crate::json::{self, Bounds};
use crate::show::visible;
use cordon_types::{Digest, Problem};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Most tools, prompts, resources or templates of one server, each.
pub const MAX_DEFINITIONS: usize = 1_000;
/// Longest page of a listing.
pub const MAX_PAGE: usize = 8 << 20;
/// Most pages of a listing.
pub const MAX_PAGES: usize = 100;
/// Largest definition in its canonical form. Real ones have a few kilobytes; what is longer, nobody reads.
pub const MAX_DEFINITION: usize = 256 << 10;
/// Longest name of a tool (MCP 2025-11-25, Tools, "Tool Names").
pub const MAX_NAME: usize = 128;
/// Longest name of a prompt and longest address of a resource.
pub const MAX_ADDRESS: usize = 2_048;

/// Nesting and number of values of a page; far more than any real listing has.
const PAGE: Bounds = Bounds { bytes: MAX_PAGE, depth: 64, nodes: 500_000, cases: true };

/// One tool as its server declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    name: String,
    definition: Value,
}

impl Tool {
    /// Reads one definition: an object with `name` and `inputSchema`.
    ///
    /// # Errors
    /// When the name is outside MCP's form, a member has the wrong type, or the whole is over its limits.
    pub fn read(definition: Value) -> Result<Self, Problem> {
        let Some(members) = definition.as_object() else {
            return Err(Problem::new("", "a tool is no object", "declare each tool as an object"));
        };
        let Some(name) = members.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Problem::new("", "a tool has no name", "give each tool a `name`"));
        };
        let at = format!("tools[{}]", visible(&name));
        if !is_name(&name) {
            let hint = format!("use 1 to {MAX_NAME} of A-Z, a-z, 0-9, `_`, `-`, `.`");
            return Err(Problem::new(at, "the name is outside the form that MCP allows", hint));
        }
        for (key, object) in [
            ("title", false),
            ("description", false),
            ("inputSchema", true),
            ("outputSchema", true),
            ("annotations", true),
        ] {
            let good = |v: &Value| if object { v.is_object() } else { v.is_string() };
            if members.get(key).is_some_and(|v| !good(v)) {
                let kind = if object { "an object" } else { "a string" };
                return Err(Problem::new(at, format!("`{key}` is not {kind}"), "declare it as MCP says"));
            }
        }
        if !members.contains_key("inputSchema") {
            return Err(Problem::new(
                at,
                "there is no `inputSchema`",
                "declare one; `{\"type\":\"object\"}` takes anything",
            ));
        }
        if json::canonical(&definition).len() > MAX_DEFINITION {
            return Err(Problem::new(
                at,
                format!("the definition is over {MAX_DEFINITION} bytes"),
                "shorten it",
            ));
        }
        Ok(Self { name, definition })
    }

    /// Its name, as the server says it (without the server's prefix).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole definition.
    #[must_use]
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// What it says it does.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.definition.get("description").and_then(Value::as_str)
    }

    /// The schema of its arguments.
    #[must_use]
    pub fn input_schema(&self) -> &Value {
        self.definition.get("inputSchema").unwrap_or(&Value::Null)
    }

    /// The schema of its structured results.
    #[must_use]
    pub fn output_schema(&self) -> Option<&Value> {
        self.definition.get("outputSchema")
    }

    /// What it says about its effects: a stranger's hints.
    #[must_use]
    pub fn annotations(&self) -> Option<&Value> {
        self.definition.get("annotations")
    }

    /// The pin of this tool alone: SHA-256 over the canonical form of the whole definition.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest("cordon/tool/v1", &self.definition)
    }
}

/// All that one server declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolSet {
    tools: BTreeMap<String, Tool>,
    prompts: BTreeMap<String, Value>,
    resources: BTreeMap<String, Value>,
    templates: BTreeMap<String, Value>,
}

impl ToolSet {
    /// Reads the results of `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list`, each page
    /// the `result` object alone, in any order.
    ///
    /// # Errors
    /// When a page is no such result, a name stands twice or differs from another only in case, or a limit is passed.
    pub fn read(pages: &[&[u8]]) -> Result<Self, Problem> {
        if pages.len() > MAX_PAGES {
            return Err(Problem::new("", format!("the listing has over {MAX_PAGES} pages"), "list fewer"));
        }
        let mut set = Self::default();
        for (i, page) in pages.iter().enumerate() {
            let value = json::read(page, &PAGE).map_err(|p| p.within(&format!("page {}", i + 1)))?;
            set.page(value).map_err(|p| p.within(&format!("page {}", i + 1)))?;
        }
        Ok(set)
    }

    /// A set of these tools, as made from an OpenAPI document.
    ///
    /// # Errors
    /// As [`ToolSet::read`].
    pub fn of(tools: impl IntoIterator<Item = Tool>) -> Result<Self, Problem> {
        let mut set = Self::default();
        for tool in tools {
            set.add(tool)?;
        }
        set.cases()?;
        Ok(set)
    }

    fn page(&mut self, page: Value) -> Result<(), Problem> {
        let Value::Object(mut members) = page else {
            return Err(Problem::new("", "a page of a listing is no object", "send the `result` object"));
        };
        let mut known = false;
        for (list, key) in [
            ("tools", "name"),
            ("prompts", "name"),
            ("resources", "uri"),
            ("resourceTemplates", "uriTemplate"),
        ] {
            let Some(items) = members.remove(list) else { continue };
            let Value::Array(items) = items else {
                return Err(Problem::new(list, "is no list", "send a list"));
            };
            known = true;
            for item in items {
                if list == "tools" {
                    self.add(Tool::read(item)?)?;
                } else {
                    self.opaque(list, key, item)?;
                }
            }
        }
        if !known {
            let hint = "send the `result` object of a listing, with `tools`, `prompts`, `resources` or `resourceTemplates`";
            return Err(Problem::new("", "a page lists nothing", hint));
        }
        self.cases()
    }

    fn add(&mut self, tool: Tool) -> Result<(), Problem> {
        let name = tool.name.clone();
        insert(&mut self.tools, "tools", name, tool)
    }

    fn opaque(&mut self, list: &str, key: &str, item: Value) -> Result<(), Problem> {
        let name = item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if name.is_empty() || name.len() > MAX_ADDRESS {
            let message = format!("a member has no `{key}` of 1 to {MAX_ADDRESS} bytes");
            return Err(Problem::new(list, message, "name each"));
        }
        if json::canonical(&item).len() > MAX_DEFINITION {
            return Err(Problem::new(
                list,
                format!("a definition is over {MAX_DEFINITION} bytes"),
                "shorten it",
            ));
        }
        let map = match list {
            "prompts" => &mut self.prompts,
            "resources" => &mut self.resources,
            _ => &mut self.templates,
        };
        insert(map, list, name, item)
    }

    /// Names that differ only in case would be one name to somebody.
    fn cases(&self) -> Result<(), Problem> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for name in self.tools.keys() {
            if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
                let message = format!("`{other}` and `{name}` differ only in case");
                return Err(Problem::new("tools", message, "rename one at the server"));
            }
        }
        Ok(())
    }

    /// Its tools, by name.
    pub fn tools(&self) -> impl ExactSizeIterator<Item = &Tool> {
        self.tools.values()
    }

    /// The tool of that name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }

    /// Its prompts, by name, each as declared.
    pub fn prompts(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.prompts.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Its resources, by address, each as declared.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.resources.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Its resource templates, by address, each as declared.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.templates.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
            && self.prompts.is_empty()
            && self.resources.is_empty()
            && self.templates.is_empty()
    }

    /// The set in its canonical form: what is digested, and what an operator can keep beside the pin to see the
    /// difference later. [`ToolSet::read`] takes it as one page.
    #[must_use]
    pub fn canonical(&self) -> String {
        json::canonical(&self.value())
    }

    /// The pin: SHA-256 over the canonical form of every definition, sorted by name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest("cordon/tool-set/v1", &self.value())
    }

    fn value(&self) -> Value {
        let all = |map: &BTreeMap<String, Value>| Value::Array(map.values().cloned().collect());
        let tools = self.tools.values().map(|t| t.definition.clone()).collect();
        let lists = [
            ("tools", Value::Array(tools)),
            ("prompts", all(&self.prompts)),
            ("resources", all(&self.resources)),
            ("resourceTemplates", all(&self.templates)),
        ];
        Value::Object(lists.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}

fn insert<V>(map: &mut BTreeMap<String, V>, list: &str, name: String, value: V) -> Result<(), Problem> {
    if map.len() >= MAX_DEFINITIONS {
        return Err(Problem::new(list, format!("over {MAX_DEFINITIONS} of them"), "list fewer"));
    }
    if map.contains_key(&name) {
        let message = format!("`{}` stands twice", visible(&name));
        return Err(Problem::new(list, message, "name each once"));
    }
    map.insert(name, value);
    Ok(())
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

/// What is digested says what it is of, so that no tool's pin is a set's.
fn digest(domain: &str, value: &Value) -> Digest {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    hash.update([0]);
    hash.update(json::canonical(value).as_bytes());
    Digest(hash.finalize().into())
}
