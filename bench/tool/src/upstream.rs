//! A fixed OpenAI-compatible upstream: as fast as a server can be, so that what is measured is what stands before it.
//!
//! A thread a core, connections dealt out in turn. An answer bears the request's mark. A stream's send times are kept
//! until they are asked for at `/times/MARK`. A request whose mark is `probe` says whether a number that a guard should have taken
//! out came through.

use crate::clock;
use crate::prose::{self, CHUNKS, Mark, PACED};
use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most streams whose times are kept.
const KEPT: usize = 4096;
/// What the guard check looks for: a social security number in a valid range, that belongs to nobody known.
pub(crate) const PROBE: &str = "536-90-4399";

type Out = UnsyncBoxBody<Bytes, Infallible>;

struct Fixed {
    before: Bytes,
    after: Bytes,
    opening: Bytes,
    interval: Duration,
    times: Mutex<HashMap<Mark, Vec<u64>>>,
}

/// Serves until the process ends. Prints its address when it accepts.
pub(crate) fn serve(listen: SocketAddr, threads: usize, interval: Duration) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).context("the upstream cannot listen")?;
    let address = listener.local_addr()?;
    let fixed = Arc::new(Fixed::new(interval));
    let mut hands = Vec::new();
    for _ in 0..threads.max(1) {
        let (hand, arrivals) = mpsc::unbounded_channel();
        let fixed = fixed.clone();
        std::thread::Builder::new().name("upstream".to_owned()).spawn(move || run(fixed, arrivals))?;
        hands.push(hand);
    }
    crate::say::line(&address.to_string());
    for hand in hands.iter().cycle() {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        hand.send(stream)?;
    }
    Ok(())
}

fn run(fixed: Arc<Fixed>, mut arrivals: mpsc::UnboundedReceiver<std::net::TcpStream>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        while let Some(stream) = arrivals.recv().await {
            let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { continue };
            let fixed = fixed.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| {
                    let fixed = fixed.clone();
                    async move { Ok::<_, Infallible>(fixed.answer(request).await) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
}

impl Fixed {
    fn new(interval: Duration) -> Self {
        let whole = serde_json::json!({
            "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_767_225_600, "model": prose::MODEL,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": prose::answer_text("@MARK@"),
                "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 40, "total_tokens": 240},
        })
        .to_string();
        let (before, after) = whole.split_once("@MARK@").unwrap_or((&whole, ""));
        let opening = event(&serde_json::json!({"role": "assistant", "content": ""}), None);
        Self {
            before: Bytes::copy_from_slice(before.as_bytes()),
            after: Bytes::copy_from_slice(after.as_bytes()),
            opening,
            interval,
            times: Mutex::default(),
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Out> {
        if let Some(mark) = request.uri().path().strip_prefix("/times/") {
            let mark: Option<Mark> = mark.as_bytes().try_into().ok();
            let times = mark.and_then(|m| self.times.lock().ok()?.remove(&m)).unwrap_or_default();
            return json(serde_json::to_vec(&times).unwrap_or_default().into());
        }
        let tools = request.uri().path() == "/mcp";
        let Ok(body) = request.into_body().collect().await.map(http_body_util::Collected::to_bytes) else {
            return Response::default();
        };
        if tools {
            return match crate::tools::serve(&body) {
                Some(answer) => json(answer.to_string().into()),
                None => {
                    let mut accepted = Response::default();
                    *accepted.status_mut() = hyper::StatusCode::ACCEPTED;
                    accepted
                }
            };
        }
        let mark = prose::mark_in(&body).unwrap_or(*b"unmarked");
        if mark.starts_with(b"probe") {
            let through = memchr::memmem::find(&body, PROBE.as_bytes()).is_some();
            return json(self.whole(if through { b"leaked!!" } else { b"guarded!" }));
        }
        let has = |needle: &str| memchr::memmem::find(&body, needle.as_bytes()).is_some();
        if has("\"stream\":true") || has("\"stream\": true") {
            return self.stream(mark);
        }
        json(self.whole(&mark))
    }

    fn whole(&self, mark: &Mark) -> Bytes {
        let mut out = BytesMut::with_capacity(self.before.len() + self.after.len() + mark.len());
        out.extend_from_slice(&self.before);
        out.extend_from_slice(mark);
        out.extend_from_slice(&self.after);
        out.freeze()
    }

    fn stream(self: Arc<Self>, mark: Mark) -> Response<Out> {
        let interval = if mark.first() == Some(&PACED) { self.interval } else { Duration::ZERO };
        let body = Chunks {
            mark,
            text: String::from_utf8_lossy(&mark).into_owned(),
            at: 0,
            times: Vec::with_capacity(CHUNKS),
            pause: (interval > Duration::ZERO).then(|| Box::pin(tokio::time::sleep(interval))),
            interval,
            fixed: self,
        };
        let mut response = Response::new(body.boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

fn json(body: Bytes) -> Response<Out> {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn event(delta: &serde_json::Value, finish: Option<&str>) -> Bytes {
    let chunk = serde_json::json!({
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_767_225_600, "model": prose::MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n").into()
}

/// A stream: the role, the pieces of the text, the end.
struct Chunks {
    mark: Mark,
    text: String,
    at: usize,
    times: Vec<u64>,
    interval: Duration,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    fixed: Arc<Fixed>,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if (1..=CHUNKS).contains(&this.at)
            && let Some(pause) = &mut this.pause
        {
            std::task::ready!(pause.as_mut().poll(context));
            let next = pause.deadline() + this.interval;
            pause.as_mut().reset(next);
        }
        let data = match this.at {
            0 => this.fixed.opening.clone(),
            i if i <= CHUNKS => {
                this.times.push(clock::now());
                event(&serde_json::json!({"content": prose::piece(&this.text, i - 1)}), None)
            }
            i if i == CHUNKS + 1 => {
                if let Ok(mut kept) = this.fixed.times.lock()
                    && kept.len() < KEPT
                {
                    kept.insert(this.mark, std::mem::take(&mut this.times));
                }
                event(&serde_json::json!({}), Some("stop"))
            }
            i if i == CHUNKS + 2 => Bytes::from_static(b"data: [DONE]\n\n"),
            _ => return Poll::Ready(None),
        };
        this.at += 1;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}
