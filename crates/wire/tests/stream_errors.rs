//! Errors, written and read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use cordon_types::{Dialect, RequestId};
use cordon_wire::{ApiError, error_body, error_event, error_kind, parse_upstream_error};

fn error(param: Option<&str>) -> ApiError<'_> {
    ApiError {
        status: 400,
        kind: "invalid_request_error",
        code: "c",
        message: "say \"no\"\n",
        param,
        request_id: RequestId(1),
    }
}

#[test]
fn bodies_and_events() {
    let openai = error_body(Dialect::OpenaiChat, &error(Some("messages")));
    let expected = r#"{"error":{"message":"say \"no\"\n","type":"invalid_request_error","param":"messages","code":"c"}}"#;
    assert_eq!(openai, expected);
    let anthropic = error_event(Dialect::AnthropicMessages, &error(None));
    let expected = concat!(
        "event: error\ndata: ",
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"say \"no\"\n"},"#,
        r#""request_id":"req_00000000000000000000000000000001"}"#,
        "\n\n"
    );
    assert_eq!(anthropic, expected);
    let event = error_event(Dialect::OpenaiChat, &error(None));
    assert!(
        event.starts_with(b"data: {\"error\":{") && event.ends_with(b"\"param\":null,\"code\":\"c\"}}\n\n")
    );
}

#[test]
fn kinds_by_status() {
    let table = [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "timeout_error", "timeout_error"),
        (409, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ];
    for (status, openai, anthropic) in table {
        assert_eq!(error_kind(Dialect::OpenaiChat, status), openai, "{status}");
        assert_eq!(error_kind(Dialect::AnthropicMessages, status), anthropic, "{status}");
    }
}

fn check(status: u16, body: &str, kind: &str, param: Option<&str>, message: Option<&str>) {
    let said = parse_upstream_error(Dialect::OpenaiChat, status, body.as_bytes());
    assert_eq!((said.kind, said.param, said.message.as_deref()), (kind, param, message), "{body}");
}

#[test]
fn of_an_upstream_only_known_words_pass() {
    let full = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages[0].content","code":"context_length_exceeded"}}"#;
    check(400, full, "context_length_exceeded", Some("messages"), Some("too long"));
    check(400, r#"{"error":"no model"}"#, "invalid_request_error", None, Some("no model"));
    check(
        400,
        r#"{"error":{"type":"a secret","code":7,"param":"a secret"}}"#,
        "invalid_request_error",
        None,
        None,
    );
    check(
        400,
        r#"[{"error":{"message":"m","type":"rate_limit_error"}}]"#,
        "rate_limit_error",
        None,
        Some("m"),
    );
    check(
        404,
        r#"{"object":"error","message":"m\u0000n","code":404}"#,
        "invalid_request_error",
        None,
        Some("m n"),
    );
    check(301, "{}", "upstream_error", None, None);
    check(502, "<html>bad gateway</html>", "server_error", None, None);
    check(500, r#"{"error":{"message":"a","message":"b"}}"#, "server_error", None, None);
}

#[test]
fn a_long_message_is_capped_at_a_character() {
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(4_000));
    let said = parse_upstream_error(Dialect::AnthropicMessages, 529, body.as_bytes());
    assert_eq!(said.kind, "overloaded_error");
    assert_eq!(said.message.map(|m| m.len()), Some(2_048));
}
