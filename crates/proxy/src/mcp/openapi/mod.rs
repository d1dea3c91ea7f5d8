//! An HTTP interface as a tool server: the operations of an OpenAPI document are its tools, a call is one request.
//!
//! ```text
//! tools/list                                                     from the document, no request
//! tools/call   judged arguments --compose--> request --permit--> the operator's URL --answer--> a result
//! ```
//! What always holds: the request is composed once, from the arguments as they were judged, before its intent; it goes
//! below the operator's URL with the operator's credential; of the answer, its status, its kind and its body are read,
//! and all that follows looks into them as into any server's result; one that repeats the operator's credential is
//! withheld. What it does not do: follow a redirect, retry, fetch a document.

mod answer;

use crate::mcp::failure::Failure;
use crate::mcp::link::{Ask, Link, Words, object};
use crate::mcp::outward::{self, Behalf};
use crate::mcp::replies::Replies;
use crate::mcp::server::Server;
use crate::worker::Worker;
use bytes::Bytes;
use cordon_policy::Permit;
use cordon_tools::openapi::{Document, HttpRequest};
use cordon_types::{Digest, Problem};
use cordon_upstream::ApiRequest;
use cordon_wire::Limits;
use cordon_wire::json::scan;
use cordon_wire::mcp::{ErrorCode, Id, Message, Method, Revision, error, response, string};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// About so many bytes of definitions go on one page: a page is read like any server's.
const PAGE: usize = 128 << 10;
/// Most pages, as for other servers.
const MAX_PAGES: usize = 50;

/// What stands for a handshake: tools, and nothing else.
const HELLO: &str = "{\"resultType\":\"complete\",\"capabilities\":{\"tools\":{}}}";

/// A document, ready to serve. Two are equal when they were read from the same bytes in the same way.
#[derive(Debug)]
pub struct Interface {
    document: Document,
    /// Results of `tools/list`: JSON text.
    pages: Vec<String>,
    digest: Digest,
}

impl PartialEq for Interface {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Interface {}

impl Interface {
    /// Reads a document: those of its operations that `operations` names. `taken`: headers that the operator sets.
    pub fn read(
        text: &[u8],
        operations: &[String],
        taken: &[String],
        limits: &Limits,
    ) -> Result<Self, Vec<Problem>> {
        let mut document = Document::read_with(text, taken)?;
        document.select(operations).map_err(|problems| {
            let within = |p: Problem| Problem { path: format!("operations[{}]", p.path), ..p };
            problems.into_iter().map(within).collect::<Vec<_>>()
        })?;
        if document.operations().next().is_none() {
            let why = document.skipped().first().map(|p| format!("; {}: {}", p.path, p.message));
            let message = format!("no operation can be a tool{}", why.unwrap_or_default());
            return Err(vec![Problem::new("paths", message, "declare operations, or choose others")]);
        }
        let pages = pages(&document, limits).map_err(|p| vec![p])?;
        let mut hash = Sha256::new();
        for part in operations.iter().chain(taken).map(String::as_bytes).chain([text]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update((operations.len() as u64).to_be_bytes());
        Ok(Self { document, pages, digest: Digest(hash.finalize().into()) })
    }

    /// How many tools there are.
    #[must_use]
    pub fn tools(&self) -> usize {
        self.document.operations().count()
    }

    /// The operations that can be no tools, and why.
    #[must_use]
    pub fn skipped(&self) -> &[Problem] {
        self.document.skipped()
    }

    /// The request that a call becomes. The problem names the argument, never the value.
    pub(crate) fn compose(&self, tool: &str, arguments: &str) -> Result<ApiRequest, Problem> {
        let HttpRequest { method, path_and_query, headers: list, body } =
            self.document.request_of(tool, arguments)?;
        let bad = |_| Problem::new("", "an argument cannot stand in a header", "send visible ASCII");
        let (mut headers, mut cookie) = (HeaderMap::with_capacity(list.len()), None);
        for (name, value) in list {
            let value = HeaderValue::from_str(&value).map_err(|_| bad(()))?;
            match HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))? {
                http::header::COOKIE => cookie = Some(value),
                name => drop(headers.insert(name, value)),
            }
        }
        let method = Verb::from_bytes(method.as_bytes()).map_err(|_| bad(()))?;
        let body = body.map(Bytes::from).unwrap_or_default();
        Ok(ApiRequest { method, target: path_and_query, headers, cookie, body, bearer: None })
    }

