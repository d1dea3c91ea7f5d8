//! Characters to raw words: quotes and escapes are resolved, expansions become doubts, braces and globs stay to be
//! looked at.
//!
//! What always holds: a backslash before a line end vanishes everywhere but in single quotes, comments and
//! here-documents whose mark is quoted (XCU 2.2.1); a word ends at an unquoted blank, line end or operator.

use super::{Budget, Doubt, Fault, MAX_DEPTH, MAX_TEXT};
use crate::show::hidden;

/// A piece of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    /// A character, and whether quotes keep it from meaning more.
    Char(char, bool),
    /// Something that is not known.
    Doubt(Doubt),
}

/// A word before braces, globs and tildes are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawWord {
    pub(super) atoms: Vec<Atom>,
    /// Something in it was quoted: it stands even if it is empty.
    pub(super) quoted: bool,
    /// Before which atom the first quote stands.
    pub(super) first_quote: Option<usize>,
    /// Something in it only bash reads so.
    pub(super) bash: bool,
}

impl RawWord {
    pub(super) fn plain(&mut self, c: char) {
        self.atoms.push(Atom::Char(c, false));
    }

    /// A quote begins here.
    pub(super) fn open(&mut self) {
        self.quoted = true;
        self.first_quote.get_or_insert(self.atoms.len());
    }

    pub(super) fn quote(&mut self, c: char) {
        self.open();
        self.atoms.push(Atom::Char(c, true));
    }

    pub(super) fn doubt(&mut self, doubt: Doubt) {
        self.atoms.push(Atom::Doubt(doubt));
    }
}

/// What was seen on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) substitution: bool,
    pub(super) expansion: bool,
    pub(super) background: bool,
    pub(super) compound: bool,
}

/// A here-document whose body begins at the next line.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) mark: String,
    pub(super) literal: bool,
    pub(super) tabs: bool,
}

/// A place in a text, and what has been read of it.
pub(super) struct Reader<'b> {
    text: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) budget: &'b mut Budget,
    pub(super) facts: Facts,
    pub(super) pending: Vec<Pending>,
    pub(super) commands: Vec<super::parse::RawSimple>,
    /// How many substitutions are open.
    pub(super) substituting: usize,
}

/// Ends a word outside quotes.
pub(super) fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

impl<'b> Reader<'b> {
    pub(super) fn new(text: &str, depth: usize, budget: &'b mut Budget) -> Result<Self, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        let text: Vec<char> = text.chars().take(MAX_TEXT + 1).collect();
        if text.len() > MAX_TEXT {
            return Err(Fault::TooLong);
        }
        // SECURITY: a carriage return is a word's character to a shell and Enter to a terminal; escapes and ^C act on
        // terminals; NUL ends the text for some. None has one reading.
        if text.iter().any(|c| (*c < ' ' && !matches!(c, '\t' | '\n')) || *c == '\u{7f}') {
            return Err(Fault::Control);
        }
        let facts = Facts::default();
        Ok(Self {
            text,
            at: 0,
            depth,
            budget,
            facts,
            pending: Vec::new(),
            commands: Vec::new(),
            substituting: 0,
        })
    }

    /// The character at `at + n`, as it is.
    pub(super) fn raw(&self, n: usize) -> Option<char> {
        self.text.get(self.at.saturating_add(n)).copied()
    }

    /// The next character, behind continued lines.
    pub(super) fn peek(&mut self) -> Option<char> {
        while self.raw(0) == Some('\\') && self.raw(1) == Some('\n') {
            self.at += 2;
        }
        self.raw(0)
    }

    /// The character after the next.
    pub(super) fn peek_second(&mut self) -> Option<char> {
        self.peek()?;
        let here = self.at;
        self.at += 1;
        let second = self.peek();
        self.at = here;
        second
    }

