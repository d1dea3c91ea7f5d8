//! The config's values as the other rooms take them. Credentials are fetched here, and only here.

use crate::builtin::Gullible;
use crate::data;
use crate::error::AppError;
use crate::interfaces::Interfaces;
use crate::load::Loaded;
use crate::oauth::vault::Vault;
use cordon_config::{
    Config, Credential, CredentialAs, Durability, ServerOAuth, ServerWay, TokenSource, ToolServer, Upstream,
    UpstreamKind,
};
use cordon_detect::{Guards, Pattern, Settings, Term};
use cordon_pipeline::{Model, ModelTable, Price};
use cordon_policy::Budgets;
use cordon_proxy::mcp::{Scopes, ServerSettings, Transport};
use cordon_proxy::{BodyLimits, Limits};
use cordon_types::{Dialect, ModelName, Secret, ServerId, UpstreamId};
use cordon_upstream::oauth::{Grant, Reach, TokenPlace, TokenSettings};
use cordon_upstream::{AuthStyle, BaseUrl, ChildSettings, Target};
use http::{HeaderName, HeaderValue};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long a server's stream of changes may say nothing.
const STREAM_IDLE: std::time::Duration = std::time::Duration::from_secs(300);

/// Most headers of a request: the official clients send about 20.
const MAX_HEADERS: usize = 100;

pub(crate) fn detectors(config: &Config) -> Settings {
    let i = &config.inspection;
    Settings {
        terms: i
            .terms
            .iter()
            .map(|t| Term { name: t.name.clone(), text: t.text.clone(), case_sensitive: t.case_sensitive })
            .collect(),
        patterns: i
            .patterns
            .iter()
            .map(|p| Pattern { name: p.name.clone(), regex: p.regex.clone(), max_len: p.max_len })
            .collect(),
        allowed_link_hosts: i.allowed_link_hosts.clone(),
        max_decoded_bytes: i.max_decoded_bytes,
        max_layers: i.max_layers,
        hold_cap: config.limits.hold_cap,
        injection_threshold: i.injection_threshold,
    }
}

pub(crate) fn guards(config: &Config) -> Guards {
    config.inspection.guards.iter().fold(Guards::NONE, |set, g| set.with(*g))
}

pub(crate) fn wire_limits(config: &Config) -> cordon_wire::Limits {
    let l = &config.limits;
    cordon_wire::Limits {
        max_depth: l.depth,
        max_nodes: l.nodes,
        max_messages: l.messages,
        max_tools: l.tools,
        ..cordon_wire::Limits::default()
    }
}

pub(crate) fn proxy_limits(config: &Config) -> Limits {
    let l = &config.limits;
    let t = &l.timeouts;
    Limits {
        body: BodyLimits { bytes: l.body_bytes, idle: t.body_idle, total: t.body_total },
        answer_bytes: l.answer_bytes,
        buffered_bytes: l.buffered_bytes,
        event_bytes: l.event_bytes,
        arguments_bytes: l.event_bytes,
        header_bytes: l.header_bytes,
        headers: MAX_HEADERS,
        header_read: t.header_read,
        idle: t.idle,
        total: t.total,
        write_idle: t.client_write_idle,
        connections: usize::try_from(l.connections).unwrap_or(usize::MAX),
        requests: usize::try_from(l.concurrent_requests).unwrap_or(usize::MAX),
        h2_streams: l.concurrent_streams_h2,
    }
}

