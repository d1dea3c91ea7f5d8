//! Notes about services that are not approved, in a running gateway: links to acknowledge one, and the records.
//!
//! What always holds: a link and a record name a service of the catalogue that ships and a person by pseudonym.

use crate::data::verifier_key;
use crate::error::AppError;
use crate::runtime::append;
use crate::scan::{own_file, within};
use cordon_api::{Refused, ShadowOrder};
use cordon_identity::acknowledge::{Link, is_service};
use cordon_inventory::asset::legible;
use cordon_inventory::note::is_known;
use cordon_inventory::{Declared, Note, Offer, declared, offers};
use cordon_ledger::{Catalogue, Control, ControlKind, Filter, Name, Record, show};
use cordon_proxy::{Shared, acknowledge};
use cordon_store::volume::FileVolume;
use cordon_types::{Digest, Millis, RequestId};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::path::Path;

const HOUR_MS: Millis = 3_600_000;

/// Does what an operator asks. Not for a thread that serves.
pub(crate) fn order(shared: &Shared, order: &ShadowOrder) -> Result<Value, Refused> {
    if !is_service(&order.service) || !is_known(&order.service) {
        let message = "the catalogue has no service of that key; `cordon scan` shows keys".to_owned();
        return Err(Refused { status: 404, code: "no_service", message });
    }
    let now = shared.clock.now();
    let person = (shared.user_digest)(order.person.as_str());
    if let Some(hours) = order.hours {
        let mut random = [0; 16];
        shared.entropy.fill(&mut random);
        let link = Link {
            service: order.service.clone(),
            person,
            text: order.text,
            until: now.saturating_add(hours.saturating_mul(HOUR_MS)),
            number: RequestId(u128::from_be_bytes(random)),
        };
        let token = acknowledge::key(shared).sign(&link);
        return Ok(json!({"token": token, "path": acknowledge::PATH, "expires_at": link.until}));
    }
    let digester = shared.recorder.digester();
    let by = digester.linkable("user", &person.0);
    let record = Control {
        // A key of the catalogue that ships: no stranger's word.
        target: Some(Catalogue::from_operator([&order.service]).name(&order.service, "service", &digester)),
        by: Some(by),
        snapshot: Some(order.text),
        epoch: digester.epoch(),
        ..Control::new(ControlKind::ShadowAcknowledged, now)
    };
    append(shared, &record).map_err(|error| {
        tracing::error!(%error, "an acknowledgement could not be recorded");
        let message = "the record could not be written".to_owned();
        Refused { status: 503, code: "record_unavailable", message }
    })?;
    Ok(json!({"at": now, "by": by.to_string(), "service": order.service}))
}

/// Every acknowledgement that the ledger of a data directory holds, up to the last checkpoint; of one link, the first.
///
/// # Errors
/// When the ledger cannot be read.
pub fn acknowledgements(root: &Path) -> Result<Vec<Value>, AppError> {
    let ledger = root.join("ledger");
    if !ledger.join("checkpoint").exists() {
        return Ok(Vec::new());
    }
    let key = verifier_key(&root.join("keys/ledger.pub"))?;
    let volume = FileVolume::open_read_only(&ledger)?;
    let mut all = Vec::new();
    let mut links = std::collections::HashSet::new();
    for shown in show(&volume, &key, &Filter::default())? {
        let shown = shown?;
        let Some(Record::Control(c)) = &shown.record else { continue };
        // A link that was used again after a restart of the gateway is the same acknowledgement.
        if c.kind != ControlKind::ShadowAcknowledged || c.request.is_some_and(|r| !links.insert(r.0)) {
            continue;
        }
        let service = match &c.target {
            Some(Name::Known(name)) => name.as_str().to_owned(),
            Some(Name::Hidden(digest)) => format!("#{digest}"),
            None => String::new(),
        };
        all.push(json!({
            "record": shown.index, "at": c.at, "service": service, "by": c.by.map(|b| b.to_string()),
            "text": c.snapshot.map(|s| s.to_string()), "link": c.request.is_some(),
        }));
    }
    Ok(all)
}

/// The note about a service, by what the operator's `inventory.toml` says.
///
/// # Errors
/// When the file cannot be read or has problems; when the catalogue has no such service, or it is approved.
pub fn note(service: &str, inventory: Option<&Path>) -> Result<Note, AppError> {
    let (declared, offers) = words(inventory)?;
    Note::about(service, &declared, &offers).ok_or_else(|| {
        let why = "is approved, or no service of the catalogue; `cordon scan` shows keys";
        AppError::Scan(format!("`{}` {why}", legible(service)))
    })
}

/// The notes about every service that a scan (`cordon scan --out`) shows as not approved.
///
/// # Errors
/// When a file cannot be read or has problems.
pub fn notes(scan: &Path, inventory: Option<&Path>) -> Result<Vec<Note>, AppError> {
    let (declared, offers) = words(inventory)?;
    let text = own_file(scan)?;
    let mut keys = std::collections::BTreeSet::new();
    for (n, line) in text.lines().enumerate() {
        let value: Value = serde_json::from_str(line)
            .map_err(|e| AppError::Scan(format!("{}: line {}: {e}", scan.display(), n + 1)))?;
        let is = |field: &str, word: &str| value.get(field).and_then(Value::as_str) == Some(word);
        if is("t", "asset") && is("kind", "service") && is("mark", "shadow") {
            keys.extend(value.get("key").and_then(Value::as_str).map(str::to_owned));
        }
    }
    // SECURITY: a key becomes a file's name; only one that a token can name does.
    let fits = |n: &Note| is_service(&n.key);
    Ok(keys.iter().filter_map(|key| Note::about(key, &declared, &offers)).filter(fits).collect())
}

fn words(inventory: Option<&Path>) -> Result<(Vec<Declared>, Vec<Offer>), AppError> {
    let Some(path) = inventory else { return Ok((Vec::new(), Vec::new())) };
    let text = own_file(path)?;
    let all = declared(&text).map_err(|problems| within(problems, path))?;
    Ok((all, offers(&text).map_err(|problems| within(problems, path))?))
}

/// The SHA-256 of a note's text: what an acknowledgement names.
#[must_use]
pub fn digest(note: &Note) -> Digest {
    Digest(sha2::Sha256::digest(note.text()).into())
}
