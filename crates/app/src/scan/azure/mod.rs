//! `--azure`: asks Azure Resource Graph which AI there is, with the operator's credential.
//!
//! ```text
//! credentials -> token -> POST query -> page -> rows to the exports' reader -> next page ... -> end
//!                            429, 5xx: wait as told, a few times
//! ```
//! What always holds: nothing is asked without `--azure`; the credential goes to the named authority and to the named
//! base alone, encrypted but for a server on this very machine; redirects are not followed. Pages, rows, waits and the
//! whole time are bounded. What Azure refuses ends the scan: half an inventory would look like resources that went away.
//! What was read but is not all is a note. What it does not do: change anything in Azure, or ask for more than a list.

mod credentials;
#[cfg(test)]
mod tests;

use super::Shared;
use crate::error::AppError;
use crate::system::SystemClock;
use crate::tools::export::Here;
use cordon_inventory::cloud::MAX_DOCUMENT;
use cordon_inventory::cloud::graph::{self, Page, Scope};
use cordon_types::UpstreamId;
use cordon_upstream::oauth::{Bearer, Web};
use cordon_upstream::{BaseUrl, Delivery, Incoming, Outgoing, Settings, Target, UpstreamError};
use credentials::Credentials;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Most pages, and most rows of all pages: far more AI than one tenant runs, and a bound where a server never ends.
const MAX_PAGES: usize = 200;
const MAX_ROWS: u64 = 100_000;
/// How often one page is asked for again.
const RETRIES: u32 = 5;
/// Longest wait that Azure may ask for; its quotas are of seconds.
const MAX_WAIT: u64 = 60;
/// First wait where Azure names none; doubles.
const FIRST_WAIT: u64 = 1;
/// Longest for one answer, and for everything.
const ANSWER: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(300);
/// Largest answer that is no page.
const MAX_ERROR: usize = 64 * 1024;
/// Most subscriptions or management groups of one query; Azure itself may take fewer, and says so.
const MAX_SCOPE: usize = 1_000;

/// What is asked of Azure, where, and as whom. No secret stands in it.
#[derive(Clone, Debug)]
pub struct AzureQuery {
    /// Resource Manager: `https://management.azure.com`, or a national cloud's.
    pub base: String,
    /// Who gives tokens: `https://login.microsoftonline.com`, or a national cloud's.
    pub authority: String,
    /// The tenant; the environment's without.
    pub tenant: Option<String>,
    /// The client; the environment's without.
    pub client: Option<String>,
    /// A file with the client's secret.
    pub secret_file: Option<PathBuf>,
    /// A file with an access token.
    pub token_file: Option<PathBuf>,
    /// Subscriptions and management groups to look at; with neither, all that the credential reads.
    pub scope: Scope,
}

fn fail(reason: String) -> AppError {
    AppError::Scan(format!("--azure: {reason}"))
}

/// Asks, and gives what was seen to the scan.
pub(super) fn ask(
    query: &AzureQuery,
    shared: &Shared,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(), AppError> {
    let (base, allow) = place(&query.base, "--azure-base")?;
    checked(&query.scope)?;
    let credentials = credentials::find(query, &base, &credentials::environment)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let session = Session { delivery: delivery(&base, allow)?, scope: &query.scope, shared, progress };
    let place = format!("Azure Resource Graph at {}", base.host());
    runtime.block_on(async {
        timeout(PATIENCE, Box::pin(session.all(credentials, &place))).await.unwrap_or_else(|_| {
            let seconds = PATIENCE.as_secs();
            Err(fail(format!("no end after {seconds} s; ask for fewer with --azure-subscription")))
        })
    })
}

/// A place of Azure's, and the ranges that it may be in beside the public and private ones. SECURITY: a credential
/// goes there, so it is encrypted, unless the operator has named a server on this very machine.
fn place(text: &str, option: &str) -> Result<(BaseUrl, Vec<ipnet::IpNet>), AppError> {
    let base = BaseUrl::parse(text).map_err(|e| fail(format!("{option}: {e}")))?;
    if base.is_tls() {
        return Ok((base, Vec::new()));
    }
    let here: Vec<ipnet::IpNet> =
        ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
    let ip: Option<std::net::IpAddr> = base.host().parse().ok();
    if base.host() == "localhost" || ip.is_some_and(|ip| here.iter().any(|net| net.contains(&ip))) {
        return Ok((base, here));
    }
    Err(fail(format!("{option}: use https; the credential would cross the network in the clear")))
}

/// Ids go into JSON, not into a path; their number and form are bounded all the same.
fn checked(scope: &Scope) -> Result<(), AppError> {
    for (option, ids) in [
        ("--azure-subscription", &scope.subscriptions),
        ("--azure-management-group", &scope.management_groups),
    ] {
        if ids.len() > MAX_SCOPE {
            return Err(fail(format!("{option}: at most {MAX_SCOPE} in one query")));
        }
        let fine = |id: &String| {
            (1..=90).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.()".contains(&b))
        };
        if let Some(bad) = ids.iter().find(|id| !fine(id)) {
            return Err(fail(format!("{option}: `{bad}` is no id")));
        }
    }
    if !scope.subscriptions.is_empty() && !scope.management_groups.is_empty() {
        return Err(fail("name subscriptions or management groups; Azure takes not both".to_owned()));
    }
    Ok(())
}

fn delivery(base: &BaseUrl, allow: Vec<ipnet::IpNet>) -> Result<Delivery, AppError> {
    let id = UpstreamId::new("azure").map_err(|e| fail(e.to_string()))?;
    let mut settings = Settings::new(id, Target::Url(base.clone()));
    // Resource Manager may be a private endpoint in the operator's network; its certificate says that it is the one.
    settings.allow_private = base.is_tls();
    settings.allow = allow;
    settings.tokens = true;
    (settings.head, settings.idle) = (ANSWER, ANSWER);
    Ok(Delivery::new(&settings, Arc::new(Here), Arc::new(SystemClock::new()))?)
}

struct Session<'a> {
    delivery: Delivery,
    scope: &'a Scope,
    shared: &'a Shared,
    progress: &'a (dyn Fn(&str) + Sync),
}