    /// The page that begins at a cursor of Cordon's own.
    fn page(&self, ask: &Ask) -> Option<&str> {
        let cursor = ask.params.iter().find(|(key, _)| *key == "cursor");
        let at = cursor.map_or(Some(0), |(_, text)| text.trim_matches('"').parse().ok())?;
        self.pages.get(at).map(String::as_str)
    }
}

/// The definitions as the results of a list, page by page.
fn pages(document: &Document, limits: &Limits) -> Result<Vec<String>, Problem> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    let mut size = 0;
    for tool in document.tools() {
        let text = tool.definition().to_string();
        if size > 0 && size + text.len() > PAGE {
            all.push(Vec::new());
            size = 0;
        }
        size += text.len();
        if let Some(page) = all.last_mut() {
            page.push(text);
        }
    }
    if all.len() > MAX_PAGES {
        let message = format!("its definitions have over {} MiB", (MAX_PAGES * PAGE) >> 20);
        return Err(Problem::new("paths", message, "choose among them with `operations`"));
    }
    let count = all.len();
    let page = |(at, tools): (usize, Vec<String>)| {
        let mut members =
            vec![("resultType", string("complete")), ("tools", format!("[{}]", tools.join(",")))];
        members.extend((at + 1 < count).then(|| ("nextCursor", string(&(at + 1).to_string()))));
        let page = object(&members);
        scan(page.as_bytes(), limits).map_err(|e| {
            let message = format!("its definitions do not fit the gateway's own limits: {}", e.code.name());
            Problem::new(
                "paths",
                message,
                "raise `limits.depth` or `limits.nodes`, or choose other operations",
            )
        })?;
        Ok(page)
    };
    all.into_iter().enumerate().map(page).collect()
}

/// What a connection to it is: nothing was said, nothing is kept.
pub(crate) fn hello(worker: &Worker) -> Result<(Revision, Message), Failure> {
    let limits = worker.shared.gate.load().limits;
    let hello = Message::parse(response(&Id::number(1), HELLO), &limits).map_err(|e| Failure::unread(&e))?;
    // Where each request stands alone, as one of HTTP does.
    Ok((Revision::CURRENT, hello))
}

/// Answers what is asked of it.
pub(crate) async fn ask(
    link: Arc<Link>,
    interface: Arc<Interface>,
    worker: Arc<Worker>,
    words: Words,
    ask: Ask,
    id: Id,
) -> Result<Replies, Failure> {
    let (text, received) = if ask.method == Method::ToolsList.name() {
        let page = interface.page(&ask).ok_or_else(Failure::broken)?;
        (response(&id, page), page.len())
    } else if ask.method == Method::ToolsCall.name() {
        let (Some(request), Words::Permitted(permit)) = (ask.api, words) else {
            return Err(Failure::broken());
        };
        let behalf = ask.behalf.or_else(|| link.behalf());
        let (result, received) = call(&worker, link.server(), (&permit, &behalf), request).await?;
        (response(&id, &result), received)
    } else {
        (error(Some(&id), ErrorCode::MethodNotFound, "an HTTP interface has tools only"), 0)
    };
    let message = Message::parse(text, &worker.shared.gate.load().limits).map_err(|e| Failure::unread(&e))?;
    Ok(Replies::whole(link, worker, id, message, received))
}

