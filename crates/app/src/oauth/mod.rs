//! OAuth in a running gateway: whose access tokens are taken, and their keys; the refresh tokens that it holds.

mod issuers;
pub mod vault;

pub(crate) use issuers::{Issuers, check};

use crate::error::AppError;
use cordon_config::{Grant, ServerWay};
use cordon_types::{Secret, ServerId};
use std::path::Path;
use vault::{MAX_TOKEN, Vault};

/// The servers whose tokens are got by a stored refresh token, and whether one is stored.
pub fn with_refresh_tokens(root: &Path) -> Result<Vec<(ServerId, bool)>, AppError> {
    let config = cordon_config::parse("cordon.toml", &crate::data::read(&root.join("cordon.toml"))?)?;
    let vault = Vault::new(root);
    let by_refresh = |way: &ServerWay| match way {
        ServerWay::Http { oauth, .. } => oauth.as_ref().is_some_and(|o| o.grant == Grant::RefreshToken),
        ServerWay::Stdio { .. } => false,
    };
    let servers = config.servers.into_iter().filter(|s| by_refresh(&s.way));
    Ok(servers.map(|s| (s.id.clone(), vault.has(&s.id))).collect())
}

/// Puts a server's refresh token in. A gateway that runs goes by it at once; false where none runs.
pub fn put_refresh_token(root: &Path, server: &ServerId, token: &Secret) -> Result<bool, AppError> {
    let text = token.expose();
    let bad = |reason: &str| AppError::Token { server: server.to_string(), reason: reason.to_owned() };
    if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("it must be one line of 1 to 16384 printable ASCII characters"));
    }
    if !with_refresh_tokens(root)?.iter().any(|(id, _)| id == server) {
        return Err(bad("no server of that id has `oauth` with `grant = \"refresh_token\"` in cordon.toml"));
    }
    Vault::new(root).set(server, token)?;
    reload(root)
}

/// Takes a server's refresh token out; none where there was none, else whether a gateway runs and forgot its tokens.
pub fn remove_refresh_token(root: &Path, server: &ServerId) -> Result<Option<bool>, AppError> {
    if !Vault::new(root).remove(server)? {
        return Ok(None);
    }
    reload(root).map(Some)
}

/// Has a running gateway let go of the tokens that it got by the old refresh token.
fn reload(root: &Path) -> Result<bool, AppError> {
    if std::os::unix::net::UnixStream::connect(root.join("control.sock")).is_err() {
        return Ok(false);
    }
    let reply = crate::control::ask(root, "POST", "/cordon/v1/reload", "")?;
    Ok(reply.status == 200)
}
