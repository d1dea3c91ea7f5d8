//! Zeek's tab-separated logs: headings say which columns there are.
//!
//! What always holds: only the columns that matter are cut out, and a line is walked once. What it does not do:
//! read logs other than ssl, quic, dns, http and conn.

use super::event::{Event, Seen, When, number};
use super::{Read, Take};

/// The columns that matter.
const COLUMNS: [&str; 14] = [
    "ts",
    "uid",
    "id.orig_h",
    "server_name",
    "query",
    "host",
    "uri",
    "username",
    "request_body_len",
    "response_body_len",
    "orig_bytes",
    "resp_bytes",
    "_path",
    "id.resp_h",
];

/// Most columns of a heading: Zeek's widest logs have under a hundred.
const MAX_COLUMNS: usize = 1_000;

/// The state that the headings make.
#[derive(Debug)]
pub(super) struct ZeekTsv {
    separator: char,
    path: String,
    /// For each column of the file, which of [`COLUMNS`] it is.
    slots: Vec<Option<usize>>,
}

impl Default for ZeekTsv {
    fn default() -> Self {
        Self { separator: '\t', path: String::new(), slots: Vec::new() }
    }
}

impl ZeekTsv {
    pub(super) fn line(&mut self, line: &str, take: &mut Take<'_>) -> Read {
        if let Some(heading) = line.strip_prefix('#') {
            self.heading(heading);
            return Read::Other;
        }
        if self.slots.is_empty() {
            return Read::Unreadable;
        }
        let mut cells = [""; COLUMNS.len()];
        for (cell, slot) in line.split(self.separator).zip(&self.slots) {
            if let Some(kept) = slot.and_then(|n| cells.get_mut(n)) {
                *kept = if cell == "-" || cell == "(empty)" { "" } else { cell };
            }
        }
        let [ts, uid, who, server, query, host, uri, user, req, resp, up, down, ..] = cells;
        if who.is_empty() {
            return Read::Unreadable;
        }
        let at = ts.parse().map_or(When::Unknown, When::Seconds);
        let base = Event { at, flow: uid, ..Event::new(Seen::Connection, who, server) };
        let event = match self.path.as_str() {
            "ssl" | "quic" => base,
            "dns" => Event { seen: Seen::Lookup, host: query, flow: "", ..base },
            "http" => Event {
                seen: Seen::Request,
                host: super::event::split_url(host).0,
                path: Some(super::event::split_url(uri).1.unwrap_or("/")),
                user,
                up: number(req),
                down: number(resp),
                ..base
            },
            "conn" => Event { seen: Seen::Flow, host: "", up: number(up), down: number(down), ..base },
            _ => return Read::Other,
        };
        take(&event);
        Read::Event
    }

    fn heading(&mut self, heading: &str) {
        if let Some(value) = heading.strip_prefix("separator ") {
            let code = value.trim().strip_prefix("\\x").and_then(|h| u8::from_str_radix(h, 16).ok());
            self.separator = code.map_or('\t', char::from);
            return;
        }
        let mut parts = heading.split(self.separator);
        match parts.next() {
            Some("path") => self.path = parts.next().unwrap_or("").chars().take(32).collect(),
            Some("fields") => {
                self.slots = parts.take(MAX_COLUMNS).map(|f| COLUMNS.iter().position(|c| *c == f)).collect();
            }
            _ => {}
        }
    }
}
