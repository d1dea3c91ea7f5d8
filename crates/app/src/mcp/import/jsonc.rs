//! Where values stand in JSON with comments: spans, so that one value can be replaced and all else stays as its owner
//! wrote it.
//!
//! What it does not do: say what a value means. Whoever changes a text reads the whole of it again afterwards.

use std::ops::Range;

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 64;

/// The span of the value to which the keys lead; an item of a list by its number.
#[must_use]
pub(super) fn span(text: &str, path: &[String]) -> Option<Range<usize>> {
    let mut scan = Scan { text, at: 0, wanted: path, found: None };
    scan.space();
    scan.value(0, true)?;
    scan.found
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    wanted: &'t [String],
    found: Option<Range<usize>>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let skipped = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len();
            self.at += skipped;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else if skipped == 0 {
                return;
            }
        }
    }

    /// Reads a value. `depth` keys of the path lead here, where `on_path`.
    fn value(&mut self, depth: usize, on_path: bool) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        match self.peek()? {
            b'{' => self.members(depth, on_path, b'}')?,
            b'[' => self.members(depth, on_path, b']')?,
            b'"' => {
                self.string()?;
            }
            _ => {
                let rest = self.rest();
                let end = rest.find([',', '}', ']', ' ', '\t', '\r', '\n', '/']).unwrap_or(rest.len());
                self.at += Some(end).filter(|e| *e > 0)?;
            }
        }
        // Of two members of one name the last counts, as for the programs that read it.
        if on_path && depth == self.wanted.len() {
            self.found = Some(start..self.at);
        }
        Some(())
    }

    fn members(&mut self, depth: usize, on_path: bool, close: u8) -> Option<()> {
        self.at += 1;
        let mut index = 0_usize;
        loop {
            self.space();
            if self.peek()? == close {
                self.at += 1;
                return Some(());
            }
            let key = if close == b'}' {
                let key = self.string()?;
                self.space();
                self.peek().filter(|b| *b == b':')?;
                self.at += 1;
                self.space();
                key
            } else {
                index.to_string()
            };
            index += 1;
            let next = on_path && self.wanted.get(depth).is_some_and(|wanted| *wanted == key);
            self.value(depth + 1, next)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b if b == close => {}
                _ => return None,
            }
        }
    }

    /// Reads a string; its text.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.peek().filter(|b| *b == b'"')?;
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}

/// The text with the value at the path replaced. Further lines of it are indented as the line is on which it stands.
#[must_use]
pub(super) fn replaced(text: &str, path: &[String], value: &serde_json::Value) -> Option<String> {
    let span = span(text, path)?;
    let before = text.get(..span.start)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let pretty = serde_json::to_string_pretty(value).ok()?.replace('\n', &format!("\n{indent}"));
    Some(format!("{before}{pretty}{}", text.get(span.end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn one_value_changes_and_all_else_stays() {
        let text = "// mine\n{\n  \"a\": 1, /* x \"b\": 2 */\n  \"servers\": {\n    \"git\": {\"command\": \"x\"}, // keep\n    \
                    \"w\\u0065b\": [true, \"}\\\"\", {\"n\": null},],\n  },\n}\n";
        let at = |path: &str| span(text, &keys(path)).map(|s| text.get(s).unwrap());
        assert_eq!(at("a"), Some("1"));
        assert_eq!(at("servers/git"), Some("{\"command\": \"x\"}"));
        assert_eq!(at("servers/web/1"), Some("\"}\\\"\""));
        assert_eq!(at("servers/web/2/n"), Some("null"));
        assert_eq!(at("b"), None);
        assert_eq!(at("servers/git/other"), None);
        let new = replaced(text, &keys("servers/git"), &json!({"command": "cordon"})).unwrap();
        assert_eq!(new, text.replace("{\"command\": \"x\"}", "{\n      \"command\": \"cordon\"\n    }"));
    }

    #[test]
    fn what_is_no_json_has_no_spans() {
        let deep = format!("{}1{}", "[".repeat(99), "]".repeat(99));
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\" 1}",
            "{a: 1}",
            "[1 2]",
            "\"a",
            "{\"a\": 1",
            "{\"a\\",
            &deep,
        ] {
            assert_eq!(span(text, &keys("a")), None, "{text}");
        }
    }
}
