//! Query logs of dnsmasq, CoreDNS and BIND.

use super::event::{Event, Seen, When};
use super::{Read, Take};

/// `Nov 25 10:00:00 [host] dnsmasq[1]: [serial client] query[A] name from client`.
pub(super) fn dnsmasq(line: &str, take: &mut Take<'_>) -> Read {
    let Some(at) = line.find(" query[") else { return Read::Other };
    let (head, rest) = line.split_at_checked(at).unwrap_or((line, ""));
    let mut words = rest.split_ascii_whitespace().skip(1);
    let (Some(name), Some("from"), Some(who)) = (words.next(), words.next(), words.next()) else {
        return Read::Unreadable;
    };
    let time = head.get(..15).unwrap_or("");
    take(&Event { at: When::Text(time), ..Event::new(Seen::Lookup, who, name) });
    Read::Event
}

/// `[INFO] 10.0.0.5:43210 - 12345 "A IN name. udp 41 false 512" NOERROR qr,rd,ra 100 0.01s`, with or without a time
/// before it.
pub(super) fn coredns(line: &str, take: &mut Take<'_>) -> Read {
    let Some((head, rest)) = line.split_once('"') else { return Read::Other };
    let mut query = rest.split(' ');
    let (Some(_), Some("IN"), Some(name)) = (query.next(), query.next(), query.next()) else {
        return Read::Other;
    };
    let Some((before, _)) = head.rsplit_once(" - ") else { return Read::Unreadable };
    let remote = before.rsplit(' ').next().unwrap_or("");
    let who = remote.rsplit_once(':').map_or(remote, |(host, _)| host);
    let who = who.trim_start_matches('[').trim_end_matches(']');
    let first = before.split(' ').next().unwrap_or("");
    let at = if first.starts_with(|c: char| c.is_ascii_digit()) && first.contains('T') {
        When::Text(first)
    } else {
        When::Unknown
    };
    take(&Event { at, ..Event::new(Seen::Lookup, who, name) });
    Read::Event
}

/// `25-Nov-2026 10:00:00.123 queries: info: client @0x7f 10.0.0.5#4321 (name): query: name IN A + (10.0.0.1)`.
pub(super) fn bind(line: &str, take: &mut Take<'_>) -> Read {
    let Some((head, rest)) = line.split_once(": query: ") else { return Read::Other };
    let name = rest.split(' ').next().unwrap_or("");
    let Some((_, client)) = head.split_once("client ") else { return Read::Unreadable };
    let who = client.split(' ').find(|w| w.contains('#')).and_then(|w| w.split('#').next());
    let Some(who) = who else { return Read::Unreadable };
    let mut space = head.match_indices(' ').map(|(i, _)| i);
    let end = space.nth(1).unwrap_or(0);
    let time = head.get(..end).unwrap_or("");
    let at = if time.starts_with(|c: char| c.is_ascii_digit()) { When::Text(time) } else { When::Unknown };
    take(&Event { at, ..Event::new(Seen::Lookup, who, name) });
    Read::Event
}
