//! `[[servers]]`: tool servers, that is where calls of tools go. A server over HTTP has a `url`, one that Cordon starts
//! itself has a `command`; an HTTP interface has a `url` and its `openapi` document. Nothing but this file can name a
//! command or a URL.

use crate::{
    base_url::BaseUrl,
    model::{CredentialAs, OpenApi, ServerWay, ToolServer},
    oauth,
    read::{Section, shown},
    upstreams::{REFUSED_HEADERS, allow, credential, headers},
};
use cordon_types::ServerId;
use ipnet::IpNet;
use std::{collections::HashSet, net::IpAddr, time::Duration};

/// Most words of a command.
const MAX_WORDS: usize = 256;

pub(crate) fn servers(root: &Section<'_>) -> Vec<ToolServer> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for s in &root.children("servers") {
        let Some(server) = server(s) else { continue };
        if !seen.insert(server.id.clone()) {
            s.problem("id", format!("`{}` is there twice", server.id), "give each server an id of its own");
        }
        out.push(server);
    }
    out
}

fn server(s: &Section<'_>) -> Option<ToolServer> {
    let hint =
        "write a short name, such as `bank`: it becomes the prefix of its tools, as in `bank__transfer`";
    s.need("id", hint);
    let id = s.parsed("id", hint, ServerId::new);
    let way = match (s.has("url"), s.has("command")) {
        (true, false) => http(s),
        (false, true) => stdio(s),
        _ => {
            s.problem(
                "url",
                "or `command` must be there, one of them",
                "write `url` for a server on the network",
            );
            // Read all the same, so that every problem shows at once.
            let _ = (http(s), s.has("command").then(|| stdio(s)));
            None
        }
    };
    let result_bytes = s.integer("result_bytes", 1024, 64 << 20).and_then(|n| usize::try_from(n).ok());
    let concurrent = s.integer("concurrent", 1, 10_000).and_then(|n| u32::try_from(n).ok());
    let restarts = s.integer("restarts", 0, 1_000).and_then(|n| u32::try_from(n).ok());
    let timeout = s.seconds("timeout_seconds", 100, 3_600_000);
    let first_use = s.choice("pins", &[("approve", false), ("first_use", true)]);
    let whole = s.choice("on_change", &[("server", true), ("tool", false)]);
    let scopes = oauth::tool_scopes(s);
    Some(ToolServer {
        id: id?,
        way: way?,
        // Enough for a long page or file; more than any model reads at once.
        result_bytes: result_bytes.unwrap_or(2 << 20),
        timeout: timeout.unwrap_or(Duration::from_secs(60)),
        concurrent: concurrent.unwrap_or(32),
        restarts: restarts.unwrap_or(5),
        // SECURITY: what no person has looked at is not called.
        first_use: first_use.unwrap_or(false),
        whole: whole.unwrap_or(true),
        scopes,
    })
}

fn http(s: &Section<'_>) -> Option<ServerWay> {
    let hint = "write a URL such as https://tools.example.com/mcp";
    let url = s.parsed("url", hint, BaseUrl::parse);
    let sse = s.choice("transport", &[("http", false), ("sse", true)]).unwrap_or(false);
    let credential = credential(s);
    let (private, plaintext) =
        (s.bool("allow_private").unwrap_or(false), s.bool("plaintext").unwrap_or(false));
    let mut allow = allow(s);
    let ca_file = s.string("ca_file").map(str::to_owned);
    let headers = headers(s);
    let credential_as = credential_as(s, &headers);
    let openapi = openapi(s);
    let oauth = oauth::server(s, url.as_ref(), sse).map(Box::new);
    let url = url?;
    // SECURITY: the gateway's credential and every argument go over this connection.
    if !url.https() && !plaintext && !url.is_loopback() {
        let hint = "use https://, or write plaintext = true if that network is yours";
        s.problem("url", "would send calls and the credential in the clear", hint);
    }
    // An address of this machine that the operator wrote out is meant; a name that turns out to be one is not.
    if url.is_loopback() {
        match url.host().parse::<IpAddr>() {
            Ok(ip) => allow.push(IpNet::from(ip)),
            Err(_) => allow.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|n| n.parse::<IpNet>().ok())),
        }
    }
    Some(ServerWay::Http {
        url,
        sse,
        credential,
        oauth,
        allow_private: private,
        allow,
        ca_file,
        headers,
        credential_as,
        openapi,
    })
}

fn credential_as(s: &Section<'_>, headers: &[(String, String)]) -> CredentialAs {
    let Some(word) = s.string("credential_as") else { return CredentialAs::Bearer };
    if !s.has("credential") {
        s.problem("credential_as", "is there without `credential`", "name the place of the credential too");
    }
    let name = word.to_ascii_lowercase();
    match name.as_str() {
        "bearer" => CredentialAs::Bearer,
        "basic" => CredentialAs::Basic,
        _ => {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let own = matches!(name.as_str(), "api-key" | "x-api-key");
            let taken = (REFUSED_HEADERS.contains(&name.as_str()) && !own) || name.starts_with("mcp-");
            if name.len() > 128 || !name.bytes().all(token) || taken {
                let message = format!("`{}` is no header for a credential", shown(word));
                s.problem(
                    "credential_as",
                    message,
                    "write `bearer`, `basic`, or a header such as `X-Api-Key`",
                );
            } else if headers.iter().any(|(n, _)| *n == name) {
                s.problem("credential_as", "is one of `headers` too", "leave it out there");
            }
            CredentialAs::Header(name)
        }
    }
}

fn openapi(s: &Section<'_>) -> Option<OpenApi> {
    let operations: Vec<String> = s.strings("operations").into_iter().map(|(_, o)| o.to_owned()).collect();
    if !s.has("openapi") {
        if s.has("operations") {
            s.problem("operations", "is there without `openapi`", "name the document's file in `openapi`");
        }
        return None;
    }
    if s.has("transport") {
        s.problem("transport", "is not used with `openapi`: each call is a request", "leave it out");
    }
    let file = s.string("openapi")?;
    if file.contains("://") {
        // SECURITY: what is fetched anew can say something else each time; what tools there are is the operator's word.
        s.problem("openapi", "is a URL, and nothing is fetched", "save the document beside the config");
    }
    Some(OpenApi { file: file.to_owned(), operations })
}

fn stdio(s: &Section<'_>) -> Option<ServerWay> {
    let command: Vec<String> = s.strings("command").into_iter().map(|(_, w)| w.to_owned()).collect();
    let directory = s.string("directory").map(str::to_owned);
    let mut env = Vec::new();
    for (name, value) in s.pairs("env") {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(fine) {
            let path = format!("{}.{}", s.at("env"), shown(name));
            s.problem_at(path, "is no name of a variable", "use letters, digits and `_`");
        } else {
            env.push((name.to_owned(), value.to_owned()));
        }
    }
    if command.is_empty() || command.len() > MAX_WORDS || command.iter().any(|w| w.contains('\0')) {
        s.problem(
            "command",
            "is no command",
            "write the program and its arguments, a string each: no shell reads them",
        );
        return None;
    }
    Some(ServerWay::Stdio { command, env, directory })
}
