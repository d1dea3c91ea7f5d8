//! Reading manifests: what is accepted, what each default is, and every problem with its path and hint.

use super::*;
use crate::tests::DEV;
use FindingKind as K;
use SpanKind as S;

const HEAD: &str = "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\n";

fn read(rest: &str) -> Manifest {
    parse_manifest("m.toml", &format!("{HEAD}{rest}")).unwrap_or_else(|p| panic!("{p}"))
}

#[test]
fn a_whole_manifest() {
    let m = parse_manifest("dev.toml", DEV).unwrap();
    assert_eq!(
        (m.agent.as_str(), m.owner.as_str(), m.risk),
        ("dev", "it-ops@example.com", RiskTier::Limited)
    );
    assert_eq!(
        (m.mode, m.user_turns, m.uninspected),
        (Mode::Enforce, UserTurns::Asserted, Uninspected::Refuse)
    );
    assert_eq!(m.groups, ["staff"]);
    assert!(m.lists_model("gpt-4o-mini") && m.lists_model("gullible") && m.lists_model("gullible-2"));
    assert!(!m.lists_model("gpt-4o-mini-2") && !m.lists_model("gullibl"));
    assert_eq!(m.tool("send_mail").unwrap().effect, Some(Effect::Send));
    assert!(!m.tool("send_mail").unwrap().other_args && m.tool("ticket_1").unwrap().other_args);
    assert!(m.tool("nothing").is_none());
}

#[test]
fn the_least_manifest_and_its_defaults() {
    let m = read("");
    assert_eq!((m.risk, m.mode, m.uninspected), (RiskTier::High, Mode::Enforce, Uninspected::Allow));
    assert_eq!((m.budgets, m.expires, m.max_output_tokens), (Budgets::default(), None, None));
    assert!(m.models.is_empty() && m.tools.is_empty() && m.features.is_empty() && m.betas.is_empty());
}

#[test]
fn default_handlings() {
    use Handling::{Allow, Block, Mask, Notify};
    let d = DataRules::default();
    for (kind, prompt, answer) in [
        (K::PaymentCard, Mask, Mask),
        (K::Iban, Mask, Mask),
        (K::UsSsn, Mask, Mask),
        (K::ApiKey, Mask, Mask),
        (K::PrivateKey, Block, Mask),
        (K::Jwt, Mask, Mask),
        (K::ConnectionString, Mask, Mask),
        (K::Email, Notify, Notify),
        (K::Phone, Notify, Notify),
        (K::IpAddress, Allow, Allow),
        (K::Injection, Block, Notify),
        (K::Jailbreak, Block, Notify),
        (K::HiddenText, Block, Notify),
        (K::ExfilImage, Notify, Mask),
        (K::ExfilLink, Notify, Mask),
        (K::OperatorTerm, Block, Mask),
        (K::OperatorPattern, Mask, Mask),
    ] {
        assert_eq!(
            (d.prompt.get(kind, S::User), d.answer.get(kind, S::Assistant)),
            (prompt, answer),
            "{kind:?}"
        );
    }
    for span in S::ALL {
        let own = matches!(span, S::System | S::Assistant | S::Reasoning | S::Refusal | S::ToolCall);
        assert_eq!(d.prompt.get(K::Injection, span), if own { Notify } else { Block }, "{span:?}");
    }
}

#[test]
fn dates_and_budgets() {
    let day = 86_400_000;
    let m = read(
        "expires = 1970-01-02\n[budgets]\nrequests_per_minute = 600\ntokens_per_minute = 5\ntokens_per_day = 10\ncost_per_day = 12.5\ncost_per_month = 100\nconcurrent = 4\n",
    );
    assert_eq!(m.expires, Some(2 * day));
    assert!(!m.expired(2 * day - 1) && m.expired(2 * day));
    assert_eq!(
        m.budgets,
        Budgets {
            requests_per_minute: Some(600),
            tokens_per_minute: Some(5),
            tokens_per_day: Some(10),
            cost_per_day_micros: Some(12_500_000),
            cost_per_month_micros: Some(100_000_000),
            concurrent: Some(4),
        }
    );
    let m = read("mode = \"observe\"\ncreated = \"1970-01-03\"\nobserve_until = \"1970-01-17\"\n");
    for (now, observes) in [(2 * day - 1, false), (2 * day, true), (17 * day - 1, true), (17 * day, false)] {
        assert_eq!(m.observes(now), observes, "{now}");
    }
}

