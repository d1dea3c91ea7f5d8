//! The table language: a dialect's wire format as constants, and the walk of a body along them.
//!
//! A table is a tree of [`Rule`]s. [`Table::build`] unrolls it once into a flat form in which every place
//! has its path and its kind of span; [`Table::walk`] takes a scanned body along it and yields spans,
//! features in use and issued blocks; [`Table::rows`] lists it as data. One tree serves all three, so what is documented is
//! what is done.
//!
//! What always holds: a field or variant that is not in the table is refused; every string is either a span, one of
//! a closed set of words, a bounded id, or named as a feature that was not inspected. The walk recurses as deep
//! as the table, a constant; open JSON is walked flat.

mod build;
mod leaf;
mod walk;

pub use build::Table;
pub(crate) use leaf::inner_spans;
pub use walk::Walked;

use cordon_types::{Feature, SpanKind};

/// What may stand at one place of a body. `null` is taken wherever a field is not required.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// As `Object`; besides, unknown keys may hold numbers, booleans, nulls, and objects and arrays of such (counters).
    Counters(&'static [Field]),
    /// An array of these. How long is bounded by the nodes of a body.
    Array(&'static Rule),
    /// As `Array`, of at most `Limits::max_messages`.
    Messages(&'static Rule),
    /// As `Array`, of at most `Limits::max_tools`.
    Tools(&'static Rule),
    /// An object whose string field `by` says which of `variants` it is; without that field, `default`.
    /// The variants' fields do not list `by`.
    Tagged {
        /// The discriminating key.
        by: &'static str,
        /// Taken when the key is missing.
        default: Option<&'static Rule>,
        /// Value of the key, and what the object then is.
        variants: &'static [(&'static str, Rule)],
    },
    /// By JSON type: the first rule that takes it (strings, objects, arrays; anything else is the `Scalar` one).
    Either(&'static [Rule]),
    /// An object with keys of the sender's (each a span that must not change) over values of this rule.
    Map(&'static Rule),
    /// Below here, texts are of this kind.
    As(SpanKind, &'static Rule),
    /// Here a feature is in use, unless the value is null.
    Use(Feature, &'static Rule),
    /// A text that may be rewritten.
    Text,
    /// A text that must not be rewritten, and why.
    Fixed(&'static str),
    /// An id: at most 256 printable ASCII characters; inspected as metadata, never rewritten.
    Id,
    /// A URL. `data:` is the feature; any other scheme is besides fetched by the provider.
    Url(Feature),
    /// A name that the operator's config must list (a model's); no span.
    Name,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A number or boolean.
    Scalar,
    /// Only null.
    Null,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// One of the first words, or, with the feature in use, of the second.
    EnumUse(&'static [&'static str], Feature, &'static [&'static str]),
    /// A boolean whose `true` uses the feature.
    TrueUses(Feature),
    /// Any JSON: strings are texts, keys are spans that must not change.
    Open,
    /// A JSON schema: `description` and `title` are texts, all other strings and keys must not change.
    Schema,
    /// A string that holds a JSON object: the strings and keys inside are spans. If it does not, one text.
    Json,
    /// A string that a provider issued (signature, encrypted data): a span to no one.
    Issued,
    /// Anything, not looked into. Stands only below `Use`.
    Opaque,
    /// Known and refused: the hint says what to do instead.
    Refused(&'static str),
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What stands there.
    pub rule: Rule,
    /// Whether it must be there.
    pub required: bool,
}

/// A field that may be missing or null.
#[must_use]
pub const fn opt(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, required: false }
}

/// A field that must be there.
#[must_use]
pub const fn req(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, required: true }
}

#[cfg(test)]
mod tests;
