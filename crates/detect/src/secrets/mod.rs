//! Credentials of known form, found by their literals and verified by hand.
//!
//! One pass over the lower-cased view finds every literal that words may follow, another one over the tokens that can
//! hold a credential finds those that begin one; what follows (and a bounded bit of what stands before) decides. What
//! it deliberately does not do: guess at bare random strings without a word that names them.

mod assign;
mod blocks;
mod connection;
mod known;
#[cfg(test)]
mod tests;

use crate::view::literals::Literals;
use crate::view::tokens::{COLON, LONG, Token};
use crate::view::{Ahead, Sink, ViewText};
use cordon_types::FindingKind;
use known::Known;
use std::ops::Range;

/// Rules for the catalogue that are not in the table of known forms.
pub(crate) const CATALOGUE: &[(FindingKind, &str, &str)] = &[
    (
        FindingKind::ApiKey,
        "aws.secret_access_key",
        "40 characters after a name such as aws_secret_access_key",
    ),
    (
        FindingKind::ApiKey,
        "generic.key",
        "a random-looking value assigned to a name such as api_key or client_secret",
    ),
    (FindingKind::ApiKey, "generic.password", "a value with mixed characters assigned to password"),
    (FindingKind::ApiKey, "http.bearer", "a bearer token of an Authorization header"),
    (FindingKind::ApiKey, "http.basic", "user and password of an Authorization header"),
    (FindingKind::ApiKey, "azure.sas", "the signature of a shared access signature"),
    (FindingKind::ApiKey, "telegram.bot", "a Telegram bot token"),
    (FindingKind::ApiKey, "slack.webhook", "a Slack incoming webhook URL"),
    (FindingKind::Jwt, "jwt.signed", "a JSON web token whose header names an algorithm"),
    (FindingKind::PrivateKey, "key.pem", "a PEM, OpenSSH or PGP private key block"),
    (FindingKind::PrivateKey, "key.putty", "a PuTTY private key file"),
    (FindingKind::ConnectionString, "connection.url", "a URL with a password in it"),
    (
        FindingKind::ConnectionString,
        "connection.pairs",
        "name=value pairs with a server and a password or key",
    ),
    (FindingKind::ConnectionString, "connection.jdbc", "a JDBC URL with a password in it"),
];

/// What a literal leads to.
#[derive(Clone, Copy, Debug)]
enum Lead {
    Known(&'static Known),
    Pem,
    Putty,
    Jwt,
    Url,
    Jdbc,
    Pairs,
    Telegram,
    Webhook,
    Sas,
    Bearer,
    Basic,
    AwsSecret,
    Key,
    Password,
}

/// Literals of what has no space in it, lower case, besides those of the known forms: a token that is long or has a
/// colon holds all of it.
const WITHIN: &[(&str, Lead)] = &[
    ("eyj", Lead::Jwt),
    ("://", Lead::Url),
    ("jdbc:", Lead::Jdbc),
    (":aa", Lead::Telegram),
    ("hooks.slack.com/services/", Lead::Webhook),
    ("sig=", Lead::Sas),
];

/// Literals of what may go on behind a space, lower case.
const LITERALS: &[(&str, Lead)] = &[
    ("-----begin", Lead::Pem),
    ("putty-user-key-file-", Lead::Putty),
    ("server=", Lead::Pairs),
    ("source=", Lead::Pairs),
    ("host=", Lead::Pairs),
    ("endpoint=", Lead::Pairs),
    ("endpointsprotocol=", Lead::Pairs),
    ("bearer ", Lead::Bearer),
    ("basic ", Lead::Basic),
    ("secret_access_key", Lead::AwsSecret),
    ("secretaccesskey", Lead::AwsSecret),
    ("aws_secret_key", Lead::AwsSecret),
    ("api_key", Lead::Key),
    ("api-key", Lead::Key),
    ("apikey", Lead::Key),
    ("api key", Lead::Key),
    ("access_key", Lead::Key),
    ("accesskey", Lead::Key),
    ("secret_key", Lead::Key),
    ("secretkey", Lead::Key),
    ("secret key", Lead::Key),
    ("client_secret", Lead::Key),
    ("clientsecret", Lead::Key),
    ("auth_token", Lead::Key),
    ("authtoken", Lead::Key),
    ("access_token", Lead::Key),
    ("accesstoken", Lead::Key),
    ("access token", Lead::Key),
    ("refresh_token", Lead::Key),
    ("secret", Lead::Key),
    ("token", Lead::Key),
    ("password", Lead::Password),
    ("passwd", Lead::Password),
    ("passphrase", Lead::Password),
    ("passwort", Lead::Password),
    ("pwd", Lead::Password),
];

/// The compiled detector.
#[derive(Debug)]
pub(crate) struct Secrets {
    anywhere: Leads,
    within: Leads,
}

/// Literals, compiled, and what each leads to.
#[derive(Debug)]
struct Leads {
    literals: Option<Literals>,
    leads: Vec<Lead>,
}

impl Leads {
    fn new(rows: impl Iterator<Item = (String, Lead)>) -> Self {
        let (literals, leads): (Vec<_>, Vec<_>) = rows.unzip();
        Self { literals: Literals::new(&literals), leads }
    }

