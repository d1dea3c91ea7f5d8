//! The rules of injection and jailbreak, as data.
//!
//! What always holds: names are stable (records hold them); a weight says how telling one match alone is, in
//! thousandths, once for a user's own words and once for data that a tool or document brought, where nobody has
//! a right to give orders. Words are chosen so that talk about software, security and assistants stays below
//! the threshold.

mod agents;
mod eastern;
mod jailbreak;
mod markup;
mod override_en;
mod vocabulary;
mod western;

use super::template::{self, Item};
use cordon_types::{FindingKind, SpanKind};

/// One rule: any of its patterns.
#[derive(Debug)]
pub(super) struct Rule {
    /// Stable name.
    pub(super) name: &'static str,
    /// What it finds.
    pub(super) kind: FindingKind,
    /// For the catalogue.
    pub(super) about: &'static str,
    /// Weight in a user's words, in thousandths.
    pub(super) user: u16,
    /// Weight in tool results, tool definitions and metadata, in thousandths.
    pub(super) data: u16,
    /// How its patterns are written.
    pub(super) form: Form,
    /// In the language of [`template`], or, for [`Form::Markup`], literal.
    pub(super) patterns: &'static [&'static str],
}

/// How a rule's patterns are written and matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Words with spaces between them.
    Words,
    /// Words of a script without spaces (or whose particles join words).
    Dense,
    /// Delimiters: characters as they stand, a space for any white space. Their mention weighs as much as their use.
    Markup,
}

impl Rule {
    const fn new(
        name: &'static str,
        kind: FindingKind,
        (user, data): (u16, u16),
        about: &'static str,
        form: Form,
        patterns: &'static [&'static str],
    ) -> Self {
        Self { name, kind, about, user, data, form, patterns }
    }

    const fn injection(
        name: &'static str,
        weights: (u16, u16),
        about: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, FindingKind::Injection, weights, about, Form::Words, patterns)
    }

    const fn jailbreak(
        name: &'static str,
        weights: (u16, u16),
        about: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, FindingKind::Jailbreak, weights, about, Form::Words, patterns)
    }

    const fn dense(
        name: &'static str,
        weights: (u16, u16),
        about: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, FindingKind::Injection, weights, about, Form::Dense, patterns)
    }

    const fn markup(
        name: &'static str,
        weights: (u16, u16),
        about: &'static str,
        patterns: &'static [&'static str],
    ) -> Self {
        Self::new(name, FindingKind::Injection, weights, about, Form::Markup, patterns)
    }

    /// How telling a match is in that kind of span.
    ///
    /// Applications' own instructions and the model's words speak of rules, roles and refusals all day: there
    /// a match counts for three fifths of what it does in a user's words.
    pub(super) fn weight(&self, kind: SpanKind) -> u16 {
        match kind {
            SpanKind::User => self.user,
            SpanKind::ToolResult | SpanKind::ToolDefinition | SpanKind::Metadata => self.data,
            SpanKind::System
            | SpanKind::Assistant
            | SpanKind::Reasoning
            | SpanKind::Refusal
            | SpanKind::ToolCall => self.user.saturating_mul(3) / 5,
        }
    }

    /// Whether the words around a match may turn it into a mention. In data that a tool or document brought they
    /// may not: who plants an attack there can also plant the words around it.
    pub(super) fn discounts_mentions(&self, kind: SpanKind) -> bool {
        let data = matches!(kind, SpanKind::ToolResult | SpanKind::ToolDefinition | SpanKind::Metadata);
        self.form != Form::Markup && !data
    }
}

const TABLES: &[&[Rule]] =
    &[override_en::RULES, agents::RULES, jailbreak::RULES, markup::RULES, western::RULES, eastern::RULES];

/// Every rule.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().copied().flatten()
}

/// Parses a pattern of words.
pub(super) fn parse(pattern: &str) -> Result<Vec<Item>, String> {
    template::parse(pattern, vocabulary::ROWS)
}

const OTHERS: &[(FindingKind, &str, &str)] = &[
    (FindingKind::HiddenText, "hidden.tags", "tag characters outside a flag: text that only a model reads"),
    (
        FindingKind::HiddenText,
        "hidden.selectors",
        "more variation selectors in a row than any character takes",
    ),
    (
        FindingKind::HiddenText,
        "hidden.zero-width",
        "zero-width characters stacked as no typography needs them",
    ),
    (
        FindingKind::HiddenText,
        "hidden.bidi",
        "runs of bidirectional controls that reorder what a person sees",
    ),
];

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: an index out of range does not build"
)]
const fn count() -> usize {
    let (mut n, mut t) = (OTHERS.len(), 0);
    while t < TABLES.len() {
        n += TABLES[t].len();
        t += 1;
    }
    n
}

/// Rules for the catalogue: kind, rule, description.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: an index out of range does not build"
)]
pub(crate) const CATALOGUE: &[(FindingKind, &str, &str)] = &{
    let mut rows = [(FindingKind::Injection, "", ""); count()];
    let (mut n, mut t) = (0, 0);
    while n < OTHERS.len() {
        rows[n] = OTHERS[n];
        n += 1;
    }
    while t < TABLES.len() {
        let mut r = 0;
        while r < TABLES[t].len() {
            let rule = &TABLES[t][r];
            rows[n] = (rule.kind, rule.name, rule.about);
            n += 1;
            r += 1;
        }
        t += 1;
    }
    rows
};
