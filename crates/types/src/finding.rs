//! What a detector says of a text: a kind, a confidence, a range. Never the value.

use std::ops::Range;

/// A family of detectors that is switched, counted and tested together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guard {
    /// Personal data: e-mail, phone, card, IBAN, SSN, IP address.
    Pii,
    /// Credentials: provider keys, private keys, JWTs, connection strings.
    Secrets,
    /// Prompt injection and jailbreak.
    Injection,
    /// Data carried out by images and links.
    Exfiltration,
    /// The operator's own terms and patterns.
    Terms,
}

impl Guard {
    /// Every guard, in a fixed order.
    pub const ALL: [Guard; 5] =
        [Guard::Pii, Guard::Secrets, Guard::Injection, Guard::Exfiltration, Guard::Terms];

    /// The name that config, records and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Guard::Pii => "pii",
            Guard::Secrets => "secrets",
            Guard::Injection => "injection",
            Guard::Exfiltration => "exfiltration",
            Guard::Terms => "terms",
        }
    }
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, $guard:ident; )*) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum FindingKind { $( $(#[$doc])* $variant, )* }

        impl FindingKind {
            /// Every kind, in a fixed order.
            pub const ALL: &'static [FindingKind] = &[ $( FindingKind::$variant, )* ];

            /// The name that manifests, records and metrics use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( FindingKind::$variant => $name, )* }
            }

            /// The guard it belongs to.
            #[must_use]
            pub const fn guard(self) -> Guard {
                match self { $( FindingKind::$variant => Guard::$guard, )* }
            }
        }
    };
}

kinds! {
    /// An e-mail address.
    Email = "email", Pii;
    /// A telephone number.
    Phone = "phone", Pii;
    /// A payment card number whose check digit holds.
    PaymentCard = "payment_card", Pii;
    /// An IBAN whose check digits and country length hold.
    Iban = "iban", Pii;
    /// A US social security number.
    UsSsn = "us_ssn", Pii;
    /// An IPv4 or IPv6 address.
    IpAddress = "ip_address", Pii;
    /// A provider's API key or token, of a known form.
    ApiKey = "api_key", Secrets;
    /// A private key block.
    PrivateKey = "private_key", Secrets;
    /// A JSON web token.
    Jwt = "jwt", Secrets;
    /// A connection string or URL with a password in it.
    ConnectionString = "connection_string", Secrets;
    /// An attempt to override instructions.
    Injection = "injection", Injection;
    /// An attempt to talk a model out of its rules.
    Jailbreak = "jailbreak", Injection;
    /// Invisible or tag characters that carry text.
    HiddenText = "hidden_text", Injection;
    /// An image reference whose URL can carry data out without a click.
    ExfilImage = "exfil_image", Exfiltration;
    /// A link whose URL carries data out.
    ExfilLink = "exfil_link", Exfiltration;
    /// One of the operator's own terms.
    OperatorTerm = "operator_term", Terms;
    /// One of the operator's own patterns.
    OperatorPattern = "operator_pattern", Terms;
}

impl FindingKind {
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }
}

/// How sure, in thousandths: 0 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Confidence(pub u16);

/// Which reading of the text the finding stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The text as it stands (normalised).
    Plain,
    /// Below a bounded decoding (base64, hexadecimal, percent, entities, rot13, reversed, escapes).
    Decoded,
}

/// One finding in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How sure.
    pub confidence: Confidence,
    /// Where, in bytes of the original text; for a decoded layer the whole encoded run.
    /// Always on character boundaries.
    pub range: Range<usize>,
    /// Which reading.
    pub layer: Layer,
    /// Which rule of the detector: a stable name such as `card.luhn`.
    pub rule: &'static str,
    /// For the operator's own terms and patterns: the index into the settings' `terms` followed by `patterns`.
    pub term: Option<u16>,
}

/// What a scan of one text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Findings, sorted by start, then end, then kind. Ranges of different kinds may overlap.
    pub findings: Vec<Finding>,
    /// Injection and jailbreak score of the whole text, 0.0 to 1.0.
    pub injection_score: f32,
    /// Whether the score passes the detector's threshold for this kind of span.
    pub injection_flagged: bool,
    /// A bounded decoding hit its bound: part of the text was not looked into.
    pub truncated: bool,
}
