//! Tokens that hold, and every way in which one does not.

use super::{
    Algorithm, IssuerSettings, KeyCache, Keys, TokenError, Trust, Verified, is_federated, looks_like_token,
};
use crate::{AuthError, KeyKind, Keyring, mint};
use cordon_types::{AgentId, Digest};
use data_encoding::BASE64URL_NOPAD as B64;
use proptest::prelude::*;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use ring::{hmac, rand::SystemRandom};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{collections::HashMap, sync::Arc};

const ISSUER: &str = "https://login.example/tenant";
const OTHER: &str = "https://other.example";
const HERE: &str = "https://gw.example/mcp";
/// Seconds.
const NOW: u64 = 1_800_000_000;

// Made once with another library; the private key was not kept.
const RSA_KEYS: &str = concat!(
    "{\"keys\": [{\"kty\": \"RSA\", \"n\": \"42-hPgj65CzNCYzpWrkkB4WF0VAnQRc3NSKgGOVq1YwYdQhRNQ2DztbkBLGJFMMtve5yC",
    "7YbPV8mGh24e_iGkJAazl4VEBCljtcnmmoN497XKN-ExNq9EbNcsYDXsqF-kzS5_P-Y-G5pr3bhYgPRW5gfuo8FHKT0LonC_dOOl",
    "RO_XKTXNEne5u1pUx6ExTjPYrOnf3wSTVs9erYkHewMGPNEYSkOHvThihIHj1YcSyCYc4SAqVJRMlOQd2sMUPjYNo-1IG7Pc6GyW",
    "eBhNQEepwuLKmcPuU3ksNTMncadq_WytkFAV-OQzCrkg0zNIXGB-TkHRL84w_8V1-PnhKXsdw\", \"e\": \"AQAB\", \"kid\": \"rsa",
    "\"}]}"
);
const RS256: &str = concat!(
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL3JzYS5leGFtcGxlIiwiYXV",
    "kIjoiaHR0cHM6Ly9ndy5leGFtcGxlL21jcCIsInN1YiI6InMiLCJjbGllbnRfaWQiOiJhcHAiLCJleHAiOjQwMDAwMDAwMDAsInN",
    "jb3BlIjoiYSJ9.oV4yyDzyCe2_SnAzxSIJPgr0GLDLHoUzrNV3JunRBCxho8ZQtY0hwswph9A2fZJs4DAKfsvV77g4btj2o4bha9",
    "tgz0m7yZDmIQfgMuW25DBg7D7UJeavxUO9hfhRxYtKO7AAXnQP9nSM-OXOh2hv4Nql6ENBH1pI2RRAZc8BUNQYrEVibaPb77y4Hc",
    "v7dzqKqlScMozuRUX6QGG4fXxPygNqAILrBJbX-q43XffpPVnZy5DtvQqcY6ZLYEU9VmGr-OloGRQZMa_6vt994BxpMfv2EmL7j1",
    "61lPAPqtQVwAPHbmw_CpYdWXFPf68EAUl-S7HWW046NVC8WDLM2wcADg"
);
const PS384: &str = concat!(
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJQUzM4NCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL3JzYS5leGFtcGxlIiwiYXV",
    "kIjoiaHR0cHM6Ly9ndy5leGFtcGxlL21jcCIsInN1YiI6InMiLCJjbGllbnRfaWQiOiJhcHAiLCJleHAiOjQwMDAwMDAwMDAsInN",
    "jb3BlIjoiYSJ9.xne4smaGHoSsKwXDe1-2AM9TkOgp0583z_8UIQVmgu3IHINoSV1noQSbpt5oSxSa6jIUPwbCjSj5VJnZHmTfF2",
    "3_-sYzn2PDKAa1d2Jk_Bwte1-mVb7FTo_ZyPyUPB76cnDvF-fuDN5Lo03qqqB4TBn9SHp6d8XqHIlOwDdmt5gYoP4ozMJerI-j5D",
    "IGSF5jKg9wl1Lq04oRHhPSq-_bJiMBCD638M-JJg53W5WItvJqqh_3EUPVv8RAzKsV2bsk9Fe8_JFkOXBP-4K_isFSMW9mOjL0Q1",
    "tBV2H4xDVjhYM6A5RzMqbaojgM4N7K5HuJRddnojLagdl6z4saCHr19w"
);

