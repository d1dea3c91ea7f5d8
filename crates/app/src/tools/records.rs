//! `cordon audit show`: records by time, agent, user, tool, model, decision, finding and more.
//!
//! What always holds: memory is bounded by one bundle, or by `last`. A name that stands in no operator's file is in
//! records as a digest; where the epoch's key is at hand it is computed here, on this machine, and the name goes
//! nowhere.

use crate::data::{users_key, verifier_key};
use crate::error::AppError;
use crate::runtime::user_digest;
use cordon_ledger::{
    Decision, Digester, Epochs, Filter, Linkable, Reason, Record, RecordType, Shown, Sought, show, show_last,
};
use cordon_store::volume::FileVolume;
use cordon_types::{FindingKind, Problem, Problems, RequestId, time};
use std::path::Path;
use zeroize::Zeroizing;

/// Which records are wanted, as the operator writes it.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Not before: RFC 3339, a day, or milliseconds since 1970.
    pub from: Option<String>,
    /// Before.
    pub to: Option<String>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this user, by name: needs the epoch's key.
    pub user: Option<String>,
    /// Of this user, by pseudonym: 32 hexadecimal digits.
    pub user_digest: Option<String>,
    /// With a call of this tool, by name or `h:` and its digest.
    pub tool: Option<String>,
    /// Asking for this model, by name or `h:` and its digest.
    pub model: Option<String>,
    /// With this decision.
    pub decision: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// With a finding of this kind.
    pub finding: Option<String>,
    /// `intent`, `outcome`, `control`, or a control's kind.
    pub record: Option<String>,
    /// Of this exchange.
    pub request: Option<String>,
    /// Only the last so many.
    pub last: Option<usize>,
}

/// A record as a line of a table.
#[derive(Debug)]
pub struct Line {
    /// Its index.
    pub index: u64,
    /// When, in RFC 3339.
    pub at: String,
    /// `intent`, `outcome`, or a control's kind.
    pub what: &'static str,
    /// Who.
    pub agent: String,
    /// What was decided, or how it ended.
    pub decision: String,
    /// Why.
    pub reason: &'static str,
    /// The model, tools or target that it is about.
    pub about: String,
    /// What was found.
    pub findings: String,
}

/// Hands each wanted record, as it stands in its leaf and as a line, to `out`. `root` is the data directory, whose keys
/// make digests of names.
pub fn records(
    (ledger, key): (&Path, &Path),
    root: &Path,
    wanted: &Wanted,
    mut out: impl FnMut(u64, &str, &dyn Fn() -> Line),
) -> Result<(), AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let filter = filter(root, wanted)?;
    let mut hand = |shown: &Shown| {
        out(shown.index, &String::from_utf8_lossy(&shown.leaf), &|| line(shown.index, shown.record.as_ref()));
    };
    match wanted.last {
        Some(most) => show_last(&volume, &key, &filter, most)?.iter().for_each(hand),
        None => {
            for shown in show(&volume, &key, &filter)? {
                hand(&shown?);
            }
        }
    }
    Ok(())
}

fn problem(path: &str, message: String, hint: impl Into<String>) -> AppError {
    AppError::Problems(Problems(vec![Problem::new(path, message, hint)]))
}

fn filter(root: &Path, wanted: &Wanted) -> Result<Filter, AppError> {
    let keys = Keys::at_hand(root);
    let digesters = &keys.digesters;
    let named = |path: &str, name: &Option<String>, domain| {
        name.as_deref().map(|name| sought(path, name, domain, digesters)).transpose()
    };
    Ok(Filter {
        from: at("from", wanted.from.as_deref())?,
        to: at("to", wanted.to.as_deref())?,
        agent: wanted.agent.clone(),
        decision: word("decision", wanted.decision.as_deref(), Decision::from_name, || {
            list(Decision::ALL.iter().map(|d| d.name()))
        })?,
        users: users(wanted, &keys)?,
        tool: named("tool", &wanted.tool, "tool")?,
        model: named("model", &wanted.model, "model")?,
        reason: word("reason", wanted.reason.as_deref(), Reason::from_name, || {
            list(Reason::ALL.iter().map(|r| r.name()))
        })?,
        finding: word("finding", wanted.finding.as_deref(), FindingKind::from_name, || {
            list(FindingKind::ALL.iter().map(|k| k.name()))
        })?,
        record: word("type", wanted.record.as_deref(), RecordType::from_name, || {
            "intent, outcome, control, or a control's kind (start, stop, kill, ...)".to_owned()
        })?,
        request: word("request", wanted.request.as_deref(), request, || {
            "req_ and 32 hexadecimal digits, as answers and records show it".to_owned()
        })?,
    })
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn word<T>(
    path: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> String,
) -> Result<Option<T>, AppError> {
    let Some(text) = text else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| problem(path, format!("`{text}` is not known"), known()))
}

fn at(path: &str, text: Option<&str>) -> Result<Option<u64>, AppError> {
    word(path, text, time::parse, || {
        "write a time as 2026-11-25T13:00:00Z, a day as 2026-11-25, or milliseconds since 1970".to_owned()
    })
}

