//! Days and times of day. What could be two days is none; a time with a zone is none; a day without a year is a kind of
//! its own.

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The number of a month by its name or the first three letters of it.
pub(crate) fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches(['.', ',']);
    // Asked of every word: most are done here.
    if !(3..=9).contains(&word.len()) {
        return None;
    }
    let same = |name: &str| name.eq_ignore_ascii_case(word);
    let (number, name) = (1..)
        .zip(MONTHS)
        .find(|(_, m)| m.bytes().zip(word.bytes()).take(3).all(|(a, b)| a == b.to_ascii_lowercase()))?;
    (word.len() == 3 || same(name) || same("sept")).then_some(number)
}

/// `2024-03-15`, however it is written.
pub(crate) fn date(text: &str) -> Option<String> {
    let mut words = text.split(' ').filter(|w| !w.eq_ignore_ascii_case("of"));
    let first = words.next()?;
    let Some(second) = words.next() else { return numeric(first) };
    let third = words.next()?;
    if words.next().is_some() {
        return None;
    }
    let (month, day) = month_and_day(first, second)?;
    day_of(year(third.trim_end_matches(','))?, month, day)
}

fn month_and_day(first: &str, second: &str) -> Option<(u32, u32)> {
    match (month(first), month(second)) {
        (Some(m), None) => Some((m, ordinal(second)?)),
        (None, Some(m)) => Some((m, ordinal(first)?)),
        _ => None,
    }
}

/// `03-15`, of `March 15th` or `15 of March`: a day of whichever year.
pub(crate) fn yearless(text: &str) -> Option<String> {
    let mut words = text.split(' ').filter(|w| !w.eq_ignore_ascii_case("of"));
    let (first, second) = (words.next()?, words.next()?);
    let (month, day) = month_and_day(first, second).filter(|_| words.next().is_none())?;
    // In a leap year, so that none is left out.
    day_of(2_000, month, day).map(|d| without_year(&d).to_owned())
}

/// What of `2024-03-15` is of whichever year.
pub(crate) fn without_year(date: &str) -> &str {
    date.split_once('-').map_or(date, |(_, rest)| rest)
}

fn numeric(word: &str) -> Option<String> {
    let separator = ['-', '/', '.'].into_iter().find(|s| word.matches(*s).count() == 2)?;
    let mut parts = word.split(separator);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if a.len() == 4 {
        return day_of(year(a)?, small(b)?, small(c)?);
    }
    let (year, a, b) = (year(c)?, small(a)?, small(b)?);
    match separator {
        '.' => day_of(year, b, a),
        // The month first or the day first: only where it cannot be both.
        _ if a > 12 || a == b => day_of(year, b, a),
        _ if b > 12 => day_of(year, a, b),
        _ => None,
    }
}

fn day_of(year: u32, month: u32, day: u32) -> Option<String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn year(text: &str) -> Option<u32> {
    (text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// One or two digits.
fn small(text: &str) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `15`, `15th`, `15.`
fn ordinal(word: &str) -> Option<u32> {
    let word = word.trim_end_matches(['.', ',']);
    small(word.trim_end_matches(|c: char| c.is_ascii_alphabetic())).filter(|_| {
        let suffix = word.trim_start_matches(|c: char| c.is_ascii_digit());
        suffix.is_empty() || ["st", "nd", "rd", "th"].iter().any(|s| s.eq_ignore_ascii_case(suffix))
    })
}

/// `22:05` or `22:05:09`, however it is written.
pub(crate) fn time(text: &str) -> Option<String> {
    if !text.contains(':') && !text.ends_with(['m', 'M', '.']) {
        return None;
    }
    let lower = text
        .to_ascii_lowercase()
        .replace("a.m.", "am")
        .replace("p.m.", "pm")
        .replace("a.m", "am")
        .replace("p.m", "pm");
    let half = ["am", "pm"].into_iter().find(|h| lower.ends_with(h));
    let clock = half.map_or(lower.as_str(), |h| lower.trim_end_matches(h).trim_end());
    let mut parts = clock.split(':');
    let hour = small(parts.next()?)?;
    let minute = parts.next();
    let second = parts.next().map_or(Some(0), two)?;
    if parts.next().is_some() || (minute.is_none() && half.is_none()) {
        return None;
    }
    let minute = minute.map_or(Some(0), two)?;
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
        None => hour,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let clock = format!("{hour:02}:{minute:02}");
    Some(if second == 0 { clock } else { format!("{clock}:{second:02}") })
}

fn two(text: &str) -> Option<u32> {
    (text.len() == 2).then(|| small(text)).flatten()
}

/// A day and a time of it.
pub(crate) fn moment(text: &str) -> Option<(String, String)> {
    if !text.contains(':') && !text.ends_with(['m', 'M', '.']) {
        return None;
    }
    if let Some((d, t)) = text.split_once('T').filter(|(d, _)| d.ends_with(|c: char| c.is_ascii_digit())) {
        return Some((date(d)?, time(t)?));
    }
    let spaces = text.match_indices(' ').map(|(at, _)| at);
    spaces
        .filter_map(|at| text.split_at_checked(at))
        .find_map(|(d, t)| Some((date(d)?, time(t.trim_start())?)))
}
