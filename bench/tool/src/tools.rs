//! What a tool call costs through Cordon: beside the same call made direct, in the same round.
//!
//! ```text
//! direct            a caller and the fixed tool server (upstream.rs)
//! cordon            everything on: key, approved tools, schema, policy, guards both ways, the target looked up in what
//!                   the session has seen, the record durable before the call
//! cordon-seen       the same session, after its results brought so many values
//! ```
//! One caller: latency is what a caller waits, not a queue. What is given is what a way adds to direct in its round,
//! the median over rounds.

use crate::client::{Connection, Shot};
use crate::gateway::{Folder, upstream};
use crate::histogram::Histogram;
use crate::process;
use crate::target::{self, Place, Target};
use crate::{clock, cordon, prose, say};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// Values that one result brings.
pub(crate) const VALUES: usize = 25;
/// A text that begins so gets them.
const BRING: &str = "Bring the list. ";
/// Whom the user names, and all calls go to.
const TO: &str = "ann@example.com";

const CONFIG: &str = "
[[servers]]
id = \"bench\"
url = \"http://@UPSTREAM@/mcp\"
";
const MANIFEST: &str = "
[[tools]]
name = \"bench__post\"
effect = \"send\"
target = [\"to\"]
[tools.args]
to = { domains = [\"example.com\"], required = true }
text = { max_bytes = 4096 }
";

/// What to run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Calls a way and round.
    #[arg(long, default_value_t = 3_000)]
    calls: usize,
    /// Values that the session has seen at the end.
    #[arg(long, default_value_t = 10_000)]
    seen: usize,
    /// Where the report goes.
    #[arg(long, default_value = "bench/out", value_name = "DIR")]
    out: PathBuf,
    /// Cordon's binary; the one beside this tool without.
    #[arg(long, value_name = "FILE")]
    cordon: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Latency {
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    way: &'static str,
    p50_ms: f64,
    p99_ms: f64,
    added_p50_ms: f64,
    added_p99_ms: f64,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    process::take_signals()?;
    let folder = Folder::new(&options.out)?;
    let (_upstream, direct) = upstream(folder.path())?;
    let binary = target::binary(options.cordon.as_deref())?;
    let place =
        Place { upstream: direct.address, folder: folder.path(), tools: folder.path(), cordon: &binary };
    let variant = cordon::VARIANTS.first().context("no variant")?;
    let config = CONFIG.replace("@UPSTREAM@", &direct.address.to_string());
    let gateway = cordon::start_with(*variant, &place, &config, MANIFEST)?;
    let dir = place.folder.join(variant.name);
    cordon::run(
        Command::new(&binary)
            .arg("--data-dir")
            .arg(&dir)
            .args(["mcp", "approve", "bench", "--yes", "--by", "bench"]),
    )?;
    let front = dir.join("front.key");
    cordon::run(
        Command::new(&binary)
            .arg("--data-dir")
            .arg(&dir)
            .args(["key", "create", "--kind", "front", "--agent", "bench", "--out"])
            .arg(&front),
    )?;
    let front = std::fs::read_to_string(front)?;
    let mut rounds: Vec<Vec<Latency>> = Vec::new();
    for round in 0..options.rounds.max(1) {
        process::check_stop()?;
        rounds.push(one_round(options, &direct, &gateway, front.trim())?);
        say::progress(&format!("round {} of {}", round + 1, options.rounds.max(1)));
    }
    let ways = ["direct", "cordon", "cordon-seen"];
    let rows: Vec<Row> = ways.iter().enumerate().map(|(at, way)| row(way, at, &rounds)).collect();
    std::fs::create_dir_all(&options.out)?;
    std::fs::write(options.out.join("tools.json"), serde_json::to_string_pretty(&rows)?)?;
    say::line("| way | median ms | p99 ms | added median ms | added p99 ms |");
    say::line("|---|--:|--:|--:|--:|");
    for r in rows {
        let Row { way, p50_ms, p99_ms, added_p50_ms, added_p99_ms } = r;
        say::line(&format!("| {way} | {p50_ms:.3} | {p99_ms:.3} | {added_p50_ms:.3} | {added_p99_ms:.3} |"));
    }
    Ok(())
}

fn row(way: &'static str, at: usize, rounds: &[Vec<Latency>]) -> Row {
    let over = |f: &dyn Fn(&Latency, &Latency) -> f64| {
        let mut all: Vec<f64> = rounds.iter().filter_map(|r| Some(f(r.get(at)?, r.first()?))).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    Row {
        way,
        p50_ms: over(&|l, _| l.p50_ms),
        p99_ms: over(&|l, _| l.p99_ms),
        added_p50_ms: over(&|l, d| l.p50_ms - d.p50_ms),
        added_p99_ms: over(&|l, d| l.p99_ms - d.p99_ms),
    }
}

fn one_round(
    options: &Options,
    direct: &Arc<Shot>,
    gateway: &Target,
    front: &str,
) -> anyhow::Result<Vec<Latency>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let calls = options.calls.max(1);
        let mut out = vec![measure(&shot(direct, "post", None)?, "post", calls).await?];
        let session = session(gateway, front).await?;
        let named = shot(&gateway.shot, "bench__post", Some(&session))?;
        out.push(measure(&named, "bench__post", calls).await?);
        fill(&named, options.seen / VALUES).await?;
        out.push(measure(&named, "bench__post", calls).await?);
        Ok(out)
    })
}

/// The headers of one call, which are the same for all.
fn shot(base: &Arc<Shot>, tool: &str, session: Option<&str>) -> anyhow::Result<Arc<Shot>> {
    let mut shot = Shot::clone(base);
    let mut set = |name: &'static str, value: &str| -> anyhow::Result<()> {
        shot.headers.insert(name, value.parse()?);
        Ok(())
    };
    set("accept", "application/json, text/event-stream")?;
    set("mcp-protocol-version", "2026-07-28")?;
    set("mcp-method", "tools/call")?;
    set("mcp-name", tool)?;
    if let Some(session) = session {
        set("x-cordon-session", session)?;
    }
    Ok(Arc::new(shot))
}

