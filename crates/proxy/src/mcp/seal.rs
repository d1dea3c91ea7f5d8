//! A server's `requestState` on its way through a client and back (2026-07-28): sealed, so that nothing else comes back.
//!
//! What always holds: a server is given what it said itself, to the same key and about the same tool. Without that, the
//! member would be a way to a server that nobody looks into. Seals last as long as the process.

use crate::mcp::calls::Call;
use cordon_types::{Entropy, KeyId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Hexadecimal digits of a seal.
const DIGITS: usize = 64;

/// See the module.
pub(crate) struct Seal([u8; 32]);

/// Whose state it is, and about what.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    key: &'a str,
    server: &'a str,
    method: &'a str,
    tool: &'a str,
}

impl<'a> Of<'a> {
    pub(crate) fn call(key: &'a KeyId, call: &'a Call) -> Self {
        Self {
            key: key.as_str(),
            server: call.server.id().as_str(),
            method: call.method.name(),
            tool: &call.tool,
        }
    }
}

impl Seal {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut secret = [0; 32];
        entropy.fill(&mut secret);
        Self(secret)
    }

    /// The state with its seal before it.
    pub(crate) fn close(&self, of: &Of<'_>, state: &str) -> String {
        let mac = self.mac(of, state).finalize().into_bytes();
        let hex: String = mac.iter().map(|b| format!("{b:02x}")).collect();
        format!("{hex}{state}")
    }

    /// The state that was sealed; `None` when it was not.
    pub(crate) fn open<'s>(&self, of: &Of<'_>, sealed: &'s str) -> Option<&'s str> {
        let (hex, state) = sealed.split_at_checked(DIGITS)?;
        let pairs = hex.as_bytes().chunks(2);
        let tag: Option<Vec<u8>> =
            pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok()).collect();
        self.mac(of, state).verify_slice(&tag?).ok()?;
        Some(state)
    }

    fn mac(&self, of: &Of<'_>, state: &str) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block.iter_mut().zip(&self.0).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [of.key, of.server, of.method, of.tool, state] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_the_same_call_opens() {
        let seal = Seal([7; 32]);
        let of = Of { key: "k1", server: "files", method: "tools/call", tool: "ask" };
        let closed = seal.close(&of, "round 2, \u{e9}");
        assert_eq!(seal.open(&of, &closed), Some("round 2, \u{e9}"));
        assert_eq!(seal.open(&Of { key: "k2", ..of }, &closed), None);
        assert_eq!(seal.open(&Of { server: "mail", ..of }, &closed), None);
        assert_eq!(seal.open(&Of { method: "prompts/get", ..of }, &closed), None);
        assert_eq!(seal.open(&Of { tool: "tell", ..of }, &closed), None);
        assert_eq!(Seal([8; 32]).open(&of, &closed), None);
        let more = format!("{closed}!");
        for forged in [
            "",
            "round 2",
            closed.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
            &more,
            &"\u{e9}".repeat(40),
        ] {
            assert_eq!(seal.open(&of, forged), None, "{forged}");
        }
    }
}
