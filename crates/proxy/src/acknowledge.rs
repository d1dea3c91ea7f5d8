//! A person says that they read the note about a service that is not approved.
//!
//! ```text
//! GET  ?token=...  -> signature, time -> a form                      (records nothing: mail scanners follow links)
//! POST token=...   -> rate -> signature, time, not used -> record durable -> "recorded"
//! ```
//! What always holds: no record without a token that this gateway signed, and one record a token; what a page shows
//! comes from a signed token or from here. No credential is looked at, so another site can send nothing that who holds
//! the token could not. Who is turned away is counted as every stranger is. What it does not do: show the note; the page that carries the link does.

use crate::body::OutBody;
use crate::respond;
use crate::worker::Shared;
use cordon_identity::acknowledge::{Link, LinkKey, MAX_TOKEN};
use cordon_ledger::{Catalogue, Control, ControlKind};
use cordon_pipeline::Why;
use cordon_types::{Millis, RequestId};
use http::{Method, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where.
pub const PATH: &str = "/cordon/v1/acknowledgements";
/// Requests a minute, over all who ask: an HMAC each, so that guessing costs nothing much either.
const MAX_A_MINUTE: u32 = 600;
/// Records a minute. Each needs a link that an admin made; this bounds what many links at once may write.
const MAX_RECORDS_A_MINUTE: u32 = 120;
/// Most used links remembered. They are forgotten when their time is over.
const MAX_USED: usize = 100_000;
/// How long the form's few bytes may take.
const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE: Millis = 60_000;

/// Which links were used, and how many requests came of late.
#[derive(Debug, Default)]
pub struct Links(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    used: HashMap<u128, Millis>,
    since: Millis,
    asked: u32,
    recorded: u32,
}

enum Taken {
    New,
    Before,
    TooMany,
}

impl Links {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more request may be looked at.
    fn may_ask(&self, now: Millis) -> bool {
        let mut state = self.lock();
        if now.saturating_sub(state.since) >= MINUTE || now < state.since {
            (state.since, state.asked, state.recorded) = (now, 0, 0);
        }
        state.asked = state.asked.saturating_add(1);
        state.asked <= MAX_A_MINUTE
    }

    /// Marks a link as used, before its record is written: of two at once, one writes.
    fn take(&self, link: &Link, now: Millis) -> Taken {
        let mut state = self.lock();
        if state.used.contains_key(&link.number.0) {
            return Taken::Before;
        }
        if state.used.len() >= MAX_USED {
            state.used.retain(|_, until| *until > now);
        }
        if state.used.len() >= MAX_USED || state.recorded >= MAX_RECORDS_A_MINUTE {
            return Taken::TooMany;
        }
        state.recorded += 1;
        state.used.insert(link.number.0, link.until);
        Taken::New
    }

    /// What could not be recorded may be tried again.
    fn give_back(&self, link: &Link) {
        self.lock().used.remove(&link.number.0);
    }
}

/// The key of links: it follows from the key of pseudonyms, under a name that no user can have.
#[must_use]
pub fn key(shared: &Shared) -> LinkKey {
    LinkKey::new(&(shared.user_digest)("\0cordon links to acknowledge a note").0)
}

/// Answers the form, and what it sends.
pub(crate) async fn answer(
    shared: &Shared,
    id: RequestId,
    parts: &http::request::Parts,
    body: Incoming,
) -> Response<OutBody> {
    let now = shared.clock.now();
    if !shared.links.may_ask(now) {
        return refused(shared, 429, id, Why::Limit, ("Too many requests", "Please try again in a minute."));
    }
    let form = parts.method == Method::GET;
    let sent = if form { parts.uri.query().map(str::to_owned) } else { sent(body).await };
    let token = sent.as_deref().and_then(|s| s.strip_prefix("token=")).unwrap_or("");
    let Some(link) = key(shared).read(token) else {
        let text = ("This link is not valid", "Please ask for a new one.");
        return refused(shared, 403, id, Why::Credential, text);
    };
    if link.until <= now {
        let text = ("This link has expired", "Please ask for a new one.");
        return refused(shared, 410, id, Why::Credential, text);
    }
    if form {
        return respond::page(200, id, ask(&link, token));
    }
    match shared.links.take(&link, now) {
        Taken::New => {}
        Taken::Before => return told(200, id, "Recorded before", "Nothing more was written down."),
        Taken::TooMany => {
            let text = ("Too many requests", "Please try again in a minute.");
            return refused(shared, 429, id, Why::Limit, text);
        }
    }
    let record = record(shared, &link, now);
    if let Err(error) = shared.ledger.append(record.encode()).await {
        tracing::error!(%error, "an acknowledgement could not be recorded");
        shared.links.give_back(&link);
        return told(503, id, "Not recorded", "The record could not be written. Please try again later.");
    }
    told(
        200,
        id,
        "Recorded",
        "Thank you. It is written down that you read the note. You can close this page.",
    )
}

/// The record of an acknowledgement by a link.
fn record(shared: &Shared, link: &Link, now: Millis) -> Control {
    let digester = shared.recorder.digester();
    // SECURITY: a key of the catalogue that ships, or this gateway would not have signed it.
    let names = Catalogue::from_operator([&link.service]);
    Control {
        target: Some(names.name(&link.service, "service", &digester)),
        by: Some(digester.linkable("user", &link.person.0)),
        snapshot: Some(link.text),
        request: Some(link.number),
        to: Some(link.until),
        epoch: digester.epoch(),
        ..Control::new(ControlKind::ShadowAcknowledged, now)
    }
}

/// What the form sent, where it is no longer than a form's.
async fn sent(body: Incoming) -> Option<String> {
    let whole = Limited::new(body, MAX_TOKEN + "token=".len()).collect();
    let bytes = tokio::time::timeout(PATIENCE, whole).await.ok()?.ok()?.to_bytes();
    String::from_utf8(bytes.to_vec()).ok()
}

// SECURITY: a token that was read holds letters, digits, dashes and dots alone, and so does a service's key.
fn ask(link: &Link, token: &str) -> String {
    let service = &link.service;
    let inner = format!(
        "<h1>Note about {service}</h1>\n<p>By pressing the button you say that you read the note about \
         <strong>{service}</strong>: that it is not approved here, and what to use instead. This is recorded, with \
         the time and a pseudonym for you.</p>\n<form method=\"post\" action=\"{PATH}\">\n\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
         <button type=\"submit\">I have read the note</button>\n</form>"
    );
    page("Acknowledge a note", &inner)
}

fn told(status: u16, id: RequestId, title: &'static str, text: &'static str) -> Response<OutBody> {
    respond::page(status, id, page(title, &format!("<h1>{title}</h1>\n<p>{text}</p>")))
}

/// Whoever holds no good link is a stranger: counted, and the counts are recorded.
fn refused(
    shared: &Shared,
    status: u16,
    id: RequestId,
    why: Why,
    (title, text): (&'static str, &'static str),
) -> Response<OutBody> {
    shared.recorder.turned_away(why);
    shared.metrics.ended("none", why.name());
    told(status, id, title, text)
}

fn page(title: &'static str, inner: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n{inner}\n</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_types::Digest;

    fn link(number: u128, until: Millis) -> Link {
        let (person, text) = (Digest([1; 32]), Digest([2; 32]));
        Link { service: "x".into(), person, text, until, number: RequestId(number) }
    }

    #[test]
    fn a_link_is_taken_once_and_rates_hold() {
        let links = Links::default();
        for _ in 0..MAX_A_MINUTE {
            assert!(links.may_ask(1_000_000));
        }
        assert!(!links.may_ask(1_000_001));
        assert!(links.may_ask(1_000_000 + MINUTE));
        assert!(matches!(links.take(&link(1, 9), 5), Taken::New));
        assert!(matches!(links.take(&link(1, 9), 5), Taken::Before));
        links.give_back(&link(1, 9));
        assert!(matches!(links.take(&link(1, 9), 5), Taken::New));
        for n in 2..u128::from(MAX_RECORDS_A_MINUTE) {
            assert!(matches!(links.take(&link(n, 9), 5), Taken::New), "{n}");
        }
        assert!(matches!(links.take(&link(5_000, 9), 5), Taken::TooMany));
    }
}
