//! Times as people and other formats write them. A time of ours is milliseconds since 1970, UTC.
//!
//! What it does not do: know what time it is, or any time zone but UTC.

use crate::Millis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

fn stamp(at: Millis) -> Option<Timestamp> {
    i64::try_from(at).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// `2026-11-25T14:03:09.25Z` (RFC 3339). A time that no calendar of four digits has is shown as its number.
#[must_use]
pub fn text(at: Millis) -> String {
    stamp(at).map_or_else(|| format!("{at} ms since 1970"), |s| s.to_string())
}

/// `2026-11-25T14:03:09.250Z` (RFC 3339), always to the millisecond. Empty beyond the year 9999.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    stamp(at).map(|s| format!("{s:.3}")).unwrap_or_default()
}

/// `2026-11-25`, in UTC. Empty beyond the year 9999.
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
        return text.parse().ok().filter(|at| stamp(*at).is_some());
    }
    let stamp = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?,
        _ => text.parse::<Timestamp>().ok()?,
    };
    Millis::try_from(stamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (given, at) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(951_782_400_000)),
            ("2026-11-25", Some(1_795_564_800_000)),
            ("2026-11-25T14:03:09Z", Some(1_795_615_389_000)),
            ("2026-11-25T15:03:09.25+01:00", Some(1_795_615_389_250)),
            ("1795615389250", Some(1_795_615_389_250)),
            (" 5 ", Some(5)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-1-1", None),
            ("1969-12-31", None),
            ("2026-11-25T25:00:00Z", None),
            ("2026-11-25T14:03:09", None),
            ("18446744073709551615", None),
            ("99999999999999999999", None),
            ("+1", None),
            ("-5", None),
            ("", None),
            ("now", None),
        ] {
            assert_eq!(parse(given), at, "{given}");
        }
        assert_eq!(text(1_795_615_389_250), "2026-11-25T14:03:09.25Z");
        assert_eq!(text(u64::MAX), "18446744073709551615 ms since 1970");
        assert_eq!(rfc3339(1_795_611_600_250), "2026-11-25T13:00:00.250Z");
        assert_eq!(day(1_795_611_600_250), "2026-11-25");
        assert_eq!((rfc3339(u64::MAX), day(u64::MAX)), (String::new(), String::new()));
    }

    proptest! {
        #[test]
        fn there_and_back(at in 0..=253_402_000_000_000_u64) {
            prop_assert_eq!(parse(&text(at)), Some(at));
            prop_assert_eq!(parse(&rfc3339(at)), Some(at));
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
