//! The words of a text.
//!
//! What always holds: a word is a maximal run of letters and digits of scripts with spaces, or of one without.

use crate::view::eight;

/// What stands between two words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing: the script changes.
    #[default]
    None,
    /// White space and punctuation inside a sentence.
    Soft,
    /// The end of a sentence.
    Hard,
}

/// What a character is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A letter or digit of a script that puts spaces between words.
    Spaced,
    /// A letter of a script that does not, or whose particles join words.
    Dense,
    /// Between words.
    Gap(Gap),
}

/// What `c` is.
pub(super) fn kind(c: char) -> Kind {
    match c {
        '.' | '!' | ';' | '\u{80}'..='\u{9f}' | '\u{3000}'..='\u{303f}' => Kind::Gap(Gap::Hard),
        'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Spaced,
        '\0'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => {
            Kind::Gap(Gap::Soft)
        }
        '\u{e00}'..='\u{eff}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Dense,
        _ => Kind::Spaced,
    }
}

/// Whether `c` stands between words.
pub(super) fn is_gap(c: char) -> bool {
    matches!(kind(c), Kind::Gap(_))
}

const LETTER: u8 = 0;
const SOFT: u8 = 1;
const HARD: u8 = 2;
const WIDE: u8 = 3;

const CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "a table of 256, built at compile time")]
const fn classes() -> [u8; 256] {
    let mut table = [SOFT; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b {
            0x80.. => WIDE,
            0x30..=0x39 | 0x41..=0x5A | 0x61..=0x7A => LETTER,
            0x2E | 0x21 | 0x3B => HARD,
            _ => SOFT,
        };
        b += 1;
    }
    table
}

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its first eight bytes; zeros behind its end.
    pub(super) head: u64,
    /// What stands before it.
    pub(super) gap: Gap,
    /// Whether its script puts spaces between words.
    pub(super) spaced: bool,
}

/// The words of a text from some place on, one by one.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, from: usize) -> Self {
        Self { text, at: from }
    }

    fn wide(&self, at: usize) -> (Kind, usize) {
        self.text
            .get(at..)
            .and_then(|t| t.chars().next())
            .map_or((Kind::Gap(Gap::Hard), 1), |c| (kind(c), c.len_utf8()))
    }

    /// The next word, where other characters than ASCII's may be in it or before it.
    #[expect(
        clippy::indexing_slicing,
        reason = "a table of 256 indexed by a byte, and offsets below the length"
    )]
    fn next_of_any(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut gap = Gap::None;
        let mut spaced = true;
        loop {
            let class = CLASSES[usize::from(*bytes.get(at)?)];
            match class {
                LETTER => break,
                SOFT => gap = gap.max(Gap::Soft),
                HARD => gap = Gap::Hard,
                _ => match self.wide(at) {
                    (Kind::Gap(g), len) => {
                        gap = gap.max(g);
                        at += len;
                        continue;
                    }
                    (kind, _) => {
                        spaced = kind == Kind::Spaced;
                        break;
                    }
                },
            }
            at += 1;
        }
        let start = at;
        while at < bytes.len() {
            match CLASSES[usize::from(bytes[at])] {
                LETTER if spaced => at += 1,
                WIDE => match self.wide(at) {
                    (Kind::Spaced, len) if spaced => at += len,
                    (Kind::Dense, len) if !spaced => at += len,
                    _ => break,
                },
                _ => break,
            }
        }
        self.at = at;
        let head = eight::load(bytes, start) & eight::low(at - start);
        Some(Token { start, end: at, head, gap, spaced })
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let class = |b: &u8| CLASSES.get(usize::from(*b)).copied().unwrap_or(WIDE);
        let bytes = self.text.as_bytes();
        let (mut start, mut gap) = (self.at, Gap::None);
        // Between most words stands one space, and most words are shorter than what is read at once.
        if bytes.get(start) == Some(&b' ') {
            (start, gap) = (start + 1, Gap::Soft);
        }
        let mut word = eight::load(bytes, start);
        let mut others = eight::no_letters(word);
        if eight::first(others) == 0 {
            loop {
                match class(bytes.get(start)?) {
                    LETTER => break,
                    SOFT => gap = gap.max(Gap::Soft),
                    HARD => gap = Gap::Hard,
                    _ => return self.next_of_any(),
                }
                start += 1;
            }
            word = eight::load(bytes, start);
            others = eight::no_letters(word);
        }
        let len = eight::first(others);
        let (head, mut end) = (word & eight::low(len), start + len);
        while others == 0 {
            others = eight::no_letters(eight::load(bytes, end));
            end += eight::first(others);
        }
        if bytes.get(end).is_some_and(|b| *b >= 0x80) {
            return self.next_of_any();
        }
        self.at = end;
        Some(Token { start, end, head, gap, spaced: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_same_as_one_by_one(text in "([a-z0-9]{0,20}|[A-Z]| |\\.|!|;|,|\t|@|é|日|ก|\u{3000}){0,30}", from in 0usize..9) {
            let from = text.floor_char_boundary(from);
            let plainly = std::iter::from_fn({
                let mut tokens = Tokens::new(&text, from);
                move || tokens.next_of_any()
            });
            prop_assert_eq!(Tokens::new(&text, from).collect::<Vec<_>>(), plainly.collect::<Vec<_>>());
        }
    }
}
