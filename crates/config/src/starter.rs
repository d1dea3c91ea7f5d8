//! The config and the manifest that a first start writes: they make the main job work with no provider key and no
//! network, and show by example how to go on.
//!
//! What always holds: both are read by the same readers as any other, and a test does so.

/// A starter config. `origin` names the ledger for its whole life; it must fit `[ledger] origin`.
#[must_use]
pub fn starter(origin: &str) -> String {
    STARTER.replace("@ORIGIN@", origin)
}

/// A starter manifest for `agent`.
#[must_use]
pub fn starter_manifest(agent: &str) -> String {
    MANIFEST.replace("@AGENT@", agent)
}

const STARTER: &str = r#"# Cordon's config. After a change: `cordon check`, then send SIGHUP (or wait a moment: changes are noticed).
# Every setting, its default and its reason: docs/configuration.md

[listen]
address = "127.0.0.1:8480"        # clients' base URL: http://127.0.0.1:8480/v1 (OpenAI), http://127.0.0.1:8480 (Anthropic)
admin_address = "127.0.0.1:8481"  # health, metrics, administration
# [listen.tls]                    # needed before listening beyond this machine
# cert = "/etc/cordon/cert.pem"
# key = "/etc/cordon/key.pem"

# ---- where model calls go ----

# Built in: the most credulous model there is. It obeys whatever it reads. No key, no network.
[[upstreams]]
id = "gullible"
kind = "gullible"

# [[upstreams]]
# id = "openai"
# kind = "openai"
# base_url = "https://api.openai.com/v1"
# credential = { env = "OPENAI_API_KEY" }      # or { file = "/path" }, or { systemd = "name" }

# [[upstreams]]
# id = "anthropic"
# kind = "anthropic"
# base_url = "https://api.anthropic.com"
# credential = { env = "ANTHROPIC_API_KEY" }

# Ollama, vLLM, llama.cpp or any other server that speaks OpenAI's dialect.
# [[upstreams]]
# id = "ollama"
# kind = "openai-compatible"
# base_url = "http://127.0.0.1:11434/v1"
# allow_private = true

# ---- which models there are: a name that stands here, or no call ----

[[models]]
name = "gullible"
aliases = ["gullible-mini"]
upstream = "gullible"
price = { input = 0.15, output = 0.60, cached = 0.075 }   # for a million tokens

# [[models]]
# name = "gpt-4o-mini"
# upstream = "openai"
# price = { input = 0.15, output = 0.60, cached = 0.075 }
# max_output_tokens = 4096

# [[models]]
# name = "claude-sonnet-4-5"
# upstream = "anthropic"
# price = { input = 3, output = 15, cached = 0.30 }

# [[models]]
# name = "llama"
# upstream = "ollama"
# upstream_name = "llama3.2:3b"

# ---- what is looked for; every guard is on unless switched off here ----

[inspection]
allowed_link_hosts = []           # hosts to which links and images in answers are no leak
# [inspection.guards]
# pii = true
# [[inspection.terms]]
# name = "project-code-name"
# text = "Bluebird"
# [[inspection.patterns]]
# name = "customer-number"
# regex = 'CUST-[0-9]{8}'
# max_len = 13

# ---- what one model may use, over all agents together; agents' own budgets stand in their manifests ----

# [[budgets]]
# model = "gpt-4o-mini"
# cost_per_day = 25

# ---- calls that wait for a person: `cordon approvals` ----

# [approvals]
# timeout = "10m"                 # then it is denied
# webhook = "https://hooks.example.com/cordon"   # told that a call waits; never what it says

[ledger]
origin = "@ORIGIN@"               # the log's name: never change it
durability = "sync"               # "behind" acknowledges before the disk: a crash can lose the last records

[log]
level = "info"
format = "text"                   # or "json"

[policies]
manifests = "agents"              # one file an agent
cedar = "policies"                # your own Cedar policies
"#;

const MANIFEST: &str = r#"# What the agent `@AGENT@` may do. What does not stand here, it may not. After a change: `cordon check`.
# Read it as Cedar: `cordon policy explain --help`

agent = "@AGENT@"
owner = "you@example.com"
purpose = "trying out Cordon"
risk = "limited"                  # minimal | limited | high
mode = "enforce"                  # observe: record what would be denied, for at most 14 days
models = ["gullible*"]
features = []                     # what a provider does on its own side, by name; nothing unless named
betas = []

[budgets]
requests_per_minute = 600
tokens_per_day = 2_000_000
concurrent = 64

# What happens to each kind of finding: allow | notify | mask | redact | block. Kinds not named have safe defaults.
[data.prompt]
payment_card = "mask"
injection = "block"

[data.answer]
payment_card = "mask"

[[tools]]
name = "get_weather"
effect = "read"

[[tools]]
name = "search_docs"
effect = "read"

[[tools]]
name = "send_mail"
effect = "send"
target = ["to"]                   # who says where it goes: the user, a trusted tool, or what [tools.cleared] clears;
untrusted = "ask"                 # else a person is asked (`cordon approvals`); or "refuse"
[tools.cleared]
to = { domains = ["example.com"] }
[tools.args]
to = { domains = ["example.com"], required = true }
subject = {}                      # any value; an argument that does not stand here (`bcc`, say) refuses the call
body = {}
"#;
