//! The operator's files as facts: names, settings, hashes. No owner, purpose, credential, host or term gets through.

use super::problem;
use crate::error::AppError;
use crate::load::{Loaded, files};
use cordon_config::{Config, Durability, UpstreamKind};
use cordon_govern::Facts;
use cordon_govern::facts::{Agent, Budget, Model, Tool, Upstream};
use cordon_govern::pack::manifest::sha256;
use cordon_policy::{Budgets, Manifest};
use cordon_types::Mode;
use std::path::Path;

pub(super) fn facts(root: &Path, loaded: &Loaded) -> Result<Facts, AppError> {
    let config = &loaded.config;
    let mut hashes =
        vec![("cordon.toml".to_owned(), sha256(crate::data::read(&root.join("cordon.toml"))?.as_bytes()))];
    let mut problems = Vec::new();
    for (dir, ending) in [(&config.policies.manifests, "toml"), (&config.policies.cedar, "cedar")] {
        let texts = files(&root.join(dir), ending, &mut problems);
        hashes.extend(texts.into_iter().map(|(name, text)| (name, sha256(text.as_bytes()))));
    }
    if let Some(first) = problems.first() {
        return Err(problem(first));
    }
    Ok(Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        files: hashes,
        policy: loaded.policy.version().to_string(),
        detectors: cordon_detect::VERSION.to_owned(),
        agents: loaded.policy.agents().map(agent).collect(),
        models: config.models.iter().map(model).collect(),
        upstreams: config.upstreams.iter().map(upstream).collect(),
        settings: settings(config),
        transport: transport(config),
        budgets: config.budgets.iter().flat_map(model_budget).collect(),
    })
}

fn agent(m: &Manifest) -> Agent {
    let of = m.agent.as_str();
    let tool = |t: &cordon_policy::ToolRule| Tool {
        name: t.name.clone(),
        effect: t.effect.map(|e| e.name()),
        limited: t.args.as_ref().map(|a| a.len() as u64),
    };
    let mut budgets = limits(of, &m.budgets);
    budgets.extend(limits(&format!("each key of {of}"), &m.key_budgets));
    Agent {
        id: of.to_owned(),
        owner: !m.owner.trim().is_empty(),
        purpose: !m.purpose.trim().is_empty(),
        risk: m.risk.name(),
        mode: if m.mode == Mode::Observe { "observe" } else { "enforce" },
        expires: m.expires,
        features: m.features.iter().map(|f| f.name()).collect(),
        tools: m.tools.iter().map(tool).collect(),
        budgets,
    }
}

fn limits(of: &str, b: &Budgets) -> Vec<Budget> {
    let all = [
        ("requests a minute", b.requests_per_minute.map(u64::from)),
        ("tokens a minute", b.tokens_per_minute),
        ("tokens a day", b.tokens_per_day),
        ("cost a day (millionths)", b.cost_per_day_micros),
        ("cost a month (millionths)", b.cost_per_month_micros),
        ("at once", b.concurrent.map(u64::from)),
    ];
    let budget = |(limit, value): (&'static str, Option<u64>)| {
        Some(Budget { of: of.to_owned(), limit, value: value? })
    };
    all.into_iter().filter_map(budget).collect()
}

fn model_budget(b: &cordon_config::ModelBudget) -> Vec<Budget> {
    limits(&format!("model {}", b.model), &crate::settings::budgets(b))
}

fn model(m: &cordon_config::Model) -> Model {
    Model {
        name: m.name.to_string(),
        upstream: m.upstream.to_string(),
        priced: m.price.input > 0 || m.price.output > 0,
    }
}

fn upstream(u: &cordon_config::Upstream) -> Upstream {
    let scheme = match &u.base_url {
        _ if u.kind == UpstreamKind::Gullible => "built in",
        Some(url) if url.to_string().starts_with("https:") => "https",
        Some(_) => "http",
        None => "none",
    };
    Upstream {
        id: u.id.to_string(),
        kind: u.kind.name(),
        scheme,
        private: u.allow_private || !u.allow.is_empty(),
        own_ca: u.ca_file.is_some(),
    }
}

fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let guards: Vec<&str> = config.inspection.guards.iter().map(|g| g.name()).collect();
    let durable = match config.ledger.durability {
        Durability::Sync => "before it is acknowledged",
        Durability::Behind => "behind its acknowledgement",
    };
    vec![
        ("guards", guards.join(", ")),
        ("injection threshold", config.inspection.injection_threshold.to_string()),
        ("operator's terms", config.inspection.terms.len().to_string()),
        ("operator's patterns", config.inspection.patterns.len().to_string()),
        ("when a detector fails", config.failure.detector.name().to_owned()),
        ("when the budgets' store fails", config.failure.store.name().to_owned()),
        ("a record is on the disk", durable.to_owned()),
        ("longest between checkpoints, ms", config.ledger.publish_every.as_millis().to_string()),
    ]
}

fn transport(config: &Config) -> Vec<(&'static str, String)> {
    let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
    let listen = &config.listen;
    vec![
        ("model path speaks TLS (1.2 or 1.3)", yes(listen.tls.is_some())),
        ("model path listens on loopback only", yes(listen.address.ip().is_loopback())),
        ("admin side listens on loopback only", yes(listen.admin_address.ip().is_loopback())),
        ("clear text beyond loopback is allowed", yes(listen.plaintext_beyond_loopback)),
    ]
}
