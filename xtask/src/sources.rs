//! The files of the repository: tracked, and new ones that git does not ignore.

use crate::run;
use anyhow::Context as _;
use std::path::Path;

/// One text file.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A file of tests alone.
    pub(crate) fn is_test(&self) -> bool {
        is_test(&self.path)
    }

    /// The lines that are product, not tests: all up to an inline test module, which stands last.
    pub(crate) fn product_lines(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens_tests = |at: &usize| {
            let mut after = lines.iter().skip(*at).skip_while(|l| l.starts_with("#["));
            let module = after.next().is_some_and(|l| l.starts_with("mod ") && l.ends_with('{'));
            module && lines.get(*at).is_some_and(|l| *l == "#[cfg(test)]")
        };
        (0..lines.len()).find(opens_tests).unwrap_or(lines.len())
    }
}

pub(crate) fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/")
        || path.starts_with("tests/")
        || path.contains("/benches/")
        || name.ends_with("tests.rs")
}

/// All text files. What is not UTF-8 is left out.
pub(crate) fn all() -> anyhow::Result<Vec<Source>> {
    let root = run::root();
    let mut git = run::program("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = run::output(git).context("listing the repository's files")?;
    let mut sources: Vec<Source> = listed.split('\0').filter_map(|path| read(&root, path)).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read(root: &Path, path: &str) -> Option<Source> {
    if path.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    Some(Source { path: path.to_owned(), text })
}
