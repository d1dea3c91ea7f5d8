//! One request for a token, and what its answer says (RFC 6749, RFC 8693, RFC 8707).
//!
//! What always holds: nothing of an answer is told to anybody but a few known words of its `error`; a caller's own token
//! that comes back is no token for a server.

use crate::{
    error::UpstreamError,
    oauth::{
        settings::{Grant, TokenSettings},
        web::{Answer, Reach, Web},
    },
};
use cordon_types::Secret;
use data_encoding::BASE64;
use form_urlencoded::{Serializer, byte_serialize};
use http::HeaderValue;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Longest token that is taken: it goes into a header.
const MAX_TOKEN: usize = 16 * 1024;
/// How long a token lasts that does not say it.
const UNSAID_SECONDS: u64 = 300;
/// However long it says.
const MOST_SECONDS: u64 = 86_400;

/// Why a token could not be had. `Display` is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// The caller came with a key, and there is nothing to exchange.
    #[error(
        "a call came with a key, and its server's tokens are exchanged for callers' own: let it come with a token"
    )]
    NoCaller,
    /// The caller's token is of an issuer whose tokens are not exchanged for this server.
    #[error("a call came with a token of an issuer that `subject_issuers` does not name")]
    OtherIssuer,
    /// No refresh token is stored.
    #[error("no refresh token is stored for `{server}`: put one in with `cordon mcp token set {server}`")]
    NotStored {
        /// The server.
        server: String,
    },
    /// The stored refresh token cannot be read or written.
    #[error("the stored refresh token of `{server}`: {reason}")]
    Store {
        /// The server.
        server: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The authorization server cannot be reached, or its metadata not be used.
    #[error("the authorization server: {0}")]
    Unreachable(#[from] UpstreamError),
    /// It said no.
    #[error("the token endpoint answered {status}, `{code}`: {hint}")]
    Refused {
        /// The status.
        status: u16,
        /// The error's code, if it is a known one.
        code: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// What it said cannot be used.
    #[error("the token endpoint's answer cannot be used: {0}")]
    Answer(&'static str),
    /// The server did not take a token that was just got.
    #[error(
        "the server does not take the token that was got for it: look at `scopes`, `resource` and `audience`"
    )]
    NotTaken,
    /// The gateway is stopping.
    #[error("the request for a token was cut off")]
    Cut,
}

impl TokenFailure {
    /// What the caller may read.
    #[must_use]
    pub const fn public(&self) -> &'static str {
        match self {
            Self::NoCaller => {
                "this tool server is called in the caller's own name; come with an access token, not a key"
            }
            Self::OtherIssuer => {
                "this tool server is not called for callers of that issuer; ask the operator"
            }
            _ => "the gateway has no credential that this tool server takes; ask its operator",
        }
    }
}

/// Error codes that are passed on to the operator, and what to do about them.
const CODES: [(&str, &str); 8] = [
    ("invalid_client", "check `client_id`, `client_secret` and `client_auth`"),
    ("invalid_grant", "the token to be used does not count any more; for a refresh token, put a new one in"),
    (
        "invalid_request",
        "it misses something; check the section, and whether it takes `resource` (`send_resource`)",
    ),
    ("invalid_scope", "check `scopes`"),
    ("invalid_target", "check `resource` and `audience`"),
    ("unauthorized_client", "let this client use the grant"),
    ("unsupported_grant_type", "it does not know the grant; choose another"),
    ("access_denied", "its rules deny this; ask who runs it"),
];

/// A token that was granted.
pub(crate) struct Granted {
    pub(crate) token: Secret,
    /// For how long, in seconds.
    pub(crate) seconds: u64,
    /// The refresh token to be used next time.
    pub(crate) refresh: Option<Secret>,
}

/// Asks for a token at `url`. `with`: the refresh token, or the caller's own.
pub(crate) async fn ask(
    web: &Web,
    settings: &TokenSettings,
    (url, reach): (&str, &Reach),
    with: Option<&Secret>,
) -> Result<Granted, TokenFailure> {
    let (form, authorization) = request(settings, with)?;
    let answer = web.post(reach, url, &form, authorization).await?;
    let granted = read(&answer, settings.grant)?;
    // SECURITY: that would be passing the caller's token through, by a detour.
    if settings.grant == Grant::TokenExchange && with.is_some_and(|w| w.expose() == granted.token.expose()) {
        return Err(TokenFailure::Answer("it is the caller's own token"));
    }
    Ok(granted)
}

