//! A small reader of Rust source: enough to count lines of functions and find names outside strings and comments.
//!
//! What always holds: `code` keeps every line where it is. What it does not do: parse; a macro that makes functions
//! is seen as it is written.

use std::iter::Peekable;
use std::str::CharIndices;

/// The source with comments, strings and characters blanked; as many lines as before.
pub(crate) fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => 1 + quoted(rest.get(1..).unwrap_or_default(), '"'),
            '\'' => character(rest),
            'r' | 'b' | 'c' if !is_word(before) => raw_string(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(c);
            before = c;
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        } else {
            let (gone, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            out.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            before = ' ';
            rest = after;
        }
    }
    out
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length up to and with the closing quote; a backslash takes the next character with it.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Length of a character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let inner = text.get(1..).unwrap_or_default();
    let mut chars = inner.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + quoted(inner, '\''),
        (Some(c), Some('\'')) => 1 + c.len_utf8() + 1,
        _ => 0,
    }
}

/// Length of a raw string, with its `r`, `br` or `cr`; 0 for anything else.
fn raw_string(text: &str) -> usize {
    let prefix = match text.as_bytes() {
        [b'r', ..] => 1,
        [b'b' | b'c', b'r', ..] => 2,
        _ => return 0,
    };
    let body = text.get(prefix..).unwrap_or_default();
    let hashes = body.chars().take_while(|c| *c == '#').count();
    let Some(inner) = body.get(hashes..).and_then(|b| b.strip_prefix('"')) else { return 0 };
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inner.find(&close).map_or(inner.len(), |at| at + close.len());
    prefix + hashes + 1 + end
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A function: its name, the line it begins on, how many lines it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// The functions with a body in blanked code.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").into_iter().filter_map(|at| function(code, at)).collect()
}

fn function(code: &str, at: usize) -> Option<Function> {
    let after = code.get(at + 2..)?;
    let named = after.trim_start();
    let name: String =
        named.strip_prefix("r#").unwrap_or(named).chars().take_while(|c| is_word(*c)).collect();
    if name.is_empty() {
        return None; // a pointer's type
    }
    let mut chars = after.char_indices().peekable();
    let open = body_start(&mut chars)?;
    let mut depth = 1_usize;
    let mut end = open;
    for (i, c) in chars {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        end = i;
        if depth == 0 {
            break;
        }
    }
    let line = code.get(..at)?.matches('\n').count() + 1;
    let lines = after.get(..end)?.matches('\n').count() + 1;
    Some(Function { name, line, lines })
}

/// The offset of the brace that opens the body; none where the function has none.
fn body_start(chars: &mut Peekable<CharIndices<'_>>) -> Option<usize> {
    let mut depth = 0_i32;
    for (i, c) in chars.by_ref() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(i),
            _ => {}
        }
    }
    None
}

/// The offsets at which `word` stands alone.
pub(crate) fn words(code: &str, word: &str) -> Vec<usize> {
    let alone = |at: usize| {
        let before = code.get(..at).and_then(|c| c.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|c| c.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    code.match_indices(word).map(|(at, _)| at).filter(|at| alone(*at)).collect()
}

/// The line of an offset.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |t| t.matches('\n').count() + 1)
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
