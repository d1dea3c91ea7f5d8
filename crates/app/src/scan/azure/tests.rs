//! Places, credentials, refusals: what is decided before and after Azure is asked. The asking is in `tests/e2e`.

use super::credentials::find;
use super::*;
use cordon_types::Secret;

const TOKEN: &str = "eyJ-CANARY-token";

fn query() -> AzureQuery {
    AzureQuery {
        base: "https://management.azure.com".to_owned(),
        authority: "https://login.microsoftonline.com".to_owned(),
        tenant: None,
        client: None,
        secret_file: None,
        token_file: None,
        scope: Scope::default(),
    }
}

fn found(query: &AzureQuery, variables: &[(&str, &str)]) -> Result<Credentials, String> {
    let (base, _) = place(&query.base, "--azure-base").map_err(|e| e.to_string())?;
    let environment =
        |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    find(query, &base, &environment).map_err(|e| e.to_string())
}

fn bearer() -> Bearer {
    Bearer::brought(Secret::new(TOKEN.to_owned())).unwrap()
}

#[test]
fn places_are_encrypted_or_here() {
    for good in [
        "https://management.azure.com",
        "https://arm.azs.example:8443",
        "http://127.0.0.1:9",
        "http://[::1]:9",
    ] {
        assert!(place(good, "--azure-base").is_ok(), "{good}");
    }
    for bad in [
        "http://management.azure.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://169.254.169.254",
        "http://0.0.0.0",
        "ftp://x",
        "https://user@host",
        "https://host?x",
        "",
    ] {
        assert!(place(bad, "--azure-base").is_err(), "{bad}");
    }
}

#[test]
fn scopes() {
    let scope = |s: &[&str], g: &[&str]| {
        let own = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect();
        checked(&Scope { subscriptions: own(s), management_groups: own(g) })
    };
    assert!(scope(&["00000000-0000-0000-0000-000000000001"], &[]).is_ok());
    assert!(scope(&[], &["my-group_(1).x"]).is_ok());
    assert!(scope(&["a"], &["b"]).is_err());
    assert!(
        scope(&["a'b"], &[]).is_err()
            && scope(&[""], &[]).is_err()
            && scope(&[&"a".repeat(91)], &[]).is_err()
    );
    assert!(scope(&vec!["a"; MAX_SCOPE + 1], &[]).is_err());
}

#[test]
fn a_token_comes_before_a_secret_and_a_file_before_both() {
    let all = [
        ("AZURE_ACCESS_TOKEN", TOKEN),
        ("AZURE_TENANT_ID", "t.example"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "s"),
    ];
    let Ok(Credentials::Token(bearer)) = found(&query(), &all) else { panic!("no token") };
    assert!(bearer.shown_in(TOKEN.as_bytes()));
    let Ok(Credentials::Client(settings)) = found(&query(), &all[1..]) else { panic!("no client") };
    let url = "https://login.microsoftonline.com/t.example/oauth2/v2.0/token";
    assert_eq!(settings.place, cordon_upstream::oauth::TokenPlace::Url(url.to_owned()));
    assert_eq!(settings.scopes, ["https://management.azure.com/.default"]);
    assert_eq!(settings.client_secret.unwrap().expose(), "s");
    // An option comes before its variable.
    let other = AzureQuery { tenant: Some("u".to_owned()), ..query() };
    let Ok(Credentials::Client(settings)) = found(&other, &all[1..]) else { panic!("no client") };
    assert_eq!(settings.place, cordon_upstream::oauth::TokenPlace::Url(url.replace("t.example", "u")));
    assert!(found(&query(), &[]).unwrap_err().contains("no credential"));
    assert!(found(&query(), &all[2..]).unwrap_err().contains("--azure-tenant"));
    for tenant in ["a/b", "..", "", "a b", "a?x", &"a".repeat(129)] {
        let bad = AzureQuery { tenant: Some(tenant.to_owned()), ..query() };
        assert!(found(&bad, &all[1..]).is_err(), "{tenant}");
    }
    let failed = found(&query(), &[("AZURE_ACCESS_TOKEN", "CANARY CANARY")]).unwrap_err();
    assert!(!failed.contains("CANARY"), "{failed}");
    let clear = AzureQuery { authority: "http://login.example".to_owned(), ..query() };
    assert!(found(&clear, &all[1..]).unwrap_err().contains("use https"));
}