fn request(
    settings: &TokenSettings,
    with: Option<&Secret>,
) -> Result<(Secret, Option<HeaderValue>), TokenFailure> {
    let mut form = Serializer::new(String::with_capacity(8 * 1024));
    let with = with.map(Secret::expose);
    match (settings.grant, with) {
        (Grant::ClientCredentials, _) => {
            form.append_pair("grant_type", "client_credentials");
        }
        (Grant::RefreshToken, Some(token)) => {
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
        }
        (Grant::TokenExchange, Some(token)) => {
            form.append_pair("grant_type", EXCHANGE)
                .append_pair("subject_token", token)
                .append_pair("subject_token_type", ACCESS_TOKEN)
                .append_pair("requested_token_type", ACCESS_TOKEN);
            if let Some(audience) = &settings.audience {
                form.append_pair("audience", audience);
            }
        }
        (_, None) => return Err(TokenFailure::Answer("there is no token to ask with")),
    }
    if !settings.scopes.is_empty() {
        form.append_pair("scope", &settings.scopes.join(" "));
    }
    if let Some(resource) = &settings.resource {
        form.append_pair("resource", resource);
    }
    let id = &settings.client_id;
    let authorization = match &settings.client_secret {
        None => {
            form.append_pair("client_id", id);
            None
        }
        Some(secret) if settings.post => {
            form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
            None
        }
        Some(secret) => Some(basic(id, secret)?),
    };
    Ok((Secret::new(form.finish()), authorization))
}

/// RFC 6749, section 2.3.1: both parts are encoded as in a form first.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, TokenFailure> {
    let id: String = byte_serialize(id.as_bytes()).collect();
    let secret = Zeroizing::new(byte_serialize(secret.expose().as_bytes()).collect::<String>());
    let pair = Zeroizing::new(format!("{id}:{}", *secret));
    let value = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
    let bad = |_| TokenFailure::Answer("the client's secret cannot be sent");
    HeaderValue::from_str(&value).map_err(bad)
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<String>,
    issued_token_type: Option<String>,
    error: Option<String>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
    }
}

fn read(answer: &Answer, grant: Grant) -> Result<Granted, TokenFailure> {
    let bad = TokenFailure::Answer;
    let body = serde_json::from_slice::<Body>(&answer.body);
    if answer.status != 200 {
        let said = body.ok().and_then(|b| b.error.clone()).unwrap_or_default();
        let known = CODES.iter().find(|(code, _)| *code == said);
        let (code, hint) = known.copied().unwrap_or(("other", "look at the authorization server's own log"));
        return Err(TokenFailure::Refused { status: answer.status, code, hint });
    }
    let mut body = body.map_err(|_| bad("it is no JSON object of a token"))?;
    if !body.token_type.as_deref().is_some_and(|t| t.eq_ignore_ascii_case("bearer")) {
        return Err(bad("its `token_type` is not `Bearer`"));
    }
    let of_exchange = |t: &str| t == ACCESS_TOKEN || t == JWT;
    if grant == Grant::TokenExchange && !body.issued_token_type.as_deref().is_some_and(of_exchange) {
        return Err(bad("its `issued_token_type` is no access token"));
    }
    let token = body.access_token.take().filter(|t| fine(t)).map(Secret::new);
    let token = token.ok_or(bad("its `access_token` is missing, or cannot stand in a header"))?;
    let seconds = match &body.expires_in {
        None => UNSAID_SECONDS,
        // Some write it as a text.
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .ok_or(bad("its `expires_in` is no number of seconds"))?,
    };
    if seconds == 0 {
        return Err(bad("its token has expired already"));
    }
    let refresh = body.refresh_token.take().filter(|t| !t.is_empty()).map(Secret::new);
    if refresh.as_ref().is_some_and(|t| t.expose().len() > MAX_TOKEN) {
        return Err(bad("its `refresh_token` is over 16 KiB"));
    }
    Ok(Granted { token, seconds: seconds.min(MOST_SECONDS), refresh })
}

