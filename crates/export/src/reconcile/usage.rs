//! A provider's own account of usage, read from its export.
//!
//! Known: OpenAI's `GET /v1/organization/usage/completions` (buckets of a day or less, grouped by model), Anthropic's
//! `GET /v1/organizations/usage_report/messages` (the same), and CSV with named columns. Several pages may be read one
//! after the other.
//!
//! What always holds: any bytes are taken or refused with a reason; counts never overflow; names have no control
//! characters, so that they can be printed.

use super::count::Tokens;
use cordon_types::time;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Longest name of a model in a provider's export.
const MOST_NAME: usize = 256;
/// Most rows (days times models) that are kept.
const MOST_ROWS: usize = 200_000;
/// Milliseconds in a day.
const DAY: u64 = 86_400_000;

/// Why an export cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Neither JSON that is known nor CSV.
    #[error(
        "it is no usage export that is known; give OpenAI's /v1/organization/usage/completions or Anthropic's \
         /v1/organizations/usage_report/messages as JSON, or a CSV file whose columns are named with --usage-columns"
    )]
    Unknown,
    /// Something in it is not as documented.
    #[error("{at}: {problem}")]
    Shape {
        /// Where.
        at: String,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// A column is not there.
    #[error(
        "there is no column `{0}`; name the columns with --usage-columns day=..,model=..,input=..,output=.."
    )]
    NoColumn(String),
    /// The map of columns cannot be read.
    #[error("`{0}` names no column: write day=..,model=..,requests=..,input=A+B,output=..,cached=..")]
    Columns(String),
    /// More rows than anybody has days and models.
    #[error("it has more than {MOST_ROWS} days and models; give a shorter period")]
    TooMany,
}

/// Theirs, of a model and day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Requests, where they are counted.
    pub requests: Option<u64>,
    /// Tokens.
    pub tokens: Tokens,
}

/// What a provider's export says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By day and model.
    pub rows: BTreeMap<(String, String), Used>,
    /// Days that it speaks of, also where nothing was used.
    pub days: BTreeSet<String>,
    /// Pages read of which another was to follow, less pages that were the last.
    pages_open: i64,
}

/// Models that a provider calls differently: theirs to ours.
#[derive(Clone, Debug, Default)]
pub struct Aliases(pub BTreeMap<String, String>);

impl Aliases {
    fn ours(&self, theirs: &str) -> String {
        let clean: String =
            theirs.chars().map(|c| if c.is_control() { '?' } else { c }).take(MOST_NAME).collect();
        self.0.get(&clean).cloned().unwrap_or(clean)
    }
}

impl Usage {
    /// Whether it speaks of this day.
    #[must_use]
    pub fn covers(&self, day: &str) -> bool {
        self.days.contains(day)
    }

    /// Whether the last page that was read says that another follows.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.pages_open > 0
    }

    fn add(&mut self, day: &str, model: String, used: Used) -> Result<(), UsageError> {
        if self.rows.len() >= MOST_ROWS {
            return Err(UsageError::TooMany);
        }
        let row = self.rows.entry((day.to_owned(), model)).or_default();
        if let Some(requests) = used.requests {
            row.requests = Some(row.requests.unwrap_or(0).saturating_add(requests));
        }
        row.tokens.input = row.tokens.input.saturating_add(used.tokens.input);
        row.tokens.output = row.tokens.output.saturating_add(used.tokens.output);
        row.tokens.cached = row.tokens.cached.saturating_add(used.tokens.cached);
        Ok(())
    }
}

fn shape<T>(at: impl Into<String>, problem: &'static str) -> Result<T, UsageError> {
    Err(UsageError::Shape { at: at.into(), problem })
}

/// Reads one page of JSON into `usage`.
pub fn read_usage(bytes: &[u8], aliases: &Aliases, usage: &mut Usage) -> Result<(), UsageError> {
    let page: Value = serde_json::from_slice(bytes).map_err(|_| UsageError::Unknown)?;
    let buckets = page.get("data").and_then(Value::as_array).ok_or(UsageError::Unknown)?;
    for (n, bucket) in buckets.iter().enumerate() {
        let at = format!("data[{n}]");
        let day = bucket_day(bucket, &at)?;
        usage.days.insert(day.clone());
        let results = bucket.get("results").or_else(|| bucket.get("result")).and_then(Value::as_array);
        let Some(results) = results else { return shape(at, "a bucket has a list `results`") };
        for (m, result) in results.iter().enumerate() {
            let at = format!("{at}.results[{m}]");
            let Some(model) = result.get("model").and_then(Value::as_str) else {
                return shape(at, "it names no model: ask the provider with group_by=model");
            };
            usage.add(&day, aliases.ours(model), used(result, &at)?)?;
        }
    }
    match page.get("has_more").and_then(Value::as_bool) {
        Some(true) => usage.pages_open = 1,
        _ => usage.pages_open = 0,
    }
    Ok(())
}

/// The day of a bucket: OpenAI gives seconds, Anthropic RFC 3339.
fn bucket_day(bucket: &Value, at: &str) -> Result<String, UsageError> {
    let bound = |openai: &str, anthropic: &str| match (bucket.get(openai), bucket.get(anthropic)) {
        (Some(seconds), _) => seconds.as_u64().and_then(|s| s.checked_mul(1_000)),
        (None, Some(text)) => text.as_str().filter(|t| t.contains('T')).and_then(time::parse),
        (None, None) => None,
    };
    let Some(start) = bound("start_time", "starting_at") else {
        return shape(at, "a bucket begins at `start_time` (seconds) or `starting_at` (RFC 3339)");
    };
    let end = bound("end_time", "ending_at").unwrap_or(start);
    if end > start.saturating_add(DAY) {
        return shape(at, "the bucket is longer than a day: ask the provider with bucket_width=1d");
    }
    let day = time::day(start);
    if day.is_empty() { shape(at, "the bucket's time is beyond all calendars") } else { Ok(day) }
}

