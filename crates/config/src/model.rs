//! The config as the rest of Cordon reads it: plain, checked values. Nothing here can be half right:
//! a `Config` exists only when the whole text was read without a problem.
//!
//! It holds no secret: a credential is named by where it stands, and `cordon-app` fetches it.

mod oauth;

pub use oauth::{Grant, Issuer, OAuth, Reach, ServerOAuth, TokenSource};

use crate::{base_url::BaseUrl, limits::Limits};
use cordon_types::{Guard, ModelName, ServerId, UpstreamId};
use ipnet::IpNet;
use std::{net::SocketAddr, time::Duration};

/// Everything that an operator's `cordon.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where Cordon listens.
    pub listen: Listen,
    /// Sizes, counts and times that no request may pass.
    pub limits: Limits,
    /// Where model calls go.
    pub upstreams: Vec<Upstream>,
    /// Which model names there are, and what each costs.
    pub models: Vec<Model>,
    /// Where calls of tools go.
    pub servers: Vec<ToolServer>,
    /// What is looked for in a text.
    pub inspection: Inspection,
    /// What happens when a part of Cordon fails.
    pub failure: Failure,
    /// The record.
    pub ledger: Ledger,
    /// Budgets of a model, over all agents together.
    pub budgets: Vec<ModelBudget>,
    /// What Cordon says of itself.
    pub log: Log,
    /// Where manifests and policies stand.
    pub policies: Policies,
    /// Calls that wait for a person.
    pub approvals: Approvals,
    /// Whose access tokens are taken.
    pub oauth: Option<OAuth>,
    /// Where known advisories are fetched from.
    pub advisories: Advisories,
}

impl Config {
    /// The model that a caller means by `name`: its name or one of its aliases.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|m| m.names().any(|n| n.as_str() == name))
    }

    /// The upstream of that id.
    #[must_use]
    pub fn upstream(&self, id: &UpstreamId) -> Option<&Upstream> {
        self.upstreams.iter().find(|u| u.id == *id)
    }
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The model path.
    pub address: SocketAddr,
    /// Health, metrics and the admin interface: plain HTTP.
    pub admin_address: SocketAddr,
    /// Certificate and key of the model path; plain HTTP without.
    pub tls: Option<Tls>,
    /// Serving threads; 0 is one a core.
    pub workers: u16,
    /// `Host` values that are answered; any host when empty. Lower case, without port.
    pub trusted_hosts: Vec<String>,
    /// The operator's word that plain HTTP may leave this machine.
    pub plaintext_beyond_loopback: bool,
}

/// `[listen.tls]`: two PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Path of the certificate chain.
    pub cert: String,
    /// Path of the private key.
    pub key: String,
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamKind {
    /// OpenAI itself: bearer credential.
    Openai,
    /// Anthropic: `x-api-key` credential.
    Anthropic,
    /// A server that speaks OpenAI's dialect (Ollama, vLLM, llama.cpp, ...).
    OpenaiCompatible,
    /// The built-in, deterministic model. No network.
    Gullible,
}

impl UpstreamKind {
    /// Every kind, in a fixed order.
    pub const ALL: [UpstreamKind; 4] =
        [Self::Openai, Self::Anthropic, Self::OpenaiCompatible, Self::Gullible];

    /// The name that the config uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::OpenaiCompatible => "openai-compatible",
            Self::Gullible => "gullible",
        }
    }
}

/// One `[[upstreams]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub id: UpstreamId,
    /// What it speaks.
    pub kind: UpstreamKind,
    /// Where it is; `None` only for `gullible`.
    pub base_url: Option<BaseUrl>,
    /// Where its credential stands.
    pub credential: Credential,
    /// Whether its name may resolve to a private, loopback or link-local address.
    pub allow_private: bool,
    /// Ranges that its name may resolve to; empty: any (private ones only by `allow_private`).
    pub allow: Vec<IpNet>,
    /// PEM file of the only authorities trusted for it; `None`: the system's.
    pub ca_file: Option<String>,
    /// Idle connections kept.
    pub pool_idle: u32,
    /// How long an idle connection is kept.
    pub pool_idle_time: Duration,
    /// Times of its own; each `None` takes the one in `limits.timeouts`.
    pub timeouts: UpstreamTimeouts,
    /// Fixed headers sent with every call: (lower-case name, value). Never a credential.
    pub headers: Vec<(String, String)>,
    /// Further attempts before the first byte of an answer: 0 to 3.
    pub retries: u8,
}

/// Times of one upstream that differ from `limits.timeouts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// Connecting, TLS included.
    pub connect: Option<Duration>,
    /// Until the head of the answer.
    pub upstream_head: Option<Duration>,
    /// Between two pieces of the answer.
    pub upstream_idle: Option<Duration>,
    /// The whole exchange.
    pub total: Option<Duration>,
}

