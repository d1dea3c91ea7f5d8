//! Commands that run other commands: what they run is read too.
//!
//! `sudo`, `env`, `nohup`, `timeout`, `xargs`, `find -exec`, `eval`, `sh -c`: the inner command becomes a command of
//! the reading, behind the one that runs it. Where an option is not known here, nothing is guessed: all words behind
//! the program's name count as code.
//!
//! What always holds: an inner command is never missing from the reading without its words being code.

use super::{Budget, Doubt, Fault, MAX_DEPTH, Origin, Reading, Simple, Word, code, read_into};

/// A program that runs the command in its arguments.
struct Wrapper {
    name: &'static str,
    /// Short options without a value.
    flags: &'static str,
    /// Short options with a value.
    values: &'static str,
    /// Long options without a value; those with one end in `=`.
    long: &'static [&'static str],
    /// Operands before the command.
    operands: usize,
    /// Whether `NAME=value` may stand before the command.
    assigns: bool,
}

const fn wrapper(
    name: &'static str,
    flags: &'static str,
    values: &'static str,
    long: &'static [&'static str],
    operands: usize,
    assigns: bool,
) -> Wrapper {
    Wrapper { name, flags, values, long, operands, assigns }
}

const WRAPPERS: &[Wrapper] = &[
    wrapper("command", "p", "", &[], 0, false),
    wrapper("builtin", "", "", &[], 0, false),
    wrapper("exec", "cl", "a", &[], 0, false),
    wrapper("nohup", "", "", &[], 0, false),
    wrapper("time", "p", "", &[], 0, false),
    wrapper("nice", "", "n", &["--adjustment="], 0, false),
    wrapper("ionice", "t", "cn", &["--class=", "--classdata=", "--ignore"], 0, false),
    wrapper(
        "timeout",
        "v",
        "ks",
        &["--foreground", "--preserve-status", "--verbose", "--kill-after=", "--signal="],
        1,
        false,
    ),
    wrapper("stdbuf", "", "ioe", &["--input=", "--output=", "--error="], 0, false),
    wrapper("setsid", "cfw", "", &["--ctty", "--fork", "--wait"], 0, false),
    wrapper("env", "i0v", "u", &["--ignore-environment", "--null", "--unset=", "--debug"], 0, true),
    wrapper(
        "sudo",
        "bEHknPS",
        "ugCpTU",
        &["--preserve-env", "--non-interactive", "--user=", "--group="],
        0,
        true,
    ),
    wrapper("doas", "n", "u", &[], 0, false),
    wrapper(
        "xargs",
        "0rtx",
        "dnLPs",
        &["--null", "--no-run-if-empty", "--max-args=", "--max-procs=", "--delimiter="],
        0,
        false,
    ),
    wrapper("busybox", "", "", &[], 0, false),
    wrapper("toybox", "", "", &[], 0, false),
];

/// Shells whose `-c` text is read; the others' is code.
const READ_SHELLS: &[&str] = &["sh", "bash", "dash", "ash"];

/// Puts a command into the reading, then what it runs.
pub(super) fn place(
    mut simple: Simple,
    depth: usize,
    budget: &mut Budget,
    reading: &mut Reading,
) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::TooDeep);
    }
    let by = reading.commands.len();
    let inner = inner(&simple.words);
    code::mark(&mut simple, matches!(inner, Inner::Unread));
    let (fed, words) = (simple.fed, simple.words.clone());
    reading.commands.push(simple);
    match inner {
        Inner::None | Inner::Unread => Ok(()),
        Inner::Text { at, text } => {
            let first = reading.commands.len();
            budget.command()?;
            read_into(&text, depth + 1, Origin::Inner { by, at, text: true }, budget, reading)?;
            if fed {
                for inner in reading.commands.iter_mut().skip(first) {
                    inner.fed = true;
                    code::mark_input(inner);
                }
            }
            Ok(())
        }
        Inner::Commands(found) => {
            for it in found {
                budget.command()?;
                let mut inner =
                    Simple { origin: Origin::Inner { by, at: it.at, text: false }, fed, ..Simple::default() };
                inner.assignments = it.assignments.clone();
                for word in words.iter().skip(it.at).take(it.count) {
                    budget.word()?;
                    inner.words.push(if it.is_input(word) {
                        Word::Undecidable(Doubt::Input)
                    } else {
                        word.clone()
                    });
                }
                if it.appended {
                    inner.words.push(Word::Undecidable(Doubt::Input));
                }
                place(inner, depth + 1, budget, reading)?;
            }
            Ok(())
        }
    }
}

enum Inner {
    None,
    /// It runs something, and what is not known here.
    Unread,
    Text {
        at: usize,
        text: String,
    },
    Commands(Vec<Span>),
}

/// An inner command: words of the outer one.
struct Span {
    at: usize,
    count: usize,
    assignments: Vec<(String, Word)>,
    /// Arguments from elsewhere follow.
    appended: bool,
    /// `{}` stands for what `find` finds.
    found: bool,
}

impl Span {
    fn is_input(&self, word: &Word) -> bool {
        self.found && word.text().is_none_or(|t| t.contains("{}"))
    }
}

