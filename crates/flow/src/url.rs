//! Web addresses: what of a URL decides where it leads, in one form; and what of it may stand alone.
//!
//! What always holds: a URL that readers disagree about (a user part, a backslash, another scheme than HTTP's) is none
//! here: it is a word that matches as it was written, or not at all. What it does not do: resolve `..`.

use crate::encoded;

/// A URL, split.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: Scheme,
    /// Host in lower case, and the port where it is not the scheme's own.
    pub(crate) site: String,
    /// As written, from the first slash.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

/// How it is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Https,
    Http,
    /// Not said: `example.com/page`.
    Unsaid,
}

impl Scheme {
    /// Under which marks a seen URL is entered. Whoever said `http` gets `https` too, but not the other way round.
    pub(crate) const fn seen(self) -> &'static [&'static str] {
        match self {
            Scheme::Https => &["s:"],
            Scheme::Http | Scheme::Unsaid => &["s:", "p:"],
        }
    }

    /// Under which mark one is looked up.
    pub(crate) const fn asked(self) -> &'static str {
        match self {
            Scheme::Https | Scheme::Unsaid => "s:",
            Scheme::Http => "p:",
        }
    }
}

/// Characters whose escapes say something else than they do themselves.
const STRUCTURE: &[u8] = b"/?#%&=+";

/// A word as a URL.
pub(crate) fn parse(word: &str) -> Option<Url<'_>> {
    if word.contains('\\') || word.contains(char::is_whitespace) {
        return None;
    }
    let (scheme, rest) = match word.split_once("://") {
        Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        // Also `example.com/go?to=http://x`, which has its scheme elsewhere.
        Some((s, _)) if s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) => return None,
        _ => (Scheme::Unsaid, word),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((h, p)) if !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) => (h, Some(p)),
        _ => (authority, None),
    };
    if !is_host(host, scheme == Scheme::Unsaid) {
        return None;
    }
    let mut site = host.to_lowercase();
    if let Some(port) =
        port.filter(|p| !matches!((scheme, *p), (Scheme::Https, "443") | (Scheme::Http, "80")))
    {
        site.push(':');
        site.push_str(port);
    }
    let (tail, fragment) = tail.split_once('#').map_or((tail, None), |(t, f)| (t, Some(f)));
    let (path, query) = tail.split_once('?').map_or((tail, None), |(p, q)| (p, Some(q)));
    Some(Url { scheme, site, path, query, fragment })
}

/// A name with dots. Where no scheme says that it is a host, its last part must be letters, as in `example.com`.
pub(crate) fn is_host(host: &str, named: bool) -> bool {
    let label = |l: &str| {
        !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') && !l.starts_with('-')
    };
    let mut labels = host.split('.');
    if host.is_empty() || !labels.clone().all(label) {
        return false;
    }
    let last = labels.next_back().unwrap_or_default();
    !named || (host.contains('.') && last.chars().count() >= 2 && last.chars().all(char::is_alphabetic))
}

impl Url<'_> {
    /// Site, path, query and fragment in one form: escapes decoded where that changes nothing, no slash at the end.
    pub(crate) fn whole(&self) -> String {
        let mut out = self.page();
        if let Some(query) = self.query.filter(|q| !q.is_empty()) {
            out.push('?');
            out.push_str(&plain(query));
        }
        if let Some(fragment) = self.fragment.filter(|f| !f.is_empty()) {
            out.push('#');
            out.push_str(&plain(fragment));
        }
        out
    }

    /// The same without query and fragment.
    pub(crate) fn page(&self) -> String {
        let mut out = self.site.clone();
        out.push_str(&plain(self.path.trim_end_matches('/')));
        out
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &str {
        self.site.rsplit_once(':').map_or(self.site.as_str(), |(host, _)| host)
    }

    /// The query's names and values, decoded.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let read = |text: &str| {
            let spaced = text.replace('+', " ");
            encoded::decode(&spaced, |_| true).unwrap_or(spaced)
        };
        let pairs = self.query.unwrap_or_default().split('&').filter(|p| !p.is_empty());
        pairs.map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (read(name), read(value))
        })
    }
}

fn plain(text: &str) -> String {
    encoded::decode(text, |b| !STRUCTURE.contains(&b)).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_leads() {
        for (word, expected) in [
            ("https://Example.COM/a/b/?x=1#y", Some("example.com/a/b?x=1#y")),
            ("http://example.com:80/", Some("example.com")),
            ("https://example.com:8443", Some("example.com:8443")),
            ("www.example.com/a%62c%2Fd", Some("www.example.com/abc%2Fd")),
            ("example.com", Some("example.com")),
            ("http://localhost:3000/x", Some("localhost:3000/x")),
            ("http://10.0.0.1/x", Some("10.0.0.1/x")),
            ("10.0.0.1", None),
            ("https://good.com@evil.com/", None),
            ("https://good.com\\@evil.com/", None),
            ("ftp://example.com/", None),
            ("javascript:alert(1)", None),
            ("src/main", None),
            ("https:///x", None),
            ("example..com", None),
        ] {
            assert_eq!(parse(word).map(|u| u.whole()).as_deref(), expected, "{word}");
        }
        let url = parse("https://x.com/s?q=a%20b+c&to=eve%40evil.com&z").expect("a URL");
        let pairs: Vec<_> = url.pairs().collect();
        assert_eq!(pairs[0], ("q".to_owned(), "a b c".to_owned()));
        assert_eq!(pairs[1].1, "eve@evil.com");
        assert_eq!(pairs[2], ("z".to_owned(), String::new()));
    }
}
