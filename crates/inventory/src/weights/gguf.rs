//! GGUF, versions 2 and 3: the metadata's keys and values, from the front. Specification: ggml's `docs/gguf.md`.

use super::{Attribute, Cursor, Said};

/// Most keys that are walked; models have a few dozen.
const MAX_KEYS: u64 = 10_000;
/// Deepest nesting of arrays in arrays.
const MAX_DEPTH: u8 = 4;

pub(super) fn read(head: &[u8]) -> Option<Said> {
    let mut c = Cursor { rest: head.get(4..)? };
    if !matches!(c.u32()?, 2 | 3) {
        return None;
    }
    let _tensors = c.u64()?;
    let keys = c.u64()?;
    let mut said = Said::new();
    for _ in 0..keys.min(MAX_KEYS) {
        // What is beyond the bytes that were read stays unknown; the first keys are the ones that matter.
        if pair(&mut c, &mut said).is_none() {
            break;
        }
    }
    Some(said)
}

fn pair(c: &mut Cursor<'_>, said: &mut Said) -> Option<()> {
    let length = c.u64()?;
    let key = std::str::from_utf8(c.take(length)?).ok()?;
    let kind = c.u32()?;
    let value = value(c, kind, 0)?;
    let attribute = match key {
        "general.architecture" => Attribute::Architecture,
        "general.license" => Attribute::License,
        "general.size_label" => Attribute::Parameters,
        "general.version" => Attribute::Version,
        "general.name" => Attribute::Sort,
        "general.file_type" => {
            let n: usize = value.parse().ok()?;
            let name = QUANTIZATIONS.iter().find(|(k, _)| *k == n).map_or("other", |(_, name)| *name);
            said.push((Attribute::Quantization, name.to_owned()));
            return Some(());
        }
        _ => return Some(()),
    };
    said.push((attribute, value));
    Some(())
}

/// A scalar or string as text; an array is passed over.
fn value(c: &mut Cursor<'_>, kind: u32, depth: u8) -> Option<String> {
    Some(match kind {
        4 => c.u32()?.to_string(),
        10 => c.u64()?.to_string(),
        8 => {
            let length = c.u64()?;
            String::from_utf8_lossy(c.take(length)?).into_owned()
        }
        9 => {
            array(c, depth)?;
            String::new()
        }
        other => {
            c.take(size(other)?)?;
            String::new()
        }
    })
}

fn array(c: &mut Cursor<'_>, depth: u8) -> Option<()> {
    let kind = c.u32()?;
    let count = c.u64()?;
    match kind {
        // Each string takes eight bytes at least, so that the bytes there are bound the loop.
        8 => {
            for _ in 0..count {
                let length = c.u64()?;
                c.take(length)?;
            }
        }
        9 if depth < MAX_DEPTH => {
            for _ in 0..count {
                array(c, depth + 1)?;
            }
        }
        _ => {
            c.take(size(kind)?.checked_mul(count)?)?;
        }
    }
    Some(())
}

fn size(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

/// `general.file_type`.
const QUANTIZATIONS: &[(usize, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (32, "BF16"),
];
