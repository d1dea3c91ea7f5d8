//! `[approvals]`: calls that wait for a person, and who is told.

use crate::{
    base_url::BaseUrl,
    model::{Approvals, Webhook},
    read::Section,
    upstreams,
};
use std::time::Duration;

/// Shortest and longest time of a setting here: below, no person is fast enough; above, nobody remembers.
const RANGE: std::ops::RangeInclusive<u64> = 1..=7 * 86_400;

pub(crate) fn read(s: &Section<'_>) -> Approvals {
    let hint = "write a time such as \"90s\", \"10m\" or \"2h\", from 1s to 7d";
    let time = |key| s.parsed(key, hint, duration);
    let count = |key, most| s.integer(key, 1, most).and_then(|n| usize::try_from(n).ok());
    let ten_minutes = Duration::from_secs(600);
    Approvals {
        timeout: time("timeout").unwrap_or(ten_minutes),
        use_within: time("use_within").unwrap_or(ten_minutes),
        max_wider: time("max_wider").unwrap_or(Duration::from_secs(86_400)),
        max_pending: count("max_pending", 10_000).unwrap_or(100),
        max_pending_per_agent: count("max_pending_per_agent", 10_000).unwrap_or(20),
        webhook: webhook(s),
    }
}

fn webhook(s: &Section<'_>) -> Option<Webhook> {
    let plaintext = s.bool("plaintext").unwrap_or(false);
    let ca_file = s.string("ca_file").map(str::to_owned);
    let credential = upstreams::credential(s);
    let hint = "write a URL such as https://hooks.example.com/cordon";
    if !s.has("webhook") {
        for key in ["plaintext", "ca_file", "credential"] {
            if s.has(key) {
                s.problem(key, "is only used with `webhook`", "leave it out, or write `webhook`");
            }
        }
        return None;
    }
    let url = s.parsed("webhook", hint, BaseUrl::parse)?;
    // SECURITY: who calls which tool, and the credential, are nobody else's business.
    if !url.https() && !plaintext && !url.is_loopback() {
        let hint = "use https://, or write plaintext = true if that network is yours";
        s.problem("webhook", "would be told in the clear", hint);
    }
    Some(Webhook { url, credential, ca_file })
}

/// `90s`, `10m`, `2h`, `1d`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "is no time";
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(WRONG),
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG);
    }
    let seconds = number.parse::<u64>().map_err(|_| WRONG)?.saturating_mul(unit);
    if RANGE.contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err("is out of range") }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times() {
        for (text, seconds) in [
            ("1s", Some(1)),
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("2h", Some(7_200)),
            ("7d", Some(604_800)),
            ("0s", None),
            ("8d", None),
            ("10", None),
            ("m", None),
            ("-1m", None),
            ("+1m", None),
            ("1.5h", None),
            ("1 m", None),
            ("999999999999d", None),
            ("", None),
            ("1é", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_secs()), seconds, "{text}");
        }
    }
}
