//! Walking a TOML table while noting every problem, instead of stopping at the first.
//!
//! INVARIANT: a `Section` that is dropped has noted every key that nobody asked for, so a reader cannot forget to
//! refuse unknown keys.

use cordon_types::Problem;
use std::{cell::RefCell, time::Duration};
use toml::{Table, Value};

/// The problems of one reading.
#[derive(Default)]
pub(crate) struct Notes(RefCell<Vec<Problem>>);

impl Notes {
    pub(crate) fn add(&self, path: String, message: impl Into<String>, hint: impl Into<String>) {
        self.0.borrow_mut().push(Problem::new(path, message, hint));
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A syntax error, with its line and column.
pub(crate) fn syntax_problem(text: &str, e: &toml::de::Error) -> Problem {
    let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let message = format!("is not valid TOML: {}", e.message().trim());
    Problem::new(
        format!("line {line}, column {column}"),
        message,
        "see toml.io for the syntax; strings need quotes",
    )
}

/// One table of the text, and where it stands.
pub(crate) struct Section<'a> {
    notes: &'a Notes,
    path: String,
    table: Option<&'a Table>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(notes: &'a Notes, path: String, table: Option<&'a Table>) -> Self {
        Self { notes, path, table, known: RefCell::default() }
    }

    /// The path of `key` here.
    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem at `key`.
    pub(crate) fn problem(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.add(self.at(key), message, hint);
    }

    /// Notes a problem at a path that this section gave out.
    pub(crate) fn problem_at(&self, path: String, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.add(path, message, hint);
    }

    /// What is written at `key`, if it is a string. Notes nothing: for a second look.
    pub(crate) fn peek(&self, key: &'static str) -> Option<String> {
        self.table?.get(key)?.as_str().map(str::to_owned)
    }

