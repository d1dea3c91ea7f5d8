//! IP addresses. Version numbers, times and paths look like them: what stands before decides.

use super::{Hit, context};
use crate::view::tokens::Token;
use crate::view::{Ahead, Sink, ViewText, byte, byte_before};
use cordon_types::FindingKind;
use core::net::{Ipv4Addr, Ipv6Addr};

const VERSION_WORDS: &[&str] = &["version", "ver.", "ver ", "release", "build", "firmware", "revision"];

/// An IPv4 address in dotted decimal.
pub(super) fn v4(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let mut octets = [0u8; 4];
    let mut i = start;
    for (n, octet) in octets.iter_mut().enumerate() {
        if n > 0 {
            if ahead.at(i) != b'.' {
                return None;
            }
            i += 1;
        }
        let from = i;
        let mut value = 0u32;
        while i - from < 4 && ahead.at(i).is_ascii_digit() {
            value = value * 10 + u32::from(ahead.at(i) - b'0');
            i += 1;
        }
        if i == from || (i - from > 1 && ahead.at(from) == b'0') {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
    }
    let next = ahead.at(i);
    let goes_on = next.is_ascii_alphanumeric()
        || next == b'_'
        || (matches!(next, b'.' | b'-') && ahead.at(i + 1).is_ascii_alphanumeric());
    if goes_on || !free_left(view, start) || context(view, start, VERSION_WORDS) {
        return None;
    }
    let address = Ipv4Addr::from(octets);
    let confidence = if address.is_unspecified() || address.is_broadcast() || octets.starts_with(&[255]) {
        200
    } else if address.is_loopback() {
        300
    } else if address.is_private() || address.is_link_local() || address.is_documentation() {
        500
    } else if octets.ends_with(&[0, 0]) {
        300
    } else {
        850
    };
    Some(Hit { end: i, kind: FindingKind::IpAddress, confidence, rule: "ip.v4" })
}

/// Whether what stands before lets an address begin here (`v1.2.3.4`, `Chrome/1.2.3.4`, `==1.2.3.4` do not).
fn free_left(view: &ViewText<'_>, start: usize) -> bool {
    let bytes = view.text.as_bytes();
    let before = byte_before(bytes, start);
    let further = start.checked_sub(1).map_or(0, |p| byte_before(bytes, p));
    match before {
        b'_' | b'^' | b'~' | b'.' => false,
        b'-' => !further.is_ascii_alphanumeric(),
        b'/' => !further.is_ascii_alphanumeric(),
        b'=' => !matches!(further, b'=' | b'>' | b'<' | b'~' | b'!'),
        _ => !before.is_ascii_alphanumeric(),
    }
}

/// IPv6 addresses inside one token.
pub(super) fn check_v6(view: &ViewText<'_>, token: &Token, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let mut at = token.start;
    while at < token.end {
        if !is_v6(byte(bytes, at)) {
            at += 1;
            continue;
        }
        let start = at;
        while at < token.end && is_v6(byte(bytes, at)) {
            at += 1;
        }
        let before = byte_before(bytes, start);
        if start < view.floor
            || before.is_ascii_alphanumeric()
            || before == b'_'
            || byte(bytes, at).is_ascii_alphanumeric()
        {
            continue;
        }
        let run = view.text.get(start..at).unwrap_or("");
        let run = if run.ends_with("::") { run } else { run.trim_end_matches([':', '.']) };
        if let Some(confidence) = v6(run) {
            sink.found(start..start + run.len(), FindingKind::IpAddress, confidence, "ip.v6");
        }
    }
}

fn is_v6(b: u8) -> bool {
    b.is_ascii_hexdigit() || matches!(b, b':' | b'.')
}

fn v6(run: &str) -> Option<u16> {
    if run.len() < 3 || run.len() > 45 || !run.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let address: Ipv6Addr = run.parse().ok()?;
    // `digits[1::2]` is a slice, `a::1` a path: short forms other than loopback's need some digits.
    if !address.is_loopback() && run.bytes().filter(u8::is_ascii_hexdigit).count() < 5 {
        return None;
    }
    let groups = run.split(':').filter(|g| !g.is_empty()).count();
    Some(if address.is_loopback() {
        300
    } else if address.is_unique_local() || address.is_unicast_link_local() {
        500
    } else if groups < 3 {
        300
    } else {
        900
    })
}
