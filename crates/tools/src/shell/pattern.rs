//! Which commands an operator allows, and whether a line is made of nothing else.
//!
//! A pattern is a command as a shell would write it: `git status`, `git log --oneline *`, `tar xf /srv/in/*.tar`. Word
//! stands for word, and
//! - `*` alone stands for one word that is no option (does not begin with `-` or `+`); at the end, for any number;
//! - `*` within a word stands for any characters, but never leads above: a word with a part `..` does not fit. So
//!   `--format=*` is one option with any value, and `-*` any option;
//! - a redirection in the pattern (`> /tmp/out/*`) is allowed and needed no more than that;
//! - quotes and escapes take a `*` its meaning.
//!
//! What always holds: every command of the reading fits a pattern, or stands literally in the pattern of the command
//! that runs it; every word is decidable; code that was not read fits only the same code in the pattern.

use super::lex::{Atom, RawWord};
use super::{
    Budget, Doubt, Fault, Origin, Reading, RedirectOp, Redirection, Simple, Word, parse, read, read_argv,
};
use cordon_types::Problem;
use std::fmt;

/// Which shell will read the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// Some POSIX shell: what only bash reads so is refused.
    #[default]
    Posix,
    /// bash.
    Bash,
}

impl Shell {
    /// The shell of that name; none for shells that are not read here (PowerShell, cmd.exe, fish, csh, zsh).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sh" | "posix" | "dash" | "ash" => Some(Shell::Posix),
            "bash" => Some(Shell::Bash),
            _ => None,
        }
    }
}

/// One allowed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPattern {
    words: Vec<Piece>,
    /// A last `*`: any number of operands.
    rest: bool,
    redirections: Vec<(Option<u32>, RedirectOp, Piece)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Exact(String),
    /// `*`: one operand.
    Operand,
    /// Texts with anything between them.
    Parts(Vec<String>),
}

impl CommandPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not one simple command, or holds something that is not decidable.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let hint = "write one command, such as `git log *`; quote what is not letters";
        let bad = |why: String| Problem::new("", format!("the command pattern is not accepted: {why}"), hint);
        let mut parsed = parse::parse(text, 0, &mut Budget::new()).map_err(|f| bad(f.to_string()))?;
        let one = parsed.commands.pop().filter(|_| parsed.commands.is_empty() && !parsed.facts.compound);
        let Some(raw) = one else { return Err(bad("it is not one simple command".to_owned())) };
        if parsed.facts.background || !raw.assignments.is_empty() {
            return Err(bad("it sets a variable or stays in the background".to_owned()));
        }
        let piece = |w: &RawWord| piece(w).ok_or_else(|| bad("a word of it is undecidable".to_owned()));
        let mut words = raw.words.iter().map(piece).collect::<Result<Vec<_>, _>>()?;
        let rest = words.last() == Some(&Piece::Operand);
        if rest {
            words.pop();
        }
        if !matches!(words.first(), Some(Piece::Exact(_))) {
            return Err(bad("the program is not named".to_owned()));
        }
        let redirections = raw.redirections.iter().map(|r| Ok((r.fd, r.op, piece(&r.target)?)));
        Ok(Self { words, rest, redirections: redirections.collect::<Result<_, Problem>>()? })
    }

    fn fits(&self, simple: &Simple) -> bool {
        let enough =
            simple.words.len() == self.words.len() || (self.rest && simple.words.len() > self.words.len());
        let word = |(i, w): (usize, &Word)| {
            let Some(text) = w.text() else { return false };
            match self.words.get(i) {
                Some(piece) => piece.fits(text),
                None => Piece::Operand.fits(text),
            }
        };
        enough
            && simple.words.iter().enumerate().all(word)
            && simple.code.iter().all(|i| self.is_exact(*i))
            && simple.redirections.iter().all(|r| self.redirects(r))
    }

    /// Whether the word at `i` stands in the pattern as it is.
    fn is_exact(&self, i: usize) -> bool {
        matches!(self.words.get(i), Some(Piece::Exact(_)))
    }

    fn redirects(&self, it: &Redirection) -> bool {
        let allowed = |(fd, op, target): &(Option<u32>, RedirectOp, Piece)| {
            *fd == it.fd && *op == it.op && it.target.text().is_some_and(|t| target.fits(t))
        };
        harmless(it) || self.redirections.iter().any(allowed)
    }
}

