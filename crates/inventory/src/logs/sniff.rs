//! Which format a log has, from one of its lines.

use super::csv::ColumnMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A log's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Zeek, tab-separated with its headings.
    ZeekTsv,
    /// Zeek, one JSON object a line.
    ZeekJson,
    /// Suricata's EVE.
    Suricata,
    /// Squid's native access log.
    Squid,
    /// The common or combined log format of a forward proxy.
    Combined,
    /// dnsmasq with `log-queries`.
    Dnsmasq,
    /// CoreDNS's `log` plugin.
    CoreDns,
    /// BIND's `queries` category.
    Bind,
    /// Route 53 Resolver query logs.
    Route53,
    /// Palo Alto traffic and threat logs as CSV.
    PaloAlto,
    /// Comma-separated, by column names.
    Csv(ColumnMap),
}

impl Format {
    /// The names, for messages.
    pub const NAMES: &'static str =
        "zeek-tsv, zeek-json, suricata, squid, combined, dnsmasq, coredns, bind, route53, paloalto, csv";

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "zeek-tsv" => Format::ZeekTsv,
            "zeek-json" => Format::ZeekJson,
            "suricata" => Format::Suricata,
            "squid" => Format::Squid,
            "combined" | "common" => Format::Combined,
            "dnsmasq" => Format::Dnsmasq,
            "coredns" => Format::CoreDns,
            "bind" => Format::Bind,
            "route53" => Format::Route53,
            "paloalto" => Format::PaloAlto,
            "csv" => Format::Csv(ColumnMap::default()),
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Format::ZeekTsv => "zeek-tsv",
            Format::ZeekJson => "zeek-json",
            Format::Suricata => "suricata",
            Format::Squid => "squid",
            Format::Combined => "combined",
            Format::Dnsmasq => "dnsmasq",
            Format::CoreDns => "coredns",
            Format::Bind => "bind",
            Format::Route53 => "route53",
            Format::PaloAlto => "paloalto",
            Format::Csv(_) => "csv",
        }
    }
}

/// What tells the JSON formats apart.
#[derive(Deserialize)]
struct Marks {
    event_type: Option<IgnoredAny>,
    query_name: Option<IgnoredAny>,
    query_timestamp: Option<IgnoredAny>,
    #[serde(rename = "id.orig_h")]
    orig: Option<IgnoredAny>,
    uid: Option<IgnoredAny>,
    ts: Option<IgnoredAny>,
}

/// The format that `line` shows, if it shows one.
#[must_use]
pub fn sniff(line: &str) -> Option<Format> {
    if line.starts_with("#separator") || line.starts_with("#fields\t") {
        return Some(Format::ZeekTsv);
    }
    if line.starts_with('{') {
        let m: Marks = serde_json::from_str(line).ok()?;
        return if m.event_type.is_some() {
            Some(Format::Suricata)
        } else if m.query_name.is_some() && m.query_timestamp.is_some() {
            Some(Format::Route53)
        } else if m.orig.is_some() || (m.uid.is_some() && m.ts.is_some()) {
            Some(Format::ZeekJson)
        } else {
            None
        };
    }
    if line.contains(",TRAFFIC,") || line.contains(",THREAT,") {
        return Some(Format::PaloAlto);
    }
    if line.contains("dnsmasq[") || line.contains("dnsmasq-dhcp[") {
        return Some(Format::Dnsmasq);
    }
    if line.contains("): query: ") && line.contains("client ") {
        return Some(Format::Bind);
    }
    if line.contains(" IN ") && line.contains(" - ") && line.contains('"') {
        return Some(Format::CoreDns);
    }
    if is_squid(line) {
        return Some(Format::Squid);
    }
    if line.contains(" [") && line.contains("] \"") {
        return Some(Format::Combined);
    }
    let map = ColumnMap::from_heading(line)?;
    Some(Format::Csv(map))
}

/// `1066036250.603 310 192.0.2.1 TCP_MISS/200 1234 GET http://...`.
fn is_squid(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace();
    let time = fields.next().is_some_and(|t| {
        t.split_once('.')
            .is_some_and(|(s, ms)| s.len() >= 9 && s.bytes().chain(ms.bytes()).all(|b| b.is_ascii_digit()))
    });
    let elapsed = fields.next().is_some_and(|t| t.parse::<i64>().is_ok());
    time && elapsed && fields.nth(1).is_some_and(|code| code.contains('/'))
}
