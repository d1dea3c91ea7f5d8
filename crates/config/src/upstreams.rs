//! `[[upstreams]]` and `[[models]]`: where calls go, under which names, with whose credential, at which price.

use crate::{
    base_url::BaseUrl,
    model::{Credential, Model, Price, Upstream, UpstreamKind, UpstreamTimeouts},
    read::{Section, shown},
};
use cordon_types::{ModelName, UpstreamId};
use ipnet::IpNet;
use std::{collections::HashSet, net::IpAddr, time::Duration};

/// Headers that Cordon sets itself, or that would carry a credential in plain sight.
pub(crate) const REFUSED_HEADERS: &[&str] = &[
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
];

/// The upstreams that could be read, and the ids of all that are written.
pub(crate) fn upstreams(root: &Section<'_>) -> (Vec<Upstream>, Vec<String>) {
    let sections = root.children("upstreams");
    if sections.is_empty() && !root.has("servers") {
        root.problem("upstreams", "is missing", "write at least one [[upstreams]]");
    }
    let mut seen = HashSet::new();
    let (mut out, mut ids) = (Vec::new(), Vec::new());
    for s in &sections {
        ids.extend(s.peek("id"));
        let Some(upstream) = upstream(s) else { continue };
        if !seen.insert(upstream.id.clone()) {
            s.problem(
                "id",
                format!("`{}` is there twice", upstream.id),
                "give each upstream an id of its own",
            );
        }
        out.push(upstream);
    }
    (out, ids)
}

fn upstream(s: &Section<'_>) -> Option<Upstream> {
    s.need("id", "write a short name, such as `openai`");
    let id = s.parsed("id", "write a short name, such as `openai`", UpstreamId::new);
    let kinds = UpstreamKind::ALL.map(|k| (k.name(), k));
    s.need("kind", "write `openai`, `anthropic`, `openai-compatible` or `gullible`");
    let kind = s.choice("kind", &kinds);
    let base_url = base_url(s, kind);
    let credential = credential(s);
    if kind == Some(UpstreamKind::Gullible) && credential != Credential::None {
        s.problem("credential", "is not used by `gullible`", "leave it out");
    }
    let t = s.child("timeouts");
    let phase = |key| t.seconds(key, 100, 3_600_000);
    let timeouts = UpstreamTimeouts {
        connect: phase("connect_seconds"),
        upstream_head: phase("upstream_head_seconds"),
        upstream_idle: phase("upstream_idle_seconds"),
        total: t.seconds("total_seconds", 100, 86_400_000),
    };
    let (allow, allow_private) = (allow(s), s.bool("allow_private"));
    let ca_file = s.string("ca_file").map(str::to_owned);
    let pool_idle = s.integer("pool_idle", 0, 10_000).and_then(|n| u32::try_from(n).ok()).unwrap_or(32);
    let pool_idle_time = s.seconds("pool_idle_seconds", 1_000, 600_000).unwrap_or(Duration::from_secs(30));
    let headers = headers(s);
    let retries = s.integer("retries", 0, 3).and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    let kind = kind?;
    if kind != UpstreamKind::Gullible && base_url.is_none() {
        return None;
    }
    Some(Upstream {
        id: id?,
        kind,
        allow_private: allow_private.unwrap_or(false),
        base_url,
        credential,
        allow,
        ca_file,
        pool_idle,
        pool_idle_time,
        timeouts,
        headers,
        retries,
    })
}

fn base_url(s: &Section<'_>, kind: Option<UpstreamKind>) -> Option<BaseUrl> {
    let plaintext = s.bool("plaintext").unwrap_or(false);
    let private = s.bool("allow_private").unwrap_or(false);
    if kind == Some(UpstreamKind::Gullible) {
        if s.has("base_url") {
            s.problem("base_url", "is not used by `gullible`, which is built in", "leave it out");
        }
        return None;
    }
    let hint = "write a URL such as https://api.openai.com/v1";
    s.need("base_url", hint);
    let url = s.parsed("base_url", hint, BaseUrl::parse)?;
    // SECURITY: the gateway's credential and every prompt go over this connection.
    if !url.https() && !plaintext && !url.is_loopback() {
        let hint = "use https://, or write plaintext = true if that network is yours";
        s.problem("base_url", "would send prompts and the credential in the clear", hint);
    }
    let literal = url.host().parse::<IpAddr>().ok();
    let local = url.is_loopback() || literal.is_some_and(is_private);
    if local && !private {
        let hint = "add allow_private = true if this upstream is meant to be on your own network";
        s.problem("base_url", "is a loopback or private address", hint);
    }
    Some(url)
}

/// Private in the sense of this check: what an operator may write by mistake. The check at the dial is stricter.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

pub(crate) fn credential(s: &Section<'_>) -> Credential {
    credential_at(s, "credential")
}

