//! Logs with one thing wrong each, and usage exports good and bad.

use super::usage::Used;
use super::*;
use crate::tests::made;
use cordon_ledger::{Known, Name};
use cordon_types::ModelName;

const T0: u64 = 1_795_611_600_000;

fn model(name: &str) -> Option<Name> {
    Some(Name::Known(Known::from(&ModelName::new(name).unwrap())))
}

fn intent(request: u128, at: u64) -> Record {
    Record::Intent(Intent { request: RequestId(request), at, model: model("m1"), ..made::intent() })
}

fn outcome(request: u128, of: u64, at: u64) -> Record {
    Record::Outcome(Outcome { request: RequestId(request), intent: of, at, ..made::outcome() })
}

fn control(kind: ControlKind, at: u64) -> Record {
    Record::Control(Control { at, ..made::control(kind) })
}

fn walk(records: &[Option<Record>]) -> Report {
    let mut walk = Walk::default();
    for (index, record) in (0..).zip(records) {
        walk.take(index, record.as_ref());
    }
    walk.finish()
}

fn check(records: Vec<Record>, expected: &[(Kind, u64)]) -> Report {
    let report = walk(&records.into_iter().map(Some).collect::<Vec<_>>());
    let found: Vec<(Kind, u64)> = report.noticed.iter().map(|n| (n.kind, n.index)).collect();
    assert_eq!(found, expected);
    assert_eq!(report.is_wrong(), expected.iter().any(|(kind, _)| kind.is_wrong()));
    report
}

#[test]
fn a_whole_log_is_complete() {
    let report = check(
        vec![
            control(ControlKind::Start, T0),
            intent(1, T0 + 10),
            intent(2, T0 + 20),
            outcome(2, 2, T0 + 30),
            outcome(1, 1, T0 + 40),
            control(ControlKind::Stop, T0 + 50),
        ],
        &[],
    );
    assert_eq!((report.leaves, report.intents, report.outcomes, report.starts), (6, 2, 2, 1));
    let [(key, counted)] = report.counts.as_slice() else { panic!("{:?}", report.counts) };
    assert_eq!((key.day.as_str(), key.provider.as_str(), key.model.as_str()), ("2026-11-25", "openai", "m1"));
    assert_eq!((counted.sent, counted.answered, counted.open), (2, 2, 0));
    assert_eq!(counted.tokens, Tokens { input: 1624, output: 380, cached: 0 });
}

#[test]
fn what_needs_no_outcome_is_not_missed() {
    let Record::Intent(refused) = intent(1, T0) else { unreachable!() };
    let judged = cordon_ledger::Judged::plain(Decision::Denied, None);
    let refused = Record::Intent(Intent { judged, ..refused });
    let Record::Intent(listed) = intent(2, T0) else { unreachable!() };
    let listed = Record::Intent(Intent { upstream: None, model: None, ..listed });
    let report =
        check(vec![control(ControlKind::Start, T0), refused, listed, control(ControlKind::Stop, T0)], &[]);
    assert!(report.counts.is_empty());
}

/// Of a call that Cordon was only asked about.
fn advisory(request: u128, at: u64) -> Record {
    let tool = made::catalogue().name("send_mail", "tool", &made::digester());
    let call = cordon_ledger::ToolCalled {
        tool,
        effect: None,
        target: None,
        session: None,
        result_class: None,
        advisory: true,
    };
    Record::Intent(Intent {
        request: RequestId(request),
        at,
        model: None,
        upstream: None,
        call: Some(call),
        ..made::intent()
    })
}

#[test]
fn advice_may_be_reported_and_need_not() {
    let start = || control(ControlKind::Start, T0);
    check(vec![start(), advisory(1, T0), outcome(1, 1, T0)], &[]);
    check(vec![start(), advisory(1, T0), control(ControlKind::Stop, T0)], &[]);
    let twice = vec![start(), advisory(1, T0), outcome(1, 1, T0), outcome(1, 1, T0)];
    check(twice, &[(Kind::Duplicate, 3)]);
    check(vec![start(), advisory(1, T0), outcome(2, 1, T0)], &[(Kind::Unmatched, 2)]);
}

