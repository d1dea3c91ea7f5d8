//! Times as people and other formats write them. A time of ours is milliseconds since 1970, UTC.

use cordon_types::Millis;
use jiff::Timestamp;

/// `2026-11-25T13:00:00.123Z` (RFC 3339). Empty beyond the year 9999.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let timestamp = i64::try_from(at).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.map(|t| format!("{t:.3}")).unwrap_or_default()
}

/// `2026-11-25`, in UTC.
#[must_use]
pub fn day(at: Millis) -> String {
    rfc3339(at).get(..10).unwrap_or_default().to_owned()
}

/// Reads RFC 3339 (`2026-11-25T13:00:00Z`, any offset), a day (`2026-11-25`: its first moment in UTC), or
/// milliseconds since 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let timestamp: Option<Timestamp> = whole.parse().ok();
    timestamp.and_then(|t| Millis::try_from(t.as_millisecond()).ok())
}
