//! The sections of the config, one function each. What concerns two sections (a model's upstream, a budget's model)
//! is checked when both are read.

use crate::{
    approvals,
    base_url::BaseUrl,
    limits,
    model::{
        Advisories, Config, Durability, Failure, FailureMode, Inspection, Ledger, Listen, Log, LogFormat,
        LogLevel, Model, ModelBudget, Pattern, Policies, Term, Tls, Witnesses,
    },
    oauth,
    read::{Notes, Section, shown},
    servers, upstreams,
};
use cordon_types::{Guard, ModelName};
use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Reads everything. `None` only when a part that has no default is missing; then a problem was noted.
pub(crate) fn config(notes: &Notes, table: &toml::Table) -> Option<Config> {
    let root = Section::new(notes, String::new(), Some(table));
    let listen = listen(&root.child("listen"));
    let limits = limits::read(&root.child("limits"));
    let (upstreams, ids) = upstreams::upstreams(&root);
    let models = upstreams::models(&root, &upstreams, &ids);
    let servers = servers::servers(&root);
    let inspection = inspection(&root.child("inspection"));
    let failure = failure(&root.child("failure"));
    let ledger = ledger(&root.child("ledger"));
    let budgets = budgets(&root, &models);
    let log = log(&root.child("log"));
    let policies = policies(&root.child("policies"));
    let approvals = approvals::read(&root.child("approvals"));
    let oauth = oauth::read(&root);
    let advisories = advisories(&root.child("advisories"));
    Some(Config {
        listen,
        limits,
        upstreams,
        models,
        servers,
        inspection,
        failure,
        ledger: ledger?,
        budgets,
        log,
        policies,
        approvals,
        oauth,
        advisories,
    })
}

fn address(s: &Section<'_>, key: &'static str, port: u16) -> SocketAddr {
    let hint = "write an IP address and a port, such as 127.0.0.1:8480 or [::1]:8480";
    s.parsed(key, hint, str::parse::<SocketAddr>).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn listen(s: &Section<'_>) -> Listen {
    let tls = s.has("tls").then(|| {
        let t = s.child("tls");
        let path = |key| t.required(key, "write the path of a PEM file").unwrap_or_default().to_owned();
        Tls { cert: path("cert"), key: path("key") }
    });
    let listen = Listen {
        address: address(s, "address", 8480),
        admin_address: address(s, "admin_address", 8481),
        tls,
        workers: s.integer("workers", 0, 1024).and_then(|w| u16::try_from(w).ok()).unwrap_or(0),
        trusted_hosts: hosts(s, "trusted_hosts"),
        plaintext_beyond_loopback: s.bool("plaintext_beyond_loopback").unwrap_or(false),
    };
    // SECURITY: keys and prompts must not cross a network in the clear because of one line in a config.
    let plain =
        [("address", listen.address, listen.tls.is_none()), ("admin_address", listen.admin_address, true)];
    for (key, addr, plain) in plain {
        if plain && !addr.ip().is_loopback() && !listen.plaintext_beyond_loopback {
            let hint = if key == "address" {
                "add [listen.tls], or listen on 127.0.0.1, or write plaintext_beyond_loopback = true"
            } else {
                "the admin address speaks plain HTTP: use 127.0.0.1, or write plaintext_beyond_loopback = true"
            };
            s.problem(key, format!("`{addr}` would carry keys in the clear beyond this machine"), hint);
        }
    }
    if listen.address == listen.admin_address && listen.address.port() != 0 {
        s.problem("admin_address", "is the same as `address`", "give the admin interface a port of its own");
    }
    listen
}

/// Host names, lower case; a leading `*.` or `.` is a mistake, since subdomains are meant wherever it would help.
fn hosts(s: &Section<'_>, key: &'static str) -> Vec<String> {
    let mut out = Vec::new();
    for (path, host) in s.strings(key) {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'[' | b']');
        if host.is_empty() || host.starts_with('.') || !host.bytes().all(fine) {
            s.problem_at(
                path,
                format!("`{}` is no host name", shown(host)),
                "write a name such as example.com",
            );
        } else {
            out.push(host.to_ascii_lowercase());
        }
    }
    out
}

