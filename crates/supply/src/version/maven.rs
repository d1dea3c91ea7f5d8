//! Maven's order, as its POM reference tells it and `ComparableVersion` carries it out: lists within lists.
//!
//! A dot parts items of one list. A hyphen, and each change between digits and letters, begins a list within it, which
//! is then its last item; so a version is a chain of lists, kept here as one list each. Trailing items that say nothing
//! (`0`, `final`, `ga`, `release`, an empty list) are left out of each list.

use super::Number;
use std::cmp::Ordering;

/// A Maven version.
#[derive(Clone, Debug)]
pub struct Maven(Vec<Vec<Item>>);

#[derive(Clone, Debug)]
enum Item {
    Number(Number),
    Word(Box<str>),
}

/// An item as it is compared: the list that follows is the last item.
enum At<'a> {
    Item(&'a Item),
    List(usize),
}

/// Qualifiers in order; what is not among them comes after, by its letters.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
/// The place of "", which is a release.
const RELEASE: usize = 5;

impl Maven {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // Whitespace and separators of lists stand in no version, but in many a broken range.
        if text
            .chars()
            .any(|c| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '(' | ')' | '<' | '>' | '$'))
        {
            return None;
        }
        let text = text.to_lowercase();
        let mut lists = vec![Vec::new()];
        let mut run = String::new();
        let mut digits = false;
        for c in text.chars() {
            match c {
                '.' | '-' => {
                    push(&mut lists, &run, digits, false);
                    run.clear();
                    if c == '-' {
                        lists.push(Vec::new());
                    }
                    continue;
                }
                _ if c.is_ascii_digit() != digits && !run.is_empty() => {
                    apart(&mut lists, digits);
                    push(&mut lists, &run, digits, true);
                    run.clear();
                    lists.push(Vec::new());
                }
                _ => {}
            }
            digits = c.is_ascii_digit();
            run.push(c);
        }
        if !run.is_empty() {
            apart(&mut lists, digits);
            push(&mut lists, &run, digits, false);
        }
        for list in &mut lists {
            while list.last().is_some_and(Item::says_nothing) {
                list.pop();
            }
        }
        while lists.last().is_some_and(Vec::is_empty) {
            lists.pop();
        }
        Some(Self(lists))
    }

    fn at(&self, list: usize, n: usize) -> Option<At<'_>> {
        let items = self.0.get(list)?;
        match items.get(n) {
            Some(item) => Some(At::Item(item)),
            None => (n == items.len() && list + 1 < self.0.len()).then_some(At::List(list + 1)),
        }
    }

    fn size(&self, list: usize) -> usize {
        self.0.get(list).map_or(0, |items| items.len() + usize::from(list + 1 < self.0.len()))
    }

    /// The list `a` of this against the list `b` of another.
    fn lists(&self, a: usize, other: &Self, b: usize) -> Ordering {
        (0..self.size(a).max(other.size(b)))
            .map(|n| match (self.at(a, n), other.at(b, n)) {
                (Some(l), Some(r)) => self.items(&l, other, &r),
                (Some(l), None) => self.alone(&l),
                (None, Some(r)) => other.alone(&r).reverse(),
                (None, None) => Ordering::Equal,
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn items(&self, l: &At<'_>, other: &Self, r: &At<'_>) -> Ordering {
        match (l, r) {
            (At::Item(Item::Number(a)), At::Item(Item::Number(b))) => a.cmp(b),
            (At::Item(Item::Number(_)), _) => Ordering::Greater,
            (_, At::Item(Item::Number(_))) => Ordering::Less,
            (At::Item(Item::Word(a)), At::Item(Item::Word(b))) => rank(a).cmp(&rank(b)),
            (At::Item(Item::Word(_)), At::List(_)) => Ordering::Less,
            (At::List(_), At::Item(Item::Word(_))) => Ordering::Greater,
            (At::List(a), At::List(b)) => self.lists(*a, other, *b),
        }
    }

    /// An item against nothing.
    fn alone(&self, item: &At<'_>) -> Ordering {
        match item {
            At::Item(Item::Number(n)) if n.is_zero() => Ordering::Equal,
            At::Item(Item::Number(_)) => Ordering::Greater,
            At::Item(Item::Word(w)) => rank(w).cmp(&rank("")),
            At::List(list) => (0..self.size(*list))
                .filter_map(|n| self.at(*list, n))
                .map(|i| self.alone(&i))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }
}

/// The order of qualifiers is that of texts: "0" to "6" for the known ones, "7-" and the word for others.
fn rank(word: &str) -> (usize, &str) {
    match QUALIFIERS.iter().position(|q| *q == word) {
        Some(n) => (n, ""),
        None => (QUALIFIERS.len(), word),
    }
}

/// A qualifier at the end or before digits stands in a list of its own, after a dot as after a hyphen (since Maven 3.8.7).
fn apart(lists: &mut Vec<Vec<Item>>, digits: bool) {
    if !digits && lists.last().is_some_and(|list| !list.is_empty()) {
        lists.push(Vec::new());
    }
}

fn push(lists: &mut [Vec<Item>], run: &str, digits: bool, before_digits: bool) {
    let Some(list) = lists.last_mut() else { return };
    list.push(match Number::parse(run).filter(|_| digits) {
        Some(number) => Item::Number(number),
        None if run.is_empty() => Item::Number(Number::zero()),
        None => Item::Word(qualifier(run, before_digits && !digits).into()),
    });
}

fn qualifier(word: &str, before_digits: bool) -> &str {
    match word {
        "a" if before_digits => "alpha",
        "b" if before_digits => "beta",
        "m" if before_digits => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        other => other,
    }
}

impl Item {
    fn says_nothing(&self) -> bool {
        match self {
            Item::Number(n) => n.is_zero(),
            Item::Word(w) => rank(w).0 == RELEASE,
        }
    }
}

impl Ord for Maven {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lists(0, other, 0)
    }
}

impl PartialOrd for Maven {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Maven {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Maven {}
