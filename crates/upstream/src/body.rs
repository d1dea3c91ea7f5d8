//! An answer, and its body as it arrives.
//!
//! INVARIANT: a connection goes back to its pool only after its answer was read to the end. Dropping a body
//! earlier closes the connection: what is left of an answer must not be taken for the next one.

use crate::{
    builtin::BuiltinEnd,
    error::{Phase, UpstreamError},
    pool::Lease,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use std::{error::Error as _, io, time::Duration};
use tokio::time::timeout;

/// An answer's head, and its body to be read.
#[derive(Debug)]
pub struct Incoming {
    /// The status; never 1xx or 3xx.
    pub status: StatusCode,
    /// The headers, without those that concern the connection only.
    pub headers: HeaderMap,
    /// The body.
    pub body: IncomingBody,
}

/// A body that arrives chunk by chunk.
pub struct IncomingBody {
    source: Source,
    idle: Duration,
}

enum Source {
    Network { body: hyper::body::Incoming, lease: Lease },
    Prepared { chunks: std::vec::IntoIter<Bytes>, end: BuiltinEnd },
    Over,
}

impl std::fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IncomingBody(..)")
    }
}

impl IncomingBody {
    pub(crate) fn network(body: hyper::body::Incoming, lease: Lease, idle: Duration) -> Self {
        let mut this = Self { source: Source::Network { body, lease }, idle };
        this.give_back_at_end();
        this
    }

    pub(crate) fn prepared(chunks: Vec<Bytes>, end: BuiltinEnd, idle: Duration) -> Self {
        Self { source: Source::Prepared { chunks: chunks.into_iter(), end }, idle }
    }

    /// The next chunk, never empty; `None` at the proper end. After an error or the end nothing comes any more.
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, UpstreamError>> {
        let result = self.next().await;
        if !matches!(result, Some(Ok(_))) {
            self.source = Source::Over;
        }
        result
    }

    async fn next(&mut self) -> Option<Result<Bytes, UpstreamError>> {
        let limit = self.idle;
        loop {
            let data = match &mut self.source {
                Source::Over => return None,
                Source::Prepared { chunks, end } => match chunks.next() {
                    Some(chunk) => chunk,
                    None => return ending(*end, limit).await.map(Err),
                },
                Source::Network { body, .. } => match timeout(limit, body.frame()).await {
                    Err(_) => return Some(Err(UpstreamError::TimeoutIdle { limit_ms: limit.as_millis() })),
                    Ok(Some(Err(e))) => return Some(Err(of_body(&e))),
                    // Trailers say nothing that is forwarded.
                    Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                    Ok(None) => {
                        self.give_back();
                        return None;
                    }
                },
            };
            self.give_back_at_end();
            if !data.is_empty() {
                return Some(Ok(data));
            }
        }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.source, Source::Over)
    }

    fn give_back_at_end(&mut self) {
        if matches!(&self.source, Source::Network { body, .. } if body.is_end_stream()) {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Source::Network { lease, .. } = std::mem::replace(&mut self.source, Source::Over) {
            lease.give_back();
        }
    }
}

async fn ending(end: BuiltinEnd, idle: Duration) -> Option<UpstreamError> {
    match end {
        BuiltinEnd::Clean => None,
        BuiltinEnd::Break => Some(UpstreamError::Reset {
            phase: Phase::InBody,
            reason: "the built-in answer breaks off".into(),
        }),
        BuiltinEnd::Short => Some(UpstreamError::Truncated),
        BuiltinEnd::Stall => {
            tokio::time::sleep(idle).await;
            Some(UpstreamError::TimeoutIdle { limit_ms: idle.as_millis() })
        }
    }
}

/// What a failed request, of which no answer came, says.
pub(crate) fn of_head(e: &hyper::Error, sent: bool) -> UpstreamError {
    if e.is_parse_too_large() {
        UpstreamError::TooLarge
    } else if e.is_parse() {
        UpstreamError::BadResponse { reason: e.to_string() }
    } else {
        let phase = if sent { Phase::BeforeHead } else { Phase::BeforeSend };
        UpstreamError::Reset { phase, reason: described(e) }
    }
}

fn of_body(e: &hyper::Error) -> UpstreamError {
    let kind = e.source().and_then(|s| s.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::UnexpectedEof) => UpstreamError::Truncated,
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            UpstreamError::BadResponse { reason: described(e) }
        }
        _ if e.is_incomplete_message() => UpstreamError::Truncated,
        _ => UpstreamError::Reset { phase: Phase::InBody, reason: described(e) },
    }
}

fn described(e: &hyper::Error) -> String {
    match e.source() {
        Some(source) => format!("{e}: {source}"),
        None => e.to_string(),
    }
}
