//! Requests to servers on the network, with the gateway's own token where a server takes one.
//!
//! ```text
//! token --request--> server --401--> another token, once --request--> server
//! ```
//! What always holds: what a server is shown was got for it by the gateway; the caller's own token is given to
//! [`Tokens`](cordon_upstream::oauth::Tokens) alone, which exchanges it where the operator said so.

use crate::mcp::failure::Failure;
use crate::mcp::link::Words;
use crate::mcp::server::Server;
use crate::worker::Worker;
use cordon_identity::oauth::Verified;
use cordon_policy::Permit;
use cordon_upstream::oauth::{Bearer, Subject, TokenFailure};
use cordon_upstream::{ApiRequest, Incoming, ToolRequest};
use http::StatusCode;
use std::sync::Arc;

/// On whose behalf: a caller that came with a token.
pub(crate) type Behalf = Option<Arc<Verified>>;

/// Sends a request; its answer is none that says "unauthorized".
pub(crate) async fn send(
    worker: &Worker,
    server: &Server,
    words: &Words,
    behalf: &Behalf,
    mut request: ToolRequest,
) -> Result<Incoming, Failure> {
    request.bearer = bearer(worker, server, behalf, None).await?;
    let answer = once(worker, server, words, request.clone()).await?;
    if answer.status != StatusCode::UNAUTHORIZED {
        return Ok(answer);
    }
    drop(answer);
    let Some(refused) = request.bearer.take() else { return Err(unauthorized()) };
    // RFC 6750, section 3.1: it did nothing, so the same may be sent again.
    request.bearer = bearer(worker, server, behalf, Some(&refused)).await?;
    let answer = once(worker, server, words, request).await?;
    if answer.status == StatusCode::UNAUTHORIZED { Err(unauthorized()) } else { Ok(answer) }
}

/// Calls an HTTP interface, with the gateway's token for it where it takes one; the answer, and that token.
pub(crate) async fn call(
    worker: &Worker,
    server: &Server,
    permit: &Permit,
    behalf: &Behalf,
    mut request: ApiRequest,
) -> Result<(Incoming, Option<Bearer>), Failure> {
    request.bearer = bearer(worker, server, behalf, None).await?;
    let answer = worker.tools().call(permit, server.id(), request.clone()).await?;
    let refused = match request.bearer.take() {
        Some(refused) if answer.status == StatusCode::UNAUTHORIZED => refused,
        token => return Ok((answer, token)),
    };
    drop(answer);
    request.bearer = bearer(worker, server, behalf, Some(&refused)).await?;
    let token = request.bearer.clone();
    let answer = worker.tools().call(permit, server.id(), request).await?;
    if answer.status == StatusCode::UNAUTHORIZED { Err(unauthorized()) } else { Ok((answer, token)) }
}

async fn bearer(
    worker: &Worker,
    server: &Server,
    behalf: &Behalf,
    refused: Option<&Bearer>,
) -> Result<Option<Bearer>, Failure> {
    let subject =
        behalf.as_deref().map(|v| Subject { token: &v.token, issuer: &v.issuer, expires: v.expires });
    let tokens = &worker.shared.tokens;
    Ok(tokens.bearer(&worker.spawner, server.id(), subject, refused).await?)
}

async fn once(
    worker: &Worker,
    server: &Server,
    words: &Words,
    request: ToolRequest,
) -> Result<Incoming, Failure> {
    let tools = worker.tools();
    let sent = match words {
        Words::Own => tools.send_own(server.id(), request).await,
        Words::Permitted(permit) => tools.send(permit, server.id(), request).await,
    };
    Ok(sent?)
}

fn unauthorized() -> Failure {
    let public = "the tool server does not take the gateway's credential; ask the operator of this gateway";
    let detail = "status 401: look at the server's `credential` or `oauth`".to_owned();
    Failure { detail, ..Failure::new("upstream_auth", public) }
}

impl From<TokenFailure> for Failure {
    fn from(e: TokenFailure) -> Self {
        Failure { detail: e.to_string(), ..Failure::new("upstream_auth", e.public()) }
    }
}
