//! Records made up, folded, reported and cut.

use crate::{AgentUse, Fold, Systems, ToolKey, Window, prove, report, risk, suggest};
use cordon_ledger::{
    Bucket, CallJudged, Catalogue, Decision, Digester, FindingCount, Finish, Intent, Judged, Labels, Outcome,
    Reason, Record, ToolCalled, Word,
};
use cordon_policy::{Manifest, PolicySet, parse_manifest};
use cordon_types::{
    AgentId, Dialect, Effect, Feature, FindingKind, Millis, Mode, ModelName, Operation, RequestId, SpanKind,
};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

const DAY: Millis = 86_400_000;
const NOW: Millis = 100 * DAY;

const MANIFEST: &str = r#"agent = "a"
owner = "o"
purpose = "p"
models = ["m", "n", "x*"]
features = ["image", "web_search"]
[[tools]]
name = "read"
effect = "read"
[[tools]]
name = "get_*"
effect = "read"
class = "restricted"
[[tools]]
name = "send"
effect = "send"
target = ["to"]
[tools.args]
to = { domains = ["example.com"] }
[[tools]]
name = "run"
effect = "execute"
"#;

fn manifest(text: &str) -> Manifest {
    parse_manifest("agents/a.toml", text).unwrap()
}

fn set(m: &Manifest) -> PolicySet {
    PolicySet::build(vec![m.clone()], Vec::new(), &[]).unwrap()
}

fn agent() -> AgentId {
    AgentId::new("a").unwrap()
}

/// A log being written.
struct Log {
    at: Millis,
    records: Vec<Record>,
}

impl Log {
    fn new() -> Self {
        Self { at: NOW - 20 * DAY, records: Vec::new() }
    }

    fn blank(&mut self, decision: Decision) -> Intent {
        self.at += 1_000;
        Intent {
            at: self.at,
            request: RequestId(self.records.len() as u128),
            agent: Some(agent()),
            key: None,
            user: None,
            operation: Operation::ChatCompletions,
            dialect: Dialect::OpenaiChat,
            model: None,
            upstream: None,
            mode: Mode::Enforce,
            judged: Judged::plain(decision, None),
            stream: false,
            body: Bucket::of(1),
            tools: 0,
            tools_removed: 0,
            truncated: false,
            not_inspected: vec![],
            opened: vec![],
            labels: None,
            call: None,
            policy: None,
            detector: None,
            commitment: None,
            epoch: 1,
        }
    }

    /// A call at the tool gateway. `known`: whether its name stands in the operator's files.
    fn call(&mut self, tool: &str, known: bool, decision: Decision) -> u64 {
        let names = Catalogue::from_operator(known.then_some(tool));
        let policies = Catalogue::from_operator(["manifest:a:tool:get_*", "manifest:a:tool:send:args"]);
        let mut intent = self.blank(decision);
        intent.judged.policies = policies.known("manifest:a:tool:get_*").into_iter().collect();
        intent.labels = Some(Labels { integrity: 1, confidentiality: 0 });
        intent.call = Some(ToolCalled {
            tool: names.name(tool, "tool", &Digester::new([1; 32])),
            effect: Some(Effect::Read),
            target: Some(Word::new("user")),
            session: None,
            result_class: None,
            advisory: false,
        });
        self.records.push(Record::Intent(intent));
        self.records.len() as u64 - 1
    }

    fn prompt(&mut self, model: &str, features: &[Feature], decision: Decision) -> u64 {
        let mut intent = self.blank(decision);
        let name = ModelName::new(model).unwrap();
        intent.model = Some(cordon_ledger::Name::Known((&name).into()));
        intent.not_inspected = features.to_vec();
        self.records.push(Record::Intent(intent));
        self.records.len() as u64 - 1
    }

    fn end(&mut self, intent: u64, found: Option<(FindingKind, SpanKind)>, calls: Vec<CallJudged>) {
        self.at += 1_000;
        let findings = found.map(|(kind, span)| FindingCount { kind, span, count: 1 }).into_iter().collect();
        self.records.push(Record::Outcome(Outcome {
            at: self.at,
            request: RequestId(u128::from(intent)),
            intent,
            agent: Some(agent()),
            finish: Finish::Complete,
            status: 200,
            upstream_status: None,
            judged: Judged { findings, ..Judged::allowed() },
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
        }));
    }

    fn fold(&self) -> AgentUse {
        let nobody = |_: &_| None;
        let mut fold = Fold::new(Window { from: NOW - 30 * DAY, to: NOW }, &nobody);
        for (index, record) in self.records.iter().enumerate() {
            fold.take(index as u64, record);
        }
        fold.finish().remove(&agent()).unwrap_or_default()
    }
}

fn judged(tool: &'static str, decision: Decision, reason: Option<Reason>) -> CallJudged {
    CallJudged {
        tool: Catalogue::from_operator([tool]).name(tool, "tool", &Digester::new([1; 32])),
        effect: Some(Effect::Read),
        target: Some(Word::new("user")),
        decision,
        reason,
        policies: Vec::new(),
        predicates: Vec::new(),
    }
}

