//! Links by which one person says that they read one note: signed, for one purpose, until a time.
//!
//! ```text
//! Link {service, person, text, until, number} --sign--> ack1.SERVICE.PERSON.TEXT.UNTIL.NUMBER.MAC --read--> Link
//! ```
//! What always holds: nothing of a token is believed before its MAC (HMAC-SHA-256, RFC 2104) holds; the key serves this
//! purpose alone. What it does not do: remember which were used; who records does.

use cordon_types::{Digest, Millis, RequestId};
use ring::hmac;
use std::fmt::Write as _;

/// Longest key of a service in a token.
pub const MAX_SERVICE: usize = 100;
/// Longest token: the service, four numbers of fixed size, and what parts them.
pub const MAX_TOKEN: usize = MAX_SERVICE + 4 * 64 + 32;
const PURPOSE: &str = "ack1";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The service, by its key: lower-case letters, digits and dashes.
    pub service: String,
    /// The person, by the digest that stands for them.
    pub person: Digest,
    /// The SHA-256 of the text that was shown.
    pub text: Digest,
    /// Until when it holds.
    pub until: Millis,
    /// Tells links apart; one is recorded once.
    pub number: RequestId,
}

/// Signs links and reads them back.
pub struct LinkKey(hmac::Key);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

impl LinkKey {
    /// The key of links, from 32 secret bytes that serve nothing else.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The link as a token: only letters, digits, dashes and dots. None for a service that no token can name.
    #[must_use]
    pub fn sign(&self, link: &Link) -> Option<String> {
        if !is_service(&link.service) {
            return None;
        }
        let Link { service, person, text, until, number: RequestId(number) } = link;
        let mut token = format!("{PURPOSE}.{service}.{person}.{text}.{until}.{number:032x}");
        let mac = hmac::sign(&self.0, token.as_bytes());
        token.push('.');
        for byte in mac.as_ref() {
            // Writing to a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        Some(token)
    }

    /// What a token says, if this key signed it. Whether its time is over is the caller's to look at.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Link> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, mac) = token.rsplit_once('.')?;
        let mac = data_encoding::HEXLOWER.decode(mac.as_bytes()).ok()?;
        // SECURITY: constant time, and before anything is read.
        hmac::verify(&self.0, signed.as_bytes(), &mac).ok()?;
        let mut parts = signed.split('.');
        let mut next = || parts.next();
        if next()? != PURPOSE {
            return None;
        }
        let link = Link {
            service: next()?.to_owned(),
            person: Digest::parse(next()?)?,
            text: Digest::parse(next()?)?,
            until: next()?.parse().ok()?,
            number: RequestId(u128::from_str_radix(next()?, 16).ok()?),
        };
        (parts.next().is_none() && is_service(&link.service)).then_some(link)
    }
}

/// Whether a token can name it.
#[must_use]
pub fn is_service(key: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_SERVICE).contains(&key.len()) && key.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            service: "deepseek".into(),
            person: Digest([1; 32]),
            text: Digest([2; 32]),
            until: 1_800_000_000_000,
            number: RequestId(7),
        }
    }

    #[test]
    fn a_link_reads_back_and_nothing_else_does() {
        let key = LinkKey::new(&[3; 32]);
        let token = key.sign(&link()).unwrap();
        assert!(token.len() <= MAX_TOKEN);
        assert_eq!(key.read(&token), Some(link()));
        assert_eq!(LinkKey::new(&[4; 32]).read(&token), None, "another key");
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(key.read(std::str::from_utf8(&bytes).unwrap()), None, "a change at {at}");
            assert_eq!(key.read(token.get(..at).unwrap()), None);
        }
        assert_eq!(key.read(&format!("{token}.00")), None);
        assert_eq!(key.read(&token.to_uppercase()), None);
        let longest = Link {
            service: "a".repeat(MAX_SERVICE),
            until: u64::MAX,
            number: RequestId(u128::MAX),
            ..link()
        };
        assert_eq!(key.read(&key.sign(&longest).unwrap()), Some(longest));
    }

    #[test]
    fn services_that_no_token_names() {
        let key = LinkKey::new(&[3; 32]);
        for service in ["", "a.b", "A", "a b", "<b>", "é", &"a".repeat(MAX_SERVICE + 1)] {
            assert!(key.sign(&Link { service: service.into(), ..link() }).is_none(), "{service}");
        }
    }
}