/// Where a credential stands. Never the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// None is sent.
    None,
    /// An environment variable.
    Env(String),
    /// A file; trailing white space is cut.
    File(String),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Systemd(String),
}

/// One `[[servers]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolServer {
    /// Its name, and the prefix of its tools' names.
    pub id: ServerId,
    /// How it is reached.
    pub way: ServerWay,
    /// Most bytes of one result.
    pub result_bytes: usize,
    /// Longest for one call.
    pub timeout: Duration,
    /// Most calls at the same time.
    pub concurrent: u32,
    /// How often in a row it may be started anew.
    pub restarts: u32,
    /// The first tools that it declares are approved, if nothing about them needs a person.
    pub first_use: bool,
    /// When one tool is new or changed, all are quarantined.
    pub whole: bool,
    /// Which scopes a caller with an access token needs: a tool's name, or the beginning of names and `*`.
    pub scopes: Vec<(String, Vec<String>)>,
}

/// How a tool server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerWay {
    /// On the network.
    Http {
        /// The endpoint, whole.
        url: BaseUrl,
        /// The older transport: an event stream that names where to post.
        sse: bool,
        /// Where its credential stands.
        credential: Credential,
        /// How tokens for it are got, where it takes them.
        oauth: Option<Box<ServerOAuth>>,
        /// Whether its name may resolve to a private or loopback address.
        allow_private: bool,
        /// Ranges that its name may resolve to besides.
        allow: Vec<IpNet>,
        /// PEM file of authorities trusted for it beside the system's.
        ca_file: Option<String>,
        /// Fixed headers sent with every call. Never a credential.
        headers: Vec<(String, String)>,
        /// How it takes its credential.
        credential_as: CredentialAs,
        /// It is no tool server but an HTTP interface, whose operations become tools.
        openapi: Option<OpenApi>,
    },
    /// A program that Cordon starts.
    Stdio {
        /// The program and its arguments; no shell reads them.
        command: Vec<String>,
        /// Its environment, besides `PATH` and `HOME`.
        env: Vec<(String, String)>,
        /// Where it runs; the root directory when not written.
        directory: Option<String>,
    },
}

/// How a server takes its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialAs {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`, of `user:password`.
    Basic,
    /// In a header of that name, lower case, alone.
    Header(String),
}

/// The document of an HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenApi {
    /// Its file, relative to the directory of the config file.
    pub file: String,
    /// Patterns of the operations that become tools; all where there are none.
    pub operations: Vec<String>,
}

/// One `[[models]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name that callers write and policies speak of.
    pub name: ModelName,
    /// Other names for it; a policy sees `name`.
    pub aliases: Vec<ModelName>,
    /// Which upstream has it.
    pub upstream: UpstreamId,
    /// The name sent upstream.
    pub upstream_name: ModelName,
    /// What it costs.
    pub price: Price,
    /// Most output tokens that a caller may ask for.
    pub max_output_tokens: Option<u64>,
    /// Tokens that fit in its context: for estimates.
    pub context: Option<u64>,
}

impl Model {
    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &ModelName> {
        std::iter::once(&self.name).chain(&self.aliases)
    }
}

/// What a model costs, in millionths of the price table's currency for a million tokens: 0.15 a million is 150,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// For input tokens.
    pub input: u64,
    /// For output tokens.
    pub output: u64,
    /// For input tokens that the provider had cached; same as `input` unless written.
    pub cached: u64,
}

impl Price {
    /// What an exchange costs, in millionths of the currency, rounded up. `cached` tokens are a part of `input` ones.
    #[must_use]
    pub fn cost_micros(&self, input: u64, output: u64, cached: u64) -> u64 {
        let cached = cached.min(input);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        // Two such products may pass 128 bits; the sum then stops, and so does the answer below.
        let sum = part(input - cached, self.input)
            .saturating_add(part(cached, self.cached))
            .saturating_add(part(output, self.output));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// `[inspection]`
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Which guards look; all of them unless one is switched off.
    pub guards: Vec<Guard>,
    /// Score from which a text is flagged as injection: 0.0 to 1.0.
    pub injection_threshold: f32,
    /// Hosts (and their subdomains) to which links and images are no exfiltration. Lower case.
    pub allowed_link_hosts: Vec<String>,
    /// The operator's own terms.
    pub terms: Vec<Term>,
    /// The operator's own patterns.
    pub patterns: Vec<Pattern>,
    /// Most bytes that the decodings of one text may yield together.
    pub max_decoded_bytes: usize,
    /// How deep decodings may nest.
    pub max_layers: u8,
}

/// One `[[inspection.terms]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its name in records.
    pub name: String,
    /// The text looked for.
    pub text: String,
    /// Whether case matters.
    pub case_sensitive: bool,
}

