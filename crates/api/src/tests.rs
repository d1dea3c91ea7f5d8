use super::*;
use cordon_approvals::{ApprovalStore, Kept, Limits, Standing};
use cordon_identity::{Kill, KillScope, StoreError, StoreErrorKind};
use cordon_types::{ApprovalId, Millis};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

struct Fixed(AtomicU64);

impl Clock for Fixed {
    fn now(&self) -> Millis {
        1_000
    }
    fn ticks(&self) -> u64 {
        0
    }
}

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        out.fill(u8::try_from(n % 251).unwrap());
    }
}

#[derive(Default)]
struct Memory {
    keys: Mutex<Vec<cordon_identity::KeyRecord>>,
    broken: bool,
}

impl KeyStore for Memory {
    fn load_keys(&self) -> Result<Vec<cordon_identity::KeyRecord>, StoreError> {
        Ok(self.keys.lock().unwrap().clone())
    }
    fn put_keys(&self, records: &[cordon_identity::KeyRecord]) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError {
                operation: "save keys",
                kind: StoreErrorKind::Full,
                detail: String::new(),
            });
        }
        self.keys.lock().unwrap().extend_from_slice(records);
        Ok(())
    }
}

impl KillStore for Memory {
    fn load_kills(&self) -> Result<Vec<Kill>, StoreError> {
        Ok(Vec::new())
    }
    fn put_kill(&self, _: &Kill) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError {
                operation: "save a kill",
                kind: StoreErrorKind::Full,
                detail: String::new(),
            });
        }
        Ok(())
    }
    fn remove_kill(&self, _: &KillScope) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[derive(Default)]
pub(crate) struct Recorded(pub(crate) Mutex<Vec<Change>>);

impl Runtime for Recorded {
    fn record(&self, _: &Operator, change: &Change) -> Result<(), String> {
        self.0.lock().unwrap().push(change.clone());
        Ok(())
    }
    fn signal(&self) {}
    fn reload(&self) -> Result<(), Vec<String>> {
        Err(vec!["cordon.toml: listen: no".to_owned()])
    }
    fn under_way(&self) -> u64 {
        2
    }
    fn status(&self) -> Value {
        json!({})
    }
    fn user_digest(&self, _: &str) -> Digest {
        Digest([7; 32])
    }
    fn knows_agent(&self, agent: &AgentId) -> bool {
        agent.as_str() == "bot"
    }

    fn posture(&self, framework: &str, since_review: bool) -> Result<Value, PostureProblem> {
        match (framework, since_review) {
            ("none", _) => Err(PostureProblem::NoFramework("there is all".to_owned())),
            (_, true) => Err(PostureProblem::NoReview("none yet".to_owned())),
            _ => Ok(json!({"framework": framework})),
        }
    }

    fn manifest(&self, _: &Operator, agent: &AgentId, change: ManifestChange) -> Result<(), NotTaken> {
        match change {
            ManifestChange::Applied => Ok(()),
            ManifestChange::Staged => Err(NotTaken::Problems(vec![format!("{agent}: no")])),
            _ => Err(NotTaken::NotRecorded("full".to_owned())),
        }
    }

    fn review(&self, _: &Operator, reviewer: &str) -> Result<Value, PostureProblem> {
        Ok(json!({"length": reviewer.len()}))
    }
}

#[derive(Default)]
struct Held(Mutex<std::collections::BTreeMap<ApprovalId, Kept>>);

impl ApprovalStore for Held {
    fn load_grants(&self, _: Millis) -> Result<Vec<Kept>, StoreError> {
        Ok(Vec::new())
    }
    fn find_approval(&self, id: ApprovalId) -> Result<Option<Kept>, StoreError> {
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }
    fn put_asked(&self, kept: &Kept) -> Result<(), StoreError> {
        self.0.lock().unwrap().insert(kept.id, kept.clone());
        Ok(())
    }
    fn put_decided(&self, id: ApprovalId, standing: &Standing) -> Result<(), StoreError> {
        self.0.lock().unwrap().get_mut(&id).unwrap().standing = *standing;
        Ok(())
    }
    fn use_grant(&self, id: ApprovalId) -> Result<bool, StoreError> {
        if let Some(Standing::Allowed(a)) = self.0.lock().unwrap().get_mut(&id).map(|k| &mut k.standing) {
            a.left -= 1;
        }
        Ok(true)
    }
    fn prune_approvals(&self, _: Millis, _: Millis) -> Result<usize, StoreError> {
        Ok(0)
    }
}

