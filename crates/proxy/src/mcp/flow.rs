//! A call under way: what its server says until the answer, and what of it the client gets.
//!
//! ```text
//! answer only                  one JSON answer
//! anything before the answer   an event stream: progress, log messages, questions to the client, then the answer
//! ```
//! What always holds: the answer leaves when its outcome is durable; a call that is dropped leaves an outcome too; what
//! a server says on the way is inspected as its answer is.

use crate::body::{Broken, OutBody};
use crate::mcp::calls::{Call, end_of};
use crate::mcp::context::{Context, Fail};
use crate::mcp::convert::{self, Place};
use crate::mcp::failure::Failure;
use crate::mcp::link::{Ask, Link, Words};
use crate::mcp::questions::{self, Inputs, Question};
use crate::mcp::refusals::notice;
use crate::mcp::replies::{Replies, Reply};
use crate::mcp::resume::Reader;
use crate::mcp::session::Session;
use crate::mcp::tasks;
use crate::open::{Open, killed_refusal};
use crate::respond;
use bytes::Bytes;
use cordon_pipeline::hands::CallExchange;
use cordon_pipeline::{End, Refusal, Tally, Why};
use cordon_policy::{Interaction, Permit};
use cordon_wire::mcp::{
    Edits, ErrorCode, Id, Message, MessageKind, Method, Revision, error, error_with_data, notification,
    response, string,
};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use http::Response;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// After how many milliseconds a client may come back, where the server says nothing.
const RETRY: u64 = 1_000;

/// See the module.
pub(crate) struct Flow {
    pub context: Context,
    pub open: Open,
    pub link: Arc<Link>,
    pub call: Call,
    pub exchange: CallExchange,
    pub permit: Arc<Permit>,
    pub id: Id,
    /// The client's token of progress: JSON text.
    pub token: Option<String>,
    pub replies: Option<Replies>,
    /// The request on its way.
    asking: Option<BoxFuture<'static, Result<Replies, Failure>>>,
    /// What the server asks beside any call.
    aside: mpsc::Receiver<Message>,
    /// It was sent once more already.
    again: bool,
    /// After how many milliseconds the client may come back, where the server's stream can be come back to.
    primed: Option<u64>,
    pub questions: FuturesUnordered<Question>,
    cancelled: Option<oneshot::Receiver<()>>,
    /// What was asked, in case it has to be asked again.
    pub asked: Ask,
    /// Rounds of input that were needed.
    pub rounds: u8,
    /// Inputs that are being asked for.
    pub inputs: Inputs,
    ready: VecDeque<Bytes>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Drop for Flow {
    fn drop(&mut self) {
        if !self.over {
            self.tell_cancelled();
        }
    }
}

impl Flow {
    #[expect(clippy::too_many_arguments, reason = "all that was found out about one call")]
    pub(crate) fn new(
        context: Context,
        open: Open,
        link: Arc<Link>,
        call: Call,
        permit: Arc<Permit>,
        id: Id,
        message: &Message,
        cancelled: Option<oneshot::Receiver<()>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let exchange = context.exchange(&call);
        let token = message.meta("progressToken").and_then(|n| Id::read(message.doc(), n));
        Self {
            aside: link.aside(),
            context,
            open,
            link,
            call,
            exchange,
            permit,
            id,
            token: token.map(|t| t.as_json().to_owned()),
            replies: None,
            asking: None,
            again: false,
            primed: None,
            questions: FuturesUnordered::new(),
            cancelled,
            asked: Ask::default(),
            rounds: 0,
            inputs: Inputs::default(),
            ready: VecDeque::new(),
            over: false,
            _place: place,
        }
    }

    /// Asks the server and answers the client.
    pub(crate) async fn run(mut self, ask: Ask) -> Response<OutBody> {
        self.asked = ask.clone();
        self.begin(ask);
        let first = Box::pin(self.next()).await;
        self.respond(first)
    }

    /// Goes on with a call that waited for its client.
    pub(crate) async fn resume(
        mut self,
        replies: Replies,
        questions: Vec<(String, Id)>,
        message: &Message,
    ) -> Response<OutBody> {
        self.link = replies.link().clone();
        self.replies = Some(replies);
        Box::pin(questions::resume(&mut self, questions, message)).await;
        let first = Box::pin(self.next()).await;
        self.respond(first)
    }

