//! Times as logs write them, to milliseconds since 1970. A time without a zone is taken as UTC.

use super::event::When;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The time; none where it is not told or cannot be read. `year` is for times that name none.
pub(super) fn millis(when: When<'_>, year: i16) -> Option<i64> {
    match when {
        When::Unknown => None,
        #[allow(clippy::cast_possible_truncation, reason = "checked to be within what a timestamp holds")]
        When::Seconds(s) => (s.is_finite() && (0.0..2e11).contains(&s)).then_some((s * 1000.0) as i64),
        When::Text(text) => text_millis(text.trim(), year),
    }
}

fn text_millis(text: &str, year: i16) -> Option<i64> {
    if let Ok(n) = text.parse::<f64>() {
        // Milliseconds where seconds would be past the year 5000.
        return millis(When::Seconds(if n > 1e11 { n / 1000.0 } else { n }), year);
    }
    if let Ok(t) = text.parse::<Timestamp>() {
        return Some(t.as_millisecond());
    }
    if let Ok(t) = Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", text) {
        return Some(t.as_millisecond());
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| DateTime::strptime("%Y/%m/%d %H:%M:%S", text).ok())
        .or_else(|| DateTime::strptime("%d-%b-%Y %H:%M:%S%.f", text).ok())
        .or_else(|| DateTime::strptime("%Y %b %e %H:%M:%S", format!("{year} {text}")).ok())?;
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_millisecond())
}
