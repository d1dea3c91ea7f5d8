//! `audit show`, `reconcile`, `export`, `copy`: what leaves the log.

use crate::audit_args::{Copy, Export, Reconcile, Show, Where};
use crate::output;
use cordon_app::tools::{copy, export, reconcile, records, sequences, witnessed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many things noticed are printed one by one; JSON has more.
const MOST_PRINTED: usize = 50;

impl Where {
    pub(crate) fn paths(&self, root: &Path) -> (PathBuf, PathBuf) {
        let ledger = self.ledger.clone().unwrap_or_else(|| root.join("ledger"));
        (ledger, self.key.clone().unwrap_or_else(|| root.join("keys/ledger.pub")))
    }
}

pub(crate) fn show(root: &Path, options: &Show) -> anyhow::Result<ExitCode> {
    let (ledger, key) = options.place.paths(root);
    // A ledger that was copied elsewhere is not judged by this machine's config.
    let own = options.place.ledger.is_none().then_some(root);
    let judge = witnessed::policy(own, options.policy.as_deref())?;
    // On standard error, so that the records stay one JSON object a line.
    let (words, witnessed) = witnessed::head(&ledger, &key, judge.as_ref())?;
    output::note(&words);
    let wanted = records::Wanted {
        from: options.from.clone(),
        to: options.to.clone(),
        agent: options.agent.clone(),
        user: options.user.clone(),
        user_digest: options.user_digest.clone(),
        tool: options.tool.clone(),
        model: options.model.clone(),
        decision: options.decision.clone(),
        reason: options.reason.clone(),
        finding: options.finding.clone(),
        record: options.record.clone(),
        request: options.request.clone(),
        last: options.last,
    };
    let table = output::is_terminal() && !options.json;
    if table {
        let (time, decision) = ("time", "decision");
        output::line(&format!(
            "{:>9}  {time:<24}  {:<14}  {:<16}  {decision:<20}  about",
            "index", "record", "agent"
        ));
    }
    records::records((&ledger, &key), root, &wanted, |index, text, line| {
        if table {
            output::line(row(&line()).trim_end());
        } else {
            let seen = index < witnessed;
            output::line(&format!("{{\"index\":{index},\"witnessed\":{seen},\"record\":{text}}}"));
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(l: &records::Line) -> String {
    let about: Vec<&str> =
        [l.about.as_str(), l.reason, l.findings.as_str()].into_iter().filter(|s| !s.is_empty()).collect();
    format!(
        "{:>9}  {:<24}  {:<14}  {:<16}  {:<20}  {}",
        l.index,
        l.at,
        l.what,
        l.agent,
        l.decision,
        about.join("; ")
    )
}

pub(crate) fn sequences(root: &Path, place: &Where, json: bool) -> anyhow::Result<ExitCode> {
    let (ledger, key) = place.paths(root);
    let table = output::is_terminal() && !json;
    let loose = sequences::sequences(&ledger, &key, |found| {
        if !table {
            output::json(found);
            return;
        }
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let what =
            found["read"]["secret"].as_str().map_or_else(|| text(&found["read"]["class"]), str::to_owned);
        output::line(&format!(
            "{:<16}  read {what} in record {}, then {} in record {}: {}",
            text(&found["agent"]),
            found["read"]["record"],
            text(&found["sent"]["effect"]),
            found["sent"]["record"],
            if found["stopped"] == Value::Bool(true) { "stopped" } else { "NOT STOPPED" },
        ));
    })?;
    Ok(if loose == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

pub(crate) fn reconcile(root: &Path, options: &Reconcile) -> anyhow::Result<ExitCode> {
    let (ledger, key) = options.place.paths(root);
    let question = reconcile::Question {
        usage: options.usage.clone(),
        columns: options.usage_columns.clone(),
        aliases: options.usage_model.clone(),
        provider: options.usage_provider.clone(),
        permille: options.usage_tolerance,
        clock_seconds: options.clock_tolerance,
    };
    let answer = reconcile::reconcile(&ledger, &key, &question)?;
    if options.json {
        output::json(&answer.json);
    } else {
        told(&answer.json, answer.wrong);
    }
    Ok(ExitCode::from(if answer.wrong { 3 } else { 0 }))
}

fn told(answer: &Value, wrong: bool) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    output::line(&format!(
        "{}: {} records, {} intents, {} outcomes, {} starts",
        text(&answer["origin"]),
        answer["leaves"],
        answer["intents"],
        answer["outcomes"],
        answer["starts"]
    ));
    let noticed = answer["noticed"].as_array().map(Vec::as_slice).unwrap_or_default();
    for n in noticed.iter().take(MOST_PRINTED) {
        let sign = if n["wrong"] == true { "WRONG" } else { "note " };
        let more: Vec<String> = ["request", "of", "milliseconds", "bytes"]
            .into_iter()
            .filter(|name| !n[*name].is_null())
            .map(|name| format!("{name} {}", text(&n[name])))
            .collect();
        let (kind, at) = (text(&n["kind"]), text(&n["at"]));
        output::line(&format!("{sign}  {kind:<23} at {:>8}  {at}  {}", n["index"], more.join(", ")));
    }
    if noticed.len() > MOST_PRINTED {
        output::line(&format!(
            "... {} more; --json has up to 1,000 of each kind",
            noticed.len() - MOST_PRINTED
        ));
    }
    for row in answer["counts"].as_array().into_iter().flatten() {
        output::line(&format!(
            "{}  {:<20}  {:<24}  sent {}, answered {}, open {}; tokens in {}, out {}",
            text(&row["day"]),
            text(&row["provider"]),
            text(&row["model"]),
            row["sent"],
            row["answered"],
            row["open"],
            row["tokens_in"],
            row["tokens_out"]
        ));
    }
    for row in answer["usage"]["rows"].as_array().into_iter().flatten() {
        let sign = if row["agrees"] == true { "agrees " } else { "DIFFERS" };
        let pair = |name: &str| format!("{} / {}", row["ours"][name], row["theirs"][name]);
        output::line(&format!(
            "{sign} {}  {:<24}  ours / theirs: requests {}, tokens in {}, out {}",
            text(&row["day"]),
            text(&row["model"]),
            pair("requests"),
            pair("tokens_in"),
            pair("tokens_out")
        ));
    }
    if answer["usage"]["last_page_missing"] == true {
        output::line(
            "WRONG  the usage export's last page is missing: fetch all pages and give each with --usage",
        );
    }
    output::line(if wrong { "not complete, or not in agreement" } else { "complete" });
}

pub(crate) fn export(root: &Path, options: &Export) -> anyhow::Result<ExitCode> {
    let (ledger, key) = options.place.paths(root);
    let job = export::Job {
        format: options.format.clone(),
        to: options.to.clone(),
        cursor: options.cursor.clone(),
        start: options.start,
        follow: options.follow,
        retries: options.retries,
        bearer: options.bearer_file.clone(),
        ca: options.ca.clone(),
        enterprise: options.enterprise,
    };
    let done = export::export(&ledger, &key, &job, &mut |text| output::error(text))?;
    let text = format!("{} records exported; the next one is {}", done.entries, done.next);
    match (options.json, options.to == "-") {
        // Standard output holds the records.
        (_, true) => output::note(&text),
        (true, false) => output::json(&json!({"entries": done.entries, "next": done.next})),
        (false, false) => output::line(&text),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn copy(root: &Path, options: &Copy) -> anyhow::Result<ExitCode> {
    let (ledger, key) = options.place.paths(root);
    let access = copy::Access {
        endpoint: options.endpoint.clone(),
        region: options.region.clone(),
        credentials: options.credentials.clone(),
        profile: options.profile.clone(),
        ca: options.ca.clone(),
    };
    let done = copy::copy(&ledger, &key, &options.to, &access)?;
    if options.json {
        output::json(&json!({
            "origin": done.origin, "size": done.size, "before": done.before, "files": done.files, "bytes": done.bytes,
        }));
    } else {
        output::line(&format!(
            "{}: {} records at {} ({} of them new; {} files, {} bytes written and read back)",
            done.origin,
            done.size,
            options.to,
            done.size - done.before,
            done.files,
            done.bytes
        ));
    }
    Ok(ExitCode::SUCCESS)
}
