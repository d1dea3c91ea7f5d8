//! Bytes to lines, with a bound on a line.

use memchr::memchr;

/// Longest line that is read, in bytes. An EVE or Zeek record has a few thousand.
pub const MAX_LINE: usize = 1 << 20;

/// Splits what is pushed at line feeds. What is over [`MAX_LINE`] is passed over up to the next line feed.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
    skipping: bool,
    too_long: u64,
}

impl Lines {
    /// Takes the next bytes; gives each line that is whole, without its line feed.
    pub fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while let Some(at) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            bytes = rest.get(1..).unwrap_or(&[]);
            if self.skipping {
                self.skipping = false;
            } else if self.rest.is_empty() {
                if line.len() > MAX_LINE {
                    self.too_long += 1;
                } else {
                    take(line);
                }
            } else if self.rest.len() + line.len() > MAX_LINE {
                self.too_long += 1;
                self.rest.clear();
            } else {
                self.rest.extend_from_slice(line);
                take(&self.rest);
                self.rest.clear();
            }
        }
        if self.skipping || bytes.is_empty() {
            return;
        }
        if self.rest.len() + bytes.len() > MAX_LINE {
            self.too_long += 1;
            self.skipping = true;
            self.rest = Vec::new();
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// The last line, where no line feed ends it.
    pub fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            take(&self.rest);
            self.rest.clear();
        }
    }

    /// Lines passed over.
    #[must_use]
    pub fn too_long(&self) -> u64 {
        self.too_long
    }
}