/// Output to nowhere or to the other output, input from nowhere.
fn harmless(it: &Redirection) -> bool {
    let nowhere = it.target.text() == Some("/dev/null");
    match it.op {
        RedirectOp::Out | RedirectOp::Append => nowhere && it.fd.is_none_or(|fd| fd == 1 || fd == 2),
        RedirectOp::Both | RedirectOp::In => nowhere && it.fd.is_none_or(|fd| fd == 0),
        RedirectOp::DupOut => {
            matches!(it.target.text(), Some("1" | "2")) && it.fd.is_none_or(|fd| fd == 1 || fd == 2)
        }
        _ => false,
    }
}

fn piece(word: &RawWord) -> Option<Piece> {
    if word.atoms == [Atom::Char('*', false)] {
        return Some(Piece::Operand);
    }
    let mut parts = vec![String::new()];
    for atom in &word.atoms {
        match atom {
            Atom::Doubt(_) => return None,
            Atom::Char('*', false) => parts.push(String::new()),
            Atom::Char(c, _) => {
                if let Some(last) = parts.last_mut() {
                    last.push(*c);
                }
            }
        }
    }
    Some(if parts.len() == 1 { Piece::Exact(parts.concat()) } else { Piece::Parts(parts) })
}

impl Piece {
    fn fits(&self, text: &str) -> bool {
        let is_option = text.starts_with(['-', '+']);
        match self {
            Piece::Exact(exact) => exact == text,
            Piece::Operand => !is_option,
            Piece::Parts(parts) => {
                let open = parts.first().is_some_and(String::is_empty);
                let hides = (open && is_option) || text.split(['/', '\\']).any(|p| p == "..");
                !hides && between(parts, text)
            }
        }
    }
}

/// Whether the text is the parts in order with anything between them.
fn between(parts: &[String], text: &str) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in parts.iter().skip(1).take(parts.len().saturating_sub(2)) {
        let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
        rest = after;
    }
    parts.len() > 1 && rest.ends_with(last.as_str())
}

/// Why a line is not permitted. It holds places, no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It cannot be read.
    Unreadable(Fault),
    /// It runs nothing.
    Empty,
    /// A word is undecidable.
    Undecidable {
        /// The command, by its place in the reading.
        command: usize,
        /// The word, by its place in the command.
        word: usize,
        /// Why.
        doubt: Doubt,
    },
    /// Shells differ on a word.
    Dialect {
        /// The command.
        command: usize,
    },
    /// Something is put into the line that it does not say, outside any word of a command.
    Expansion,
    /// A variable is set, which changes what commands do.
    Assignment {
        /// The command.
        command: usize,
    },
    /// Its program comes from its input.
    RunsInput {
        /// The command.
        command: usize,
    },
    /// No pattern fits: the program, its words, its redirections or its code.
    NoPattern {
        /// The command.
        command: usize,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |i: &usize| i + 1;
        match self {
            Why::Unreadable(fault) => write!(f, "the command line cannot be read: {fault}"),
            Why::Empty => f.write_str("the command line runs nothing"),
            Why::Undecidable { command, word, doubt } => {
                write!(f, "command {}: word {} is undecidable ({})", n(command), n(word), doubt.name())
            }
            Why::Dialect { command } => write!(f, "command {}: shells read a word differently", n(command)),
            Why::Expansion => f.write_str("an expansion outside the commands' words"),
            Why::Assignment { command } => write!(f, "command {}: a variable is set", n(command)),
            Why::RunsInput { command } => {
                write!(f, "command {}: its program comes from its input", n(command))
            }
            Why::NoPattern { command } => write!(f, "command {}: no allowed pattern fits", n(command)),
        }
    }
}