const INJECTION: Option<(FindingKind, SpanKind)> = Some((FindingKind::Injection, SpanKind::ToolResult));

fn seen<'u>(used: &'u AgentUse, tool: &str) -> &'u crate::Seen {
    used.tools.get(&ToolKey::Named(tool.into())).unwrap()
}

#[test]
fn nothing_is_learnt_from_what_was_denied_observed_or_flagged() {
    let mut log = Log::new();
    let good = log.call("read", true, Decision::Allowed);
    log.end(good, None, vec![]);
    let flagged = log.call("run", true, Decision::Allowed);
    log.end(flagged, INJECTION, vec![]);
    log.call("send", true, Decision::Denied);
    log.call("send", true, Decision::Observed);
    let asked = log.prompt("m", &[Feature::Image], Decision::Allowed);
    log.end(
        asked,
        None,
        vec![judged("read", Decision::Allowed, None), judged("send", Decision::Denied, Some(Reason::Held))],
    );
    // An attack in the prompt's own answer: neither the model nor its calls teach anything.
    let bad = log.prompt("n", &[], Decision::Allowed);
    log.end(bad, INJECTION, vec![judged("run", Decision::Allowed, None)]);
    let used = log.fold();
    let learnt = used.used();
    assert_eq!(learnt.tools.keys().collect::<Vec<_>>(), ["read"]);
    assert_eq!(learnt.models.keys().collect::<Vec<_>>(), ["m"]);
    assert!(learnt.features.contains(&Feature::Image));
    assert_eq!(learnt.flagged.get("run"), Some(&2));
    assert_eq!((used.left_out.denied, used.left_out.observed, used.left_out.flagged), (2, 1, 3));
    assert_eq!(seen(&used, "send").denied, 3);
    assert_eq!(seen(&used, "run").uses(), 1, "asked once and carried once: one use each way");
    assert_eq!(seen(&used, "read").first, Some(NOW - 20 * DAY + 1_000));
}

#[test]
fn a_name_that_is_not_recorded_is_known_by_its_entry() {
    let mut log = Log::new();
    let call = log.call("get_secret", false, Decision::Allowed);
    log.end(call, None, vec![]);
    let used = log.fold();
    assert_eq!(used.used().hidden.get(&Some("get_*".into())), Some(&1));
    let cut = suggest(&manifest(MANIFEST), &used, NOW, 0).unwrap();
    assert!(cut.manifest.unwrap().0.tool("get_anything").is_some());
}

#[test]
fn a_young_agent_and_one_of_unknown_age_keep_all() {
    let m = manifest(MANIFEST);
    let mut log = Log::new();
    let call = log.call("read", true, Decision::Allowed);
    log.end(call, None, vec![]);
    let used = log.fold();
    for (used, grace, young) in [
        (&used, 14, false),
        (&used, 21, true),
        (&AgentUse::default(), 14, true),
        (&AgentUse::default(), 0, false),
    ] {
        let cut = suggest(&m, used, NOW, grace * DAY).unwrap();
        assert_eq!((cut.young, cut.manifest.is_none()), (young, young), "grace {grace}");
    }
    // The manifest's own day counts where it is earlier.
    let old = manifest(&format!("created = \"1970-01-02\"\n{MANIFEST}"));
    assert!(!suggest(&old, &used, NOW, 21 * DAY).unwrap().young);
}

#[test]
fn the_window_bounds_what_is_learnt_and_not_first_and_last() {
    let mut log = Log::new();
    log.at = NOW - 60 * DAY;
    let early = log.call("run", true, Decision::Allowed);
    log.end(early, None, vec![]);
    log.at = NOW - DAY;
    let late = log.call("read", true, Decision::Allowed);
    log.end(late, None, vec![]);
    let used = log.fold();
    assert_eq!((seen(&used, "run").uses(), seen(&used, "run").ever), (0, 1));
    assert_eq!(seen(&used, "run").last, Some(NOW - 60 * DAY + 1_000));
    assert_eq!(used.used().tools.keys().collect::<Vec<_>>(), ["read"]);
}

#[test]
fn an_exchange_without_its_outcome_counts_at_the_end() {
    let mut log = Log::new();
    log.call("read", true, Decision::Allowed);
    assert_eq!(log.fold().used().tools.len(), 1);
}

