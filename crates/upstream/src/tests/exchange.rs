//! Requests, answers and what goes wrong with them.

use super::{
    ask, client, id, post, read,
    server::{Do, serve},
    settings,
};
use crate::{AuthStyle, BaseUrl, Builtin, BuiltinAnswer, BuiltinEnd, Phase, Settings, Target, UpstreamError};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::{sync::Arc, time::Duration};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// What one answer of a server comes to.
async fn outcome(what: Do) -> Result<Vec<u8>, UpstreamError> {
    let (address, _) = serve(vec![what]).await;
    ask(&client(settings(&format!("http://{address}"))).0).await
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_time() {
    let stalled = outcome(Do::ReplyAndStall(b"HTTP/1.1 200 OK\r\ncontent-")).await;
    assert_eq!(stalled, Err(UpstreamError::TimeoutHead { limit_ms: 300_000 }));
    let stalled = outcome(Do::ReplyAndStall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi")).await;
    assert_eq!(stalled, Err(UpstreamError::TimeoutIdle { limit_ms: 120_000 }));
    // An encrypted connection to a server that never says hello. Any authority will do: none is looked at.
    let (address, _) = serve(vec![Do::ReplyAndStall(b"")]).await;
    let mut s = settings(&format!("https://{address}"));
    s.ca = Some(vec![super::tls::authority().0]);
    let stalled = ask(&client(s).0).await;
    assert_eq!(stalled, Err(UpstreamError::TimeoutConnect { limit_ms: 10_000 }));
}

#[tokio::test]
async fn bad_answers_are_errors() {
    let check = |reply: &'static [u8], name: &'static str| async move {
        let e = outcome(Do::ReplyAndClose(reply)).await.unwrap_err();
        assert_eq!(e.name(), name, "{} gave {e}", String::from_utf8_lossy(reply));
        assert!(!e.public().contains("127.0.0.1") && !e.to_string().contains("sk-canary"));
    };
    check(b"", "reset").await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "truncated").await;
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi", "truncated").await;
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n", "bad_response").await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", "bad_response").await;
    check(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "bad_response",
    )
    .await;
    check(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi", "bad_response").await;
    check(
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        "redirect",
    )
    .await;
    check(b"HTTP/1.1 307 Go\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "redirect").await;
    check(b"SSH-2.0-OpenSSH\r\n", "bad_response").await;
    check(vec![b'x'; 200_000].leak(), "bad_response").await;
    let head = [&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'a'; 200_000], b"\r\n\r\n"].concat();
    check(head.leak(), "too_large").await;
    assert_eq!(
        outcome(Do::ReplyAndClose(b"HTTP/1.0 200 OK\r\n\r\nto the end")).await.unwrap(),
        b"to the end"
    );
}

#[tokio::test]
async fn headers_are_the_gateways_own() {
    let (address, seen) = serve(vec![Do::Reply(
        b"HTTP/1.1 429 Slow\r\ncontent-length: 2\r\nconnection: keep-alive, x-inner\r\nx-inner: 1\r\nkeep-alive: t\r\nretry-after: 3\r\n\r\nhi",
    )]).await;
    let mut s = settings(&format!("http://{address}/base/v1"));
    s.headers.push((http::HeaderName::from_static("openai-project"), HeaderValue::from_static("p")));
    let mut request = post("{\"a\":1}");
    for (name, value) in [
        ("authorization", "Bearer stolen"),
        ("x-api-key", "stolen"),
        ("cookie", "stolen"),
        ("host", "elsewhere"),
        ("connection", "x-gone"),
        ("x-gone", "1"),
        ("te", "trailers"),
        ("accept-encoding", "br"),
        ("content-length", "1"),
        ("openai-beta", "kept"),
    ] {
        request.headers.insert(name, HeaderValue::from_static(value));
    }
    let (client, _) = client(s);
    let answer = client.dispatch(&id(), request).await.unwrap();
    assert_eq!(answer.status, 429);
    assert_eq!(answer.headers["retry-after"], "3");
    assert!(["x-inner", "connection", "keep-alive"].iter().all(|h| !answer.headers.contains_key(*h)));
    assert_eq!(read(answer).await.unwrap(), b"hi");
    let sent = seen.requests().concat();
    assert!(sent.starts_with("POST /base/v1/chat/completions HTTP/1.1\r\n"), "{sent}");
    for line in [
        "authorization: Bearer sk-canary",
        "accept-encoding: identity",
        "openai-beta: kept",
        "openai-project: p",
        "content-length: 7",
        &format!("host: {address}"),
    ] {
        assert!(sent.contains(&format!("{line}\r\n")), "{line} in {sent}");
    }
    assert!(!sent.contains("stolen") && !sent.contains("x-gone") && !sent.contains("elsewhere"), "{sent}");
}

#[tokio::test]
async fn a_connection_is_used_again_only_when_it_is_clean() {
    let (address, seen) = serve(vec![Do::Reply(OK)]).await;
    let (client, clock) = client(settings(&format!("http://{address}")));
    for _ in 0..5 {
        assert_eq!(ask(&client).await.unwrap(), b"hi");
    }
    assert_eq!((seen.connections(), client.idle_connections()), (1, 1));
    // A body that is not read to its end takes its connection with it.
    drop(client.dispatch(&id(), post("{}")).await.unwrap());
    // (Two bytes arrive with the head, so the drop above is the only reason.)
    assert_eq!(client.idle_connections(), 0);
    ask(&client).await.unwrap();
    assert_eq!(seen.connections(), 2);
    clock.pass(Duration::from_secs(51));
    ask(&client).await.unwrap();
    assert_eq!(seen.connections(), 3);
    client.close_idle();
    assert_eq!(client.idle_connections(), 0);
}

#[tokio::test]
async fn the_pool_is_bounded() {
    let (address, seen) = serve(vec![Do::Reply(OK)]).await;
    let mut s = settings(&format!("http://{address}"));
    s.pool_idle = 2;
    let (client, _) = client(s);
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(client.dispatch(&id(), post("{}")).await.unwrap());
    }
    for answer in held {
        read(answer).await.unwrap();
    }
    assert_eq!((seen.connections(), client.idle_connections()), (5, 2));
}

