//! The grammar: lists, pipelines, compound commands, simple commands (XCU 2.9, 2.10).
//!
//! ```text
//! list ─> and-or ─> pipeline ─> command ─> simple: assignments, words, redirections
//!                                       └> ( ) { } if while until for case: lists again
//! ```
//! What is refused rather than read: functions and arrays, `[[ ]]` and `(( ))`, `select` and `coproc`: each changes
//! what later words mean, or has a grammar of its own.
//!
//! What always holds: every simple command of the text is in the result, in the order in which it ends.

use super::lex::{Atom, Facts, Pending, RawWord, Reader, is_meta};
use super::{Budget, Fault, Origin, RedirectOp};

/// A simple command before its words are looked at.
#[derive(Debug, Default)]
pub(super) struct RawSimple {
    pub(super) words: Vec<RawWord>,
    pub(super) assignments: Vec<(String, RawWord)>,
    pub(super) redirections: Vec<RawRedirection>,
    pub(super) origin: Origin,
    pub(super) fed: bool,
}

#[derive(Debug)]
pub(super) struct RawRedirection {
    pub(super) fd: Option<u32>,
    pub(super) op: RedirectOp,
    pub(super) bash: bool,
    pub(super) target: RawWord,
}

/// A text as parsed.
pub(super) struct Parsed {
    pub(super) commands: Vec<RawSimple>,
    pub(super) facts: Facts,
}

/// What ends a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The end of the text.
    End,
    /// `)`
    Paren,
    /// One of these words, where a command could begin.
    Words(&'static [&'static str]),
    /// `;;`, `;&`, `;;&` or `esac`.
    Case,
}

const RESERVED: &[&str] = &[
    "if", "then", "elif", "else", "fi", "while", "until", "for", "do", "done", "case", "esac", "{", "}", "!",
    "[[", "]]", "function", "select", "coproc", "in",
];

/// Parses a whole text.
pub(super) fn parse(text: &str, depth: usize, budget: &mut Budget) -> Result<Parsed, Fault> {
    let mut reader = Reader::new(text, depth, budget)?;
    reader.list(Stop::End)?;
    if reader.raw(0).is_some() {
        return Err(Fault::Syntax);
    }
    if !reader.pending.is_empty() {
        return Err(Fault::Unterminated);
    }
    Ok(Parsed { commands: reader.commands, facts: reader.facts })
}

