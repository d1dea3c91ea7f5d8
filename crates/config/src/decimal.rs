//! Decimal numbers as integers: money and seconds are never held as binary fractions.

/// `text` times ten to the power of `places`, exactly. `None` when it is no plain decimal number, is negative,
/// has more decimals than `places`, or does not fit.
pub(crate) fn parse(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || (fraction.is_empty() && text.contains('.'))
    {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = places.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(10u64.checked_pow(places)?)?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    whole.checked_add(fraction.checked_mul(10u64.checked_pow(missing)?)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn decimals() {
        let check = |text, places, expected| assert_eq!(super::parse(text, places), expected, "{text}");
        check("0.15", 6, Some(150_000));
        check("15", 6, Some(15_000_000));
        check("0", 6, Some(0));
        check("2.500000000", 6, Some(2_500_000));
        check("0.000001", 6, Some(1));
        check("0.0000001", 6, None);
        check("18446744073709551615", 0, Some(u64::MAX));
        check("18446744073709551616", 0, None);
        check("18446744073709551615", 6, None);
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "inf", "NaN", "1_0", "1,5", " 1", "0x1", "1.2.3"]
        {
            check(text, 6, None);
        }
    }
}
