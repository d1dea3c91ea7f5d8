//! Arguments that a tool's schema wants repeated in headers (2026-07-28, transports, "Custom headers": `x-mcp-header`).

use crate::json::{Doc, Kind};

const ANNOTATION: &str = "x-mcp-header";
/// Keywords whose value is one schema, a list of schemas, a map of schemas.
const ONE: [&str; 11] = [
    "items",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const MAP: [&str; 4] = ["patternProperties", "dependentSchemas", "$defs", "definitions"];

/// One argument and its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// What stands behind `Mcp-Param-`.
    pub header: String,
    /// Where the argument stands: keys from the top.
    pub path: Vec<String>,
    /// Whether it is a whole number.
    pub integer: bool,
}

/// The annotations of a schema; `None` when one of them stands or reads as none may, so that the tool is not to be used.
#[must_use]
pub fn mirrors(doc: Doc<'_>, schema: u32) -> Option<Vec<Mirror>> {
    let mut out: Vec<Mirror> = Vec::new();
    let mut open: Vec<(u32, Option<Vec<String>>)> = vec![(schema, Some(Vec::new()))];
    while let Some((node, path)) = open.pop() {
        if doc.kind(node) != Kind::Object {
            continue;
        }
        if let Some(mark) = doc.get(node, ANNOTATION) {
            let path = path.clone().filter(|p| !p.is_empty())?;
            let header = doc.string(mark)?.into_owned();
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let kind = doc.string(doc.get(node, "type")?)?;
            let fits = matches!(kind.as_ref(), "string" | "integer" | "boolean");
            let twice = out.iter().any(|m| m.header.eq_ignore_ascii_case(&header));
            if header.is_empty() || !header.bytes().all(token) || !fits || twice {
                return None;
            }
            out.push(Mirror { header, path, integer: kind == "integer" });
        }
        for (key, value) in doc.members(node) {
            let key = doc.text(key);
            match key.as_ref() {
                "properties" => {
                    for (name, sub) in doc.members(value) {
                        let below = path.as_ref().map(|p| {
                            p.iter().cloned().chain([doc.text(name).into_owned()]).collect::<Vec<_>>()
                        });
                        open.push((sub, below));
                    }
                }
                key if ONE.contains(&key) => open.push((value, None)),
                key if LIST.contains(&key) => open.extend(doc.items(value).map(|i| (i, None))),
                key if MAP.contains(&key) => open.extend(doc.members(value).map(|(_, v)| (v, None))),
                _ => {}
            }
        }
    }
    Some(out)
}

/// The argument as its header says it; `None` when it is not there, null, or nothing that a header can say.
#[must_use]
pub fn mirrored(doc: Doc<'_>, arguments: u32, mirror: &Mirror) -> Option<String> {
    let mut node = arguments;
    for key in &mirror.path {
        node = doc.given(node, key)?;
    }
    match doc.kind(node) {
        Kind::String => Some(doc.text(node).into_owned()),
        Kind::True | Kind::False | Kind::Number => Some(String::from_utf8_lossy(doc.raw(node)).into_owned()),
        _ => None,
    }
}

/// Whether a header says what the argument says. Whole numbers may be written with zeros behind the point.
#[must_use]
pub fn says(header: &str, argument: &str, integer: bool) -> bool {
    let whole = |s: &str| match s.split_once('.') {
        Some((n, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => n.to_owned(),
        _ => s.to_owned(),
    };
    header == argument || (integer && whole(header) == whole(argument))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan;
    use crate::limits::Limits;

    fn of(schema: &str) -> Option<Vec<(String, Vec<String>)>> {
        let tape = scan(schema.as_bytes(), &Limits::default()).unwrap();
        let found = mirrors(Doc::new(schema.as_bytes(), &tape), 0)?;
        Some(found.into_iter().map(|m| (m.header, m.path)).collect())
    }

    #[test]
    fn annotations_stand_on_plain_properties() {
        let fine = r#"{"properties":{"a":{"type":"object","properties":{"b":{"type":"string","x-mcp-header":"B"}}}}}"#;
        assert_eq!(of(fine), Some(vec![("B".to_owned(), vec!["a".to_owned(), "b".to_owned()])]));
        for broken in [
            r#"{"type":"string","x-mcp-header":"A"}"#,
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A B"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
            r#"{"properties":{"a":{"items":{"type":"string","x-mcp-header":"A"}}}}"#,
        ] {
            assert_eq!(of(broken), None, "{broken}");
        }
        // What only looks like one, in data, is none.
        assert_eq!(of(r#"{"properties":{"a":{"default":{"x-mcp-header":1}}}}"#), Some(vec![]));
    }

    #[test]
    fn what_headers_say() {
        assert!(says("42.0", "42", true));
        assert!(!says("42.0", "42", false));
        assert!(!says("42.5", "42", true));
        assert!(says("a", "a", false));
    }
}
