//! Cordon in its variants, each over a data directory of its own.

use crate::client::Shot;
use crate::process::Started;
use crate::prose::MODEL;
use crate::target::{Place, Target, free_port, says};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// One way to run it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Guards that are off.
    pub(crate) off: &'static [&'static str],
    /// Every record is on the disk before the exchange goes on.
    pub(crate) durable: bool,
    /// Measured in every cell, or only where the parts' costs are.
    pub(crate) main: bool,
    /// In words.
    pub(crate) what: &'static str,
}

/// Every variant.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        name: "cordon",
        off: &[],
        durable: true,
        main: true,
        what: "all on: every guard, policy, budgets, every record on the disk before its effect",
    },
    Variant {
        name: "cordon-behind",
        off: &[],
        durable: false,
        main: true,
        what: "all on, the record written behind",
    },
    Variant {
        name: "cordon-checks",
        off: &["injection"],
        durable: false,
        main: true,
        what: "deterministic checks alone: personal data, secrets, exfiltration, operator's terms; policy; record behind",
    },
    Variant {
        name: "cordon-plain",
        off: &["pii", "secrets", "injection", "exfiltration", "terms"],
        durable: false,
        main: true,
        what: "plain forwarding: no guard looks; what cannot be off remains (key, parsing, policy, budgets, record behind)",
    },
    Variant {
        name: "cordon-no-pii",
        off: &["pii"],
        durable: false,
        main: false,
        what: "record behind, no personal data",
    },
    Variant {
        name: "cordon-no-secrets",
        off: &["secrets"],
        durable: false,
        main: false,
        what: "record behind, no secrets",
    },
    Variant {
        name: "cordon-no-exfiltration",
        off: &["exfiltration"],
        durable: false,
        main: false,
        what: "record behind, no exfiltration",
    },
    Variant {
        name: "cordon-no-terms",
        off: &["terms"],
        durable: false,
        main: false,
        what: "record behind, no operator's terms",
    },
];

const CONFIG: &str = r#"[listen]
address = "127.0.0.1:@PORT@"
admin_address = "127.0.0.1:@ADMIN@"

[[upstreams]]
id = "bench"
kind = "openai-compatible"
base_url = "http://@UPSTREAM@/v1"
allow_private = true
pool_idle = 256

[[models]]
name = "@MODEL@"
upstream = "bench"
price = { input = 0.15, output = 0.60, cached = 0.075 }

[inspection]
allowed_link_hosts = ["example.com"]
[inspection.guards]
pii = @pii@
secrets = @secrets@
injection = @injection@
exfiltration = @exfiltration@
terms = @terms@
[[inspection.terms]]
name = "project"
text = "Bluebird Harbour"
[[inspection.terms]]
name = "merger"
text = "Operation Lantern"
[[inspection.patterns]]
name = "customer-number"
regex = 'CUST-[0-9]{8}'
max_len = 13

[[budgets]]
model = "@MODEL@"
tokens_per_day = 1_000_000_000_000_000
cost_per_day = 1_000_000_000

[ledger]
origin = "@ORIGIN@"
durability = "@DURABILITY@"

[log]
level = "warn"
"#;

const MANIFEST: &str = r#"agent = "bench"
owner = "bench@example.com"
purpose = "measuring what Cordon costs"
risk = "limited"
models = ["bench-*"]

[budgets]
requests_per_minute = 4_000_000_000
tokens_per_day = 1_000_000_000_000_000
cost_per_day = 1_000_000_000
concurrent = 2000

[data.prompt]
payment_card = "mask"
us_ssn = "mask"
email = "notify"
injection = "block"

[data.answer]
payment_card = "mask"
api_key = "mask"

[[tools]]
name = "get_weather"
effect = "read"

[[tools]]
name = "search_docs"
effect = "read"

[[tools]]
name = "send_mail"
effect = "send"
[tools.args]
to = { domains = ["example.com"], required = true }
other_args = "allow"
"#;

/// Starts one.
pub(crate) fn start(variant: Variant, place: &Place<'_>) -> anyhow::Result<Target> {
    start_with(variant, place, "", "")
}

/// Starts one with more in its config and manifest.
pub(crate) fn start_with(
    variant: Variant,
    place: &Place<'_>,
    more: &str,
    more_manifest: &str,
) -> anyhow::Result<Target> {
    let manifest = format!("{MANIFEST}{more_manifest}");
    let dir = place.folder.join(variant.name);
    run(Command::new(place.cordon).arg("--data-dir").arg(&dir).arg("init"))?;
    let starter = std::fs::read_to_string(dir.join("cordon.toml"))?;
    let origin = starter.lines().find_map(|l| l.strip_prefix("origin = \"")?.split('"').next());
    let mut config = CONFIG
        .replace("@PORT@", &free_port()?.to_string())
        .replace("@ADMIN@", &free_port()?.to_string())
        .replace("@UPSTREAM@", &place.upstream.to_string())
        .replace("@MODEL@", MODEL)
        .replace("@ORIGIN@", origin.context("the starter config names no origin")?)
        .replace("@DURABILITY@", if variant.durable { "sync" } else { "behind" });
    for guard in ["pii", "secrets", "injection", "exfiltration", "terms"] {
        let on = if variant.off.contains(&guard) { "false" } else { "true" };
        config = config.replace(&format!("@{guard}@"), on);
    }
    config.push_str(more);
    std::fs::write(dir.join("cordon.toml"), &config)?;
    std::fs::write(dir.join("agents/bench.toml"), &manifest)?;
    let _ = std::fs::remove_file(dir.join("agents/dev.toml"));
    let key = dir.join("bench.key");
    run(Command::new(place.cordon)
        .arg("--data-dir")
        .arg(&dir)
        .args(["key", "create", "--agent", "bench", "--out"])
        .arg(&key))?;
    let key = std::fs::read_to_string(key)?;
    let mut command = Command::new(place.cordon);
    command.arg("--data-dir").arg(&dir).args(["serve", "--json"]);
    let (process, line) = Started::with_line(variant.name, &mut command, &dir.join("log"))?;
    let address = address(&line)?;
    Ok(Target {
        name: variant.name.to_owned(),
        shot: Arc::new(Shot::new(address, &[("authorization", &format!("Bearer {}", key.trim()))])?),
        process: Some(process),
        what: variant.what.to_owned(),
        version: says(Command::new(place.cordon).arg("--version")),
        config: format!("{config}\n# agents/bench.toml\n{manifest}"),
        guarded: None,
    })
}

fn address(line: &str) -> anyhow::Result<std::net::SocketAddr> {
    let json: serde_json::Value =
        serde_json::from_str(line).with_context(|| format!("cordon said: {line}"))?;
    let url = json.get("openai_base_url").and_then(|u| u.as_str()).context("cordon gave no address")?;
    Ok(url.trim_start_matches("http://").trim_end_matches("/v1").parse()?)
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let out = command.output().context("cordon cannot be started: build it first")?;
    if !out.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}

/// What the ledger of a data directory takes, in MB.
pub(crate) fn ledger_mb(dir: &Path) -> f64 {
    fn size(path: &Path) -> u64 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|e| match e.metadata() {
                Ok(m) if m.is_dir() => size(&e.path()),
                Ok(m) => m.len(),
                Err(_) => 0,
            })
            .sum()
    }
    #[allow(clippy::cast_precision_loss, reason = "a size for people")]
    let bytes = size(&dir.join("ledger")) as f64;
    bytes / 1e6
}
