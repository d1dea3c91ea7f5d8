//! OpenAPI 3.0 and 3.1 documents as tools: each operation a tool, each call of it one HTTP request.
//!
//! ```text
//! bytes ─ yaml or json ─> value ─ operation ─> Operation: name, parameters with positions, inputSchema
//! call: arguments ─ schema ─> fit ─ encode ─> method, path and query, headers, body
//! ```
//! What always holds: an argument is written at its position and never leaves it; only declared arguments are taken;
//! where the request goes (scheme, host, base path) and the caller's credentials come from the operator, never from
//! the document or the arguments; parameters that carry the document's own credentials are no arguments. What it does
//! not do: guess effects. That an operation is a GET becomes the hint `readOnlyHint`, which is a stranger's.
//!
//! References: OpenAPI 3.1.1, sections 4.8.12 (Parameter Object), 4.8.13 (Request Body Object); RFC 3986, 2.3 and 3.3.

mod encode;
mod operation;
mod schemas;
mod select;
#[cfg(test)]
mod tests;
mod yaml;

use crate::json::{self, Bounds};
use crate::pins::Tool;
use crate::schema::Schema;
use crate::show::visible;
use cordon_types::Problem;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Longest document.
pub const MAX_DOCUMENT: usize = 8 << 20;
/// Most operations of a document.
pub const MAX_OPERATIONS: usize = 1_000;

/// Depth and number of values of a document. Names of schemas may differ in case only.
const DOCUMENT: Bounds = Bounds { bytes: MAX_DOCUMENT, depth: 90, nodes: 500_000, cases: false };

/// Depth and number of values of a call's arguments; the schema's own bounds are narrower.
const ARGUMENTS: Bounds = Bounds { bytes: MAX_DOCUMENT, depth: 64, nodes: 500_000, cases: false };

/// Where an argument goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Position {
    /// A part of the path.
    Path,
    /// The query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The body, whole.
    Body,
}

impl Position {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Position::Path => "path",
            Position::Query => "query",
            Position::Header => "header",
            Position::Cookie => "cookie",
            Position::Body => "body",
        }
    }
}

/// A document, read.
#[derive(Debug)]
pub struct Document {
    operations: BTreeMap<String, Operation>,
    skipped: Vec<Problem>,
}

/// One operation: a tool, and how its calls are written.
#[derive(Debug)]
struct Operation {
    tool: Tool,
    schema: Schema,
    method: &'static str,
    /// The path as the document writes it.
    template: String,
    tags: Vec<String>,
    path: Vec<Segment>,
    parameters: Vec<Parameter>,
    /// The argument that is the body, and its media type.
    body: Option<(String, String)>,
}

/// A part of a path between slashes: texts and arguments.
type Segment = Vec<Piece>;

#[derive(Debug)]
enum Piece {
    /// As it stands in the document.
    Text(String),
    /// The parameter of that name.
    Argument(String),
}

#[derive(Debug)]
struct Parameter {
    /// What the argument is called.
    argument: String,
    /// What the parameter is called at its position.
    name: String,
    position: Position,
    /// A list becomes several parameters rather than one with commas.
    explode: bool,
    /// The value is JSON text.
    json: bool,
}

