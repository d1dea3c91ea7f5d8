//! Server-sent events: bytes to frames (WHATWG HTML, section 9.2.6).
//!
//! ```text
//! push(chunk)* --> lines (LF, CRLF, CR) --> frame at each blank line: raw bytes, event name, joined data
//! ```
//!
//! What always holds: for any cutting of the bytes into pushes the frames, and the `raw` bytes of each, are the
//! same; each byte is looked at once for line ends and once for its field; a frame is never longer than the cap.
//! The `raw` of all frames, put together, are the bytes that came (blank lines after the last frame apart).
//!
//! Stricter than the specification where leniency hides text: a field that is not `data`, `event`, `id` or
//! `retry`, two `event` lines in one frame, and bytes that are not UTF-8 beside the data are refused.
//! What it deliberately does not do: know any dialect, or reconnect.

use crate::fault::{WireCode, WireError};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use std::ops::Range;

/// The mark that may stand before the first line.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream, or a comment that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as they came, with the blank line that ends it.
    pub raw: Bytes,
    /// The event's name, when it has one.
    pub event: Option<String>,
    /// The data lines, joined by LF.
    pub data: Bytes,
    /// What its comments, `id` and `retry` lines say, joined by LF: nobody's words, but they go to the caller too.
    pub aside: String,
    /// Its `id`, when it has one: where a broken stream goes on from.
    pub id: Option<String>,
    /// After how many milliseconds it wants to be asked again.
    pub retry: Option<u64>,
    /// Where the data stands in `raw`, when it is one line (so that it can be changed in place).
    pub(crate) span: Option<Range<usize>>,
    /// How many data lines there are.
    pub(crate) data_lines: usize,
}

impl Frame {
    /// Whether it says nothing but comments (a keep-alive).
    #[must_use]
    pub fn is_comment(&self) -> bool {
        self.data_lines == 0 && self.event.is_none()
    }
}

/// Cuts a stream of bytes into frames, however the transport cuts it.
#[derive(Debug)]
pub struct SseReader {
    max_frame: usize,
    /// From the first byte of the frame that is being read.
    buf: BytesMut,
    /// Up to here `buf` has been searched for line ends.
    scanned: usize,
    /// Where the line that is being read starts.
    line: usize,
    /// The line before ended with a CR alone, so one CR ends a blank line without a look at what follows.
    lone_cr: bool,
    /// An LF that comes next belongs to a CR that has ended a frame already.
    owed_lf: bool,
    /// No line has been read yet.
    first: bool,
    frame: Building,
    broken: Option<WireError>,
}

/// The fields of the frame that is being read.
#[derive(Debug, Default)]
struct Building {
    lines: usize,
    event: Option<String>,
    data: SmallVec<[Range<usize>; 2]>,
    aside: String,
    id: Option<String>,
    retry: Option<u64>,
}

impl SseReader {
    /// A reader that refuses frames of more than `max_frame` bytes.
    #[must_use]
    pub fn new(max_frame: usize) -> Self {
        Self {
            max_frame,
            buf: BytesMut::new(),
            scanned: 0,
            line: 0,
            lone_cr: false,
            owed_lf: false,
            first: true,
            frame: Building::default(),
            broken: None,
        }
    }

