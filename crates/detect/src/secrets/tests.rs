//! Tables: credentials of each form, exactly where, and what only looks like one.

use crate::{Detectors, Guards, Settings};
use cordon_types::{FindingKind, Guard, SpanKind};
use std::sync::OnceLock;

fn found(text: &str) -> Vec<(FindingKind, &'static str, &str)> {
    static ALL: OnceLock<Detectors> = OnceLock::new();
    let d = ALL.get_or_init(|| Detectors::new(&Settings::default()).unwrap());
    let report = d.scan(text, SpanKind::User, Guards::NONE.with(Guard::Secrets));
    report.findings.into_iter().map(|f| (f.kind, f.rule, text.get(f.range).unwrap())).collect()
}

#[track_caller]
fn check(text: &str, rule: &str, value: &str) {
    let all = found(text);
    assert!(all.iter().any(|(_, r, v)| *r == rule && *v == value), "{text:?}: {all:?}");
}

/// Test values are put together here, so that no scanner takes this file for a leak.
fn made(prefix: &str, len: usize) -> String {
    let tail = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
    prefix.chars().chain(tail.chars().cycle().take(len)).collect()
}

fn hex(prefix: &str, len: usize) -> String {
    prefix.chars().chain("0a1b2c3d4e5f6789".chars().cycle().take(len)).collect()
}

#[test]
fn providers() {
    for (key, rule) in [
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "aws.access_key_id"),
        (made("ghp_", 36), "github.personal"),
        (made("github_pat_", 82), "github.fine_grained"),
        (made("glpat-", 20), "gitlab.personal"),
        (made("xoxb-123456789012-", 24), "slack.bot"),
        (made("AIza", 35), "google.api_key"),
        (made("GOCSPX-", 28), "google.client_secret"),
        (made("sk_live_", 24), "stripe.secret"),
        (made("sk-proj-", 48), "openai.project"),
        (made("sk-", 48), "openai.key"),
        (made("sk-ant-api03-", 95), "anthropic.key"),
        (made("npm_", 36), "npm.token"),
        (made("pypi-AgEIcHlwaS5vcmc", 80), "pypi.token"),
        (made("hf_", 34), "huggingface.token"),
        (hex("dop_v1_", 64), "digitalocean.personal"),
        (hex("dapi", 32), "databricks.token"),
        (hex("SK", 32), "twilio.key"),
        (format!("{}.{}", made("SG.", 22), made("", 43)), "sendgrid.key"),
        (made("123456789:AA", 33), "telegram.bot"),
        (made("https://hooks.slack.com/services/T00000000/B00000000/", 24), "slack.webhook"),
    ] {
        check(&format!("the key is {key}, keep it"), rule, &key);
        check(&format!("{{\"k\":\"{key}\"}}"), rule, &key);
        check(&format!("KEY={key}"), rule, &key);
    }
}

#[test]
fn assignments() {
    check(
        "api_key = \"a8f5f167f44f4964e6c998dee827110c\"",
        "generic.key",
        "a8f5f167f44f4964e6c998dee827110c",
    );
    check("password: hunter22!", "generic.password", "hunter22");
    check("\"password\": \"Tr0ub4dor&3\"", "generic.password", "Tr0ub4dor&3");
    check("Authorization: Bearer abcdef0123456789ABCDEF", "http.bearer", "abcdef0123456789ABCDEF");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
    check(&format!("aws_secret_access_key = {secret}"), "aws.secret_access_key", secret);
}

#[test]
fn blocks_tokens_and_connections() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB\naFDrBz9vFqU4\n-----END RSA PRIVATE KEY-----";
    check(&format!("key:\n{pem}\nend"), "key.pem", pem);
    let escaped = pem.replace('\n', "\\n");
    check(&format!("\"private_key\": \"{escaped}\""), "key.pem", &escaped);
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    check(&format!("token {jwt}."), "jwt.signed", jwt);
    for (text, rule) in [
        ("postgres://app:s3cr3t@db.internal:5432/x", "connection.url"),
        ("mongodb+srv://u:p4ss@cluster0.example.net/db?retryWrites=true", "connection.url"),
        ("redis://:p4ssw0rd@cache:6379/0", "connection.url"),
        ("Server=tcp:db1,1433;Database=x y;User Id=sa;Password=Zx81q;", "connection.pairs"),
        ("Data Source=db1;User Id=sa;Password=Zx81q;", "connection.pairs"),
        ("jdbc:postgresql://h/db?user=a&password=b1c2", "connection.jdbc"),
    ] {
        check(&format!("use {text} here"), rule, text);
    }
}

#[test]
fn look_alikes() {
    for text in [
        "password: <your password>",
        "password = os.environ[\"PW\"]",
        "api_key = \"your-api-key-goes-here-12345\"",
        "the password is required",
        "token: string",
        "secret: ${SECRET}",
        "sk-learn-contrib-is-a-package-name-of-theirs",
        "https://user@host/path",
        "postgres://user:${PW}@host/db",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "-----BEGIN PRIVATE KEY----- is the header of the file",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "AKIA1234",
        "eyJ.eyJ.eyJ",
        "sha512-abcdefghijklmnopqrstuvwxyz0123456789+/==",
        "task-management",
        "max_tokens: 4096",
        "Server=foo is up",
        "Bearer tokens are used",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        assert_eq!(found(text), [], "{text:?}");
    }
}