    fn respond(mut self, first: Option<Bytes>) -> Response<OutBody> {
        let (request, dialect) = (self.context.asked.id, self.context.asked.dialect);
        let status = |bytes: &Bytes| {
            let code = error_code(bytes);
            if self.context.revision.is_stateless() { code.map_or(200, stateless_status) } else { 200 }
        };
        match first {
            None => self.context.accepted(),
            Some(answer) if self.over && self.ready.is_empty() => {
                let status = status(&answer);
                respond::json(status, dialect, request, answer)
            }
            Some(event) => {
                self.open.stream = true;
                self.ready.push_front(event);
                if let Some(session) =
                    self.context.session.clone().filter(|s| s.revision >= Revision::V2025_11_25)
                {
                    return self.detach(&session);
                }
                let stream = stream::unfold(self, |mut flow| async move {
                    let message = Box::pin(flow.next()).await?;
                    Some((Ok::<_, Broken>(event_of(&message)), flow))
                });
                respond::events(dialect, request, OutBody::Stream(stream.boxed()))
            }
        }
    }

    /// Goes on by itself, and leaves events that the client reads, now or when it comes back.
    fn detach(mut self, session: &Session) -> Response<OutBody> {
        let (request, dialect) = (self.context.asked.id, self.context.asked.dialect);
        let shelf = self.context.asked.worker.shared.hub.shelf.clone();
        let kept = session.open_stream(self.primed.unwrap_or(RETRY), &shelf);
        let reader = Reader::new(kept.clone(), None);
        if let Some(replies) = &mut self.replies {
            replies.on_break = Some(kept.clone());
        }
        let spawner = self.context.asked.worker.spawner.clone();
        spawner.spawn(
            "call",
            Box::pin(async move {
                while let Some(message) = Box::pin(self.next()).await {
                    if !message.is_empty() {
                        kept.push(message);
                    }
                }
                kept.finish();
            }),
        );
        let body = stream::unfold(reader, |mut r| async move { Some((r.next().await?, r)) });
        respond::events(dialect, request, OutBody::Stream(body.boxed()))
    }

    /// Sends the request.
    pub(crate) fn begin(&mut self, ask: Ask) {
        let worker = &self.context.asked.worker;
        let words = Words::Permitted(self.permit.clone());
        self.asking = Some(Box::pin(self.link.ask(worker, words, ask)));
    }

    /// The request arrived, or did not. A server that has forgotten the session gets it once more in a new one.
    async fn begun(&mut self, sent: Result<Replies, Failure>) {
        self.asking = None;
        match sent {
            Ok(replies) => self.replies = Some(replies),
            Err(failure) if failure.forgotten && !std::mem::replace(&mut self.again, true) => {
                self.context.drop_link(&self.link);
                match self.context.link(&self.call.server).await {
                    Ok(link) => {
                        (self.aside, self.link) = (link.aside(), link);
                        self.begin(self.asked.clone());
                    }
                    Err(failure) => self.failed(&failure).await,
                }
            }
            Err(failure) => self.failed(&failure).await,
        }
    }