pub(crate) fn models(config: &Config) -> ModelTable {
    ModelTable::new(config.models.iter().map(|m| {
        let kind = config.upstream(&m.upstream).map(|u| u.kind);
        let model = Model {
            name: m.name.clone(),
            upstream: m.upstream.clone(),
            dialects: match kind {
                Some(UpstreamKind::Openai | UpstreamKind::OpenaiCompatible) => vec![Dialect::OpenaiChat],
                Some(UpstreamKind::Anthropic) => vec![Dialect::AnthropicMessages],
                Some(UpstreamKind::Gullible) => Dialect::ALL.to_vec(),
                None => Vec::new(),
            },
            upstream_name: m.upstream_name.as_str().to_owned(),
            price: Price { input: m.price.input, output: m.price.output, cached: m.price.cached },
            max_output_tokens: m.max_output_tokens,
        };
        (model, m.aliases.iter().map(|a| a.as_str().to_owned()).collect())
    }))
}

pub(crate) fn model_budgets(config: &Config) -> HashMap<ModelName, Budgets> {
    config.budgets.iter().map(|b| (b.model.clone(), budgets(b))).collect()
}

/// A model's budgets as the meter takes them.
pub(crate) const fn budgets(b: &cordon_config::ModelBudget) -> Budgets {
    Budgets {
        requests_per_minute: b.requests_per_minute,
        tokens_per_minute: b.tokens_per_minute,
        tokens_per_day: b.tokens_per_day,
        cost_per_day_micros: b.cost_per_day_micros,
        cost_per_month_micros: b.cost_per_month_micros,
        concurrent: b.concurrent,
    }
}

pub(crate) fn ledger(config: &Config) -> cordon_ledger::Options {
    let mut options = cordon_ledger::Options::new(&config.ledger.origin);
    options.durable = match config.ledger.durability {
        Durability::Sync => cordon_ledger::Durability::Sync,
        Durability::Behind => cordon_ledger::Durability::Behind,
    };
    options.publish_every_ms = u64::try_from(config.ledger.publish_every.as_millis()).unwrap_or(1_000);
    options
}

/// The upstreams, with their credentials.
pub(crate) fn upstreams(root: &Path, config: &Config) -> Result<Vec<cordon_upstream::Settings>, AppError> {
    config.upstreams.iter().map(|u| upstream(root, config, u)).collect()
}

fn upstream(root: &Path, config: &Config, u: &Upstream) -> Result<cordon_upstream::Settings, AppError> {
    let bad = |reason: String| AppError::Credential { upstream: u.id.to_string(), reason };
    let target = match &u.base_url {
        None => Target::Builtin(Arc::new(Gullible)),
        Some(url) => Target::Url(BaseUrl::parse(&url.to_string()).map_err(bad)?),
    };
    let t = &config.limits.timeouts;
    let mut settings = cordon_upstream::Settings::new(u.id.clone(), target);
    settings.credential = credential(root, &u.credential).map_err(bad)?.map(cordon_upstream::Credential::new);
    settings.auth = match (u.kind, &settings.credential) {
        (_, None) => AuthStyle::None,
        (UpstreamKind::Anthropic, _) => AuthStyle::XApiKey,
        _ => AuthStyle::Bearer,
    };
    settings.allow_private = u.allow_private;
    settings.allow = u.allow.clone();
    settings.ca = u.ca_file.as_deref().map(|f| certificates(&root.join(f))).transpose()?;
    settings.pool_idle = usize::try_from(u.pool_idle).unwrap_or(usize::MAX);
    settings.pool_idle_for = u.pool_idle_time;
    settings.connect = u.timeouts.connect.unwrap_or(t.connect);
    settings.head = u.timeouts.upstream_head.unwrap_or(t.upstream_head);
    settings.idle = u.timeouts.upstream_idle.unwrap_or(t.upstream_idle);
    settings.retries = u.retries;
    settings.headers = u
        .headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(e.to_string()))?;
            let value = HeaderValue::from_str(value).map_err(|e| bad(e.to_string()))?;
            Ok((name, value))
        })
        .collect::<Result<_, AppError>>()?;
    Ok(settings)
}

/// The tool servers, as the hub takes them.
pub(crate) fn servers(root: &Path, loaded: &Loaded) -> Vec<ServerSettings> {
    loaded.config.servers.iter().map(|s| server(root, s, &loaded.interfaces)).collect()
}