/// One key pair and what an issuer publishes of it.
struct Pair {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Pair {
    fn new(kid: &'static str, seed: u8) -> Self {
        Self { kid, pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    fn jwk(&self) -> Value {
        let x = B64.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "alg": "EdDSA", "x": x})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |m| self.pair.sign(m).as_ref().to_vec())
    }
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!(
        "{}.{}",
        B64.encode(header.to_string().as_bytes()),
        B64.encode(claims.to_string().as_bytes())
    );
    let signature = sign(message.as_bytes());
    format!("{message}.{}", B64.encode(&signature))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "one", "typ": "at+jwt"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": HERE, "sub": "ann@example.com", "client_id": "app", "iat": NOW - 10, "exp": NOW + 300,
        "jti": "1", "scope": "bank:read bank:write",
    })
}

fn with(mut base: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(key),
            value => base.as_object_mut().unwrap().insert(key.clone(), value.clone()),
        };
    }
    base
}

fn settings(url: &str) -> IssuerSettings {
    let bot = |n: &str| AgentId::new(n).unwrap();
    IssuerSettings {
        url: url.to_owned(),
        audiences: Vec::new(),
        claim: "client_id".to_owned(),
        agents: HashMap::from([("app".to_owned(), bot("bot")), ("second".to_owned(), bot("two"))]),
        algorithms: Algorithm::ALL.to_vec(),
        plain_type: false,
    }
}

fn cache(keys: &Value) -> Arc<KeyCache> {
    let cache = KeyCache::default();
    cache.begin(NOW * 1_000);
    cache.end(Some(Keys::read(keys.to_string().as_bytes()).unwrap()), NOW * 1_000);
    Arc::new(cache)
}

/// Two issuers, whose keys have the same id.
fn trust() -> Trust {
    let keys = |pair: &Pair| cache(&json!({"keys": [pair.jwk()]}));
    Trust::new(vec![
        (settings(ISSUER), keys(&Pair::new("one", 1))),
        (settings(OTHER), keys(&Pair::new("one", 2))),
    ])
}

fn pseudonym(text: &str) -> Digest {
    Digest(Sha256::new().chain_update("key").chain_update(text).finalize().into())
}

fn ask(trust: &Trust, token: &str) -> Result<Verified, TokenError> {
    trust.verify(token, &[HERE], NOW * 1_000, &pseudonym)
}

#[track_caller]
fn check(header: &Value, claims: &Value, expected: Option<TokenError>) {
    let token = Pair::new("one", 1).sign(header, claims);
    assert_eq!(ask(&trust(), &token).err(), expected, "{header} {claims}");
}

#[test]
fn one_that_holds() {
    let token = Pair::new("one", 1).sign(&header(), &claims());
    let held = ask(&trust(), &token).unwrap();
    assert_eq!((held.principal.kind, held.principal.agent.unwrap().as_str()), (KeyKind::Agent, "bot"));
    assert_eq!(held.scopes, ["bank:read", "bank:write"]);
    assert_eq!(held.expires, (NOW + 300) * 1_000);
    assert!(is_federated(&held.principal.key));
    assert!(!format!("{:?}", ask(&trust(), &token)).contains(&token));
}

