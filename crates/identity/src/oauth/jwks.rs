//! An issuer's public keys (RFC 7517), and whether one of them made a signature.
//!
//! What always holds: a key is used with the algorithms of its own kind, and with the one that it names, if it names
//! one; what cannot be used is passed over, and a set of which nothing can be used is none.

use crate::oauth::{
    json,
    jws::{Algorithm, Compact},
};
use data_encoding::BASE64URL_NOPAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// Most keys of one issuer: the largest publish about ten.
const MAX_KEYS: usize = 64;
/// Bytes of an RSA modulus: 2048 to 8192 bits, what `ring` takes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Longest key id.
const MAX_KID: usize = 256;

/// An issuer's keys.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

/// Why a document is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no JSON with a list `keys`.
    #[error("it is no set of keys (RFC 7517)")]
    Malformed,
    /// It has more keys than any issuer has.
    #[error("it has more than 64 keys")]
    TooMany,
    /// None of its keys can be used.
    #[error("it has no key for signatures that this gateway can check")]
    Unusable,
}

#[derive(Clone, Debug)]
struct Key {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Keys {
    /// Reads a set. Keys of other kinds and uses are passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, KeysError> {
        let set = json::object(bytes).ok_or(KeysError::Malformed)?;
        let Some(Value::Array(list)) = set.get("keys") else { return Err(KeysError::Malformed) };
        if list.len() > MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        let keys: Vec<Key> = list.iter().filter_map(|k| Key::read(k.as_object()?)).collect();
        if keys.is_empty() { Err(KeysError::Unusable) } else { Ok(Self(keys)) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none; never, as they are read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of these keys signed the token; `None` when none of them is the one that it names.
    pub(crate) fn signed(&self, token: &Compact<'_>) -> Option<bool> {
        let mut fitting = self.0.iter().filter(|k| k.fits(token.algorithm)).peekable();
        fitting.peek()?;
        match &token.kid {
            Some(kid) => {
                let mut named = fitting.filter(|k| k.kid.as_ref() == Some(kid)).peekable();
                named.peek()?;
                Some(named.any(|k| k.signed(token)))
            }
            // A token that names no key is for issuers that have one.
            None => {
                let only = fitting.next()?;
                Some(fitting.next().is_none() && only.signed(token))
            }
        }
    }
}

impl Key {
    fn read(key: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        // One that is published with its private half is everybody's.
        if key.contains_key("d") || key.contains_key("k") || text("use").is_some_and(|u| u != "sig") {
            return None;
        }
        if let Some(ops) = key.get("key_ops") {
            ops.as_array()?.iter().find(|o| o.as_str() == Some("verify"))?;
        }
        let algorithm = match key.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::from_name(name.as_str()?)?),
        };
        let kid = match key.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|k| k.len() <= MAX_KID)?.to_owned()),
        };
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        let sized = |name: &str, size: usize| bytes(name).filter(|b| b.len() == size);
        let point = |size: usize| {
            let (x, y) = (sized("x", size)?, sized("y", size)?);
            // Uncompressed (SEC 1, section 2.3.3).
            Some([&[4_u8][..], &x, &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let n: Vec<u8> = bytes("n")?.into_iter().skip_while(|b| *b == 0).collect();
                let e: Vec<u8> = bytes("e")?.into_iter().skip_while(|b| *b == 0).collect();
                if !RSA_BYTES.contains(&n.len()) || e.is_empty() || e.len() > 8 {
                    return None;
                }
                Material::Rsa { n, e }
            }
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(sized("x", 32)?),
            _ => return None,
        };
        Some(Self { kid, algorithm, material })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let kind = match self.material {
            Material::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Material::P256(_) => algorithm == Es256,
            Material::P384(_) => algorithm == Es384,
            Material::Ed25519(_) => algorithm == EdDsa,
        };
        kind && self.algorithm.is_none_or(|named| named == algorithm)
    }

    fn signed(&self, token: &Compact<'_>) -> bool {
        let (message, sig) = (token.signed, token.signature.as_slice());
        let held = match &self.material {
            Material::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                let parameters = match token.algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                key.verify(parameters, message, sig)
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, sig)
            }
            Material::P384(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, sig)
            }
            Material::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, sig),
        };
        held.is_ok()
    }
}