#[test]
fn the_report_is_the_judges_word_and_its_score_adds_up() {
    let m = manifest(MANIFEST);
    let mut log = Log::new();
    let call = log.call("read", true, Decision::Allowed);
    log.end(call, None, vec![]);
    let own = "forbid (principal, action == Action::\"tool.call\", resource == Tool::\"run\");";
    let own = cordon_policy::PolicySource { name: "own.cedar".into(), text: own.into() };
    let policies = PolicySet::build(vec![m.clone()], vec![own], &[]).unwrap();
    let r = report(&policies, &m, &log.fold(), &Systems::default(), NOW);
    let grant = |name: &str| r.grants.iter().find(|g| g.name == name).unwrap();
    assert_eq!((grant("send").clean, grant("send").tainted), ("allow", "ask"));
    assert_eq!(grant("run").clean, "policy_forbids");
    assert_eq!(grant("read").points, 0);
    // By the table in the module: pattern 3 + unused twice 1; unused 4; no limit 4 + unused 5.
    assert_eq!((grant("get_*").points, grant("send").points, grant("run").points), (5, 4, 9));
    assert_eq!((grant("m").points, grant("x*").points, grant("image").points), (1, 5, 3));
    let codes: Vec<&str> = r.findings.iter().map(|f| f.code).collect();
    assert!(codes.contains(&"effect_above_use") && codes.contains(&"toxic_open"), "{codes:?}");
    let grants: u32 = r.grants.iter().map(|g| g.points).sum();
    assert_eq!(r.score, grants + 5 + 25);
    let toxic = r.toxic.unwrap();
    assert_eq!(toxic.private, ["get_*"]);
    assert!(toxic.open && !toxic.used, "web search is not judged before its effect");
}

#[test]
fn risk_tiers() {
    let tier = |rest: &str| {
        let r = risk(&manifest(&format!(
            "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\nrisk = \"limited\"\n{rest}"
        )));
        (r.data, r.access, r.autonomy, r.computed, r.disagreement())
    };
    let tool = |rest: &str| format!("[[tools]]\nname = \"t\"\n{rest}");
    assert_eq!(tier("models = [\"m\"]"), (2, 1, 1, "minimal", Some("risk_overstated")));
    assert_eq!(tier(&tool("effect = \"read\"")), (2, 2, 2, "limited", None));
    assert_eq!(tier(&tool("effect = \"send\"")), (2, 4, 2, "limited", None));
    assert_eq!(tier(&tool("effect = \"send\"\nuntrusted = \"refuse\"")), (2, 4, 1, "limited", None));
    assert_eq!(
        tier(&tool("effect = \"send\"\nuntrusted = \"allow\"")),
        (2, 4, 3, "high", Some("risk_understated"))
    );
    assert_eq!(
        tier(&tool("effect = \"execute\"\nclass = \"confidential\"")),
        (3, 5, 2, "high", Some("risk_understated"))
    );
    assert_eq!(tier("features = [\"code_execution\"]"), (2, 5, 3, "high", Some("risk_understated")));
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    /// Whatever the log says, a suggestion breaks nothing that may be learnt from, and is never wider.
    #[test]
    fn a_suggestion_holds_whatever_was_recorded(
        calls in prop::collection::vec(
            (prop::sample::select(vec!["read", "get_a", "get_b", "send", "run", "fly"]), 0_u8..4, prop::bool::ANY, prop::bool::ANY),
            0..12,
        ),
        prompts in prop::collection::vec((prop::sample::select(vec!["m", "n", "xy", "q"]), prop::bool::ANY, prop::bool::ANY), 0..6),
    ) {
        let mut log = Log::new();
        for (tool, decision, flagged, known) in calls {
            let decision = [Decision::Allowed, Decision::Allowed, Decision::Denied, Decision::Observed][usize::from(decision)];
            let index = log.call(tool, known || !tool.starts_with("get_"), decision);
            if decision == Decision::Allowed {
                log.end(index, INJECTION.filter(|_| flagged), vec![]);
            }
        }
        for (model, image, flagged) in prompts {
            let index = log.prompt(model, if image { &[Feature::Image] } else { &[] }, Decision::Allowed);
            log.end(index, INJECTION.filter(|_| flagged), vec![]);
        }
        let m = manifest(&format!("uninspected = \"allow\"\n{MANIFEST}"));
        let used = log.fold();
        let cut = suggest(&m, &used, NOW, 0).unwrap();
        let (smaller, _) = cut.manifest.expect("web_search is never used");
        let proof = prove(&set(&m), &set(&smaller), &agent(), &used, NOW);
        prop_assert!(proof.breaks_nothing(), "{:?}", proof.replays);
        prop_assert!(proof.never_wider(), "{:?}", proof.swept);
        prop_assert_eq!(proof.replays.undecidable, 0, "{:?}", proof.replays);
        prop_assert!(!smaller.features.contains(&Feature::WebSearch));
    }
}

#[test]
fn how_a_task_stands_is_no_use() {
    let mut log = Log::new();
    let made = log.call("get_x", true, Decision::Allowed);
    log.end(made, None, Vec::new());
    for _ in 0..3 {
        let asked = log.call("get_x", true, Decision::Allowed);
        if let Some(Record::Intent(intent)) = log.records.last_mut() {
            intent.operation = Operation::Tasks;
            (intent.labels, intent.judged.policies) = (None, Vec::new());
        }
        log.end(asked, None, Vec::new());
    }
    let used = log.fold();
    assert_eq!(seen(&used, "get_x").uses(), 1);
    assert_eq!(used.calls.len(), 1, "nothing to replay that nobody decided");
}
