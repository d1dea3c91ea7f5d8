//! What a token says, once its signature holds (RFC 7519, section 4.1; RFC 9068, section 2.2).

use crate::oauth::error::TokenError;
use serde_json::{Map, Value};

/// Longest name of a subject or client.
const MAX_NAME: usize = 512;
/// Most audiences, and most scopes, of one token.
const MAX_LIST: usize = 256;

/// The claims that count.
pub(crate) struct Claims<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    /// A name that must be there, of a length that names have.
    pub(crate) fn name(&self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str().filter(|v| !v.is_empty() && v.len() <= MAX_NAME)
    }

    /// Who the token is about.
    pub(crate) fn subject(&self) -> Result<&'a str, TokenError> {
        self.name("sub").ok_or(TokenError::Claims)
    }

    /// The client that it was issued to; `azp` is how OpenID Connect calls it.
    pub(crate) fn client(&self) -> &'a str {
        self.name("client_id").or_else(|| self.name("azp")).unwrap_or_default()
    }

    /// Whether it was issued for one of these, byte for byte.
    pub(crate) fn is_for(&self, audiences: &[&str]) -> Result<bool, TokenError> {
        let fits = |v: &Value| v.as_str().is_some_and(|a| audiences.contains(&a));
        match self.0.get("aud") {
            Some(Value::String(one)) => Ok(audiences.contains(&one.as_str())),
            Some(Value::Array(list)) if list.len() <= MAX_LIST && list.iter().all(Value::is_string) => {
                Ok(list.iter().any(fits))
            }
            _ => Err(TokenError::Claims),
        }
    }

    /// A time in whole seconds since the epoch; fractions are cut off (RFC 7519, section 2, "NumericDate").
    fn seconds(&self, key: &str) -> Result<Option<u64>, TokenError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        if let Some(whole) = value.as_u64() {
            return Ok(Some(whole));
        }
        let fraction = value.as_f64().filter(|f| (0.0..1e12).contains(f)).ok_or(TokenError::Claims)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range was looked at")]
        Ok(Some(fraction as u64))
    }

    /// When it expires, if it is valid at `now` (seconds), within `leeway`.
    pub(crate) fn valid(&self, now: u64, leeway: u64) -> Result<u64, TokenError> {
        let expires = self.seconds("exp")?.ok_or(TokenError::Claims)?;
        if now >= expires.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        for begins in ["nbf", "iat"] {
            if self.seconds(begins)?.is_some_and(|b| b > now.saturating_add(leeway)) {
                return Err(TokenError::NotYet);
            }
        }
        Ok(expires)
    }

    /// What it may be used for: `scope`, a text (RFC 9068), or else `scp`, as some issuers write it.
    pub(crate) fn scopes(&self) -> Result<Vec<String>, TokenError> {
        let split = |s: &str| s.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let scopes = match self.0.get("scope").or_else(|| self.0.get("scp")) {
            None => Vec::new(),
            Some(Value::String(text)) => split(text),
            Some(Value::Array(list)) => list
                .iter()
                .map(|v| v.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or(TokenError::Claims)?,
            Some(_) => return Err(TokenError::Claims),
        };
        if scopes.len() > MAX_LIST { Err(TokenError::Claims) } else { Ok(scopes) }
    }
}
