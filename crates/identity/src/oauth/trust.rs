//! Whom the operator trusts to say who calls, and for which agents.

use crate::{
    key::KeyKind,
    keyring::Principal,
    oauth::{
        cache::KeyCache,
        claims::Claims,
        error::TokenError,
        jws::{Algorithm, Compact},
    },
};
use cordon_types::{AgentId, Digest, KeyId, Millis, Secret};
use data_encoding::BASE32_DNSSEC as BASE32;
use std::{collections::HashMap, sync::Arc};

/// Longest token: the largest that are seen, with hundreds of groups, are half of it.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the clocks of an issuer and this machine may be apart.
pub const LEEWAY_SECONDS: u64 = 30;
/// What every id of a caller with a token begins with, and its length: no id of a virtual key is so long.
const ID_PREFIX: &str = "oauth";
const ID_LEN: usize = 31;

/// What the operator says of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its identifier: `iss` says exactly this.
    pub url: String,
    /// Audiences beside this gateway's own resource identifiers.
    pub audiences: Vec<String>,
    /// The claim that says which agent calls.
    pub claim: String,
    /// Its values, and their agents.
    pub agents: HashMap<String, AgentId>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Tokens whose `typ` is `JWT`, or that have none, are taken too.
    pub plain_type: bool,
}

/// All issuers that are trusted.
#[derive(Debug, Default)]
pub struct Trust {
    issuers: Vec<(IssuerSettings, Arc<KeyCache>)>,
}

/// Who calls, by a token that holds.
pub struct Verified {
    /// The caller, as a virtual key would name it.
    pub principal: Principal,
    /// Who says so: the issuer's identifier.
    pub issuer: String,
    /// What the token may be used for.
    pub scopes: Vec<String>,
    /// From when on it does not count.
    pub expires: Millis,
    /// The token. SECURITY: it goes to a token endpoint that exchanges it, and nowhere else.
    pub token: Secret,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl Trust {
    /// These issuers, each with its keys.
    #[must_use]
    pub fn new(issuers: Vec<(IssuerSettings, Arc<KeyCache>)>) -> Self {
        Self { issuers }
    }

    /// The keys of an issuer, by its number.
    #[must_use]
    pub fn keys(&self, issuer: usize) -> Option<&Arc<KeyCache>> {
        self.issuers.get(issuer).map(|(_, keys)| keys)
    }

    /// The issuers' identifiers.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|(settings, _)| settings.url.as_str())
    }

    /// Who calls, if the token holds at `now` for one of `audiences`. `pseudonym` is a keyed digest: what it makes of
    /// issuer, subject, client and agent names the caller in records.
    pub fn verify(
        &self,
        token: &str,
        audiences: &[&str],
        now: Millis,
        pseudonym: &dyn Fn(&str) -> Digest,
    ) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let compact = Compact::read(token)?;
        let claims = Claims(&compact.payload);
        // SECURITY: not believed, only looked up: whoever it names, that one's keys alone must have signed it.
        let named = claims.name("iss").ok_or(TokenError::Issuer)?;
        let found = self.issuers.iter().enumerate().find(|(_, (s, _))| s.url == named);
        let (number, (settings, cache)) = found.ok_or(TokenError::Issuer)?;
        if !settings.algorithms.contains(&compact.algorithm) {
            return Err(TokenError::Algorithm);
        }
        let held = cache.at(now).ok_or(TokenError::NoKeys(number))?;
        match held.0.signed(&compact) {
            None => return Err(TokenError::UnknownKey(number)),
            Some(false) => return Err(TokenError::Signature),
            Some(true) => {}
        }
        if !is_access_token(compact.typ.as_deref(), settings.plain_type) {
            return Err(TokenError::Type);
        }
        let own = settings.audiences.iter().map(String::as_str);
        let audiences: Vec<&str> = audiences.iter().copied().chain(own).collect();
        if !claims.is_for(&audiences)? {
            return Err(TokenError::Audience);
        }
        let expires = claims.valid(now / 1_000, LEEWAY_SECONDS)?;
        // RFC 7800: whoever cannot check the proof must not take the token for one without.
        if claims.0.contains_key("cnf") {
            return Err(TokenError::Bound);
        }
        let (subject, scopes) = (claims.subject()?, claims.scopes()?);
        let value = claims.name(&settings.claim).ok_or(TokenError::Unmapped)?;
        let agent = settings.agents.get(value).ok_or(TokenError::Unmapped)?.clone();
        // INVARIANT: two that differ in any part never share an id: a session, a held call, a connection.
        let parts = [named, subject, claims.client(), agent.as_str()];
        let who: Vec<String> = parts.iter().map(|p| format!("{}:{p}", p.len())).collect();
        let key = id_of(&pseudonym(&format!("oauth\0{}", who.join("\0")))).ok_or(TokenError::Claims)?;
        Ok(Verified {
            principal: Principal { key, kind: KeyKind::Agent, agent: Some(agent) },
            issuer: settings.url.clone(),
            scopes,
            expires: expires.saturating_mul(1_000),
            token: Secret::new(token.to_owned()),
        })
    }
}

/// RFC 9068, section 4: `at+jwt`, so that no ID token or other signed text passes for an access token.
fn is_access_token(typ: Option<&str>, plain: bool) -> bool {
    let Some(typ) = typ else { return plain };
    let lower = typ.to_ascii_lowercase();
    match lower.strip_prefix("application/").unwrap_or(&lower) {
        "at+jwt" => true,
        "jwt" => plain,
        _ => false,
    }
}

/// 130 bits of the digest: more than anyone can look for, and short enough for an id.
fn id_of(digest: &Digest) -> Option<KeyId> {
    let mut text = format!("{ID_PREFIX}{}", BASE32.encode(&digest.0));
    text.truncate(ID_LEN);
    KeyId::new(&text).ok()
}

/// Whether an id names a caller with a token, not a virtual key.
#[must_use]
pub fn is_federated(key: &KeyId) -> bool {
    key.as_str().len() == ID_LEN && key.as_str().starts_with(ID_PREFIX)
}

/// Whether a credential is to be read as an access token: it is no key of Cordon's, and has a token's three parts.
#[must_use]
pub fn looks_like_token(credential: &str) -> bool {
    !credential.starts_with(crate::text::PREFIX) && credential.bytes().filter(|b| *b == b'.').count() == 2
}
