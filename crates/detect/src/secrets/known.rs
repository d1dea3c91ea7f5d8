//! Keys and tokens with a prefix of their own, as their issuers document them.

use crate::view::decode::base64_bytes;
use crate::view::literals::LOOK;
use crate::view::{Sink, ViewText, byte, byte_before};
use cordon_types::FindingKind;
use std::collections::BTreeSet;

/// What the characters after a prefix may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charset {
    /// A-Z and 2-7 (and the other digits, which older ids have).
    Upper,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`.
    Word,
    /// Letters, digits, `_`, `-`.
    Url,
    /// Letters, digits, `_`, `-`, `.`.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`.
    Base64,
    /// 0-9 and a-f.
    Hex,
}

impl Charset {
    fn holds(self, b: u8) -> bool {
        match self {
            Charset::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Charset::Alnum => b.is_ascii_alphanumeric(),
            Charset::Word => b.is_ascii_alphanumeric() || b == b'_',
            Charset::Url => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'),
            Charset::Dotted => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'),
            Charset::Base64 => b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='),
            Charset::Hex => b.is_ascii_digit() || matches!(b, b'a'..=b'f'),
        }
    }
}

/// A form: prefix (case counts), characters and number of what follows.
#[derive(Debug)]
pub(crate) struct Known {
    pub(super) prefix: &'static str,
    charset: Charset,
    min: usize,
    max: usize,
    rule: &'static str,
    what: &'static str,
}

impl Known {
    /// The lower-case literals that lead to it: its prefix, or where that is too short to look for by itself, the
    /// prefix with each character that may follow.
    pub(super) fn literals(&self) -> BTreeSet<String> {
        let prefix = self.prefix.to_ascii_lowercase();
        if prefix.len() >= LOOK {
            return BTreeSet::from([prefix]);
        }
        let following =
            (0..=0x7f).filter(|b| self.charset.holds(*b)).map(|b| char::from(b.to_ascii_lowercase()));
        following.map(|c| format!("{prefix}{c}")).collect()
    }
}

const fn k(
    prefix: &'static str,
    charset: Charset,
    min: usize,
    max: usize,
    rule: &'static str,
    what: &'static str,
) -> Known {
    Known { prefix, charset, min, max, rule, what }
}

use Charset::{Alnum, Base64, Dotted, Hex, Upper, Url, Word};