/// One `[[inspection.patterns]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Its name in records.
    pub name: String,
    /// The regular expression; `detect` compiles it, so a bad one is reported by `cordon check` all the same.
    pub regex: String,
    /// Longest match, in bytes.
    pub max_len: usize,
}

/// What happens when a part fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureMode {
    /// The exchange is refused.
    #[default]
    Closed,
    /// The exchange goes on, and its record says so.
    Open,
}

impl FailureMode {
    /// The name that the config and records use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// `[advisories]`: whence known advisories come when the operator says `cordon advisories fetch`. The gateway itself
/// fetches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisories {
    /// A mirror of OSV's archives: below it `<registry>/all.zip`.
    pub mirror: Option<BaseUrl>,
    /// Which registries' archives, by OSV's names; all that Cordon knows when empty.
    pub registries: Vec<String>,
    /// Where the mirror's credential stands; a bearer token.
    pub credential: Credential,
    /// Certificate authorities beside the system's.
    pub ca_file: Option<String>,
}

/// `[failure]`: the two places that an operator may open. Policy evaluation and the ledger cannot be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// A detector panics or passes its bounds.
    pub detector: FailureMode,
    /// The store cannot save what a budget has used.
    pub store: FailureMode,
}

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk.
    #[default]
    Sync,
    /// When it is queued: a crash can lose the last records.
    Behind,
}

/// `[ledger]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The log's name in its checkpoints: fixed for its life.
    pub origin: String,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// How often a checkpoint is signed while records come in.
    pub publish_every: Duration,
    /// Whether an intent holds a salted commitment to the request's body.
    pub commit: bool,
    /// How long an epoch of linkable digests lasts; `None`: until the operator begins another.
    pub epoch: Option<Duration>,
    /// How long intents and outcomes are kept at least; `None`: for ever.
    pub keep_exchanges: Option<Duration>,
    /// How long other records are kept at least; `None`: for ever.
    pub keep_control: Option<Duration>,
    /// Who cosigns it; nobody when not written.
    pub witnesses: Option<Witnesses>,
}

/// `[ledger.witnesses]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnesses {
    /// The policy file (C2SP tlog-policy), relative to the directory of the config file.
    pub policy: String,
    /// Shortest time between two checkpoints that are sent.
    pub every: Duration,
    /// What a witness is given to answer.
    pub timeout: Duration,
    /// Whether a witness's name may resolve to a private address.
    pub allow_private: bool,
    /// The operator's word that checkpoints may go to a witness in the clear beyond this machine.
    pub plaintext: bool,
    /// PEM file of the only authorities trusted for witnesses; `None`: the system's.
    pub ca_file: Option<String>,
}

/// One `[[budgets]]`: what one model may use, over all agents together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelBudget {
    /// Which model.
    pub model: ModelName,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, input and output.
    pub tokens_per_minute: Option<u64>,
    /// Tokens a day (UTC).
    pub tokens_per_day: Option<u64>,
    /// Millionths of the price table's currency a day (UTC).
    pub cost_per_day_micros: Option<u64>,
    /// Millionths of the price table's currency a month (UTC).
    pub cost_per_month_micros: Option<u64>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// What may need one.
    Warn,
    /// Start, stop, reload, refusals.
    #[default]
    Info,
    /// For finding a fault. Still without content.
    Debug,
    /// Everything. Still without content.
    Trace,
}

impl LogLevel {
    /// Every level, from the quietest.
    pub const ALL: [LogLevel; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The name that the config uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `[log]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How much.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// `[approvals]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    /// How long a call waits for a person, at most; then it is denied.
    pub timeout: Duration,
    /// How long an allowed call may be made.
    pub use_within: Duration,
    /// Longest time of a wider grant.
    pub max_wider: Duration,
    /// Calls that wait, over all agents.
    pub max_pending: usize,
    /// Calls of one agent that wait.
    pub max_pending_per_agent: usize,
    /// Who is told that a call waits; nobody when not written.
    pub webhook: Option<Webhook>,
}

/// `[approvals] webhook`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: BaseUrl,
    /// Its bearer token.
    pub credential: Credential,
    /// PEM file of the only authorities trusted for it; `None`: the system's.
    pub ca_file: Option<String>,
}

/// `[policies]`: directories, relative to the directory of the config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Agents' manifests: `*.toml`.
    pub manifests: String,
    /// The operator's own Cedar: `*.cedar`.
    pub cedar: String,
}
