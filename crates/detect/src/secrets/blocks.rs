//! Private key blocks: read forward from their first line as long as what follows can be a key's body.
//!
//! The body is judged token by token, so that a sentence that only mentions a header line is let go at its next
//! short word, and a stream holds back no more than that.

use super::Hit;
use crate::view::{Ahead, ViewText, is_space};
use cordon_types::FindingKind;

/// No key is longer (a 16,384-bit RSA key in PEM has 12.9 KB).
const LONGEST: usize = 16 * 1024;
/// No line of a PuTTY file is longer, comments included.
const LONGEST_LINE: usize = 256;
/// The shortest body that counts when the end line is missing.
const SHORTEST_BODY: usize = 40;

/// A PEM-like block (RFC 7468, OpenSSH, PGP) that starts at the dashes at `start`.
pub(super) fn pem(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let label_at = start + "-----begin".len();
    let label_end = ahead.skip(label_at, |b| b.is_ascii_alphanumeric() || b == b' ');
    let label = view.lower.get(label_at..label_end)?;
    if label_end - label_at > 64 {
        return None;
    }
    let dashes = ahead.skip(label_end, |b| b == b'-');
    if dashes - label_end < 5 || !label.contains("private key") {
        return None;
    }
    let mut at = dashes;
    let mut end = dashes;
    let mut body = 0;
    while at - start < LONGEST {
        let token = ahead.skip(at, |b| is_space(b) || b == b'\\');
        // Escaped line breaks, as JSON has them.
        let token = if token > at
            && matches!(ahead.at(token), b'n' | b'r')
            && view.text.as_bytes().get(token - 1) == Some(&b'\\')
        {
            token + 1
        } else {
            token
        };
        if ahead.at(token) == b'\\' {
            at = token;
            continue;
        }
        let stop = ahead.skip(token, |b| !is_space(b) && !matches!(b, b'\\' | b'"' | b'\'' | b'-'));
        if stop == token {
            if ahead.at(token) == b'-' {
                end = end_line(view, ahead, token).unwrap_or(end);
                body = body.max(SHORTEST_BODY * usize::from(end > token));
            }
            break;
        }
        let word = view.text.get(token..stop)?;
        let encoded = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        let header = word.ends_with(':') || word.starts_with("4,ENC") || matches!(ahead.at(stop), b'-');
        let digits = word.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'+' | b'/' | b'='));
        if !(encoded && (word.len() >= 16 || digits && word.len() >= 4 || word.starts_with('=')))
            && !(header && body < 64)
        {
            break;
        }
        body += if encoded { word.len() } else { 0 };
        end = stop;
        // The name of a cipher (`AES-128-CBC,..`) has hyphens; the end line has five.
        at = if ahead.at(stop) == b'-' && ahead.at(stop + 1) != b'-' {
            ahead.skip(stop, |b| !is_space(b))
        } else {
            stop
        };
    }
    (body >= SHORTEST_BODY).then_some(Hit {
        end,
        kind: FindingKind::PrivateKey,
        confidence: 990,
        rule: "key.pem",
    })
}

/// The end of the `-----END ...-----` line at `at`.
fn end_line(view: &ViewText<'_>, ahead: &mut Ahead<'_>, at: usize) -> Option<usize> {
    let label = ahead.skip(at, |b| b == b'-');
    let stop = ahead.skip(label, |b| b.is_ascii_alphanumeric() || b == b' ');
    let end = ahead.skip(stop, |b| b == b'-');
    let ends = view.lower.get(label..stop)?.starts_with("end");
    (label - at >= 5 && ends && stop - label <= 64).then_some(end)
}

/// The end of the line at `at`, or a place further than any line of a key file reaches.
fn line_end(ahead: &mut Ahead<'_>, at: usize) -> usize {
    let mut stop = at;
    while stop - at < LONGEST_LINE && ahead.at(stop) != b'\n' && ahead.at(stop) != 0 {
        stop += 1;
    }
    stop
}

/// A PuTTY private key file: lines of `Name: value` and of base64 from its first line on.
pub(super) fn putty(view: &ViewText<'_>, ahead: &mut Ahead<'_>, start: usize) -> Option<Hit> {
    let mut at = start;
    let mut end = start;
    let mut lines = 0;
    let mut private = false;
    while at - start < LONGEST {
        let stop = line_end(ahead, at);
        let line = view.text.get(at..stop)?.trim_end_matches('\r');
        let encoded = !line.is_empty()
            && line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        let named = line
            .split_once(": ")
            .is_some_and(|(n, _)| !n.contains(' ') && n.contains('-') || n == "Encryption" || n == "Comment");
        if !encoded && !named {
            break;
        }
        private |= line.starts_with("Private-");
        lines += 1;
        end = at + line.len();
        if ahead.at(stop) != b'\n' {
            break;
        }
        at = stop + 1;
    }
    (private && lines >= 4).then_some(Hit {
        end,
        kind: FindingKind::PrivateKey,
        confidence: 990,
        rule: "key.putty",
    })
}
