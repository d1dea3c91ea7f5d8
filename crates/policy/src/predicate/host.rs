//! Mail addresses, hosts and URLs, brought to one form before they are compared.
//!
//! What always holds: a host is lower-case ASCII without a trailing dot; whatever two readers could read in two
//! ways (user information, a backslash, percent escapes, a second `@`, non-ASCII letters, numeric hosts, line
//! breaks) has no form and is refused. What it deliberately does not do: resolve names, or repair anything.

use std::net::Ipv4Addr;

/// The longest host name (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;
/// The longest mail address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_MAIL: usize = 254;

/// A host in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain(String);

impl Domain {
    /// The canonical form of a host name. IPv4 addresses pass in dotted form only.
    pub(crate) fn parse(host: &str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let last = host.rsplit('.').next()?;
        if host.len() > MAX_HOST || !host.split('.').all(is_label) {
            return None;
        }
        // SECURITY: readers take `0x7f.1` or `2130706433` for addresses; only the plain dotted form has one meaning.
        let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
        if numeric && host.parse::<Ipv4Addr>().is_err() {
            return None;
        }
        Some(Self(host))
    }

    /// The domain of `a@b`, `Name <a@b>` or a bare host.
    pub(crate) fn of_mail_or_host(text: &str) -> Option<Self> {
        if text.chars().any(char::is_control) || text.matches('@').count() > 1 {
            return None;
        }
        let address = match text.split_once('<') {
            None => text,
            Some((name, rest)) => {
                let inner = rest.strip_suffix('>')?;
                // SECURITY: a display name that could itself be read as an address or a list is refused.
                if name.chars().any(|c| matches!(c, ',' | ';' | ':' | '<' | '>' | '"' | '\\' | '(' | ')')) {
                    return None;
                }
                inner.contains('@').then_some(inner)?
            }
        };
        match address.split_once('@') {
            None => Self::parse(address),
            Some((local, domain)) => {
                let fits = address.len() <= MAX_MAIL && is_local_part(local);
                fits.then(|| Self::parse(domain)).flatten()
            }
        }
    }

    /// Whether it is `allowed` or below it. `allowed` is in canonical form.
    pub(crate) fn is_within(&self, allowed: &str) -> bool {
        match self.0.strip_suffix(allowed) {
            Some("") => true,
            Some(above) => above.ends_with('.') && self.0.parse::<Ipv4Addr>().is_err(),
            None => false,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A dot-atom (RFC 5322, section 3.2.3) without the characters that old routing gave a meaning (`%`, `!`) and
/// without those that shells do (`` ` ``, `$`, `|`).
fn is_local_part(local: &str) -> bool {
    local.len() <= 64
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'\'' | b'=' | b'&' | b'#')
                })
        })
}

/// The host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlHost {
    host: String,
    /// `None`: the scheme's own.
    port: Option<u16>,
}

impl UrlHost {
    /// The host that every reader of this URL agrees on, or nothing.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let default = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        // SECURITY: no user information, no escapes in the host, and nothing but ASCII: `https://good@evil/`,
        // `https://evil%2egood/` and full-width dots are read differently by different clients.
        if !authority.is_ascii() || authority.bytes().any(|b| matches!(b, b'@' | b'%' | b'[' | b']')) {
            return None;
        }
        let (host, port) = match authority.split_once(':') {
            None => (authority, None),
            Some((host, digits)) => {
                if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                (host, Some(digits.parse::<u16>().ok().filter(|p| *p > 0)?))
            }
        };
        let host = Domain::parse(host)?.0;
        Some(Self { host, port: port.filter(|p| *p != default) })
    }

    /// Whether an entry of `hosts` allows it: `host`, `*.host` (below it only), each with an optional `:port`.
    /// The entry is in canonical form. Without a port it allows the scheme's own port only.
    pub(crate) fn is_allowed_by(&self, entry: &str) -> bool {
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, digits)) => (name, digits.parse::<u16>().ok()),
            None => (entry, None),
        };
        let named = match name.strip_prefix("*.") {
            Some(parent) => self.host != parent && Domain(self.host.clone()).is_within(parent),
            None => self.host == name,
        };
        named && self.port == port
    }

    /// The canonical form of an entry of `hosts`, or nothing.
    pub(crate) fn canonical_entry(entry: &str) -> Option<String> {
        let (name, port) = match entry.split_once(':') {
            Some((name, digits)) => {
                let port = digits.parse::<u16>().ok().filter(|p| *p > 0 && *digits == p.to_string())?;
                (name, Some(port))
            }
            None => (entry, None),
        };
        let (star, name) = match name.strip_prefix("*.") {
            Some(parent) => ("*.", parent),
            None => ("", name),
        };
        let host = Domain::parse(name)?;
        Some(match port {
            Some(port) => format!("{star}{}:{port}", host.as_str()),
            None => format!("{star}{}", host.as_str()),
        })
    }
}
