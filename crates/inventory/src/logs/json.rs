//! Logs of one JSON object a line: Zeek, Suricata's EVE, Route 53 Resolver.
//!
//! What always holds: only the fields that matter are read, borrowed from the line where they hold no escapes.

use super::event::{Event, Seen, When, split_url};
use super::{Read, Take};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

type Text<'a> = Option<Cow<'a, str>>;

fn text<'t>(value: &'t Text<'_>) -> &'t str {
    value.as_deref().unwrap_or("")
}

/// A time as seconds or as text.
#[derive(Debug, Default)]
enum Stamp<'a> {
    #[default]
    None,
    Seconds(f64),
    Text(Cow<'a, str>),
}

impl Stamp<'_> {
    fn when(&self) -> When<'_> {
        match self {
            Stamp::None => When::Unknown,
            Stamp::Seconds(s) => When::Seconds(*s),
            Stamp::Text(t) => When::Text(t),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Stamp<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Stamp<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time")
            }
            fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
                Ok(Stamp::Seconds(v))
            }
            #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
            fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Stamp::Seconds(v as f64))
            }
            #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
            fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Stamp::Seconds(v as f64))
            }
            fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Stamp::Text(Cow::Borrowed(v)))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Stamp::Text(Cow::Owned(v.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Stamp::None)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[derive(Deserialize)]
struct ZeekLine<'a> {
    #[serde(borrow, rename = "_path")]
    path: Text<'a>,
    #[serde(borrow, default)]
    ts: Stamp<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow, rename = "id.orig_h")]
    orig: Text<'a>,
    #[serde(borrow)]
    server_name: Text<'a>,
    #[serde(borrow)]
    query: Text<'a>,
    #[serde(borrow)]
    host: Text<'a>,
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    username: Text<'a>,
    request_body_len: Option<u64>,
    response_body_len: Option<u64>,
    orig_bytes: Option<u64>,
    resp_bytes: Option<u64>,
    #[serde(borrow)]
    conn_state: Text<'a>,
    #[serde(borrow)]
    cipher: Text<'a>,
    #[serde(borrow)]
    qtype_name: Text<'a>,
    #[serde(borrow)]
    method: Text<'a>,
}

pub(super) fn zeek(line: &str, take: &mut Take<'_>) -> Read {
    let Ok(z) = serde_json::from_str::<ZeekLine<'_>>(line) else { return Read::Unreadable };
    let who = text(&z.orig);
    if who.is_empty() {
        return Read::Other;
    }
    let base = Event {
        at: z.ts.when(),
        flow: text(&z.uid),
        ..Event::new(Seen::Connection, who, text(&z.server_name))
    };
    // Without `_path` the fields tell.
    let path = match text(&z.path) {
        "" if z.conn_state.is_some() => "conn",
        "" if z.query.is_some() || z.qtype_name.is_some() => "dns",
        "" if z.method.is_some() || z.uri.is_some() => "http",
        "" if z.server_name.is_some() || z.cipher.is_some() => "ssl",
        named => named,
    };
    let event = match path {
        "ssl" | "quic" => base,
        "dns" => Event { seen: Seen::Lookup, host: text(&z.query), flow: "", ..base },
        "http" => Event {
            seen: Seen::Request,
            host: split_url(text(&z.host)).0,
            path: Some(split_url(text(&z.uri)).1.unwrap_or("/")),
            user: text(&z.username),
            up: z.request_body_len.unwrap_or(0),
            down: z.response_body_len.unwrap_or(0),
            ..base
        },
        "conn" => Event {
            seen: Seen::Flow,
            host: "",
            up: z.orig_bytes.unwrap_or(0),
            down: z.resp_bytes.unwrap_or(0),
            ..base
        },
        _ => return Read::Other,
    };
    take(&event);
    Read::Event
}

#[derive(Deserialize)]
struct EveLine<'a> {
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Stamp<'a>,
    flow_id: Option<u64>,
    #[serde(borrow)]
    src_ip: Text<'a>,
    #[serde(borrow)]
    tls: Option<EveTls<'a>>,
    #[serde(borrow)]
    quic: Option<EveTls<'a>>,
    #[serde(borrow)]
    http: Option<EveHttp<'a>>,
    #[serde(borrow)]
    dns: Option<EveDns<'a>>,
    flow: Option<EveFlow>,
}