/// Whether a token can stand in a header, as one.
fn fine(token: &str) -> bool {
    !token.is_empty() && token.len() <= MAX_TOKEN && token.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// A token that nobody was asked for.
pub(crate) fn brought(token: Secret) -> Result<Granted, TokenFailure> {
    if !fine(token.expose()) {
        return Err(TokenFailure::Answer("the token is empty, over 16 KiB, or no one word of ASCII"));
    }
    Ok(Granted { token, seconds: UNSAID_SECONDS, refresh: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(grant: Grant, post: bool) -> TokenSettings {
        TokenSettings {
            client_secret: Some(Secret::new("p:ä+ %".to_owned())),
            post,
            scopes: vec!["a".to_owned(), "b".to_owned()],
            resource: Some("https://bank.example/mcp".to_owned()),
            audience: Some("bank".to_owned()),
            ..TokenSettings::new(grant, "https://login.example/token", "gw 1")
        }
    }

    fn form(grant: Grant, post: bool, with: Option<&str>) -> (String, Option<String>) {
        let with = with.map(|w| Secret::new(w.to_owned()));
        let (form, authorization) = request(&settings(grant, post), with.as_ref()).unwrap();
        (form.expose().to_owned(), authorization.map(|a| a.to_str().unwrap().to_owned()))
    }

    #[test]
    fn what_is_asked() {
        let resource = "resource=https%3A%2F%2Fbank.example%2Fmcp";
        let (body, authorization) = form(Grant::ClientCredentials, false, None);
        assert_eq!(body, format!("grant_type=client_credentials&scope=a+b&{resource}"));
        let basic = BASE64.encode(b"gw+1:p%3A%C3%A4%2B+%25");
        assert_eq!(authorization.unwrap(), format!("Basic {basic}"));
        let (body, authorization) = form(Grant::RefreshToken, true, Some("r&t"));
        assert!(body.starts_with("grant_type=refresh_token&refresh_token=r%26t&"), "{body}");
        assert!(body.ends_with("&client_id=gw+1&client_secret=p%3A%C3%A4%2B+%25"), "{body}");
        assert_eq!(authorization, None);
        let (body, _) = form(Grant::TokenExchange, false, Some("a.b.c"));
        for part in ["subject_token=a.b.c", "audience=bank", "scope=a+b", resource] {
            assert!(body.split('&').any(|p| p == part), "{part} in {body}");
        }
        assert!(request(&settings(Grant::RefreshToken, false), None).is_err());
    }

    #[test]
    fn what_is_brought() {
        let brought = |t: &str| brought(Secret::new(t.to_owned())).map(|g| g.token.expose().to_owned());
        assert_eq!(brought("a.b-c").unwrap(), "a.b-c");
        for bad in ["", "a b", "a\r\nx: y", "a,b", "\u{e4}", &"a".repeat(MAX_TOKEN + 1)] {
            let failed = brought(bad).unwrap_err().to_string();
            assert!(bad.len() < 3 || !failed.contains(bad), "{failed}");
        }
    }

    #[test]
    fn what_is_answered() {
        let ask = |status, body: &str, grant| {
            read(&Answer { status, body: Zeroizing::new(body.as_bytes().to_vec()) }, grant)
                .map(|g| (g.token.expose().to_owned(), g.seconds, g.refresh.map(|r| r.expose().to_owned())))
        };
        let own = |body: &str| ask(200, body, Grant::ClientCredentials);
        let good = |seconds| Ok(("t".to_owned(), seconds, None));
        assert_eq!(own(r#"{"access_token":"t","token_type":"bearer","expires_in":60,"x":1}"#), good(60));
        assert_eq!(own(r#"{"access_token":"t","token_type":"Bearer"}"#), good(300));
        assert_eq!(own(r#"{"access_token":"t","token_type":"Bearer","expires_in":"60"}"#), good(60));
        assert_eq!(own(r#"{"access_token":"t","token_type":"Bearer","expires_in":999999999}"#), good(86_400));
        let refreshed = own(r#"{"access_token":"t","token_type":"Bearer","refresh_token":"r"}"#);
        assert_eq!(refreshed.unwrap().2.as_deref(), Some("r"));
        for bad in [
            "",
            "[]",
            r#"{"access_token":"t"}"#,
            r#"{"access_token":"t","token_type":"DPoP"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":"a b","token_type":"Bearer"}"#,
            r#"{"access_token":"a\r\nx: y","token_type":"Bearer"}"#,
            r#"{"access_token":1,"token_type":"Bearer"}"#,
            r#"{"access_token":"t","token_type":"Bearer","expires_in":0}"#,
            r#"{"access_token":"t","token_type":"Bearer","expires_in":-1}"#,
            r#"{"access_token":"t","access_token":"u","token_type":"Bearer"}"#,
        ] {
            assert!(own(bad).is_err(), "{bad}");
        }
        let exchanged = |kind: &str| {
            let body =
                format!(r#"{{"access_token":"t","token_type":"Bearer","issued_token_type":"{kind}"}}"#);
            ask(200, &body, Grant::TokenExchange)
        };
        assert!(exchanged(ACCESS_TOKEN).is_ok());
        assert!(exchanged("urn:ietf:params:oauth:token-type:id_token").is_err());
        assert!(ask(200, r#"{"access_token":"t","token_type":"Bearer"}"#, Grant::TokenExchange).is_err());
        let refused =
            ask(400, r#"{"error":"invalid_grant","error_description":"CANARY"}"#, Grant::RefreshToken);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, TokenFailure::Refused { code: "invalid_grant", .. }));
        let other = ask(500, "CANARY", Grant::RefreshToken).unwrap_err();
        for e in [refused, other] {
            assert!(!e.to_string().contains("CANARY") && !e.public().contains("CANARY"));
        }
    }
}