    /// Takes bytes as the transport brings them. Call `next` until it gives nothing before pushing more, so that
    /// no more than one frame and one chunk is ever held.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.broken.is_none() {
            self.buf.extend_from_slice(chunk);
        }
    }

    /// The next whole frame, if there is one. An error is final: every later call gives it again.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would end where this only waits for more bytes"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, WireError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let result = self.advance();
        if let Err(error) = &result {
            self.broken = Some(error.clone());
            self.buf = BytesMut::new();
        }
        result
    }

    /// The transport has ended. Errors when part of a frame is left: it must not be taken for a whole one.
    pub fn finish(&mut self) -> Result<(), WireError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let tail = self.buf.get(self.line..).unwrap_or(b"");
        let blank = tail.iter().all(|b| matches!(b, b'\r' | b'\n'));
        if self.frame.lines == 0 && blank { Ok(()) } else { Err(bad("the stream ended within an event")) }
    }

    fn advance(&mut self) -> Result<Option<Frame>, WireError> {
        if self.owed_lf && !self.buf.is_empty() {
            self.owed_lf = false;
            // Part of this frame's raw bytes, but of no line.
            if self.buf.first() == Some(&b'\n') {
                (self.line, self.scanned) = (1, 1);
            }
        }
        loop {
            let rest = self.buf.get(self.scanned..).unwrap_or(b"");
            let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.scanned = self.buf.len();
                break;
            };
            let end = self.scanned + found;
            let Some(next) = self.after_line_end(end) else {
                self.scanned = end;
                break;
            };
            if next > self.max_frame {
                return Err(self.too_long());
            }
            let line = self.line..end;
            (self.line, self.scanned) = (next, next);
            if line.is_empty() && self.frame.lines > 0 {
                return Ok(Some(self.take(next)));
            }
            if !line.is_empty() {
                self.read_line(line)?;
            }
        }
        if self.buf.len() > self.max_frame { Err(self.too_long()) } else { Ok(None) }
    }

    /// Where the next line starts, given where this one's end mark stands; nothing when that hangs on a byte that
    /// has not come.
    fn after_line_end(&mut self, end: usize) -> Option<usize> {
        if self.buf.get(end) == Some(&b'\n') {
            self.lone_cr = false;
            return Some(end + 1);
        }
        let ends_frame = end == self.line && self.frame.lines > 0;
        if self.lone_cr && ends_frame {
            // INVARIANT: decided by the bytes before alone, so no cutting changes it.
            self.owed_lf = true;
            return Some(end + 1);
        }
        let after = *self.buf.get(end + 1)?;
        self.lone_cr = after != b'\n';
        Some(if after == b'\n' { end + 2 } else { end + 1 })
    }

    fn read_line(&mut self, mut line: Range<usize>) -> Result<(), WireError> {
        let bytes = self.buf.get(line.clone()).unwrap_or(b"");
        if std::mem::take(&mut self.first) && bytes.starts_with(BOM) {
            line.start += BOM.len();
        }
        let bytes = self.buf.get(line.clone()).unwrap_or(b"");
        if bytes.is_empty() {
            return Ok(());
        }
        self.frame.lines += 1;
        let colon = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
        let (name, value) = bytes.split_at_checked(colon).unwrap_or((bytes, b""));
        let value = value.get(1..).unwrap_or(b"");
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if name == b"data" {
            self.frame.data.push(line.end - value.len()..line.end);
            return Ok(());
        }
        let value = std::str::from_utf8(value)
            .map_err(|_| WireError::new(WireCode::InvalidUtf8, "the stream is not UTF-8"))?;
        match name {
            b"event" if self.frame.event.is_some() => Err(bad("an event has two names")),
            b"event" => {
                self.frame.event = Some(value.to_owned());
                Ok(())
            }
            b"" | b"id" | b"retry" => {
                match name {
                    b"id" => self.frame.id = Some(value.to_owned()),
                    b"retry" => self.frame.retry = value.parse().ok(),
                    _ => {}
                }
                if !self.frame.aside.is_empty() {
                    self.frame.aside.push('\n');
                }
                self.frame.aside.push_str(value);
                Ok(())
            }
            _ => Err(bad("a field that is not known stands in the stream")),
        }
    }

    /// Cuts off the frame that ends at `end`.
    fn take(&mut self, end: usize) -> Frame {
        let raw = self.buf.split_to(end).freeze();
        (self.line, self.scanned) = (0, 0);
        let Building { event, data, aside, id, retry, .. } = std::mem::take(&mut self.frame);
        let line = |r: &Range<usize>| raw.get(r.clone()).unwrap_or(b"");
        let (joined, span) = match data.as_slice() {
            [] => (Bytes::new(), None),
            [one] => (raw.slice(one.clone()), Some(one.clone())),
            many => (many.iter().map(line).collect::<Vec<_>>().join(&b'\n').into(), None),
        };
        Frame { event, data: joined, aside, id, retry, span, data_lines: data.len(), raw }
    }

    fn too_long(&self) -> WireError {
        WireError::new(
            WireCode::TooMany,
            format!("an event of the stream is longer than {} bytes", self.max_frame),
        )
    }
}

fn bad(why: &str) -> WireError {
    WireError::new(WireCode::BadStream, why)
}
