//! The desk over a store in memory that can break: what is asked, decided, used, and what a restart leaves.

#![allow(clippy::indexing_slicing, reason = "a test that is wrong here fails")]

use crate::*;
use cordon_identity::{StoreError, StoreErrorKind};
use cordon_types::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

const WAIT: Millis = 1_000;
const USE: Millis = 500;

#[derive(Default)]
struct Memory {
    rows: Mutex<BTreeMap<ApprovalId, Kept>>,
    broken: Mutex<bool>,
}

impl Memory {
    fn write(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<ApprovalId, Kept>>, StoreError> {
        if *self.broken.lock().unwrap() {
            let detail = String::new();
            return Err(StoreError { operation: "save an approval", kind: StoreErrorKind::Full, detail });
        }
        Ok(self.rows.lock().unwrap())
    }
}

impl ApprovalStore for Memory {
    fn load_grants(&self, now: Millis) -> Result<Vec<Kept>, StoreError> {
        let live = |k: &&Kept| matches!(k.standing, Standing::Allowed(a) if a.left > 0 && now < a.until);
        Ok(self.rows.lock().unwrap().values().filter(live).cloned().collect())
    }
    fn find_approval(&self, id: ApprovalId) -> Result<Option<Kept>, StoreError> {
        Ok(self.rows.lock().unwrap().get(&id).cloned())
    }
    fn put_asked(&self, kept: &Kept) -> Result<(), StoreError> {
        self.write()?.insert(kept.id, kept.clone());
        Ok(())
    }
    fn put_decided(&self, id: ApprovalId, standing: &Standing) -> Result<(), StoreError> {
        self.write()?.get_mut(&id).unwrap().standing = *standing;
        Ok(())
    }
    fn use_grant(&self, id: ApprovalId) -> Result<bool, StoreError> {
        let mut rows = self.write()?;
        match rows.get_mut(&id).map(|k| &mut k.standing) {
            Some(Standing::Allowed(a)) if a.left > 0 => {
                a.left -= 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
    fn prune_approvals(&self, _: Millis, _: Millis) -> Result<usize, StoreError> {
        Ok(0)
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        out.fill(0);
        out[8..16].copy_from_slice(&n.to_be_bytes());
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

impl Observer for Notes {
    fn noted(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

struct House {
    desk: Desk,
    store: Arc<Memory>,
    notes: Arc<Notes>,
}

impl House {
    fn new() -> Self {
        Self::over(Arc::default(), 0, 1)
    }

    fn over(store: Arc<Memory>, now: Millis, seed: u64) -> Self {
        let notes = Arc::new(Notes::default());
        let limits = Limits {
            pending: 4,
            per_agent: 3,
            view_bytes: 100,
            wait_ms: WAIT,
            use_within_ms: USE,
            wider_ms: 10_000,
            wider_count: 5,
        };
        let entropy = Arc::new(Counter(AtomicU64::new(seed)));
        let desk = Desk::open(store.clone(), entropy, notes.clone(), limits, now).unwrap();
        Self { desk, store, notes }
    }

    /// The same data directory after a restart.
    fn restarted(self, now: Millis) -> Self {
        Self::over(self.store, now, 1_000)
    }

    fn asked(&self, call: HeldCall, now: Millis) -> ApprovalId {
        match self.desk.ask(call, now).unwrap() {
            Asked::Waiting(w) => w.id,
            other => panic!("{other:?}"),
        }
    }

    fn kinds(&self) -> Vec<EventKind> {
        self.notes.0.lock().unwrap().iter().map(|e| e.kind).collect()
    }
}

fn call(n: u8) -> HeldCall {
    HeldCall {
        request: Some(RequestId(n.into())),
        agent: AgentId::new("bot").unwrap(),
        key: KeyId::new("botkey").unwrap(),
        user: None,
        tool: "mail__send".into(),
        effect: Effect::Send,
        labels: Labels::CLEAN,
        binding: Digest([n; 32]),
        predicate: Some(Digest([100; 32])),
        targets: vec![HeldTarget {
            argument: "to".into(),
            value: Zeroizing::new("eve@ex\u{430}mple.com".to_owned()),
            digest: Digest([50; 32]),
        }],
        arguments: Zeroizing::new("{\"to\":\"\u{202E}x\"}".to_owned()),
        why: vec!["target_untrusted"],
        people: 1,
        wait_ms: None,
    }
}

fn claim(n: u8) -> Digest {
    Digest([n; 32])
}

fn take(house: &House, n: u8, now: Millis) -> Option<bool> {
    let predicate = Digest([100; 32]);
    let claim = Claim { request: None, binding: &claim(n), predicate: Some(&predicate) };
    house.desk.take(&claim, now).unwrap().map(|g| g.exact)
}

fn person(key: &str, name: &str) -> Person {
    Person { credential: Credential::Key(KeyId::new(key).unwrap()), name: name.to_owned() }
}

fn owner() -> Person {
    Person { credential: Credential::Owner, name: "olga".to_owned() }
}

const ONCE: Decision = Decision::Allow(Scope::Once);
const NO: Decision = Decision::Deny(DenyReason::WrongTarget);

fn wider(until: Millis, count: u32) -> Decision {
    Decision::Allow(Scope::Wider { predicate: Digest([100; 32]), until, count })
}

#[test]
fn once_is_for_one_very_call_and_used_up_by_it() {
    let h = House::new();
    assert_eq!(take(&h, 1, 0), None);
    let id = h.asked(call(1), 0);
    assert_eq!(h.asked(call(1), 5), id, "the same call waits under the same id");
    let decided = h.desk.decide(id, &owner(), ONCE, 10).unwrap();
    assert_eq!((decided.still_needed, decided.event.kind), (0, EventKind::Allowed));
    assert_eq!(take(&h, 2, 11), None, "one byte changed");
    assert_eq!(take(&h, 1, 12), Some(true));
    assert_eq!(take(&h, 1, 13), None, "a replay asks again");
    assert_ne!(h.asked(call(1), 14), id);
    assert_eq!(h.kinds(), [EventKind::Asked, EventKind::Used, EventKind::Asked]);
}

#[test]
fn a_grant_must_be_used_in_time() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let _ = h.desk.decide(id, &owner(), ONCE, 10).unwrap();
    assert_eq!(take(&h, 1, 10 + USE), None);
    assert_eq!(h.desk.became(id, 10 + USE).unwrap(), NotWaiting::Expired);
}

#[test]
fn time_denies_and_a_late_decision_is_refused() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    assert_eq!(h.desk.list(WAIT - 1).len(), 1);
    assert!(h.desk.list(WAIT).is_empty());
    let late = h.desk.decide(id, &owner(), ONCE, WAIT).unwrap_err();
    assert_eq!(late, Refusal::NotWaiting(NotWaiting::Expired));
    assert_eq!(take(&h, 1, WAIT), None);
    assert_eq!(h.kinds(), [EventKind::Asked, EventKind::Expired]);
    let mut short = call(2);
    short.wait_ms = Some(10);
    let mut long = call(3);
    long.wait_ms = Some(u64::MAX);
    let until = |c| match h.desk.ask(c, 0).unwrap() {
        Asked::Waiting(w) => w.expires_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (until(short), until(long)),
        (10, WAIT),
        "a call may wait shorter than the config says, not longer"
    );
}

#[test]
fn a_denied_call_is_not_put_before_people_again_while_its_time_runs() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let decided = h.desk.decide(id, &owner(), NO, 10).unwrap();
    assert_eq!(decided.event.reason, Some(DenyReason::WrongTarget));
    assert_eq!(h.desk.ask(call(1), 20).unwrap(), Asked::Denied(Waiting { id, expires_at: WAIT }));
    assert_eq!(h.desk.decide(id, &owner(), ONCE, 20).unwrap_err(), Refusal::NotWaiting(NotWaiting::Denied));
    assert_ne!(h.asked(call(1), WAIT), id);
}

#[test]
fn nobody_is_flooded() {
    let h = House::new();
    for n in 1..=3 {
        h.asked(call(n), 0);
    }
    assert_eq!(h.desk.ask(call(4), 0).unwrap(), Asked::AgentFull);
    let other = |n| HeldCall { agent: AgentId::new("other").unwrap(), ..call(n) };
    h.asked(other(5), 0);
    assert_eq!(h.desk.ask(other(6), 0).unwrap(), Asked::Full);
    let long = HeldCall { arguments: Zeroizing::new("x".repeat(100)), ..call(7) };
    assert_eq!(h.desk.ask(long, 0).unwrap(), Asked::TooLarge, "what cannot be shown cannot be allowed");
    assert_eq!(h.notes.0.lock().unwrap().len(), 4);
    h.asked(call(4), WAIT);
}

#[test]
fn two_people_are_two_credentials_and_two_names() {
    let h = House::new();
    let id = h.asked(HeldCall { people: 2, ..call(1) }, 0);
    let first = h.desk.decide(id, &person("k1", "Ann Lee"), ONCE, 1).unwrap();
    assert_eq!((first.still_needed, first.event.left), (1, 1));
    assert_eq!(take(&h, 1, 2), None, "one is not enough");
    assert_eq!(h.desk.list(2)[0].allowed_by, ["Ann Lee"]);
    for same in [person("k1", "Bob"), person("k2", " ann  LEE "), person("k1", "Ann Lee")] {
        assert_eq!(h.desk.decide(id, &same, ONCE, 3).unwrap_err(), Refusal::SamePerson);
    }
    assert_eq!(take(&h, 1, 4), None);
    assert_eq!(h.desk.decide(id, &person("k2", "Bob"), ONCE, 5).unwrap().still_needed, 0);
    assert_eq!(take(&h, 1, 6), Some(true));
}

#[test]
fn one_of_two_can_deny() {
    let h = House::new();
    let id = h.asked(HeldCall { people: 2, ..call(1) }, 0);
    let _ = h.desk.decide(id, &person("k1", "Ann"), ONCE, 1).unwrap();
    let _ = h.desk.decide(id, &person("k1", "Ann"), NO, 2).unwrap();
    assert!(h.desk.decide(id, &person("k2", "Bob"), ONCE, 3).is_err());
    assert_eq!(take(&h, 1, 4), None);
}

#[test]
fn an_agents_own_key_decides_nothing() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    for decision in [ONCE, NO] {
        let refused = h.desk.decide(id, &person("botkey", "Bot"), decision, 1).unwrap_err();
        assert_eq!(refused, Refusal::OwnKey);
    }
    for name in ["", "  ", "a\nb", &"x".repeat(257)] {
        assert_eq!(h.desk.decide(id, &person("k1", name), ONCE, 1).unwrap_err(), Refusal::BadName);
    }
    assert_eq!(h.desk.list(1).len(), 1);
}

#[test]
fn a_wider_grant_has_the_shown_predicate_a_time_and_a_count() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let offer = h.desk.show(id, 1).unwrap().wider.unwrap();
    assert_eq!(offer.predicate, Digest([100; 32]));
    assert!(offer.words.contains("`mail__send` by `bot`"), "{}", offer.words);
    assert!(offer.words.contains("eve@ex⟨U+0430⟩mple.com"), "{}", offer.words);
    let other = Decision::Allow(Scope::Wider { predicate: Digest([9; 32]), until: 5_000, count: 2 });
    assert_eq!(h.desk.decide(id, &owner(), other, 1).unwrap_err(), Refusal::OtherPredicate);
    for (until, count) in [(1, 1), (10_002, 1), (5_000, 0), (5_000, 6)] {
        assert_eq!(h.desk.decide(id, &owner(), wider(until, count), 1).unwrap_err(), Refusal::OutOfBounds);
    }
    let _ = h.desk.decide(id, &owner(), wider(5_000, 2), 1).unwrap();
    assert_eq!(take(&h, 1, 2), Some(false));
    assert_eq!(take(&h, 77, 3), Some(false), "another call with the same predicate");
    assert_eq!(take(&h, 78, 4), None, "the count is used up");
    let id = h.asked(call(2), 5);
    let _ = h.desk.decide(id, &owner(), wider(100, 5), 5).unwrap();
    assert_eq!(take(&h, 2, 100), None, "its time is over");
}

#[test]
fn nothing_wider_is_offered_for_what_executes_or_spends() {
    let h = House::new();
    let cases = [
        HeldCall { effect: Effect::Execute, ..call(1) },
        HeldCall { effect: Effect::Spend, ..call(2) },
        HeldCall { targets: Vec::new(), ..call(3) },
        HeldCall { predicate: None, agent: AgentId::new("other").unwrap(), ..call(4) },
    ];
    for case in cases {
        let id = h.asked(case, 0);
        assert_eq!(h.desk.show(id, 1).unwrap().wider, None);
        assert_eq!(h.desk.decide(id, &owner(), wider(5_000, 1), 1).unwrap_err(), Refusal::NotOffered);
    }
}

#[test]
fn of_two_scopes_the_narrower_holds() {
    let h = House::new();
    let id = h.asked(HeldCall { people: 2, ..call(1) }, 0);
    let _ = h.desk.decide(id, &person("k1", "Ann"), wider(5_000, 5), 1).unwrap();
    let _ = h.desk.decide(id, &person("k2", "Bob"), ONCE, 2).unwrap();
    assert_eq!(take(&h, 77, 3), None);
    assert_eq!(take(&h, 1, 3), Some(true));
    let id = h.asked(HeldCall { people: 2, ..call(2) }, 3);
    let _ = h.desk.decide(id, &person("k1", "Ann"), wider(5_000, 1), 3).unwrap();
    let _ = h.desk.decide(id, &person("k2", "Bob"), wider(9_000, 5), 3).unwrap();
    let standing = h.desk.standing(4);
    assert_eq!((standing[0].until, standing[0].left, standing[0].exact), (5_000, 1, false));
}

#[test]
fn an_unused_grant_can_be_taken_back() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let _ = h.desk.decide(id, &owner(), wider(5_000, 3), 1).unwrap();
    assert_eq!(take(&h, 1, 2), Some(false));
    assert_eq!(h.desk.decide(id, &owner(), ONCE, 3).unwrap_err(), Refusal::NotWaiting(NotWaiting::Allowed));
    assert_eq!(h.desk.decide(id, &owner(), NO, 3).unwrap().event.kind, EventKind::Denied);
    assert_eq!(take(&h, 1, 4), None);
    assert_eq!(take(&h.restarted(5), 1, 6), None);
}

#[test]
fn a_restart_denies_what_waited_keeps_what_was_allowed_and_replays_nothing() {
    let h = House::new();
    let waiting = h.asked(call(1), 0);
    let allowed = h.asked(call(2), 0);
    let used = h.asked(call(3), 0);
    for id in [allowed, used] {
        let _ = h.desk.decide(id, &owner(), ONCE, 1).unwrap();
    }
    assert_eq!(take(&h, 3, 2), Some(true));
    let h = h.restarted(3);
    assert!(h.desk.list(3).is_empty());
    assert_eq!(h.desk.became(waiting, 3).unwrap(), NotWaiting::Expired);
    assert_eq!(h.desk.became(used, 3).unwrap(), NotWaiting::Used);
    assert_eq!(h.desk.became(ApprovalId(7_777), 3).unwrap(), NotWaiting::Unknown);
    let refused = h.desk.decide(waiting, &owner(), ONCE, 3).unwrap_err();
    assert_eq!(refused, Refusal::NotWaiting(NotWaiting::Expired));
    assert_eq!(take(&h, 1, 4), None);
    assert_eq!(take(&h, 3, 4), None, "used stays used");
    assert_eq!(take(&h, 2, 4), Some(true));
    let h = h.restarted(5);
    assert_eq!(take(&h, 2, 6), None);
}

#[test]
fn without_a_disk_nothing_opens_and_what_stops_stops() {
    let h = House::new();
    let (a, b) = (h.asked(call(1), 0), h.asked(call(2), 0));
    let _ = h.desk.decide(b, &owner(), ONCE, 1).unwrap();
    *h.store.broken.lock().unwrap() = true;
    assert!(h.desk.ask(call(3), 1).is_err());
    assert!(matches!(h.desk.decide(a, &owner(), ONCE, 1).unwrap_err(), Refusal::NotSaved(_)));
    assert_eq!(h.desk.list(1).len(), 1, "neither the new one nor a decision of the old one");
    let digest = claim(2);
    let claim = Claim { request: None, binding: &digest, predicate: None };
    assert!(h.desk.take(&claim, 1).is_err(), "not marked as used, not given");
    assert!(matches!(h.desk.decide(a, &owner(), NO, 1).unwrap_err(), Refusal::DeniedNotSaved(_)));
    assert!(matches!(h.desk.ask(call(1), 1).unwrap(), Asked::Denied(_)));
    *h.store.broken.lock().unwrap() = false;
    assert_eq!(take(&h, 1, 2), None);
    assert_eq!(take(&h, 2, 2), Some(true));
}

#[test]
fn what_an_approver_sees_is_live_and_escaped_and_prints_nowhere_else() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let view = h.desk.show(id, 1).unwrap();
    assert_eq!(*view.arguments, "{\"to\":\"⟨U+202E⟩x\"}");
    assert_eq!(*view.raw, "{\"to\":\"\u{202E}x\"}");
    assert_eq!(view.targets[0].ascii.as_ref().unwrap().as_str(), "eve@ex⟨U+0430⟩mple.com");
    assert_eq!((view.why.as_slice(), view.needed), (["target_untrusted"].as_slice(), 1));
    let kept =
        format!("{:?} {:?} {view:?} {:?}", h.store.rows.lock().unwrap(), h.notes.0.lock().unwrap(), call(1));
    assert!(!kept.contains("eve") && !kept.contains("{\"to\""), "{kept}");
    let _ = h.desk.decide(id, &owner(), ONCE, 2).unwrap();
    assert!(h.desk.show(id, 2).is_none());
}

#[test]
fn what_is_allowed_between_a_try_and_its_question_is_not_asked_again() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let _ = h.desk.decide(id, &owner(), ONCE, 1).unwrap();
    assert_eq!(h.desk.ask(call(1), 2).unwrap(), Asked::Waiting(Waiting { id, expires_at: 1 + USE }));
    assert!(h.desk.list(2).is_empty());
}

