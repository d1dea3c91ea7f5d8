//! Values of several words in running text: where one may begin, and how far it may go.
//!
//! What always holds: each span that is found reads as `read` reads it, so that both sides agree. The cost is linear in
//! the text: whoever sends a megabyte of digits gets no more of our time than one who sends a megabyte of prose.

use super::{Forms, LONGEST, LONGEST_BYTES, calendar, digits, money, read};
use crate::keyed::Kind;
use smallvec::smallvec;

/// What a word may be in such a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Digits with the separators of a telephone or an account: so many digits.
    Group(usize),
    /// Another word that begins with a digit: `15th`, `10:30`.
    Numeric,
    /// Two letters and two digits begin an account.
    Head,
    Month,
    Currency,
    /// `am` and `pm`.
    Half,
    Of,
    Other,
}

fn part(word: &str) -> Part {
    if word.len() > LONGEST_BYTES {
        return Part::Other;
    }
    let first = word.trim_start_matches(['+', '(']).bytes().next();
    if first.is_some_and(|b| b.is_ascii_digit()) {
        let group = word.bytes().all(|b| b.is_ascii_digit() || b"+-()./".contains(&b));
        let count = word.bytes().filter(u8::is_ascii_digit).count();
        return if group { Part::Group(count) } else { Part::Numeric };
    }
    if digits::is_head(word) {
        return Part::Head;
    }
    let is = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(word));
    match word.len() {
        2 if is(&["am", "pm"]) => Part::Half,
        2 if is(&["of"]) => Part::Of,
        3 if is(&["a.m", "p.m"]) => Part::Half,
        _ if money::currency(word).is_some() => Part::Currency,
        _ if calendar::month(word).is_some() => Part::Month,
        _ => Part::Other,
    }
}

/// Every value of at least two words in `all`.
pub(crate) fn spans(all: &[&str], mut found: impl FnMut(Forms)) {
    let parts: Vec<Part> = all.iter().map(|w| part(w)).collect();
    let join = |at: usize, n: usize| all.get(at..at + n).map(|w| w.join(" "));
    for (at, first) in parts.iter().enumerate() {
        let next = parts.get(at + 1).copied().unwrap_or(Part::Other);
        let sizes = match (first, next) {
            (Part::Group(_) | Part::Numeric, Part::Half | Part::Currency)
            | (Part::Currency, Part::Group(_) | Part::Numeric) => 2..=2,
            (Part::Group(_) | Part::Numeric, Part::Month) | (Part::Month, Part::Group(_) | Part::Numeric) => {
                3..=3
            }
            (Part::Group(_) | Part::Numeric, Part::Of) => 4..=4,
            // None of one word here: those are read as words.
            _ => 1..=1,
        };
        let dated = sizes.clone().filter_map(|n| join(at, n)).any(|t| calendar::date(&t).is_some());
        // SECURITY: whoever says the year means that year.
        let short = matches!(sizes.clone().max(), Some(n) if n > 2) && !dated;
        if let Some(day) = sizes.clone().max().filter(|_| short).and_then(|n| join(at, n - 1))
            && let Some(day) = calendar::yearless(&day)
        {
            found(smallvec![(Kind::Yearless, day)]);
        }
        for text in
            sizes.filter(|n| *n > 1).filter_map(|n| join(at, n)).take_while(|t| t.len() <= LONGEST_BYTES)
        {
            read(&text).into_iter().for_each(&mut found);
        }
        if *first == Part::Head {
            accounts(all.get(at..).unwrap_or_default(), &mut found);
        }
        let mut count = 0;
        for (n, part) in parts.iter().skip(at).take(LONGEST).enumerate() {
            let Part::Group(digits) = part else { break };
            count += digits;
            if count > digits::MOST + 3 {
                break;
            }
            if n > 0 && count >= digits::FEWEST {
                let number = join(at, n + 1).and_then(|t| digits::grouped(&t));
                number.into_iter().for_each(|n| found(smallvec![(Kind::Number, n)]));
            }
        }
    }
}

/// Each beginning of these words that is an account in groups.
fn accounts(all: &[&str], found: &mut impl FnMut(Forms)) {
    let mut text = String::new();
    for word in all.iter().take(LONGEST) {
        if word.len() > digits::LONGEST_GROUP || !word.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return;
        }
        let alone = text.is_empty();
        if !alone {
            text.push(' ');
        }
        text.push_str(word);
        if !alone && text.len() > digits::SHORTEST_IBAN {
            digits::iban(&text).into_iter().for_each(|i| found(smallvec![(Kind::Iban, i)]));
        }
    }
}
