//! Times as text: milliseconds since 1970 to RFC 3339 in UTC, and back.
//!
//! What it does not do: know what time it is, or any time zone.

use cordon_types::Millis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `2026-11-25T14:03:09.25Z`. A time that no calendar of four digits has is shown as its number.
#[must_use]
pub fn text(at: Millis) -> String {
    let stamp = i64::try_from(at).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stamp.map_or_else(|| format!("{at} ms since 1970"), |s| s.to_string())
}

/// Reads `2026-11-25` (its first moment, UTC), an RFC 3339 time, or milliseconds since 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Millis> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let at = text.parse().ok()?;
        return i64::try_from(at).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).map(|_| at);
    }
    let stamp = match text.parse::<Timestamp>() {
        Ok(stamp) => stamp,
        Err(_) if text.len() == 10 => {
            TimeZone::UTC.to_timestamp(text.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok()?
        }
        Err(_) => return None,
    };
    u64::try_from(stamp.as_millisecond()).ok()
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
            ("2026-11-25T14:03:09Z", Some(1_795_615_389_000)),
            ("2026-11-25T15:03:09.25+01:00", Some(1_795_615_389_250)),
            ("1795615389250", Some(1_795_615_389_250)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-1-1", None),
            ("1969-12-31", None),
            ("2026-11-25T25:00:00Z", None),
            ("2026-11-25T14:03:09", None),
            ("99999999999999999999", None),
            ("+1", None),
            ("", None),
            ("now", None),
        ] {
            assert_eq!(parse(given), at, "{given}");
        }
        assert_eq!(text(1_795_615_389_250), "2026-11-25T14:03:09.25Z");
        assert_eq!(text(u64::MAX), "18446744073709551615 ms since 1970");
    }

    proptest! {
        #[test]
        fn there_and_back(at in 0..=253_402_000_000_000_u64) {
            prop_assert_eq!(parse(&text(at)), Some(at));
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
