//! What a server sends in answer to one request: notifications, requests of its own, and at last the answer.
//!
//! What always holds: each message is read strictly; all of them together stay within the server's size; a stream that
//! breaks off is resumed where the server said how (`id` of its events), and else is a failure, never an answer.

use crate::mcp::duplex::Waiting;
use crate::mcp::failure::Failure;
use crate::mcp::link::{Link, Way};
use crate::mcp::resume::CallStream;
use crate::worker::Worker;
use bytes::{Bytes, BytesMut};
use cordon_upstream::{Incoming, IncomingBody};
use cordon_wire::SseReader;
use cordon_wire::mcp::{Id, Message, MessageKind};
use http::header;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often in a row a stream is resumed that brings nothing.
const MAX_RESUMES: u8 = 5;
/// Between a break and the attempt to resume, where the server says nothing.
const RESUME_AFTER: Duration = Duration::from_millis(500);
/// The longest such pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct Replies {
    link: Arc<Link>,
    worker: Arc<Worker>,
    id: Id,
    source: Source,
    ready: VecDeque<Message>,
    received: usize,
    /// The server's stream can be come back to, after so many milliseconds; told once.
    primed: Option<u64>,
    /// Where it is told that the stream broke off.
    pub on_break: Option<Arc<CallStream>>,
}

/// What comes.
pub(crate) enum Reply {
    /// A message.
    Message(Message),
    /// The server's stream can be come back to, after so many milliseconds.
    Primed(u64),
}

enum Source {
    Whole,
    Events(Box<Events>),
    Duplex(Waiting),
}

struct Events {
    body: IncomingBody,
    reader: SseReader,
    last: Option<String>,
    pause: Duration,
    resumed: u8,
}

impl Replies {
    pub(crate) fn duplex(link: Arc<Link>, worker: Arc<Worker>, id: Id, waiting: Waiting) -> Self {
        Self::of(link, worker, id, Source::Duplex(waiting))
    }

    fn of(link: Arc<Link>, worker: Arc<Worker>, id: Id, source: Source) -> Self {
        Self { link, worker, id, source, ready: VecDeque::new(), received: 0, primed: None, on_break: None }
    }

    /// An answer that is there already.
    pub(crate) fn whole(
        link: Arc<Link>,
        worker: Arc<Worker>,
        id: Id,
        answer: Message,
        received: usize,
    ) -> Self {
        let mut this = Self::of(link, worker, id, Source::Whole);
        (this.received, this.ready) = (received, VecDeque::from([answer]));
        this
    }

    pub(crate) async fn http(
        link: Arc<Link>,
        worker: Arc<Worker>,
        id: Id,
        answer: Incoming,
    ) -> Result<Self, Failure> {
        let limit = link.server().settings.result_bytes;
        let has_session = matches!(&link.way, Way::Http { session: Some(_) });
        if answer.status.as_u16() == 404 && has_session {
            link.end();
            return Err(Failure { forgotten: true, ..Failure::gone() });
        }
        let mut this = Self::of(link, worker, id, Source::Whole);
        if is_events(&answer) && answer.status.is_success() {
            this.source = Source::Events(Box::new(Events {
                body: answer.body,
                reader: SseReader::new(limit),
                last: None,
                pause: RESUME_AFTER,
                resumed: 0,
            }));
            return Ok(this);
        }
        let status = answer.status.as_u16();
        let body = whole(answer.body, limit).await?;
        this.received = body.len();
        match Message::parse(body, &this.worker.shared.gate.load().limits) {
            Ok(message) => this.ready.push_back(message),
            Err(_) if !(200..300).contains(&status) => {
                return Err(Failure { detail: format!("status {status}"), ..Failure::broken() });
            }
            Err(e) => return Err(Failure::unread(&e)),
        }
        Ok(this)
    }

    /// The id of the request at the server.
    pub(crate) const fn id(&self) -> &Id {
        &self.id
    }

    /// The connection that it comes over.
    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Bytes that came.
    pub(crate) const fn received(&self) -> usize {
        self.received
    }

    /// The next message; the last is the answer.
    pub(crate) async fn message(&mut self) -> Result<Message, Failure> {
        loop {
            if let Reply::Message(message) = self.next().await? {
                return Ok(message);
            }
        }
    }

