//! Paths of files, brought to one form before they are compared.
//!
//! What always holds: `.`, `..` and doubled slashes are resolved by text; a path that a decoder, a shell or another
//! system could read differently (NUL, backslash, percent escapes, `~`, look-alike dots and slashes) is refused.
//! What it deliberately does not do: look at a file system. Links are the tool's own business.

/// A path in its one form: its parts below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathRoot(Vec<String>);

/// Characters that some normalisation turns into a dot or a slash.
const LOOK_ALIKES: [char; 9] = [
    '\u{2024}', '\u{2025}', '\u{2026}', '\u{2044}', '\u{2215}', '\u{29f8}', '\u{ff0e}', '\u{ff0f}',
    '\u{ff3c}',
];
/// The longest path (PATH_MAX of Linux).
const MAX_PATH: usize = 4096;

impl PathRoot {
    /// The canonical form of an absolute path, or nothing.
    pub(crate) fn normalise(path: &str) -> Option<Self> {
        if path.len() > MAX_PATH
            || path.starts_with("//")
            || path.chars().any(|c| c.is_control() || c == '\\' || LOOK_ALIKES.contains(&c))
            || has_escape(path)
        {
            return None;
        }
        let mut parts: Vec<String> = Vec::new();
        for part in path.strip_prefix('/')?.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    // SECURITY: above the root there is nothing; a path that tries is not a mistake.
                    parts.pop()?;
                }
                part if part.starts_with('~') => return None,
                // Some systems drop closing dots and spaces, so that `.. ` and `...` climb.
                part if part.ends_with([' ', '.']) => return None,
                part => parts.push(part.to_owned()),
            }
        }
        Some(Self(parts))
    }

    /// Whether it is `root` or below it. `root` is in canonical form.
    pub(crate) fn is_under(&self, root: &str) -> bool {
        let mut own = self.0.iter();
        root.split('/').filter(|p| !p.is_empty()).all(|part| own.next().is_some_and(|o| o == part))
    }

    /// The path as text.
    pub(crate) fn to_text(&self) -> String {
        format!("/{}", self.0.join("/"))
    }
}

/// Whether a percent sign begins an escape (`%2e`, and `%u002e` as some decoders know it).
fn has_escape(path: &str) -> bool {
    path.split('%').skip(1).any(|after| {
        let mut chars = after.chars();
        let hex = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
        match chars.next() {
            Some('u' | 'U') => hex(chars.next()),
            first => hex(first) && hex(chars.next()),
        }
    })
}