    /// The next message for the client; the last one is the answer.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.over {
                return None;
            }
            self.advance().await;
        }
    }

    async fn advance(&mut self) {
        let deadline = self.open.deadline;
        if self.replies.is_none() && self.questions.is_empty() && self.asking.is_none() {
            return self.failed(&Failure::gone()).await;
        }
        let asking = &mut self.asking;
        let sent = async {
            match asking {
                Some(asking) => asking.await,
                None => std::future::pending().await,
            }
        };
        let replies = &mut self.replies;
        let reply = async {
            match replies {
                Some(replies) => replies.next().await,
                None => std::future::pending().await,
            }
        };
        let cancelled = async {
            match &mut self.cancelled {
                // The session's end drops the other side: that cancels too.
                Some(cancelled) => drop(cancelled.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.open.killed() => self.refuse(End::Killed, &killed_refusal()).await,
            () = cancelled => {
                self.tell_cancelled();
                let _ = self.open.close(End::Aborted).await;
                self.over = true;
                self.ready.push_back(error(Some(&self.id), ErrorCode::Refused, "the call was cancelled"));
            }
            Some((question, answer)) = self.questions.next(), if !self.questions.is_empty() => {
                questions::answered(self, question, answer).await;
            }
            Some(message) = self.aside.recv() => questions::asked(self, message).await,
            sent = sent => self.begun(sent).await,
            reply = reply => match reply {
                Err(failure) => self.failed(&failure).await,
                Ok(Reply::Message(message)) => self.take(message).await,
                Ok(Reply::Primed(retry)) => self.note_primed(retry),
            },
            () = tokio::time::sleep_until(deadline) => {
                self.tell_cancelled();
                self.link.suspect(&self.context.asked.worker);
                self.refuse(End::TimedOut, &Failure::too_slow().refusal()).await;
            }
        }
    }

    /// The server's stream can be come back to: so can the client's, where its revision has that.
    fn note_primed(&mut self, retry: u64) {
        let session = self.context.session.as_ref();
        if session.is_some_and(|s| s.revision >= Revision::V2025_11_25)
            && self.primed.replace(retry).is_none()
        {
            self.ready.push_back(Bytes::new());
        }
    }

    async fn take(&mut self, message: Message) {
        match message.kind() {
            MessageKind::Response => match message.text("resultType").as_deref() {
                Some("input_required") => questions::input_required(self, message).await,
                Some("task") => tasks::created(self, &message).await,
                _ if self.call.method == Method::TasksGet => tasks::told(self, &message).await,
                _ => self.answer(&message).await,
            },
            MessageKind::Error => self.server_said_no(&message).await,
            MessageKind::Notification => self.notified(&message),
            MessageKind::Request => questions::asked(self, message).await,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.context.asked.worker.shared.clock.now()
    }

    /// The answer, judged.
    async fn answer(&mut self, message: &Message) {
        let mut tally = Tally { received: self.received(), ..Tally::default() };
        let place = Place { revision: self.context.revision, joined: self.context.is_joined(), handle: None };
        let judged =
            convert::result(&self.exchange, self.call.method, message, &place, &mut tally, self.now());
        self.settle(judged, tally).await;
    }

    /// What was judged, or why it may not be read, as the answer.
    pub(crate) async fn settle(&mut self, judged: Result<String, Refusal>, mut tally: Tally) {
        match judged {
            Ok(result) => {
                tally.released = result.len() as u64;
                self.open.tally.take(tally);
                self.finish(End::Complete, response(&self.id, &result)).await;
            }
            Err(refusal) => {
                self.open.tally.take(tally);
                self.refuse(End::Refused(refusal.why), &refusal).await;
            }
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.replies.as_ref().map_or(0, |r| r.received() as u64)
    }

    /// The server's own error: its code stays, its words are inspected.
    async fn server_said_no(&mut self, message: &Message) {
        let mut tally = Tally { received: self.received(), ..Tally::default() };
        let judged = convert::words(&self.exchange, message, &mut tally, self.now(), |_, _, _| {});
        self.open.tally.take(tally);
        let code = message.get("code").and_then(|n| message.raw(n).parse::<i32>().ok()).unwrap_or(-32603);
        let answer = match judged {
            Ok(body) if body == message.body().map_or("", |b| message.raw(b)) => {
                let said = message.text("message").unwrap_or_default();
                let data = message.get("data").map(|n| message.raw(n));
                error_with_data(Some(&self.id), code, &said, data)
            }
            Ok(_) | Err(_) => {
                error_with_data(Some(&self.id), code, "the tool server refused the request", None)
            }
        };
        self.finish(End::UpstreamRefused(422), answer).await;
    }

    /// A word on the way: progress to whoever asked for it, log messages where the manifest lets them through.
    fn notified(&mut self, message: &Message) {
        let now = self.now();
        match message.method() {
            "notifications/progress" => {
                let Some(token) = self.token.clone() else { return };
                let mut tally = Tally::default();
                let doc = message.doc();
                let renamed = |m: &Message, body: u32, edits: &mut Edits| {
                    edits.set(m.doc(), body, "progressToken", token);
                    edits.unset(doc, body, "_meta");
                };
                let words = convert::words(&self.exchange, message, &mut tally, now, renamed);
                self.pass("notifications/progress", words, tally);
            }
            "notifications/message" => {
                let wanted = self.context.session.is_some() || self.context.log.is_some();
                if !wanted || !self.context.allows(Interaction::Logging) {
                    return;
                }
                let mut tally = Tally::default();
                let words = convert::words(&self.exchange, message, &mut tally, now, |_, _, _| {});
                self.pass("notifications/message", words, tally);
            }
            _ => {
                if let Some(session) = &self.context.session {
                    crate::mcp::standing::loose(&self.context, session, &self.link, message);
                }
            }
        }
    }

    /// Hands on a word, or passes over one that may not be read.
    fn pass(&mut self, method: &str, words: Result<String, Refusal>, tally: Tally) {
        self.open.tally.take(tally);
        if let Ok(params) = words {
            self.ready.push_back(notification(method, &params));
        }
    }

    /// Hands on a message of Cordon's own making.
    pub(crate) fn push(&mut self, message: Bytes) {
        self.ready.push_back(message);
    }

    /// INVARIANT: the answer leaves when its outcome is durable.
    pub(crate) async fn finish(&mut self, end: End, answer: Bytes) {
        self.over = true;
        match self.open.close(end).await {
            Ok(()) => self.ready.push_back(answer),
            Err(refusal) => {
                let fail = Fail::refusal(&refusal);
                self.ready.push_back(error_with_data(Some(&self.id), fail.code, &fail.message, None));
            }
        }
    }

    pub(crate) async fn failed(&mut self, failure: &Failure) {
        tracing::warn!(
            request = %self.context.asked.id, server = %self.call.server.id(), why = failure.name,
            detail = failure.detail, "a tool server failed"
        );
        let end = if failure.name.starts_with("timeout") { End::TimedOut } else { end_of(failure) };
        self.refuse(end, &failure.refusal()).await;
    }

    pub(crate) async fn refuse(&mut self, end: End, refusal: &Refusal) {
        self.open.tally.released = 0;
        let as_result = self.call.method == Method::ToolsCall
            && matches!(refusal.why, Why::Policy(_) | Why::CannotSplice | Why::Killed);
        let answer = if as_result {
            response(&self.id, &notice(&self.context, refusal))
        } else {
            let fail = Fail::refusal(refusal);
            error_with_data(Some(&self.id), fail.code, &fail.message, fail.data.as_deref())
        };
        self.finish(end, answer).await;
    }

    /// The server may stop working on it. Nobody waits for that to arrive.
    fn tell_cancelled(&mut self) {
        let Some(replies) = self.replies.take() else { return };
        // Where each request stands alone, a closed stream says it.
        if self.link.revision.is_stateless() {
            return;
        }
        let params =
            format!("{{\"requestId\":{},\"reason\":{}}}", replies.id().as_json(), string("cancelled"));
        let (link, worker) = (self.link.clone(), self.context.asked.worker.clone());
        let spawner = worker.spawner.clone();
        let message = notification("notifications/cancelled", &params);
        spawner.spawn(
            "cancel",
            Box::pin(async move {
                let _ = link.tell(&worker, Words::Own, message).await;
                drop(replies);
            }),
        );
    }
}

/// A message as an event.
pub(crate) fn event_of(message: &Bytes) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 24);
    out.extend_from_slice(b"event: message\ndata: ");
    // What was spliced may stand on several lines; JSON does not mind a space there.
    out.extend(message.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
    out.extend_from_slice(b"\n\n");
    out.into()
}

/// The code of an answer that is an error: those are Cordon's own composition, so the code stands where it always does.
fn error_code(answer: &Bytes) -> Option<i32> {
    let text = std::str::from_utf8(answer).ok()?;
    let at = text.find(",\"error\":{\"code\":")?;
    let head = text.get(..at)?;
    // A result could hold such a text; an error has nothing before it but the id.
    if head.contains("\"result\"") {
        return None;
    }
    text.get(at + 17..)?.split([',', '}']).next()?.parse().ok()
}

const fn stateless_status(code: i32) -> u16 {
    match code {
        -32700 | -32600 | -32602 | -32020 | -32021 | -32022 => 400,
        -32601 => 404,
        _ => 200,
    }
}