#[test]
fn of_many_at_once_one_uses_it_up() {
    let h = House::new();
    let id = h.asked(call(1), 0);
    let _ = h.desk.decide(id, &owner(), ONCE, 1).unwrap();
    let given = std::thread::scope(|s| {
        let tries: Vec<_> = (0..8).map(|_| s.spawn(|| take(&h, 1, 2).is_some())).collect();
        tries.into_iter().map(|t| usize::from(t.join().unwrap())).sum::<usize>()
    });
    assert_eq!(given, 1);
}

#[test]
fn a_users_word_is_for_the_call_that_was_shown_and_the_key_that_made_it() {
    let h = House::new();
    let key = KeyId::new("botkey").unwrap();
    let other = KeyId::new("otherkey").unwrap();
    let (one, two) = (h.asked(call(1), 0), h.asked(HeldCall { people: 2, ..call(2) }, 0));
    let third = h.asked(call(3), 0);
    let invite = |id, key: &KeyId| HeldCalls::invite(&h.desk, id, key, 1);
    assert!(invite(one, &other).is_none(), "another key's question");
    assert!(invite(two, &key).is_none(), "never one of two");
    let (token, swapped) = (invite(one, &key).unwrap().token, invite(third, &key).unwrap().token);
    let say =
        |id, token: &str, key: &KeyId, yes| HeldCalls::consent(&h.desk, id, token, key, yes, 2).unwrap();
    assert!(!say(one, &swapped, &key, true), "another call's token");
    assert!(!say(one, "AAAA", &key, true));
    assert!(!say(one, &token, &other, true));
    assert_eq!(take(&h, 1, 3), None);
    assert!(say(one, &token, &key, true));
    assert!(!say(one, &token, &key, true), "a replay");
    assert_eq!((take(&h, 1, 3), take(&h, 1, 3)), (Some(true), None));
    assert!(say(third, &invite(third, &key).unwrap().token, &key, false));
    assert!(matches!(h.desk.ask(call(3), 4).unwrap(), Asked::Denied(_)));
    let after = [EventKind::Consented, EventKind::Used, EventKind::Denied];
    assert_eq!(h.kinds()[3..], after);
}
