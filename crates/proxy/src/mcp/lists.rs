//! The lists: what there is, as far as the agent may use it.
//!
//! ```text
//! each server --all pages--> definitions --looked into, judged--> those of one answer, marked private
//! ```
//! What always holds: a tool that the agent may not call is not shown; a definition that tries to steer its reader is
//! shown to nobody; of many servers, one that fails leaves the others' things in the list.

use crate::body::OutBody;
use crate::mcp::context::{Context, Fail, operation};
use crate::mcp::failure::Failure;
use crate::mcp::handshake::can;
use crate::mcp::link::{Ask, Link, Words, object};
use crate::mcp::mirror;
use crate::mcp::server::{Defined, Server, ToolSet};
use crate::mcp::target::{outward_name, outward_uri};
use cordon_pipeline::{Tally, hands};
use cordon_types::Digest;
use cordon_wire::mcp::{
    Edits, Id, Item, Listing, Message, MessageKind, Method, Texts, listing, render, string, texts,
};
use http::Response;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::time::timeout;

/// Most pages, and most entries, of one server's list.
const MAX_PAGES: usize = 50;
const MAX_ENTRIES: usize = 2_000;

pub(crate) async fn list(context: Context, method: Method, id: &Id) -> Response<OutBody> {
    let op = operation(method);
    let mut entries: Vec<String> = Vec::new();
    let mut ttl = None;
    for server in context.servers() {
        match of_server(&context, &server, method).await {
            Ok((found, kept)) => {
                entries.extend(found);
                ttl = Some(ttl.map_or(kept, |t: u64| t.min(kept)));
            }
            Err(failure) => {
                tracing::warn!(server = %server.id(), why = failure.name, detail = failure.detail, "a list could not be had");
                if !context.is_joined() {
                    return context.refused(id, op, Fail::refusal(&failure.refusal())).await;
                }
            }
        }
    }
    let key = match method {
        Method::ToolsList => "tools",
        Method::ResourcesList => "resources",
        Method::TemplatesList => "resourceTemplates",
        _ => "prompts",
    };
    let mut members = vec![(key, format!("[{}]", entries.join(",")))];
    if context.revision.is_stateless() {
        members.push(("resultType", "\"complete\"".to_owned()));
        members.push(("ttlMs", ttl.unwrap_or(0).to_string()));
        // SECURITY: it was filtered for this agent.
        members.push(("cacheScope", "\"private\"".to_owned()));
    }
    match crate::call::listed(&context.asked, op, &context.gate).await {
        Ok(()) => context.result(id, &object(&members)),
        Err(refusal) => context.failed(id, &Fail::refusal(&refusal)),
    }
}

/// What the agent is shown of one server, and for how long it may be kept.
async fn of_server(
    context: &Context,
    server: &Arc<Server>,
    method: Method,
) -> Result<(Vec<String>, u64), Failure> {
    let link = context.link(server).await?;
    if !can(&link, method) {
        return Ok((Vec::new(), u64::MAX / 2));
    }
    let pages = match pages(context, &link, method).await {
        Err(failure) if failure.forgotten => {
            context.drop_link(&link);
            let link = context.link(server).await?;
            pages(context, &link, method).await?
        }
        other => other?,
    };
    let mut tools = ToolSet::default();
    let (mut shown, mut ttl) = (Vec::new(), u64::MAX);
    for (message, page) in &pages {
        ttl = ttl.min(page.ttl_ms.unwrap_or(0));
        for item in &page.items {
            let raw = message.raw(item.node);
            let poisoned = poisoned(context, server, message, item, raw);
            if poisoned {
                tracing::warn!(server = %server.id(), "a definition tries to steer its reader; it is not shown");
            }
            if method == Method::ToolsList {
                tools.tools.insert(item.name.clone(), Defined { raw: raw.to_owned(), poisoned });
            }
            // A server without sessions whose tool wants headers that none may have: clients must not use it.
            let broken = method == Method::ToolsList
                && link.revision.is_stateless()
                && mirror::of_definition(raw, &context.gate.limits).is_none();
            if !poisoned && !broken && may_see(context, server, method, &item.name) {
                shown.push(outward(context, server, method, message, item));
            }
        }
    }
    if method == Method::ToolsList {
        server.set_tools(tools);
    }
    Ok((shown, ttl))
}