fn server(root: &Path, s: &ToolServer, interfaces: &Interfaces) -> ServerSettings {
    let transport = match (&s.way, interfaces.get(&s.id)) {
        (_, Some(interface)) => Transport::OpenApi(interface.clone()),
        (way, None) => transport(root, s, way),
    };
    ServerSettings {
        id: s.id.clone(),
        transport,
        result_bytes: s.result_bytes,
        timeout: s.timeout,
        concurrent: s.concurrent,
        restarts: s.restarts,
        first_use: s.first_use,
        whole: s.whole,
        scopes: Scopes::new(s.scopes.clone()),
    }
}

fn transport(root: &Path, s: &ToolServer, way: &ServerWay) -> Transport {
    match way {
        ServerWay::Http { sse: true, .. } => Transport::Sse,
        ServerWay::Http { .. } => Transport::Http,
        ServerWay::Stdio { command, env, directory } => {
            let (program, args) = started(command);
            // Of Cordon's own environment, where programs and settings are found; nothing else.
            let own = ["PATH", "HOME"].iter().filter_map(|n| Some(((*n).to_owned(), environment(n)?)));
            let env = own.chain(env.iter().cloned()).collect();
            // SECURITY: not the data directory, where the keys are: many servers serve what lies around them.
            let directory = directory.as_ref().map_or_else(|| PathBuf::from("/"), |d| root.join(d));
            Transport::Stdio(ChildSettings { program, args, env, directory, max_line: s.result_bytes })
        }
    }
}

/// How a program is started: by the gateway's own, which first gives up what a child would have of the gateway's (see
/// `tool-server` in `cli`).
fn started(command: &[String]) -> (String, Vec<String>) {
    // The running program, also where its file was replaced since.
    let own = "/proc/self/exe";
    if !Path::new(own).exists() {
        return command.split_first().map_or((String::new(), Vec::new()), |(p, a)| (p.clone(), a.to_vec()));
    }
    let parent = std::process::id().to_string();
    let words = ["tool-server", "--parent", &parent, "--"].map(str::to_owned);
    (own.to_owned(), words.into_iter().chain(command.iter().cloned()).collect())
}

/// The tool servers on the network, with their credentials.
pub(crate) fn tool_servers(
    root: &Path,
    config: &Config,
) -> Result<Vec<(ServerId, cordon_upstream::Settings)>, AppError> {
    config.servers.iter().filter_map(|s| tool_server(root, config, s).transpose()).collect()
}

fn tool_server(
    root: &Path,
    config: &Config,
    s: &ToolServer,
) -> Result<Option<(ServerId, cordon_upstream::Settings)>, AppError> {
    let ServerWay::Http {
        url,
        credential: from,
        oauth,
        allow_private,
        allow,
        ca_file,
        headers,
        credential_as,
        ..
    } = &s.way
    else {
        return Ok(None);
    };
    let bad = |reason: String| AppError::Credential { upstream: s.id.to_string(), reason };
    let id = UpstreamId::new(s.id.as_str()).map_err(|e| bad(e.to_string()))?;
    let target = Target::Url(BaseUrl::parse(&url.to_string()).map_err(bad)?);
    let mut settings = cordon_upstream::Settings::new(id, target);
    settings.credential = credential(root, from).map_err(bad)?.map(cordon_upstream::Credential::new);
    settings.auth = match (&settings.credential, credential_as) {
        (None, _) => AuthStyle::None,
        (Some(_), CredentialAs::Bearer) => AuthStyle::Bearer,
        (Some(_), CredentialAs::Basic) => AuthStyle::Basic,
        (Some(_), CredentialAs::Header(name)) => {
            AuthStyle::Header(HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(e.to_string()))?)
        }
    };
    settings.tokens = oauth.is_some();
    settings.allow_private = *allow_private;
    settings.allow.clone_from(allow);
    settings.ca = ca_file.as_deref().map(|f| certificates(&root.join(f))).transpose()?;
    settings.connect = config.limits.timeouts.connect;
    settings.head = s.timeout;
    // Streams of changes say nothing for long; the calls' own time ends those that are slow.
    settings.idle = s.timeout.max(STREAM_IDLE);
    settings.headers = headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(e.to_string()))?;
            let value = HeaderValue::from_str(value).map_err(|e| bad(e.to_string()))?;
            Ok((name, value))
        })
        .collect::<Result<_, AppError>>()?;
    Ok(Some((s.id.clone(), settings)))
}

