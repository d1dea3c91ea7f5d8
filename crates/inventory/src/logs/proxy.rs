//! Logs of forward proxies: Squid's own, and the common and combined formats.

use super::event::{Event, Seen, When, number, split_url};
use super::{Read, Take};

/// `time elapsed client code/status bytes method URL user hierarchy/peer type`.
pub(super) fn squid(line: &str, take: &mut Take<'_>) -> Read {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().unwrap_or("");
    let (time, _elapsed, who, code, bytes, method, url, user) =
        (next(), next(), next(), next(), next(), next(), next(), next());
    let Ok(seconds) = time.parse::<f64>() else { return Read::Unreadable };
    if url.is_empty() || !code.contains('/') {
        return Read::Unreadable;
    }
    let (host, path) = split_url(url);
    let event = Event {
        at: When::Seconds(seconds),
        user: if user == "-" { "" } else { user },
        path: if method == "CONNECT" { None } else { path },
        down: number(bytes),
        ..Event::new(Seen::Request, who, host)
    };
    take(&event);
    Read::Event
}

/// `client ident user [time] "method url protocol" status bytes "referrer" "agent"`. A line whose request names no
/// host (a server's own log, not a proxy's) is of no use here.
pub(super) fn combined(line: &str, take: &mut Take<'_>) -> Read {
    let Some((head, rest)) = line.split_once(" [") else { return Read::Unreadable };
    let Some((time, rest)) = rest.split_once("] \"") else { return Read::Unreadable };
    let Some((request, rest)) = rest.split_once('"') else { return Read::Unreadable };
    let mut head = head.split_ascii_whitespace();
    let (who, user) = (head.next().unwrap_or(""), head.nth(1).unwrap_or(""));
    let mut request = request.split(' ');
    let (method, url) = (request.next().unwrap_or(""), request.next().unwrap_or(""));
    let connect = method == "CONNECT";
    if !connect && !url.contains("://") {
        return Read::Other;
    }
    let (host, path) = split_url(url);
    let event = Event {
        at: When::Text(time),
        user: if user == "-" { "" } else { user },
        path: if connect { None } else { path },
        down: number(rest.split_ascii_whitespace().nth(1).unwrap_or("")),
        ..Event::new(Seen::Request, who, host)
    };
    take(&event);
    Read::Event
}