#[test]
fn each_wrong_thing_is_named() {
    let start = || control(ControlKind::Start, T0);
    let stop = |at| control(ControlKind::Stop, at);
    // At the end, while the gateway runs.
    let report = check(vec![start(), intent(1, T0)], &[(Kind::InFlight, 1)]);
    assert_eq!(report.counts[0].1.open, 1);
    // A crash under it: the next start finds it open, and no stop before itself.
    check(vec![start(), intent(1, T0), start()], &[(Kind::NoStop, 2), (Kind::Crashed, 1)]);
    check(vec![start(), start()], &[(Kind::NoStop, 1)]);
    check(vec![start(), intent(1, T0), stop(T0)], &[(Kind::OpenAtStop, 1)]);
    // Another request's intent, no intent, itself, the future.
    check(vec![start(), intent(1, T0), outcome(2, 1, T0), outcome(1, 1, T0)], &[(Kind::Unmatched, 2)]);
    check(vec![start(), outcome(1, 0, T0)], &[(Kind::Unmatched, 1)]);
    check(vec![start(), outcome(1, 1, T0)], &[(Kind::Unmatched, 1)]);
    check(vec![start(), outcome(1, 99, T0)], &[(Kind::Unmatched, 1)]);
    check(vec![start(), intent(1, T0), outcome(1, 1, T0), outcome(1, 1, T0)], &[(Kind::Duplicate, 3)]);
    // A stop, and a gap.
    let report =
        check(vec![start(), stop(T0 + 5), control(ControlKind::Start, T0 + 65_000)], &[(Kind::Down, 2)]);
    assert_eq!(report.noticed[0].amount, Some(64_995));
    check(vec![start(), control(ControlKind::TornTail, T0)], &[(Kind::TornTail, 1)]);
}

#[test]
fn clocks() {
    let at = |at| control(ControlKind::Reload, at);
    check(vec![at(T0), at(T0 - 5_000), at(T0 + 1)], &[]);
    // Told once for a step, not for each leaf after it.
    check(vec![at(T0), at(T0 - 5_001), at(T0 - 5_000), at(T0 - 4_000)], &[(Kind::ClockBack, 1)]);
    let day = 24 * 3_600_000;
    check(vec![at(T0), at(T0 + day)], &[]);
    check(vec![at(T0), at(T0 + day + 1)], &[(Kind::ClockJump, 1)]);
    // A gateway that was stopped was silent with reason.
    check(
        vec![control(ControlKind::Stop, T0), control(ControlKind::Start, T0 + 3 * day)],
        &[(Kind::Down, 1)],
    );
    check(vec![at(u64::MAX), at(0), at(u64::MAX)], &[(Kind::ClockBack, 1), (Kind::ClockJump, 2)]);
}

#[test]
fn what_cannot_be_read_is_wrong() {
    let report = walk(&[None, Some(control(ControlKind::Start, T0))]);
    assert_eq!(report.totals.get(&Kind::Unreadable), Some(&1));
    assert!(report.is_wrong());
}

#[test]
fn the_list_is_bounded_and_the_count_is_not() {
    let many = MOST_LISTED as u64 + 500;
    let mut walk = Walk::default();
    for index in 0..many {
        walk.take(index, Some(&outcome(1, 1 << 40, T0)));
    }
    let report = walk.finish();
    assert_eq!(report.noticed.len(), MOST_LISTED);
    assert_eq!(report.totals.get(&Kind::Unmatched), Some(&many));
}

fn usage(text: &str) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let aliases = Aliases([("m1-2026-01-01".to_owned(), "m1".to_owned())].into());
    read_usage(text.as_bytes(), &aliases, &mut usage).map(|()| usage)
}

const OPENAI: &str = r#"{"object":"page","data":[{"object":"bucket","start_time":1795564800,"end_time":1795651200,
    "results":[
      {"object":"organization.usage.completions.result","input_tokens":1000,"output_tokens":380,"input_cached_tokens":0,
       "num_model_requests":1,"project_id":null,"user_id":null,"api_key_id":null,"model":"m1-2026-01-01","batch":null},
      {"object":"organization.usage.completions.result","input_tokens":624,"output_tokens":0,"input_cached_tokens":8,
       "num_model_requests":1,"model":"m1"}]}],"has_more":false,"next_page":null}"#;
const ANTHROPIC: &str = r#"{"data":[{"starting_at":"2026-11-25T00:00:00Z","ending_at":"2026-11-26T00:00:00Z","results":[
      {"uncached_input_tokens":1500,"cache_creation":{"ephemeral_1h_input_tokens":1000,"ephemeral_5m_input_tokens":500},
       "cache_read_input_tokens":200,"output_tokens":500,"server_tool_use":{"web_search_requests":10},"api_key_id":"a",
       "workspace_id":null,"model":"claude","service_tier":"standard","context_window":"0-200k"}]}],
    "has_more":true,"next_page":"page_x"}"#;

#[test]
fn providers_exports_are_read() {
    let openai = usage(OPENAI).unwrap();
    assert!(!openai.is_cut() && openai.covers("2026-11-25") && !openai.covers("2026-11-24"));
    let row = &openai.rows[&("2026-11-25".to_owned(), "m1".to_owned())];
    assert_eq!(*row, Used { requests: Some(2), tokens: Tokens { input: 1624, output: 380, cached: 8 } });
    let anthropic = usage(ANTHROPIC).unwrap();
    assert!(anthropic.is_cut());
    let row = &anthropic.rows[&("2026-11-25".to_owned(), "claude".to_owned())];
    assert_eq!(*row, Used { requests: None, tokens: Tokens { input: 3200, output: 500, cached: 200 } });
}