fn used(result: &Value, at: &str) -> Result<Used, UsageError> {
    let number = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(n) => Ok(Some(n)),
            None => shape(at, "a count is a whole number from 0 on"),
        },
    };
    let field = |name: &str| number(result.get(name));
    if let Some(uncached) = field("uncached_input_tokens")? {
        let cached = field("cache_read_input_tokens")?.unwrap_or(0);
        let mut input = uncached.saturating_add(cached);
        for name in ["ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens"] {
            let written = number(result.get("cache_creation").and_then(|c| c.get(name)))?;
            input = input.saturating_add(written.unwrap_or(0));
        }
        let output = field("output_tokens")?.unwrap_or(0);
        return Ok(Used { requests: None, tokens: Tokens { input, output, cached } });
    }
    let Some(input) = field("input_tokens")? else {
        return shape(at, "it has neither `input_tokens` nor `uncached_input_tokens`");
    };
    Ok(Used {
        requests: field("num_model_requests")?,
        tokens: Tokens {
            input,
            output: field("output_tokens")?.unwrap_or(0),
            cached: field("input_cached_tokens")?.unwrap_or(0),
        },
    })
}

/// Which columns of a CSV file hold what. A count may be the sum of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvColumns {
    day: String,
    model: String,
    requests: Vec<String>,
    input: Vec<String>,
    output: Vec<String>,
    cached: Vec<String>,
}

impl Default for CsvColumns {
    /// As OpenAI's JSON names them.
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            day: "date".to_owned(),
            model: "model".to_owned(),
            requests: one("num_model_requests"),
            input: one("input_tokens"),
            output: one("output_tokens"),
            cached: Vec::new(),
        }
    }
}

impl CsvColumns {
    /// Reads `day=DATE,model=MODEL,requests=N,input=A+B,output=C,cached=D`; what is not named keeps its default, and an
    /// empty name means that there is no such column.
    pub fn parse(text: &str) -> Result<Self, UsageError> {
        let mut columns = Self::default();
        for part in text.split(',').filter(|p| !p.trim().is_empty()) {
            let bad = || UsageError::Columns(part.trim().to_owned());
            let (what, names) = part.split_once('=').ok_or_else(bad)?;
            let one = names.trim().to_owned();
            let several: Vec<String> =
                names.split('+').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
            match what.trim() {
                "day" => columns.day = one,
                "model" => columns.model = one,
                "requests" => columns.requests = several,
                "input" => columns.input = several,
                "output" => columns.output = several,
                "cached" => columns.cached = several,
                _ => return Err(bad()),
            }
        }
        Ok(columns)
    }
}

/// Reads a CSV file with a line of column names into `usage`.
pub fn read_csv(
    bytes: &[u8],
    columns: &CsvColumns,
    aliases: &Aliases,
    usage: &mut Usage,
) -> Result<(), UsageError> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let head = reader.headers().map_err(|_| UsageError::Unknown)?.clone();
    let place = |name: &String| {
        let found = head.iter().position(|h| h.trim().trim_start_matches('\u{feff}') == name);
        found.ok_or_else(|| UsageError::NoColumn(name.clone()))
    };
    let places = |names: &[String]| names.iter().map(place).collect::<Result<Vec<_>, _>>();
    let (day_at, model_at) = (place(&columns.day)?, place(&columns.model)?);
    let (input_at, output_at) = (places(&columns.input)?, places(&columns.output)?);
    // Requests and cached tokens are not in every export.
    let requests_at = places(&columns.requests).unwrap_or_default();
    let cached_at = places(&columns.cached)?;
    for (n, row) in reader.records().enumerate() {
        let at = format!("line {}", n + 2);
        let Ok(row) = row else { return shape(at, "it is no line of CSV with as many fields as the first") };
        let sum = |places: &[usize]| {
            places.iter().try_fold(0_u64, |total, place| match row.get(*place).unwrap_or_default().trim() {
                "" => Ok(total),
                text => match text.parse::<u64>() {
                    Ok(n) => Ok(total.saturating_add(n)),
                    Err(_) => shape(at.clone(), "a count is a whole number from 0 on"),
                },
            })
        };
        let day = csv_day(row.get(day_at).unwrap_or_default());
        let Some(day) = day else {
            return shape(at, "the day must be 2026-11-25, RFC 3339, or seconds since 1970");
        };
        let model = aliases.ours(row.get(model_at).unwrap_or_default().trim());
        let requests = if requests_at.is_empty() { None } else { Some(sum(&requests_at)?) };
        let tokens = Tokens { input: sum(&input_at)?, output: sum(&output_at)?, cached: sum(&cached_at)? };
        usage.days.insert(day.clone());
        usage.add(&day, model, Used { requests, tokens })?;
    }
    Ok(())
}

fn csv_day(text: &str) -> Option<String> {
    let text = text.trim();
    let at = match text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1_000)?,
        Err(_) => time::parse(text)?,
    };
    Some(time::day(at)).filter(|day| !day.is_empty())
}
