//! Records: one golden each, decode of encode, and what must not decode.

use super::*;
use crate::name::{Catalogue, Digester};
use cordon_types::ModelName;
use proptest::prelude::*;

fn digester() -> Digester {
    Digester::new([7; 32])
}

fn catalogue() -> Catalogue {
    Catalogue::from_operator(["send_mail", "to", "manifest:dev:tool:send_mail"])
}

fn intent() -> Intent {
    let policy = catalogue().known("manifest:dev:tool:send_mail").unwrap();
    Intent {
        at: 1_767_225_600_123,
        request: RequestId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        agent: Some(AgentId::new("support-bot").unwrap()),
        key: Some(KeyId::new("k1abc").unwrap()),
        user: Some(digester().linkable("user", b"jane@example.com")),
        operation: Operation::ChatCompletions,
        dialect: Dialect::OpenaiChat,
        model: Some(Name::Known((&ModelName::new("gpt-4o-mini").unwrap()).into())),
        upstream: Some(UpstreamId::new("openai").unwrap()),
        mode: Mode::Enforce,
        judged: Judged {
            decision: Decision::Allowed,
            reason: None,
            policies: vec![policy],
            predicates: vec![],
            findings: vec![FindingCount { kind: FindingKind::Email, span: SpanKind::User, count: 2 }],
            obligations: vec![ObligationCount {
                obligation: Obligation::Mask,
                kind: Some(FindingKind::PaymentCard),
                count: 1,
            }],
        },
        stream: true,
        body: Bucket::of(1000),
        tools: 2,
        tools_removed: 0,
        truncated: false,
        not_inspected: vec![Feature::Image],
        opened: vec![],
        labels: None,
        call: None,
        policy: Some(Digest([0xab; 32])),
        detector: Some(Word::new("2026-11.1")),
        commitment: None,
        epoch: 1,
    }
}

fn outcome() -> Outcome {
    let names = catalogue();
    Outcome {
        at: 1_767_225_601_000,
        request: RequestId(1),
        intent: 41,
        agent: Some(AgentId::new("support-bot").unwrap()),
        finish: Finish::Complete,
        status: 200,
        upstream_status: Some(200),
        judged: Judged::allowed(),
        calls: vec![CallJudged {
            tool: names.name("send_mail", "tool", &digester()),
            effect: None,
            target: None,
            decision: Decision::Denied,
            reason: Some(Reason::ArgumentRefused),
            policies: vec![],
            predicates: vec![PredicateResult {
                argument: names.name("bcc", "argument", &digester()),
                predicate: Word::new("domains"),
                held: false,
            }],
        }],
        calls_unlisted: 0,
        stream: true,
        answer: Bucket::of(5000),
        released: Bucket::of(4000),
        tokens_in: Some(812),
        tokens_out: Some(190),
        tokens_cached: None,
        cost_micros: Some(236),
        total_ms: 877,
        upstream_ms: Some(310),
        truncated: false,
        not_inspected: vec![],
        opened: vec![Failed::Detector],
        epoch: 1,
    }
}

fn control() -> Control {
    Control {
        agent: Some(AgentId::new("support-bot").unwrap()),
        by: Some(digester().linkable("user", b"ops@example.com")),
        reason: Some(Reason::Killed),
        ..Control::new(ControlKind::Kill, 5)
    }
}

#[test]
fn a_leafs_time_is_seen_without_decoding() {
    for (leaf, at) in [
        (intent().encode(), Some(intent().at)),
        (outcome().encode(), Some(outcome().at)),
        (control().encode(), Some(5)),
        (b"{\"v\":1,\"t\":\"control\",\"at\":}".to_vec(), None),
        (b"{\"v\":1,\"t\":\"control\",\"at\":12".to_vec(), None),
        (b"{\"v\":1,\"t\":\"control\",\"at\":99999999999999999999,".to_vec(), None),
        (b"{\"v\":2,\"t\":\"control\",\"at\":1,".to_vec(), None),
        (b"{\"v\":1,\"t\":\"a long kind\",\"at\":1,".to_vec(), None),
        (b"".to_vec(), None),
    ] {
        assert_eq!(crate::record::peek_at(&leaf), at, "{}", String::from_utf8_lossy(&leaf));
    }
}

#[test]
fn a_review_names_its_snapshot() {
    let review = Control {
        snapshot: Some(cordon_types::Digest([7; 32])),
        kind: ControlKind::PostureReview,
        ..control()
    };
    let leaf = review.encode();
    assert!(leaf.ends_with(format!("\"snap\":\"{}\"}}", "07".repeat(32)).as_bytes()));
    assert_eq!(Record::decode(&leaf).unwrap(), Record::Control(review));
}

#[test]
fn a_held_call_is_named_in_all_its_records() {
    let asked = Control {
        approval: Some(cordon_types::ApprovalId(0xab)),
        count: Some(2),
        ..Control::new(ControlKind::ApprovalAsked, 5)
    };
    let leaf = asked.encode();
    assert!(leaf.ends_with(format!("\"apr\":\"{:032x}\"}}", 0xab).as_bytes()));
    assert_eq!(Record::decode(&leaf).unwrap(), Record::Control(asked));
}