#[test]
fn claims_that_do_not_hold() {
    use TokenError as E;
    let c = |changes: Value, expected| check(&header(), &with(claims(), changes), expected);
    c(json!({"iss": "https://evil.example"}), Some(E::Issuer));
    c(json!({"iss": format!("{ISSUER}/")}), Some(E::Issuer));
    c(json!({"iss": null}), Some(E::Issuer));
    c(json!({"iss": [ISSUER]}), Some(E::Issuer));
    c(json!({"aud": "https://gw.example/mcp/"}), Some(E::Audience));
    c(json!({"aud": "https://gw.example"}), Some(E::Audience));
    c(json!({"aud": ["https://other.example", HERE]}), None);
    c(json!({"aud": []}), Some(E::Audience));
    c(json!({"aud": [HERE, 1]}), Some(E::Claims));
    c(json!({"aud": null}), Some(E::Claims));
    c(json!({"exp": null}), Some(E::Claims));
    c(json!({"exp": "4000000000"}), Some(E::Claims));
    c(json!({"exp": -1}), Some(E::Claims));
    c(json!({"exp": 1e300}), Some(E::Claims));
    c(json!({"exp": NOW - 30}), Some(E::Expired));
    c(json!({"exp": NOW - 29}), None);
    c(json!({"exp": (NOW as f64) + 0.5}), None);
    c(json!({"nbf": NOW + 31}), Some(E::NotYet));
    c(json!({"nbf": NOW + 30}), None);
    c(json!({"nbf": "soon"}), Some(E::Claims));
    c(json!({"iat": NOW + 31}), Some(E::NotYet));
    c(json!({"sub": null}), Some(E::Claims));
    c(json!({"sub": ""}), Some(E::Claims));
    c(json!({"sub": "x".repeat(513)}), Some(E::Claims));
    c(json!({"cnf": {"jkt": "x"}}), Some(E::Bound));
    c(json!({"scope": 1}), Some(E::Claims));
    c(json!({"scope": null}), None);
    c(json!({"client_id": "unknown"}), Some(E::Unmapped));
    c(json!({"client_id": null}), Some(E::Unmapped));
    c(json!({"client_id": ["app"]}), Some(E::Unmapped));
}

#[test]
fn headers_that_do_not_hold() {
    use TokenError as E;
    let h = |changes: Value, expected| check(&with(header(), changes), &claims(), expected);
    h(json!({"alg": "none"}), Some(E::Algorithm));
    h(json!({"alg": "None"}), Some(E::Algorithm));
    h(json!({"alg": "HS256"}), Some(E::Algorithm));
    h(json!({"alg": "eddsa"}), Some(E::Algorithm));
    h(json!({"alg": null}), Some(E::Malformed));
    h(json!({"alg": 1}), Some(E::Malformed));
    // The issuer has no such key at all.
    h(json!({"alg": "RS256"}), Some(E::UnknownKey(0)));
    h(json!({"alg": "ES256"}), Some(E::UnknownKey(0)));
    h(json!({"kid": "two"}), Some(E::UnknownKey(0)));
    h(json!({"kid": 1}), Some(E::Malformed));
    h(json!({"kid": null}), None);
    h(json!({"crit": ["b64"], "b64": false}), Some(E::Critical));
    h(json!({"crit": []}), Some(E::Critical));
    h(json!({"typ": "JWT"}), Some(E::Type));
    h(json!({"typ": "application/at+jwt"}), None);
    h(json!({"typ": "AT+JWT"}), None);
    h(json!({"typ": null}), Some(E::Type));
    // A key that comes along is looked at by nobody.
    let evil = Pair::new("one", 9);
    let token = evil.sign(&with(header(), json!({"jwk": evil.jwk()})), &claims());
    assert_eq!(ask(&trust(), &token).unwrap_err(), E::Signature);
}

