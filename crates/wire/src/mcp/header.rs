//! Values of the headers that repeat a part of the body (2026-07-28, transports, "Value encoding").

use data_encoding::BASE64;

/// What stands around a value that no header could carry as it is.
const BEFORE: &str = "=?base64?";
const AFTER: &str = "?=";

/// A value as it stands in a header.
#[must_use]
pub fn encode_header(value: &str) -> String {
    let plain = value.bytes().all(|b| matches!(b, b' '..=b'~'))
        && value.trim() == value
        && !(value.starts_with(BEFORE) && value.ends_with(AFTER));
    if plain { value.to_owned() } else { format!("{BEFORE}{}{AFTER}", BASE64.encode(value.as_bytes())) }
}

/// The value that a header stands for; `None` when it is broken, so that it equals nothing.
#[must_use]
pub fn decode_header(header: &str) -> Option<String> {
    let Some(inner) = header.strip_prefix(BEFORE).and_then(|h| h.strip_suffix(AFTER)) else {
        return Some(header.to_owned());
    };
    // The decoder takes the canonical form only.
    String::from_utf8(BASE64.decode(inner.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive() {
        for value in ["echo", "a b", " edge ", "äöü", "=?base64?x?=", "line\nbreak", ""] {
            let header = encode_header(value);
            assert!(header.bytes().all(|b| matches!(b, b' '..=b'~')), "{header}");
            assert_eq!(decode_header(&header).as_deref(), Some(value));
        }
        assert_eq!(decode_header("=?base64?AB==?="), None, "not canonical");
        assert_eq!(decode_header("=?base64?****?="), None);
    }
}
