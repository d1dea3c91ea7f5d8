//! An upstream's address, taken apart once: scheme, host, port, path prefix. What it refuses (user info, query,
//! fragment, odd characters) is what could make two readers of the same URL disagree on where it leads.

use std::{fmt, net::IpAddr};

/// Where an upstream is. Printed, it is the URL again, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

impl BaseUrl {
    /// Parses `http[s]://host[:port][/path]`. The error says what is wrong, for the one who wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (https, rest) = match text.split_once("://") {
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (true, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err("is not a URL that begins with `https://` or `http://`"),
        };
        if !rest.bytes().all(|b| b.is_ascii_graphic()) || rest.contains(['\\', '"', '<', '>', '`', '{', '}'])
        {
            return Err("has a character that may not stand in a URL");
        }
        if rest.contains(['?', '#']) {
            return Err("has a query or fragment");
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |i| rest.split_at(i));
        if authority.contains('@') {
            return Err("has a user or password in it");
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(p) => p
                .parse::<u16>()
                .ok()
                .filter(|p| *p > 0)
                .ok_or("has a port that is no number from 1 to 65535")?,
        };
        let path = path.trim_end_matches('/');
        if path.split('/').any(|s| matches!(s, "." | "..")) || path.contains("//") || path.contains('%') {
            return Err("has a path with `.`, `..`, `//` or `%` in it");
        }
        Ok(Self { https, host: check_host(host)?, port, path: path.to_owned() })
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub const fn https(&self) -> bool {
        self.https
    }

    /// The host, lower case; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the scheme's own unless written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What comes before each route: empty, or begins with a slash and does not end with one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the host is a loopback address or `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if self.port != if self.https { 443 } else { 80 } {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("has a `[` without its `]`")?;
        if !host.contains(':') {
            return Err("has a host in brackets that is no IPv6 address");
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("has something after the `]` that is no port"),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))))
}

fn check_host(host: &str) -> Result<String, &'static str> {
    if host.is_empty() {
        return Err("has no host");
    }
    if host.contains(':') {
        return host
            .parse::<std::net::Ipv6Addr>()
            .map(|ip| ip.to_string())
            .map_err(|_| "has a host in brackets that is no IPv6 address");
    }
    let host = host.to_ascii_lowercase();
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err("has a host that is no name of letters, digits, `-` and `.`");
    }
    // SECURITY: `0x7f.1`, `127.1` and `2130706433` are loopback to some resolvers and names to others.
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if number && host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(
            "has a host that looks like an IPv4 address but is none; write all four numbers in decimal",
        );
    }
    Ok(host)
}
