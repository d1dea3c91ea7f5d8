//! Comma-separated logs: any, by the names of their columns, and Palo Alto's.
//!
//! What always holds: a row is one line; RFC 4180's quotes are read, its line breaks within quotes are not (no log
//! writes them).

use super::event::{Event, Seen, When, number, split_url};
use super::{Read, Take};

/// Most columns of a row.
const MAX_COLUMNS: usize = 500;

/// Which column says what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap {
    /// For each part, the column's name or its number from 1; empty where the heading is to tell.
    parts: [String; PARTS.len()],
}

/// The parts of an event, and the headings that are known to say them, in the order of preference.
const PARTS: [(&str, &[&str]); 7] = [
    (
        "who",
        &[
            "src_ip",
            "srcip",
            "source_ip",
            "sourceip",
            "client_ip",
            "clientip",
            "c-ip",
            "src",
            "source address",
            "source",
            "client",
            "device",
            "device_name",
            "hostname_src",
        ],
    ),
    (
        "user",
        &["user", "username", "src_user", "source user", "cs-username", "account", "login", "user_name"],
    ),
    (
        "host",
        &[
            "url",
            "host",
            "hostname",
            "domain",
            "dest_host",
            "dst_host",
            "destination",
            "sni",
            "server_name",
            "query",
            "query_name",
            "cs-host",
            "fqdn",
            "requested_domain",
            "dest_domain",
        ],
    ),
    (
        "up",
        &[
            "bytes_sent",
            "bytes_out",
            "sent_bytes",
            "upload_bytes",
            "cs-bytes",
            "uploaded",
            "sentbyte",
            "bytes sent",
        ],
    ),
    (
        "down",
        &[
            "bytes_received",
            "bytes_in",
            "received_bytes",
            "download_bytes",
            "sc-bytes",
            "downloaded",
            "rcvdbyte",
            "bytes received",
        ],
    ),
    (
        "at",
        &[
            "timestamp",
            "time",
            "datetime",
            "date_time",
            "start_time",
            "eventtime",
            "_time",
            "ts",
            "receive time",
        ],
    ),
    ("path", &["path", "uri", "cs-uri-stem", "cs-uri", "request_path"]),
];

/// Why a column map is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ColumnMapError {
    /// A pair without `=`.
    #[error("`{0}` is no pair; write `part=column`, such as `who=src_ip,host=domain`")]
    NoPair(String),
    /// An unknown part.
    #[error("`{0}` is no part of a record; there are who, user, host, path, up, down and at")]
    NoPart(String),
    /// No host.
    #[error("the map names no `host` and no `who`; both are needed")]
    Incomplete,
}

impl ColumnMap {
    /// Reads `who=src_ip,host=domain,up=3`. A number is a column's place, from 1.
    ///
    /// # Errors
    /// When it is no list of pairs, or leaves out `who` or `host`.
    pub fn parse(text: &str) -> Result<Self, ColumnMapError> {
        let mut map = Self::default();
        for pair in text.split(',') {
            let Some((part, column)) = pair.split_once('=') else {
                return Err(ColumnMapError::NoPair(pair.to_owned()));
            };
            let at = PARTS.iter().position(|(name, _)| *name == part.trim());
            let Some(slot) = at.and_then(|n| map.parts.get_mut(n)) else {
                return Err(ColumnMapError::NoPart(part.to_owned()));
            };
            column.trim().to_lowercase().clone_into(slot);
        }
        let [who, _, host, ..] = &map.parts;
        if who.is_empty() || host.is_empty() { Err(ColumnMapError::Incomplete) } else { Ok(map) }
    }

    /// The map of a heading whose names are known; none where it names no client or no host.
    #[must_use]
    pub fn from_heading(line: &str) -> Option<Self> {
        let map = Self::default();
        let slots = map.columns(line);
        let [who, _, host, ..] = slots;
        (who.is_some() && host.is_some()).then_some(map)
    }

    /// Which column each part stands in, by the heading.
    fn columns(&self, heading: &str) -> [Option<usize>; PARTS.len()] {
        let names: Vec<String> = cells(heading).map(|c| c.trim().to_lowercase()).collect();
        let mut out = [None; PARTS.len()];
        for ((slot, wanted), (_, known)) in out.iter_mut().zip(&self.parts).zip(PARTS) {
            *slot = if let Ok(n) = wanted.parse::<usize>() {
                n.checked_sub(1)
            } else if wanted.is_empty() {
                known.iter().find_map(|k| names.iter().position(|n| n == k))
            } else {
                names.iter().position(|n| n == wanted)
            };
        }
        out
    }