    /// Whether `key` is written.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &'static str) -> Option<&'a Value> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table?.get(key)
    }

    fn wrong_type(&self, path: String, value: &Value, wanted: &str) {
        self.notes.add(path, format!("is {}, not {wanted}", article(value)), format!("write {wanted}"));
    }

    pub(crate) fn child(&self, key: &'static str) -> Section<'a> {
        let table = match self.value(key) {
            None => None,
            Some(Value::Table(t)) => Some(t),
            Some(other) => {
                self.wrong_type(self.at(key), other, &format!("a table: `[{}]`", self.at(key)));
                None
            }
        };
        Section::new(self.notes, self.at(key), table)
    }

    /// The tables of an array of tables: `[[key]]`.
    pub(crate) fn children(&self, key: &'static str) -> Vec<Section<'a>> {
        let mut out = Vec::new();
        match self.value(key) {
            None => {}
            Some(Value::Array(list)) => {
                for (i, v) in list.iter().enumerate() {
                    let path = format!("{}[{i}]", self.at(key));
                    match v {
                        Value::Table(t) => out.push(Section::new(self.notes, path, Some(t))),
                        other => self.wrong_type(path, other, "a table"),
                    }
                }
            }
            Some(other) => {
                self.wrong_type(self.at(key), other, &format!("a list of tables: `[[{}]]`", self.at(key)))
            }
        }
        out
    }

    /// All pairs of a table whose keys are the operator's own.
    pub(crate) fn pairs(&self, key: &'static str) -> Vec<(&'a str, &'a str)> {
        let mut out = Vec::new();
        match self.value(key) {
            None => {}
            Some(Value::Table(t)) => {
                for (k, v) in t {
                    match v {
                        Value::String(s) => out.push((k.as_str(), s.as_str())),
                        other => self.wrong_type(format!("{}.{k}", self.at(key)), other, "a string"),
                    }
                }
            }
            Some(other) => self.wrong_type(self.at(key), other, "a table"),
        }
        out
    }

    pub(crate) fn string(&self, key: &'static str) -> Option<&'a str> {
        match self.value(key)? {
            Value::String(s) if s.is_empty() => {
                self.problem(key, "is empty", "write a value, or leave the key out");
                None
            }
            Value::String(s) => Some(s),
            other => {
                self.wrong_type(self.at(key), other, "a string");
                None
            }
        }
    }

    /// Notes it when `key` is not written.
    pub(crate) fn need(&self, key: &'static str, hint: &str) {
        if !self.has(key) {
            self.problem(key, "is missing", hint);
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&self, key: &'static str, hint: &str) -> Option<&'a str> {
        self.need(key, hint);
        self.string(key)
    }

    pub(crate) fn strings(&self, key: &'static str) -> Vec<(String, &'a str)> {
        let mut out = Vec::new();
        match self.value(key) {
            None => {}
            Some(Value::Array(list)) => {
                for (i, v) in list.iter().enumerate() {
                    let path = format!("{}[{i}]", self.at(key));
                    match v {
                        Value::String(s) => out.push((path, s.as_str())),
                        other => self.wrong_type(path, other, "a string"),
                    }
                }
            }
            Some(other) => self.wrong_type(self.at(key), other, "a list of strings"),
        }
        out
    }

    pub(crate) fn bool(&self, key: &'static str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(b) => Some(*b),
            other => {
                self.wrong_type(self.at(key), other, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        match self.value(key)? {
            Value::Integer(i) => {
                let v = u64::try_from(*i).ok().filter(|v| (min..=max).contains(v));
                if v.is_none() {
                    self.problem(key, format!("is {i}"), format!("write a number from {min} to {max}"));
                }
                v
            }
            other => {
                self.wrong_type(self.at(key), other, "a whole number");
                None
            }
        }
    }

    /// A fraction from 0 to 1.
    pub(crate) fn fraction(&self, key: &'static str) -> Option<f32> {
        let text = match self.value(key)? {
            Value::Float(f) => f.to_string(),
            Value::Integer(i) => i.to_string(),
            other => {
                self.wrong_type(self.at(key), other, "a number from 0 to 1");
                return None;
            }
        };
        let v = text.parse::<f32>().ok().filter(|f| (0.0..=1.0).contains(f));
        if v.is_none() {
            self.problem(key, format!("is {text}"), "write a number from 0 to 1");
        }
        v
    }

    /// Seconds, whole or with decimals, from `min` to `max` milliseconds.
    pub(crate) fn seconds(&self, key: &'static str, min: u64, max: u64) -> Option<Duration> {
        let ms = self.decimal(key, 3)?;
        if !(min..=max).contains(&ms) {
            let show = |ms: u64| Duration::from_millis(ms).as_secs_f64();
            let hint = format!("write a number of seconds from {} to {}", show(min), show(max));
            self.problem(key, format!("is {} seconds", show(ms)), hint);
            return None;
        }
        Some(Duration::from_millis(ms))
    }

    /// A decimal number that is not negative, times ten to the power of `places`, exactly.
    pub(crate) fn decimal(&self, key: &'static str, places: u32) -> Option<u64> {
        let text = match self.value(key)? {
            Value::Integer(i) => i.to_string(),
            // The shortest text that gives the same float back is what the operator wrote.
            Value::Float(f) => f.to_string(),
            Value::String(s) => s.clone(),
            other => {
                self.wrong_type(self.at(key), other, "a number");
                return None;
            }
        };
        let v = crate::decimal::parse(&text, places);
        if v.is_none() {
            let hint = format!("write a number from 0 up, with at most {places} decimals, such as 0.15");
            self.problem(key, "is not a number that Cordon can hold exactly", hint);
        }
        v
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let word = self.string(key)?;
        let found = words.iter().find(|(w, _)| *w == word).map(|(_, t)| *t);
        if found.is_none() {
            let list: Vec<String> = words.iter().map(|(w, _)| format!("`{w}`")).collect();
            self.problem(key, format!("is `{}`", shown(word)), format!("write one of {}", list.join(", ")));
        }
        found
    }

    /// A value that `parse` makes of a string.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &'static str,
        hint: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.string(key)?;
        parse(text).map_err(|e| self.problem(key, format!("`{}`: {e}", shown(text)), hint)).ok()
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let known = self.known.borrow();
        for key in self.table.into_iter().flat_map(Table::keys) {
            if known.iter().any(|k| k == key) {
                continue;
            }
            let near =
                known.iter().map(|k| (distance(k, key), k)).min().filter(|(d, k)| *d <= 1 + k.len() / 4);
            let hint = match near {
                Some((_, k)) => format!("did you mean `{k}`?"),
                None if known.is_empty() => "leave it out".to_owned(),
                None => format!("known here: {}", known.join(", ")),
            };
            self.notes.add(self.at(&shown(key)), "is not a known key", hint);
        }
    }
}

/// Text of the operator's, cut to a length that a message can bear.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if text.chars().count() > 80 {
        out.push('…');
    }
    out
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with decimals",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Levenshtein distance, over bytes; long texts are far from everything.
fn distance(a: &str, b: &str) -> usize {
    if a.len().max(b.len()) > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        let check = |a, b, d| assert_eq!((distance(a, b), distance(b, a)), (d, d), "{a} {b}");
        check("", "", 0);
        check("abc", "abc", 0);
        check("abc", "abd", 1);
        check("abc", "bc", 1);
        check("kitten", "sitting", 3);
        check("", "ab", 2);
        check("base_url", "baseurl", 1);
    }
}