impl Reader<'_> {
    /// Commands up to what ends them, which stays.
    pub(super) fn list(&mut self, stop: Stop) -> Result<(), Fault> {
        loop {
            self.skip_newlines()?;
            if self.stops(stop) || (self.peek().is_none() && stop == Stop::End) {
                return Ok(());
            }
            self.and_or()?;
            self.skip_blanks();
            match self.peek() {
                Some(';') => match self.peek_second() {
                    Some(';' | '&') if stop == Stop::Case => return Ok(()),
                    Some(';' | '&') => return Err(Fault::Syntax),
                    _ => self.at += 1,
                },
                Some('&') => {
                    self.facts.background = true;
                    self.at += 1;
                }
                Some('\n') => {}
                Some(')') if stop == Stop::Paren => return Ok(()),
                None if stop == Stop::End => return Ok(()),
                None => return Err(Fault::Unterminated),
                Some(_) => return Err(Fault::Syntax),
            }
        }
    }

    fn stops(&mut self, stop: Stop) -> bool {
        match stop {
            Stop::End => false,
            Stop::Paren => self.peek() == Some(')'),
            Stop::Words(words) => self.keyword().is_some_and(|w| words.contains(&w)),
            Stop::Case => {
                self.keyword() == Some("esac")
                    || (self.peek() == Some(';') && matches!(self.peek_second(), Some(';' | '&')))
            }
        }
    }

    fn skip_newlines(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return Ok(());
            }
            self.newline()?;
        }
    }

    fn and_or(&mut self) -> Result<(), Fault> {
        loop {
            self.pipeline()?;
            self.skip_blanks();
            let twice = |a: Option<char>, b: Option<char>, c: char| a == Some(c) && b == Some(c);
            let (a, b) = (self.peek(), self.peek_second());
            if !twice(a, b, '&') && !twice(a, b, '|') {
                return Ok(());
            }
            self.bump();
            self.bump();
            self.skip_newlines()?;
        }
    }

    fn pipeline(&mut self) -> Result<(), Fault> {
        self.skip_blanks();
        while self.keyword() == Some("!") {
            self.take_keyword();
            self.skip_blanks();
        }
        let mut first = true;
        loop {
            let before = self.commands.len();
            self.command()?;
            if !first {
                self.feed(before);
            }
            self.skip_blanks();
            if self.peek() != Some('|') || self.peek_second() == Some('|') {
                return Ok(());
            }
            self.bump();
            self.eat('&');
            self.skip_newlines()?;
            first = false;
        }
    }

    /// Commands from `before` on read what the line feeds them.
    fn feed(&mut self, before: usize) {
        self.commands.iter_mut().skip(before).for_each(|c| c.fed = true);
    }

    fn command(&mut self) -> Result<(), Fault> {
        self.skip_blanks();
        let before = self.commands.len();
        let compound = match self.keyword() {
            Some("if") => Some(Self::if_clause as fn(&mut Self) -> Result<(), Fault>),
            Some("while" | "until") => Some(Self::loop_clause as _),
            Some("for") => Some(Self::for_clause as _),
            Some("case") => Some(Self::case_clause as _),
            Some("{") => Some(Self::group as _),
            Some("[[") => return Err(Fault::Construct("`[[`")),
            Some("function") => return Err(Fault::Construct("a function")),
            Some("select") => return Err(Fault::Construct("`select`")),
            Some("coproc") => return Err(Fault::Construct("`coproc`")),
            // Only a `for` and a `case` know it.
            Some("in") | None if self.peek() != Some('(') => None,
            None if self.peek_second() == Some('(') => return Err(Fault::Construct("`((`")),
            None => Some(Self::subshell as _),
            Some(_) => return Err(Fault::Syntax),
        };
        let Some(compound) = compound else { return self.simple() };
        self.facts.compound = true;
        self.deeper()?;
        compound(self)?;
        self.depth -= 1;
        self.compound_redirections(before)
    }

    /// Redirections behind a compound command: a command without words holds them.
    fn compound_redirections(&mut self, before: usize) -> Result<(), Fault> {
        let mut holder = RawSimple::default();
        loop {
            self.skip_blanks();
            match self.redirection()? {
                Some(it) => holder.redirections.push(it),
                None => break,
            }
        }
        if holder.redirections.is_empty() {
            return Ok(());
        }
        if holder.redirections.iter().any(|r| is_input(r.op)) {
            self.feed(before);
        }
        self.push(holder)
    }

    fn push(&mut self, mut simple: RawSimple) -> Result<(), Fault> {
        self.budget.command()?;
        if self.substituting > 0 {
            simple.origin = Origin::Substitution;
        }
        simple.fed |= simple.redirections.iter().any(|r| is_input(r.op) && r.fd.is_none_or(|fd| fd == 0));
        self.commands.push(simple);
        Ok(())
    }

    fn subshell(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.list(Stop::Paren)?;
        if self.eat(')') { Ok(()) } else { Err(Fault::Unterminated) }
    }

    fn group(&mut self) -> Result<(), Fault> {
        self.take_keyword();
        self.list(Stop::Words(&["}"]))?;
        self.expect("}")
    }

    fn if_clause(&mut self) -> Result<(), Fault> {
        self.take_keyword();
        loop {
            self.list(Stop::Words(&["then"]))?;
            self.expect("then")?;
            self.list(Stop::Words(&["elif", "else", "fi"]))?;
            match self.keyword() {
                Some("elif") => self.take_keyword(),
                Some("else") => {
                    self.take_keyword();
                    self.list(Stop::Words(&["fi"]))?;
                    return self.expect("fi");
                }
                _ => return self.expect("fi"),
            }
        }
    }

    fn loop_clause(&mut self) -> Result<(), Fault> {
        self.take_keyword();
        self.list(Stop::Words(&["do"]))?;
        self.body_of_loop()
    }

    fn body_of_loop(&mut self) -> Result<(), Fault> {
        self.expect("do")?;
        self.list(Stop::Words(&["done"]))?;
        self.expect("done")
    }

    fn for_clause(&mut self) -> Result<(), Fault> {
        self.take_keyword();
        self.skip_blanks();
        let name = self.word()?;
        if !is_name(&name.atoms) {
            return Err(Fault::Syntax);
        }
        self.skip_newlines()?;
        if self.keyword() == Some("in") {
            self.take_keyword();
            loop {
                self.skip_blanks();
                match self.peek() {
                    Some(';' | '\n') => break,
                    None => return Err(Fault::Unterminated),
                    Some(c) if is_meta(c) && !matches!(c, '<' | '>') => return Err(Fault::Syntax),
                    Some(_) => {
                        self.budget.word()?;
                        if self.word()? == RawWord::default() {
                            return Err(Fault::Syntax);
                        }
                    }
                }
            }
        }
        self.skip_blanks();
        self.eat(';');
        self.skip_newlines()?;
        self.body_of_loop()
    }

    fn case_clause(&mut self) -> Result<(), Fault> {
        self.take_keyword();
        self.skip_blanks();
        self.word()?;
        self.skip_newlines()?;
        self.expect("in")?;
        loop {
            self.skip_newlines()?;
            if self.keyword() == Some("esac") {
                self.take_keyword();
                return Ok(());
            }
            self.eat('(');
            loop {
                self.skip_blanks();
                self.budget.word()?;
                if self.word()? == RawWord::default() {
                    return Err(Fault::Syntax);
                }
                self.skip_blanks();
                match self.bump() {
                    Some('|') => {}
                    Some(')') => break,
                    _ => return Err(Fault::Syntax),
                }
            }
            self.list(Stop::Case)?;
            if self.eat(';') {
                // `;;`, and bash's `;&` and `;;&`.
                self.eat(';');
                self.eat('&');
            }
        }
    }

    /// The reserved word that stands here, if one does, unquoted and whole.
    fn keyword(&mut self) -> Option<&'static str> {
        let here = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !is_meta(*c)) {
            self.at += 1;
            text.push(c);
            if text.len() > 8 {
                break;
            }
        }
        self.at = here;
        RESERVED.iter().copied().find(|w| *w == text)
    }

    fn take_keyword(&mut self) {
        while self.peek().is_some_and(|c| !is_meta(c)) {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), Fault> {
        if self.keyword() == Some(word) {
            self.take_keyword();
            return Ok(());
        }
        Err(if self.peek().is_none() { Fault::Unterminated } else { Fault::Syntax })
    }

    fn simple(&mut self) -> Result<(), Fault> {
        let mut simple = RawSimple::default();
        loop {
            self.skip_blanks();
            if let Some(redirection) = self.redirection()? {
                simple.redirections.push(redirection);
                continue;
            }
            match self.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')') => break,
                // `f()` makes a function, `x=()` an array.
                Some('(') if simple.words.len() + simple.assignments.len() > 0 => {
                    return Err(Fault::Construct("a function, an array or a pattern in brackets"));
                }
                Some('(') => return Err(Fault::Syntax),
                Some(_) => {}
            }
            self.budget.word()?;
            let word = self.word()?;
            if self.raw(0) == Some('(') {
                return Err(Fault::Construct("a function, an array or a pattern in brackets"));
            }
            match assignment(&word)? {
                Some(it) if simple.words.is_empty() => simple.assignments.push(it),
                _ => simple.words.push(word),
            }
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && simple.redirections.is_empty() {
            return Err(if self.peek().is_none() { Fault::Unterminated } else { Fault::Syntax });
        }
        self.push(simple)
    }

    /// A redirection, if one begins here (XCU 2.7).
    fn redirection(&mut self) -> Result<Option<RawRedirection>, Fault> {
        let here = self.at;
        let fd = self.descriptor()?;
        let Some(c) = self.peek() else {
            self.at = here;
            return Ok(None);
        };
        let next = self.peek_second();
        let process = matches!(c, '<' | '>') && next == Some('(');
        let both = c == '&' && next == Some('>') && fd.is_none();
        if process || !(both || matches!(c, '<' | '>')) {
            self.at = here;
            return Ok(None);
        }
        self.bump();
        let (op, bash) = self.operator(c);
        if op == RedirectOp::HereDoc {
            let tabs = self.eat('-');
            self.skip_blanks();
            let target = self.target()?;
            if target.bash || target.atoms.iter().any(|a| matches!(a, Atom::Doubt(_))) {
                return Err(Fault::Construct("an expansion in the mark of a here-document"));
            }
            let mark =
                target.atoms.iter().filter_map(|a| if let Atom::Char(c, _) = a { Some(*c) } else { None });
            self.pending.push(Pending { mark: mark.collect(), literal: target.quoted, tabs });
            return Ok(Some(RawRedirection { fd, op, bash, target }));
        }
        self.skip_blanks();
        let target = self.target()?;
        Ok(Some(RawRedirection { fd, op, bash, target }))
    }

    fn target(&mut self) -> Result<RawWord, Fault> {
        self.budget.word()?;
        let target = self.word()?;
        if target == RawWord::default() { Err(Fault::Syntax) } else { Ok(target) }
    }

    /// The digits before an operator; bash's `{name}` there is refused.
    fn descriptor(&mut self) -> Result<Option<u32>, Fault> {
        let here = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '{' | '}' | '_'))
        {
            self.at += 1;
            text.push(c);
            if text.len() > 64 {
                break;
            }
        }
        let operator = matches!(self.peek(), Some('<' | '>'));
        if operator && text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            return text.parse().map(Some).map_err(|_| Fault::Syntax);
        }
        if operator && text.starts_with('{') && text.ends_with('}') {
            return Err(Fault::Construct("a named descriptor"));
        }
        self.at = here;
        Ok(None)
    }

    /// The operator whose first character has been taken, and whether only bash knows it.
    fn operator(&mut self, first: char) -> (RedirectOp, bool) {
        if first == '&' {
            self.bump();
            self.eat('>');
            return (RedirectOp::Both, true);
        }
        let next = self.peek();
        let taken = match (first, next) {
            ('<', Some('<')) => RedirectOp::HereDoc,
            ('<', Some('>')) => RedirectOp::InOut,
            ('<', Some('&')) => RedirectOp::DupIn,
            ('>', Some('>')) => RedirectOp::Append,
            ('>', Some('|')) => RedirectOp::Out,
            ('>', Some('&')) => RedirectOp::DupOut,
            ('<', _) => return (RedirectOp::In, false),
            _ => return (RedirectOp::Out, false),
        };
        self.bump();
        if taken == RedirectOp::HereDoc && self.eat('<') {
            return (RedirectOp::HereString, true);
        }
        (taken, false)
    }
}