#[test]
fn no_signature_and_foreign_ones() {
    let good = Pair::new("one", 1).sign(&header(), &claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let none = signed(&with(header(), json!({"alg": "none"})), &claims(), |_| Vec::new());
    assert_eq!(ask(&trust(), &none).unwrap_err(), TokenError::Algorithm);
    assert_eq!(ask(&trust(), &format!("{message}.")).unwrap_err(), TokenError::Signature);
    // The public key as the secret of an HMAC.
    let public = Pair::new("one", 1).pair.public_key().as_ref().to_vec();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
    for alg in ["HS256", "EdDSA"] {
        let token = signed(&with(header(), json!({"alg": alg})), &claims(), |m| {
            hmac::sign(&key, m).as_ref().to_vec()
        });
        assert!(
            matches!(ask(&trust(), &token).unwrap_err(), TokenError::Algorithm | TokenError::Signature),
            "{alg}"
        );
    }
}

#[test]
fn a_key_serves_its_own_issuer_alone() {
    let other = Pair::new("one", 2);
    let claims_of_other = with(claims(), json!({"iss": OTHER}));
    assert!(ask(&trust(), &other.sign(&header(), &claims_of_other)).is_ok());
    // The other issuer's key, of the same id, under the first one's name.
    assert_eq!(ask(&trust(), &other.sign(&header(), &claims())).unwrap_err(), TokenError::Signature);
    assert_eq!(
        ask(&trust(), &Pair::new("one", 1).sign(&header(), &claims_of_other)).unwrap_err(),
        TokenError::Signature
    );
}

#[test]
fn an_issuer_s_own_list_of_algorithms_counts() {
    let mut narrow = settings(ISSUER);
    narrow.algorithms = vec![Algorithm::Es256];
    let trust = Trust::new(vec![(narrow, cache(&json!({"keys": [Pair::new("one", 1).jwk()]})))]);
    let token = Pair::new("one", 1).sign(&header(), &claims());
    assert_eq!(ask(&trust, &token).unwrap_err(), TokenError::Algorithm);
}

#[test]
fn what_an_issuer_may_be_allowed_to() {
    let mut wide = settings(ISSUER);
    (wide.plain_type, wide.audiences) = (true, vec!["api://tools".to_owned()]);
    wide.claim = "sub".to_owned();
    wide.agents = HashMap::from([("svc".to_owned(), AgentId::new("bot").unwrap())]);
    let trust = Trust::new(vec![(wide, cache(&json!({"keys": [Pair::new("one", 1).jwk()]})))]);
    let changed =
        with(claims(), json!({"aud": "api://tools", "sub": "svc", "scope": null, "scp": ["a", "b"]}));
    for typ in [json!("JWT"), json!(null), json!("at+jwt")] {
        let held =
            ask(&trust, &Pair::new("one", 1).sign(&with(header(), json!({"typ": typ})), &changed)).unwrap();
        assert_eq!(held.scopes, ["a", "b"]);
    }
    let logout = Pair::new("one", 1).sign(&with(header(), json!({"typ": "logout+jwt"})), &changed);
    assert_eq!(ask(&trust, &logout).unwrap_err(), TokenError::Type);
}

#[test]
fn an_id_lasts_over_tokens_and_differs_in_every_part() {
    let id = |changes: Value| {
        let changed = with(claims(), changes);
        let seed = if changed["iss"] == OTHER { 2 } else { 1 };
        ask(&trust(), &Pair::new("one", seed).sign(&header(), &changed)).unwrap().principal.key
    };
    let first = id(json!({}));
    assert_eq!(first, id(json!({"jti": "2", "exp": NOW + 900, "scope": "other"})));
    let others = [json!({"sub": "bob"}), json!({"client_id": "second"}), json!({"iss": OTHER})];
    for other in others {
        assert_ne!(first, id(other.clone()), "{other}");
    }
    assert!(!first.as_str().contains("ann"));
    // No id of a virtual key can be one.
    let key = mint(KeyKind::Agent, AgentId::new("bot").ok(), "", None, &[7; 40], 1).unwrap();
    assert!(!is_federated(&key.record.id));
}

#[test]
fn keys_that_are_old_or_not_there_open_nothing() {
    let token = Pair::new("one", 1).sign(&header(), &with(claims(), json!({"exp": NOW * 2})));
    let empty = Trust::new(vec![(settings(ISSUER), Arc::default())]);
    assert_eq!(ask(&empty, &token).unwrap_err(), TokenError::NoKeys(0));
    let later = |ms| trust().verify(&token, &[HERE], NOW * 1_000 + ms, &pseudonym).err();
    assert_eq!(later(super::KEYS_LAST_MS), None);
    assert_eq!(later(super::KEYS_LAST_MS + 1), Some(TokenError::NoKeys(0)));
}

#[test]
fn other_kinds_of_keys() {
    let rsa: Value = serde_json::from_str(RSA_KEYS).unwrap();
    let mut rsa_issuer = settings("https://rsa.example");
    let ask_rsa = |settings: IssuerSettings, keys: &Value, token: &str| {
        ask(&Trust::new(vec![(settings, cache(keys))]), token).err()
    };
    for token in [RS256, PS384] {
        assert_eq!(ask_rsa(rsa_issuer.clone(), &rsa, token), None);
        let mut broken = token.to_owned();
        let end = broken.pop().unwrap();
        broken.push(if end == 'A' { 'Q' } else { 'A' });
        assert_eq!(ask_rsa(rsa_issuer.clone(), &rsa, &broken), Some(TokenError::Signature));
    }
    // A key that names its algorithm serves no other.
    let mut named = rsa.clone();
    named["keys"][0]["alg"] = json!("PS384");
    assert_eq!(ask_rsa(rsa_issuer.clone(), &named, RS256), Some(TokenError::UnknownKey(0)));
    rsa_issuer.algorithms.retain(|a| *a != Algorithm::Rs256);
    assert_eq!(ask_rsa(rsa_issuer, &rsa, RS256), Some(TokenError::Algorithm));

    let random = SystemRandom::new();
    let curve = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(curve, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..])});
    let trust = Trust::new(vec![(settings(ISSUER), cache(&json!({"keys": [key]})))]);
    let token = signed(&with(header(), json!({"alg": "ES256"})), &claims(), |m| {
        pair.sign(&random, m).unwrap().as_ref().to_vec()
    });
    assert!(ask(&trust, &token).is_ok());
}

