//! Long numbers in groups: accounts, cards, telephones.
//!
//! What always holds: groups are joined only where they follow one another, and never where a dot or a slash may divide
//! what must stay divided (addresses of the Internet).

/// Fewer digits are no account's and no telephone's: dashes in them may mean something.
const FEWEST: usize = 7;
/// More are none either.
const MOST: usize = 20;

/// Digits with separators: the digits. `+` and `00` before them are the same, and `(0)` between them is nothing.
pub(crate) fn grouped(text: &str) -> Option<String> {
    let text = text.trim_start_matches('(');
    let abroad = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    let text = abroad.unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.' | '/')) {
        return None;
    }
    let spaced = text.contains(' ');
    let dots = text.matches('.').count();
    // Three dots are an address of the Internet; a dot among spaces is a decimal's.
    if dots == 3 || (dots > 0 && spaced) || text.matches('/').count() > 1 {
        return None;
    }
    // Two dashes among eight digits are a day's: one that no calendar has, or two.
    let lengths = || text.split('-').map(str::len);
    if lengths().eq([4, 2, 2]) || lengths().eq([2, 2, 4]) {
        return None;
    }
    let mut digits: String =
        if abroad.is_some() { text.replace("(0)", "").replace(" 0)", "") } else { text.to_owned() };
    digits.retain(|c| c.is_ascii_digit());
    if !(FEWEST..=MOST).contains(&digits.len()) {
        return None;
    }
    Some(if abroad.is_some() { format!("+{digits}") } else { digits })
}

/// Two letters, two digits, and at least eleven more letters and digits, in groups or not; mostly digits.
pub(crate) fn iban(text: &str) -> Option<String> {
    let groups = || text.split([' ', '-']);
    if groups().count() > 1 && groups().any(|g| g.is_empty() || g.len() > 8) {
        return None;
    }
    if !is_head(text) {
        return None;
    }
    // All in one case: words of a sentence that follow are not.
    let body = || groups().flat_map(str::bytes);
    let (upper, lower) = (body().any(|b| b.is_ascii_uppercase()), body().any(|b| b.is_ascii_lowercase()));
    if (upper && lower) || !body().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let (all, digits) = (body().count(), body().filter(u8::is_ascii_digit).count());
    let shape = (15..=34).contains(&all) && digits * 2 >= all;
    shape.then(|| groups().collect::<String>().to_ascii_uppercase())
}

/// Two letters and two digits.
pub(crate) fn is_head(word: &str) -> bool {
    let head = word.as_bytes().get(..4).and_then(|h| h.split_at_checked(2));
    head.is_some_and(|(country, check)| {
        country.iter().all(u8::is_ascii_alphabetic) && check.iter().all(u8::is_ascii_digit)
    })
}
