use super::*;
use cordon_ledger::{
    Bucket, CallJudged, Catalogue as Names, Decision, Digester, FindingCount, Finish, Intent, Judged, Name,
    Obligation, ObligationCount, Outcome, Reason,
};
use cordon_types::{
    AgentId, Dialect, Feature, FindingKind, KeyId, Mode, Operation, RequestId, SpanKind, UpstreamId,
};
use proptest::prelude::*;

/// A log of every kind of record; also used by the pack's tests.
pub(crate) fn intent(at: Millis, n: u64) -> Intent {
    let names = Names::from_operator(["gullible", "send_mail"]);
    let digester = Digester::new([3; 32]);
    let mut judged = Judged::allowed();
    if n.is_multiple_of(3) {
        judged.findings =
            vec![FindingCount { kind: FindingKind::PaymentCard, span: SpanKind::User, count: 2 }];
        judged.obligations = vec![ObligationCount {
            obligation: Obligation::Mask,
            kind: Some(FindingKind::PaymentCard),
            count: 2,
        }];
    }
    if n % 4 == 1 {
        judged = Judged::plain(Decision::Denied, Some(Reason::BudgetTokens));
    }
    Intent {
        at,
        request: RequestId(n.into()),
        agent: Some(AgentId::new("dev").unwrap()),
        key: Some(KeyId::new("k1").unwrap()),
        user: (n.is_multiple_of(2)).then(|| digester.linkable("user", b"someone")),
        operation: Operation::Messages,
        dialect: Dialect::AnthropicMessages,
        model: Some(names.name(
            if n.is_multiple_of(5) { "a stranger's" } else { "gullible" },
            "model",
            &digester,
        )),
        upstream: UpstreamId::new("builtin").ok(),
        mode: Mode::Enforce,
        judged,
        stream: false,
        body: Bucket::of(100),
        tools: 2,
        tools_removed: 1,
        truncated: false,
        not_inspected: vec![Feature::Image],
        opened: vec![],
        labels: None,
        call: None,
        policy: Some(Digest([u8::try_from(n / 10).unwrap(); 32])),
        detector: None,
        commitment: None,
        epoch: 1,
    }
}

pub(crate) fn outcome(at: Millis, n: u64, of: u64) -> Outcome {
    let names = Names::from_operator(["send_mail"]);
    let digester = Digester::new([3; 32]);
    let call = |tool: &str, decision| CallJudged {
        tool: names.name(tool, "tool", &digester),
        effect: None,
        target: None,
        decision,
        reason: (decision == Decision::Denied).then_some(Reason::ToolNotListed),
        policies: vec![],
        predicates: vec![],
    };
    Outcome {
        at,
        request: RequestId(n.into()),
        intent: of,
        agent: Some(AgentId::new("dev").unwrap()),
        finish: if n.is_multiple_of(7) { Finish::Killed } else { Finish::Complete },
        status: 200,
        upstream_status: Some(200),
        judged: Judged::allowed(),
        calls: vec![call("send_mail", Decision::Allowed), call("a stranger's", Decision::Denied)],
        calls_unlisted: 0,
        stream: false,
        answer: Bucket::of(10),
        released: Bucket::of(10),
        tokens_in: Some(10),
        tokens_out: Some(5),
        tokens_cached: None,
        cost_micros: Some(3),
        total_ms: 90,
        upstream_ms: None,
        truncated: false,
        not_inspected: vec![],
        opened: vec![],
        epoch: 1,
    }
}

/// `n` exchanges, ten seconds apart, with a kill, a refusal and a review among them.
pub(crate) fn log(n: u64) -> Vec<Vec<u8>> {
    let mut leaves = vec![Control::new(ControlKind::Start, 1_000).encode()];
    for i in 0..n {
        let at = 10_000 * (i + 1);
        leaves.push(intent(at, i).encode());
        if i % 4 != 1 && i % 6 != 5 {
            leaves.push(outcome(at + 90, i, leaves.len() as u64 - 1).encode());
        }
        if i % 7 == 6 {
            let names = Names::from_operator(["agent:dev"]);
            let target = Some(names.name("agent:dev", "kill", &Digester::new([0; 32])));
            leaves.push(Control { target, ..Control::new(ControlKind::Kill, at + 100) }.encode());
            let turned = Control {
                reason: Some(Reason::Unauthenticated),
                count: Some(4),
                ..Control::new(ControlKind::Refusal, at + 101)
            };
            leaves.push(turned.encode());
            let review = Control {
                snapshot: Some(Digest([9; 32])),
                ..Control::new(ControlKind::PostureReview, at + 102)
            };
            leaves.push(review.encode());
        }
    }
    leaves
}

