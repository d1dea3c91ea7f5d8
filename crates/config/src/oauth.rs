//! `[oauth]`: whose access tokens are taken, and for which agents; `[servers.oauth]`: how the gateway gets tokens of its
//! own for a tool server.

use crate::{
    base_url::BaseUrl,
    model::{Credential, Grant, Issuer, OAuth, Reach, ServerOAuth, TokenSource},
    read::{Section, shown},
    upstreams::{allow, credential_at},
};
use cordon_types::AgentId;
use ipnet::IpNet;
use std::{collections::HashSet, net::IpAddr};

/// Algorithms that an issuer's tokens may be signed with: asymmetric ones alone. The first five are taken unless the
/// operator says otherwise; the rest are for issuers that use nothing else.
pub const ALGORITHMS: [&str; 9] =
    ["RS256", "PS256", "ES256", "ES384", "EdDSA", "RS384", "RS512", "PS384", "PS512"];
/// How many of them are taken by default.
const USUAL: usize = 5;
/// Most issuers, and most values that one maps to agents.
const MAX_ISSUERS: usize = 32;
const MAX_AGENTS: usize = 1_000;
/// Longest text that goes into a request for a token.
const MAX_TEXT: usize = 512;

/// The section, where it is written.
pub(crate) fn read(root: &Section<'_>) -> Option<OAuth> {
    if !root.has("oauth") {
        return None;
    }
    let s = root.child("oauth");
    let hint =
        "write how clients reach this gateway, such as https://tools.example.com; `/mcp` is added to it";
    s.need("resource", hint);
    let resource = s.parsed("resource", hint, BaseUrl::parse);
    if let Some(url) = &resource {
        if !url.path().is_empty() {
            s.problem("resource", "has a path", "write scheme, host and port alone; `/mcp` is added");
        }
        // SECURITY: tokens are issued for this name; in the clear anybody on the way could answer under it.
        if !url.https() && !url.is_loopback() {
            s.problem("resource", "is plain HTTP beyond this machine", "use https://");
        }
    }
    let scopes = scopes(&s, "scopes");
    let sections = s.children("issuers");
    if sections.is_empty() {
        s.problem("issuers", "is missing", "write at least one [[oauth.issuers]]: whose tokens are taken");
    }
    if sections.len() > MAX_ISSUERS {
        s.problem("issuers", format!("has more than {MAX_ISSUERS} entries"), "trust fewer");
    }
    let mut seen = HashSet::new();
    let mut issuers = Vec::new();
    for i in &sections {
        let Some(issuer) = issuer(i) else { continue };
        if !seen.insert(issuer.url.clone()) {
            i.problem("url", format!("`{}` is there twice", shown(&issuer.url)), "write each issuer once");
        }
        issuers.push(issuer);
    }
    Some(OAuth { resource: resource?, scopes, issuers })
}

fn issuer(s: &Section<'_>) -> Option<Issuer> {
    let hint = "write the issuer's identifier, exactly as it stands in `iss`, such as https://login.example.com/tenant";
    let url = s.required("url", hint).map(str::to_owned);
    let base = s.parsed("url", hint, BaseUrl::parse);
    let hint = "write the URL of its keys, such as https://login.example.com/keys";
    let keys_url = s.parsed("keys_url", hint, BaseUrl::parse);
    let reach = reach(s, &[("url", base.as_ref()), ("keys_url", keys_url.as_ref())]);
    let audiences: Vec<String> = s.strings("audiences").into_iter().map(|(_, a)| a.to_owned()).collect();
    if audiences.iter().any(|a| a.is_empty() || a.len() > MAX_TEXT) {
        s.problem("audiences", "has an entry that is empty or over 512 bytes", "write whole audiences");
    }
    let claim = s.string("claim").unwrap_or("client_id").to_owned();
    let agents = agents(s);
    let mut algorithms: Vec<String> = Vec::new();
    for (path, name) in s.strings("algorithms") {
        if ALGORITHMS.contains(&name) {
            algorithms.push(name.to_owned());
        } else {
            let message = format!("`{}` is not taken", shown(name));
            s.problem_at(path, message, format!("write some of {}", ALGORITHMS.join(", ")));
        }
    }
    if algorithms.is_empty() {
        algorithms = ALGORITHMS.iter().take(USUAL).map(|a| (*a).to_owned()).collect();
    }
    let types = [("at+jwt", false), ("jwt", true)];
    let plain_type = s.choice("token_type", &types).unwrap_or(false);
    base?;
    // As written: a slash at the end of a path belongs to it.
    let keys_url = s.string("keys_url").map(str::to_owned);
    Some(Issuer { url: url?, keys_url, audiences, claim, agents, algorithms, plain_type, reach })
}

