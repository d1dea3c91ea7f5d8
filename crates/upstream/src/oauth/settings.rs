//! What the operator says of the tokens that a tool server takes, parsed.

use crate::oauth::web::Reach;
use cordon_types::Secret;

/// How a token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// For the gateway itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// By a stored refresh token (RFC 6749, section 6).
    RefreshToken,
    /// For the caller's token (RFC 8693).
    TokenExchange,
}

/// Where tokens are got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// At this endpoint.
    Url(String),
    /// At the endpoint that this issuer's metadata names. SECURITY: the operator names the issuer; a tool server that
    /// could name its own would be sent the gateway's secret.
    Issuer(String),
}

/// One server's tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// How.
    pub grant: Grant,
    /// Where.
    pub place: TokenPlace,
    /// As whom.
    pub client_id: String,
    /// The client's secret; none for a public client.
    pub client_secret: Option<Secret>,
    /// The secret goes into the body (`client_secret_post`), not into `Authorization` (`client_secret_basic`).
    pub post: bool,
    /// Which scopes are asked for.
    pub scopes: Vec<String>,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// For which audience (RFC 8693).
    pub audience: Option<String>,
    /// Whose tokens are exchanged: the issuers' identifiers.
    pub subject_issuers: Vec<String>,
    /// Where the authorization server may be.
    pub reach: Reach,
}

impl TokenSettings {
    /// Tokens by that grant, from that endpoint, for that client; nothing else said.
    #[must_use]
    pub fn new(grant: Grant, url: &str, client_id: &str) -> Self {
        Self {
            grant,
            place: TokenPlace::Url(url.to_owned()),
            client_id: client_id.to_owned(),
            client_secret: None,
            post: false,
            scopes: Vec::new(),
            resource: None,
            audience: None,
            subject_issuers: Vec::new(),
            reach: Reach::default(),
        }
    }

    /// Whether a token that was got by the other settings is what these would get.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let secret = |s: &Self| s.client_secret.as_ref().map(|s| s.expose().to_owned());
        self.grant == other.grant
            && self.place == other.place
            && self.client_id == other.client_id
            && secret(self) == secret(other)
            && self.post == other.post
            && self.scopes == other.scopes
            && self.resource == other.resource
            && self.audience == other.audience
            && self.subject_issuers == other.subject_issuers
            && self.reach == other.reach
    }
}
