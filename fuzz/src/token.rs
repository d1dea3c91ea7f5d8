//! Access tokens: a stranger's bytes never pass for one; what an issuer signed is taken or refused, never a panic, and
//! what is taken ends.

use crate::led;
use cordon_identity::oauth::{Algorithm, IssuerSettings, KeyCache, Keys, LEEWAY_SECONDS, Trust};
use cordon_types::{AgentId, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

const ISSUER: &str = "https://login.example";
const HERE: &str = "https://gw.example/mcp";
const NOW: u64 = 1_800_000_000_000;

static WORLD: LazyLock<(Ed25519KeyPair, Trust)> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
    let x = base64url(pair.public_key().as_ref());
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}]}}"#);
    let keys = KeyCache::default();
    keys.begin(NOW);
    keys.end(Keys::read(set.as_bytes()).ok(), NOW);
    let agents =
        AgentId::new("bot").ok().into_iter().map(|a| ("app".to_owned(), a)).collect::<HashMap<_, _>>();
    let settings = IssuerSettings {
        url: ISSUER.to_owned(),
        audiences: Vec::new(),
        claim: "client_id".to_owned(),
        agents,
        algorithms: Algorithm::ALL.to_vec(),
        plain_type: false,
    };
    (pair, Trust::new(vec![(settings, Arc::new(keys))]))
});

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(char::from(LETTERS[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

/// Tokens (0: as they come; 1: header and claims, a line each, signed by the issuer) and sets of keys (2).
pub fn token(data: &[u8]) {
    let (lead, rest) = led(data);
    let (pair, trust) = &*WORLD;
    let ask = |token: &str, now| trust.verify(token, &[HERE], now, &|_| Digest([1; 32]));
    match lead % 3 {
        0 => assert!(ask(&String::from_utf8_lossy(rest), NOW).is_err(), "nobody signed this"),
        1 => {
            let mut lines = rest.splitn(2, |b| *b == b'\n');
            let part = |l: Option<&[u8]>| base64url(l.unwrap_or_default());
            let message = format!("{}.{}", part(lines.next()), part(lines.next()));
            let token = format!("{message}.{}", base64url(pair.sign(message.as_bytes()).as_ref()));
            if let Ok(held) = ask(&token, NOW) {
                assert_eq!(held.principal.agent.as_ref().map(AgentId::as_str), Some("bot"));
                assert!(ask(&token, held.expires + LEEWAY_SECONDS * 1_000).is_err(), "it does not end");
                assert!(trust.verify(&token, &["https://gw.example"], NOW, &|_| Digest([1; 32])).is_err());
            }
        }
        _ => {
            if let Ok(keys) = Keys::read(rest) {
                assert!((1..=64).contains(&keys.len()));
            }
        }
    }
}

/// One of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#;
    let claims = r#"{"iss":"https://login.example","aud":["https://gw.example/mcp"],"sub":"s","client_id":"app","exp":1800000300,"nbf":1.8e9,"scope":"a b"}"#;
    let with = |lead: u8, text: String| [&[lead][..], text.as_bytes()].concat();
    let unsigned =
        format!("{}.{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()), "A".repeat(86));
    let set = r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":"sig","key_ops":["verify"]}]}"#;
    vec![with(0, unsigned), with(1, format!("{header}\n{claims}")), with(2, set.to_owned())]
}