#[tokio::test]
async fn what_follows_an_answer_is_not_taken_for_the_next_one() {
    let stray =
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (address, seen) = serve(vec![Do::Reply(stray), Do::Reply(OK)]).await;
    let (client, _) = client(settings(&format!("http://{address}")));
    for _ in 0..3 {
        assert_eq!(ask(&client).await.unwrap(), b"hi");
    }
    assert_eq!(seen.connections(), 2);
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_again() {
    // The second request arrives on a used connection, and the server closes without an answer.
    let (address, seen) = serve(vec![Do::Reply(OK), Do::ReplyAndClose(b"")]).await;
    let (client, _) = client(settings(&format!("http://{address}")));
    ask(&client).await.unwrap();
    let e = ask(&client).await.unwrap_err();
    assert_eq!(e.phase(), Phase::BeforeHead, "{e}");
    assert!(!e.retryable());
    assert_eq!(seen.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_closed_under_us_is_replaced() {
    let (address, seen) = serve(vec![Do::ReplyAndClose(OK)]).await;
    let (client, _) = client(settings(&format!("http://{address}")));
    for _ in 0..20 {
        assert_eq!(ask(&client).await.unwrap(), b"hi");
    }
    assert_eq!((seen.connections(), seen.requests().len()), (20, 20));
}

#[tokio::test]
async fn settings_and_requests_that_make_no_sense() {
    let mut s = settings("http://127.0.0.1:1");
    s.credential = None;
    assert_eq!(ask(&client(s.clone()).0).await.unwrap_err().name(), "no_credential");
    s.auth = AuthStyle::None;
    let (c, _) = client(s);
    assert_eq!(ask(&c).await.unwrap_err().name(), "connect");
    for path in ["", "x", "//evil/x", "/a b"] {
        let bad = crate::Outgoing { path: path.into(), ..post("") };
        assert_eq!(c.dispatch(&id(), bad).await.unwrap_err().name(), "bad_request", "{path}");
    }
    let bad = crate::Outgoing { method: Method::CONNECT, ..post("") };
    assert_eq!(c.dispatch(&id(), bad).await.unwrap_err().name(), "bad_request");
    let other = cordon_types::UpstreamId::new("other").unwrap();
    assert_eq!(c.dispatch(&other, post("")).await.unwrap_err().name(), "unknown_upstream");
    for bad in [
        "ftp://h",
        "https://",
        "h",
        "https://u:p@h",
        "https://h?x",
        "https://h/../x",
        "https://h:0",
        "https://h:",
        "https://h:99999",
        "https://h/a//b",
        "https://h/%2e%2e",
        "https://h#x",
        "https://h\\@g",
    ] {
        assert!(BaseUrl::parse(bad).is_err(), "{bad}");
    }
    for (good, shown) in [("https://H:443/v1/", "https://h/v1"), ("http://[::1]:8080", "http://[::1]:8080")] {
        assert_eq!(BaseUrl::parse(good).unwrap().to_string(), shown);
    }
}

struct Echo;

impl Builtin for Echo {
    fn answer(&self, _: &Method, path: &str, _: &HeaderMap, body: Bytes) -> BuiltinAnswer {
        let end = match &body[..] {
            b"stall" => BuiltinEnd::Stall,
            b"break" => BuiltinEnd::Break,
            b"short" => BuiltinEnd::Short,
            _ => BuiltinEnd::Clean,
        };
        let chunks = vec![Bytes::copy_from_slice(path.as_bytes()), body];
        BuiltinAnswer { status: StatusCode::OK, headers: HeaderMap::new(), chunks, end }
    }
}

#[tokio::test(start_paused = true)]
async fn a_builtin_answers_without_a_network() {
    let (client, _) = client(Settings::new(id(), Target::Builtin(Arc::new(Echo))));
    let client = &client;
    let get = |body| async move { read(client.dispatch(&id(), post(body)).await.unwrap()).await };
    assert_eq!(get("!").await.unwrap(), b"/v1/chat/completions!");
    assert_eq!(get("stall").await.unwrap_err().name(), "timeout_idle");
    assert_eq!(get("break").await.unwrap_err().name(), "reset");
    assert_eq!(get("short").await.unwrap_err().name(), "truncated");
}

#[test]
fn a_credential_is_sent_in_its_style_and_known_again() {
    let check = |auth: AuthStyle, secret: &str, name: &str, value: &str, shown: &[&str], hidden: &[&str]| {
        let base = BaseUrl::parse("https://api.example.com/v1").unwrap();
        let mut s = Settings::new(id(), Target::Url(base.clone()));
        s.credential = Some(crate::Credential::new(cordon_types::Secret::new(secret.to_owned())));
        s.auth = auth;
        let own = crate::headers::Own::new(&s, &base).unwrap();
        let mut stolen = HeaderMap::new();
        stolen.insert(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_static("stolen"),
        );
        assert_eq!(own.outgoing(stolen)[name], value);
        for text in shown {
            assert!(own.shown_in(text.as_bytes()), "{text}");
        }
        for text in hidden {
            assert!(!own.shown_in(text.as_bytes()), "{text}");
        }
    };
    let horse = "correct-horse";
    check(
        AuthStyle::Bearer,
        horse,
        "authorization",
        "Bearer correct-horse",
        &["a correct-horse b"],
        &["correct"],
    );
    let name = http::HeaderName::from_static("private-token");
    check(AuthStyle::Header(name), horse, "private-token", horse, &["correct-horse"], &["horse", ""]);
    let basic = "Basic YWRhOmNvcnJlY3QtaG9yc2U=";
    let shown = ["YWRhOmNvcnJlY3QtaG9yc2U=", "password: correct-horse"];
    check(AuthStyle::Basic, "ada:correct-horse", "authorization", basic, &shown, &["ada", "Basic"]);
    check(AuthStyle::Bearer, "short", "authorization", "Bearer short", &[], &["short"]);
}
