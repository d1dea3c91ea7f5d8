//! A server of the operator's that is no model provider: a witness of the ledger.
//!
//! What always holds: the same address checks, TLS and limits as for an upstream; no credential is sent; no
//! redirect is followed; an answer is read to a bound. It takes no [`cordon_policy::Permit`], since no caller's
//! bytes go this way: what is posted is made by Cordon itself (checkpoints and proofs, which hold no content).

use crate::{
    client::{Outgoing, Server, Spawn},
    dial::{Roots, System},
    error::UpstreamError,
    settings::{AuthStyle, Settings, Target},
};
use bytes::Bytes;
use cordon_types::Clock;
use http::{HeaderMap, HeaderValue, Method, header};
use std::{sync::Arc, time::Duration};

/// A connection to one such server. Belongs to the runtime of its spawner.
pub struct Peer {
    server: Server,
    idle: Duration,
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Peer {
    /// Checks the settings. Nothing is connected yet. Refuses settings with a credential.
    pub fn new(
        settings: &Settings,
        spawner: Arc<dyn Spawn>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let wrong = |reason: &str| UpstreamError::Settings { id: settings.id.clone(), reason: reason.to_owned() };
        let Target::Url(base) = &settings.target else {
            return Err(wrong("it must be a url"));
        };
        if settings.credential.is_some() || settings.auth != AuthStyle::None {
            return Err(wrong("it takes no credential"));
        }
        let roots = if base.is_tls() { Roots::system() } else { Roots::none() };
        let server = Server::new(settings, base, &roots, Arc::new(System), spawner, clock)?;
        Ok(Self { server, idle: settings.idle })
    }

    /// Posts text, and reads an answer of at most `most` bytes.
    pub async fn post(
        &self,
        path: &'static str,
        text: String,
        most: usize,
    ) -> Result<PeerAnswer, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let request =
            Outgoing { method: Method::POST, path: path.into(), headers, body: Bytes::from(text.into_bytes()) };
        let mut answer = self.server.exchange(request, self.idle).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.body.chunk().await {
            body.extend_from_slice(&chunk?);
            if body.len() > most {
                return Err(UpstreamError::BadResponse { reason: "the answer is too long".to_owned() });
            }
        }
        Ok(PeerAnswer { status: answer.status.as_u16(), body })
    }
}
