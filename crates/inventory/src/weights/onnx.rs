//! ONNX: the first fields of the `ModelProto` message (onnx.proto). The graph is passed over.

use super::{Attribute, Cursor, Said};

/// Most fields that are walked.
const MAX_FIELDS: usize = 100;
/// The newest version of the format is far below.
const MAX_IR_VERSION: u64 = 100;

pub(super) fn read(head: &[u8]) -> Option<Said> {
    let mut c = Cursor { rest: head };
    let mut said = Said::new();
    let mut version = None;
    for _ in 0..MAX_FIELDS {
        if field(&mut c, &mut said, &mut version).is_none() {
            break;
        }
    }
    // Any file of the name might begin so; a version and a producer or a graph make it one.
    (version.is_some_and(|v| (1..=MAX_IR_VERSION).contains(&v)) && !said.is_empty()).then_some(said)
}

fn field(c: &mut Cursor<'_>, said: &mut Said, version: &mut Option<u64>) -> Option<()> {
    let tag = varint(c)?;
    match (tag >> 3, tag & 7) {
        (1, 0) => *version = Some(varint(c)?),
        (_, 0) => {
            varint(c)?;
        }
        (7, 2) => {
            said.push((Attribute::Sort, "graph".to_owned()));
            let length = varint(c)?;
            c.take(length)?;
        }
        (number, 2) => {
            let length = varint(c)?;
            let value = c.take(length)?;
            let attribute = match number {
                2 => Some(Attribute::Command),
                3 => Some(Attribute::Version),
                4 => Some(Attribute::Vendor),
                _ => None,
            };
            if let (Some(attribute), Ok(text)) = (attribute, std::str::from_utf8(value)) {
                said.push((attribute, text.to_owned()));
            }
        }
        (_, 1) => {
            c.take(8)?;
        }
        (_, 5) => {
            c.take(4)?;
        }
        _ => return None,
    }
    Some(())
}

fn varint(c: &mut Cursor<'_>) -> Option<u64> {
    let mut out = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *c.take(1)?.first()?;
        out |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(out);
        }
    }
    None
}
