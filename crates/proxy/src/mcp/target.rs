//! Which server a name or a URI leads to, and how names and URIs look from outside.
//!
//! What always holds: at the endpoint of all servers a tool is `server__tool`, a resource `cordon.server+uri`; each
//! leads back to one server. At one server's endpoint both are the server's own.

use crate::mcp::context::Context;
use crate::mcp::server::Server;
use cordon_types::ServerId;
use cordon_wire::json::{Doc, Kind};
use cordon_wire::mcp::{Edits, string};
use std::sync::Arc;

/// What stands before a server's name in the URI of one of its resources.
const URI: &str = "cordon.";

/// A server, and a name as it knows it.
pub(crate) struct Target {
    pub server: Arc<Server>,
    pub name: String,
}

/// The server of a tool's or prompt's name.
pub(crate) fn by_name(context: &Context, name: &str) -> Option<Target> {
    if let Some(one) = &context.one {
        return Some(Target { server: one.clone(), name: name.to_owned() });
    }
    let (server, name) = name.split_once("__")?;
    find(context, server, name)
}

/// The server of a resource's URI.
pub(crate) fn by_uri(context: &Context, uri: &str) -> Option<Target> {
    if let Some(one) = &context.one {
        return Some(Target { server: one.clone(), name: uri.to_owned() });
    }
    let (server, uri) = uri.strip_prefix(URI)?.split_once('+')?;
    find(context, server, uri)
}

fn find(context: &Context, server: &str, name: &str) -> Option<Target> {
    let server = context.servers().into_iter().find(|s| s.id().as_str() == server)?;
    (!name.is_empty()).then(|| Target { server, name: name.to_owned() })
}

/// A name as clients see it.
pub(crate) fn outward_name(joined: bool, server: &ServerId, name: &str) -> String {
    if joined { format!("{server}__{name}") } else { name.to_owned() }
}

/// A URI as clients see it.
pub(crate) fn outward_uri(joined: bool, server: &ServerId, uri: &str) -> String {
    if joined { format!("{URI}{server}+{uri}") } else { uri.to_owned() }
}

/// Makes the URIs of resources below `node` lead back to their server.
pub(crate) fn map_uris(doc: Doc<'_>, node: u32, server: &ServerId, edits: &mut Edits) {
    let end = doc.node(node).next.min(doc.len());
    for object in (node..end).filter(|i| doc.kind(*i) == Kind::Object) {
        if let Some(value) = doc.given(object, "uri")
            && let Some(uri) = doc.string(value)
        {
            edits.replace(value, string(&outward_uri(true, server, &uri)));
        }
    }
}