#[test]
fn problems_have_paths_and_hints() {
    let tool = |rest: &str| format!("[[tools]]\nname = \"t\"\n{rest}");
    let arg = |rest: &str| tool(&format!("[tools.args]\n{rest}"));
    for (rest, path, says) in [
        ("model = []".to_owned(), "model", "did you mean `models`?"),
        ("risk = \"hihg\"".into(), "risk", "did you mean `high`?"),
        ("models = \"x\"".into(), "models", "a list of texts"),
        ("models = [1]".into(), "models[0]", "a text in quotes"),
        ("models = [\"a*b\"]".into(), "models[0]", "only at the end"),
        ("models = [\"a\\\"b\"]".into(), "models[0]", "is no name"),
        ("models = [\"a\", \"a\"]".into(), "models[1]", "twice"),
        ("features = [\"web_serch\"]".into(), "features[0]", "did you mean `web_search`?"),
        ("betas = [\"a*\"]".into(), "betas[0]", "is no name"),
        ("groups = [\"Staff\"]".into(), "groups[0]", "a-z"),
        ("expires = \"soon\"".into(), "expires", "2027-06-30"),
        ("expires = \"2027-02-30\"".into(), "expires", "is no day"),
        ("expires = 2027-06-30T10:00:00Z".into(), "expires", "is no day"),
        ("mode = \"observe\"".into(), "created", "is missing"),
        ("mode = \"observe\"\ncreated = 2026-01-01".into(), "observe_until", "at most 14 days"),
        (
            "mode = \"observe\"\ncreated = 2026-01-01\nobserve_until = 2026-01-16".into(),
            "observe_until",
            "more than 14 days",
        ),
        (
            "mode = \"observe\"\ncreated = 2026-01-02\nobserve_until = 2026-01-01".into(),
            "observe_until",
            "before",
        ),
        ("observe_until = 2026-01-01".into(), "observe_until", "enforce mode"),
        ("max_output_tokens = 0".into(), "max_output_tokens", "from 1"),
        ("[budgets]\nrequests_per_minute = -1".into(), "budgets.requests_per_minute", "out of range"),
        ("[budgets]\ncost_per_day = 0".into(), "budgets.cost_per_day", "above 0"),
        ("[budgets]\ncost_per_day = nan".into(), "budgets.cost_per_day", "out of range"),
        ("[budgets]\ncost_per_day = 5\ncost_per_month = 4".into(), "budgets.cost_per_day", "more than"),
        ("[budgets]\ntoken_per_day = 4".into(), "budgets.token_per_day", "did you mean `tokens_per_day`?"),
        ("[data.prompt]\nemial = \"mask\"".into(), "data.prompt.emial", "did you mean `email`?"),
        ("[data.prompt]\nemail = \"hide\"".into(), "data.prompt.email", "one of: allow"),
        ("[data.prompt]\nemail = { usr = \"mask\" }".into(), "data.prompt.email.usr", "did you mean `user`?"),
        ("[data.promt]".into(), "data.promt", "did you mean `prompt`?"),
        ("tools = 1".into(), "tools", "[[tools]]"),
        ("[[tools]]\n".into(), "tools[0].name", "is missing"),
        (tool("effect = \"sends\""), "tools[0].effect", "did you mean `send`?"),
        (tool("other_args = \"allow\""), "tools[0].other_args", "without [tools.args]"),
        (tool("[[tools]]\nname = \"t\""), "tools[1].name", "twice"),
        (arg("x = 1"), "tools[0].args.x", "a table of predicates"),
        (arg("x = { mx = 1 }"), "tools[0].args.x.mx", "did you mean `max`?"),
        (arg("a.b = { max = 1 }"), "tools[0].args.a.b", "quote the whole path"),
        (arg("\"a..b\" = {}"), "tools[0].args.\"a..b\"", "is no argument path"),
        (arg("\"a[0]\" = {}"), "tools[0].args.\"a[0]\"", "is no argument path"),
        (arg("x = { max = \"1\" }"), "tools[0].args.x.max", "expected a number"),
        (arg("x = { max = inf }"), "tools[0].args.x.max", "finite"),
        (arg("x = { pattern = \"(\" }"), "tools[0].args.x.pattern", "regular expression"),
        (arg("x = { pattern = \"a)|(b\" }"), "tools[0].args.x.pattern", "regular expression"),
        (arg("x = { pattern = \"(?:a{1000}){1000}\" }"), "tools[0].args.x.pattern", "too large"),
        (arg("x = { domains = [] }"), "tools[0].args.x.domains", "is empty"),
        (arg("x = { domains = [\"a b\"] }"), "tools[0].args.x.domains", "example.com"),
        (arg("x = { hosts = [\"https://a\"] }"), "tools[0].args.x.hosts", "a host"),
        (arg("x = { under = [\"srv\"] }"), "tools[0].args.x.under", "absolute"),
        (arg("x = { enum = [] }"), "tools[0].args.x.enum", "empty"),
        (arg("x = { forbidden = true, max = 1 }"), "tools[0].args.x", "alone"),
        (arg("x = { required = 1 }"), "tools[0].args.x.required", "true or false"),
        ("= 1".into(), "line 4, column 1", ""),
    ] {
        let p = parse_manifest("m.toml", &format!("{HEAD}{rest}\n")).expect_err(&rest);
        let hit = p.0.iter().find(|p| p.path == path && p.to_string().contains(says));
        assert!(hit.is_some(), "{rest}\nwanted {path}: {says}\ngot {p}");
        assert!(hit.unwrap().source == "m.toml" && !hit.unwrap().hint.is_empty());
    }
}