fn inspection(s: &Section<'_>) -> Inspection {
    let guards = s.child("guards");
    let on = |g: &Guard| guards.bool(g.name()).unwrap_or(true);
    let mut names = HashSet::new();
    let terms = s.children("terms").iter().filter_map(|t| term(t, &mut names)).collect();
    let patterns = s.children("patterns").iter().filter_map(|p| pattern(p, &mut names)).collect();
    Inspection {
        guards: Guard::ALL.iter().copied().filter(on).collect(),
        injection_threshold: s.fraction("injection_threshold").unwrap_or(0.5),
        allowed_link_hosts: hosts(s, "allowed_link_hosts"),
        terms,
        patterns,
        max_decoded_bytes: size(s, "max_decoded_bytes", 0, 4 << 20, 65_536),
        max_layers: s.integer("max_layers", 0, 8).and_then(|n| u8::try_from(n).ok()).unwrap_or(3),
    }
}

fn size(s: &Section<'_>, key: &'static str, min: u64, max: u64, default: usize) -> usize {
    s.integer(key, min, max).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
}

fn rule_name(s: &Section<'_>, names: &mut HashSet<String>) -> Option<String> {
    let name = s.required("name", "give it a name; records show the name, never the text")?;
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.len() > 64 || !name.bytes().all(fine) {
        s.problem(
            "name",
            format!("`{}` is no name", shown(name)),
            "use 1 to 64 of a-z, A-Z, 0-9, `-`, `_`, `.`",
        );
        return None;
    }
    if !names.insert(name.to_owned()) {
        s.problem("name", format!("`{name}` is there twice"), "give each term and pattern a name of its own");
    }
    Some(name.to_owned())
}

fn term(s: &Section<'_>, names: &mut HashSet<String>) -> Option<Term> {
    let name = rule_name(s, names);
    let text = s.required("text", "write the text to look for");
    let case_sensitive = s.bool("case_sensitive").unwrap_or(false);
    if text.is_some_and(|t| t.len() > 1024) {
        s.problem("text", "is longer than 1024 bytes", "write a shorter text");
    }
    Some(Term { name: name?, text: text?.to_owned(), case_sensitive })
}

fn pattern(s: &Section<'_>, names: &mut HashSet<String>) -> Option<Pattern> {
    let name = rule_name(s, names);
    let regex = s.required("regex", "write a regular expression; single quotes keep backslashes as they are");
    if !s.has("max_len") {
        s.problem(
            "max_len",
            "is missing",
            "write the length of the longest match, in bytes: streams are held back by it",
        );
    }
    let max_len = s.integer("max_len", 1, 4096).and_then(|n| usize::try_from(n).ok());
    if regex.is_some_and(|r| r.len() > 4096) {
        s.problem("regex", "is longer than 4096 bytes", "split it");
    }
    Some(Pattern { name: name?, regex: regex?.to_owned(), max_len: max_len? })
}

fn failure(s: &Section<'_>) -> Failure {
    let words = [("closed", FailureMode::Closed), ("open", FailureMode::Open)];
    let mode = |key| s.choice(key, &words).unwrap_or_default();
    Failure { detector: mode("detector"), store: mode("store") }
}

/// Registries whose advisories can be looked up, by OSV's names.
pub const REGISTRIES: [&str; 7] = ["PyPI", "npm", "crates.io", "Go", "Maven", "NuGet", "RubyGems"];

fn advisories(s: &Section<'_>) -> Advisories {
    let hint = "write where the folders with `all.zip` are, such as https://osv.mirror.example.com";
    let mirror = s.parsed("mirror", hint, BaseUrl::parse);
    // SECURITY: who sits on the way could leave advisories out, or read the credential.
    if mirror.as_ref().is_some_and(|url| !url.https() && !url.is_loopback()) {
        s.problem("mirror", "would be read in the clear", "use https://");
    }
    let mut registries = Vec::new();
    for (at, name) in s.strings("registries") {
        if !REGISTRIES.contains(&name) {
            let known = format!("known here: {}", REGISTRIES.join(", "));
            s.problem_at(at, format!("`{}` is no registry", shown(name)), known);
        }
        registries.push(name.to_owned());
    }
    let ca_file = s.string("ca_file").map(str::to_owned);
    Advisories { mirror, registries, credential: upstreams::credential(s), ca_file }
}

