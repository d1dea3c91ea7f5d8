//! Values that people write in many ways: numbers, money, telephone and account numbers, days, times. One form each.
//!
//! What always holds: a text that two readers would read differently (`3/4/2024`, `1.000`, `$` as a currency's name) has
//! no form here: it matches as it was written, or not at all. The same function reads what was seen and what is asked.
//! What it does not do: check that a number exists. An account's number is compared, not verified.

mod calendar;
mod digits;
mod money;
mod spans;

use crate::keyed::Kind;
use smallvec::{SmallVec, smallvec};

pub(crate) use money::json_number;
pub(crate) use spans::spans;

/// The forms of one value: all of them must be known for the value to be.
pub(crate) type Forms = SmallVec<[(Kind, String); 2]>;

/// Words that the longest of them takes: an account in groups of four.
pub(crate) const LONGEST: usize = 9;

/// Bytes that the longest of them takes.
const LONGEST_BYTES: usize = 64;

/// What `text` is, all of it: words with one space between them.
pub(crate) fn read(text: &str) -> Option<Forms> {
    // The quickest question first: no such value is without a digit.
    if text.len() > LONGEST_BYTES || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if let Some(number) = money::number(text) {
        return Some(smallvec![(Kind::Number, number)]);
    }
    if let Some(date) = calendar::date(text) {
        return Some(smallvec![(Kind::Date, date)]);
    }
    if let Some(time) = calendar::time(text) {
        return Some(smallvec![(Kind::Time, time)]);
    }
    if let Some((date, time)) = calendar::moment(text) {
        return Some(smallvec![(Kind::Date, date), (Kind::Time, time)]);
    }
    if let Some(iban) = digits::iban(text) {
        return Some(smallvec![(Kind::Iban, iban)]);
    }
    if let Some(number) = digits::grouped(text) {
        return Some(smallvec![(Kind::Number, number)]);
    }
    money::money(text).map(|(number, currency)| smallvec![(Kind::Money, format!("{number} {currency}"))])
}

/// What of a day counts where nobody brought the day with its year.
pub(crate) fn yearless(day: &str) -> &str {
    calendar::without_year(day)
}

/// Whether whoever is sent this text will read it so, too.
pub(crate) fn is_read_alike(text: &str, forms: &Forms) -> bool {
    let amount = forms.iter().any(|(kind, _)| matches!(kind, Kind::Number | Kind::Money));
    !(amount && money::has_decimal_comma(text))
}

/// What a seen text that reads as `forms` also tells: an amount without its currency.
pub(crate) fn told_too(forms: &Forms) -> Option<(Kind, String)> {
    match forms.first() {
        Some((Kind::Money, text)) => {
            text.split_once(' ').map(|(number, _)| (Kind::Number, number.to_owned()))
        }
        _ => None,
    }
}

/// Whether the word there is the day, or the year, beside a month's name.
pub(crate) fn is_day_of_month(all: &[&str], at: usize) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| all.get(at)).copied().unwrap_or_default();
    let digits = word(Some(at)).trim_end_matches(',');
    if !matches!(digits.len(), 1 | 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let month = |at: Option<usize>| calendar::month(word(at)).is_some();
    let (before, after) = (at.checked_sub(1), Some(at + 1));
    let of = word(after).eq_ignore_ascii_case("of") && month(Some(at + 2));
    // `June 13 2024`, `June 13th, 2024`: the year has the day between it and its month.
    let year = digits.len() == 4 && month(at.checked_sub(2));
    month(before) || month(after) || of || year
}

