//! One operation of a document as a tool: its name, its parameters, its schema.
//!
//! What always holds: what is not understood makes the operation no tool, with the reason; a parameter that would
//! steer the transport or carry a credential is no argument.

use super::schemas::Schemas;
use super::{Operation, Parameter, Piece, Position, Segment};
use crate::json::{self, Bounds};
use crate::pins::{MAX_DEFINITION, Tool};
use crate::schema::Schema;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The methods that become tools: their member in the document, and their name.
pub(super) const METHODS: &[(&str, &str)] = &[
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
];

/// Longest name of a tool made here; the server's prefix comes before it.
const MAX_NAME: usize = 90;
/// What every reader of a listing takes: the gateway's own takes no more.
const LISTED: Bounds = Bounds { bytes: 2 * MAX_DEFINITION, depth: 56, nodes: 100_000, cases: true };
/// Most references in a row.
const MAX_HOPS: usize = 8;
/// Most parameters of an operation.
const MAX_PARAMETERS: usize = 100;

/// Headers that steer the transport, say who calls, or are taken for the request itself by some servers.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-real-ip",
    "x-api-key",
];
/// Those of them that the gateway or the operator sends: an operation may require them all the same.
const UNNEEDED: &[&str] = &["accept", "authorization", "content-type", "user-agent"];
/// Beginnings of such names.
const RESERVED_BEGINNINGS: &[&str] = &["x-forwarded-", "x-cordon-", "proxy-", "sec-"];

/// A document while its operations are read.
pub(super) struct Source<'a> {
    pub(super) root: &'a Value,
    /// OpenAPI 3.0, whose schemas are their own dialect.
    pub(super) old: bool,
    /// Headers that the operator sets.
    pub(super) taken: &'a [String],
}

impl<'a> Source<'a> {
    /// What a value is, behind its references.
    pub(super) fn resolve(&self, value: &'a Value) -> Result<&'a Value, String> {
        let mut value = value;
        for _ in 0..MAX_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
            let Some(pointer) = reference.strip_prefix('#') else {
                return Err(format!(
                    "the reference `{}` leaves the document",
                    crate::show::visible(reference)
                ));
            };
            value = self.root.pointer(pointer).ok_or("a reference leads nowhere")?;
        }
        Err(format!("over {MAX_HOPS} references in a row"))
    }

