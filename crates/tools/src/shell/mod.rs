//! How a shell would read a command line, so that policy sees what would run.
//!
//! ```text
//! text ─ lex, parse ─> simple commands of raw words ─ brace, quotes ─> words: literal, or undecidable
//!                                                    ─ wrap ─> what sudo, env, sh -c, find -exec ... would run
//!                                                    ─ code ─> which words are programs of their own
//!                                                    ─ pattern ─> permits, or why not
//! ```
//! The grammar is that of POSIX.1-2024, XCU chapter 2 (Shell Command Language), with what bash adds where bash adds
//! it. A word is *literal* when it is the same for every state of the shell; anything else is *undecidable*, and
//! [`permits`] refuses it. What only bash reads so ([`Word::BashOnly`]) is refused too, unless bash is known to read it.
//!
//! What always holds: the reading is bounded in text, depth, words and commands; what is not understood is a
//! [`Fault`], never skipped. No error holds any of the text. What it does not do: run or look up anything, or read
//! PowerShell and cmd.exe: a command for those is an unknown program's name here.

mod brace;
mod code;
mod expand;
mod lex;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;
mod word;
mod wrap;

pub use pattern::{CommandPattern, Shell, Why, permits, permits_argv};

use std::fmt;

/// Longest command line, in characters.
pub const MAX_TEXT: usize = 65_536;
/// Deepest nesting: substitutions, groups, and commands within commands (`sh -c "sh -c ..."`), together.
pub const MAX_DEPTH: usize = 24;
/// Most simple commands of one line.
pub const MAX_COMMANDS: usize = 512;
/// Most words of one line, brace expansion and inner commands included.
pub const MAX_WORDS: usize = 4_096;
/// Most words that one word may become by brace expansion.
pub const MAX_BRACES: usize = 256;

/// What a shell would do with a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Every simple command, those within substitutions, groups and wrappers too. A wrapper stands before what it
    /// wraps.
    pub commands: Vec<Simple>,
    /// Output of a command becomes part of the line: `$(..)`, backquotes, `<(..)`.
    pub has_substitution: bool,
    /// Something is put in that the text does not say: a variable, arithmetic.
    pub has_expansion: bool,
    /// Something keeps running: `&`.
    pub has_background: bool,
    /// There is a group, a subshell, a loop or a condition.
    pub has_compound: bool,
}

/// One simple command: a program and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// The program and its arguments, after quoting and brace expansion.
    pub words: Vec<Word>,
    /// `NAME=value` before the program, or put there by `env`: the name and the value.
    pub assignments: Vec<(String, Word)>,
    /// Where input comes from and output goes.
    pub redirections: Vec<Redirection>,
    /// Where it stands.
    pub origin: Origin,
    /// Whether something that the line says feeds its standard input: a pipe, a file, a here-document.
    pub fed: bool,
    /// The words, by index, that are programs for somebody else and were not read here: the text after `python -c`,
    /// a value of `git -c`, an awk script, what a remote shell gets.
    pub code: Vec<usize>,
    /// Whether it takes its program from its standard input (`... | sh`).
    pub runs_input: bool,
}

/// Where a simple command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// In the line itself.
    #[default]
    Line,
    /// In a substitution.
    Substitution,
    /// In another command, which runs it: `sudo`, `env`, `sh -c`, `eval`, `find -exec`.
    Inner {
        /// That command, by index.
        by: usize,
        /// The word of that command at which this one begins, or that holds its text.
        at: usize,
        /// Whether that word holds its text, rather than being its first word.
        text: bool,
    },
}

/// One word, as the program gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Every shell makes this of it.
    Literal(String),
    /// bash makes this of it; other shells something else (`$'..'`, brace expansion).
    BashOnly(String),
    /// Nobody knows before it runs.
    Undecidable(Doubt),
}

impl Word {
    /// The text, where it is known at least to bash.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Word::Literal(text) | Word::BashOnly(text) => Some(text),
            Word::Undecidable(_) => None,
        }
    }
}

/// Why a word is undecidable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// `$x`, `${x}`, `$1`, `$?`.
    Variable,
    /// `$(..)`, backquotes, `<(..)`, `>(..)`.
    Substitution,
    /// `$((..))`, `$[..]`.
    Arithmetic,
    /// `*`, `?`, `[..]`: files that are there.
    Glob,
    /// A brace expansion that is too large or that shells read differently.
    Braces,
    /// `~name`, `~+`, and a tilde after `=` or `:`.
    Tilde,
    /// `!..` and `^..`: an interactive shell puts in what was typed before.
    History,
    /// `$".."`: a translation.
    Translation,
    /// A character outside quotes that looks like a space or like nothing, or bytes that are no text.
    Character,
    /// What another program reads or finds: arguments from `xargs`, `{}` of `find`.
    Input,
}

