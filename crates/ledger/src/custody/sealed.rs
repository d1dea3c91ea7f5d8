//! Small texts that only accidents threaten: lines under a checksum.
//!
//! ```text
//! <header>
//! <key> <value>
//! ...
//! sum <first 16 hexadecimal digits of the SHA-256 of all lines above>
//! ```
//! What always holds: what was read is, byte for byte, what was written. What it does not do: keep anybody from
//! writing another text with another sum; where that matters there is a signature ([`super::statement`]).

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

fn sum(body: &str) -> String {
    let full = Sha256::digest(body.as_bytes());
    HEXLOWER.encode(full.first_chunk::<8>().map_or(&[], |s| s.as_slice()))
}

/// The text under its checksum. `body` ends with a newline.
pub(crate) fn seal(body: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{body}sum {}\n", sum(body)))
}

/// The lines behind `header`; `None` where anything is not as it was written.
pub(crate) fn unseal<'a>(header: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let body = text.strip_suffix('\n')?;
    let at = body.rfind('\n')? + 1;
    let (body, last) = text.split_at_checked(at)?;
    if last.strip_prefix("sum ")?.strip_suffix('\n')? != sum(body) {
        return None;
    }
    let lines = body.strip_prefix(header)?.strip_prefix('\n')?;
    Some(lines.lines().collect())
}

/// The value behind `key` and a space.
pub(crate) fn value<'a>(line: Option<&&'a str>, key: &str) -> Option<&'a str> {
    line?.strip_prefix(key)?.strip_prefix(' ')
}

/// A number in its one spelling.
pub(crate) fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|n| n.to_string() == text)
}
