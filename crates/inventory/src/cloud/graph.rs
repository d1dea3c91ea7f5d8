//! A live query of Azure Resource Graph: what is asked, what a page of the answer says, how long to wait.
//!
//! ```text
//! request(scope, token) -> POST -> 200 -> page -> rows to the exports' reader, the next page's token
//!                               -> else -> codes, wait
//! ```
//! What always holds: a live page is read by the very reader of the exports; a page is bounded as an export is. What it
//! does not do: send anything.
//!
//! Shapes: azure-rest-api-specs, ResourceGraph 2022-10-01; its guidance for throttled requests names the headers.

use super::{CloudError, azure, bounded, text};
use crate::asset::{Sighting, Sink};
use serde_json::{Value, json};

/// Path and query of the request.
pub const PATH: &str = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";
/// Rows asked for in one page: the most that Azure gives.
pub const PAGE_ROWS: u32 = 1_000;
/// Longest token of a page that is sent back.
const MAX_TOKEN: usize = 64 * 1024;
/// Most codes of one error.
const MAX_CODES: usize = 4;
/// Longest code.
const MAX_CODE: usize = 64;

/// Where to look; with neither, in every subscription that the credential reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Subscriptions, by their ids.
    pub subscriptions: Vec<String>,
    /// Management groups, by their names.
    pub management_groups: Vec<String>,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// What was seen.
    pub found: Vec<Sighting>,
    /// Rows of the page.
    pub rows: u64,
    /// Rows of the whole result, where Azure says.
    pub total: Option<u64>,
    /// What brings the next page.
    pub next: Option<String>,
    /// Azure cut the result short.
    pub truncated: bool,
}

/// The query: the types that the reader knows, in an order that pages can rely on. Columns that it does not read stay
/// where they are.
#[must_use]
pub fn query() -> String {
    let types: Vec<String> = azure::types().map(|t| format!("'{t}'")).collect();
    format!(
        "Resources | where type in~ ({}) | project id, name, type, kind, location, subscriptionId, tags, properties \
         | order by id asc",
        types.join(", ")
    )
}

/// The body of the request for the first page, or for the one that `token` stands for.
#[must_use]
pub fn request(scope: &Scope, token: Option<&str>) -> String {
    let mut options = json!({"resultFormat": "objectArray", "$top": PAGE_ROWS});
    if let (Some(options), Some(token)) = (options.as_object_mut(), token) {
        options.insert("$skipToken".to_owned(), token.into());
    }
    let mut body = json!({"query": query(), "options": options});
    if let Some(body) = body.as_object_mut() {
        for (key, ids) in
            [("subscriptions", &scope.subscriptions), ("managementGroups", &scope.management_groups)]
        {
            if !ids.is_empty() {
                body.insert(key.to_owned(), ids.clone().into());
            }
        }
    }
    body.to_string()
}

/// Reads one page.
///
/// # Errors
/// When it is no page, or too large.
pub fn page(place: &str, bytes: &[u8]) -> Result<Page, CloudError> {
    bounded(bytes)?;
    let value: Value = serde_json::from_slice(bytes).map_err(|e| CloudError::Json(e.to_string()))?;
    let mut sink = Sink::new(place);
    let counted = value.get("totalRecords").is_some() || value.get("count").is_some();
    let Some(rows) = value.get("data").and_then(Value::as_array).filter(|_| counted) else {
        return Err(CloudError::Json("it has no `data` with rows and no count of them".to_owned()));
    };
    let rows = rows.len() as u64;
    azure::rows(&value, &mut sink);
    let next = text(&value, "$skipToken");
    if next.len() > MAX_TOKEN {
        return Err(CloudError::TooLarge);
    }
    let cut = value.get("resultTruncated");
    Ok(Page {
        rows,
        total: value.get("totalRecords").and_then(Value::as_u64),
        next: (!next.is_empty()).then(|| next.to_owned()),
        // More than the reader keeps of a page is as good as cut.
        truncated: sink.overflow
            || cut.is_some_and(|c| c.as_bool() == Some(true) || c.as_str() == Some("true")),
        found: sink.found,
    })
}

