//! Safetensors: eight bytes of length, then a JSON object of tensors. <https://huggingface.co/docs/safetensors>

use super::{Attribute, Cursor, Said};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The format's own bound on its header.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Entry {
    dtype: Option<String>,
    #[serde(default)]
    shape: Vec<u64>,
    // Of `__metadata__`, which has strings alone.
    format: Option<String>,
    license: Option<String>,
    #[serde(rename = "modelspec.architecture")]
    architecture: Option<String>,
}

pub(super) fn read(head: &[u8], size: u64) -> Option<Said> {
    let mut c = Cursor { rest: head };
    let length = c.u64()?;
    if !(2..=MAX_HEADER).contains(&length) || length > size || c.rest.first() != Some(&b'{') {
        return None;
    }
    // A header larger than what was read: the file is one, and no more is known.
    let Some(header) = c.take(length) else { return Some(Said::new()) };
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(header).ok()?;
    let mut said = Said::new();
    let mut parameters = 0_u64;
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    for (name, entry) in entries {
        if name == "__metadata__" {
            said.extend(entry.license.map(|l| (Attribute::License, l)));
            said.extend(entry.architecture.map(|a| (Attribute::Architecture, a)));
            said.extend(entry.format.map(|f| (Attribute::Sort, f)));
            continue;
        }
        let count = entry.shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d)).unwrap_or(0);
        parameters = parameters.saturating_add(count);
        let of_type = types.entry(entry.dtype.unwrap_or_default()).or_default();
        *of_type = of_type.saturating_add(count);
    }
    said.push((Attribute::Parameters, parameters.to_string()));
    let most = types.into_iter().max_by_key(|(_, n)| *n);
    said.extend(most.map(|(dtype, _)| (Attribute::Quantization, dtype)));
    Some(said)
}