/// Whether some of these words that follow one another would be an account's or a telephone's number, in groups.
pub(crate) fn accounts<'a>(all: &'a [&'a str]) -> impl Iterator<Item = Forms> + 'a {
    let runs = (0..all.len()).flat_map(move |at| (2..=LONGEST).filter_map(move |n| all.get(at..at + n)));
    runs.filter_map(|run| read(&run.join(" ")))
        .filter(|forms| forms.iter().all(|(kind, _)| matches!(kind, Kind::Iban | Kind::Number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Option<(Kind, String)> {
        read(text).and_then(|f| f.into_iter().next())
    }

    #[test]
    fn what_is_the_same() {
        for same in [
            &[
                "2024-03-15",
                "15 March 2024",
                "March 15 2024",
                "3/15/2024",
                "15/3/2024",
                "15.03.2024",
                "2024/03/15",
                "15th of March 2024",
                "Mar 15th, 2024",
                "15 MAR 2024",
            ][..],
            &["10:30", "10:30 AM", "10:30am", "10:30:00", "10:30 a.m."],
            &["22:00", "10 pm", "10pm", "10:00 PM"],
            &["1000.5", "1,000.50", "1000.50", "1.000,50", "1000,5"],
            &["1000.50 EUR", "€1,000.50", "1.000,50 €", "EUR 1000.5", "1000.5 euros", "1000.50EUR"],
            &["1000000", "1,000,000", "1000000.00"],
            &[
                "GB82WEST12345698765432",
                "GB82 WEST 1234 5698 7654 32",
                "gb82 west 1234 5698 7654 32",
                "GB82-WEST-1234-5698-7654-32",
            ],
            &[
                "+49301234567",
                "+49 30 1234567",
                "0049 30 1234567",
                "+49 (0)30 123-4567",
                "+49-30-1234567",
                "+49 (30) 1234567",
            ],
            &["5551234567", "(555) 123-4567", "555.123.4567", "555 123 4567"],
            &["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"],
        ] {
            let first = form(same[0]);
            assert!(first.is_some(), "{}", same[0]);
            for other in same {
                assert_eq!(form(other), first, "{other}");
            }
        }
    }

    #[test]
    fn what_is_not() {
        for (a, b) in [
            ("192.168.1.10", "19.216.8.110"),
            ("192.168.1.10", "192168110"),
            ("3/4/2024", "2024-04-03"),
            ("3/4/2024", "2024-03-04"),
            ("1.000", "1000"),
            ("1.000", "1"),
            ("$5", "5 USD"),
            ("$5", "5 CAD"),
            ("+49301234567", "49301234567"),
            ("0301234567", "301234567"),
            ("001000", "1000"),
            ("-5", "5"),
            ("10:30", "22:30"),
            ("10:30 pm", "10:30"),
            ("1000.50 EUR", "1000.50 CHF"),
            ("2024-02-30", "2024-03-01"),
        ] {
            let (left, right) = (form(a), form(b));
            assert!(left.is_none() || left != right, "{a} and {b}: {left:?}");
        }
        for none in [
            "3/4/2024",
            "1.000",
            "192.168.1.10",
            "2024-13-01",
            "25:00",
            "v1.2.3",
            "bob",
            "12a",
            "",
            "31 April 2024",
            "1,00,000",
        ] {
            assert_eq!(form(none), None, "{none}");
        }
    }

    #[test]
    fn a_moment_is_its_day_and_its_time() {
        for text in ["2024-05-15T10:00", "2024-05-15 10:00:00", "15 May 2024 10 am"] {
            let forms = read(text).expect("a moment");
            assert_eq!(
                forms.as_slice(),
                [(Kind::Date, "2024-05-15".to_owned()), (Kind::Time, "10:00".to_owned())]
            );
        }
        let alike = |text: &str| read(text).map(|f| is_read_alike(text, &f));
        for text in ["1,000.50", "1,000", "1000.5", "€1,000", "March 15, 2024"] {
            assert_eq!(alike(text), Some(true), "{text}");
        }
        for text in ["1,5", "1.000,50", "1,50 EUR", "0,123", "1.000,500"] {
            assert_eq!(alike(text), Some(false), "{text}");
        }
        assert_eq!(read("2024-05-15T10:00Z"), None);
        assert_eq!(told_too(&read("€5").expect("money")), Some((Kind::Number, "5".to_owned())));
    }
}
