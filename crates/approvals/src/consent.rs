//! The end user's consent, by MCP's own elicitation round: an opaque state that goes out with the question and must
//! come back with the answer.
//!
//! ```text
//! issue(bound, until, nonce) -> token -> client -> user says yes -> redeem(token, bound, now) -> Consent, once
//! ```
//! What always holds: a token opens for exactly the principal and request that it was made for (both are the
//! associated data of an AEAD), before its time is over, once. When the list of those redeemed is full, nothing more
//! is redeemed: a token is never forgotten while it would still open.
//!
//! SECURITY: a client that holds a token can answer with it whether or not anybody was asked. So a [`Consent`] is
//! believed only from clients that the operator marked as run by a person, and it is no person's decision at the desk:
//! where two people are needed it counts as none of them.
//!
//! What it deliberately does not do: ask, know MCP, or outlive the process: the key is fresh at each start, so a token
//! from before a restart opens nothing and cannot be used a second time either.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use cordon_types::{Digest, Millis};
use data_encoding::BASE64URL_NOPAD;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Bytes of a nonce: long enough to be random (XChaCha20-Poly1305).
pub const NONCE_BYTES: usize = 24;
/// The form of a token, and the domain of its associated data.
const DOMAIN: &[u8] = b"cordon consent 1\0";
/// Bytes of a token: nonce, expiry, tag.
const TOKEN_BYTES: usize = NONCE_BYTES + 8 + 16;

/// What a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Keyed digest of who calls: agent, key, user.
    pub principal: Digest,
    /// Keyed digest of the call: the same that an approval binds.
    pub request: Digest,
}

/// The user said yes to one call, as far as its client can be believed.
#[must_use = "a consent is used up when it is redeemed"]
#[derive(Debug, PartialEq, Eq)]
pub struct Consent(());

impl Consent {
    /// Whether it is enough where so many people are needed. It is never one of two.
    #[must_use]
    pub const fn is_enough(&self, people: u8) -> bool {
        people < 2
    }
}

/// Why a token gives no consent. For the operator's log: the client learns only that it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoConsent {
    /// It is no token of this process for this principal and this request.
    NotOurs,
    /// Its time is over.
    Expired,
    /// It was redeemed already.
    Used,
    /// Too many were redeemed whose time is not over yet.
    Full,
}

impl fmt::Display for NoConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "the state was not given for this call",
            Self::Expired => "the state's time is over; ask anew",
            Self::Used => "the state was used already; ask anew",
            Self::Full => "too many consents at once; try again later",
        })
    }
}

/// Issues and redeems tokens.
pub struct Consents {
    cipher: XChaCha20Poly1305,
    seen: Mutex<HashMap<[u8; NONCE_BYTES], Millis>>,
    most: usize,
}

impl Consents {
    /// With a key that is fresh for this process, remembering at most `most` redeemed tokens.
    #[must_use]
    pub fn new(key: &[u8; 32], most: usize) -> Self {
        let cipher = XChaCha20Poly1305::new(&Key::from(*key));
        Self { cipher, seen: Mutex::default(), most }
    }

