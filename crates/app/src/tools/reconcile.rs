//! `cordon audit reconcile`: is the log complete, and does a provider's own account agree with it?

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_export::Leaf;
use cordon_export::reconcile::{
    Aliases, Compared, CsvColumns, Kind, Noticed, Report, Tolerance, Usage, UsageError, Walk, compare,
    read_csv, read_usage,
};
use cordon_ledger::Reader;
use cordon_store::volume::FileVolume;
use cordon_types::{Problem, Problems, time};
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest usage export, in bytes: a year of daily buckets for thousands of models.
const MOST_USAGE: u64 = 64 << 20;

/// What to look at, and what to compare with.
#[derive(Debug, Default)]
pub struct Question {
    /// A provider's usage exports, pages of one period.
    pub usage: Vec<PathBuf>,
    /// How a CSV export's columns are named.
    pub columns: Option<String>,
    /// `theirs=ours`, for models that the provider names differently.
    pub aliases: Vec<String>,
    /// Only this upstream's counts are compared.
    pub provider: Option<String>,
    /// By how many thousandths theirs may differ.
    pub permille: u32,
    /// By how many seconds the clock may go back between leaves.
    pub clock_seconds: Option<u64>,
}

/// What came of it.
pub struct Answer {
    /// All of it, as JSON.
    pub json: Value,
    /// Whether something is wrong.
    pub wrong: bool,
}

/// Reads the whole log once, verified as it is read.
pub fn reconcile(ledger: &Path, key: &Path, question: &Question) -> Result<Answer, AppError> {
    // What the operator gave is read first: a mistake in it should not wait for the log.
    let usage = theirs(question)?;
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let mut reader = Reader::open(&volume, &key)?;
    let mut tolerance = Tolerance::default();
    if let Some(seconds) = question.clock_seconds {
        tolerance.back = seconds.saturating_mul(1_000);
    }
    let mut walk = Walk::new(tolerance, reader.lowest());
    let mut n = reader.lowest() / 256;
    while n * 256 < reader.head().size {
        for leaf in Leaf::of_bundle(reader.bundle(n)?, 0) {
            walk.take(leaf.index, leaf.record.as_ref());
        }
        n += 1;
    }
    let report = walk.finish();
    let compared = usage.as_ref().map(|u| compare(&report.counts, u, question.provider.as_deref()));
    let differs = compared.iter().flatten().any(|row| !row.agree(question.permille));
    let wrong = report.is_wrong() || differs || usage.as_ref().is_some_and(Usage::is_cut);
    let mut all = told(&report);
    all.insert("origin".into(), reader.head().origin.clone().into());
    all.insert("complete".into(), (!report.is_wrong()).into());
    if let (Some(rows), Some(usage)) = (compared, usage) {
        let usage = json!({
            "agrees": !differs,
            "last_page_missing": usage.is_cut(),
            "tolerance_permille": question.permille,
            "rows": rows.iter().map(|row| beside(row, question.permille)).collect::<Vec<_>>(),
        });
        all.insert("usage".into(), usage);
    }
    Ok(Answer { json: all.into(), wrong })
}

fn theirs(question: &Question) -> Result<Option<Usage>, AppError> {
    let problem = |path: String, message: String, hint: &str| {
        AppError::Problems(Problems(vec![Problem::new(path, message, hint)]))
    };
    let mut aliases = Aliases::default();
    for alias in &question.aliases {
        let Some((theirs, ours)) = alias.split_once('=') else {
            let hint = "write the provider's name, =, and the name in your config";
            return Err(problem("usage-model".to_owned(), format!("`{alias}` maps no model"), hint));
        };
        aliases.0.insert(theirs.trim().to_owned(), ours.trim().to_owned());
    }
    let columns = question.columns.as_deref().map(CsvColumns::parse).transpose();
    let columns = columns.map_err(|e| problem("usage-columns".to_owned(), e.to_string(), ""))?;
    if question.usage.is_empty() {
        return Ok(None);
    }
    let mut usage = Usage::default();
    for path in &question.usage {
        let bytes = read(path)?;
        let json = bytes.trim_ascii_start().starts_with(b"{");
        let done: Result<(), UsageError> = if json {
            read_usage(&bytes, &aliases, &mut usage)
        } else {
            read_csv(&bytes, &columns.clone().unwrap_or_default(), &aliases, &mut usage)
        };
        done.map_err(|e| problem(path.display().to_string(), e.to_string(), ""))?;
    }
    Ok(Some(usage))
}

fn read(path: &Path) -> Result<Vec<u8>, AppError> {
    let file = std::fs::File::open(path).map_err(|e| AppError::file(path, "opening", e))?;
    let mut bytes = Vec::new();
    file.take(MOST_USAGE + 1).read_to_end(&mut bytes).map_err(|e| AppError::file(path, "reading", e))?;
    if bytes.len() as u64 > MOST_USAGE {
        let large = std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            "it is larger than 64 MiB; give a shorter period",
        );
        return Err(AppError::file(path, "reading", large));
    }
    Ok(bytes)
}

fn told(report: &Report) -> Map<String, Value> {
    let totals: Map<String, Value> = Kind::ALL
        .iter()
        .map(|k| (k.name().to_owned(), report.totals.get(k).copied().unwrap_or(0).into()))
        .collect();
    let counts: Vec<Value> = report
        .counts
        .iter()
        .map(|(key, c)| {
            json!({
                "day": key.day, "provider": key.provider, "model": key.model, "sent": c.sent, "answered": c.answered,
                "open": c.open, "uncounted": c.uncounted, "tokens_in": c.tokens.input, "tokens_out": c.tokens.output,
                "tokens_cached": c.tokens.cached, "cost_micros": c.cost_micros,
            })
        })
        .collect();
    let mut all: Map<String, Value> = [
        ("leaves", report.leaves),
        ("intents", report.intents),
        ("outcomes", report.outcomes),
        ("starts", report.starts),
    ]
    .into_iter()
    .map(|(name, n)| (name.to_owned(), n.into()))
    .collect();
    all.insert("totals".into(), totals.into());
    all.insert("counts".into(), counts.into());
    all.insert("noticed".into(), report.noticed.iter().map(noticed).collect());
    all
}

fn noticed(n: &Noticed) -> Value {
    let amount = match n.kind {
        Kind::ClockBack | Kind::Down | Kind::ClockJump => "milliseconds",
        Kind::TornTail => "bytes",
        _ => "of",
    };
    let mut told = Map::new();
    told.insert("kind".into(), n.kind.name().into());
    told.insert("wrong".into(), n.kind.is_wrong().into());
    told.insert("index".into(), n.index.into());
    if n.at > 0 {
        told.insert("at".into(), time::rfc3339(n.at).into());
    }
    if let Some(request) = n.request {
        told.insert("request".into(), request.to_string().into());
    }
    if let Some(value) = n.amount {
        told.insert(amount.into(), value.into());
    }
    told.into()
}

fn beside(row: &Compared, permille: u32) -> Value {
    let [requests, tokens_in, tokens_out] =
        row.differences().map(|d| i64::try_from(d).unwrap_or(if d < 0 { i64::MIN } else { i64::MAX }));
    json!({
        "day": row.day, "model": row.model, "agrees": row.agree(permille),
        "ours": {"requests": row.our_requests, "tokens_in": row.ours.input, "tokens_out": row.ours.output},
        "theirs": {"requests": row.their_requests, "tokens_in": row.theirs.input, "tokens_out": row.theirs.output},
        "difference": {"requests": row.their_requests.map(|_| requests), "tokens_in": tokens_in, "tokens_out": tokens_out},
    })
}