/// The same under another key.
pub(crate) fn credential_at(s: &Section<'_>, key: &'static str) -> Credential {
    if !s.has(key) {
        return Credential::None;
    }
    let hint = "write one of { env = \"NAME\" }, { file = \"/path\" } or { systemd = \"name\" }; never the key itself";
    let c = s.child(key);
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let checked = |key: &'static str| {
        let v = c.string(key)?;
        // A key pasted here by mistake must not be printed, so the value is not in the message.
        if v.len() > 255 || !v.bytes().all(name) || v.starts_with('.') {
            c.problem(key, "is not a name of letters, digits, `_`, `-` and `.`", hint);
        }
        Some(v.to_owned())
    };
    let found: Vec<Credential> = [
        checked("env").map(Credential::Env),
        c.string("file").map(|f| Credential::File(f.to_owned())),
        checked("systemd").map(Credential::Systemd),
    ]
    .into_iter()
    .flatten()
    .collect();
    if found.len() != 1 {
        s.problem(key, format!("names {} places", found.len()), hint);
    }
    found.into_iter().next().unwrap_or(Credential::None)
}

pub(crate) fn allow(s: &Section<'_>) -> Vec<IpNet> {
    let mut out = Vec::new();
    for (path, text) in s.strings("allow") {
        match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            Ok(net) => out.push(net),
            Err(_) => {
                let message = format!("`{}` is no address range", shown(text));
                s.problem_at(path, message, "write a range such as 10.20.0.0/16 or fd00::/8");
            }
        }
    }
    out
}

pub(crate) fn headers(s: &Section<'_>) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, value) in s.pairs("headers") {
        let path = format!("{}.{}", s.at("headers"), shown(name));
        let lower = name.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
            s.problem_at(path, "is not the name of a header", "use letters, digits and `-`");
        } else if REFUSED_HEADERS.contains(&lower.as_str()) {
            s.problem_at(
                path,
                "is a header that Cordon sets itself",
                "leave it out; keys go in `credential`",
            );
        } else if value.len() > 4096
            || !value.bytes().all(|b| matches!(b, b' '..=b'~'))
            || value.trim() != value
        {
            s.problem_at(path, "has a value that may not stand in a header", "use printable ASCII");
        } else if out.iter().any(|(n, _)| *n == lower) {
            s.problem_at(path, "is there twice, in another case", "write it once");
        } else {
            out.push((lower, value.to_owned()));
        }
    }
    out
}

pub(crate) fn models(root: &Section<'_>, upstreams: &[Upstream], ids: &[String]) -> Vec<Model> {
    let sections = root.children("models");
    if sections.is_empty() && !root.has("servers") {
        root.problem(
            "models",
            "is missing",
            "write at least one [[models]]: only models that stand here can be called",
        );
    }
    let mut seen = HashSet::new();
    sections.iter().filter_map(|s| model(s, upstreams, ids, &mut seen)).collect()
}

fn model(
    s: &Section<'_>,
    upstreams: &[Upstream],
    ids: &[String],
    seen: &mut HashSet<ModelName>,
) -> Option<Model> {
    let hint = "write the name that callers send as `model`";
    s.need("name", hint);
    let name = s.parsed("name", hint, model_name);
    let mut aliases = Vec::new();
    for (path, alias) in s.strings("aliases") {
        match model_name(alias) {
            Ok(a) if seen.contains(&a) || aliases.contains(&a) || name.as_ref() == Some(&a) => {
                s.problem_at(path, format!("`{a}` is there twice"), "a name or alias leads to one model");
            }
            Ok(a) => aliases.push(a),
            Err(e) => s.problem_at(path, format!("`{}`: {e}", shown(alias)), hint),
        }
    }
    if let Some(n) = name.as_ref().filter(|n| seen.contains(*n)) {
        s.problem("name", format!("`{n}` is there twice"), "a name or alias leads to one model");
    }
    seen.extend(name.iter().chain(&aliases).cloned());
    let upstream = s.required("upstream", "write the id of one of [[upstreams]]");
    let upstream = upstream.and_then(|id| {
        let found = upstreams.iter().find(|u| u.id.as_str() == id).map(|u| u.id.clone());
        // One that is written but could not be read has a problem of its own.
        if found.is_none() && !ids.iter().any(|i| i == id) {
            let hint = format!("write the id of one of [[upstreams]]: {}", ids.join(", "));
            s.problem("upstream", format!("`{}` is no upstream", shown(id)), hint);
        }
        found
    });
    let upstream_name = s.parsed("upstream_name", "write the name that the upstream knows", model_name);
    let price = price(&s.child("price"));
    let max_output_tokens = s.integer("max_output_tokens", 1, 100_000_000);
    let context = s.integer("context", 1, 1_000_000_000);
    let name = name?;
    let upstream_name = upstream_name.unwrap_or_else(|| name.clone());
    Some(Model { name, aliases, upstream: upstream?, upstream_name, price, max_output_tokens, context })
}

/// A model's name. `*` is kept for manifests' patterns.
fn model_name(text: &str) -> Result<ModelName, String> {
    if text.contains('*') {
        return Err("a model's name has no `*`".to_owned());
    }
    ModelName::new(text).map_err(|e| e.to_string())
}

/// Prices are written for a million tokens, as providers print them, and held in millionths of the currency.
fn price(s: &Section<'_>) -> Price {
    let input = s.decimal("input", 6).unwrap_or(0);
    let output = s.decimal("output", 6).unwrap_or(0);
    Price { input, output, cached: s.decimal("cached", 6).unwrap_or(input) }
}