pub(crate) fn admin(broken: bool) -> (Admin, Arc<Recorded>) {
    let store = Arc::new(Memory { broken, ..Memory::default() });
    let runtime = Arc::new(Recorded::default());
    let fixed = Arc::new(Fixed(AtomicU64::new(1)));
    let silent = Arc::new(crate::approvals_tests::Silent);
    let desk = Desk::open(Arc::new(Held::default()), fixed.clone(), silent, Limits::default(), 0).unwrap();
    let admin = Admin {
        desk: Arc::new(desk),
        keys: Arc::new(Keyring::default()),
        key_store: store.clone(),
        kills: Arc::new(KillSwitch::default()),
        kill_store: store,
        runtime: runtime.clone(),
        clock: fixed.clone(),
        entropy: fixed,
    };
    (admin, runtime)
}

pub(crate) fn ask(admin: &Admin, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = admin.handle(&Operator::Owner, &Request { method, path, body: body.as_bytes() });
    (reply.status, reply.body)
}

#[test]
fn the_life_of_a_key() {
    let (admin, recorded) = admin(false);
    let (status, made) = ask(&admin, "POST", "/cordon/v1/keys", json!({"kind": "agent", "agent": "bot"}));
    assert_eq!(status, 200);
    let text = made["text"].as_str().unwrap();
    assert!(admin.keys.authenticate(text, 2_000).is_ok());
    let id = made["key"]["id"].as_str().unwrap();
    let (_, list) = ask(&admin, "GET", "/cordon/v1/keys", Value::Null);
    assert!(!list.to_string().contains(text), "a list shows no key");
    let (status, rotated) =
        ask(&admin, "POST", &format!("/cordon/v1/keys/{id}/rotate"), json!({"grace_seconds": 1}));
    assert_eq!(status, 200);
    assert!(admin.keys.authenticate(text, 1_999).is_ok());
    assert!(admin.keys.authenticate(text, 2_000).is_err());
    let new = rotated["key"]["id"].as_str().unwrap();
    assert_eq!(ask(&admin, "POST", &format!("/cordon/v1/keys/{new}/revoke"), Value::Null).0, 200);
    assert!(admin.keys.authenticate(rotated["text"].as_str().unwrap(), 1_001).is_err());
    assert_eq!(recorded.0.lock().unwrap().len(), 3);
}

#[test]
fn what_is_refused() {
    let (admin, recorded) = admin(false);
    let check =
        |method, path, body, status| assert_eq!(ask(&admin, method, path, body).0, status, "{method} {path}");
    check("POST", "/cordon/v1/keys", json!({"kind": "agent", "agent": "nobody"}), 404);
    check("POST", "/cordon/v1/keys", json!({"kind": "root"}), 400);
    check("POST", "/cordon/v1/keys", json!({"kind": "admin", "agent": "bot"}), 400);
    check("POST", "/cordon/v1/keys", json!({"kind": "admin", "digest": "x"}), 400);
    check("POST", "/cordon/v1/keys/none/revoke", Value::Null, 404);
    check("POST", "/cordon/v1/kills", json!({"scope": "everything"}), 400);
    check("POST", "/cordon/v1/servers", Value::Null, 405);
    check("POST", "/cordon/v1/servers/a_b/approve", json!({"by": "a", "digest": "0".repeat(64)}), 404);
    check("POST", "/cordon/v1/servers/crm/approve", json!({"by": "a", "digest": "0"}), 400);
    check("POST", "/cordon/v1/servers/crm/approve", json!({"by": " ", "digest": "0".repeat(64)}), 400);
    check(
        "POST",
        "/cordon/v1/servers/crm/approve",
        json!({"by": "a", "digest": "0".repeat(64), "x": 1}),
        400,
    );
    check("POST", "/cordon/v1/servers/crm/steal", Value::Null, 404);
    // Nothing runs here that could ask a server.
    check("POST", "/cordon/v1/servers/crm/approve", json!({"by": "a", "digest": "0".repeat(64)}), 409);
    check("GET", "/cordon/v1/servers", Value::Null, 409);
    check("PUT", "/cordon/v1/keys", Value::Null, 405);
    check("GET", "/cordon/v2/keys", Value::Null, 404);
    check("POST", "/cordon/v1/reload", Value::Null, 422);
    check("GET", "/cordon/v1/manifests", Value::Null, 200);
    check("POST", "/cordon/v1/manifests/bot/applied", Value::Null, 200);
    check("POST", "/cordon/v1/manifests/bot/staged", Value::Null, 422);
    check("POST", "/cordon/v1/manifests/bot/rolled_back", Value::Null, 503);
    check("POST", "/cordon/v1/manifests/bot/stolen", Value::Null, 404);
    check("POST", "/cordon/v1/manifests/nobody/applied", Value::Null, 404);
    check("DELETE", "/cordon/v1/manifests/bot/applied", Value::Null, 405);
    check("GET", "/cordon/v1/manifests/bot", Value::Null, 404);
    assert!(recorded.0.lock().unwrap().is_empty());
}