/// The codes of an error that Azure answers with, the outer one first. Its words are a stranger's, and may repeat what
/// was sent; a code is letters, digits and few signs.
#[must_use]
pub fn codes(bytes: &[u8]) -> Vec<String> {
    if bounded(bytes).is_err() {
        return Vec::new();
    }
    let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let error = value.get("error").unwrap_or(&value);
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let plain = |c: &&str| {
        (1..=MAX_CODE).contains(&c.len())
            && c.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    let mut all: Vec<String> = Vec::new();
    for code in std::iter::once(error).chain(details).map(|e| text(e, "code")).filter(plain) {
        if all.len() < MAX_CODES && !all.iter().any(|c| c == code) {
            all.push(code.to_owned());
        }
    }
    all
}

/// Seconds of `Retry-After` (a number), or of `x-ms-user-quota-resets-after` (`hh:mm:ss`).
#[must_use]
pub fn seconds(header: &str) -> Option<u64> {
    let mut all = 0_u64;
    let parts: Vec<&str> = header.trim().split(':').collect();
    if !matches!(parts.len(), 1 | 3) {
        return None;
    }
    for part in parts {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        all = all.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[u8] = include_bytes!("../../tests/fixtures/cloud/azure-graph.json");

    #[test]
    fn what_is_asked() {
        let scope = Scope { subscriptions: vec!["s\"1".to_owned()], management_groups: Vec::new() };
        let body: Value = serde_json::from_str(&request(&scope, Some("t"))).unwrap();
        assert_eq!(body["subscriptions"], json!(["s\"1"]));
        assert_eq!(body.get("managementGroups"), None);
        let options = json!({"resultFormat": "objectArray", "$top": 1000, "$skipToken": "t"});
        assert_eq!(body["options"], options);
        let first: Value = serde_json::from_str(&request(&Scope::default(), None)).unwrap();
        assert!(first["options"].get("$skipToken").is_none() && first.get("subscriptions").is_none());
        let query = first["query"].as_str().unwrap();
        for name in azure::types() {
            assert!(query.contains(&format!("'{name}'")), "{name}");
        }
    }

    #[test]
    fn a_page_is_read_as_an_export_is() {
        let one = page("azure", PAGE).unwrap();
        assert_eq!(
            (one.rows, one.total, one.next.as_deref(), one.truncated),
            (2, Some(2), Some("next"), true)
        );
        let mut scan = super::super::CloudScan::new("azure", None);
        scan.push(PAGE).unwrap();
        assert_eq!(one.found, scan.finish().unwrap().found);
        let last =
            page("azure", br#"{"totalRecords":0,"count":0,"data":[],"resultTruncated":"false"}"#).unwrap();
        assert_eq!((last.rows, last.next, last.truncated), (0, None, false));
        for bad in [
            &b"{}"[..],
            b"[]",
            b"{\"data\":[]}",
            b"{\"count\":1,\"data\":{\"columns\":[],\"rows\":[]}}",
            b"<html>",
            b"{\"error\":{\"code\":\"x\"}}",
        ] {
            assert!(page("azure", bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let token = format!("{{\"count\":0,\"data\":[],\"$skipToken\":\"{}\"}}", "a".repeat(MAX_TOKEN + 1));
        assert_eq!(page("azure", token.as_bytes()).unwrap_err(), CloudError::TooLarge);
    }

    #[test]
    fn codes_of_an_error_and_no_words() {
        let said = br#"{"error":{"code":"BadRequest","message":"CANARY","details":[{"code":"InvalidQuery"},{"code":"BadRequest"},{"code":"a b"},{"code":"x\u001b[2J"}]}}"#;
        assert_eq!(codes(said), ["BadRequest", "InvalidQuery"]);
        assert_eq!(codes(br#"{"code":"Plain"}"#), ["Plain"]);
        assert_eq!(codes(format!(r#"{{"error":{{"code":"{}"}}}}"#, "a".repeat(65)).as_bytes()), [""; 0]);
        for none in [&b""[..], b"<html>", b"{}", b"{\"error\":7}"] {
            assert!(codes(none).is_empty());
        }
    }

    #[test]
    fn how_long_to_wait() {
        for (header, want) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("00:00:05", Some(5)),
            ("01:01:01", Some(3661)),
            ("", None),
            ("-1", None),
            ("1:2", None),
            ("::", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("99999999999999999999", None),
            ("18446744073709551615:0:0", None),
        ] {
            assert_eq!(seconds(header), want, "{header:?}");
        }
    }
}