#[test]
fn ours_and_theirs() {
    let report = check(
        vec![
            control(ControlKind::Start, T0),
            intent(1, T0),
            outcome(1, 1, T0),
            intent(2, T0),
            outcome(2, 3, T0),
            control(ControlKind::Stop, T0),
        ],
        &[],
    );
    let theirs = usage(OPENAI).unwrap();
    let rows = compare(&report.counts, &theirs, Some("openai"));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].agree(0), "{rows:?}");
    // Another upstream's are not theirs.
    let rows = compare(&report.counts, &theirs, Some("elsewhere"));
    assert_eq!(rows[0].differences(), [2, 1624, 380]);
    // One request more than we know of is what this is for.
    let more =
        usage(&OPENAI.replace("\"num_model_requests\":1,\"model\"", "\"num_model_requests\":2,\"model\""))
            .unwrap();
    let rows = compare(&report.counts, &more, None);
    assert_eq!(rows[0].differences(), [1, 0, 0]);
    assert!(!rows[0].agree(100) && rows[0].agree(334));
    // Of days that it does not speak of, it says nothing.
    let later =
        usage(&OPENAI.replace("1795564800", "1795651200").replace(":1795651200,\n", ":1795737600,\n"))
            .unwrap();
    assert!(compare(&report.counts, &later, None).iter().all(|row| row.day == "2026-11-26"));
}

#[test]
fn bad_exports_say_what_to_do() {
    let table = [
        ("", "no usage export that is known"),
        ("[]", "no usage export that is known"),
        ("{\"data\":{}}", "no usage export that is known"),
        ("{\"data\":[{}]}", "data[0]: a bucket begins at"),
        ("{\"data\":[{\"start_time\":-1,\"results\":[]}]}", "data[0]: a bucket begins at"),
        ("{\"data\":[{\"start_time\":18446744073709551615,\"results\":[]}]}", "data[0]: a bucket begins at"),
        ("{\"data\":[{\"start_time\":1844674407370955,\"results\":[]}]}", "beyond all calendars"),
        ("{\"data\":[{\"start_time\":0,\"end_time\":604800,\"results\":[]}]}", "bucket_width=1d"),
        ("{\"data\":[{\"start_time\":0}]}", "a list `results`"),
        (
            "{\"data\":[{\"start_time\":0,\"results\":[{\"input_tokens\":1,\"model\":null}]}]}",
            "group_by=model",
        ),
        ("{\"data\":[{\"start_time\":0,\"results\":[{\"model\":\"m\"}]}]}", "neither `input_tokens`"),
        (
            "{\"data\":[{\"start_time\":0,\"results\":[{\"model\":\"m\",\"input_tokens\":-1}]}]}",
            "a whole number",
        ),
        (
            "{\"data\":[{\"start_time\":0,\"results\":[{\"model\":\"m\",\"input_tokens\":1.5}]}]}",
            "a whole number",
        ),
    ];
    for (text, expected) in table {
        let said = usage(text).unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn names_in_exports_cannot_act_on_a_terminal() {
    let text =
        "{\"data\":[{\"start_time\":0,\"results\":[{\"model\":\"\\u001b[2J\\u009b\",\"input_tokens\":1}]}]}";
    let found = usage(text).unwrap();
    assert!(found.rows.keys().all(|(_, model)| model == "?[2J?"), "{found:?}");
}

#[test]
fn csv_by_named_columns() {
    let map = "day=usage_date,model=model_version,requests=,input=no_cache+cache_write+cache_read,output=out,cached=cache_read";
    let columns = CsvColumns::parse(map).unwrap();
    let text = "usage_date,model_version,no_cache,cache_write,cache_read,out\n2026-11-25,\"claude, big\",1,2,3,4\n\
                2026-11-25T10:00:00Z,\"claude, big\",1,,3,4\n1795564800,other,0,0,0,9\n";
    let mut found = Usage::default();
    read_csv(text.as_bytes(), &columns, &Aliases::default(), &mut found).unwrap();
    let row = &found.rows[&("2026-11-25".to_owned(), "claude, big".to_owned())];
    assert_eq!(*row, Used { requests: None, tokens: Tokens { input: 10, output: 8, cached: 6 } });
    assert_eq!(found.rows.len(), 2);
    let table = [
        ("a,b\n1,2\n", "no column `usage_date`"),
        (
            "usage_date,model_version,no_cache,cache_write,cache_read,out\nx,m,1,1,1,1\n",
            "line 2: the day must be",
        ),
        (
            "usage_date,model_version,no_cache,cache_write,cache_read,out\n2026-11-25,m,1,1,1,-1\n",
            "a whole number",
        ),
        (
            "usage_date,model_version,no_cache,cache_write,cache_read,out\n2026-11-25,m\n",
            "line 2: it is no line",
        ),
    ];
    for (text, expected) in table {
        let said =
            read_csv(text.as_bytes(), &columns, &Aliases::default(), &mut Usage::default()).unwrap_err();
        assert!(said.to_string().contains(expected), "{said}");
    }
    for map in ["nonsense", "colour=red", "day"] {
        assert!(CsvColumns::parse(map).is_err(), "{map}");
    }
}
