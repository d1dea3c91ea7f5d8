//! JSON strings: unescaping what the scanner has accepted, and escaping what is put in.

/// Decodes the content of a scanned string (without its quotes).
#[must_use]
pub fn decode(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut pieces = Pieces::new(content);
    while let Some(piece) = pieces.next_piece() {
        match piece {
            Piece::Plain(s) => out.push_str(s),
            Piece::Escape(c, _) => out.push(c),
        }
    }
    out
}

/// Part of a raw string.
pub(super) enum Piece<'a> {
    /// A run without escapes: raw and decoded alike.
    Plain(&'a str),
    /// One escape (a surrogate pair is one): the character, and how many raw bytes it took.
    Escape(char, usize),
}

/// Cuts a scanned string's content into pieces.
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(content: &'a str) -> Self {
        Self { rest: content }
    }

    pub(super) fn next_piece(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let plain = memchr::memchr(b'\\', self.rest.as_bytes()).unwrap_or(self.rest.len());
        if plain > 0 {
            let (head, tail) = self.rest.split_at_checked(plain)?;
            self.rest = tail;
            return Some(Piece::Plain(head));
        }
        let (c, len) = escape_at(self.rest.as_bytes());
        self.rest = self.rest.get(len..).unwrap_or("");
        Some(Piece::Escape(c, len))
    }
}

/// The escape at the start of `b`, which the scanner has accepted: its character and length.
fn escape_at(b: &[u8]) -> (char, usize) {
    let simple = match b.get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => {
            let high = hex4(b.get(2..6)).unwrap_or(0xFFFD);
            if !(0xD800..0xDC00).contains(&high) {
                return (char::from_u32(high).unwrap_or('\u{FFFD}'), 6);
            }
            let low = hex4(b.get(8..12)).unwrap_or(0xDC00);
            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
            return (char::from_u32(code).unwrap_or('\u{FFFD}'), 12);
        }
        Some(&c) => char::from(c),
        None => '\\',
    };
    (simple, 2)
}

/// Four hexadecimal digits.
pub(super) fn hex4(b: Option<&[u8]>) -> Option<u32> {
    let b = b.filter(|b| b.len() == 4)?;
    b.iter().try_fold(0u32, |n, &d| Some(n * 16 + char::from(d).to_digit(16)?))
}

/// Appends `text` as the content of a JSON string (without quotes). Escapes only what RFC 8259, section 7, demands.
pub fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let digit = |n: u32| char::from_digit(n, 16).unwrap_or('0');
                out.push_str("\\u00");
                out.push(digit(u32::from(c) >> 4));
                out.push(digit(u32::from(c) & 15));
            }
            c => out.push(c),
        }
    }
}