    /// Follows each literal in one part of a view.
    fn follow(&self, view: &ViewText<'_>, part: Range<usize>, sink: &mut Sink) {
        let (Some(literals), Some(text)) = (&self.literals, view.lower.get(part.clone())) else { return };
        literals.each(text, |which, found| {
            let (start, end) = (part.start + found.start, part.start + found.end);
            let Some(lead) = self.leads.get(which) else { return };
            match lead {
                Lead::Known(known) => known::check(view, known, start, sink),
                Lead::Pem => forward(view, start, sink, blocks::pem),
                Lead::Putty => forward(view, start, sink, blocks::putty),
                Lead::Jwt => known::jwt(view, start, sink),
                Lead::Url => connection::url(view, start, sink),
                Lead::Jdbc => forward(view, start, sink, connection::jdbc),
                Lead::Pairs => connection::pairs(view, end, sink),
                Lead::Telegram => known::telegram(view, start, sink),
                Lead::Webhook => known::webhook(view, start, sink),
                Lead::Sas => assign::sas(view, start, end, sink),
                Lead::Bearer => assign::header(view, start, end, "http.bearer", sink),
                Lead::Basic => assign::header(view, start, end, "http.basic", sink),
                Lead::AwsSecret => assign::aws_secret(view, start, end, sink),
                Lead::Key => assign::key(view, start, end, sink),
                Lead::Password => assign::password(view, start, end, sink),
            }
        });
    }
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let rows =
            |rows: &'static [(&str, Lead)]| rows.iter().map(|(text, lead)| ((*text).to_owned(), *lead));
        let known =
            known::TABLE.iter().flat_map(|k| k.literals().into_iter().map(move |l| (l, Lead::Known(k))));
        Self { anywhere: Leads::new(rows(LITERALS)), within: Leads::new(rows(WITHIN).chain(known)) }
    }

    /// False when the literals could not be compiled: the caller refuses to start.
    pub(crate) fn ready(&self) -> bool {
        self.anywhere.literals.is_some() && self.within.literals.is_some()
    }

    /// Finds credentials in one view.
    pub(crate) fn scan(&self, view: &ViewText<'_>, tokens: &[Token], sink: &mut Sink) {
        hold_phrases(view, sink);
        self.anywhere.follow(view, 0..view.lower.len(), sink);
        for token in tokens {
            if token.classes & COLON != 0 || token.end - token.start >= LONG {
                self.within.follow(view, token.start..token.end, sink);
            }
        }
    }
}

/// `data source=` begins a token before its literal: the one such phrase is held by hand.
fn hold_phrases(view: &ViewText<'_>, sink: &mut Sink) {
    const PHRASE: &str = "data source=";
    if view.closed {
        return;
    }
    for len in 4..PHRASE.len() {
        if PHRASE.get(..len).is_some_and(|p| view.lower.ends_with(p)) {
            sink.open(view.lower.len() - len);
        }
    }
}

/// A match from a start on.
struct Hit {
    end: usize,
    kind: FindingKind,
    confidence: u16,
    rule: &'static str,
}

/// Runs a forward check and passes on what it said, or that the end of the text kept it from saying.
fn forward(
    view: &ViewText<'_>,
    start: usize,
    sink: &mut Sink,
    check: fn(&ViewText<'_>, &mut Ahead<'_>, usize) -> Option<Hit>,
) {
    if start < view.floor {
        return;
    }
    let mut ahead = Ahead::new(view);
    let hit = check(view, &mut ahead, start);
    if ahead.undecided {
        sink.open(start);
    }
    if let Some(hit) = hit {
        sink.found(start..hit.end, hit.kind, hit.confidence, hit.rule);
    }
}

/// The rules of the table of known forms.
pub(crate) fn known_rules() -> impl Iterator<Item = (FindingKind, &'static str, &'static str)> {
    known::catalogue()
}