    /// Whether every named column is a number: then there need be no heading.
    fn by_number(&self) -> bool {
        let named = self.parts.iter().filter(|p| !p.is_empty());
        self.parts.iter().any(|p| !p.is_empty()) && named.clone().all(|p| p.parse::<usize>().is_ok())
    }
}

/// Reads rows by a map.
#[derive(Debug)]
pub(super) struct CsvReader {
    map: ColumnMap,
    columns: Option<[Option<usize>; PARTS.len()]>,
}

impl CsvReader {
    pub(super) fn new(map: ColumnMap) -> Self {
        let columns = map.by_number().then(|| map.columns(""));
        Self { map, columns }
    }

    pub(super) fn line(&mut self, line: &str, take: &mut Take<'_>) -> Read {
        let Some(columns) = self.columns else {
            self.columns = Some(self.map.columns(line));
            return Read::Other;
        };
        let mut found: [String; PARTS.len()] = Default::default();
        for (n, cell) in cells(line).enumerate() {
            for (slot, _) in found.iter_mut().zip(&columns).filter(|(_, c)| **c == Some(n)) {
                cell.as_ref().clone_into(slot);
            }
        }
        let [who, user, host, up, down, at, path] = &found;
        if who.is_empty() && user.is_empty() || host.is_empty() {
            return Read::Unreadable;
        }
        let (name, in_url) = split_url(host);
        let event = Event {
            user: if who.is_empty() { "" } else { user },
            path: if path.is_empty() { in_url } else { Some(path) },
            at: if at.is_empty() { When::Unknown } else { When::Text(at) },
            up: number(up),
            down: number(down),
            ..Event::new(Seen::Request, if who.is_empty() { user } else { who }, name)
        };
        take(&event);
        Read::Event
    }
}

/// Palo Alto's traffic and threat logs, with or without a syslog heading: the fields of PAN-OS's documentation,
/// counted from `FUTURE_USE`. A URL record tells the host, a traffic record of the same session the bytes.
pub(super) fn palo_alto(line: &str, take: &mut Take<'_>) -> Read {
    const NEEDED: usize = 34;
    let mut cell: [std::borrow::Cow<'_, str>; NEEDED] = [const { std::borrow::Cow::Borrowed("") }; NEEDED];
    for (slot, value) in cell.iter_mut().zip(cells(line)) {
        *slot = value;
    }
    let field = |n: usize| cell.get(n).map_or("", |c| c.as_ref());
    let who = field(7);
    if who.is_empty() {
        return Read::Unreadable;
    }
    let base = Event {
        user: field(12),
        at: When::Text(field(6)),
        flow: field(22),
        ..Event::new(Seen::Request, who, "")
    };
    match (field(3), field(4)) {
        ("TRAFFIC", "end") => {
            let event = Event { seen: Seen::Flow, up: number(field(32)), down: number(field(33)), ..base };
            take(&event);
        }
        ("THREAT", "url") => {
            let (host, path) = split_url(field(31));
            take(&Event { host, path, ..base });
        }
        _ => return Read::Other,
    }
    Read::Event
}

/// The cells of a row. A quoted cell may hold commas; a doubled quote in it stands for one.
fn cells(line: &str) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"') else {
            return match text.split_once(',') {
                Some((cell, after)) => {
                    rest = Some(after);
                    Some(cell.into())
                }
                None => {
                    rest = None;
                    Some(text.into())
                }
            };
        };
        let mut from = 0;
        let end = loop {
            let Some(at) = quoted.get(from..).and_then(|q| q.find('"')) else { break quoted.len() };
            if quoted.get(from + at + 1..).is_some_and(|q| q.starts_with('"')) {
                from += at + 2;
            } else {
                break from + at;
            }
        };
        let cell = quoted.get(..end).unwrap_or("");
        rest = quoted.get(end + 1..).and_then(|a| a.split_once(',')).map(|(_, after)| after);
        Some(if cell.contains("\"\"") { cell.replace("\"\"", "\"").into() } else { cell.into() })
    })
    .take(MAX_COLUMNS)
}
