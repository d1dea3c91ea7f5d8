//! The seam for an upstream that lives in this process: no network, the same path through the gateway.

use crate::body::{Incoming, IncomingBody};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::time::Duration;

/// An upstream inside the process. It answers at once, and must not block.
pub trait Builtin: Send + Sync {
    /// Answers one request. `path` is as the caller of [`crate::Client::send`] wrote it.
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> BuiltinAnswer;
}

/// What an in-process upstream answers.
#[derive(Clone, Debug)]
pub struct BuiltinAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as the pieces in which it arrives.
    pub chunks: Vec<Bytes>,
    /// How the body ends after them.
    pub end: BuiltinEnd,
}

/// How an in-process body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuiltinEnd {
    /// As it should.
    #[default]
    Clean,
    /// As if the connection had broken.
    Break,
    /// As if it were shorter than announced.
    Short,
    /// Nothing comes any more, until the time between two chunks is over.
    Stall,
}

pub(crate) fn incoming(answer: BuiltinAnswer, idle: Duration) -> Incoming {
    Incoming {
        status: answer.status,
        headers: answer.headers,
        body: IncomingBody::prepared(answer.chunks, answer.end, idle),
    }
}
