//! Network records to who used which AI service: streaming, in constant memory.
//!
//! ```text
//! chunks of bytes -> lines (bounded) -> the format's reader -> Event -> catalogue -> Usage
//! ```
//! What always holds: memory does not grow with the log, only with the pairs of a client and a service, and those
//! are capped. A line that its format cannot read is counted and passed over. What it does not do: open or unpack
//! files; the caller pushes bytes.

mod csv;
mod dns;
mod event;
mod json;
mod lines;
mod proxy;
mod sniff;
#[cfg(test)]
mod tests;
mod usage;
mod when;
mod zeek;

pub use csv::{ColumnMap, ColumnMapError};
pub(crate) use event::split_url;
pub use event::{Event, Seen, When};
pub use lines::{Lines, MAX_LINE};
pub use sniff::{Format, sniff};
pub use usage::{MAX_CLIENTS, MAX_FLOWS, MAX_PAIRS, OTHERS, Pair, Usage};

use zeek::ZeekTsv;

/// Lines that may stand before one that tells the format.
const SNIFFED: u64 = 200;

/// What reading one log came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines read.
    pub lines: u64,
    /// Lines that are events of some kind.
    pub events: u64,
    /// Events whose host the catalogue knows.
    pub hits: u64,
    /// Lines that the format's reader could not read.
    pub unreadable: u64,
    /// Lines over [`MAX_LINE`], passed over.
    pub too_long: u64,
}

/// Why a log was not read to its end.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LogError {
    /// No line told the format.
    #[error("the format is not recognised; name it with `--log-format` ({})", Format::NAMES)]
    Unknown,
}

/// One log being read.
#[derive(Debug)]
pub struct LogScan<'u> {
    place: std::sync::Arc<str>,
    format: Option<Format>,
    reader: Reader,
    usage: &'u mut Usage,
    counts: Counts,
    lines: Lines,
    year: i16,
    failed: bool,
}

#[derive(Debug)]
enum Reader {
    None,
    Zeek(ZeekTsv),
    Csv(Box<csv::CsvReader>),
    Plain,
}

impl<'u> LogScan<'u> {
    /// Reads the log `place`. Without a format, the first lines tell. `year` is the year of times that name none.
    pub fn new(place: &str, format: Option<Format>, year: i16, usage: &'u mut Usage) -> Self {
        let mut scan = Self {
            place: place.into(),
            format: None,
            reader: Reader::None,
            usage,
            counts: Counts::default(),
            lines: Lines::default(),
            year,
            failed: false,
        };
        if let Some(format) = format {
            scan.set(format);
        }
        scan
    }

    fn set(&mut self, format: Format) {
        self.reader = match &format {
            Format::ZeekTsv => Reader::Zeek(ZeekTsv::default()),
            Format::Csv(map) => Reader::Csv(Box::new(csv::CsvReader::new(map.clone()))),
            _ => Reader::Plain,
        };
        self.format = Some(format);
    }

    /// The format, once known.
    #[must_use]
    pub fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the first lines did not tell the format.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |line| self.line(line));
        self.lines = lines;
        if self.failed { Err(LogError::Unknown) } else { Ok(()) }
    }

    /// The log is at its end.
    ///
    /// # Errors
    /// When no line told the format.
    pub fn finish(mut self) -> Result<(Option<Format>, Counts), LogError> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.line(line));
        self.counts.too_long = lines.too_long();
        let empty = self.counts.lines == 0;
        if self.failed || (self.format.is_none() && !empty) {
            return Err(LogError::Unknown);
        }
        Ok((self.format, self.counts))
    }

    fn line(&mut self, line: &[u8]) {
        if self.failed {
            return;
        }
        self.counts.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(text) = std::str::from_utf8(line) else {
            self.counts.unreadable += 1;
            return;
        };
        if text.trim().is_empty() {
            return;
        }
        if self.format.is_none() {
            match sniff(text) {
                Some(format) => self.set(format),
                None => {
                    self.failed = self.counts.lines >= SNIFFED;
                    return;
                }
            }
        }
        self.read(text);
    }

    fn read(&mut self, text: &str) {
        let (place, year) = (self.place.clone(), self.year);
        let (usage, counts) = (&mut *self.usage, &mut self.counts);
        let number = counts.lines;
        let mut hits = 0;
        let mut take = |event: &Event<'_>| {
            hits += u64::from(usage.take(event, &place, number, year));
        };
        let read = match (&self.format, &mut self.reader) {
            (_, Reader::Zeek(reader)) => reader.line(text, &mut take),
            (_, Reader::Csv(reader)) => reader.line(text, &mut take),
            (Some(Format::ZeekJson), _) => json::zeek(text, &mut take),
            (Some(Format::Suricata), _) => json::suricata(text, &mut take),
            (Some(Format::Route53), _) => json::route53(text, &mut take),
            (Some(Format::Squid), _) => proxy::squid(text, &mut take),
            (Some(Format::Combined), _) => proxy::combined(text, &mut take),
            (Some(Format::Dnsmasq), _) => dns::dnsmasq(text, &mut take),
            (Some(Format::CoreDns), _) => dns::coredns(text, &mut take),
            (Some(Format::Bind), _) => dns::bind(text, &mut take),
            (Some(Format::PaloAlto), _) => csv::palo_alto(text, &mut take),
            _ => Read::Unreadable,
        };
        counts.hits += hits;
        match read {
            Read::Event => counts.events += 1,
            Read::Other => {}
            Read::Unreadable => counts.unreadable += 1,
        }
    }
}

/// What one line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// An event was handed on.
    Event,
    /// A heading, or an event of no interest.
    Other,
    /// Not of this format.
    Unreadable,
}

/// Where a format's reader hands events to.
type Take<'t> = dyn FnMut(&Event<'_>) + 't;