#[cfg(unix)]
#[test]
fn a_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let named = AzureQuery { token_file: Some(path.clone()), ..query() };
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for wide in [0o640, 0o604, 0o660] {
        mode(wide);
        assert!(found(&named, &[]).unwrap_err().contains("chmod 600"), "{wide:o}");
    }
    mode(0o600);
    assert!(matches!(found(&named, &[]), Ok(Credentials::Token(_))));
    std::fs::write(&path, " \n").unwrap();
    assert!(found(&named, &[]).unwrap_err().contains("empty"));
    let folder = AzureQuery { token_file: Some(dir.path().to_owned()), ..query() };
    assert!(found(&folder, &[]).is_err());
    // A secret's file is meant, though the environment has a token.
    std::fs::write(&path, "s").unwrap();
    let secret =
        AzureQuery { secret_file: Some(path), tenant: Some("t".into()), client: Some("c".into()), ..query() };
    assert!(matches!(found(&secret, &[("AZURE_ACCESS_TOKEN", TOKEN)]), Ok(Credentials::Client(_))));
}

#[test]
fn what_a_refusal_says() {
    let said = |status: u16, wait: Option<u64>, body: &str| {
        refused(
            StatusCode::from_u16(status).unwrap(),
            wait.map(Duration::from_secs),
            body.as_bytes(),
            &bearer(),
        )
    };
    let error = format!(
        r#"{{"error":{{"code":"AuthorizationFailed","message":"{TOKEN}","details":[{{"code":"{TOKEN}"}}]}}}}"#
    );
    let Answered::Never(why) = said(403, None, &error) else { panic!("not refused") };
    assert_eq!(
        why,
        "answered 403, `AuthorizationFailed`: give the client the role Reader where it shall look"
    );
    assert!(matches!(said(429, Some(7), "{}"), Answered::Later(Some(w), _) if w.as_secs() == 7));
    assert!(matches!(said(503, None, ""), Answered::Later(None, _)));
    let Answered::Never(why) = said(429, Some(3600), "") else { panic!("an hour is too long") };
    assert!(why.contains("3600"), "{why}");
    assert!(matches!(said(401, Some(1), ""), Answered::Never(_)));
    assert!(matches!(said(400, None, "<html>"), Answered::Never(_)));
}

#[test]
fn how_long_to_wait() {
    let headers = |pairs: &[(&'static str, &str)]| {
        pairs
            .iter()
            .map(|(n, v)| (http::HeaderName::from_static(n), v.parse().unwrap()))
            .collect::<HeaderMap>()
    };
    let (remaining, resets) = ("x-ms-user-quota-remaining", "x-ms-user-quota-resets-after");
    let seconds = |d: Option<Duration>| d.map(|d| d.as_secs());
    assert_eq!(seconds(told(&headers(&[("retry-after", "9"), (resets, "00:00:05")]))), Some(9));
    assert_eq!(seconds(told(&headers(&[(resets, "00:00:05")]))), Some(5));
    assert_eq!(seconds(told(&headers(&[("retry-after", "soon")]))), None);
    assert_eq!(seconds(spent(&headers(&[(remaining, "0"), (resets, "00:00:05")]))), Some(5));
    assert_eq!(seconds(spent(&headers(&[(remaining, "0"), (resets, "09:00:00")]))), Some(MAX_WAIT));
    assert_eq!(seconds(spent(&headers(&[(remaining, "1"), (resets, "00:00:05")]))), None);
}