/// A provider's credential, from where the config says it stands.
pub(crate) fn credential(root: &Path, credential: &Credential) -> Result<Option<Secret>, String> {
    let from_file = |path: &Path| {
        data::read(path).map(|text| Secret::new(text.trim_end().to_owned())).map_err(|e| e.to_string())
    };
    match credential {
        Credential::None => Ok(None),
        Credential::File(path) => from_file(&root.join(path)).map(Some),
        Credential::Env(name) => match environment(name) {
            Some(value) if !value.is_empty() => Ok(Some(Secret::new(value))),
            _ => Err(format!("the environment variable `{name}` is not set; set it, or name a file instead")),
        },
        Credential::Systemd(name) => {
            let dir = environment("CREDENTIALS_DIRECTORY")
                .ok_or("there is no CREDENTIALS_DIRECTORY; add `LoadCredential=` to the unit")?;
            from_file(&PathBuf::from(dir).join(name)).map(Some)
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the environment is read here and handed on as values")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The certificates of a PEM file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AppError> {
    let text = data::read(path)?;
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| AppError::Tls(format!("{}: {e:?}", path.display())))
}

/// The tokens that tool servers take, with the clients' secrets.
pub(crate) fn tokens(root: &Path, config: &Config) -> Result<Vec<(ServerId, TokenSettings)>, AppError> {
    let with = config.servers.iter().filter_map(|s| match &s.way {
        ServerWay::Http { oauth: Some(oauth), .. } => Some((s, oauth.as_ref())),
        _ => None,
    });
    let one = |(s, o): (&ToolServer, &ServerOAuth)| {
        let bad = |reason: String| AppError::Credential { upstream: s.id.to_string(), reason };
        let settings = TokenSettings {
            grant: match o.grant {
                cordon_config::Grant::ClientCredentials => Grant::ClientCredentials,
                cordon_config::Grant::RefreshToken => Grant::RefreshToken,
                cordon_config::Grant::TokenExchange => Grant::TokenExchange,
            },
            place: match &o.source {
                TokenSource::Url(url) => TokenPlace::Url(url.clone()),
                TokenSource::Issuer(issuer) => TokenPlace::Issuer(issuer.clone()),
            },
            client_id: o.client_id.clone(),
            client_secret: credential(root, &o.client_secret).map_err(bad)?,
            post: o.post,
            scopes: o.scopes.clone(),
            resource: o.resource.clone(),
            audience: o.audience.clone(),
            subject_issuers: o.subject_issuers.clone(),
            reach: reach(root, &o.reach)?,
        };
        if settings.grant == Grant::RefreshToken && !Vault::new(root).has(&s.id) {
            tracing::warn!(server = %s.id, "no refresh token is stored; `cordon mcp token set` puts one in");
        }
        Ok((s.id.clone(), settings))
    };
    with.map(one).collect()
}

/// Where an authorization server may be, with its authorities.
pub(crate) fn reach(root: &Path, reach: &cordon_config::Reach) -> Result<Reach, AppError> {
    Ok(Reach {
        allow_private: reach.allow_private,
        allow: reach.allow.clone(),
        ca: reach.ca_file.as_deref().map(|f| certificates(&root.join(f))).transpose()?,
    })
}
