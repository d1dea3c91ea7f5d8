//! From text to words: one Unicode form, and which punctuation around a word is not part of it.
//!
//! What always holds: a text that was *seen* is read loosely (invisible characters go, all punctuation around a word
//! goes), so that much can be recognised; a value that is *asked about* is read strictly, because what is sent is that
//! value and not its reading. Confusable letters stay different. What it does not do: say what a word is.

use smallvec::SmallVec;
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

/// Words of one value.
pub(crate) type Words<'a> = SmallVec<[&'a str; 8]>;

/// A seen text in normal form (NFKC), without what cannot be seen.
pub(crate) fn seen(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii() && !is_control(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.nfkc().filter(|c| !is_hidden(*c)).map(|c| if is_control(c) { ' ' } else { quote(c) }).collect(),
    )
}

/// A value asked about, in normal form. None with characters that cannot be seen: no reading of it is what is sent.
pub(crate) fn asked(text: &str) -> Option<Cow<'_, str>> {
    if text.chars().any(|c| is_control(c) || is_hidden(c)) {
        return None;
    }
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes && text.chars().all(|c| quote(c) == c) {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(text.nfkc().map(quote).collect()))
}

/// Quotation marks that text programs set by themselves.
fn quote(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => '"',
        _ => c,
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// Characters without a shape of their own: they change what is compared and not what is seen.
fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe000..=0xf8ff | 0xe0000..=0xe0fff | 0xf0000..)
}

/// A word of a seen text without what stands around it. Empty for a word that is nothing else.
pub(crate) fn loose(raw: &str) -> &str {
    let around = |c: char| {
        matches!(
            c,
            '"' | '\''
                | '`'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
                | '*'
                | '_'
                | '|'
                | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '…'
                | '¿'
                | '¡'
        )
    };
    let word = raw.trim_matches(around);
    let word = if word.contains('/') { clause_end(word) } else { word.trim_end_matches('.') };
    owner(word.trim_end_matches(around))
}

/// Without a full stop, but not without the second dot of `..`, which leads elsewhere.
fn clause_end(word: &str) -> &str {
    word.strip_suffix('.').filter(|w| !w.ends_with(['.', '/', '\\'])).unwrap_or(word)
}

/// A word of a value without quotation marks, brackets in pairs, and the marks that end a clause.
pub(crate) fn strict(raw: &str) -> &str {
    let mut word = raw;
    loop {
        let next = clause_end(unwrap(word).trim_end_matches([',', ';', ':', '!']))
            .trim_matches(|c| c == '"' || c == '\'');
        if next == word {
            return owner(word);
        }
        word = next;
    }
}

/// A value of several words, likewise.
pub(crate) fn outer(value: &str) -> &str {
    let mut value = value.trim();
    loop {
        let next = clause_end(unwrap(value).trim_end_matches([',', ';', ':', '!'])).trim();
        if next == value || next.is_empty() {
            return value;
        }
        value = next;
    }
}

/// Without one pair of brackets or quotation marks around all of it.
fn unwrap(value: &str) -> &str {
    for (open, close) in [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')] {
        let inner = value.strip_prefix(open).and_then(|v| v.strip_suffix(close));
        if let Some(inner) = inner.filter(|i| is_one_pair(i, open, close)) {
            return inner;
        }
    }
    value
}

/// Whether what stands between two marks leaves them a pair.
fn is_one_pair(inner: &str, open: char, close: char) -> bool {
    if open == close {
        return !inner.contains(open);
    }
    let mut depth = 0_usize;
    for c in inner.chars() {
        if c == open {
            depth += 1;
        } else if c == close {
            let Some(less) = depth.checked_sub(1) else { return false };
            depth = less;
        }
    }
    depth == 0
}

/// `Bob's` is Bob.
fn owner(word: &str) -> &str {
    let stem = word.strip_suffix("'s").unwrap_or(word);
    if is_plain(stem) { stem } else { word }
}

/// Letters only, with apostrophes between them: a word of a language, not an identifier.
pub(crate) fn is_plain(word: &str) -> bool {
    if word.is_ascii() {
        return word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'\'')
            && word.bytes().any(|b| b.is_ascii_alphabetic());
    }
    let mark = |c: char| unicode_normalization::char::is_combining_mark(c);
    word.chars().all(|c| c.is_alphabetic() || mark(c) || c == '\'') && word.chars().any(char::is_alphabetic)
}

/// Whether something of it is upper case.
pub(crate) fn has_upper(word: &str) -> bool {
    word.chars().any(char::is_uppercase)
}

