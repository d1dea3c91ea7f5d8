//! What an encoding hides: percent and base64, one layer at a time.
//!
//! What always holds: a decoding is given back only when it is text, so that few words are decoded that nobody encoded.
//! What it does not do: other encodings. A value in one of them is unknown.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

/// Layers that are taken off, on both sides.
pub(crate) const LAYERS: u8 = 3;
/// Shorter than this, too many words would be base64 by chance.
const SHORTEST: usize = 8;

/// The text below the outermost layer, if there is one.
pub(crate) fn inner(word: &str) -> Option<String> {
    percent(word).or_else(|| base64(word))
}

fn percent(word: &str) -> Option<String> {
    if !word.contains('%') || word.contains("://") {
        return None;
    }
    let decoded = decode(word, |_| true)?;
    (decoded != word && is_text(&decoded)).then_some(decoded)
}

/// Percent escapes of a text decoded where `which` wants it; the others are kept, in upper case. None if what comes
/// out is no UTF-8.
pub(crate) fn decode(text: &str, which: impl Fn(u8) -> bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape =
            (*first == b'%').then(|| Some((digit(*tail.first()?)?, digit(*tail.get(1)?)?))).flatten();
        match escape {
            Some((high, low)) => {
                let byte = high * 16 + low;
                if which(byte) {
                    out.push(byte);
                } else {
                    out.extend(format!("%{byte:02X}").bytes());
                }
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).ok()
}

fn digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn base64(word: &str) -> Option<String> {
    let letters = word.trim_end_matches('=');
    let of_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    if letters.len() < SHORTEST || !letters.bytes().all(of_base64) {
        return None;
    }
    // Of one case and without digits it is a word, but for one text in thousands.
    if !letters.bytes().any(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return None;
    }
    let kinds = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD];
    let decoded = kinds.iter().find_map(|e| e.decode(word.as_bytes()).ok())?;
    String::from_utf8(decoded).ok().filter(|t| is_text(t))
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layer_at_a_time() {
        for (word, expected) in [
            ("bob%40example.com", Some("bob@example.com")),
            ("Grand%20Hotel", Some("Grand Hotel")),
            ("100%", None),
            ("50%zz", None),
            ("%ff%fe", None),
            ("a%00b", None),
            ("Ym9iQGV4YW1wbGUuY29t", Some("bob@example.com")),
            ("Ym9iQHguY29t", Some("bob@x.com")),
            ("Ym9iQHguY28=", Some("bob@x.co")),
            ("Ym9iQHguY28", Some("bob@x.co")),
            ("password", None),
            ("https://x.com/%61", None),
            ("Ym9iJTQweC5jb20=", Some("bob%40x.com")),
        ] {
            assert_eq!(inner(word).as_deref(), expected, "{word}");
        }
        assert_eq!(decode("a%2Fb%61%2f", |b| b != b'/').as_deref(), Some("a%2Fba%2F"));
    }
}
