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

mod hidden;
mod matcher;
mod mention;
mod rules;
mod template;
#[cfg(test)]
mod tests;

use crate::settings::Settings;
use crate::view::{HiddenRun, Sink, ViewText};
use cordon_types::{FindingKind, SpanKind};
use matcher::Matcher;
pub(crate) use rules::CATALOGUE;
use rules::Rule;

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Injection {
    /// Rules whose phrases start with ASCII letters once folded: most languages of Europe.
    latin: Group,
    /// All others; a text of ASCII alone need not be asked about them.
    others: Group,
    /// From this weight on, in thousandths, one match alone is a finding.
    alone: u16,
}

impl Injection {
    /// Compiles the rules. A rule that does not compile is a defect that the tests find; it is left out here.
    pub(crate) fn new(settings: &Settings) -> Self {
        let (mut latin, mut others) = (Sources::default(), Sources::default());
        for rule in rules::all() {
            for pattern in rule.patterns {
                if let Ok(compiled) = rules::compile(rule, pattern) {
                    let ascii = compiled.starts.iter().all(|s| s.text.is_ascii());
                    if ascii { &mut latin } else { &mut others }.add(rule, compiled);
                }
            }
        }
        Self {
            latin: latin.build(),
            others: others.build(),
            alone: thousandths(settings.injection_threshold),
        }
    }

    /// Finds rules' matches in one view.
    pub(crate) fn scan(&self, view: &ViewText<'_>, kind: SpanKind, sink: &mut Sink) {
        self.latin.scan(view, kind, self.alone, sink);
        if !view.lower.is_ascii() {
            self.others.scan(view, kind, self.alone, sink);
        }
    }

    /// What one run of invisible characters amounts to: confidence and rule, or nothing for ordinary use.
    pub(crate) fn hidden(&self, run: &HiddenRun, kind: SpanKind) -> Option<(u16, &'static str)> {
        hidden::judge(run, kind)
    }
}

/// Rules that are matched together.
#[derive(Debug)]
struct Group {
    /// None only if the rules do not compile together, which the tests rule out.
    matcher: Option<Matcher>,
    /// The rule of each pattern.
    rules: Vec<&'static Rule>,
}

impl Group {
    fn scan(&self, view: &ViewText<'_>, kind: SpanKind, alone: u16, sink: &mut Sink) {
        let Some(matcher) = &self.matcher else {
            // SECURITY: without rules nothing can be called clean.
            sink.found(view.floor..view.text.len(), FindingKind::Injection, 1000, "injection.unscanned");
            return;
        };
        let mut open = usize::MAX;
        matcher.find(
            view.lower,
            view.floor,
            view.closed,
            |hit| {
                let Some(rule) = self.rules.get(hit.pattern) else { return };
                let mut weight = rule.weight(kind);
                if rule.discounts_mentions() && mention::is_mention(view, hit.start) {
                    weight = weight.saturating_mul(2) / 5;
                }
                if weight >= alone {
                    sink.found(hit.start..hit.end, rule.kind, weight, rule.name);
                } else if weight > 0 {
                    sink.signal(hit.start..hit.end, rule.kind, weight, rule.name);
                }
            },
            |start| open = open.min(start),
        );
        if open != usize::MAX {
            sink.open(open);
        }
    }
}

/// Compiled patterns on their way into a group.
#[derive(Default)]
struct Sources {
    regexes: Vec<String>,
    starts: Vec<template::Start>,
    whole_words: Vec<bool>,
    rules: Vec<&'static Rule>,
}

impl Sources {
    fn add(&mut self, rule: &'static Rule, mut compiled: template::Compiled) {
        self.regexes.push(compiled.regex);
        self.starts.append(&mut compiled.starts);
        self.whole_words.push(rule.whole_words());
        self.rules.push(rule);
    }

    fn build(self) -> Group {
        Group { matcher: Matcher::new(&self.regexes, self.starts, self.whole_words).ok(), rules: self.rules }
    }
}

fn thousandths(share: f32) -> u16 {
    // A share outside 0 to 1 (or not a number) counts as the nearest end; then truncation cannot happen.
    let scaled = (share.clamp(0.0, 1.0) * 1000.0).round();
    (0u16..=1000).find(|n| f32::from(*n) >= scaled).unwrap_or(1000)
}