/// Every form. A longer token than `max` is not one.
pub(crate) const TABLE: &[Known] = &[
    k("AKIA", Upper, 16, 16, "aws.access_key_id", "an AWS access key id"),
    k("ASIA", Upper, 16, 16, "aws.temporary_key_id", "an AWS temporary access key id"),
    k("ABIA", Upper, 16, 16, "aws.bearer_key_id", "an AWS service bearer token id"),
    k("ghp_", Alnum, 36, 255, "github.personal", "a GitHub personal access token (classic)"),
    k("gho_", Alnum, 36, 255, "github.oauth", "a GitHub OAuth token"),
    k("ghu_", Alnum, 36, 255, "github.user_to_server", "a GitHub user-to-server token"),
    k("ghs_", Alnum, 36, 255, "github.server_to_server", "a GitHub server-to-server token"),
    k("ghr_", Alnum, 36, 255, "github.refresh", "a GitHub refresh token"),
    k("github_pat_", Word, 50, 255, "github.fine_grained", "a GitHub fine-grained personal access token"),
    k("glpat-", Dotted, 20, 300, "gitlab.personal", "a GitLab personal access token"),
    k("gldt-", Url, 20, 64, "gitlab.deploy", "a GitLab deploy token"),
    k("glrt-", Dotted, 20, 300, "gitlab.runner", "a GitLab runner token"),
    k("glptt-", Hex, 40, 40, "gitlab.trigger", "a GitLab pipeline trigger token"),
    k("glcbt-", Dotted, 20, 300, "gitlab.job", "a GitLab job token"),
    k("xoxb-", Url, 20, 255, "slack.bot", "a Slack bot token"),
    k("xoxp-", Url, 20, 255, "slack.user", "a Slack user token"),
    k("xoxa-", Url, 20, 255, "slack.workspace", "a Slack workspace token"),
    k("xoxr-", Url, 20, 255, "slack.refresh", "a Slack refresh token"),
    k("xoxs-", Url, 20, 255, "slack.session", "a Slack session token"),
    k("xapp-", Url, 20, 255, "slack.app", "a Slack app-level token"),
    k("AIza", Url, 35, 35, "google.api_key", "a Google API key"),
    k("ya29.", Url, 20, 2048, "google.oauth", "a Google OAuth access token"),
    k("GOCSPX-", Url, 28, 28, "google.client_secret", "a Google OAuth client secret"),
    k("sk_live_", Alnum, 16, 255, "stripe.secret", "a Stripe secret key"),
    k("sk_test_", Alnum, 16, 255, "stripe.secret_test", "a Stripe secret key (test mode)"),
    k("rk_live_", Alnum, 16, 255, "stripe.restricted", "a Stripe restricted key"),
    k("rk_test_", Alnum, 16, 255, "stripe.restricted_test", "a Stripe restricted key (test mode)"),
    k("whsec_", Base64, 24, 128, "stripe.webhook", "a Stripe webhook signing secret"),
    k("sk-ant-", Url, 20, 255, "anthropic.key", "an Anthropic API key"),
    k("sk-proj-", Url, 20, 255, "openai.project", "an OpenAI project key"),
    k("sk-svcacct-", Url, 20, 255, "openai.service", "an OpenAI service account key"),
    k("sk-admin-", Url, 20, 255, "openai.admin", "an OpenAI admin key"),
    k("sk-or-v1-", Hex, 64, 64, "openrouter.key", "an OpenRouter key"),
    k("sk-", Alnum, 32, 64, "openai.key", "an OpenAI key of the older form, or one in its likeness"),
    k("SG.", Dotted, 60, 72, "sendgrid.key", "a SendGrid API key"),
    k("SK", Hex, 32, 32, "twilio.key", "a Twilio API key id"),
    k("AC", Hex, 32, 32, "twilio.account", "a Twilio account id"),
    k("npm_", Alnum, 36, 36, "npm.token", "an npm access token"),
    k("pypi-AgE", Url, 50, 1000, "pypi.token", "a PyPI upload token"),
    k("hf_", Alnum, 30, 64, "huggingface.token", "a Hugging Face token"),
    k("dop_v1_", Hex, 64, 64, "digitalocean.personal", "a DigitalOcean personal access token"),
    k("doo_v1_", Hex, 64, 64, "digitalocean.oauth", "a DigitalOcean OAuth token"),
    k("dor_v1_", Hex, 64, 64, "digitalocean.refresh", "a DigitalOcean refresh token"),
    k("dapi", Hex, 32, 32, "databricks.token", "a Databricks token"),
    k("shpat_", Hex, 32, 32, "shopify.token", "a Shopify admin token"),
    k("xkeysib-", Url, 64, 90, "brevo.key", "a Brevo key"),
    k("dckr_pat_", Url, 20, 64, "docker.token", "a Docker Hub token"),
    k("gsk_", Alnum, 40, 64, "groq.key", "a Groq key"),
    k("xai-", Alnum, 60, 100, "xai.key", "an xAI key"),
    k("r8_", Alnum, 37, 37, "replicate.token", "a Replicate token"),
    k("pplx-", Alnum, 40, 64, "perplexity.key", "a Perplexity key"),
    k("hvs.", Url, 20, 200, "vault.token", "a HashiCorp Vault token"),
    k("AccountKey=", Base64, 80, 90, "azure.account_key", "an Azure storage account key"),
    k("SharedAccessKey=", Base64, 40, 60, "azure.shared_access_key", "an Azure shared access key"),
    k("AGE-SECRET-KEY-1", Upper, 50, 64, "age.secret_key", "an age identity"),
];

/// Rules of the table, for the catalogue.
pub(crate) fn catalogue() -> impl Iterator<Item = (FindingKind, &'static str, &'static str)> {
    TABLE.iter().map(|k| (FindingKind::ApiKey, k.rule, k.what))
}

