//! What one word is: a value of many spellings, a mail address, a word of a language, or an identifier.
//!
//! What always holds: one word has one shape, and both sides (what was seen, what is asked) take it from here, so that
//! a value has one digest that says who brought it first. What it does not do: look anything up.

use crate::typed::{self, Forms};
use crate::url::{self, Url};
use crate::words;

/// A word's shape.
pub(crate) enum Shape {
    /// A number, a day, an account.
    Typed(Forms),
    /// A mail address, in lower case.
    Mail(String),
    /// Letters only.
    Plain,
    /// Anything else.
    Name,
}

/// The shape of a word.
pub(crate) fn of(word: &str) -> Shape {
    if words::is_plain(word) {
        return Shape::Plain;
    }
    if let Some(forms) = typed::read(word) {
        return Shape::Typed(forms);
    }
    mail(word).map_or(Shape::Name, Shape::Mail)
}

/// A mail address, whole. Anything around it (a comment, a second address, `?cc=`) makes it none.
fn mail(word: &str) -> Option<String> {
    let scheme = word.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("mailto:"));
    let address = if scheme { word.get(7..)? } else { word };
    let (local, domain) = address.split_once('@')?;
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-' | '\'');
    if local.is_empty() || !local.chars().all(good) || !url::is_host(domain, true) {
        return None;
    }
    Some(address.to_lowercase())
}

/// A name that leads somewhere on the web: with a scheme, or with a path behind its host. A bare `a.b` may be a file.
pub(crate) fn page(word: &str) -> Option<Url<'_>> {
    url::parse(word).filter(|u| {
        u.scheme != url::Scheme::Unsaid || !u.path.is_empty() || u.query.is_some() || u.fragment.is_some()
    })
}

/// A path without the slash at its end.
pub(crate) fn path(word: &str) -> &str {
    let path = word.trim_end_matches('/');
    if path.is_empty() { word } else { path }
}

/// `#general` is what others call general.
pub(crate) fn channel(word: &str) -> Option<&str> {
    word.strip_prefix('#').filter(|w| words::is_plain(w))
}

/// The last part of a path.
pub(crate) fn file(word: &str) -> Option<&str> {
    let (_, file) = path(word).rsplit_once(['/', '\\'])?;
    (!file.is_empty() && !matches!(file, "." | "..")).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (word, expected) in [
            ("Bob", "plain"),
            ("O'Brien", "plain"),
            ("李明", "plain"),
            ("bob@example.com", "mail"),
            ("mailto:bob@example.com", "mail"),
            ("mailto:bob@example.com?cc=eve@evil.com", "name"),
            ("bob@example.com,eve@evil.com", "name"),
            ("bob@localhost", "name"),
            ("bob(eve)@x.com", "name"),
            ("5", "typed"),
            ("10:30", "typed"),
            ("DE89370400440532013000", "typed"),
            ("team-updates", "name"),
            ("/etc/passwd", "name"),
            ("Q3", "name"),
            ("&&", "name"),
        ] {
            let shape = match of(word) {
                Shape::Typed(_) => "typed",
                Shape::Mail(_) => "mail",
                Shape::Plain => "plain",
                Shape::Name => "name",
            };
            assert_eq!(shape, expected, "{word}");
        }
        assert_eq!(file("/srv/reports/"), Some("reports"));
        assert_eq!(file("/srv/.."), None);
        assert!(page("report.pdf").is_none() && page("x.com/a").is_some() && page("https://x.com").is_some());
    }
}
