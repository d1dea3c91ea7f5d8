//! Rules' patterns: a small language of words over the folded, lower-cased view.
//!
//! A pattern is a row of items with a space between them; the space matches any run of white space and
//! punctuation (in scripts without spaces also nothing at all). An item is
//! - a word, literally; `word%` also matches any ending of it;
//! - `(a|b c|d)`: one of these rows; with `?` it may be absent, with `*` it may repeat;
//! - `~3`: up to three words of any kind within the sentence (in scripts without spaces: up to three characters);
//! - `{name}`: a row from the vocabulary, put in as text.
//!
//! What always holds: a pattern's first and last items are neither optional nor arbitrary, and a word consists of
//! letters and digits only.

use super::words::is_gap;
use crate::view::{fold_str, lower};

/// Parses `pattern`, or says what is wrong with it.
pub(super) fn parse(pattern: &str, vocabulary: &[(&str, &str)]) -> Result<Vec<Item>, String> {
    let mut text = pattern.to_owned();
    // A vocabulary entry may name entries before it; two rounds are enough for the ones there are.
    for _ in 0..2 {
        for (name, row) in vocabulary {
            text = text.replace(&format!("{{{name}}}"), row);
        }
    }
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0 };
    let row = parser.row(0)?;
    if parser.at != chars.len() {
        return Err(format!("unexpected `)` or `|` at {}", parser.at));
    }
    if !row.last().is_some_and(|i| i.is_required() && !matches!(i, Item::Any(_))) {
        return Err("the last item must be there in every match".to_owned());
    }
    if !starts_firmly(&row) {
        return Err("the first item must be there in every match".to_owned());
    }
    Ok(row)
}

/// One item of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A word, or (with an open end) the beginning of one.
    Word { text: String, open_end: bool },
    /// One of these rows.
    Group { rows: Vec<Vec<Item>>, repeat: Repeat },
    /// Up to so many words (or characters) of any kind.
    Any(u8),
}

/// How often a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Once.
    Once,
    /// Once or not at all.
    Maybe,
    /// Any number of times, also none.
    Any,
}

impl Item {
    fn is_required(&self) -> bool {
        !matches!(self, Item::Any(_) | Item::Group { repeat: Repeat::Maybe | Repeat::Any, .. })
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Items up to the end, a `|` or a `)`.
    fn row(&mut self, depth: u8) -> Result<Vec<Item>, String> {
        if depth > 4 {
            return Err("groups nest too deep".to_owned());
        }
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                ' ' => self.at += 1,
                '|' | ')' => break,
                '(' => {
                    self.at += 1;
                    items.push(self.group(depth)?);
                }
                '~' => {
                    self.at += 1;
                    let mut n = None;
                    while let Some(digit) = self.peek().and_then(|d| d.to_digit(10)) {
                        n = Some(n.unwrap_or(0u32).saturating_mul(10).saturating_add(digit));
                        self.at += 1;
                    }
                    let n = n.and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 20);
                    items.push(Item::Any(n.ok_or("`~` needs a number up to 20")?));
                }
                _ => self.word(&mut items)?,
            }
        }
        if items.is_empty() { Err(format!("empty row at {}", self.at)) } else { Ok(items) }
    }

    fn group(&mut self, depth: u8) -> Result<Item, String> {
        let mut rows = vec![self.row(depth + 1)?];
        while self.peek() == Some('|') {
            self.at += 1;
            rows.push(self.row(depth + 1)?);
        }
        if self.peek() != Some(')') {
            return Err("a group is not closed".to_owned());
        }
        self.at += 1;
        let repeat = match self.peek() {
            Some('?') => Repeat::Maybe,
            Some('*') => Repeat::Any,
            _ => return Ok(Item::Group { rows, repeat: Repeat::Once }),
        };
        self.at += 1;
        Ok(Item::Group { rows, repeat })
    }

    /// A word; one with punctuation inside is several.
    fn word(&mut self, items: &mut Vec<Item>) -> Result<(), String> {
        let from = self.at;
        while self.peek().is_some_and(|c| !" |()~%".contains(c)) {
            self.at += 1;
        }
        let raw: String = self.chars.get(from..self.at).unwrap_or_default().iter().collect();
        let text = lower(&fold_str(&raw));
        let open_end = self.peek() == Some('%');
        if open_end {
            self.at += 1;
        }
        let parts: Vec<&str> = text.split(is_gap).filter(|p| !p.is_empty()).collect();
        if parts.is_empty() || text.contains(['{', '}', '?', '*']) {
            return Err(format!("`{raw}` is no word"));
        }
        let last = parts.len() - 1;
        items.extend(
            parts
                .into_iter()
                .enumerate()
                .map(|(i, p)| Item::Word { text: p.to_owned(), open_end: open_end && i == last }),
        );
        Ok(())
    }
}

/// Whether every match begins with a word of the row.
fn starts_firmly(row: &[Item]) -> bool {
    match row.first() {
        Some(Item::Word { .. }) => true,
        Some(Item::Group { rows, repeat: Repeat::Once }) => rows.iter().all(|r| starts_firmly(r)),
        _ => false,
    }
}