#[test]
fn sets_of_keys() {
    let one = Pair::new("one", 1).jwk();
    let read = |keys: Value| Keys::read(json!({"keys": keys}).to_string().as_bytes()).map(|k| k.len()).ok();
    assert_eq!(read(json!([one.clone()])), Some(1));
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("HS256")),
        ("alg", json!("RS1")),
        ("kty", json!("oct")),
        ("crv", json!("X25519")),
        ("x", json!("AA")),
        ("d", json!("AA")),
        ("kid", json!(1)),
    ] {
        let changed = with(one.clone(), json!({name: value}));
        assert_eq!(read(json!([changed.clone()])), None, "{changed}");
        assert_eq!(read(json!([changed, one.clone()])), Some(1));
    }
    assert_eq!(read(json!(vec![one.clone(); 65])), None);
    assert!(Keys::read(b"{\"keys\":[],\"keys\":[]}").is_err());
    assert!(Keys::read(b"[]").is_err());
}

#[test]
fn what_is_read_as_a_token() {
    let check = |text: &str, token: bool| assert_eq!(looks_like_token(text), token, "{text}");
    check("a.b.c", true);
    check("a.b.c.d", false);
    check("ab.c", false);
    check("cordon_agent_x.y.z", false);
    check("", false);
    assert_eq!(Keyring::default().authenticate("a.b.c", 1), Err(AuthError::NotOurs));
}

#[test]
fn too_long_is_not_read() {
    let token = Pair::new("one", 1)
        .sign(&header(), &with(claims(), json!({"x": "y".repeat(super::MAX_TOKEN_BYTES)})));
    assert_eq!(ask(&trust(), &token).unwrap_err(), TokenError::TooLong);
    let long = ".".repeat(super::MAX_TOKEN_BYTES);
    assert_eq!(ask(&trust(), &long).unwrap_err(), TokenError::Malformed);
}

#[test]
fn two_readings_of_one_token_do_not_exist() {
    let pair = Pair::new("one", 1);
    let raw = |header: &str, payload: &str| {
        let message = format!("{}.{}", B64.encode(header.as_bytes()), B64.encode(payload.as_bytes()));
        format!("{message}.{}", B64.encode(pair.pair.sign(message.as_bytes()).as_ref()))
    };
    let payload = claims().to_string();
    assert!(ask(&trust(), &raw(&header().to_string(), &payload)).is_ok());
    let twice = payload.replacen('{', "{\"aud\":\"https://elsewhere.example\",", 1);
    assert_eq!(ask(&trust(), &raw(&header().to_string(), &twice)).unwrap_err(), TokenError::Malformed);
    let alg_twice = header().to_string().replacen('{', "{\"alg\":\"none\",", 1);
    assert_eq!(ask(&trust(), &raw(&alg_twice, &payload)).unwrap_err(), TokenError::Malformed);
    let token = raw(&header().to_string(), &payload);
    for changed in [format!("{token}="), format!("{token} "), format!(" {token}"), format!("{token}.")] {
        assert!(ask(&trust(), &changed).is_err(), "{changed}");
    }
}

proptest! {
    #[test]
    fn a_changed_token_never_holds(at in 0usize..400, new in "[A-Za-z0-9_.-]") {
        let token = Pair::new("one", 1).sign(&header(), &claims());
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &new);
        prop_assert_eq!(ask(&trust(), &changed).is_ok(), changed == token);
    }

    #[test]
    fn no_text_is_read_with_a_panic(text in ".{0,200}") {
        prop_assert!(ask(&trust(), &text).is_err());
    }
}