#[test]
fn goldens() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    insta::assert_snapshot!("intent", text(intent().encode()));
    insta::assert_snapshot!("outcome", text(outcome().encode()));
    insta::assert_snapshot!("control", text(control().encode()));
    // What came with epochs and erasure: the others stay as they were, byte for byte.
    insta::assert_snapshot!("control_of_a_later_epoch", text(later().encode()));
    insta::assert_snapshot!("intent_of_a_later_epoch", text(Intent { epoch: 12, ..intent() }.encode()));
    insta::assert_snapshot!("outcome_of_a_later_epoch", text(Outcome { epoch: 2, ..outcome() }.encode()));
}

fn later() -> Control {
    Control {
        kind: ControlKind::HoldSet,
        of: Some(3),
        from: Some(1_767_225_600_000),
        to: Some(1_798_761_600_000),
        epoch: 2,
        ..control()
    }
}

#[test]
fn an_epoch_has_one_spelling() {
    let first = String::from_utf8(control().encode()).unwrap();
    for bad in [",\"ep\":1}", ",\"ep\":4294967296}", ",\"ep\":\"2\"}"] {
        assert!(Record::decode(first.replace('}', bad).as_bytes()).is_err(), "{bad}");
    }
    let Ok(Record::Control(second)) = Record::decode(first.replace('}', ",\"ep\":2}").as_bytes()) else {
        panic!("it decodes")
    };
    assert_eq!(second, Control { epoch: 2, ..control() });
}

#[test]
fn a_plain_exchange_takes_under_800_bytes_on_disk() {
    // Each leaf also costs two bytes of length in its bundle and a hash of 32 in its tile.
    let before = Intent { not_inspected: vec![], ..intent() };
    let after = Outcome { calls: vec![], opened: vec![], ..outcome() };
    let bytes = before.encode().len() + after.encode().len() + 2 * (2 + 32);
    assert!(bytes < 800, "{bytes}");
}

#[test]
fn decode_of_encode_is_the_same() {
    for record in [
        Record::Intent(intent()),
        Record::Outcome(outcome()),
        Record::Control(control()),
        Record::Control(later()),
    ] {
        assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    }
}

#[test]
fn what_is_no_record_does_not_decode() {
    let good = String::from_utf8(control().encode()).unwrap();
    for bad in [
        String::new(),
        "[]".to_owned(),
        good.replace("\"v\":1", "\"v\":2"),
        good.replace("\"t\":\"control\"", "\"t\":\"poem\""),
        good.replace('}', ",\"x\":1}"),
        good.replace(':', ": "),
        good.replace("kill", "bill"),
        format!("{good} "),
    ] {
        assert!(Record::decode(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_longest_lists_still_fit_a_leaf() {
    let long = "\"".repeat(Catalogue::MAX_NAME);
    let names = Catalogue::from_operator([long.as_str()]);
    let known = names.known(&long).unwrap();
    let predicates = || {
        let one = || PredicateResult {
            argument: Name::Known(known.clone()),
            predicate: Word::new("forbidden"),
            held: true,
        };
        std::iter::repeat_with(one).take(200).collect::<Vec<_>>()
    };
    let mut record = outcome();
    record.judged.policies = vec![known.clone(); 200];
    record.judged.predicates = predicates();
    record.judged.findings = vec![
        FindingCount {
            kind: FindingKind::ConnectionString,
            span: SpanKind::ToolDefinition,
            count: u32::MAX
        };
        500
    ];
    record.calls = std::iter::repeat_with(|| CallJudged {
        tool: Name::Known(known.clone()),
        effect: None,
        target: None,
        decision: Decision::Observed,
        reason: Some(Reason::UpstreamUnreachable),
        policies: vec![known.clone(); 200],
        predicates: predicates(),
    })
    .take(400)
    .collect();
    let bytes = record.encode();
    assert!(bytes.len() <= usize::from(u16::MAX), "{}", bytes.len());
    let Record::Outcome(back) = Record::decode(&bytes).unwrap() else { unreachable!() };
    assert_eq!(back.calls_unlisted, 400 - 12);
}

#[test]
fn what_failed_comes_first_where_a_list_is_cut() {
    let (names, digester) = (catalogue(), digester());
    let predicate = |held| PredicateResult {
        argument: names.name("anything", "argument", &digester),
        predicate: Word::new("max"),
        held,
    };
    let mut record = intent();
    record.judged.predicates = (0..40).map(|n| predicate(n < 38)).collect();
    let Ok(Record::Intent(cut)) = Record::decode(&record.encode()) else { panic!("it decodes") };
    let held: Vec<_> = cut.judged.predicates.iter().map(|p| p.held).collect();
    assert_eq!(held.iter().take(3).collect::<Vec<_>>(), [&false, &false, &true]);
}

#[test]
fn a_strangers_name_is_a_digest() {
    let hidden = catalogue().name("patient John Doe", "tool", &digester());
    assert!(matches!(hidden, Name::Hidden(_)));
    assert_ne!(digester().linkable("a", b"x"), digester().linkable("b", b"x"));
    assert_ne!(digester().linkable("a", b"x"), Digester::new([8; 32]).linkable("a", b"x"));
    assert_eq!(digester().linkable("a", b"x"), digester().linkable("a", b"x"));
}

proptest! {
    #[test]
    fn numbers_are_exact(at in any::<u64>(), count in any::<u64>(), bytes in any::<u64>()) {
        let record = Record::Control(Control { at, count: Some(count), ..control() });
        prop_assert_eq!(Record::decode(&record.encode()).unwrap(), record);
        let exponent = Bucket::of(bytes).exponent();
        prop_assert!(bytes == 0 && exponent == 0 || bytes >> (exponent - 1) == 1);
    }

    #[test]
    fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes);
    }
}
