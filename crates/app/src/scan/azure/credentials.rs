//! As whom Azure is asked: a token that the operator brings, or a client's own credentials.
//!
//! What always holds: a secret comes from the environment or from a file that its owner alone reads, and never from the
//! command line, which other users of a machine can see; it goes to the one place that it is for, encrypted, but for a
//! server on this very machine; no error names it.

use super::{AzureQuery, fail, place};
use crate::error::AppError;
use cordon_types::Secret;
use cordon_upstream::BaseUrl;
use cordon_upstream::oauth::{Bearer, Grant, Reach, TokenSettings, Web};
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file of a secret or token.
const MAX_FILE: u64 = 64 * 1024;
/// Longest name of a tenant or client.
const MAX_NAME: usize = 128;

/// What is known before anything is asked.
#[derive(Debug)]
pub(super) enum Credentials {
    /// A token.
    Token(Bearer),
    /// What a token is asked for with.
    Client(Box<TokenSettings>),
}

/// Reads a variable of the environment; a test gives its own.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Finds them: a file that is named comes before the environment, a token before a secret.
pub(super) fn find(
    query: &AzureQuery,
    base: &BaseUrl,
    environment: Environment<'_>,
) -> Result<Credentials, AppError> {
    let token = match (&query.token_file, &query.secret_file) {
        (Some(path), _) => Some(secret_file(path)?),
        (None, Some(_)) => None,
        (None, None) => environment("AZURE_ACCESS_TOKEN").map(Secret::new),
    };
    if let Some(token) = token {
        let bearer = Bearer::brought(Secret::new(token.expose().trim().to_owned()));
        return Ok(Credentials::Token(bearer.map_err(|e| fail(format!("the access token: {e}")))?));
    }
    let secret = match &query.secret_file {
        Some(path) => Some(secret_file(path)?),
        None => environment("AZURE_CLIENT_SECRET").map(Secret::new),
    };
    let Some(secret) = secret else {
        return Err(fail(
            "no credential: set AZURE_ACCESS_TOKEN (`az account get-access-token --query accessToken -o tsv`), or \
             AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or name a file with --azure-token-file or \
             --azure-secret-file"
                .to_owned(),
        ));
    };
    let tenant = named(query.tenant.as_deref(), "--azure-tenant", "AZURE_TENANT_ID", environment)?;
    let client = named(query.client.as_deref(), "--azure-client-id", "AZURE_CLIENT_ID", environment)?;
    let (authority, allow) = place(&query.authority, "--azure-authority")?;
    let mut settings = TokenSettings::new(
        Grant::ClientCredentials,
        &format!("{authority}/{tenant}/oauth2/v2.0/token"),
        &client,
    );
    settings.client_secret = Some(Secret::new(secret.expose().trim().to_owned()));
    // Entra takes both; the body is what its own documentation shows.
    settings.post = true;
    settings.scopes = vec![format!("{base}/.default")];
    settings.reach = Reach { allow_private: authority.is_tls(), allow, ca: None };
    Ok(Credentials::Client(Box::new(settings)))
}

impl Credentials {
    /// The token that goes with the query.
    pub(super) async fn token(self, web: &Web) -> Result<Bearer, AppError> {
        match self {
            Self::Token(bearer) => Ok(bearer),
            Self::Client(settings) => Box::pin(Bearer::asked(web, &settings)).await.map_err(|e| {
                fail(format!("no token: {e} (tenant, client id and secret must belong together)"))
            }),
        }
    }
}

/// A tenant's or client's name, from its option or the environment.
fn named(
    option: Option<&str>,
    flag: &str,
    variable: &str,
    environment: Environment<'_>,
) -> Result<String, AppError> {
    let found = option.map(str::to_owned).or_else(|| environment(variable));
    let name = found.ok_or_else(|| fail(format!("a client's secret needs {flag} or {variable}")))?;
    // It becomes a part of a path.
    let fine = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && !name.starts_with('.');
    if !fine {
        return Err(fail(format!("{flag} or {variable}: write an id or a domain")));
    }
    Ok(name)
}

/// A secret in a file that its owner alone reads.
fn secret_file(path: &Path) -> Result<Secret, AppError> {
    let bad = |e| AppError::file(path, "reading it", e);
    let file = std::fs::File::open(path).map_err(bad)?;
    let about = file.metadata().map_err(bad)?;
    if !about.is_file() || about.len() > MAX_FILE {
        return Err(fail(format!("{}: a secret is a file of at most 64 KiB", path.display())));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
        let text = format!("{}: others may read this secret; `chmod 600` it first", path.display());
        return Err(fail(text));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE).read_to_string(&mut text).map_err(bad)?;
    if text.trim().is_empty() {
        return Err(fail(format!("{}: it is empty", path.display())));
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// The environment of this process.
#[allow(clippy::disallowed_methods, reason = "the environment is read here and handed on as values")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