    /// A token for this principal and call. `nonce` must be random and never used before. `None` only if the cipher
    /// fails, which it does for messages of many gigabytes.
    #[must_use]
    pub fn issue(&self, bound: &Bound, until: Millis, nonce: &[u8; NONCE_BYTES]) -> Option<String> {
        let aad = associated(bound);
        let payload = Payload { msg: &until.to_be_bytes(), aad: &aad };
        let sealed = self.cipher.encrypt(&XNonce::from(*nonce), payload).ok()?;
        Some(BASE64URL_NOPAD.encode(&[nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a token and uses it up.
    pub fn redeem(&self, token: &str, bound: &Bound, now: Millis) -> Result<Consent, NoConsent> {
        let (nonce, until) = self.open(token, bound).ok_or(NoConsent::NotOurs)?;
        if until <= now {
            return Err(NoConsent::Expired);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains_key(&nonce) {
            return Err(NoConsent::Used);
        }
        if seen.len() >= self.most {
            seen.retain(|_, until| now < *until);
            if seen.len() >= self.most {
                return Err(NoConsent::Full);
            }
        }
        seen.insert(nonce, until);
        Ok(Consent(()))
    }

    fn open(&self, token: &str, bound: &Bound) -> Option<([u8; NONCE_BYTES], Millis)> {
        // The longest that it can be, before anything is decoded.
        let text = Some(token.as_bytes()).filter(|t| t.len() <= TOKEN_BYTES.div_ceil(3) * 4)?;
        let bytes = BASE64URL_NOPAD.decode(text).ok().filter(|b| b.len() == TOKEN_BYTES)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let aad = associated(bound);
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        Some((*nonce, Millis::from_be_bytes(plain.try_into().ok()?)))
    }
}

fn associated(bound: &Bound) -> Vec<u8> {
    [DOMAIN, &bound.principal.0, &bound.request.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { principal: Digest([1; 32]), request: Digest([2; 32]) };

    fn nonce(n: u8) -> [u8; NONCE_BYTES] {
        [n; NONCE_BYTES]
    }

    #[test]
    fn a_token_opens_once_for_what_it_was_made_for() {
        let consents = Consents::new(&[7; 32], 10);
        let token = consents.issue(&BOUND, 100, &nonce(1)).unwrap();
        let stranger = Bound { principal: Digest([9; 32]), ..BOUND };
        let other = Bound { request: Digest([9; 32]), ..BOUND };
        let swapped = Bound { principal: BOUND.request, request: BOUND.principal };
        for wrong in [stranger, other, swapped] {
            assert_eq!(consents.redeem(&token, &wrong, 50), Err(NoConsent::NotOurs));
        }
        assert!(consents.redeem(&token, &BOUND, 99).is_ok());
        assert_eq!(consents.redeem(&token, &BOUND, 99), Err(NoConsent::Used));
        let late = consents.issue(&BOUND, 100, &nonce(2)).unwrap();
        assert_eq!(consents.redeem(&late, &BOUND, 100), Err(NoConsent::Expired));
    }

    #[test]
    fn no_changed_byte_and_no_other_process_opens_it() {
        let consents = Consents::new(&[7; 32], 10);
        let token = consents.issue(&BOUND, 100, &nonce(1)).unwrap();
        assert_eq!(Consents::new(&[8; 32], 10).redeem(&token, &BOUND, 1), Err(NoConsent::NotOurs));
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            let changed = BASE64URL_NOPAD.encode(&changed);
            assert_eq!(consents.redeem(&changed, &BOUND, 1), Err(NoConsent::NotOurs), "byte {i}");
        }
        for text in ["", "A", &token[1..], &format!("{token}AAAA"), &format!("{token}="), &"A".repeat(1 << 20)] {
            assert_eq!(consents.redeem(text, &BOUND, 1), Err(NoConsent::NotOurs));
        }
        assert!(consents.redeem(&token, &BOUND, 1).is_ok());
    }

    #[test]
    fn a_full_list_lets_nothing_through_and_forgets_only_what_is_over() {
        let consents = Consents::new(&[7; 32], 2);
        let token = |n: u8, until| consents.issue(&BOUND, until, &nonce(n)).unwrap();
        let (a, b, c) = (token(1, 10), token(2, 100), token(3, 100));
        assert!(consents.redeem(&a, &BOUND, 1).is_ok());
        assert!(consents.redeem(&b, &BOUND, 1).is_ok());
        assert_eq!(consents.redeem(&c, &BOUND, 9), Err(NoConsent::Full));
        assert!(consents.redeem(&c, &BOUND, 10).is_ok());
        assert_eq!(consents.redeem(&b, &BOUND, 11), Err(NoConsent::Used));
    }

    #[test]
    fn consent_is_never_one_of_two() {
        assert!(Consent(()).is_enough(1));
        assert!(!Consent(()).is_enough(2));
    }
}
