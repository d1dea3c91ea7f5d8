//! Invisible characters: which runs carry text, and which are ordinary typography.
//!
//! What always holds: a verdict depends on one run and the two visible characters around it. Joiners in Indic
//! and Arabic scripts and in emoji, selectors after emoji, flags made of tag characters, byte order marks and soft
//! hyphens are ordinary.

use crate::view::HiddenRun;
use cordon_types::SpanKind;

/// From so many zero-width characters in a row on, a run carries data: typography never stacks them.
const STACKED: u32 = 8;
/// Fewer than `STACKED`, but more than any joiner or break needs.
const UNUSUAL: u32 = 4;
/// More tag characters than the longest subdivision flag has (five letters or digits and an end mark).
const FLAG_TAGS: u32 = 6;
/// The base of flags that tag characters spell.
const BLACK_FLAG: char = '\u{1f3f4}';
/// More selectors in a row than any emoji or ideograph takes, so that bytes may be encoded in them.
const SELECTORS: u32 = 3;

/// Confidence and rule, or nothing for ordinary use.
pub(super) fn judge(run: &HiddenRun, _kind: SpanKind) -> Option<(u16, &'static str)> {
    if run.tags > 0 && !(run.before == Some(BLACK_FLAG) && run.tags <= FLAG_TAGS) {
        return Some(if run.tags >= 3 { (950, "hidden.tags") } else { (600, "hidden.tags") });
    }
    if run.selectors > SELECTORS {
        return Some((900, "hidden.selectors"));
    }
    if run.zero_width >= STACKED {
        return Some((800, "hidden.zero-width"));
    }
    if run.bidi > 0 && run.bidi.saturating_add(run.zero_width) >= UNUSUAL {
        return Some((600, "hidden.bidi"));
    }
    None
}