fn inner(words: &[Word]) -> Inner {
    let Some(name) = words.first().and_then(Word::text).map(code::program) else { return Inner::None };
    match name.as_str() {
        "eval" if words.len() > 1 => joined(words),
        "find" => finding(words),
        _ if READ_SHELLS.contains(&name.as_str()) => shell(words),
        _ => match WRAPPERS.iter().find(|w| w.name == name) {
            Some(wrapper) => wrapped(wrapper, words),
            None => Inner::None,
        },
    }
}

/// `eval` joins its words with spaces and reads them again.
fn joined(words: &[Word]) -> Inner {
    let skip = if words.get(1).and_then(Word::text) == Some("--") { 2 } else { 1 };
    let texts: Option<Vec<&str>> = words.iter().skip(skip).map(Word::text).collect();
    match texts {
        Some(texts) if !texts.is_empty() => Inner::Text { at: skip, text: texts.join(" ") },
        Some(_) => Inner::None,
        None => Inner::Unread,
    }
}

fn wrapped(wrapper: &Wrapper, words: &[Word]) -> Inner {
    let mut at = 1;
    let mut operands = wrapper.operands;
    let mut assignments = Vec::new();
    let mut options = true;
    loop {
        let Some(word) = words.get(at) else { return Inner::None };
        let Some(text) = word.text() else {
            // The command's own name, or something before it, is not known.
            return if operands == 0 && options {
                span(words, at, assignments, wrapper)
            } else {
                Inner::Unread
            };
        };
        if options && text == "--" {
            options = false;
        } else if options && text.len() > 1 && text.starts_with('-') {
            match option(wrapper, text) {
                Some(skip) => at += skip,
                None if wrapper.name == "command" && matches!(text, "-v" | "-V") => return Inner::None,
                None => return Inner::Unread,
            }
        } else if wrapper.assigns && text.contains('=') {
            options = false;
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            assignments.push((name.to_owned(), Word::Literal(value.to_owned())));
        } else if operands > 0 {
            operands -= 1;
            options = false;
        } else {
            return span(words, at, assignments, wrapper);
        }
        at += 1;
    }
}

fn span(words: &[Word], at: usize, assignments: Vec<(String, Word)>, wrapper: &Wrapper) -> Inner {
    let appended = wrapper.name == "xargs";
    Inner::Commands(vec![Span { at, count: words.len() - at, assignments, appended, found: false }])
}

/// How many words after this option are its value; none where it is not known.
fn option(wrapper: &Wrapper, text: &str) -> Option<usize> {
    if text.starts_with("--") {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let with = wrapper.long.iter().any(|l| l.strip_suffix('=') == Some(name));
        let without = wrapper.long.contains(&name);
        return match (with, without, value) {
            (true, _, Some(_)) | (_, true, None) => Some(0),
            (true, _, None) => Some(1),
            _ => None,
        };
    }
    let mut letters = text.chars().skip(1);
    while let Some(c) = letters.next() {
        if wrapper.values.contains(c) {
            return Some(usize::from(letters.next().is_none()));
        }
        if !wrapper.flags.contains(c) {
            return None;
        }
    }
    Some(0)
}

/// `sh -c TEXT`: options first; the text is the first operand (XCU, `sh`).
fn shell(words: &[Word]) -> Inner {
    let mut at = 1;
    let mut takes_text = false;
    loop {
        let Some(word) = words.get(at) else { return if takes_text { Inner::Unread } else { Inner::None } };
        let Some(text) = word.text() else {
            return if takes_text { Inner::Unread } else { Inner::None };
        };
        if text == "--" || text == "-" {
            at += 1;
            break;
        }
        if matches!(text, "--norc" | "--noprofile" | "--posix" | "--login") {
            at += 1;
            continue;
        }
        let Some(cluster) = text.strip_prefix(['-', '+']) else { break };
        if !cluster.chars().all(|c| "abcefhilmnopsuvxBCEHPT".contains(c)) || cluster.is_empty() {
            return Inner::Unread;
        }
        takes_text |= text.starts_with('-') && cluster.contains('c');
        at += 1 + cluster.matches('o').count();
    }
    match words.get(at).map(Word::text) {
        Some(Some(text)) if takes_text => Inner::Text { at, text: text.to_owned() },
        _ if takes_text => Inner::Unread,
        _ => Inner::None,
    }
}

/// `find ... -exec command ... ;`, more than once perhaps.
fn finding(words: &[Word]) -> Inner {
    let mut found = Vec::new();
    let mut at = 1;
    while at < words.len() {
        let text = words.get(at).and_then(Word::text).unwrap_or_default();
        at += 1;
        if matches!(text, "-exec" | "-execdir" | "-ok" | "-okdir") {
            let rest = words.iter().skip(at);
            let count = rest.take_while(|w| !matches!(w.text(), Some(";" | "+"))).count();
            if count == 0 {
                return Inner::Unread;
            }
            found.push(Span { at, count, assignments: Vec::new(), appended: false, found: true });
            at += count;
        }
    }
    if found.is_empty() { Inner::None } else { Inner::Commands(found) }
}