#[test]
fn all_problems_come_at_once() {
    let p = parse_manifest("m.toml", "agent = \"A\"\nrisk = 1\nfoo = 2\n[data.prompt]\nx = 1\n").unwrap_err();
    let paths: Vec<&str> = p.0.iter().map(|p| p.path.as_str()).collect();
    for path in ["agent", "owner", "purpose", "risk", "foo", "data.prompt.x"] {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
    }
}

#[test]
fn what_an_operator_writes_cannot_leave_its_comment() {
    let m = read(
        "[[tools]]\nname = \"t\"\n[tools.args]\nx = { enum = [\"a\\npermit (principal, action, resource);\"], pattern = \"\"\"a\nforbid\"\"\" }\n",
    );
    for policy in crate::compile::compile(&m) {
        let comments = policy.text.lines().filter(|l| l.starts_with("//")).count();
        assert_eq!(comments, 1, "{}", policy.text);
        assert!(!policy.text.lines().any(|l| l.starts_with("permit (principal, action, resource)")));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        let _ = parse_manifest("m.toml", &text);
    }
}

#[test]
fn rates_and_hours_have_problems_of_their_own() {
    for (line, path, says) in [
        ("rates = [\"3/month\"]", "tools[0].rates[0]", "not a rate"),
        ("rates = [\"1/day\", \"1/day\", \"1/day\", \"1/day\", \"1/day\"]", "tools[0].rates", "too many"),
        ("hours = \"8-18\"", "tools[0].hours", "not days and hours"),
    ] {
        let problems =
            parse_manifest("m.toml", &format!("{HEAD}[[tools]]\nname = \"t\"\n{line}")).expect_err(line);
        assert!(
            problems.0.iter().any(|p| p.path == path && p.to_string().contains(says)),
            "{line}: {problems:?}"
        );
    }
}
