//! Which places an operator names: a host, a host with a port, a URL, a network. Expanded, bounded, each once.
//!
//! What always holds: what could be read as another place (user names, queries, dots in a path) is refused. What it
//! does not do: resolve names, or judge addresses; that is done where they are dialled.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most places of one probe, networks expanded: a network of 10 bits.
pub const MAX_PLACES: usize = 1024;
/// Longest target.
const MAX_TARGET: usize = 512;

/// One host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Its name or address, lower case, without brackets.
    pub host: String,
    /// The port, where one is named.
    pub port: Option<u16>,
    /// Encrypted or not, where a URL says.
    pub tls: Option<bool>,
    /// What stands before every path, without a slash at its end.
    pub prefix: String,
    /// It is one of a network's.
    pub of_network: bool,
}

/// Why a target is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{target}`: {reason}")]
pub struct TargetError {
    /// The target.
    pub target: String,
    /// What to write instead.
    pub reason: &'static str,
}

/// The places that `texts` name, in their order.
///
/// # Errors
/// At the first that is none, and when they are more than [`MAX_PLACES`].
pub fn places(texts: &[String]) -> Result<Vec<Place>, TargetError> {
    let mut all = Vec::new();
    let mut known = HashSet::new();
    for text in texts {
        let wrong = |reason| TargetError { target: crate::asset::clipped(text.clone()), reason };
        for place in target(text).map_err(wrong)? {
            let key = (place.host.clone(), place.port, place.tls, place.prefix.clone());
            if known.insert(key) {
                all.push(place);
            }
        }
        if all.len() > MAX_PLACES {
            return Err(wrong("with it there are more than 1024 addresses; probe them in parts"));
        }
    }
    Ok(all)
}

fn target(text: &str) -> Result<Vec<Place>, &'static str> {
    if text.len() > MAX_TARGET || text.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err("write a host, host:port, a URL, or a network such as 10.0.5.0/24");
    }
    if text.contains(['@', '?', '#', '\\', '%']) {
        return Err("leave out user names, queries, fragments and escapes");
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("a URL to be probed begins with http:// or https://"),
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let mut place = authority_of(authority)?;
        let prefix = path.trim_end_matches('/');
        let mut parts = prefix.split('/').skip(1);
        if parts.any(|part| part.is_empty() || part.bytes().all(|b| b == b'.')) {
            return Err("write the path without empty or dotted parts");
        }
        place.port = place.port.or(Some(if tls { 443 } else { 80 }));
        place.tls = Some(tls);
        prefix.clone_into(&mut place.prefix);
        return Ok(vec![place]);
    }
    match text.split_once('/') {
        Some((address, bits)) => network(address, bits),
        None => Ok(vec![authority_of(text)?]),
    }
}

/// `host`, `host:port`, an address, `[address]:port`.
fn authority_of(text: &str) -> Result<Place, &'static str> {
    const PORT: &str = "the port must be 1 to 65535";
    let port_of = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|port: &u16| plain && *port > 0).ok_or(PORT)
    };
    let (host, port) = if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or("an address in brackets has no end")?;
        host.parse::<Ipv6Addr>().map_err(|_| "only an IPv6 address stands in brackets")?;
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port_of(digits)?),
            None if rest.is_empty() => None,
            None => return Err(PORT),
        };
        (host, port)
    } else if text.parse::<Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        match text.split_once(':') {
            Some((host, digits)) => (host, Some(port_of(digits)?)),
            None => (text, None),
        }
    };
    if !is_host(host) {
        return Err("it is no host: write a name or an address");
    }
    let host = match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => host.to_ascii_lowercase(),
    };
    Ok(Place { host, port, tls: None, prefix: String::new(), of_network: false })
}

/// A name that can be resolved, or an address. What is all digits and dots is an address or nothing: systems read
/// `127.1` and `2130706433` as ones.
fn is_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or("");
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    (1..=253).contains(&host.len())
        && !number
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && !host.starts_with('.')
        && !host.contains("..")
}

/// Every address of a network; of an IPv4 network not its own and the one for all.
fn network(address: &str, bits: &str) -> Result<Vec<Place>, &'static str> {
    const NONE: &str = "write a network as 10.0.5.0/24; a URL begins with http:// or https://";
    const LARGE: &str = "a network to be probed has at most 1024 addresses (/22, or /118 for IPv6)";
    let ip: IpAddr = address.parse().map_err(|_| NONE)?;
    let plain = bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
    let bits: u32 = bits.parse().ok().filter(|_| plain).ok_or(NONE)?;
    let host_bits = if ip.is_ipv4() { 32_u32 } else { 128 }.checked_sub(bits).ok_or(NONE)?;
    if host_bits > MAX_PLACES.ilog2() {
        return Err(LARGE);
    }
    let count = 1_u128 << host_bits;
    let of = |n: u128| match ip {
        IpAddr::V4(v4) => {
            let first = u128::from(u32::from(v4)) & !(count - 1);
            u32::try_from(first | n).ok().map(|v| IpAddr::V4(Ipv4Addr::from(v)))
        }
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from((u128::from(v6) & !(count - 1)) | n))),
    };
    let ends = ip.is_ipv4() && host_bits >= 2;
    let range = if ends { 1..count - 1 } else { 0..count };
    let place = |ip: IpAddr| Place {
        host: ip.to_string(),
        port: None,
        tls: None,
        prefix: String::new(),
        of_network: host_bits > 0,
    };
    Ok(range.filter_map(of).map(place).collect())
}
