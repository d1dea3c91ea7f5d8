//! What to offer in place of services that are not approved, by name, by kind of service, or for all else.
//!
//! ```toml
//! [[instead]]
//! sort = "chat"               # a kind of the catalogue; or `name`, with stars; neither: for all else
//! offer = "the gateway's model `main`"
//! contact = "ai-desk@example.com"
//! why = "Contracts must not leave the house."
//! ```
//! What always holds: a row by whole name comes before one by pattern, that before one by kind, that before the one for
//! all else; texts are one line each. A row of `[[asset]]` with its own `instead` comes before all of these.

use crate::catalogue::ServiceKind;
use crate::declared::wild;
use cordon_types::{Problem, Problems};
use serde::Deserialize;

/// Longest text of a row, in bytes: a page of a few sentences.
pub const MAX_TEXT: usize = 1_000;

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Of services so named; a star stands for any run of characters.
    pub name: Option<String>,
    /// Of services of this kind.
    pub sort: Option<ServiceKind>,
    /// What to use.
    pub offer: String,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Why not, in the operator's words.
    pub why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    name: Option<String>,
    sort: Option<String>,
    offer: String,
    contact: Option<String>,
    why: Option<String>,
}

pub(crate) fn read(rows: Vec<Row>) -> Result<Vec<Offer>, Problems> {
    let mut problems = Vec::new();
    let mut all: Vec<Offer> = Vec::with_capacity(rows.len());
    for (n, row) in rows.into_iter().enumerate() {
        let path = format!("instead[{n}]");
        let mut problem = |field: &str, what: &str, hint: &str| {
            problems.push(Problem::new(format!("{path}{field}"), what, hint));
        };
        for (field, text) in [
            (".name", row.name.as_ref()),
            (".offer", Some(&row.offer)),
            (".contact", row.contact.as_ref()),
            (".why", row.why.as_ref()),
        ] {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
                problem(
                    field,
                    "is empty, too long or of several lines",
                    "write one line of at most 1000 bytes",
                );
            }
        }
        let sort = row.sort.as_deref().map(ServiceKind::from_name);
        if sort == Some(None) {
            let hint = "there are api, chat, coding, agent, image, mcp, productivity, local";
            problem(".sort", "is no kind of service", hint);
        }
        if row.name.is_some() && row.sort.is_some() {
            problem("", "has `name` and `sort`", "write a row for each");
        }
        let one = Offer {
            name: row.name,
            sort: sort.flatten(),
            offer: row.offer,
            contact: row.contact,
            why: row.why,
        };
        if all.iter().any(|o| (&o.name, o.sort) == (&one.name, one.sort)) {
            problem("", "stands twice", "keep one");
        }
        all.push(one);
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
}

/// The offer for a service of that key and name and those kinds.
#[must_use]
pub fn find<'a>(offers: &'a [Offer], key: &str, name: &str, sorts: &[&str]) -> Option<&'a Offer> {
    let rank = |offer: &Offer| match (&offer.name, offer.sort) {
        (Some(pattern), _) if wild(pattern, key) || wild(pattern, name) => {
            Some(if pattern.contains('*') { 2 } else { 3 })
        }
        (Some(_), _) => None,
        (None, Some(sort)) => sorts.contains(&sort.name()).then_some(1),
        (None, None) => Some(0),
    };
    // Of two that are as near, the first one counts.
    offers.iter().rev().filter_map(|o| Some((rank(o)?, o))).max_by_key(|(rank, _)| *rank).map(|(_, o)| o)
}

#[cfg(test)]
mod tests {
    use crate::offers;

    const TEXT: &str = "[[instead]]\noffer=\"any\"\n[[instead]]\nsort=\"chat\"\noffer=\"chat\"\n\
        [[instead]]\nname=\"deep*\"\noffer=\"pattern\"\n[[instead]]\nname=\"deepseek\"\noffer=\"whole\"\n";

    #[test]
    fn the_nearest_counts() {
        let all = offers(TEXT).unwrap();
        for (key, sorts, want) in [
            ("deepseek", &["chat"][..], "whole"),
            ("deepl", &["chat"], "pattern"),
            ("poe", &["api", "chat"], "chat"),
            ("poe", &["image"], "any"),
            ("poe", &[], "any"),
        ] {
            assert_eq!(super::find(&all, key, key, sorts).unwrap().offer, want, "{key}");
        }
        assert!(super::find(&[], "poe", "Poe", &[]).is_none());
    }

    #[test]
    fn problems_come_all_at_once() {
        for (bad, problems) in [
            ("[[instead]]\noffer=\" \"\nsort=\"chatt\"", 2),
            ("[[instead]]\noffer=\"a\\nb\"", 1),
            ("[[instead]]\noffer=\"a\"\nname=\"b\"\nsort=\"chat\"", 1),
            ("[[instead]]\noffer=\"a\"\n[[instead]]\noffer=\"b\"", 1),
            ("[[instead]]\noffer=\"a\"\ncolour=\"b\"", 1),
        ] {
            assert_eq!(offers(bad).unwrap_err().0.len(), problems, "{bad}");
        }
    }
}
