//! What an operator sets of the detectors. Plain values: reading files is the work of others.

use cordon_types::Guard;

/// Settings of all detectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The operator's own terms.
    pub terms: Vec<Term>,
    /// The operator's own patterns.
    pub patterns: Vec<Pattern>,
    /// Hosts (and their subdomains) to which images and links are no exfiltration.
    pub allowed_link_hosts: Vec<String>,
    /// Most bytes that one encoded run may decode to, over all its layers. What is beyond is not looked into.
    pub max_decoded_bytes: usize,
    /// How deep decodings nest.
    pub max_layers: u8,
    /// Most bytes that a stream holds back before it is refused.
    pub hold_cap: usize,
    /// The injection score, 0 to 1, from which on a text is flagged.
    pub injection_threshold: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            patterns: Vec::new(),
            allowed_link_hosts: Vec::new(),
            max_decoded_bytes: 64 * 1024,
            max_layers: 3,
            hold_cap: 64 * 1024,
            injection_threshold: 0.5,
        }
    }
}

/// A literal that the operator wants found, in any normalisation of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is called in records and in problems.
    pub name: String,
    /// The literal.
    pub text: String,
    /// Whether case counts.
    pub case_sensitive: bool,
}

/// A regular expression that the operator wants found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What it is called in records and in problems.
    pub name: String,
    /// The expression. `\b`, `\w`, `\d` and `\s` are those of ASCII.
    pub regex: String,
    /// Longest match in bytes. A stream holds back for it; a longer match is not one.
    pub max_len: usize,
}

/// A set of guards: which families of detectors run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guards(u8);

impl Guards {
    /// Every guard.
    pub const ALL: Guards = Guards(0b1_1111);
    /// No guard: nothing is looked for.
    pub const NONE: Guards = Guards(0);

    const fn bit(guard: Guard) -> u8 {
        match guard {
            Guard::Pii => 1,
            Guard::Secrets => 2,
            Guard::Injection => 4,
            Guard::Exfiltration => 8,
            Guard::Terms => 16,
        }
    }

    /// This set and `guard`.
    #[must_use]
    pub const fn with(self, guard: Guard) -> Self {
        Self(self.0 | Self::bit(guard))
    }

    /// This set without `guard`.
    #[must_use]
    pub const fn without(self, guard: Guard) -> Self {
        Self(self.0 & !Self::bit(guard))
    }

    /// The set as a number: the same for equal sets, another for others.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `guard` is in the set.
    #[must_use]
    pub const fn contains(self, guard: Guard) -> bool {
        self.0 & Self::bit(guard) != 0
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self::ALL
    }
}