#[derive(Deserialize)]
struct EveTls<'a> {
    #[serde(borrow)]
    sni: Text<'a>,
}

#[derive(Deserialize)]
struct EveHttp<'a> {
    #[serde(borrow)]
    hostname: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    length: Option<u64>,
}

#[derive(Deserialize)]
struct EveDns<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    rrname: Text<'a>,
    #[serde(borrow, default)]
    queries: Vec<EveQuery<'a>>,
}

#[derive(Deserialize)]
struct EveQuery<'a> {
    #[serde(borrow)]
    rrname: Text<'a>,
}

#[derive(Deserialize)]
struct EveFlow {
    bytes_toserver: Option<u64>,
    bytes_toclient: Option<u64>,
}

pub(super) fn suricata(line: &str, take: &mut Take<'_>) -> Read {
    let Ok(eve) = serde_json::from_str::<EveLine<'_>>(line) else { return Read::Unreadable };
    let flow = eve.flow_id.map(|n| n.to_string()).unwrap_or_default();
    let who = text(&eve.src_ip);
    let base = Event { at: eve.timestamp.when(), flow: &flow, ..Event::new(Seen::Connection, who, "") };
    let kind = text(&eve.event_type);
    let sni = |t: &Option<EveTls<'_>>| t.as_ref().map(|t| text(&t.sni).to_owned()).unwrap_or_default();
    match kind {
        "tls" | "quic" | "alert" if eve.tls.is_some() || eve.quic.is_some() => {
            let name = [sni(&eve.tls), sni(&eve.quic)].concat();
            take(&Event { host: &name, ..base });
        }
        "http" | "alert" => {
            let Some(http) = &eve.http else { return Read::Other };
            take(&Event {
                // An alert stands beside the request's own record; it is none itself.
                seen: if kind == "http" { Seen::Request } else { Seen::Connection },
                host: split_url(text(&http.hostname)).0,
                path: split_url(text(&http.url)).1,
                down: if kind == "http" { http.length.unwrap_or(0) } else { 0 },
                ..base
            });
        }
        "dns" => {
            let Some(dns) = &eve.dns else { return Read::Other };
            if !matches!(text(&dns.kind), "query" | "request") {
                return Read::Other;
            }
            let names = dns.queries.iter().map(|q| text(&q.rrname)).chain([text(&dns.rrname)]);
            for host in names.filter(|n| !n.is_empty()).take(16) {
                take(&Event { seen: Seen::Lookup, host, flow: "", ..base });
            }
        }
        "flow" => {
            let Some(f) = &eve.flow else { return Read::Other };
            let (up, down) = (f.bytes_toserver.unwrap_or(0), f.bytes_toclient.unwrap_or(0));
            take(&Event { seen: Seen::Flow, up, down, ..base });
        }
        _ => return Read::Other,
    }
    Read::Event
}

#[derive(Deserialize)]
struct Route53Line<'a> {
    #[serde(borrow)]
    query_name: Text<'a>,
    #[serde(borrow, default)]
    query_timestamp: Stamp<'a>,
    #[serde(borrow)]
    srcaddr: Text<'a>,
    #[serde(borrow)]
    srcids: Option<SourceIds<'a>>,
}

#[derive(Deserialize)]
struct SourceIds<'a> {
    #[serde(borrow)]
    instance: Text<'a>,
}

pub(super) fn route53(line: &str, take: &mut Take<'_>) -> Read {
    let Ok(r) = serde_json::from_str::<Route53Line<'_>>(line) else { return Read::Unreadable };
    let user = r.srcids.as_ref().map_or("", |s| text(&s.instance));
    let event = Event {
        at: r.query_timestamp.when(),
        user,
        ..Event::new(Seen::Lookup, text(&r.srcaddr), text(&r.query_name))
    };
    take(&event);
    Read::Event
}
