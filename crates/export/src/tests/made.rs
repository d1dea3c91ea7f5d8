//! Records to export.

use cordon_ledger::{
    Bucket, CallJudged, Catalogue, Control, ControlKind, Decision, Digester, Failed, FindingCount, Finish,
    Intent, Judged, Labels, Name, Obligation, ObligationCount, Outcome, PredicateResult, Reason, Word,
};
use cordon_types::{
    AgentId, Dialect, Digest, Feature, FindingKind, KeyId, Mode, ModelName, Operation, RequestId, SpanKind,
    UpstreamId,
};

pub(crate) fn digester() -> Digester {
    Digester::new([7; 32])
}

/// The operator's names.
pub(crate) const NAMES: [&str; 7] = [
    "send_mail",
    "to",
    "manifest:dev:tool:send_mail",
    "odd \"]\\= tool",
    "=cmd|' /C calc'!A0",
    "agent:support-bot",
    "naïve, wörld",
];

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::from_operator(NAMES)
}

pub(crate) fn intent() -> Intent {
    Intent {
        at: 1_795_611_600_123,
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
            policies: vec![catalogue().known("manifest:dev:tool:send_mail").unwrap()],
            predicates: vec![],
            findings: vec![FindingCount { kind: FindingKind::PaymentCard, span: SpanKind::User, count: 2 }],
            obligations: vec![ObligationCount {
                obligation: Obligation::Mask,
                kind: Some(FindingKind::PaymentCard),
                count: 2,
            }],
        },
        stream: true,
        body: Bucket::of(1000),
        tools: 2,
        tools_removed: 0,
        truncated: false,
        not_inspected: vec![Feature::Image],
        opened: vec![],
        labels: Some(Labels { integrity: 1, confidentiality: 2 }),
        call: None,
        policy: Some(Digest([0xab; 32])),
        detector: Some(Word::new("2026-11.1")),
        commitment: None,
        epoch: 1,
    }
}

pub(crate) fn outcome() -> Outcome {
    let names = catalogue();
    Outcome {
        at: 1_795_611_601_000,
        request: RequestId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        intent: 7,
        agent: Some(AgentId::new("support-bot").unwrap()),
        finish: Finish::Complete,
        status: 200,
        upstream_status: None,
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

pub(crate) fn control(kind: ControlKind) -> Control {
    Control::new(kind, 1_795_611_602_000)
}

pub(crate) fn kill() -> Control {
    Control {
        target: Some(catalogue().name("agent:support-bot", "kill", &digester())),
        by: Some(digester().linkable("operator", b"k9")),
        ..control(ControlKind::Kill)
    }
}

pub(crate) fn unkill() -> Control {
    Control { kind: ControlKind::Unkill, ..kill() }
}
