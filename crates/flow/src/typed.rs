//! Values that people write in many ways: numbers, money, telephone and account numbers, days, times. One form each.
//!
//! What always holds: a text that two readers would read differently (`3/4/2024`, `1.000`, `$` as a currency's name) has
//! no form here: it matches as it was written, or not at all. The same function reads what was seen and what is asked.
//! What it does not do: check that a number exists. An account's number is compared, not verified.

mod calendar;
mod digits;
mod money;

use crate::keyed::Kind;
use smallvec::{SmallVec, smallvec};

pub(crate) use money::json_number;

/// The forms of one value: all of them must be known for the value to be.
pub(crate) type Forms = SmallVec<[(Kind, String); 2]>;

/// Words that the longest of them takes: an account in groups of four.
pub(crate) const LONGEST: usize = 9;

/// What `text` is, all of it: words with one space between them.
pub(crate) fn read(text: &str) -> Option<Forms> {
    // The quickest question first: no such value is without a digit.
    if !text.bytes().any(|b| b.is_ascii_digit()) {
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

/// What a seen text that reads as `forms` also tells: an amount without its currency.
pub(crate) fn told_too(forms: &Forms) -> Option<(Kind, String)> {
    match forms.first() {
        Some((Kind::Money, text)) => {
            text.split_once(' ').map(|(number, _)| (Kind::Number, number.to_owned()))
        }
        _ => None,
    }
}

/// Whether a value of several words may begin with this one.
pub(crate) fn may_begin(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
        || calendar::month(word).is_some()
        || money::currency(word).is_some()
}

/// Whether a value that begins with `first` may go on with `word`: an account's groups may be letters.
pub(crate) fn may_go_on(first: &str, word: &str) -> bool {
    let account =
        || digits::is_head(first) && word.len() <= 8 && word.bytes().all(|b| b.is_ascii_alphanumeric());
    may_begin(word)
        || matches!(word.to_ascii_lowercase().as_str(), "of" | "am" | "pm" | "a.m" | "p.m")
        || account()
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
        assert_eq!(read("2024-05-15T10:00Z"), None);
        assert_eq!(told_too(&read("€5").expect("money")), Some((Kind::Number, "5".to_owned())));
    }
}
