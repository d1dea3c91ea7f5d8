//! A TOML table, read field by field, gathering every problem instead of stopping at the first.
//!
//! What always holds: a field that nobody asked for is a problem, with the nearest known name as the hint.

use cordon_types::{Millis, Problem};
use jiff::civil::Date;
use toml::{Table, Value};

/// A table being read. Call [`Fields::finish`] when every known field has been asked for.
pub(super) struct Fields<'p> {
    table: Table,
    at: String,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Fields<'p> {
    pub(super) fn new(table: Table, at: impl Into<String>, problems: &'p mut Vec<Problem>) -> Self {
        Self { table, at: at.into(), known: Vec::new(), problems }
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    pub(super) fn problem(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let path = self.path(key);
        self.problems.push(Problem::new(path, message, hint));
    }

    pub(super) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, got: &Value) {
        let message = format!("expected {wanted}, found {}", described(got));
        self.problem(key, message, format!("write `{key}` as {wanted}"));
    }

    /// A text without control characters, of 1 to `max` bytes.
    pub(super) fn text(&mut self, key: &'static str, max: usize) -> Option<String> {
        match self.take(key)? {
            Value::String(s) if s.trim().is_empty() || s.len() > max || s.chars().any(char::is_control) => {
                self.problem(
                    key,
                    "is empty, too long or holds control characters",
                    format!("write one line of 1 to {max} bytes"),
                );
                None
            }
            Value::String(s) => Some(s),
            other => {
                self.wrong_type(key, "a text in quotes", &other);
                None
            }
        }
    }

    pub(super) fn required_text(&mut self, key: &'static str, max: usize, hint: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.problem(key, "is missing", hint);
            return None;
        }
        self.text(key, max)
    }

    /// A whole number from 1 to `max`.
    pub(super) fn count(&mut self, key: &'static str, max: u64) -> Option<u64> {
        match self.take(key)? {
            Value::Integer(n) => match u64::try_from(n) {
                Ok(n) if (1..=max).contains(&n) => Some(n),
                _ => {
                    self.problem(
                        key,
                        format!("{n} is out of range"),
                        format!("write a whole number from 1 to {max}; leave the field out for no limit"),
                    );
                    None
                }
            },
            other => {
                self.wrong_type(key, "a whole number", &other);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(b) => Some(b),
            other => {
                self.wrong_type(key, "true or false", &other);
                None
            }
        }
    }

    /// One of the named values.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let value = self.take(key)?;
        self.choose(key, &value, choices)
    }

    pub(super) fn choose<T: Copy>(
        &mut self,
        key: &str,
        value: &Value,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let Value::String(s) = value else {
            self.wrong_type(key, "a text in quotes", value);
            return None;
        };
        let found = choices.iter().find(|(name, _)| name == s);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let hint = match nearest(s, &names) {
                Some(near) => format!("did you mean `{near}`? one of: {}", names.join(", ")),
                None => format!("one of: {}", names.join(", ")),
            };
            self.problem(key, format!("unknown value {s:?}"), hint);
        }
        found.map(|(_, t)| *t)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        match self.take(key)? {
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (i, item) in items.into_iter().enumerate() {
                    match item {
                        Value::String(s) => out.push(s),
                        other => self.wrong_type(&format!("{key}[{i}]"), "a text in quotes", &other),
                    }
                }
                Some(out)
            }
            other => {
                self.wrong_type(key, "a list of texts", &other);
                None
            }
        }
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<Table> {
        match self.take(key)? {
            Value::Table(t) => Some(t),
            other => {
                self.wrong_type(key, &format!("a table `[{key}]`"), &other);
                None
            }
        }
    }

    /// A day, quoted or not: its first moment in UTC, and the first moment of the next.
    pub(super) fn day(&mut self, key: &'static str) -> Option<(Millis, Millis)> {
        let text = match self.take(key)? {
            Value::String(s) => s,
            Value::Datetime(d) => d.to_string(),
            other => {
                self.wrong_type(key, "a day such as \"2027-06-30\"", &other);
                return None;
            }
        };
        let span = text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(|day| {
            let start = Millis::try_from(day.duration_since(Date::constant(1970, 1, 1)).as_millis()).ok()?;
            Some((start, start + 86_400_000))
        });
        if span.is_none() {
            self.problem(
                key,
                "is no day",
                "write a day after 1970 such as \"2027-06-30\"; it is read as UTC",
            );
        }
        span
    }

    /// The names that nobody asked for are problems.
    pub(super) fn finish(mut self) {
        let known = std::mem::take(&mut self.known);
        for key in std::mem::take(&mut self.table).keys() {
            let hint = match nearest(key, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.problem(&shown_key(key), "unknown field", hint);
        }
    }
}

/// A key as TOML would write it, safe to print.
pub(super) fn shown_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { format!("{key:?}") }
}

pub(super) fn described(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a decimal",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The known name that `word` most probably means: fewest edits, at most a third of its length; of equals the one
/// that begins alike longest.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let ranked = known.iter().map(|k| (edits(word, k), usize::MAX - alike(word, k), *k));
    let (distance, _, name) = ranked.min()?;
    (distance <= (name.len() / 3).max(1)).then_some(name)
}

fn alike(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count()
}

/// The optimal string alignment distance over bytes: Levenshtein's, with two swapped neighbours as one edit.
fn edits(a: &str, b: &str) -> usize {
    let cell = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(0);
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    let (mut x_before, mut i) = (None, 0);
    for x in a.bytes() {
        i += 1;
        let mut row = vec![i];
        let mut y_before = None;
        for (j, y) in b.bytes().enumerate() {
            let changed = cell(&above, j) + usize::from(x != y);
            let mut best = changed.min(cell(&above, j + 1) + 1).min(cell(&row, j) + 1);
            if i > 1 && j > 0 && Some(x) == y_before && Some(y) == x_before {
                best = best.min(cell(&before, j - 1) + 1);
            }
            row.push(best);
            y_before = Some(y);
        }
        before = std::mem::replace(&mut above, row);
        x_before = Some(x);
    }
    above.last().copied().unwrap_or(0)
}