fn body(tool: &str, mark: &prose::Mark, bring: bool) -> String {
    let bring = if bring { BRING } else { "" };
    let mark = String::from_utf8_lossy(mark);
    let text = format!("{bring}{}{mark}. Please have a look at it today.", prose::BEFORE_MARK);
    serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": {"to": TO, "text": text},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    })
    .to_string()
}

async fn measure(shot: &Arc<Shot>, tool: &str, calls: usize) -> anyhow::Result<Latency> {
    let mut connection = Connection::new(shot.clone());
    let mut latencies = Histogram::default();
    // The first ones open connections.
    let warm = (calls / 20).clamp(1, 50);
    for n in 0..calls + warm {
        process::check_stop()?;
        let from = clock::now();
        call(&mut connection, tool, n, false).await?;
        if n >= warm {
            latencies.add(clock::now() - from);
        }
    }
    Ok(Latency { p50_ms: latencies.at(500), p99_ms: latencies.at(990) })
}

async fn fill(shot: &Arc<Shot>, calls: usize) -> anyhow::Result<()> {
    let mut connection = Connection::new(shot.clone());
    for n in 0..calls {
        call(&mut connection, "bench__post", n, true).await?;
    }
    Ok(())
}

async fn call(connection: &mut Connection, tool: &str, n: usize, bring: bool) -> anyhow::Result<()> {
    let mark = prose::mark(n as u64, false);
    let answer = connection.post("/mcp", body(tool, &mark, bring).into()).await?;
    let right = memchr::memmem::find(&answer, &mark).is_some()
        && memchr::memmem::find(&answer, b"\"result\"").is_some()
        && memchr::memmem::find(&answer, b"isError\":true").is_none();
    if !right {
        bail!("a wrong answer: {}", String::from_utf8_lossy(answer.get(..400).unwrap_or(&answer)));
    }
    Ok(())
}

/// A session whose user named the target.
async fn session(gateway: &Target, front: &str) -> anyhow::Result<String> {
    let shot = Shot::new(gateway.shot.address, &[("authorization", &format!("Bearer {front}"))])?;
    let mut connection = Connection::new(Arc::new(shot));
    let text = serde_json::json!({"text": format!("please write to {TO} about each ticket")});
    let answer = connection.post("/cordon/v1/sessions", text.to_string().into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    let session = answer.get("session").and_then(|s| s.as_str()).context("no session was opened")?;
    Ok(session.to_owned())
}

/// What the fixed tool server answers to a message; `None`: nothing, since none is wanted.
pub(crate) fn serve(message: &[u8]) -> Option<serde_json::Value> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let message: serde_json::Value = serde_json::from_slice(message).ok()?;
    let (id, method) = (message.get("id")?, message.get("method")?.as_str()?);
    let schema = serde_json::json!({
        "type": "object",
        "properties": {"to": {"type": "string"}, "text": {"type": "string", "maxLength": 4096}},
        "required": ["to", "text"],
    });
    let meta = serde_json::json!({"resultType": "complete", "ttlMs": 60_000, "cacheScope": "private"});
    let mut result = match method {
        "server/discover" => serde_json::json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "fixed", "version": "1"},
        }),
        "tools/list" => serde_json::json!({
            "tools": [{"name": "post", "description": "Posts a text to a person.", "inputSchema": schema}],
        }),
        "tools/call" => {
            let said = message.pointer("/params/arguments/text")?.as_str()?;
            let count = if said.starts_with(BRING) { VALUES as u64 } else { 0 };
            // Values that nobody has seen before.
            let first = NEXT.fetch_add(count, Ordering::Relaxed);
            let rows: Vec<String> =
                (0..count).map(|i| format!("item {} is kept", 1_000_000 + (first + i) * 7_919)).collect();
            let text = format!("{said} It was posted. {}", rows.join(", "));
            serde_json::json!({"content": [{"type": "text", "text": text}], "isError": false})
        }
        _ => {
            let error = serde_json::json!({"code": -32601, "message": "no such method"});
            return Some(serde_json::json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    };
    if let (Some(result), Some(meta)) = (result.as_object_mut(), meta.as_object()) {
        result.extend(meta.clone());
    }
    Some(serde_json::json!({"jsonrpc": "2.0", "id": id, "result": result}))
}