impl Doubt {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Doubt::Variable => "variable",
            Doubt::Substitution => "substitution",
            Doubt::Arithmetic => "arithmetic",
            Doubt::Glob => "glob",
            Doubt::Braces => "braces",
            Doubt::Tilde => "tilde",
            Doubt::History => "history",
            Doubt::Translation => "translation",
            Doubt::Character => "character",
            Doubt::Input => "input",
        }
    }
}

/// Whether every command of the line is allowed.
///
/// # Errors
/// Why not: the first reason, by command.
pub fn permits(shell: Shell, allowed: &[CommandPattern], text: &str) -> Result<(), Why> {
    judge(shell, allowed, &read(text).map_err(Why::Unreadable)?)
}

/// Whether a program with these arguments, that no shell will read, is allowed.
///
/// # Errors
/// Why not.
pub fn permits_argv(shell: Shell, allowed: &[CommandPattern], argv: &[&str]) -> Result<(), Why> {
    judge(shell, allowed, &read_argv(argv).map_err(Why::Unreadable)?)
}

/// By what a command may run.
#[derive(Clone, Copy)]
enum Cover<'a> {
    /// A pattern fits, and the command begins at this word of it.
    Words(&'a CommandPattern, usize),
    /// Its whole text stands in a pattern.
    Text,
}

fn judge(shell: Shell, allowed: &[CommandPattern], reading: &Reading) -> Result<(), Why> {
    let mut covers: Vec<Vec<Cover<'_>>> = Vec::with_capacity(reading.commands.len());
    for (i, simple) in reading.commands.iter().enumerate() {
        decidable(shell, i, simple)?;
        // A group's redirections, which run nothing.
        if simple.words.is_empty() && simple.redirections.iter().all(harmless) {
            covers.push(Vec::new());
            continue;
        }
        // More than one may fit, and each may say more about what this command runs.
        let own = allowed.iter().filter(|p| p.fits(simple)).map(|p| Cover::Words(p, 0));
        let here: Vec<Cover<'_>> = own.chain(covered(simple, &covers)).collect();
        if here.is_empty() {
            return Err(Why::NoPattern { command: i });
        }
        covers.push(here);
    }
    if reading.has_substitution || reading.has_expansion {
        return Err(Why::Expansion);
    }
    if reading.commands.is_empty() { Err(Why::Empty) } else { Ok(()) }
}

fn decidable(shell: Shell, command: usize, simple: &Simple) -> Result<(), Why> {
    for (word, it) in simple.words.iter().enumerate() {
        match it {
            Word::Undecidable(doubt) => return Err(Why::Undecidable { command, word, doubt: *doubt }),
            Word::BashOnly(_) if shell != Shell::Bash => return Err(Why::Dialect { command }),
            _ => {}
        }
    }
    if !simple.assignments.is_empty() {
        return Err(Why::Assignment { command });
    }
    for it in &simple.redirections {
        match it.target {
            Word::Undecidable(doubt) => {
                return Err(Why::Undecidable { command, word: simple.words.len(), doubt });
            }
            Word::BashOnly(_) if shell != Shell::Bash => return Err(Why::Dialect { command }),
            _ => {}
        }
    }
    if simple.runs_input { Err(Why::RunsInput { command }) } else { Ok(()) }
}

/// The patterns of the command that runs this one that name its beginning, and its code, as they are.
fn covered<'a>(simple: &Simple, covers: &[Vec<Cover<'a>>]) -> Vec<Cover<'a>> {
    let Origin::Inner { by, at, text } = simple.origin else { return Vec::new() };
    let inner = |cover: &Cover<'a>| match cover {
        Cover::Text => Some(Cover::Text),
        Cover::Words(pattern, offset) => {
            let begin = offset + at;
            let same =
                pattern.is_exact(begin) && simple.code.iter().all(|i| text || pattern.is_exact(begin + i));
            same.then_some(if text { Cover::Text } else { Cover::Words(pattern, begin) })
        }
    };
    covers.get(by).into_iter().flatten().filter_map(inner).collect()
}