fn ledger(s: &Section<'_>) -> Option<Ledger> {
    let durability = s.choice("durability", &[("sync", Durability::Sync), ("behind", Durability::Behind)]);
    let every = s.integer("publish_every_ms", 10, 3_600_000).unwrap_or(1000);
    let witnesses = witnesses(s);
    let origin =
        s.required("origin", "write the log's name, such as `cordon.example.com/1`; never change it later")?;
    // C2SP tlog-checkpoint: an origin is a non-empty line; a signed note's key name has no space and no `+`.
    if origin.len() > 200 || !origin.bytes().all(|b| b.is_ascii_graphic() && b != b'+') {
        s.problem(
            "origin",
            "is not a log's name",
            "use 1 to 200 printable ASCII characters, without space and `+`",
        );
    }
    let keep = s.child("retention");
    Some(Ledger {
        origin: origin.to_owned(),
        durability: durability.unwrap_or_default(),
        publish_every: Duration::from_millis(every),
        commit: s.bool("commit").unwrap_or(false),
        epoch: days(s, "epoch_days"),
        keep_exchanges: days(&keep, "exchanges_days"),
        keep_control: days(&keep, "control_days"),
        witnesses,
    })
}

/// `[ledger.witnesses]`; `None` when it is not written.
fn witnesses(s: &Section<'_>) -> Option<Witnesses> {
    if !s.has("witnesses") {
        return None;
    }
    let w = s.child("witnesses");
    let policy = w.required("policy", "write the path of a tlog-policy file, such as `witnesses.policy`");
    let every = w.integer("every_ms", 100, 3_600_000).unwrap_or(1000);
    let timeout = w.seconds("timeout_seconds", 100, 60_000).unwrap_or(Duration::from_secs(5));
    let flag = |key| w.bool(key).unwrap_or(false);
    let (allow_private, plaintext) = (flag("allow_private"), flag("plaintext"));
    let ca_file = w.string("ca_file").map(str::to_owned);
    Some(Witnesses {
        policy: policy?.to_owned(),
        every: Duration::from_millis(every),
        timeout,
        allow_private,
        plaintext,
        ca_file,
    })
}

/// A number of days, with decimals, from a second or so up to a century.
fn days(s: &Section<'_>, key: &'static str) -> Option<Duration> {
    // In hundred-thousandths of a day: 864 milliseconds each.
    let parts = s.decimal(key, 5)?;
    if !(1..=36_500 * 100_000).contains(&parts) {
        s.problem(key, "is no number of days that Cordon takes", "write days from 0.00001 to 36500");
        return None;
    }
    Some(Duration::from_millis(parts * 864))
}

fn budgets(root: &Section<'_>, models: &[Model]) -> Vec<ModelBudget> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for s in root.children("budgets") {
        let model = budget_model(&s, models, &mut seen);
        let count = |key| s.integer(key, 1, u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok());
        let tokens = |key| s.integer(key, 1, i64::MAX.unsigned_abs());
        // Read before the model is looked at, so that all problems of a budget show at once.
        let (requests, concurrent) = (count("requests_per_minute"), count("concurrent"));
        let (minute, day) = (tokens("tokens_per_minute"), tokens("tokens_per_day"));
        let (cost_day, cost_month) = (s.decimal("cost_per_day", 6), s.decimal("cost_per_month", 6));
        out.extend(model.map(|model| ModelBudget {
            model,
            requests_per_minute: requests,
            tokens_per_minute: minute,
            tokens_per_day: day,
            cost_per_day_micros: cost_day,
            cost_per_month_micros: cost_month,
            concurrent,
        }));
    }
    out
}

fn budget_model(s: &Section<'_>, models: &[Model], seen: &mut HashSet<ModelName>) -> Option<ModelName> {
    let name = s.required("model", "write the name of one of [[models]]")?;
    let Some(model) = models.iter().find(|m| m.name.as_str() == name) else {
        let alias = models.iter().find(|m| m.names().any(|n| n.as_str() == name));
        let hint = alias.map_or_else(
            || "write the name of one of [[models]]".to_owned(),
            |m| format!("it is an alias; write `{}`", m.name),
        );
        s.problem("model", format!("`{}` is no model", shown(name)), hint);
        return None;
    };
    if !seen.insert(model.name.clone()) {
        s.problem("model", format!("`{name}` has two budgets"), "join them");
    }
    Some(model.name.clone())
}

fn log(s: &Section<'_>) -> Log {
    let levels = LogLevel::ALL.map(|l| (l.name(), l));
    Log {
        level: s.choice("level", &levels).unwrap_or_default(),
        format: s
            .choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            .unwrap_or_default(),
    }
}

fn policies(s: &Section<'_>) -> Policies {
    Policies {
        manifests: s.string("manifests").unwrap_or("agents").to_owned(),
        cedar: s.string("cedar").unwrap_or("policies").to_owned(),
    }
}
