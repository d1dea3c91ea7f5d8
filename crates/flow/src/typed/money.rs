//! Numbers and amounts. Only what has one reading has a form.

use serde_json::Number;

/// The plain decimal: no groups, no zeros at the end. Digits that begin with a zero stay as they are: they are a name.
pub(crate) fn number(text: &str) -> Option<String> {
    if let Some(positive) = text.strip_prefix('-') {
        return number(positive).filter(|_| !positive.starts_with('-')).map(|n| format!("-{n}"));
    }
    let bytes = text.as_bytes();
    let (first, last) = (bytes.first()?, bytes.last()?);
    if !first.is_ascii_digit() || !last.is_ascii_digit() || text.len() > 40 {
        return None;
    }
    if !bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')) {
        return None;
    }
    let (commas, dots) = (text.matches(',').count(), text.matches('.').count());
    match (commas, dots) {
        // `00` before a telephone's digits is a plus: see `digits`.
        (0, 0) => (!(text.starts_with("00") && text.len() >= 9)).then(|| text.to_owned()),
        (0, 1) => point(text, '.'),
        (1, 0) => grouped(text, ',').or_else(|| point(text, ',')),
        (_, 0) => grouped(text, ','),
        (0, _) => None,
        // The last mark is the decimal's.
        _ if text.rfind('.') > text.rfind(',') => fraction(text, ',', '.'),
        _ => fraction(text, '.', ','),
    }
}

/// `1000.5`, but not `1.000`, which is a thousand to half the world.
fn point(text: &str, mark: char) -> Option<String> {
    let (whole, part) = text.split_once(mark)?;
    (part.len() != 3 || whole == "0").then(|| plain(whole, part)).flatten()
}

fn grouped(text: &str, mark: char) -> Option<String> {
    let mut groups = text.split(mark);
    let first = groups.next()?;
    let good = (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|g| g.len() == 3);
    good.then(|| text.replace(mark, ""))
}

fn fraction(text: &str, group: char, mark: char) -> Option<String> {
    let (whole, part) = text.split_once(mark)?;
    plain(&grouped(whole, group)?, part)
}

fn plain(whole: &str, part: &str) -> Option<String> {
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let part = part.trim_end_matches('0');
    Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

/// A number of a JSON value in the same form. None where a reader with other numbers would read another one.
pub(crate) fn json_number(number: &Number) -> Option<String> {
    if number.is_u64() || number.is_i64() {
        return Some(number.to_string());
    }
    let value = number.as_f64()?;
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Some(format!("{value:.0}"));
    }
    let text = number.to_string();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits <= 15 && !text.contains(['e', 'E'])).then_some(text)
}

const CODES: &[&str] = &[
    "usd", "eur", "gbp", "chf", "jpy", "cad", "aud", "nzd", "cny", "inr", "sek", "nok", "dkk", "pln", "czk",
    "huf", "ron", "try", "sgd", "hkd", "krw", "brl", "mxn", "zar", "ils", "aed", "btc", "eth",
];

/// A currency's one name. `$` is the money of twenty countries, so it is its own.
pub(crate) fn currency(word: &str) -> Option<&'static str> {
    match word {
        "€" => return Some("eur"),
        "£" => return Some("gbp"),
        "$" => return Some("$"),
        _ => {}
    }
    let same = |w: &&str| w.eq_ignore_ascii_case(word);
    match word.len() {
        3 => CODES.iter().copied().find(same),
        4 | 5 if ["euro", "euros"].iter().any(same) => Some("eur"),
        6 | 7 if ["dollar", "dollars"].iter().any(same) => Some("$"),
        _ => None,
    }
}

/// A number beside a currency.
pub(crate) fn money(text: &str) -> Option<(String, &'static str)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (before, rest) = text.split_at_checked(start)?;
    let (amount, after) = rest.split_at_checked(end - start)?;
    let name = match (before.trim(), after.trim()) {
        (name, "") | ("", name) => currency(name)?,
        _ => return None,
    };
    number(amount).map(|n| (n, name))
}