pub(crate) fn pass(leaves: &[Vec<u8>], period: Period) -> Figures {
    let mut pass = Pass::new(period);
    (0_u64..).zip(leaves).for_each(|(i, leaf)| pass.take(i, leaf));
    pass.end()
}

#[test]
fn what_is_counted() {
    let leaves = log(14);
    let f = pass(&leaves, Period { from: 0, to: u64::MAX });
    assert_eq!(f.size, leaves.len() as u64);
    assert_eq!(f.records.total(), leaves.len() as u64);
    assert_eq!((f.records.get("intent"), f.records.get("outcome"), f.records.get("control")), (14, 9, 7));
    let denied =
        f.agents.rows().next().map(|(name, row)| (name.to_owned(), row.get("denied"), row.get("allowed")));
    assert_eq!(denied, Some(("dev".to_owned(), 4, 10)));
    assert_eq!(f.open, 1, "let through, and no outcome");
    assert_eq!(f.refusals.get("unauthenticated"), 8);
    assert_eq!(f.kills.get("agent:dev"), 2);
    assert_eq!(f.longest_to_stop, Some(10_000 - 10), "the exchange behind the first kill");
    assert_eq!(
        f.usage_total,
        Usage { exchanges: 9, tokens_in: 90, tokens_out: 45, cached: 0, cost_micros: 27 }
    );
    assert_eq!(f.findings.total(), 8);
    assert_eq!(f.offered.get("taken out"), 14);
    assert_eq!(f.reviews.len(), 2);
    assert_eq!(f.last_review.as_ref().map(|r| r.snapshot), Some(Some(Digest([9; 32]))));
    let tools: Vec<_> = f.tools.rows().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(tools, ["(not in an operator's file)", "send_mail"]);
    assert_eq!(f.versions.rows().count(), 2);
    assert_eq!(f.count(EvidenceId::Bud), 4);
    assert_eq!(f.count(EvidenceId::Rev), 2);
    assert_eq!(f.count(EvidenceId::Hitl), 0);
    assert!(!format!("{f:?}").contains("stranger's\""), "no foreign name gets through");
}

#[test]
fn a_period_is_cut_out() {
    let leaves = log(14);
    // From the third exchange to before the sixth.
    let f = pass(&leaves, Period { from: 30_000, to: 60_000 });
    assert_eq!((f.records.get("intent"), f.records.get("control")), (3, 0));
    assert_eq!(f.span.map(|s| (s.first, s.last)), Some((30_000, 50_090)));
    assert_eq!(
        f.size,
        f.span.unwrap().last_index + 1,
        "no leaf behind the period's last belongs to its tree"
    );
    assert!(f.reviews.is_empty() && f.last_review.is_some(), "the last review is told whatever the period");
    assert_eq!(f.usage.rows().filter(|(s, ..)| *s == "model").count(), 1);
}

#[test]
fn what_cannot_be_read_is_counted() {
    let mut leaves = log(3);
    leaves.insert(2, b"not a record".to_vec());
    leaves.insert(4, b"{\"v\":1,\"t\":\"intent\",\"at\":20000,\"unknown\":1}".to_vec());
    leaves.push(b"{\"v\":9}".to_vec());
    let f = pass(&leaves, Period { from: 0, to: u64::MAX });
    assert_eq!(f.unreadable, 2, "the last one lies behind the period's last record");
    assert_eq!(f.size, leaves.len() as u64 - 1);
}

#[test]
fn a_record_outside_the_operators_files_has_no_name() {
    let name = Name::Hidden(Digester::new([1; 32]).linkable("tool", b"x"));
    assert_eq!(count::name_of(&name), count::STRANGE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn figures_stay_when_the_log_grows(n in 1_u64..40, more in 0_u64..40, from in 0_u64..300_000, length in 1_u64..300_000) {
        let (short, long) = (log(n), log(n + more));
        let to = (from + length).min(10_000 * (n + 1));
        prop_assume!(from < to);
        let (a, b) = (pass(&short, Period { from, to }), pass(&long, Period { from, to }));
        // The last review of all is the one thing that looks beyond.
        let (a, b) = (Figures { last_review: None, ..a }, Figures { last_review: None, ..b });
        prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }

    #[test]
    fn any_leaf_is_taken(leaf in proptest::collection::vec(any::<u8>(), 0..200), index in any::<u32>()) {
        let mut pass = Pass::new(Period { from: 0, to: u64::MAX });
        pass.take(index.into(), &leaf);
        prop_assert!(pass.end().records.total() <= 1);
    }
}
