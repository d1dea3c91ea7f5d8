//! JSON that satisfies a simple schema, with strings and numbers taken from the text where there are any.

use serde_json::{Map, Value, json};

/// Deepest nesting that is made up; a recursive schema ends here.
const MAX_DEPTH: u8 = 12;
/// Longest string taken from the text, in characters.
const MAX_CHARS: usize = 60;

/// An instance of `schema`, told by `text`.
pub(crate) fn instance(schema: &Value, text: &str) -> Value {
    Inventor { root: schema, text }.value(schema, "", 0)
}

/// The first e-mail address in a text.
pub(crate) fn address(text: &str) -> Option<&str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ','))
        .map(|w| w.trim_end_matches(['.', ';', ':', '!', '?']))
        .find(|w| w.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')))
}

/// The first web address in a text.
pub(crate) fn link(text: &str) -> Option<&str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')'))
        .map(|w| w.trim_end_matches(['.', ';', ',', '!']))
        .find(|w| w.starts_with("https://") || w.starts_with("http://"))
}

struct Inventor<'a> {
    root: &'a Value,
    text: &'a str,
}

impl Inventor<'_> {
    fn value(&self, schema: &Value, key: &str, depth: u8) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|p| self.root.pointer(p));
            return found.map_or(Value::Null, |s| self.value(s, key, depth + 1));
        }
        if let Some(fixed) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
            return fixed.clone();
        }
        for several in ["anyOf", "oneOf", "allOf"] {
            if let Some(one) = schema.get(several).and_then(|a| a.get(0)) {
                return self.value(one, key, depth + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, key, depth),
            "integer" => self.number(schema, true),
            "number" => self.number(schema, false),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.string(schema, key)),
        }
    }

    fn object(&self, schema: &Value, depth: u8) -> Value {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return json!({}) };
        let required = schema.get("required").and_then(Value::as_array);
        let wanted = |k: &String| required.is_none_or(|r| r.iter().any(|n| n.as_str() == Some(k)));
        let made = properties.iter().filter(|(k, _)| wanted(k));
        Value::Object(made.map(|(k, s)| (k.clone(), self.value(s, k, depth + 1))).collect::<Map<_, _>>())
    }

    fn array(&self, schema: &Value, key: &str, depth: u8) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).min(16);
        let empty = Value::Null;
        let items = schema.get("items").unwrap_or(&empty);
        Value::Array((0..least).map(|_| self.value(items, key, depth + 1)).collect())
    }

    fn number(&self, schema: &Value, whole: bool) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|n| n + 1.0));
        let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|n| n - 1.0));
        let fits = |n: &f64| least.is_none_or(|l| *n >= l) && most.is_none_or(|m| *n <= m);
        let said = self.text.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|w| w.len() <= 9);
        let said = said.filter_map(|w| w.parse::<f64>().ok()).find(fits);
        let n = said.or(least).or(most).unwrap_or(1.0);
        if whole {
            // Said in words of at most nine digits, or the schema's own: written without a fraction.
            serde_json::from_str(&format!("{:.0}", n.trunc())).unwrap_or_else(|_| json!(1))
        } else {
            json!(n)
        }
    }

    fn string(&self, schema: &Value, key: &str) -> String {
        let key = key.to_ascii_lowercase();
        let like = |words: &[&str]| words.iter().any(|w| key.contains(w));
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        let made = match format {
            "email" => address(self.text).unwrap_or("someone@example.com").to_owned(),
            "uri" | "url" => link(self.text).unwrap_or("https://example.com/").to_owned(),
            "date" => "2025-01-01".to_owned(),
            "date-time" => "2025-01-01T00:00:00Z".to_owned(),
            "time" => "00:00:00Z".to_owned(),
            "uuid" => "00000000-0000-4000-8000-000000000000".to_owned(),
            "ipv4" => "192.0.2.1".to_owned(),
            _ if key == "to" || like(&["recipient", "email", "address"]) => {
                address(self.text).or_else(|| link(self.text)).unwrap_or("someone@example.com").to_owned()
            }
            _ if like(&["url", "uri", "link", "host"]) => {
                link(self.text).unwrap_or("https://example.com/").to_owned()
            }
            _ => self.excerpt(),
        };
        let bound =
            |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let most = bound("maxLength").unwrap_or(usize::MAX);
        let least = bound("minLength").unwrap_or(0).min(4096);
        let mut made: String = made.chars().take(most).collect();
        let have = made.chars().count();
        made.extend(std::iter::repeat_n('x', least.saturating_sub(have)));
        made
    }

    fn excerpt(&self) -> String {
        let quoted = self.text.split('"').nth(1).filter(|q| !q.is_empty());
        quoted.unwrap_or(self.text).trim().chars().take(MAX_CHARS).collect()
    }
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(s)) => s,
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}
