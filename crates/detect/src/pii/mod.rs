//! Personal data with a form that can be checked: e-mail, phone, card, IBAN, SSN, IP address.
//!
//! What always holds: each candidate is judged by itself, from its start on, with a bounded look-behind. What it
//! deliberately does not do: names, addresses, anything that takes a model to recognise.

mod email;
mod ip;
mod number;
mod phone;
#[cfg(test)]
mod tests;

use crate::view::tokens::{AT, COLON, DIGIT, Token};
use crate::view::{Ahead, Sink, ViewText, byte, byte_before};
use cordon_types::FindingKind;

/// Rules for the catalogue: kind, rule, description.
pub(crate) const CATALOGUE: &[(FindingKind, &str, &str)] = &[
    (
        FindingKind::Email,
        "email.address",
        "an e-mail address with a plausible domain, also internationalised",
    ),
    (FindingKind::Phone, "phone.international", "a number with + or 00 and a country code"),
    (
        FindingKind::Phone,
        "phone.national",
        "a number in a national notation (North America, leading zero, French pairs)",
    ),
    (FindingKind::Phone, "phone.context", "a bare number after a word such as phone, tel or mobile"),
    (
        FindingKind::PaymentCard,
        "card.luhn",
        "12 to 19 digits with an issuer's prefix, its length and a valid check digit",
    ),
    (FindingKind::Iban, "iban.mod97", "an IBAN of its country's length with valid check digits"),
    (FindingKind::UsSsn, "ssn.separated", "a US social security number with separators"),
    (
        FindingKind::UsSsn,
        "ssn.context",
        "a US social security number without hyphens after a word that names it",
    ),
    (FindingKind::IpAddress, "ip.v4", "an IPv4 address"),
    (FindingKind::IpAddress, "ip.v6", "an IPv6 address"),
];

/// Finds personal data in one view.
pub(crate) fn scan(view: &ViewText<'_>, tokens: &[Token], sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    for t in tokens {
        if t.classes & AT != 0 {
            for at in memchr::memchr_iter(b'@', bytes.get(t.start..t.end).unwrap_or(&[])) {
                email::check(view, t.start + at, sink);
            }
        }
        if t.end < view.floor {
            continue;
        }
        if t.classes & COLON != 0 {
            ip::check_v6(view, t, sink);
        }
        if t.classes & DIGIT != 0 {
            let mut i = t.start;
            while i < t.end {
                if byte(bytes, i).is_ascii_digit() {
                    if i >= view.floor {
                        numbers(view, i, sink);
                    }
                    while byte(bytes, i).is_ascii_digit() {
                        i += 1;
                    }
                } else {
                    i += 1;
                }
            }
        }
    }
}

/// Everything that may begin at a group of digits.
fn numbers(view: &ViewText<'_>, at: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let before = byte_before(bytes, at);
    if before.is_ascii_alphabetic() {
        if let Some(start) = at.checked_sub(2) {
            judge(view, start, sink, number::iban);
        }
        return;
    }
    judge(view, at, sink, ip::v4);
    judge(view, at, sink, number::card);
    judge(view, at, sink, number::ssn);
    let start = if matches!(before, b'+' | b'(') { at - 1 } else { at };
    let start = if before == b'(' && byte_before(bytes, start) == b'+' { start - 1 } else { start };
    judge(view, start, sink, phone::phone);
}

/// A match that a check found.
struct Hit {
    end: usize,
    kind: FindingKind,
    confidence: u16,
    rule: &'static str,
}

/// Runs one check at `start` and tells the sink what it said, or that the end of the text kept it from saying.
fn judge(
    view: &ViewText<'_>,
    start: usize,
    sink: &mut Sink,
    check: fn(&ViewText<'_>, &mut Ahead<'_>, usize) -> Option<Hit>,
) {
    if start < view.floor || start > view.text.len() {
        return;
    }
    let mut ahead = Ahead::new(view);
    let hit = check(view, &mut ahead, start);
    if ahead.undecided {
        sink.open(start);
    }
    if let Some(hit) = hit {
        sink.found(start..hit.end, hit.kind, hit.confidence, hit.rule);
    }
}

/// Whether one of the words stands in the look-behind of `at`, at the start of a word.
fn context(view: &ViewText<'_>, at: usize, words: &[&str]) -> bool {
    let behind = view.behind_lower(at);
    words.iter().any(|w| {
        behind.match_indices(w).any(|(i, _)| !byte_before(behind.as_bytes(), i).is_ascii_alphabetic())
    })
}
