//! A signed token in its compact form (RFC 7515, section 7.1), taken apart; and the algorithms that are taken.

use crate::oauth::{error::TokenError, json};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// Longest key id and type that are looked at.
const MAX_NAME: usize = 256;

/// How a token may be signed. SECURITY: asymmetric ones alone: with `HS256` an issuer's public key would be a secret
/// that everybody knows, and `none` is no signature (RFC 8725, sections 2.1 and 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA, PKCS #1 1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// RSA, PSS, SHA-384.
    Ps384,
    /// RSA, PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in a fixed order.
    pub const ALL: [Algorithm; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its name in a token's header (RFC 7518, RFC 8037).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name; byte for byte, as RFC 7515 compares.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// A token's parts. Nothing of them is to be believed yet.
pub(crate) struct Compact<'a> {
    /// What was signed.
    pub(crate) signed: &'a [u8],
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) payload: serde_json::Map<String, Value>,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenError> {
        let bad = || TokenError::Malformed;
        let (signed, signature) = token.rsplit_once('.').ok_or_else(bad)?;
        let (header, payload) = signed.split_once('.').ok_or_else(bad)?;
        // An encrypted token has five parts; a dot is no letter of base64url, so the payload cannot hold one.
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| bad());
        let header = json::object(&decode(header)?).ok_or_else(bad)?;
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        let name = |key: &str| match header.get(key) {
            None => Ok(None),
            Some(Value::String(s)) if s.len() <= MAX_NAME => Ok(Some(s.clone())),
            Some(_) => Err(bad()),
        };
        let algorithm = name("alg")?.ok_or_else(bad)?;
        let algorithm = Algorithm::from_name(&algorithm).ok_or(TokenError::Algorithm)?;
        Ok(Self {
            signed: signed.as_bytes(),
            algorithm,
            kid: name("kid")?,
            typ: name("typ")?,
            payload: json::object(&decode(payload)?).ok_or_else(bad)?,
            signature: decode(signature)?,
        })
    }
}