impl Session<'_> {
    /// Every page.
    async fn all(&self, credentials: Credentials, place: &str) -> Result<(), AppError> {
        let web = Web::new(Arc::new(Here), Arc::new(SystemClock::new()));
        let bearer = Box::pin(credentials.token(&web)).await?;
        let (mut rows, mut token) = (0, None);
        let mut seen = HashSet::new();
        for number in 1..=MAX_PAGES {
            let page = Box::pin(self.page(&bearer, token.as_deref(), place)).await?;
            rows += page.rows;
            (self.progress)(&format!("azure: {number} pages, {rows} rows"));
            self.shared.found(page.found);
            if page.truncated {
                self.note(
                    place,
                    "the result was cut short (`resultTruncated`); ask subscription by subscription",
                );
            }
            let Some(next) = page.next else {
                return self.end(place, rows, page.total);
            };
            if rows >= MAX_ROWS {
                self.note(place, &format!("there are more than {MAX_ROWS} rows; the rest is left out"));
                return Ok(());
            }
            // A server that goes in circles would never end.
            if !seen.insert(next.clone()) {
                self.note(place, "it gave the same token for the next page twice; what follows is not read");
                return Ok(());
            }
            token = Some(next);
        }
        self.note(place, &format!("there are more than {MAX_PAGES} pages; the rest is left out"));
        Ok(())
    }

    /// The last page was read: whether it was all.
    fn end(&self, place: &str, rows: u64, total: Option<u64>) -> Result<(), AppError> {
        if let Some(total) = total.filter(|total| *total > rows) {
            self.note(place, &format!("{rows} of {total} rows came; ask subscription by subscription"));
        }
        Ok(())
    }

    fn note(&self, place: &str, text: &str) {
        self.shared.note(format!("{place}: {text}"));
    }

    /// One page, asked for again where Azure says so. A query changes nothing, so that it may be sent twice.
    async fn page(&self, bearer: &Bearer, token: Option<&str>, place: &str) -> Result<Page, AppError> {
        let body = graph::request(self.scope, token);
        for attempt in 0..=RETRIES {
            let wait = match Box::pin(self.once(bearer, &body)).await {
                Ok(Answered::Page(bytes, pause)) => {
                    let page = graph::page(place, &bytes).map_err(|e| fail(format!("{place} {e}")))?;
                    if let Some(pause) = pause.filter(|_| page.next.is_some()) {
                        sleep(pause).await;
                    }
                    return Ok(page);
                }
                Ok(Answered::Later(wait, _)) if attempt < RETRIES => wait,
                Ok(Answered::Later(_, why)) => {
                    return Err(fail(format!("{place}: {why}, {RETRIES} times over")));
                }
                Ok(Answered::Never(why)) => return Err(fail(format!("{place}: {why}"))),
                Err(e) if attempt < RETRIES && again(&e) => None,
                Err(e) => return Err(fail(said(place, &e))),
            };
            let doubled = Duration::from_secs(FIRST_WAIT << attempt);
            sleep(wait.unwrap_or(doubled)).await;
        }
        Err(fail(format!("{place}: no answer")))
    }

    async fn once(&self, bearer: &Bearer, body: &str) -> Result<Answered, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Outgoing {
            method: Method::POST,
            path: graph::PATH.into(),
            headers,
            body: body.to_owned().into_bytes().into(),
        };
        let mut answer = Box::pin(self.delivery.send_as(request, bearer)).await?;
        if answer.status == StatusCode::OK {
            let pause = spent(&answer.headers);
            return Ok(match whole(&mut answer, MAX_DOCUMENT).await? {
                Some(bytes) => Answered::Page(bytes, pause),
                None => Answered::Never("a page is over 32 MiB".to_owned()),
            });
        }
        let wait = told(&answer.headers);
        let status = answer.status;
        // What an error says at too great length is not needed to know that it is one.
        let bytes = whole(&mut answer, MAX_ERROR).await?.unwrap_or_default();
        Ok(refused(status, wait, &bytes, bearer))
    }
}

