//! Bodies: reading a caller's within its limits, and what goes back.

use crate::worker::Shared;
use bytes::{Bytes, BytesMut};
use cordon_pipeline::{Refusal, Why};
use futures_util::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// What a caller's body may be.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Most bytes.
    pub bytes: usize,
    /// Longest between two pieces.
    pub idle: Duration,
    /// Longest for all of it.
    pub total: Duration,
}

/// Bytes that one exchange holds, counted against `limits.buffered_bytes`; given back when it is over.
pub(crate) struct Buffered {
    shared: Arc<Shared>,
    held: usize,
}

impl Buffered {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, held: 0 }
    }

    /// Takes so many more; refuses when all exchanges together hold too much.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.held += bytes;
        let before = self.shared.buffered.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.shared.limits.buffered_bytes {
            return Ok(());
        }
        Err(Refusal {
            retry_after: Some(1),
            ..Refusal::new(
                503,
                Why::Limit,
                "the gateway holds as much as it may at the moment; try again shortly",
            )
        })
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.shared.buffered.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// Reads a body whole. Costs its length; never holds more than the limit.
pub(crate) async fn read(
    mut body: hyper::body::Incoming,
    declared: Option<u64>,
    limits: &BodyLimits,
    buffered: &mut Buffered,
) -> Result<Bytes, Refusal> {
    if declared.is_some_and(|n| n > limits.bytes as u64) {
        return Err(too_large(limits.bytes));
    }
    let reading = async {
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        loop {
            let frame = match timeout(limits.idle, body.frame()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(broken()),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue }; // trailers say nothing to us
            let held = first.as_ref().map_or(0, Bytes::len) + rest.len();
            if held + data.len() > limits.bytes {
                return Err(too_large(limits.bytes));
            }
            buffered.take(data.len())?;
            match &first {
                None => first = Some(data),
                Some(_) => rest.extend_from_slice(&data),
            }
        }
        Ok(match first {
            None => Bytes::new(),
            Some(one) if rest.is_empty() => one,
            Some(one) => {
                let mut all = BytesMut::with_capacity(one.len() + rest.len());
                all.extend_from_slice(&one);
                all.extend_from_slice(&rest);
                all.freeze()
            }
        })
    };
    timeout(limits.total, reading).await.unwrap_or_else(|_| Err(too_slow()))
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(413, Why::Limit, format!("the request's body is over the limit of {limit} bytes"))
}

fn too_slow() -> Refusal {
    Refusal::new(408, Why::Limit, "the request's body came too slowly; send it again")
}

fn broken() -> Refusal {
    Refusal::new(400, Why::Limit, "the request's body ended early or is not what its headers say")
}

/// An answer's body: whole, or as it comes.
pub enum OutBody {
    /// All there is.
    Whole(Option<Bytes>),
    /// Pieces. An error ends the connection without a proper end, so that the caller knows.
    Stream(BoxStream<'static, Result<Bytes, Broken>>),
}

/// The answer cannot be completed.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut")]
pub struct Broken;

impl Body for OutBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            OutBody::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            OutBody::Stream(stream) => {
                stream.as_mut().poll_next(cx).map(|item| item.map(|r| r.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, OutBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            OutBody::Stream(_) => SizeHint::default(),
        }
    }
}