/// Whether a word of letters, met in running text, says something by itself. The user who wrote "send it to the bank"
/// named neither an `it` nor a `the`, whatever somebody calls himself elsewhere.
pub(crate) fn says_something(word: &str) -> bool {
    let short = word.is_ascii() && (2..=3).contains(&word.len());
    let upper = |b: u8| b.is_ascii_uppercase();
    if short && word.bytes().any(upper) {
        return word.bytes().all(upper) || !is_filler(word);
    }
    says_something_folded(word)
}

/// The same of the word in lower case.
pub(crate) fn says_something_folded(word: &str) -> bool {
    if word.is_ascii() { word.len() > 3 && !is_filler(word) } else { word.chars().nth(1).is_some() }
}

fn is_filler(word: &str) -> bool {
    let mut folded = [0_u8; LONGEST_FILLER];
    let Some(folded) = folded.get_mut(..word.len()) else { return false };
    folded.copy_from_slice(word.as_bytes());
    folded.make_ascii_lowercase();
    FILLERS.binary_search_by(|f| f.as_bytes().cmp(folded)).is_ok()
}

const LONGEST_FILLER: usize = 8;

/// English words of grammar and of requests, in order. Names of people are left out, also where they are such words.
const FILLERS: &[&str] = &[
    "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been",
    "before", "best", "both", "but", "by", "can", "could", "day", "did", "do", "does", "done", "down",
    "each", "email", "every", "everyone", "find", "first", "for", "from", "get", "give", "go", "had", "has",
    "have", "he", "hello", "her", "here", "hi", "him", "his", "how", "if", "in", "into", "is", "it", "its",
    "just", "know", "last", "let", "like", "list", "mail", "make", "me", "more", "most", "much", "my",
    "need", "new", "next", "no", "not", "now", "of", "off", "ok", "old", "on", "one", "only", "or", "other",
    "our", "out", "over", "please", "put", "read", "run", "same", "say", "see", "send", "she", "should",
    "so", "some", "such", "sure", "take", "tell", "than", "thank", "thanks", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "to", "too", "two", "up", "us", "use", "user", "very",
    "want", "was", "way", "we", "were", "what", "when", "where", "which", "while", "who", "why", "with",
    "would", "write", "yes", "yet", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around_a_word() {
        for (raw, expected) in [
            ("\"Bob\",", "Bob"),
            ("(bob@x.com).", "bob@x.com"),
            ("**Bob**", "Bob"),
            ("Bob's", "Bob"),
            (".ssh", ".ssh"),
            ("/etc/passwd?", "/etc/passwd"),
            ("&&", "&&"),
            ("|", ""),
            ("O'Brien", "O'Brien"),
        ] {
            assert_eq!(loose(raw), expected, "{raw}");
        }
        for (raw, expected) in [
            ("\"Bob\",", "Bob"),
            ("<bob@x.com>", "bob@x.com"),
            ("`rm`", "`rm`"),
            ("$(rm", "$(rm"),
            (">", ">"),
            ("<eve@evil.com>bob@x.com", "<eve@evil.com>bob@x.com"),
            ("-rf", "-rf"),
            ("*.txt", "*.txt"),
            ("/srv/data/..", "/srv/data/.."),
            ("..", ".."),
            ("a.", "a"),
        ] {
            assert_eq!(strict(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_value_is_read_strictly() {
        assert_eq!(seen("e\u{200b}ve\u{0}x"), "eve x");
        for hidden in ["e\u{200b}ve", "bob\u{0}", "\u{202e}moc", "a\u{e0041}", "a\u{fe0f}"] {
            assert_eq!(asked(hidden), None, "{hidden:?}");
        }
        assert_eq!(asked("ｂｏｂ＠ｘ．ｃｏｍ").as_deref(), Some("bob@x.com"));
        assert_ne!(asked("b\u{43e}b").as_deref(), Some("bob"));
        assert_eq!(asked("“Bob”").as_deref(), Some("\"Bob\""));
    }

    #[test]
    fn fillers_can_be_found() {
        assert!(FILLERS.is_sorted() && FILLERS.iter().all(|f| f.len() <= LONGEST_FILLER && is_filler(f)));
    }

    #[test]
    fn words_that_say_something() {
        for (word, says) in [
            ("it", false),
            ("It", false),
            ("IT", true),
            ("Bob", true),
            ("the", false),
            ("general", true),
            ("x", false),
            ("王", false),
            ("李明", true),
            ("Will", true),
            ("with", false),
        ] {
            assert_eq!(says_something(word), says, "{word}");
        }
    }
}