    /// What comes next; the last message is the answer. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Reply, Failure> {
        loop {
            if let Some(retry) = self.primed.take() {
                return Ok(Reply::Primed(retry));
            }
            if let Some(message) = self.ready.pop_front() {
                let answers = matches!(message.kind(), MessageKind::Response | MessageKind::Error);
                // An error without an id answers the one request that this stream is about.
                if answers && message.id().is_some_and(|id| *id != self.id) {
                    return Err(Failure {
                        detail: "an answer to another request".to_owned(),
                        ..Failure::broken()
                    });
                }
                return Ok(Reply::Message(message));
            }
            match &mut self.source {
                Source::Whole => return Err(Failure::gone()),
                Source::Duplex(waiting) => {
                    let message = waiting.next().await?;
                    self.received += message.len();
                    self.ready.push_back(message);
                }
                Source::Events(events) => {
                    let chunk = events.body.chunk().await;
                    self.take(chunk).await?;
                }
            }
            if self.received > self.link.server().settings.result_bytes {
                return Err(Failure::too_large());
            }
        }
    }

    async fn take(
        &mut self,
        chunk: Option<Result<Bytes, cordon_upstream::UpstreamError>>,
    ) -> Result<(), Failure> {
        let Source::Events(events) = &mut self.source else { return Ok(()) };
        let Some(Ok(chunk)) = chunk else {
            let failure = chunk.and_then(Result::err).map_or_else(Failure::gone, Failure::from);
            return self.resume(failure).await;
        };
        self.received += chunk.len();
        events.reader.push(&chunk);
        let limits = self.worker.shared.gate.load().limits;
        while let Some(frame) = events.reader.next().map_err(|e| Failure::unread(&e))? {
            if let Some(id) = frame.id.filter(|id| !id.is_empty() && id.len() <= 512) {
                events.last = Some(id);
                events.resumed = 0;
            }
            if let Some(ms) = frame.retry {
                events.pause = Duration::from_millis(ms).min(MAX_PAUSE);
            }
            if frame.data.is_empty() && events.last.is_some() {
                self.primed = Some(u64::try_from(events.pause.as_millis()).unwrap_or(0));
            }
            if frame.data.is_empty() || !matches!(frame.event.as_deref(), None | Some("message")) {
                continue;
            }
            let message = Message::parse(frame.data, &limits).map_err(|e| Failure::unread(&e))?;
            self.ready.push_back(message);
        }
        Ok(())
    }

    /// Goes on where the stream broke off.
    async fn resume(&mut self, failure: Failure) -> Result<(), Failure> {
        let limit = self.link.server().settings.result_bytes;
        let Source::Events(events) = &mut self.source else { return Err(failure) };
        let Some(last) = events.last.clone().filter(|_| !self.link.revision.is_stateless()) else {
            return Err(failure);
        };
        if events.resumed >= MAX_RESUMES {
            return Err(failure);
        }
        events.resumed += 1;
        if let Some(stream) = &self.on_break {
            stream.cut();
        }
        tokio::time::sleep(events.pause).await;
        match self.link.stream(&self.worker, Some(&last)).await {
            Ok(answer) => {
                events.body = answer.body;
                events.reader = SseReader::new(limit);
                Ok(())
            }
            // The next call of `next` finds the body over, and comes back here.
            Err(_) => Ok(()),
        }
    }
}

pub(crate) fn is_events(answer: &Incoming) -> bool {
    let kind = answer.headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    kind.is_some_and(|k| k.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

/// A body, whole, within a size.
pub(crate) async fn whole(mut body: IncomingBody, limit: usize) -> Result<Bytes, Failure> {
    let mut all = BytesMut::new();
    while let Some(chunk) = body.chunk().await {
        let chunk = chunk?;
        if all.len() + chunk.len() > limit {
            return Err(Failure::too_large());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// The answer to the first request of a connection; what else comes is passed over.
pub(crate) async fn first_answer(
    worker: &Worker,
    answer: Incoming,
    id: &Id,
    limit: usize,
) -> Result<Message, Failure> {
    let limits = worker.shared.gate.load().limits;
    let refused = || Failure::new("upstream_refused", "the tool server refused the handshake");
    if !is_events(&answer) {
        let status = answer.status;
        let body = whole(answer.body, limit).await?;
        return match Message::parse(body, &limits) {
            Ok(message) => Ok(message),
            // A server that knows nothing of what was asked answers in any form.
            Err(_) if status.is_client_error() => Err(refused()),
            Err(e) => Err(Failure::unread(&e)),
        };
    }
    let (mut body, mut reader, mut received) = (answer.body, SseReader::new(limit), 0);
    while let Some(chunk) = body.chunk().await {
        let chunk = chunk?;
        received += chunk.len();
        if received > limit {
            return Err(Failure::too_large());
        }
        reader.push(&chunk);
        while let Some(frame) = reader.next().map_err(|e| Failure::unread(&e))? {
            if frame.data.is_empty() {
                continue;
            }
            let message = Message::parse(frame.data, &limits).map_err(|e| Failure::unread(&e))?;
            if message.id() == Some(id)
                && matches!(message.kind(), MessageKind::Response | MessageKind::Error)
            {
                return Ok(message);
            }
        }
    }
    Err(Failure::gone())
}