fn agents(s: &Section<'_>) -> Vec<(String, AgentId)> {
    let hint = "write which agent each client is, such as agents = { \"client-id\" = \"support-bot\" }";
    s.need("agents", hint);
    let mut out = Vec::new();
    for (value, agent) in s.pairs("agents") {
        match AgentId::new(agent) {
            Ok(agent) if !value.is_empty() && value.len() <= MAX_TEXT => {
                out.push((value.to_owned(), agent));
            }
            Ok(_) => s.problem("agents", "has a value that is empty or over 512 bytes", hint),
            Err(e) => {
                s.problem_at(format!("{}.{}", s.at("agents"), shown(value)), e.to_string(), hint);
            }
        }
    }
    if out.len() > MAX_AGENTS {
        s.problem("agents", format!("has more than {MAX_AGENTS} entries"), "map fewer, or another claim");
    }
    out
}

/// A list of scopes (RFC 6749, section 3.3).
fn scopes(s: &Section<'_>, key: &'static str) -> Vec<String> {
    let mut out = Vec::new();
    for (path, scope) in s.strings(key) {
        if is_scope(scope) {
            out.push(scope.to_owned());
        } else {
            s.problem_at(path, "is no scope", "write printable ASCII without spaces, quotes and backslashes");
        }
    }
    out
}

fn is_scope(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    !text.is_empty() && text.len() <= 128 && text.bytes().all(fine)
}

/// Which scopes a server's tools need: a tool's name, or the beginning of names and `*`, and scopes with spaces between.
pub(crate) fn tool_scopes(s: &Section<'_>) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    for (tool, text) in s.pairs("scopes") {
        let path = format!("{}.{}", s.at("scopes"), shown(tool));
        let scopes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let name = tool.strip_suffix('*').unwrap_or(tool);
        if name.contains('*') || (tool.is_empty() || tool.len() > 128) {
            s.problem_at(path, "is no tool", "write a tool's own name, or its beginning and `*` at the end");
        } else if scopes.is_empty() || !scopes.iter().all(|x| is_scope(x)) {
            s.problem_at(path, "has no scopes", "write scopes with spaces between, such as \"bank:read\"");
        } else {
            out.push((tool.to_owned(), scopes));
        }
    }
    out
}

