//! Which scopes a server's tools need of a caller that comes with an access token.
//!
//! What always holds: every pattern that fits counts, so that a more special one never takes a need away; lists hide
//! nothing for want of scopes, so that a client can learn what to ask for ("step-up").

use crate::body::OutBody;
use crate::mcp::calls::Call;
use crate::mcp::context::{Context, Fail, fail_response};
use crate::mcp::server::Server;
use cordon_pipeline::Why;
use cordon_wire::mcp::{ErrorCode, Id};
use http::Response;
use std::collections::BTreeSet;

/// A server's scopes: a tool's own name, or the beginning of names and `*`, and what is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<(String, Vec<String>)>);

impl Scopes {
    /// These patterns.
    #[must_use]
    pub fn new(patterns: Vec<(String, Vec<String>)>) -> Self {
        Self(patterns)
    }

    /// What a tool needs.
    fn needed(&self, tool: &str) -> BTreeSet<&str> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => tool.starts_with(beginning),
            None => tool == pattern,
        };
        let fitting = self.0.iter().filter(|(pattern, _)| fits(pattern));
        fitting.flat_map(|(_, scopes)| scopes.iter().map(String::as_str)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(_, scopes)| scopes.iter().map(String::as_str))
    }
}

/// Whether the caller's token, if it came with one, may be used for this tool. A virtual key has no scopes: what it may
/// do stands in its agent's manifest alone.
pub(crate) fn suffice(context: &Context, server: &Server, tool: &str) -> bool {
    let Some(token) = &context.asked.token else { return true };
    server.settings.scopes.needed(tool).iter().all(|needed| token.scopes.iter().any(|s| s == needed))
}

/// Which scopes the client is to ask for: what this call needs, and those of the servers here that it has already, since
/// a new token takes the place of the old one.
fn wanted(context: &Context, call: &Call) -> Vec<String> {
    let servers = context.servers();
    let known: BTreeSet<&str> = servers.iter().flat_map(|s| s.settings.scopes.all()).collect();
    let had = context.asked.token.iter().flat_map(|t| t.scopes.iter().map(String::as_str));
    let mut all = call.server.settings.scopes.needed(&call.tool);
    all.extend(had.filter(|s| known.contains(s)));
    all.into_iter().map(str::to_owned).collect()
}

/// The answer to a call whose token has too few scopes (RFC 6750, section 3.1). Its status is 403 in every revision: it
/// is the transport's, and clients look for it there.
pub(crate) fn insufficient(context: &Context, id: &Id, call: &Call) -> Response<OutBody> {
    let data = "{\"code\":\"insufficient_scope\"}".to_owned();
    let fail = Fail::new(403, Why::Scope, ErrorCode::Refused, TEXT);
    let mut response = fail_response(&context.asked, Some(id), &Fail { data: Some(data), ..fail });
    let shared = &context.asked.worker.shared;
    if let Some(federated) = shared.federation.load() {
        let server = context.one.as_ref().map(|s| s.id());
        let scopes = wanted(context, call);
        federated.challenge(&mut response, server, Some("insufficient_scope"), &scopes);
    }
    response
}

/// What the caller is told.
pub(crate) const TEXT: &str =
    "the access token lacks a scope that this call needs; get one with the scopes in `WWW-Authenticate`";

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn what_a_tool_needs() {
        let to = |pattern: &str, scopes: &[&str]| {
            (pattern.to_owned(), scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
        };
        let scopes =
            Scopes::new(vec![to("*", &["read"]), to("transfer", &["write", "pay"]), to("get_*", &["get"])]);
        let check = |tool: &str, expected: &[&str]| {
            assert_eq!(scopes.needed(tool).into_iter().collect::<Vec<_>>(), expected, "{tool}");
        };
        check("transfer", &["pay", "read", "write"]);
        check("transfer2", &["read"]);
        check("get_balance", &["get", "read"]);
        check("get", &["read"]);
        check("resources/read", &["read"]);
        assert!(Scopes::default().needed("transfer").is_empty());
    }
}