    /// Reads one operation.
    pub(super) fn operation(
        &self,
        method: &'static str,
        path: &str,
        item: &'a Map<String, Value>,
        it: &'a Value,
    ) -> Result<Operation, String> {
        let it = it.as_object().ok_or("is no object")?;
        let name = name(method, path, it.get("operationId").and_then(Value::as_str))?;
        let mut schemas = Schemas::new(self.root, self.old);
        let mut properties = Map::new();
        let mut required = Vec::new();
        let declared = self.parameters(item, it)?;
        let mut parameters = Vec::new();
        let names: Vec<String> = declared.iter().map(|d| d.0.name.clone()).collect();
        for (mut parameter, schema, must, description) in declared {
            if names.iter().filter(|n| **n == parameter.name).count() > 1 {
                parameter.argument = format!("{}_{}", parameter.position.name(), parameter.name);
            }
            let mut schema = schemas.take(schema)?;
            describe(&mut schema, description, parameter.position);
            if properties.insert(parameter.argument.clone(), schema).is_some() {
                return Err("two parameters would be one argument".to_owned());
            }
            if must {
                required.push(parameter.argument.clone());
            }
            parameters.push(parameter);
        }
        let body = self.body(method, it, &mut schemas, &mut properties, &mut required)?;
        let template = path.to_owned();
        let path = segments(path, &parameters)?;
        let mut input = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        if let (Some(members), Some(defs)) = (input.as_object_mut(), schemas.defs()) {
            members.insert("$defs".to_owned(), defs);
        }
        let schema = Schema::compile(&input).map_err(|p| p.to_string())?;
        let mut definition = json!({"name": name, "inputSchema": input});
        if let Some(members) = definition.as_object_mut() {
            let texts =
                ["summary", "description"].map(|k| it.get(k).and_then(Value::as_str).unwrap_or_default());
            let description =
                texts.iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>().join("\n\n");
            if !description.is_empty() {
                members.insert("description".to_owned(), description.into());
            }
            let reads = matches!(method, "GET" | "HEAD");
            members.insert("annotations".to_owned(), json!({ "readOnlyHint": reads }));
        }
        let tool = Tool::read(definition).map_err(|p| p.to_string())?;
        // Whoever lists the tool reads it strictly: an operation that fails there would take the others with it.
        if json::read(json::canonical(tool.definition()).as_bytes(), &LISTED).is_err() {
            return Err("its schema is nested too deep, or has names that differ only in case".to_owned());
        }
        let tags = it.get("tags").and_then(Value::as_array).into_iter().flatten();
        let tags = tags.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Operation { tool, schema, method, template, tags, path, parameters, body })
    }

    /// The parameters of the path and the operation; the operation's replace the path's.
    #[allow(
        clippy::type_complexity,
        reason = "four things about one parameter, taken apart by the one caller"
    )]
    fn parameters(
        &self,
        item: &'a Map<String, Value>,
        it: &'a Map<String, Value>,
    ) -> Result<Vec<(Parameter, &'a Value, bool, Option<&'a str>)>, String> {
        let mut all: Vec<&'a Map<String, Value>> = Vec::new();
        for list in [item.get("parameters"), it.get("parameters")].into_iter().flatten() {
            for parameter in list.as_array().ok_or("`parameters` is no list")? {
                let parameter = self.resolve(parameter)?.as_object().ok_or("a parameter is no object")?;
                let same = |p: &&Map<String, Value>| {
                    p.get("name") == parameter.get("name") && p.get("in") == parameter.get("in")
                };
                all.retain(|p| !same(p));
                all.push(parameter);
            }
        }
        if all.len() > MAX_PARAMETERS {
            return Err(format!("over {MAX_PARAMETERS} parameters"));
        }
        let credentials = self.credentials();
        let mut out = Vec::new();
        for parameter in all {
            let must = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
            let (read, schema) = read_parameter(parameter)?;
            let place = (read.position.name(), read.name.to_ascii_lowercase());
            let taken = self.taken.iter().any(|name| name.eq_ignore_ascii_case(&place.1));
            let reserved = read.position == Position::Header && (taken || is_reserved(&place.1));
            if reserved || credentials.contains(&place) {
                if must && !taken && !UNNEEDED.contains(&place.1.as_str()) {
                    return Err("a required parameter is a credential or steers the transport".to_owned());
                }
                continue;
            }
            // Two spellings of one header are one header, twice.
            let twin = |p: &(Parameter, &Value, bool, Option<&str>)| {
                p.0.position == Position::Header && p.0.name.eq_ignore_ascii_case(&read.name)
            };
            if read.position == Position::Header && out.iter().any(twin) {
                return Err("a header stands twice".to_owned());
            }
            out.push((read, schema, must, parameter.get("description").and_then(Value::as_str)));
        }
        Ok(out)
    }

    /// Where the document's API keys go: the operator sets them, no argument does.
    fn credentials(&self) -> BTreeSet<(&'a str, String)> {
        let schemes = self.root.pointer("/components/securitySchemes").and_then(Value::as_object);
        let schemes = schemes.into_iter().flat_map(Map::values).filter_map(|s| self.resolve(s).ok());
        let text = |s: &'a Value, key: &str| s.get(key).and_then(Value::as_str);
        schemes.filter_map(|s| Some((text(s, "in")?, text(s, "name")?.to_ascii_lowercase()))).collect()
    }

    fn body(
        &self,
        method: &str,
        it: &'a Map<String, Value>,
        schemas: &mut Schemas<'a>,
        properties: &mut Map<String, Value>,
        required: &mut Vec<String>,
    ) -> Result<Option<(String, String)>, String> {
        let Some(body) = it.get("requestBody") else { return Ok(None) };
        let body = self.resolve(body)?;
        // A body there has no meaning that servers agree on (RFC 9110, 9.3.1): where requests are smuggled.
        if matches!(method, "GET" | "HEAD" | "DELETE") {
            return Err("a body with GET, HEAD or DELETE".to_owned());
        }
        let content = body.get("content").and_then(Value::as_object).ok_or("a body without `content`")?;
        let is_json =
            |m: &str| m == "application/json" || (m.starts_with("application/") && m.ends_with("+json"));
        let Some((media, it)) = content.iter().find(|(m, _)| is_json(m) && is_token(&m.replace('/', "")))
        else {
            return Err("a body that is no JSON".to_owned());
        };
        let any = const { &Value::Bool(true) };
        let mut schema = schemas.take(it.get("schema").unwrap_or(any))?;
        describe(&mut schema, body.get("description").and_then(Value::as_str), Position::Body);
        let argument = if properties.contains_key("body") { "request_body" } else { "body" };
        if properties.insert(argument.to_owned(), schema).is_some() {
            return Err("a parameter is called as the body is".to_owned());
        }
        if body.get("required").and_then(Value::as_bool).unwrap_or_default() {
            required.push(argument.to_owned());
        }
        Ok(Some((argument.to_owned(), media.clone())))
    }
}

