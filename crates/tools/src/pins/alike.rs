//! Names that could be taken for one another across servers, and descriptions that speak of another server's tools.
//!
//! A model chooses by name and description. A server that names a tool like another's is called in its place
//! (shadowing); one whose description speaks of another's tool steers calls that it never sees.
//!
//! Confusable means: equal after Unicode's skeleton (UTS 39, section 4), case and separators are taken away; near
//! means: one letter put in, left out, changed or swapped with its neighbour, in names of six characters and more.
//!
//! What always holds: the result does not depend on the order of servers, but for which is named first. Cost: pairs of
//! names of different servers, each compared in the length of a name; texts are read once.

use super::{Tool, ToolSet, texts};
use crate::show::{Hidden, hidden};
use cordon_types::ServerId;
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

/// Shortest name for which one changed letter counts.
pub const NEAR_FROM: usize = 6;
/// Shortest name that counts as mentioned.
pub const MENTION_FROM: usize = 4;

/// In which way two tools are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Likeness {
    /// The same name.
    Same,
    /// A name that looks or reads the same.
    Confusable,
    /// A name one letter apart.
    Near,
    /// The first tool's definition names the second.
    Mentions,
}

/// Two tools of different servers that are too close.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookAlike {
    /// How.
    pub likeness: Likeness,
    /// One tool: its server and name.
    pub one: (ServerId, String),
    /// The other. For [`Likeness::Mentions`], the one that is named.
    pub other: (ServerId, String),
    /// For [`Likeness::Mentions`], where the first definition names it; empty otherwise.
    pub path: String,
}

struct Name<'a> {
    server: &'a ServerId,
    tool: &'a Tool,
    keys: [String; 2],
    letters: Vec<char>,
}

/// Every pair across servers that is too close, by likeness, then by server and name.
#[must_use]
pub fn look_alikes(servers: &[(ServerId, &ToolSet)]) -> Vec<LookAlike> {
    let mut names: Vec<Name<'_>> = Vec::new();
    for (server, set) in servers {
        for tool in set.tools() {
            let folded: Vec<char> = bare(tool.name()).chars().collect();
            names.push(Name { server, tool, keys: keys(tool.name()), letters: folded });
        }
    }
    names.sort_by(|a, b| (a.server, a.tool.name()).cmp(&(b.server, b.tool.name())));
    let mut found = BTreeSet::new();
    for (i, one) in names.iter().enumerate() {
        for other in names.iter().skip(i + 1).filter(|n| n.server != one.server) {
            if let Some(likeness) = likeness(one, other) {
                found.insert(pair(likeness, one, other, String::new()));
            }
        }
    }
    mentions(&names, &mut found);
    found.into_iter().collect()
}

fn pair(likeness: Likeness, one: &Name<'_>, other: &Name<'_>, path: String) -> LookAlike {
    let of = |n: &Name<'_>| (n.server.clone(), n.tool.name().to_owned());
    LookAlike { likeness, one: of(one), other: of(other), path }
}

fn likeness(one: &Name<'_>, other: &Name<'_>) -> Option<Likeness> {
    if one.tool.name() == other.tool.name() {
        Some(Likeness::Same)
    } else if one.keys.iter().any(|k| other.keys.contains(k)) {
        Some(Likeness::Confusable)
    } else {
        near(&one.letters, &other.letters).then_some(Likeness::Near)
    }
}

/// The name as an eye may take it: once with case folded after the skeleton, once before, since the skeleton knows
/// that `I` looks like `l`, which folding hides.
fn keys(name: &str) -> [String; 2] {
    let composed: String = name.nfkc().collect();
    let first: String = skeleton(&composed).collect();
    let lower = composed.to_lowercase();
    let second: String = skeleton(&lower).collect();
    [bare(&first), bare(&second)]
}

/// Lower case, without separators.
fn bare(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// One letter put in, left out, changed, or swapped with its neighbour.
fn near(a: &[char], b: &[char]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < NEAR_FROM || long.len() - short.len() > 1 {
        return false;
    }
    let ahead = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let rest = |s: &[char], from: usize| s.get(from..).unwrap_or_default().to_vec();
    if short.len() < long.len() {
        return rest(short, ahead) == rest(long, ahead + 1);
    }
    let (x, y) = (rest(short, ahead), rest(long, ahead));
    let swapped = match (x.as_slice(), y.as_slice()) {
        ([a, b, ..], [c, d, ..]) => a == d && b == c && rest(&x, 2) == rest(&y, 2),
        _ => false,
    };
    x.is_empty() || rest(&x, 1) == rest(&y, 1) || swapped
}

fn mentions(names: &[Name<'_>], found: &mut BTreeSet<LookAlike>) {
    let mut known: BTreeMap<String, Vec<&Name<'_>>> = BTreeMap::new();
    for name in names.iter().filter(|n| n.tool.name().len() >= MENTION_FROM) {
        known.entry(name.tool.name().to_lowercase()).or_default().push(name);
        known.entry(format!("{}__{}", name.server, name.tool.name().to_lowercase())).or_default().push(name);
    }
    for one in names {
        let own = |word: &str| {
            names.iter().any(|n| n.server == one.server && n.tool.name().eq_ignore_ascii_case(word))
        };
        for text in texts(one.tool.definition()) {
            if text.key || text.path == "name" {
                continue;
            }
            let words = words(text.text);
            for (i, word) in words.iter().enumerate() {
                let Some(others) = known.get(&word.text) else { continue };
                let near = [i.checked_sub(1), i.checked_add(1)];
                let called = near.into_iter().flatten().filter_map(|j| words.get(j)).any(|w| {
                    matches!(
                        w.text.as_str(),
                        "tool" | "tools" | "function" | "call" | "calling" | "invoke" | "use"
                    )
                });
                if own(&word.text) || !(word.quoted || called || is_identifier(&word.text)) {
                    continue;
                }
                for other in others.iter().filter(|n| n.server != one.server) {
                    found.insert(pair(Likeness::Mentions, one, other, text.path.clone()));
                }
            }
        }
    }
}

struct Word {
    text: String,
    quoted: bool,
}

/// The words of a text as names are written, lower case, invisible characters taken out first.
fn words(text: &str) -> Vec<Word> {
    let plain = text.chars().filter_map(|c| match hidden(c) {
        None => Some(c),
        Some(Hidden::Control | Hidden::Space) => Some(' '),
        Some(_) => None,
    });
    let text = plain.nfkc().collect::<String>().to_lowercase();
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (mut words, mut before, mut word) = (Vec::new(), ' ', String::new());
    let mut opened = ' ';
    for c in text.chars().chain([' ']) {
        if part(c) {
            if word.is_empty() {
                opened = before;
            }
            word.push(c);
        } else if !word.is_empty() {
            let trimmed = word.trim_matches('.').to_owned();
            let quote = |c: char| matches!(c, '`' | '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '<' | '[');
            words.push(Word { text: trimmed, quoted: quote(opened) || matches!(c, '(' | '`') });
            word.clear();
        }
        before = c;
    }
    words
}

/// A word that is written as names are, not as language is.
fn is_identifier(word: &str) -> bool {
    word.contains('_')
        || word.chars().any(|c| c.is_ascii_digit())
        || (word.contains('.') && !word.ends_with('.'))
}