#[test]
fn a_kill_holds_at_once_and_is_recorded() {
    let (admin, recorded) = admin(false);
    let (status, body) = ask(&admin, "POST", "/cordon/v1/kills", json!({"scope": "agent:bot"}));
    assert_eq!((status, body["under_way"].as_u64()), (200, Some(2)));
    assert_eq!(admin.kills.load().kills().len(), 1);
    let (_, body) = ask(&admin, "POST", "/cordon/v1/kills", json!({"scope": "user-name:eve@example.com"}));
    assert_eq!(body["scope"], format!("user:{}", "07".repeat(32)));
    assert_eq!(ask(&admin, "DELETE", "/cordon/v1/kills/agent:bot", Value::Null).0, 200);
    assert_eq!(admin.kills.load().kills().len(), 1);
    assert!(!format!("{:?}", recorded.0.lock().unwrap()).contains("eve"));
}

#[test]
fn posture_and_reviews() {
    let (admin, _) = admin(false);
    let long = "a".repeat(257);
    for (method, path, body, status, part) in [
        ("GET", "posture", Value::Null, 200, "all"),
        ("GET", "posture/gdpr", Value::Null, 200, "gdpr"),
        ("GET", "posture/none", Value::Null, 404, "no_framework"),
        ("GET", "posture/all/since-review", Value::Null, 404, "no_review"),
        ("GET", "posture/all/since-yesterday", Value::Null, 404, "not_found"),
        ("POST", "posture/reviews", json!({"by": " ann "}), 200, "3"),
        ("POST", "posture/reviews", json!({"by": " "}), 400, "bad_name"),
        ("POST", "posture/reviews", json!({"by": long}), 400, "bad_name"),
        ("POST", "posture/reviews", json!({}), 400, "bad_request"),
        ("POST", "posture/reviews", json!({"by": "ann", "at": 1}), 400, "bad_request"),
        ("POST", "posture", json!({"by": "ann"}), 405, "wrong_method"),
        ("DELETE", "posture/reviews", Value::Null, 405, "wrong_method"),
    ] {
        let (found, reply) = ask(&admin, method, &format!("/cordon/v1/{path}"), body);
        assert_eq!(found, status, "{method} {path}: {reply}");
        assert!(reply.to_string().contains(part), "{method} {path}: {reply}");
    }
}

#[test]
fn without_a_disk_nothing_opens_and_everything_stops() {
    let (admin, _) = admin(true);
    assert_eq!(ask(&admin, "POST", "/cordon/v1/keys", json!({"kind": "admin"})).0, 500);
    assert!(admin.keys.records().is_empty());
    assert_eq!(ask(&admin, "POST", "/cordon/v1/kills", json!({"scope": "all"})).0, 500);
    assert!(!admin.kills.load().is_empty());
}

#[test]
fn only_an_admin_key_opens_it() {
    let (admin, _) = admin(false);
    let (_, agent) = ask(&admin, "POST", "/cordon/v1/keys", json!({"kind": "agent", "agent": "bot"}));
    let (_, root) = ask(&admin, "POST", "/cordon/v1/keys", json!({"kind": "admin"}));
    let with = |v: &Value| admin.authenticate(Some(&format!("Bearer {}", v["text"].as_str().unwrap())));
    assert!(with(&agent).is_none());
    assert!(matches!(with(&root), Some(Operator::Key(_))));
    assert!(admin.authenticate(None).is_none());
}
