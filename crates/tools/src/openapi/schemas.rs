//! Schemas of a document as one JSON Schema: what they refer to comes along into `$defs`, and the dialect of 3.0 is
//! written as 2020-12.
//!
//! What always holds: every reference left points into `$defs`; what comes along is bounded.

use serde_json::{Map, Value, json};

/// Most values that come along for one operation.
const MAX_VALUES: usize = 20_000;
/// Deepest nesting of one schema.
const MAX_DEPTH: usize = 40;
/// Where schemas live.
const HOME: &str = "#/components/schemas/";

/// The schemas of one operation.
pub(super) struct Schemas<'a> {
    root: &'a Value,
    old: bool,
    defs: Map<String, Value>,
    waiting: Vec<String>,
    left: usize,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(root: &'a Value, old: bool) -> Self {
        Self { root, old, defs: Map::new(), waiting: Vec::new(), left: MAX_VALUES }
    }

    /// A schema of the document as one of the tool; what it refers to comes along.
    pub(super) fn take(&mut self, schema: &Value) -> Result<Value, String> {
        let out = self.schema(schema, 0)?;
        while let Some(name) = self.waiting.pop() {
            let source = self.root.pointer(&format!("/components/schemas/{}", escape(&name)));
            let schema = self.schema(source.ok_or("a reference to a schema leads nowhere")?, 0)?;
            self.defs.insert(name, schema);
        }
        Ok(out)
    }

    /// What came along.
    pub(super) fn defs(self) -> Option<Value> {
        if self.defs.is_empty() { None } else { Some(Value::Object(self.defs)) }
    }

    fn count(&mut self, depth: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or("its schemas are too large")?;
        if depth > MAX_DEPTH { Err("its schemas are nested too deep".to_owned()) } else { Ok(()) }
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        self.count(depth)?;
        let Value::Object(members) = schema else {
            return match schema {
                Value::Bool(_) if !self.old => Ok(schema.clone()),
                Value::Bool(true) => Ok(json!({})),
                _ => Err("a schema is no object".to_owned()),
            };
        };
        if let Some(reference) = members.get("$ref") {
            let reference = self.reference(reference)?;
            // Beside it, 3.0 ignores everything; 3.1 does not.
            if self.old || members.len() == 1 {
                return Ok(json!({ "$ref": reference }));
            }
        }
        let mut out = Map::new();
        for (key, value) in members {
            let value = match key.as_str() {
                "$ref" => Value::String(self.reference(value)?),
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                    let all = value.as_object().ok_or("a schema's members are no object")?;
                    let mut inner = Map::new();
                    for (name, it) in all {
                        inner.insert(name.clone(), self.schema(it, depth + 1)?);
                    }
                    Value::Object(inner)
                }
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    let all = value.as_array().ok_or("a list of schemas is none")?;
                    Value::Array(all.iter().map(|v| self.schema(v, depth + 1)).collect::<Result<_, _>>()?)
                }
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "contentSchema" => match value {
                    Value::Bool(_) => value.clone(),
                    _ => self.schema(value, depth + 1)?,
                },
                // They say nothing about what fits; the last would have an argument repeated in a header.
                "discriminator" | "xml" | "externalDocs" | "example" | "nullable" | "x-mcp-header" => {
                    continue;
                }
                _ => value.clone(),
            };
            out.insert(key.clone(), value);
        }
        if self.old {
            modern(&mut out, members.get("nullable") == Some(&Value::Bool(true)));
        }
        Ok(Value::Object(out))
    }

    fn reference(&mut self, reference: &Value) -> Result<String, String> {
        let text = reference.as_str().unwrap_or_default();
        let Some(rest) = text.strip_prefix(HOME) else {
            let shown = crate::show::visible(text);
            return Err(format!("a schema refers to `{shown}`, which is outside `{HOME}`"));
        };
        let first = rest.split('/').next().unwrap_or_default();
        let name = first.replace("~1", "/").replace("~0", "~");
        if name.contains('%') {
            return Err("a schema's name has a `%`".to_owned());
        }
        if !self.defs.contains_key(&name) {
            // A place is kept, so that it comes along once.
            self.defs.insert(name.clone(), Value::Bool(false));
            self.waiting.push(name);
        }
        Ok(format!("#/$defs/{rest}"))
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// OpenAPI 3.0.3, Schema Object: `nullable`, and limits that a boolean makes exclusive.
fn modern(schema: &mut Map<String, Value>, nullable: bool) {
    for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                if let Some(value) = schema.remove(limit) {
                    schema.insert(exclusive.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => {
                schema.remove(exclusive);
            }
            _ => {}
        }
    }
    if !nullable {
        return;
    }
    if let Some(Value::String(one)) = schema.get("type").cloned() {
        schema.insert("type".to_owned(), json!([one, "null"]));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}