/// `[servers.oauth]`.
pub(crate) fn server(s: &Section<'_>, server: Option<&BaseUrl>, sse: bool) -> Option<ServerOAuth> {
    if !s.has("oauth") {
        return None;
    }
    if s.has("credential") {
        s.problem(
            "oauth",
            "stands beside `credential`",
            "a server has one kind of credential; leave one out",
        );
    }
    let o = s.child("oauth");
    let grant = grant(&o);
    if sse && grant == Some(Grant::TokenExchange) {
        let hint = "use `transport = \"http\"`: on the older transport all calls share one connection";
        o.problem("grant", "cannot be had over `transport = \"sse\"`", hint);
    }
    let hint = "write the token endpoint, such as https://login.example.com/token, or else `issuer`";
    let token_url = o.parsed("token_url", hint, BaseUrl::parse);
    let issuer_base = o.parsed("issuer", "write the issuer's identifier", BaseUrl::parse);
    let source = match (o.has("token_url"), o.has("issuer")) {
        (true, false) => o.string("token_url").map(|u| TokenSource::Url(u.to_owned())),
        (false, true) => o.string("issuer").map(|i| TokenSource::Issuer(i.to_owned())),
        _ => {
            o.problem("token_url", "or `issuer` must be there, one of them", hint);
            None
        }
    };
    let reach = reach(&o, &[("token_url", token_url.as_ref()), ("issuer", issuer_base.as_ref())]);
    let text = |key: &'static str| {
        let value = o.string(key)?;
        if value.len() > MAX_TEXT || !value.bytes().all(|b| matches!(b, b' '..=b'~')) {
            o.problem(
                key,
                "is too long, or has characters beyond printable ASCII",
                "write it as it was given",
            );
        }
        Some(value.to_owned())
    };
    o.need("client_id", "write the client that the authorization server knows this gateway by");
    let client_id = text("client_id");
    let client_secret = credential_at(&o, "client_secret");
    if client_secret == Credential::None && grant.is_some_and(|g| g != Grant::RefreshToken) {
        let hint = "write where the secret stands: { file = \"/path\" }, { env = \"NAME\" } or { systemd = \"name\" }";
        o.problem("client_secret", "is missing", hint);
    }
    let post = o.choice("client_auth", &[("basic", false), ("post", true)]).unwrap_or(false);
    let send = o.bool("send_resource").unwrap_or(true);
    let resource = text("resource").or_else(|| server.map(ToString::to_string)).filter(|_| send);
    let audience = text("audience");
    if audience.is_some() && grant.is_some_and(|g| g != Grant::TokenExchange) {
        o.problem("audience", "is for `token_exchange` alone", "leave it out, or write `resource`");
    }
    let scopes = scopes(&o, "scopes");
    let subject_issuers = subject_issuers(&o, grant, source.as_ref());
    Some(ServerOAuth {
        grant: grant?,
        source: source?,
        client_id: client_id?,
        client_secret,
        post,
        scopes,
        resource,
        audience,
        subject_issuers,
        reach,
    })
}

fn grant(o: &Section<'_>) -> Option<Grant> {
    o.need("grant", "write `client_credentials`, `refresh_token` or `token_exchange`");
    o.choice("grant", &Grant::ALL.map(|g| (g.name(), g)))
}

/// Whose tokens are exchanged.
fn subject_issuers(o: &Section<'_>, grant: Option<Grant>, source: Option<&TokenSource>) -> Vec<String> {
    let mut subject_issuers: Vec<String> =
        o.strings("subject_issuers").into_iter().map(|(_, i)| i.to_owned()).collect();
    if grant == Some(Grant::TokenExchange) && subject_issuers.is_empty() {
        match source {
            Some(TokenSource::Issuer(issuer)) => subject_issuers.push(issuer.clone()),
            _ => o.problem(
                "subject_issuers",
                "is missing",
                "write whose tokens may be sent to `token_url`, as in [[oauth.issuers]]",
            ),
        }
    } else if grant.is_some_and(|g| g != Grant::TokenExchange) && o.has("subject_issuers") {
        o.problem("subject_issuers", "is for `token_exchange` alone", "leave it out");
    }
    subject_issuers
}

/// Where an authorization server may be. An address of this machine that is written out is meant, as for tool servers.
fn reach(s: &Section<'_>, urls: &[(&'static str, Option<&BaseUrl>)]) -> Reach {
    let plaintext = s.bool("plaintext").unwrap_or(false);
    let mut allow = allow(s);
    for (key, url) in urls {
        let Some(url) = url else { continue };
        // SECURITY: keys that decide who may come in, secrets and tokens go over this connection.
        if !url.https() && !plaintext && !url.is_loopback() {
            let hint = "use https://, or write plaintext = true if that network is yours";
            s.problem(key, "would carry keys or secrets in the clear", hint);
        }
        if url.is_loopback() {
            match url.host().parse::<IpAddr>() {
                Ok(ip) => allow.push(IpNet::from(ip)),
                Err(_) => {
                    allow.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|n| n.parse::<IpNet>().ok()))
                }
            }
        }
    }
    Reach {
        allow_private: s.bool("allow_private").unwrap_or(false),
        allow,
        ca_file: s.string("ca_file").map(str::to_owned),
    }
}