/// Says in the schema where an argument goes; the parameter's description stands before the schema's.
fn describe(schema: &mut Value, description: Option<&str>, position: Position) {
    if *schema == Value::Bool(true) {
        *schema = Value::Object(Map::new());
    }
    if let Value::Object(members) = schema {
        if let Some(text) = description {
            members.insert("description".to_owned(), text.into());
        }
        members.insert("x-cordon-in".to_owned(), position.name().into());
    }
}

fn read_parameter(parameter: &Map<String, Value>) -> Result<(Parameter, &Value), String> {
    let text = |key: &str| parameter.get(key).and_then(Value::as_str);
    let name = text("name").filter(|n| !n.is_empty()).ok_or("a parameter without a name")?;
    let (position, plain, exploded) = match text("in") {
        Some("path") => (Position::Path, "simple", false),
        Some("query") => (Position::Query, "form", true),
        Some("header") => (Position::Header, "simple", false),
        Some("cookie") => (Position::Cookie, "form", true),
        _ => return Err("a parameter that stands nowhere known".to_owned()),
    };
    if name.len() > 128 || name.chars().any(char::is_control) {
        return Err("a parameter's name is too long or has control characters".to_owned());
    }
    if matches!(position, Position::Header | Position::Cookie) && !is_token(name) {
        return Err("a header's or cookie's name is no token".to_owned());
    }
    if text("style").is_some_and(|s| s != plain) {
        return Err(format!("a parameter's style is not `{plain}`"));
    }
    if position == Position::Path && parameter.get("required") != Some(&Value::Bool(true)) {
        return Err("a parameter of the path is not required".to_owned());
    }
    let content = parameter.get("content").and_then(Value::as_object);
    let json = content.is_some();
    let any = const { &Value::Bool(true) };
    let schema = match content {
        Some(content) if content.len() == 1 => content
            .get("application/json")
            .ok_or("a parameter's content is no JSON")?
            .get("schema")
            .unwrap_or(any),
        Some(_) => return Err("a parameter has several contents".to_owned()),
        None => parameter.get("schema").unwrap_or(any),
    };
    let explode = parameter.get("explode").and_then(Value::as_bool).unwrap_or(exploded);
    let name = name.to_owned();
    Ok((Parameter { argument: name.clone(), name, position, explode, json }, schema))
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_BEGINNINGS.iter().any(|b| name.starts_with(b))
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(allowed)
}

/// The path's segments. Every parameter of the path stands in it, and nothing else does.
fn segments(path: &str, parameters: &[Parameter]) -> Result<Vec<Segment>, String> {
    let rest = path.strip_prefix('/').ok_or("the path does not begin with `/`")?;
    let mut used = BTreeSet::new();
    let mut out = Vec::new();
    let last = rest.matches('/').count();
    for (at, part) in rest.split('/').enumerate() {
        // Servers take `//` for `/`, or for the beginning of another host.
        if part.is_empty() && at < last {
            return Err("the path has an empty segment".to_owned());
        }
        // Some servers take what begins with `;` for no part of the name.
        if matches!(part.split(';').next(), Some("." | "..")) {
            return Err("the path has a segment `.` or `..`".to_owned());
        }
        let mut segment = Vec::new();
        let mut rest = part;
        while !rest.is_empty() {
            let (text, behind) = rest.split_once('{').map_or((rest, None), |(t, b)| (t, Some(b)));
            if !text.is_empty() {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
                if !text.bytes().all(allowed) {
                    return Err("the path has a character that stands for something else".to_owned());
                }
                segment.push(Piece::Text(text.to_owned()));
            }
            let Some(behind) = behind else { break };
            let (name, after) = behind.split_once('}').ok_or("the path has a bracket without an end")?;
            let known = parameters.iter().any(|p| p.position == Position::Path && p.name == name);
            if !known || !used.insert(name.to_owned()) {
                return Err("a name in the path is no parameter, or stands twice".to_owned());
            }
            segment.push(Piece::Argument(name.to_owned()));
            rest = after;
        }
        out.push(segment);
    }
    if parameters.iter().filter(|p| p.position == Position::Path).count() != used.len() {
        return Err("a parameter of the path does not stand in it".to_owned());
    }
    Ok(out)
}

/// `operationId`, or method and path, in the form of a tool's name.
fn name(method: &str, path: &str, id: Option<&str>) -> Result<String, String> {
    let text = id.map_or_else(|| format!("{}{path}", method.to_lowercase()), str::to_owned);
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        match (kept, name.ends_with('_')) {
            (true, _) => name.push(c),
            (false, false) => name.push('_'),
            (false, true) => {}
        }
    }
    let name = name.trim_matches('_');
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("its name would not be 1 to {MAX_NAME} characters long"));
    }
    Ok(name.to_owned())
}
