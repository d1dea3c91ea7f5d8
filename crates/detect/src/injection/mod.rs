//! Injection and jailbreak: rules over the view, and the scoring of hidden text.
//!
//! ```text
//! view -> starts of rules' phrases -> the rules that match there -> mentions weighed less -> findings and signals
//! ```
//!
//! What always holds here: a rule's weight depends on the rule, on the kind of span and on the bounded context of
//! its match, never on other matches. A match that is telling enough alone is a finding; a weaker one is a signal
//! that only adds to the score. The score itself, `1 - product(1 - weight)` over distinct rules, is taken where
//! the layers meet (`scan`).
//!
//! What this deliberately does not do: understand. A bare request in a tool result, without any of the tricks
//! below, looks like any other sentence to rules.

mod dense;
mod graph;
mod hidden;
mod lexicon;
mod markup;
mod matcher;
mod mention;
mod needs;
mod pairs;
mod reading;
mod rules;
mod template;
#[cfg(test)]
mod tests;
mod words;

use crate::settings::Settings;
use crate::view::{HiddenRun, Sink, ViewText};
use cordon_types::SpanKind;
use dense::Dense;
use markup::Markup;
use matcher::{Hit, Matcher};
pub(crate) use rules::CATALOGUE;
use rules::{Form, Rule};

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Injection {
    words: Matcher,
    dense: Dense,
    markup: Markup,
    /// The rule of each pattern.
    rules: Vec<&'static Rule>,
    /// From this weight on, in thousandths, one match alone is a finding.
    alone: u16,
}

/// A word that gives away another reading of the text from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// Where it starts, in the view.
    pub(crate) start: usize,
    /// Read backwards; else as rot13.
    pub(crate) reversed: bool,
}

impl Injection {
    /// Compiles the rules. Errors name every pattern that cannot be used.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Vec<String>> {
        let (mut words, mut dense, mut markup) = (Vec::new(), Vec::new(), Vec::new());
        let mut rules: Vec<&'static Rule> = Vec::new();
        let mut faults = Vec::new();
        for rule in rules::all() {
            for pattern in rule.patterns {
                let number = u16::try_from(rules.len()).unwrap_or(u16::MAX);
                rules.push(rule);
                if rule.form == Form::Markup {
                    markup.push((*pattern, number));
                    continue;
                }
                match rules::parse(pattern) {
                    Ok(row) if rule.form == Form::Words => words.push((row, number)),
                    Ok(row) => dense.push((row, number)),
                    Err(fault) => faults.push(format!("{}: {fault}", rule.name)),
                }
            }
        }
        let words = Matcher::new(&words);
        let (dense, markup) = (Dense::new(&dense), Markup::new(&markup));
        match (dense, markup) {
            (Ok(dense), Ok(markup)) if faults.is_empty() => {
                let alone = thousandths(settings.injection_threshold);
                Ok(Self { words, dense, markup, rules, alone })
            }
            (dense, markup) => {
                faults.extend(dense.err());
                faults.extend(markup.err());
                Err(faults)
            }
        }
    }

    /// Finds rules' matches in one view, and the words that give away another reading.
    pub(crate) fn scan(&self, view: &ViewText<'_>, kind: SpanKind, sink: &mut Sink) -> Vec<Trigger> {
        let found = self.words.find(view.lower, view.floor, view.closed);
        for hit in &found.hits {
            self.take(*hit, view, kind, sink);
        }
        let open =
            self.markup.find(view.lower, view.floor, view.closed, |hit| self.take(hit, view, kind, sink));
        let open = open.into_iter().chain(found.open);
        // Bytes below that do not occur in any script of those rules.
        let dense = if !view.lower.is_ascii() && view.lower.bytes().any(|b| b >= 0xD7) {
            self.dense.find(view.lower, view.floor, view.closed, |hit| self.take(hit, view, kind, sink))
        } else {
            None
        };
        if let Some(open) = open.chain(dense).min() {
            sink.open(open);
        }
        let trigger = |(start, symbol)| Trigger { start, reversed: symbol >= lexicon::REVERSED };
        found.triggers.into_iter().map(trigger).collect()
    }

    /// Finds the matches that start with the first word of a view.
    pub(crate) fn scan_first(&self, view: &ViewText<'_>, kind: SpanKind, sink: &mut Sink) {
        for hit in self.words.find_first(view.lower) {
            self.take(hit, view, kind, sink);
        }
    }

    /// What one run of invisible characters amounts to: confidence and rule, or nothing for ordinary use.
    pub(crate) fn hidden(&self, run: &HiddenRun, kind: SpanKind) -> Option<(u16, &'static str)> {
        hidden::judge(run, kind)
    }

    fn take(&self, hit: Hit, view: &ViewText<'_>, kind: SpanKind, sink: &mut Sink) {
        let Some(rule) = self.rules.get(usize::from(hit.pattern)) else { return };
        let mut weight = rule.weight(kind);
        if rule.discounts_mentions(kind) && mention::is_mention(view, hit.start) {
            weight = weight.saturating_mul(2) / 5;
        }
        if weight >= self.alone {
            sink.found(hit.start..hit.end, rule.kind, weight, rule.name);
        } else if weight > 0 {
            sink.signal(hit.start..hit.end, rule.kind, weight, rule.name);
        }
    }
}

fn thousandths(share: f32) -> u16 {
    // A share outside 0 to 1 (or not a number) counts as the nearest end; then truncation cannot happen.
    let scaled = (share.clamp(0.0, 1.0) * 1000.0).round();
    (0u16..=1000).find(|n| f32::from(*n) >= scaled).unwrap_or(1000)
}