/// Where input comes from, or output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// The number before the operator.
    pub fd: Option<u32>,
    /// The operator.
    pub op: RedirectOp,
    /// The file or descriptor; for a here-document, what ends it.
    pub target: Word,
}

/// Operators of redirection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectOp {
    /// `<`
    In,
    /// `<>`
    InOut,
    /// `<&`
    DupIn,
    /// `<<`, `<<-`
    HereDoc,
    /// `<<<` (bash)
    HereString,
    /// `>`, `>|`
    Out,
    /// `>>`
    Append,
    /// `>&`
    DupOut,
    /// `&>`, `&>>` (bash)
    Both,
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Over [`MAX_TEXT`].
    TooLong,
    /// Over [`MAX_DEPTH`].
    TooDeep,
    /// Over [`MAX_COMMANDS`] or [`MAX_WORDS`].
    TooMany,
    /// A control character (a carriage return, an escape, NUL): terminals and shells differ on what it does.
    Control,
    /// A quote, a bracket or a here-document without an end.
    Unterminated,
    /// A shell would refuse it, or read it in more than one way.
    Syntax,
    /// Something that is not read here, named.
    Construct(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooLong => write!(f, "the command line is over {MAX_TEXT} characters"),
            Fault::TooDeep => write!(f, "commands are nested over {MAX_DEPTH} deep"),
            Fault::TooMany => write!(f, "over {MAX_COMMANDS} commands or {MAX_WORDS} words"),
            Fault::Control => f.write_str("a control character other than tab and line end"),
            Fault::Unterminated => f.write_str("a quote, bracket or here-document has no end"),
            Fault::Syntax => f.write_str("not the shell's grammar"),
            Fault::Construct(what) => write!(f, "{what} is not read"),
        }
    }
}

impl std::error::Error for Fault {}

/// What is left of the bounds of one line, however often parts of it are read.
#[derive(Debug)]
struct Budget {
    words: usize,
    commands: usize,
}

impl Budget {
    fn new() -> Self {
        Self { words: MAX_WORDS, commands: MAX_COMMANDS }
    }

    fn word(&mut self) -> Result<(), Fault> {
        self.words = self.words.checked_sub(1).ok_or(Fault::TooMany)?;
        Ok(())
    }

    fn command(&mut self) -> Result<(), Fault> {
        self.commands = self.commands.checked_sub(1).ok_or(Fault::TooMany)?;
        Ok(())
    }
}

/// Reads a command line as `sh -c` and `bash -c` would.
///
/// # Errors
/// When it cannot be read, or is over its bounds.
pub fn read(text: &str) -> Result<Reading, Fault> {
    let mut budget = Budget::new();
    let mut reading = Reading::default();
    read_into(text, 0, Origin::Line, &mut budget, &mut reading)?;
    Ok(reading)
}

/// Reads a program and its arguments that no shell will see: the words are what they are; what a wrapper would run is
/// read all the same.
///
/// # Errors
/// When it is over its bounds, a word holds NUL, or what a wrapper would run cannot be read.
pub fn read_argv(argv: &[&str]) -> Result<Reading, Fault> {
    let mut budget = Budget::new();
    let mut reading = Reading::default();
    let mut simple = Simple::default();
    if argv.iter().map(|w| w.chars().count()).sum::<usize>() > MAX_TEXT {
        return Err(Fault::TooLong);
    }
    for word in argv {
        if word.contains('\0') {
            return Err(Fault::Control);
        }
        budget.word()?;
        simple.words.push(Word::Literal((*word).to_owned()));
    }
    budget.command()?;
    wrap::place(simple, 0, &mut budget, &mut reading)?;
    Ok(reading)
}

/// Reads a text, with whatever it wraps, onto the end of a reading.
fn read_into(
    text: &str,
    depth: usize,
    origin: Origin,
    budget: &mut Budget,
    reading: &mut Reading,
) -> Result<(), Fault> {
    let parsed = parse::parse(text, depth, budget)?;
    reading.has_substitution |= parsed.facts.substitution;
    reading.has_expansion |= parsed.facts.expansion;
    reading.has_background |= parsed.facts.background;
    reading.has_compound |= parsed.facts.compound;
    for raw in parsed.commands {
        let mut simple = word::finish(raw, budget)?;
        if simple.origin == Origin::Line {
            simple.origin = origin;
        }
        wrap::place(simple, depth, budget, reading)?;
    }
    Ok(())
}
