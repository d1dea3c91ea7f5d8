//! `[oauth]` and `[servers.oauth]` as values.

use crate::{base_url::BaseUrl, model::Credential};
use cordon_types::AgentId;
use ipnet::IpNet;

/// `[oauth]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth {
    /// How clients reach this gateway, without a path: its resource identifiers begin so.
    pub resource: BaseUrl,
    /// Scopes that clients are told to ask for first; empty: those that servers need for everything.
    pub scopes: Vec<String>,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
}

/// One `[[oauth.issuers]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its identifier, exactly as tokens say it.
    pub url: String,
    /// Where its keys are, as written; else its metadata says it.
    pub keys_url: Option<String>,
    /// Audiences that are taken beside this gateway's own resource identifiers.
    pub audiences: Vec<String>,
    /// The claim that says which agent calls.
    pub claim: String,
    /// Its values, and their agents.
    pub agents: Vec<(String, AgentId)>,
    /// How its tokens may be signed.
    pub algorithms: Vec<String>,
    /// Tokens whose `typ` is `JWT`, or that have none, are taken too.
    pub plain_type: bool,
    /// Where it may be.
    pub reach: Reach,
}

/// Where an authorization server may be, and whom it is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether its name may resolve to a private address.
    pub allow_private: bool,
    /// Ranges that its name may resolve to besides.
    pub allow: Vec<IpNet>,
    /// PEM file of authorities trusted for it beside the system's.
    pub ca_file: Option<String>,
}

/// How a token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// For the gateway itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// By a token that a person once granted, and that is stored (RFC 6749, section 6).
    RefreshToken,
    /// For the caller's token (RFC 8693).
    TokenExchange,
}

impl Grant {
    /// Every grant, in a fixed order.
    pub const ALL: [Grant; 3] = [Grant::ClientCredentials, Grant::RefreshToken, Grant::TokenExchange];

    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Grant::ClientCredentials => "client_credentials",
            Grant::RefreshToken => "refresh_token",
            Grant::TokenExchange => "token_exchange",
        }
    }
}

/// Where tokens are got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// At this endpoint, as written.
    Url(String),
    /// At the endpoint that this issuer's metadata names.
    Issuer(String),
}

/// `[servers.oauth]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOAuth {
    /// How.
    pub grant: Grant,
    /// Where.
    pub source: TokenSource,
    /// As whom.
    pub client_id: String,
    /// Where the client's secret stands.
    pub client_secret: Credential,
    /// The secret goes into the body, not into `Authorization`.
    pub post: bool,
    /// Which scopes are asked for.
    pub scopes: Vec<String>,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// For which audience (RFC 8693).
    pub audience: Option<String>,
    /// Whose tokens are exchanged.
    pub subject_issuers: Vec<String>,
    /// Where the authorization server may be.
    pub reach: Reach,
}
