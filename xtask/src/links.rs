//! Relative links in Markdown lead somewhere.

use crate::sources::Source;
use std::path::Path;

/// The targets of inline links outside code, without anchors; links out of the repository are left out.
fn targets(markdown: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (n, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Code between backticks is every second piece.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for piece in prose.split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            let outward = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !outward {
                found.push((n + 1, target.to_owned()));
            }
        }
    }
    found
}

/// Links of one file that lead nowhere.
pub(crate) fn broken(root: &Path, source: &Source) -> Vec<String> {
    let folder = Path::new(&source.path).parent().map(|p| root.join(p)).unwrap_or_else(|| root.to_owned());
    targets(&source.text)
        .into_iter()
        .filter(|(_, target)| !folder.join(target).exists())
        .map(|(line, target)| format!("{}:{line}: the link to `{target}` leads nowhere", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &[&str]) {
        let found: Vec<String> = targets(markdown).into_iter().map(|(_, t)| t).collect();
        assert_eq!(found, expected, "{markdown}");
    }

    #[test]
    fn inline_links_are_found_and_code_is_not() {
        check("see [a](docs/a.md) and [b](b.md#part).", &["docs/a.md", "b.md"]);
        check("[`code`](a.md)", &["a.md"]);
        check("![picture](p.svg \"title\")", &["p.svg"]);
        check("`[x](y)` [here](#top) [out](https://example.com/x)", &[]);
        check("```\n[x](y)\n```\n[z](w)", &["w"]);
    }
}
