//! `cordon bom`: a scan as a bill of materials, and bills as sources.

use super::packages;
use crate::error::AppError;
use crate::scan::Scanned;
use crate::system::SystemEntropy;
use cordon_supply::bom::{self, Bom, Part};
use cordon_types::{Entropy as _, time};
use std::path::Path;

/// Largest document that is read.
const MAX_DOCUMENT: u64 = 256 << 20;

/// The bill of a scan. `serial` names it; a new random one without.
#[must_use]
pub fn bill(scanned: &Scanned, subject: &str, serial: Option<String>, now: u64) -> Bom {
    let at: String = time::rfc3339(now).chars().take(19).chain(['Z']).collect();
    let serial = serial.unwrap_or_else(random);
    let head = (subject.to_owned(), serial, at, env!("CARGO_PKG_VERSION").to_owned());
    Bom::new(head, &scanned.inventory, packages::of_scan(scanned))
}

/// A UUID of version 4 (RFC 9562).
fn random() -> String {
    let mut bytes = [0_u8; 16];
    SystemEntropy.fill(&mut bytes);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let hex = super::hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Reads a bill.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read(path: &Path) -> Result<Vec<Part>, AppError> {
    let fail = |e| AppError::file(path, "reading it", e);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_DOCUMENT {
        return Err(AppError::Supply(format!(
            "{}: {size} bytes are too many for a bill of materials",
            path.display()
        )));
    }
    bom::read(&std::fs::read(path).map_err(fail)?)
        .map_err(|e| AppError::Supply(format!("{}: {e}", path.display())))
}