/// One request, and what came back as a result: JSON text; and how many bytes came.
async fn call(
    worker: &Worker,
    server: &Server,
    (permit, behalf): (&Permit, &Behalf),
    request: ApiRequest,
) -> Result<(String, usize), Failure> {
    let (answer, bearer) = outward::call(worker, server, permit, behalf, request).await?;
    let (status, kind) = (answer.status, answer::Kind::of(&answer.headers));
    let body = crate::mcp::replies::whole(answer.body, server.settings.result_bytes).await?;
    let shown = bearer.is_some_and(|b| b.shown_in(&body));
    if shown || worker.tools().shows_credential(server.id(), &body) {
        let public = "the tool server's answer shows the gateway's own credential; it was withheld";
        return Err(Failure::new("credential_shown", public));
    }
    let limits = worker.shared.gate.load().limits;
    let result = answer::result(status, &kind, &body, &limits)?;
    Ok((result, body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn interface(paths: Value, operations: &[&str]) -> Result<Interface, Vec<Problem>> {
        let text = json!({"openapi": "3.1.0", "paths": paths}).to_string();
        let operations: Vec<String> = operations.iter().map(|o| (*o).to_owned()).collect();
        Interface::read(text.as_bytes(), &operations, &["x-tenant".to_owned()], &Limits::default())
    }

    fn pet() -> Value {
        json!({"/pets/{id}": {"get": {"operationId": "getPet", "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
            {"name": "X-Tenant", "in": "header", "required": true, "schema": {"type": "string"}},
            {"name": "theme", "in": "cookie", "schema": {"type": "string"}}]}}})
    }

    #[test]
    fn calls_become_requests() {
        let interface = interface(pet(), &[]).unwrap();
        let request = interface.compose("getPet", r#"{"id":"a/b","X-Trace":"t","theme":"x;y=1"}"#).unwrap();
        assert_eq!((request.method, request.target.as_str()), (Verb::GET, "/pets/a%2Fb"));
        assert_eq!(request.cookie.unwrap(), "theme=x%3By%3D1");
        assert_eq!(request.headers.len(), 2);
        assert_eq!(request.headers["x-trace"], "t");
        for bad in [
            r#"{"id":".."}"#,
            r#"{"id":"%2e%2e"}"#,
            r#"{"id":"a","X-Trace":"a\r\nb"}"#,
            r#"{"id":"a","X-Tenant":"acme"}"#,
            r#"{"id":"a","Id":"b"}"#,
            r#"{"id":7}"#,
            "{}",
        ] {
            let problem = interface.compose("getPet", bad).unwrap_err().to_string();
            assert!(!problem.contains("acme"), "{problem}");
        }
    }

    #[test]
    fn a_document_is_paged() {
        let text = "a description of some length ".repeat(40);
        let item = |n: usize| {
            (format!("/p{n}"), json!({"get": {"operationId": format!("p{n}"), "description": text}}))
        };
        let interface =
            interface((0..1_000).map(item).collect::<serde_json::Map<_, _>>().into(), &[]).unwrap();
        assert!(interface.pages.len() > 5 && interface.pages.len() <= MAX_PAGES);
        let (mut ask, mut found) = (Ask::default(), 0);
        loop {
            let page: Value = serde_json::from_str(interface.page(&ask).unwrap()).unwrap();
            found += page["tools"].as_array().unwrap().len();
            let Some(next) = page.get("nextCursor") else { break };
            ask.params = vec![("cursor", next.to_string())];
        }
        assert_eq!((found, interface.tools()), (1_000, 1_000));
        ask.params = vec![("cursor", "\"99\"".to_owned())];
        assert!(interface.page(&ask).is_none());
    }

    #[test]
    fn what_is_equal() {
        let same = |a: &[&str], b: &[&str]| interface(pet(), a) == interface(pet(), b);
        assert!(same(&[], &[]));
        assert!(!same(&[], &["getPet"]));
    }

    #[test]
    fn a_document_without_tools() {
        let told = |paths, operations: &[&str]| interface(paths, operations).unwrap_err()[0].to_string();
        assert!(told(json!({}), &[]).contains("no operation"));
        assert!(told(pet(), &["getpet"]).starts_with("operations[0]: "));
        let broken = json!({"/a": {"get": {"parameters": [{"name": "a", "in": "body"}]}}});
        assert!(told(broken, &[]).contains("GET /a"));
    }
}