fn request(text: &str) -> Option<RequestId> {
    let digits = text.strip_prefix("req_").unwrap_or(text);
    let whole = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| u128::from_str_radix(digits, 16).ok().map(RequestId)).flatten()
}

fn linkable(digits: &str) -> Option<Linkable> {
    request(digits).map(|id| Linkable(id.0.to_be_bytes()))
}

fn users(wanted: &Wanted, keys: &Keys) -> Result<Option<Vec<Linkable>>, AppError> {
    let mut users = Vec::new();
    if let Some(digits) = &wanted.user_digest {
        let hint = "write the 32 hexadecimal digits that records show";
        let found =
            linkable(digits).ok_or_else(|| problem("user-digest", "it is no pseudonym".to_owned(), hint))?;
        users.push(found);
    }
    if let Some(name) = &wanted.user {
        let Some(key) = keys.users.as_ref().filter(|_| !keys.digesters.is_empty()) else {
            let hint = "use --data-dir where keys/users.key and keys/epochs are, or --user-digest with the pseudonym";
            return Err(problem("user", "the keys of pseudonyms are not at hand".to_owned(), hint));
        };
        let digest = user_digest(**key)(name);
        // In an epoch 1 from before there were epochs, a pseudonym was made of the name itself.
        let both = |d: &Digester| [d.linkable("user", &digest.0), d.linkable("user", name.as_bytes())];
        users.extend(keys.digesters.iter().flat_map(both));
    }
    Ok((!users.is_empty()).then_some(users))
}

fn sought(path: &str, name: &str, domain: &'static str, digesters: &[Digester]) -> Result<Sought, AppError> {
    if let Some(digits) = name.strip_prefix("h:") {
        let hint = "write h: and the 32 hexadecimal digits that records show";
        let digest = linkable(digits).ok_or_else(|| problem(path, "it is no digest".to_owned(), hint))?;
        return Ok(Sought { text: None, digests: vec![digest] });
    }
    // A kill's scope that names what no file knows is a digest of its own.
    let scope = format!("{domain}:{name}");
    let both = |d: &Digester| [d.linkable(domain, name.as_bytes()), d.linkable("kill", scope.as_bytes())];
    let digests = digesters.iter().flat_map(both).collect();
    Ok(Sought { text: Some(name.to_owned()), digests })
}

/// The keys at hand in a data directory.
struct Keys {
    /// One of each epoch whose key is there.
    digesters: Vec<Digester>,
    /// Makes of a user's name what an epoch's key makes a pseudonym of.
    users: Option<Zeroizing<[u8; 32]>>,
}

impl Keys {
    /// Nothing where the directory is not the operator's own, or no gateway has run there.
    fn at_hand(root: &Path) -> Self {
        let none = Self { digesters: Vec::new(), users: None };
        let Ok(vault) = FileVolume::open_read_only(root) else { return none };
        let Ok(epochs) = Epochs::read(&vault) else { return none };
        let keys = epochs.all().iter().filter_map(|e| epochs.key(&vault, e.number).ok());
        let digesters = keys.map(|key| Digester::new(*key)).collect();
        Self { digesters, users: users_key(root).ok() }
    }
}

fn line(index: u64, record: Option<&Record>) -> Line {
    let mut line = Line {
        index,
        at: record.map(|r| time::rfc3339(r.at())).unwrap_or_default(),
        what: "unknown",
        agent: record.and_then(Record::agent).map(ToString::to_string).unwrap_or_default(),
        decision: record.and_then(Record::decision).map_or("", Decision::name).to_owned(),
        reason: "",
        about: String::new(),
        findings: String::new(),
    };
    let name = cordon_export::name;
    match record {
        None => {}
        Some(Record::Intent(r)) => {
            line.what = "intent";
            line.reason = r.judged.reason.map_or("", Reason::name);
            let tool = r.call.as_ref().map(|c| &c.tool);
            line.about = r.model.as_ref().or(tool).map(name).unwrap_or_default();
            line.findings = found(&r.judged);
        }
        Some(Record::Outcome(r)) => {
            line.what = "outcome";
            line.reason = r.judged.reason.map_or("", Reason::name);
            line.decision = format!("{} ({})", r.judged.decision.name(), r.finish.name());
            line.about = r.calls.iter().map(|c| name(&c.tool)).collect::<Vec<_>>().join(" ");
            line.findings = found(&r.judged);
        }
        Some(Record::Control(r)) => {
            line.what = r.kind.name();
            line.reason = r.reason.map_or("", Reason::name);
            line.about = r.target.as_ref().map(name).unwrap_or_default();
        }
    }
    line
}

fn found(judged: &cordon_ledger::Judged) -> String {
    let each = judged.findings.iter().map(|f| format!("{}@{}:{}", f.kind.name(), f.span.name(), f.count));
    each.collect::<Vec<_>>().join(" ")
}
