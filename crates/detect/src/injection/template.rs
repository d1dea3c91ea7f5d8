//! Rules' patterns: a small language of words, compiled to regular expressions over the folded, lower-cased view.
//!
//! A pattern is a row of items with a space between them; the space matches any run of white space and
//! punctuation (in scripts without spaces also nothing at all). An item is
//! - a word, literally; `word%` also matches any ending of it;
//! - `(a|b c|d)`: one of these rows; with `?` it may be absent, with `*` it may repeat;
//! - `~3`: up to three words of any kind within the sentence (in scripts without spaces: up to three characters);
//! - `{name}`: a row from the vocabulary, put in as text.
//!
//! What always holds: an expression has no look-around, and its literals (the words it can start with) contain
//! every start of every match. A pattern's first and last items are neither optional nor arbitrary.

use crate::view::{fold_str, lower};

/// Between words: anything that is neither a letter nor a digit.
const GAP: &str = r"[\x00-/:-@\[-`{-\x7f\u{a0}-\u{bf}\u{2000}-\u{206f}\u{3000}-\u{303f}]";
/// The same without what ends a sentence or a paragraph's thought.
const SOFT: &str = r"[\x00-\x20\x22-\x2d/:<-@\[-`{-\x7f\u{a0}-\u{bf}\u{2000}-\u{206f}]";
/// A letter or digit.
const LETTER: &str = r"[0-9a-z\u{c0}-\u{1fff}\u{2070}-\u{2fff}\u{3040}-\u{10ffff}]";
/// Any character of a sentence, in scripts without spaces.
const ANY: &str = r"[^.!?\n\u{3002}]";

/// How a language separates words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// White space or punctuation stands between words, and a word ends where letters end.
    Spaced,
    /// Words may touch each other.
    Dense,
}

/// A compiled pattern: the expression and the words it can start with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compiled {
    pub(super) regex: String,
    pub(super) starts: Vec<Start>,
}

/// A word that a pattern can start with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Start {
    pub(super) text: String,
    /// Whether the text may go on with letters or digits after it.
    pub(super) open_end: bool,
}

/// Compiles `pattern`, or says what is wrong with it.
pub(super) fn compile(
    pattern: &str,
    script: Script,
    vocabulary: &[(&str, &str)],
) -> Result<Compiled, String> {
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
    let mut starts = Vec::new();
    first(&row, script, &mut starts)?;
    let mut regex = String::new();
    write_row(&row, script, &mut regex);
    Ok(Compiled { regex, starts })
}

#[derive(Debug)]
enum Item {
    Word { text: String, open_end: bool },
    Group { rows: Vec<Vec<Item>>, repeat: Repeat },
    Any(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    Maybe,
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
                    let n = n.filter(|n| *n <= 20).ok_or("`~` needs a number up to 20")?;
                    items.push(Item::Any(n));
                }
                _ => items.push(self.word()?),
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

    fn word(&mut self) -> Result<Item, String> {
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
        if text.is_empty() || text.contains(['{', '}', '?', '*']) {
            return Err(format!("`{raw}` is no word"));
        }
        Ok(Item::Word { text, open_end })
    }
}

/// The words that a row can start with.
fn first(row: &[Item], script: Script, into: &mut Vec<Start>) -> Result<(), String> {
    match row.first() {
        Some(Item::Word { text, open_end }) => {
            into.push(Start { text: text.clone(), open_end: *open_end || script == Script::Dense })
        }
        Some(Item::Group { rows, repeat: Repeat::Once }) => {
            for row in rows {
                first(row, script, into)?;
            }
        }
        _ => return Err("the first item must be there in every match".to_owned()),
    }
    Ok(())
}

fn write_row(row: &[Item], script: Script, out: &mut String) {
    let gap = match script {
        Script::Spaced => format!("{GAP}+"),
        Script::Dense => format!("{GAP}*"),
    };
    let last = row.len().saturating_sub(1);
    for (i, item) in row.iter().enumerate() {
        let gap = if i < last { gap.as_str() } else { "" };
        match item {
            Item::Word { text, open_end } => {
                out.push_str(&regex_syntax::escape(text));
                if *open_end {
                    out.push_str(LETTER);
                    out.push('*');
                }
                out.push_str(gap);
            }
            Item::Any(n) => match script {
                Script::Spaced => out.push_str(&format!("(?:{LETTER}+{SOFT}+){{0,{n}}}")),
                Script::Dense => out.push_str(&format!("{ANY}{{0,{n}}}")),
            },
            Item::Group { rows, repeat } => {
                out.push_str("(?:(?:");
                for (j, row) in rows.iter().enumerate() {
                    if j > 0 {
                        out.push('|');
                    }
                    write_row(row, script, out);
                }
                out.push(')');
                out.push_str(gap);
                out.push(')');
                out.push_str(match repeat {
                    Repeat::Once => "",
                    Repeat::Maybe => "?",
                    Repeat::Any => "*",
                });
            }
        }
    }
}

/// Compiles a delimiter: its characters as they stand, a space for any white space (also none).
pub(super) fn markup(pattern: &str) -> Compiled {
    let folded = lower(&fold_str(pattern));
    let regex = folded.split(' ').map(regex_syntax::escape).collect::<Vec<_>>().join(r"[\x00-\x20]*");
    let first = folded.split(' ').next().unwrap_or(&folded).to_owned();
    Compiled { regex, starts: vec![Start { text: first, open_end: true }] }
}
