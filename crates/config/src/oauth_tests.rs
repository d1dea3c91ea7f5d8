//! `[oauth]` and `[servers.oauth]`: what is taken, and the path of each problem.

use crate::{ALGORITHMS, Credential, Grant, ServerWay, TokenSource, parse};

const LEAST: &str = "[ledger]\norigin = \"cordon.local/abc\"\n";
const SERVER: &str = "[[servers]]\nid = \"bank\"\nurl = \"https://bank.example/mcp\"\n";
const ISSUER: &str = "[oauth]\nresource = \"https://gw.example\"\n[[oauth.issuers]]\nurl = \"https://login.example/t/\"\nagents = { app = \"bot\" }\n";
const OWN: &str = "[servers.oauth]\ngrant = \"client_credentials\"\ntoken_url = \"https://login.example/token\"\n\
                   client_id = \"gw\"\nclient_secret = { env = \"SECRET\" }\n";

#[track_caller]
fn check(toml: &str, expected: &[&str]) {
    let toml = format!("{SERVER}{toml}{LEAST}");
    let mut paths: Vec<String> =
        parse("c", &toml).err().into_iter().flat_map(|p| p.0).map(|p| p.path).collect();
    paths.sort();
    assert_eq!(paths, expected, "{toml}");
}

#[test]
fn issuers() {
    let with = |lines: &str| format!("{ISSUER}{lines}\n");
    check(&with(""), &[]);
    let oauth = parse("c", &format!("{SERVER}{ISSUER}{LEAST}")).unwrap().oauth.unwrap();
    let issuer = &oauth.issuers[0];
    // As it is written: `iss` is compared byte for byte.
    assert_eq!((issuer.url.as_str(), issuer.claim.as_str()), ("https://login.example/t/", "client_id"));
    assert_eq!((issuer.plain_type, issuer.algorithms.len()), (false, 5));
    assert!(issuer.algorithms.iter().all(|a| ALGORITHMS.contains(&a.as_str())));
    check(&with("algorithms = [\"HS256\"]"), &["oauth.issuers[0].algorithms[0]"]);
    check(&with("algorithms = [\"none\", \"RS256\"]"), &["oauth.issuers[0].algorithms[0]"]);
    check(&with("token_type = \"any\""), &["oauth.issuers[0].token_type"]);
    check(&with("keys_url = \"http://login.example/keys\""), &["oauth.issuers[0].keys_url"]);
    check(&with("keys_url = \"http://login.example/keys\"\nplaintext = true"), &[]);
    check(&with("keys_url = \"http://127.0.0.1:9/keys\""), &[]);
    check(&with("audience = [\"x\"]"), &["oauth.issuers[0].audience"]);
    check(&with("audiences = [\"\"]"), &["oauth.issuers[0].audiences"]);
    check("[oauth]\nresource = \"https://gw.example\"\n", &["oauth.issuers"]);
    let of = |resource: &str, agents: &str| {
        format!(
            "[oauth]\nresource = \"{resource}\"\n[[oauth.issuers]]\nurl = \"https://a.example\"\n{agents}\n"
        )
    };
    let agents = "agents = { app = \"bot\" }";
    check(&of("http://127.0.0.1:8480", agents), &[]);
    check(&of("http://gw.example", agents), &["oauth.resource"]);
    check(&of("https://gw.example/mcp", agents), &["oauth.resource"]);
    check(&of("https://gw.example", ""), &["oauth.issuers[0].agents"]);
    check(&of("https://gw.example", "agents = { app = \"No Agent\" }"), &["oauth.issuers[0].agents.app"]);
    let twice =
        format!("{ISSUER}[[oauth.issuers]]\nurl = \"https://login.example/t/\"\nagents = {{ a = \"b\" }}\n");
    check(&twice, &["oauth.issuers[1].url"]);
}

#[test]
fn scopes_of_tools() {
    let with = |scopes: &str| format!("scopes = {{ {scopes} }}\n");
    check(&with("transfer = \"bank:write bank:read\", \"*\" = \"bank:read\", \"get_*\" = \"x\""), &[]);
    check(&with("\"a*b\" = \"x\""), &["servers[0].scopes.a*b"]);
    check(&with("a = \"\""), &["servers[0].scopes.a"]);
    check(&with("a = 'x\"y'"), &["servers[0].scopes.a"]);
    check(&with("a = [\"x\"]"), &["servers[0].scopes.a"]);
}

#[test]
fn tokens_for_servers() {
    let with = |lines: &str| format!("{OWN}{lines}\n");
    check(&with(""), &[]);
    let config = parse("c", &format!("{SERVER}{OWN}{LEAST}")).unwrap();
    let ServerWay::Http { oauth: Some(own), .. } = &config.servers[0].way else { panic!("no oauth") };
    assert_eq!((own.grant, own.post), (Grant::ClientCredentials, false));
    assert_eq!(own.resource.as_deref(), Some("https://bank.example/mcp"));
    assert!(matches!(own.source, TokenSource::Url(_)));
    assert_eq!(own.client_secret, Credential::Env("SECRET".to_owned()));
    check(&with("send_resource = false"), &[]);
    check(&with("issuer = \"https://login.example\""), &["servers[0].oauth.token_url"]);
    check(&with("audience = \"x\""), &["servers[0].oauth.audience"]);
    let exchange = OWN.replace("client_credentials", "token_exchange");
    check(&exchange, &["servers[0].oauth.subject_issuers"]);
    check(&format!("{exchange}subject_issuers = [\"https://login.example\"]\n"), &[]);
    check(
        &exchange
            .replace("token_url = \"https://login.example/token\"", "issuer = \"https://login.example\""),
        &[],
    );
    check(&with("subject_issuers = [\"https://login.example\"]"), &["servers[0].oauth.subject_issuers"]);
    check(&with("client_auth = \"jwt\""), &["servers[0].oauth.client_auth"]);
    check(&with("scopes = [\"a b\"]"), &["servers[0].oauth.scopes[0]"]);
    check(&format!("credential = {{ env = \"X\" }}\n{OWN}"), &["servers[0].oauth"]);
    check(
        &format!("transport = \"sse\"\n{}", OWN.replace("client_credentials", "token_exchange")),
        &["servers[0].oauth.grant", "servers[0].oauth.subject_issuers"],
    );
    check(&OWN.replace("https://login", "http://login"), &["servers[0].oauth.token_url"]);
    check(&OWN.replace("https://login.example", "http://127.0.0.1:99"), &[]);
    check(&OWN.replace("client_secret = { env = \"SECRET\" }\n", ""), &["servers[0].oauth.client_secret"]);
    check(&OWN.replace("client_credentials", "password"), &["servers[0].oauth.grant"]);
    let public = OWN
        .replace("client_secret = { env = \"SECRET\" }\n", "")
        .replace("client_credentials", "refresh_token");
    check(&public, &[]);
    // The secret itself, written by mistake, is not shown.
    let pasted = OWN.replace("SECRET", "s3cr3t!value");
    let said = parse("c", &format!("{SERVER}{pasted}{LEAST}")).unwrap_err().to_string();
    assert!(!said.contains("s3cr3t"), "{said}");
    let stdio = format!("[[servers]]\nid = \"x\"\ncommand = [\"y\"]\n{OWN}{LEAST}");
    assert!(parse("c", &stdio).is_err());
}