/// Asks a server for its tools, for Cordon's own use.
pub(crate) async fn learn_tools(context: &Context, link: &Arc<Link>) -> Result<(), Failure> {
    let server = link.server();
    let mut tools = ToolSet::default();
    for (message, page) in pages(context, link, Method::ToolsList).await? {
        for item in &page.items {
            let raw = message.raw(item.node);
            let poisoned = poisoned(context, server, &message, item, raw);
            tools.tools.insert(item.name.clone(), Defined { raw: raw.to_owned(), poisoned });
        }
    }
    server.set_tools(tools);
    Ok(())
}

async fn pages(
    context: &Context,
    link: &Arc<Link>,
    method: Method,
) -> Result<Vec<(Message, Listing)>, Failure> {
    let limit = link.server().settings.timeout;
    timeout(limit, all_pages(context, link, method)).await.unwrap_or_else(|_| Err(Failure::too_slow()))
}

async fn all_pages(
    context: &Context,
    link: &Arc<Link>,
    method: Method,
) -> Result<Vec<(Message, Listing)>, Failure> {
    let (mut out, mut cursor, mut count) = (Vec::new(), None::<String>, 0);
    loop {
        let params = cursor.iter().map(|c| ("cursor", string(c))).collect();
        // INVARIANT: the words are Cordon's and the server's own; a client's cursor is never passed on.
        let ask = Ask { method: method.name(), params, behalf: context.behalf(), ..Ask::default() };
        let mut replies = link.ask(&context.asked.worker, Words::Own, ask).await?;
        let message = loop {
            let message = replies.message().await?;
            match message.kind() {
                MessageKind::Response => break message,
                MessageKind::Error => return Err(Failure::broken()),
                _ => {}
            }
        };
        let page = listing(method, &message).map_err(|e| Failure::unread(&e))?;
        count += page.items.len();
        cursor.clone_from(&page.next);
        out.push((message, page));
        if cursor.is_none() {
            return Ok(out);
        }
        if out.len() >= MAX_PAGES || count > MAX_ENTRIES {
            return Err(Failure::too_large());
        }
    }
}

fn poisoned(context: &Context, server: &Server, message: &Message, item: &Item, raw: &str) -> bool {
    let digest = Digest(Sha256::digest(raw.as_bytes()).into());
    server.poisoned(digest, || {
        let mut read = Texts::default();
        texts(message.doc(), item.node, false, &mut read);
        let mut tally = Tally::default();
        hands::definition(&context.gate, &read, &mut tally).is_err()
    })
}

fn may_see(context: &Context, server: &Server, method: Method, name: &str) -> bool {
    let now = context.asked.worker.shared.clock.now();
    let of = |what: &str| hands::offered(&context.gate, &context.asked.principal, server.id(), what, now);
    match method {
        Method::ToolsList => of(name),
        Method::PromptsList => of(Method::PromptsGet.name()),
        _ => of(Method::ResourcesRead.name()),
    }
}

/// An entry as the client sees it.
fn outward(context: &Context, server: &Server, method: Method, message: &Message, item: &Item) -> String {
    if !context.is_joined() {
        return message.raw(item.node).to_owned();
    }
    let name = match method {
        Method::ToolsList | Method::PromptsList => outward_name(true, server.id(), &item.name),
        _ => outward_uri(true, server.id(), &item.name),
    };
    let mut edits = Edits::default();
    edits.replace(item.name_node, string(&name));
    render(message.doc(), item.node, &edits)
}