/// A request, without a host and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: &'static str,
    /// Path and query, to be put behind the operator's base address. Begins with `/`.
    pub path_and_query: String,
    /// Headers, names in lower case: declared parameters, `content-type` and `accept`; `cookie` of declared cookies.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Document {
    /// Reads a document, JSON or YAML.
    ///
    /// # Errors
    /// When it is no OpenAPI 3.0 or 3.1 document, or two operations would be one tool. An operation that cannot be a
    /// tool is no error: it is [`Document::skipped`].
    pub fn read(text: &[u8]) -> Result<Self, Vec<Problem>> {
        Self::read_with(text, &[])
    }

    /// The same where the operator sets these headers: no argument does.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn read_with(text: &[u8], taken: &[String]) -> Result<Self, Vec<Problem>> {
        let first = text.iter().find(|b| !b.is_ascii_whitespace());
        let value = match first {
            Some(b'{') => json::read(text, &DOCUMENT),
            _ => yaml::read(text, &DOCUMENT),
        };
        let root = value.map_err(|p| vec![p])?;
        let version = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
        let old = version.starts_with("3.0.");
        if !old && !version.starts_with("3.1.") {
            let message = format!("`{}` is no version that is supported", visible(version));
            return Err(vec![Problem::new("openapi", message, "use 3.0 or 3.1")]);
        }
        let Some(paths) = root.get("paths").and_then(Value::as_object) else {
            return Err(vec![Problem::new(
                "paths",
                "there are none",
                "declare the operations under `paths`",
            )]);
        };
        let mut document = Self { operations: BTreeMap::new(), skipped: Vec::new() };
        let mut problems = Vec::new();
        for (path, item) in paths.iter().filter(|(p, _)| !p.starts_with("x-")) {
            let source = operation::Source { root: &root, old, taken };
            document.item(&source, path, item, &mut problems);
        }
        if problems.is_empty() { Ok(document) } else { Err(problems) }
    }

    fn item(
        &mut self,
        source: &operation::Source<'_>,
        path: &str,
        item: &Value,
        problems: &mut Vec<Problem>,
    ) {
        let item = match source.resolve(item) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return self.skipped.push(skip(path, "is no object")),
            Err(why) => return self.skipped.push(skip(path, why)),
        };
        for (key, method) in operation::METHODS {
            let Some(it) = item.get(*key) else { continue };
            let at = format!("{} {path}", method);
            match source.operation(method, path, item, it) {
                Ok(operation) if self.operations.len() < MAX_OPERATIONS => {
                    let name = operation.tool.name().to_owned();
                    if self.operations.keys().any(|n| n.eq_ignore_ascii_case(&name)) {
                        let message = format!("the name `{name}` stands twice");
                        problems.push(Problem::new(visible(&at), message, "give it another `operationId`"));
                    } else {
                        self.operations.insert(name, operation);
                    }
                }
                Ok(_) => {
                    let message = format!("over {MAX_OPERATIONS} operations");
                    problems.push(Problem::new(visible(&at), message, "split the document"));
                    return;
                }
                Err(why) => self.skipped.push(skip(&at, why)),
            }
        }
    }

    /// Keeps the operations that a list of patterns names; without patterns, all. A pattern is a tool's name
    /// (`getPet`, `get*`), `tag:` and a tag, or a method and a path (`GET /pets/*`); `*` stands for any text; what
    /// begins with `!` is left out, whatever else names it.
    ///
    /// # Errors
    /// One problem for each pattern that is none, or fits nothing; its path is the pattern's number, from 0.
    pub fn select(&mut self, patterns: &[String]) -> Result<(), Vec<Problem>> {
        let chosen = select::choose(&self.operations, &self.skipped, patterns)?;
        self.operations.retain(|name, _| chosen.contains(name));
        if !patterns.is_empty() {
            // What nobody chose is not missing.
            self.skipped.clear();
        }
        Ok(())
    }

    /// Each operation that is a tool: its name, method and path as the document writes it.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &'static str, &str)> {
        self.operations.iter().map(|(name, o)| (name.as_str(), o.method, o.template.as_str()))
    }

    /// The tools, by name.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        self.operations.values().map(|o| o.tool.clone()).collect()
    }

    /// The operations that are no tools, and why.
    #[must_use]
    pub fn skipped(&self) -> &[Problem] {
        &self.skipped
    }

    /// Where each argument of a tool goes, by argument.
    #[must_use]
    pub fn positions(&self, tool: &str) -> Vec<(&str, Position)> {
        let Some(operation) = self.operations.get(tool) else { return Vec::new() };
        let body = operation.body.iter().map(|(argument, _)| (argument.as_str(), Position::Body));
        operation.parameters.iter().map(|p| (p.argument.as_str(), p.position)).chain(body).collect()
    }

    /// The request that a call becomes. `arguments`: JSON text of an object.
    ///
    /// # Errors
    /// When there is no such tool, the arguments do not fit its schema, or a value cannot stand at its position. The
    /// problem names the argument, never the value.
    pub fn request_of(&self, tool: &str, arguments: &str) -> Result<HttpRequest, Problem> {
        // SECURITY: the text was judged; what is read from it must be the same to the last digit.
        if !json::is_exact(arguments.as_bytes()) {
            let hint = "send it as the API's string, or with fewer digits";
            return Err(Problem::new("", "a number has more digits than can be passed on exactly", hint));
        }
        self.request(tool, &json::read(arguments.as_bytes(), &ARGUMENTS)?)
    }

    /// The same for arguments that are read already.
    ///
    /// # Errors
    /// As [`Document::request_of`].
    pub fn request(&self, tool: &str, arguments: &Value) -> Result<HttpRequest, Problem> {
        let Some(operation) = self.operations.get(tool) else {
            return Err(Problem::new("", "there is no such tool", "ask for the list"));
        };
        // Clients write null for what they leave out, whatever the schema says of the type.
        let mut given = Cow::Borrowed(arguments);
        let mut checked = operation.schema.check(&given);
        if checked.is_err()
            && let Value::Object(members) = given.to_mut()
            && members.values().any(Value::is_null)
        {
            members.retain(|_, v| !v.is_null());
            checked = operation.schema.check(&given);
        }
        if let Err(misfits) = checked {
            let first = misfits.into_iter().next();
            let (path, rule) = first.map(|m| (m.path, m.keyword)).unwrap_or_default();
            let message = format!("does not fit `{rule}` of the tool's schema");
            return Err(Problem::new(path, message, "send what the schema asks for"));
        }
        let none = Map::new();
        encode::request(operation, given.as_object().unwrap_or(&none))
    }
}

fn skip(at: &str, why: impl Into<String>) -> Problem {
    Problem::new(visible(at), why, "the operation is no tool")
}