fn is_input(op: RedirectOp) -> bool {
    matches!(
        op,
        RedirectOp::In | RedirectOp::InOut | RedirectOp::DupIn | RedirectOp::HereDoc | RedirectOp::HereString
    )
}

fn is_name(atoms: &[Atom]) -> bool {
    !atoms.is_empty()
        && atoms.iter().enumerate().all(|(i, a)| match a {
            Atom::Char(c, false) => *c == '_' || c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit()),
            _ => false,
        })
}

/// The name and value of `NAME=value` or `NAME+=value`.
fn assignment(word: &RawWord) -> Result<Option<(String, RawWord)>, Fault> {
    let Some(equals) = word.atoms.iter().position(|a| *a == Atom::Char('=', false)) else { return Ok(None) };
    // `''a=b` and `a''=b` are words like others.
    if word.first_quote.is_some_and(|at| at <= equals) {
        return Ok(None);
    }
    let (left, right) = word.atoms.split_at_checked(equals).unwrap_or((&word.atoms, &[]));
    let name = left.strip_suffix(&[Atom::Char('+', false)]).unwrap_or(left);
    let bracket = name.iter().position(|a| *a == Atom::Char('[', false));
    if let Some((inner, _)) = bracket.and_then(|i| name.split_at_checked(i))
        && is_name(inner)
    {
        return Err(Fault::Construct("an array"));
    }
    if !is_name(name) {
        return Ok(None);
    }
    let text = name.iter().filter_map(|a| if let Atom::Char(c, _) = a { Some(*c) } else { None }).collect();
    let atoms = right.iter().skip(1).copied().collect();
    Ok(Some((
        text,
        RawWord { atoms, quoted: true, first_quote: None, bash: word.bash || name.len() < left.len() },
    )))
}