/// Checks the form whose prefix begins at `start`.
pub(super) fn check(view: &ViewText<'_>, known: &Known, start: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    if start < view.floor || !view.text.get(start..).is_some_and(|t| t.starts_with(known.prefix)) {
        return;
    }
    let before = byte_before(bytes, start);
    if before.is_ascii_alphanumeric() || before == b'_' && !known.prefix.ends_with('=') {
        return;
    }
    let from = start + known.prefix.len();
    let mut end = from;
    while known.charset.holds(byte(bytes, end)) && end - from <= known.max {
        end += 1;
    }
    // A full stop or dash at the end belongs to the sentence.
    while matches!(byte_before(bytes, end), b'.' | b'-') && end > from {
        end -= 1;
    }
    let len = end - from;
    let next = byte(bytes, end);
    if len < known.min || len > known.max || next.is_ascii_alphanumeric() {
        return;
    }
    let tail = bytes.get(from..end).unwrap_or(&[]);
    if !varied(tail) || (known.prefix == "sk-" && !(tail.iter().any(u8::is_ascii_digit))) {
        return;
    }
    let value = if known.prefix.ends_with('=') { from } else { start };
    sink.found(value..end, FindingKind::ApiKey, 950, known.rule);
}

/// Not `xxxxxxxx`: at least six different characters.
pub(super) fn varied(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    for b in value {
        if let Some(s) = seen.get_mut(usize::from(*b)) {
            *s = true;
        }
    }
    seen.iter().filter(|s| **s).count() >= 6
}

fn url_end(view: &ViewText<'_>, mut at: usize) -> usize {
    while Charset::Url.holds(byte(view.text.as_bytes(), at)) {
        at += 1;
    }
    at
}

/// A JSON web token (RFC 7519): header, payload, signature, the header JSON with `alg`.
pub(super) fn jwt(view: &ViewText<'_>, start: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let before = byte_before(bytes, start);
    if start < view.floor
        || Charset::Dotted.holds(before)
        || !view.text.get(start..).is_some_and(|t| t.starts_with("eyJ"))
    {
        return;
    }
    let header_end = url_end(view, start);
    if byte(bytes, header_end) != b'.' || header_end - start < 12 {
        return;
    }
    let payload_end = url_end(view, header_end + 1);
    if payload_end - header_end < 3 || byte(bytes, payload_end) != b'.' {
        return;
    }
    let mut end = url_end(view, payload_end + 1);
    // JWE (RFC 7516) has five parts.
    for _ in 0..2 {
        if byte(bytes, end) == b'.' && Charset::Url.holds(byte(bytes, end + 1)) {
            end = url_end(view, end + 1);
        }
    }
    let header = view.text.get(start..header_end).map(base64_bytes).unwrap_or_default();
    if header.starts_with(b"{") && memchr::memmem::find(&header, b"\"alg\"").is_some() {
        sink.found(start..end, FindingKind::Jwt, 980, "jwt.signed");
    }
}

/// `123456789:AA...`: a Telegram bot token; the colon stands at `colon`.
pub(super) fn telegram(view: &ViewText<'_>, colon: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let mut start = colon;
    while byte_before(bytes, start).is_ascii_digit() && colon - start < 12 {
        start -= 1;
    }
    let end = url_end(view, colon + 1);
    let before = byte_before(bytes, start);
    let bot = view.behind_lower(start).ends_with("bot");
    if start < view.floor || (before.is_ascii_alphanumeric() && !bot) {
        return;
    }
    let exact = byte(bytes, colon + 1) == b'A' && byte(bytes, colon + 2) == b'A';
    if exact && (8..=10).contains(&(colon - start)) && end - colon - 1 == 35 {
        sink.found(start..end, FindingKind::ApiKey, 950, "telegram.bot");
    }
}

/// A Slack webhook: the whole URL is the secret.
pub(super) fn webhook(view: &ViewText<'_>, host: usize, sink: &mut Sink) {
    let bytes = view.text.as_bytes();
    let start = if view.behind_lower(host).ends_with("https://") { host - 8 } else { host };
    let mut end = host + "hooks.slack.com/services/".len();
    let from = end;
    while byte(bytes, end).is_ascii_alphanumeric() || byte(bytes, end) == b'/' {
        end += 1;
    }
    if start >= view.floor && end - from >= 30 {
        sink.found(start..end, FindingKind::ApiKey, 950, "slack.webhook");
    }
}
