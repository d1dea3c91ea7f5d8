//! Streams: how long until the first event and the first text, and how much later than it was sent each chunk comes.
//!
//! A gateway that holds text back may join or split chunks. So what is timed is the text: a chunk has arrived when
//! all of its text is there.

use crate::client::{Connection, Shot};
use crate::clock;
use crate::closed::{Seen, texts};
use crate::histogram::Histogram;
use crate::process::{self, Started};
use crate::prose::{self, CHUNKS, Mark, Request};
use anyhow::{Context as _, bail};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Streams to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Streams at once.
    pub(crate) concurrency: usize,
    /// Bytes of text in a prompt.
    pub(crate) bytes: usize,
    /// With the upstream's interval between chunks, or as fast as they go.
    pub(crate) paced: bool,
    /// How long new streams are begun.
    pub(crate) time: Duration,
}

/// What they came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Whole, right streams a second.
    pub(crate) per_second: f64,
    /// From the request to the first event, median, in milliseconds.
    pub(crate) first_event_p50_ms: f64,
    /// From the request to the first text, median.
    pub(crate) first_text_p50_ms: f64,
    /// The same, 99th percentile.
    pub(crate) first_text_p99_ms: f64,
    /// From a chunk's sending to its text's arrival, median.
    pub(crate) chunk_p50_ms: f64,
    /// The same, 99th percentile.
    pub(crate) chunk_p99_ms: f64,
    /// The target's CPU milliseconds a stream.
    pub(crate) cpu_ms_per_stream: f64,
    /// Whole, right streams.
    pub(crate) streams: u64,
    /// Others.
    pub(crate) failed: u64,
    /// The first failure's words.
    pub(crate) first_failure: Option<String>,
}

#[derive(Default)]
struct Notes {
    seen: Seen,
    event: Histogram,
    text: Histogram,
    chunk: Histogram,
}

/// Runs them. `direct` is the upstream itself, which is asked for its send times.
pub(crate) fn run(
    shot: &Arc<Shot>,
    direct: &Arc<Shot>,
    process: Option<&Started>,
    plan: Plan,
) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let notes = Rc::new(RefCell::new(Notes::default()));
    let used = || process.map(Started::usage).unwrap_or_default().cpu_seconds;
    let nanos = u64::try_from(plan.time.as_nanos()).unwrap_or(u64::MAX);
    let (before, from) = (used(), clock::now());
    let end = from + nanos;
    let texts = Rc::new(texts(plan.bytes, true, prose::Shape::Fresh));
    tasks.block_on(&runtime, async {
        let all: Vec<_> = (0..plan.concurrency)
            .map(|_| {
                let lanes = (Connection::new(shot.clone()), Connection::new(direct.clone()));
                tokio::task::spawn_local(caller(lanes, texts.clone(), notes.clone(), end, plan.paced))
            })
            .collect();
        for one in all {
            let _ = one.await;
        }
    });
    process::check_stop()?;
    Ok(figures(notes.take(), used() - before, clock::now() - from))
}

#[allow(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn figures(notes: Notes, cpu: f64, ns: u64) -> Figures {
    let streams = notes.seen.latencies.count();
    Figures {
        per_second: streams as f64 / (ns as f64 / 1e9),
        first_event_p50_ms: notes.event.at(500),
        first_text_p50_ms: notes.text.at(500),
        first_text_p99_ms: notes.text.at(990),
        chunk_p50_ms: notes.chunk.at(500),
        chunk_p99_ms: notes.chunk.at(990),
        cpu_ms_per_stream: cpu * 1000.0 / (streams as f64).max(1.0),
        streams,
        failed: notes.seen.failed,
        first_failure: notes.seen.first,
    }
}

/// Numbers every stream of the process: the upstream keeps times by mark.
static NEXT: AtomicU64 = AtomicU64::new(0);

async fn caller(
    (mut through, mut direct): (Connection, Connection),
    texts: Rc<Vec<Request>>,
    notes: Rc<RefCell<Notes>>,
    end: u64,
    paced: bool,
) {
    while clock::now() < end && !process::stopping() {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = prose::mark(n, paced);
        let Some(text) = texts.get(usize::try_from(n).unwrap_or(0) % texts.len().max(1)) else { return };
        let begun = clock::now();
        match stream(&mut through, text.with(&mark), &mark).await {
            Err(e) => {
                notes.borrow_mut().seen.fail(&e);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(arrived) => {
                let path = format!("/times/{}", String::from_utf8_lossy(&mark));
                let sent = direct.get(&path).await.ok();
                let sent: Vec<u64> = sent.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
                note(&mut notes.borrow_mut(), begun, &arrived, &sent);
            }
        }
    }
}

fn note(notes: &mut Notes, begun: u64, arrived: &Arrived, sent: &[u64]) {
    notes.seen.latencies.add(clock::now() - begun);
    notes.event.add(arrived.event.saturating_sub(begun));
    if let Some(first) = arrived.pieces.first() {
        notes.text.add(first.saturating_sub(begun));
    }
    for (sent, came) in sent.iter().zip(&arrived.pieces) {
        notes.chunk.add(came.saturating_sub(*sent));
    }
}

struct Arrived {
    event: u64,
    pieces: Vec<u64>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
}

/// One stream, read to its end and compared with what was sent.
async fn stream(connection: &mut Connection, body: bytes::Bytes, mark: &Mark) -> anyhow::Result<Arrived> {
    let mark = String::from_utf8_lossy(mark);
    // Where each piece of the text ends.
    let mut expected = String::new();
    let mut ends = Vec::with_capacity(CHUNKS);
    for i in 0..CHUNKS {
        expected.push_str(&prose::piece(&mark, i));
        ends.push(expected.len());
    }
    let answer = connection.send(body).await?;
    let status = answer.status();
    let mut incoming = answer.into_body();
    let mut buffer = Vec::new();
    let mut text = String::new();
    let mut arrived = Arrived { event: 0, pieces: Vec::with_capacity(CHUNKS) };
    let mut done = false;
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let now = clock::now();
        buffer.extend_from_slice(&data);
        if status != 200 {
            continue;
        }
        while let Some(at) = memchr::memchr(b'\n', &buffer) {
            let line: Vec<u8> = buffer.drain(..=at).collect();
            let Some(event) = line.trim_ascii().strip_prefix(b"data:") else { continue };
            if arrived.event == 0 {
                arrived.event = now;
            }
            let event = event.trim_ascii();
            if event == b"[DONE]" {
                done = true;
                continue;
            }
            let chunk: Chunk<'_> = serde_json::from_slice(event).context("an event that is no chunk")?;
            chunk.choices.iter().filter_map(|c| c.delta.content.as_deref()).for_each(|c| text.push_str(c));
            while ends.get(arrived.pieces.len()).is_some_and(|end| *end <= text.len()) {
                arrived.pieces.push(now);
            }
        }
    }
    if status != 200 {
        bail!("{status}: {}", String::from_utf8_lossy(buffer.get(..300).unwrap_or(&buffer)));
    }
    if !done || text != expected {
        bail!("a wrong stream: {} of {} bytes of text, end {done}", text.len(), expected.len());
    }
    Ok(arrived)
}
