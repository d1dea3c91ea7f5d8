//! The lists: what there is, as far as the agent may use it.
//!
//! ```text
//! each server --all pages--> definitions --approved? judged--> those of one answer, marked private
//! ```
//! What always holds: a tool that the agent may not call is not shown; a tool that is not as somebody approved it, and
//! any other definition that tries to steer its reader, is shown to nobody; of many servers, one that fails leaves the others' things in the list.

use crate::body::OutBody;
use crate::mcp::context::{Context, Fail, operation};
use crate::mcp::failure::Failure;
use crate::mcp::handshake::can;
use crate::mcp::learn::{self, pages};
use crate::mcp::link::object;
use crate::mcp::mirror;
use crate::mcp::server::Server;
use crate::mcp::target::{outward_name, outward_uri};
use cordon_pipeline::hands;
use cordon_wire::mcp::{Edits, Id, Item, Message, Method, render, string};
use http::Response;
use std::sync::Arc;

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
    let worker = &context.asked.worker;
    let (link, pages) = match pages(worker, &link, method).await {
        Err(failure) if failure.forgotten => {
            context.drop_link(&link);
            let link = context.link(server).await?;
            let pages = pages(worker, &link, method).await?;
            (link, pages)
        }
        other => (link, other?),
    };
    let tools = match method {
        Method::ToolsList => Some(learn::tools(worker, &context.gate, &link, &pages)?),
        _ => None,
    };
    let (mut shown, mut ttl) = (Vec::new(), u64::MAX);
    for (message, page) in &pages {
        ttl = ttl.min(page.ttl_ms.unwrap_or(0));
        for item in &page.items {
            let usable = match &tools {
                Some(tools) => {
                    tools.as_ref().as_ref().and_then(|t| t.tools.get(&item.name)).is_some_and(|d| {
                        let barred = worker.shared.hub.pins.barred(server, &item.name, d);
                        // A server without sessions whose tool wants headers that none may have: clients must not use it.
                        let broken = link.revision.is_stateless()
                            && mirror::of_definition(&d.raw, &context.gate.limits).is_none();
                        barred.is_none() && !broken
                    })
                }
                None => {
                    let steers = learn::steers(&context.gate, server, message, item);
                    if steers {
                        tracing::warn!(server = %server.id(), "a definition tries to steer its reader; it is not shown");
                    }
                    !steers
                }
            };
            if usable && may_see(context, server, method, &item.name) {
                shown.push(outward(context, server, method, message, item));
            }
        }
    }
    Ok((shown, ttl))
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
