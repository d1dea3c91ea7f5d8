use crate::{Sequence, Sequences};
use cordon_ledger::{
    Bucket, CallJudged, Catalogue, Decision, Digester, FindingCount, Finish, Intent, Judged, Outcome, Record,
    ToolCalled,
};
use cordon_types::{
    AgentId, Class, Dialect, Effect, FindingKind, Millis, Mode, Operation, RequestId, SpanKind,
};

const MINUTE: Millis = 60_000;

/// A log being written: calls by an agent in a session.
struct Log {
    seen: Sequences,
    index: u64,
    at: Millis,
    found: Vec<Sequence>,
}

/// What a call is, in short.
struct Call {
    agent: &'static str,
    session: Option<&'static str>,
    effect: Effect,
    class: Class,
    decision: Decision,
    secret: bool,
}

const READ: Call = Call {
    agent: "a",
    session: Some("s"),
    effect: Effect::Read,
    class: Class::Restricted,
    decision: Decision::Allowed,
    secret: false,
};
const SEND: Call = Call { effect: Effect::Send, class: Class::Public, ..READ };

impl Log {
    fn new() -> Self {
        Self { seen: Sequences::default(), index: 0, at: 1_000, found: Vec::new() }
    }

    fn put(&mut self, record: &Record) {
        self.found.extend(self.seen.take(self.index, record));
        self.index += 1;
    }

    fn call(&mut self, call: &Call) {
        let digester = Digester::new([1; 32]);
        let request = RequestId(u128::from(self.index));
        self.at += MINUTE;
        self.put(&Record::Intent(Intent {
            at: self.at,
            request,
            agent: AgentId::new(call.agent).ok(),
            key: None,
            user: None,
            operation: Operation::ChatCompletions,
            dialect: Dialect::OpenaiChat,
            model: None,
            upstream: None,
            mode: Mode::Enforce,
            judged: Judged::plain(call.decision, None),
            stream: false,
            body: Bucket::of(1),
            tools: 0,
            tools_removed: 0,
            truncated: false,
            not_inspected: vec![],
            opened: vec![],
            labels: None,
            call: Some(ToolCalled {
                tool: Catalogue::default().name("t", "tool", &digester),
                effect: Some(call.effect),
                target: None,
                session: call.session.map(|s| digester.linkable("session", s.as_bytes())),
                result_class: Some(call.class),
                advisory: false,
            }),
            policy: None,
            detector: None,
            commitment: None,
            epoch: 1,
        }));
        if call.decision == Decision::Denied {
            return;
        }
        let intent = self.index - 1;
        let findings = call.secret.then_some(FindingCount {
            kind: FindingKind::ApiKey,
            span: SpanKind::ToolResult,
            count: 1,
        });
        let judged = Judged { findings: findings.into_iter().collect(), ..Judged::allowed() };
        let outcome = Outcome { intent, ..outcome(call.agent, request, self.at, judged, vec![]) };
        self.put(&Record::Outcome(outcome));
    }
}

fn outcome(agent: &str, request: RequestId, at: Millis, judged: Judged, calls: Vec<CallJudged>) -> Outcome {
    Outcome {
        at,
        request,
        intent: u64::MAX,
        agent: AgentId::new(agent).ok(),
        finish: Finish::Complete,
        status: 200,
        upstream_status: None,
        judged,
        calls,
        calls_unlisted: 0,
        stream: false,
        answer: Bucket::of(1),
        released: Bucket::of(1),
        tokens_in: None,
        tokens_out: None,
        tokens_cached: None,
        cost_micros: None,
        total_ms: 1,
        upstream_ms: None,
        truncated: false,
        not_inspected: vec![],
        opened: vec![],
        epoch: 1,
    }
}

fn check(calls: &[Call], expected: &[bool]) {
    let mut log = Log::new();
    calls.iter().for_each(|c| log.call(c));
    let stopped: Vec<bool> = log.found.iter().map(|s| s.stopped).collect();
    assert_eq!(stopped, expected);
}

#[test]
fn restricted_data_then_a_send() {
    check(&[READ, SEND], &[false]);
    check(&[READ, Call { decision: Decision::Denied, ..SEND }], &[true]);
    check(&[READ, Call { effect: Effect::Execute, ..SEND }], &[false]);
    // Over several calls and servers between them.
    let between = Call { class: Class::Internal, ..READ };
    check(&[READ, between, Call { effect: Effect::Write, ..SEND }, SEND], &[false]);
}

#[test]
fn a_secret_in_a_result_of_any_class() {
    let plain = Call { class: Class::Public, ..READ };
    check(&[Call { secret: true, ..plain }, SEND], &[false]);
    check(&[Call { class: Class::Public, ..READ }, SEND], &[]);
}

#[test]
fn ordinary_work_is_none() {
    let internal = || Call { class: Class::Internal, ..READ };
    check(&[internal(), Call { effect: Effect::Write, ..SEND }], &[]);
    check(&[internal(), SEND], &[]);
    check(&[READ, Call { effect: Effect::Write, ..SEND }], &[]);
    check(&[SEND, READ], &[]);
    // What was refused was not read.
    check(&[Call { decision: Decision::Denied, ..READ }, SEND], &[]);
}

#[test]
fn pieces_of_work_are_apart() {
    check(&[READ, Call { session: Some("other"), ..SEND }], &[]);
    check(&[READ, Call { agent: "b", ..SEND }], &[]);
    let loose = || Call { session: None, ..READ };
    check(&[loose(), Call { session: None, ..SEND }], &[false]);
    // Without a session, for an hour.
    let mut log = Log::new();
    log.call(&loose());
    log.at += 60 * MINUTE;
    log.call(&Call { session: None, ..SEND });
    assert_eq!(log.found, []);
}

#[test]
fn a_models_answer_that_calls_a_tool() {
    let mut log = Log::new();
    log.call(&Call { session: None, ..READ });
    let digester = Digester::new([1; 32]);
    let call = |decision| CallJudged {
        tool: Catalogue::default().name("t", "tool", &digester),
        effect: Some(Effect::Send),
        target: None,
        decision,
        reason: None,
        policies: vec![],
        predicates: vec![],
    };
    let calls = vec![call(Decision::Allowed), call(Decision::Denied)];
    log.put(&Record::Outcome(outcome("a", RequestId(99), log.at, Judged::allowed(), calls)));
    let stopped: Vec<bool> = log.found.iter().map(|s| s.stopped).collect();
    assert_eq!(stopped, [false, true]);
}