/// What one request came to.
#[derive(Debug, PartialEq, Eq)]
enum Answered {
    /// A page; and how long to wait before the next one is asked for.
    Page(Vec<u8>, Option<Duration>),
    /// It may come later: after so long, where Azure says; and why.
    Later(Option<Duration>, String),
    /// It will not.
    Never(String),
}

/// Whether it may go better when it is asked again.
fn again(e: &UpstreamError) -> bool {
    e.retryable()
        || matches!(
            e,
            UpstreamError::Reset { .. }
                | UpstreamError::Truncated
                | UpstreamError::TimeoutHead { .. }
                | UpstreamError::TimeoutIdle { .. }
        )
}

fn said(place: &str, e: &UpstreamError) -> String {
    match e {
        UpstreamError::Redirect { status } => format!(
            "{place} answered {status}, a redirect, which is not followed; name the right place with --azure-base"
        ),
        e => format!("{place}: {e}"),
    }
}

/// A body of at most `most` bytes.
async fn whole(answer: &mut Incoming, most: usize) -> Result<Option<Vec<u8>>, UpstreamError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.body.chunk().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    graph::seconds(headers.get(name)?.to_str().ok()?)
}

/// How long Azure says to wait before it is asked again.
fn told(headers: &HeaderMap) -> Option<Duration> {
    let reset = number(headers, "x-ms-user-quota-resets-after");
    number(headers, "retry-after").or(reset).map(Duration::from_secs)
}

/// How long to wait because the quota is spent, though this request was answered.
fn spent(headers: &HeaderMap) -> Option<Duration> {
    if number(headers, "x-ms-user-quota-remaining") != Some(0) {
        return None;
    }
    let reset = number(headers, "x-ms-user-quota-resets-after").unwrap_or(FIRST_WAIT);
    Some(Duration::from_secs(reset.min(MAX_WAIT)))
}

/// Codes of Azure, and what to do about them.
const HINTS: [(&str, &str); 8] = [
    ("AuthenticationFailed", "get a new token"),
    ("AuthorizationFailed", "give the client the role Reader where it shall look"),
    ("ExpiredAuthenticationToken", "get a new token"),
    ("InvalidAuthenticationToken", "get a new token, for the resource that --azure-base names"),
    ("InvalidAuthenticationTokenAudience", "get a token for the resource that --azure-base names"),
    ("InvalidAuthenticationTokenTenant", "get a token of the tenant whose subscriptions these are"),
    ("InvalidSubscriptionId", "check --azure-subscription"),
    (
        "NoValidSubscriptionsInQueryRequest",
        "the credential reads none of the subscriptions; give it the role Reader",
    ),
];

/// What an answer other than 200 means. SECURITY: nothing of it is told but its codes, and none that shows the token.
fn refused(status: StatusCode, wait: Option<Duration>, body: &[u8], bearer: &Bearer) -> Answered {
    let mut codes = graph::codes(body);
    codes.retain(|code| !bearer.shown_in(code.as_bytes()));
    let hint = codes.iter().find_map(|c| HINTS.iter().find(|(code, _)| code == c)).map(|(_, hint)| *hint);
    let hint = hint.or(match status.as_u16() {
        401 => Some("get a new token"),
        403 => Some("give the client the role Reader where it shall look"),
        429 => Some("its quota is spent; try later"),
        _ => None,
    });
    let codes = if codes.is_empty() { String::new() } else { format!(", `{}`", codes.join("`, `")) };
    let hint = hint.map_or_else(String::new, |h| format!(": {h}"));
    let why = format!("answered {}{codes}{hint}", status.as_u16());
    let later = matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504);
    match wait {
        Some(wait) if later && wait.as_secs() > MAX_WAIT => {
            Answered::Never(format!("{why}; it asks to wait {} s, and this waits {MAX_WAIT}", wait.as_secs()))
        }
        wait if later => Answered::Later(wait, why),
        _ => Answered::Never(why),
    }
}