    /// Takes the next character.
    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Takes the next character if it is `c`.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += 1;
        }
        found
    }

    pub(super) fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Fault::TooDeep) } else { Ok(()) }
    }

    /// Skips blanks, and a comment.
    pub(super) fn skip_blanks(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' => self.at += 1,
                '#' => {
                    while self.raw(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    /// Reads a word. Empty and unquoted when none begins here.
    pub(super) fn word(&mut self) -> Result<RawWord, Fault> {
        let mut word = RawWord::default();
        while let Some(c) = self.peek() {
            match c {
                '<' | '>' if self.peek_second() == Some('(') => {
                    self.at += 1;
                    self.bump();
                    self.substitution(&mut word)?;
                    word.bash = true;
                }
                _ if is_meta(c) => break,
                '\\' => {
                    self.at += 1;
                    // At the very end shells differ: some keep it, some do not.
                    word.quote(self.raw(0).ok_or(Fault::Unterminated)?);
                    self.at += 1;
                }
                '\'' => {
                    self.at += 1;
                    self.single(&mut word)?;
                }
                '"' => {
                    self.at += 1;
                    self.double(&mut word)?;
                }
                '$' => {
                    self.at += 1;
                    self.dollar(&mut word, false)?;
                }
                '`' => {
                    self.at += 1;
                    self.backquoted(&mut word, false)?;
                }
                '!' if self.is_history(false) => {
                    self.at += 1;
                    word.doubt(Doubt::History);
                }
                _ => {
                    self.at += 1;
                    if hidden(c).is_some() {
                        word.doubt(Doubt::Character);
                    } else {
                        word.plain(c);
                    }
                }
            }
        }
        Ok(word)
    }

    /// Whether the `!` here would put in what was typed before (bash: "History Expansion").
    fn is_history(&mut self, double: bool) -> bool {
        match self.peek_second() {
            None | Some(' ' | '\t' | '\n' | '=' | '(') => false,
            Some('"') => !double,
            Some(_) => true,
        }
    }

    /// The rest of '...'.
    fn single(&mut self, word: &mut RawWord) -> Result<(), Fault> {
        word.open();
        loop {
            let c = self.raw(0).ok_or(Fault::Unterminated)?;
            self.at += 1;
            if c == '\'' {
                return Ok(());
            }
            word.quote(c);
        }
    }

    /// The rest of "...".
    pub(super) fn double(&mut self, word: &mut RawWord) -> Result<(), Fault> {
        word.open();
        loop {
            if self.peek() == Some('"') {
                self.at += 1;
                return Ok(());
            }
            if !self.in_double(word)? {
                return Err(Fault::Unterminated);
            }
        }
    }

    /// One piece of what stands in double quotes or in a here-document. False at the end of the text.
    pub(super) fn in_double(&mut self, word: &mut RawWord) -> Result<bool, Fault> {
        let Some(c) = self.peek() else { return Ok(false) };
        match c {
            '\\' => {
                self.at += 1;
                match self.raw(0) {
                    Some(c @ ('$' | '`' | '"' | '\\')) => word.quote(c),
                    Some(c) => {
                        word.quote('\\');
                        word.quote(c);
                    }
                    None => return Ok(false),
                }
                self.at += 1;
            }
            '$' => {
                self.at += 1;
                self.dollar(word, true)?;
            }
            '`' => {
                self.at += 1;
                self.backquoted(word, true)?;
            }
            '!' if self.is_history(true) => {
                self.at += 1;
                word.doubt(Doubt::History);
            }
            _ => {
                self.at += 1;
                word.quote(c);
            }
        }
        Ok(true)
    }

    /// Takes a line end, and the bodies of the here-documents that begin behind it (XCU 2.7.4).
    pub(super) fn newline(&mut self) -> Result<(), Fault> {
        self.at += 1;
        for pending in std::mem::take(&mut self.pending) {
            self.body(&pending)?;
        }
        Ok(())
    }

    fn body(&mut self, pending: &Pending) -> Result<(), Fault> {
        let mut body = String::new();
        loop {
            if self.raw(0).is_none() {
                // bash takes the end of the text for the mark, and warns; others do not.
                return Err(Fault::Unterminated);
            }
            let mut line = String::new();
            let mut ended = false;
            while let Some(c) = self.raw(0) {
                self.at += 1;
                ended = c == '\n';
                if ended {
                    break;
                }
                line.push(c);
            }
            let bare = if pending.tabs { line.trim_start_matches('\t') } else { &line };
            if bare == pending.mark {
                // The line end stays, to end the line that the document belongs to.
                if ended {
                    self.at -= 1;
                }
                break;
            }
            // Joined lines could make the mark; shells differ.
            if !pending.literal && line.ends_with('\\') {
                return Err(Fault::Construct("a continued line in a here-document"));
            }
            body.push_str(&line);
            body.push('\n');
        }
        if !pending.literal {
            self.body_expansions(&body)?;
        }
        Ok(())
    }
}
