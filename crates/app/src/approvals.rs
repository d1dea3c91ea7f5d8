//! Held calls in a running gateway: the desk, what is recorded of it, who is told.
//!
//! ```text
//! desk --Event--> queue --(admin thread wakes)--> the record, in order --asked--> the operator's webhook
//! decision of the API ---^ waits until it and all before it are recorded
//! ```
//! What always holds: events are recorded in the order in which they happened; a webhook is told only of what is
//! recorded, and never what a call says.

use crate::data::DataDir;
use crate::error::AppError;
use crate::runtime::append_leaf;
use crate::settings;
use crate::system::{SystemClock, SystemEntropy};
use crate::tools::export::Here;
use bytes::Bytes;
use cordon_approvals::{ApprovalStore, Credential, Desk, Event, EventKind, Limits, Observer};
use cordon_config::Config;
use cordon_ledger::{Catalogue, Control, ControlKind, Digester, Reason};
use cordon_proxy::Shared;
use cordon_types::{Millis, UpstreamId};
use cordon_upstream::{AuthStyle, BaseUrl, Credential as Bearer, Delivery, Outgoing, Settings, Target};
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use serde_json::json;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits before a webhook is told again.
const AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15)];
/// How long what became of a call is known.
const KEEP: Millis = 30 * 86_400_000;

/// What happened and is not recorded yet.
#[derive(Default)]
pub(crate) struct Queue {
    events: Mutex<VecDeque<Event>>,
    /// Calls that wait and are recorded; a webhook is not told of them yet.
    asked: Mutex<Vec<Event>>,
    wake: Notify,
    /// Held by whoever writes, so that the order of the queue is the order of the record.
    writing: Mutex<()>,
}

impl Observer for Queue {
    fn noted(&self, event: Event) {
        lock(&self.events).push_back(event);
        self.wake.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Resolves when something happened.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Records all that is queued. What could not be recorded stays queued. Not for a thread that serves.
    pub(crate) fn record(&self, shared: &Shared) -> Result<(), String> {
        let _order = lock(&self.writing);
        loop {
            let Some(event) = lock(&self.events).front().cloned() else { return Ok(()) };
            let record = control(&event, &shared.gate.load().catalogue, &shared.recorder.digester());
            append_leaf(shared, record.encode())?;
            lock(&self.events).pop_front();
            if event.kind == EventKind::Asked {
                lock(&self.asked).push(event);
                self.wake.notify_one();
            }
        }
    }

    /// The calls of which a webhook is to be told now.
    pub(crate) fn to_tell(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.asked))
    }
}

/// An event as it is recorded: the tool by name only where the operator's files have it, a person as a pseudonym.
pub(crate) fn control(event: &Event, names: &Catalogue, digester: &Digester) -> Control {
    let kind = match event.kind {
        EventKind::Asked => ControlKind::ApprovalAsked,
        EventKind::Allowed => ControlKind::ApprovalAllowed,
        EventKind::Consented => ControlKind::ApprovalConsented,
        EventKind::Denied => ControlKind::ApprovalDenied,
        EventKind::Expired => ControlKind::ApprovalExpired,
        EventKind::Used => ControlKind::ApprovalUsed,
    };
    let person = event.by.as_ref();
    // Of a decision, the key is the one that vouched for it; of all else, the agent's.
    let key = match person.map(|p| &p.credential) {
        None => Some(event.key.clone()),
        Some(Credential::Key(key)) => Some(key.clone()),
        Some(Credential::Owner) => None,
    };
    let counted = !matches!(event.kind, EventKind::Denied | EventKind::Expired);
    Control {
        request: event.request,
        agent: Some(event.agent.clone()),
        key,
        target: Some(names.name(&event.tool, "tool", digester)),
        by: person.map(|p| digester.linkable("approver", p.name.trim().to_lowercase().as_bytes())),
        reason: event.reason.and_then(|r| Reason::from_name(r.name())),
        count: counted.then_some(event.left.into()),
        to: Some(event.expires_at),
        approval: Some(event.id),
        epoch: digester.epoch(),
        ..Control::new(kind, event.at)
    }
}

/// What a running gateway has for held calls.
#[derive(Clone)]
pub(crate) struct Held {
    /// What happened and is not recorded yet.
    pub(crate) queue: Arc<Queue>,
    /// Where calls wait.
    pub(crate) desk: Arc<Desk>,
    /// Who is told.
    pub(crate) webhook: Option<Arc<Webhook>>,
}

impl Held {
    /// Loads the grants; nothing is sent yet.
    pub(crate) fn open(
        dir: &DataDir,
        config: &Config,
        store: Arc<dyn ApprovalStore>,
        now: Millis,
    ) -> Result<Self, AppError> {
        let queue = Arc::new(Queue::default());
        let desk = Arc::new(desk(store, queue.clone(), config, now)?);
        let webhook = Webhook::new(dir.root(), config)?.map(Arc::new);
        Ok(Self { queue, desk, webhook })
    }
}

/// A desk over a store: grants are in force, what waited is denied, what is long over is forgotten.
pub(crate) fn desk(
    store: Arc<dyn ApprovalStore>,
    observer: Arc<dyn Observer>,
    config: &Config,
    now: Millis,
) -> Result<Desk, AppError> {
    store.prune_approvals(now.saturating_sub(KEEP), now)?;
    Ok(Desk::open(store, Arc::new(SystemEntropy), observer, limits(config), now)?)
}

fn limits(config: &Config) -> Limits {
    let a = &config.approvals;
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    Limits {
        pending: a.max_pending,
        per_agent: a.max_pending_per_agent,
        wait_ms: ms(a.timeout),
        use_within_ms: ms(a.use_within),
        wider_ms: ms(a.max_wider),
        ..Limits::default()
    }
}

/// The operator's webhook.
pub(crate) struct Webhook {
    delivery: Delivery,
    path: String,
    again: [Duration; 2],
}

impl Webhook {
    /// The one in the config, if any. Nothing is connected yet.
    pub(crate) fn new(root: &Path, config: &Config) -> Result<Option<Self>, AppError> {
        let Some(hook) = &config.approvals.webhook else { return Ok(None) };
        let bad = |reason: String| AppError::Credential { upstream: "approvals.webhook".to_owned(), reason };
        // A receiver's address is host and port; what the operator wrote behind them is this one request's path.
        let whole = BaseUrl::parse(&hook.url.to_string()).map_err(bad)?;
        let path = if whole.prefix().is_empty() { "/".to_owned() } else { whole.prefix().to_owned() };
        let scheme = if whole.is_tls() { "https" } else { "http" };
        let host =
            if whole.host().contains(':') { format!("[{}]", whole.host()) } else { whole.host().to_owned() };
        let base = BaseUrl::parse(&format!("{scheme}://{host}:{}", whole.port())).map_err(bad)?;
        let id = UpstreamId::new("webhook").map_err(|e| bad(e.to_string()))?;
        let mut settings = Settings::new(id, Target::Url(base));
        // The operator has named it, and it stands on the same network more often than not.
        settings.allow_private = true;
        settings.head = PATIENCE;
        settings.idle = PATIENCE;
        settings.retries = 0;
        settings.credential = settings::credential(root, &hook.credential).map_err(bad)?.map(Bearer::new);
        settings.auth = if settings.credential.is_some() { AuthStyle::Bearer } else { AuthStyle::None };
        settings.ca = hook.ca_file.as_deref().map(|f| settings::certificates(&root.join(f))).transpose()?;
        let delivery = Delivery::new(&settings, Arc::new(Here), Arc::new(SystemClock::new()))?;
        Ok(Some(Self { delivery, path, again: AGAIN }))
    }

    /// Tells it that a call waits; says in the log where that does not work. The body is in docs/approvals.md.
    pub(crate) async fn tell(&self, event: &Event, names: &Catalogue) {
        let body = Bytes::from(told(event, names).to_string());
        let mut waits = self.again.iter();
        loop {
            let problem = match self.post(body.clone()).await {
                Ok(status) if (200..300).contains(&status) => return,
                Ok(status) => format!("it answered {status}"),
                Err(e) => e.to_string(),
            };
            match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => {
                    tracing::warn!(approval = %event.id, problem, "the approvals webhook could not be told");
                    return;
                }
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<u16, cordon_upstream::UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = Outgoing { method: Method::POST, path: self.path.clone().into(), headers, body };
        Ok(self.delivery.send(request, None).await?.status.as_u16())
    }
}

/// What a webhook is told.
fn told(event: &Event, names: &Catalogue) -> serde_json::Value {
    json!({
        "type": "approval_asked",
        "id": event.id.to_string(),
        "agent": event.agent.as_str(),
        "tool": names.known(&event.tool).map(|k| k.as_str().to_owned()),
        "effect": event.effect.name(),
        "needed": event.left,
        "expires_at": event.expires_at,
        "show": format!("cordon approvals show {}", event.id),
        "path": format!("/cordon/v1/approvals/{}", event.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_approvals::{DenyReason, Person};
    use cordon_types::{AgentId, ApprovalId, Effect, KeyId, RequestId};
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    fn event(kind: EventKind) -> Event {
        Event {
            kind,
            at: 5,
            id: ApprovalId(7),
            request: Some(RequestId(9)),
            agent: AgentId::new("bot").unwrap(),
            key: KeyId::new("botkey").unwrap(),
            tool: "mail__send".into(),
            effect: Effect::Send,
            by: None,
            reason: None,
            left: 2,
            expires_at: 1_000,
        }
    }

    #[test]
    fn a_stranger_s_tool_and_a_persons_name_are_digests_in_the_record() {
        let digester = Digester::new([1; 32]);
        let by = Some(Person { credential: Credential::Owner, name: "Ann Lee".to_owned() });
        let denied = Event { by, reason: Some(DenyReason::WrongTarget), ..event(EventKind::Denied) };
        let record = control(&denied, &Catalogue::default(), &digester);
        let text = String::from_utf8(record.encode()).unwrap();
        assert!(!text.contains("mail") && !text.contains("nn"), "{text}");
        assert_eq!((record.reason, record.key, record.count), (Some(Reason::WrongTarget), None, None));
        for reason in DenyReason::ALL {
            assert!(Reason::from_name(reason.name()).is_some(), "{reason:?}");
        }
        let known = Catalogue::from_operator(["mail__send"]);
        let asked = control(&event(EventKind::Asked), &known, &digester);
        assert!(String::from_utf8(asked.encode()).unwrap().contains("mail__send"));
        assert_eq!((asked.count, asked.to, asked.approval), (Some(2), Some(1_000), Some(ApprovalId(7))));
    }

    /// One request, answered with `status`; the request's text.
    fn receive(listener: &TcpListener, status: u16) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let n = stream.read(&mut buffer).unwrap();
            text.extend_from_slice(&buffer[..n]);
            let all = String::from_utf8_lossy(&text).into_owned();
            if n == 0 || all.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
                return all;
            }
        }
    }

    #[test]
    fn a_receiver_is_told_without_content_and_again_when_it_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = format!(
            "[approvals]\nwebhook = \"http://{}/hook\"\n{}",
            listener.local_addr().unwrap(),
            cordon_config::starter("x/1")
        );
        let config = cordon_config::parse("cordon.toml", &text).unwrap();
        let mut hook = Webhook::new(Path::new("/"), &config).unwrap().unwrap();
        hook.again = [Duration::ZERO; 2];
        let receiver = std::thread::spawn(move || [receive(&listener, 503), receive(&listener, 204)]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(hook.tell(&event(EventKind::Asked), &Catalogue::default()));
        let [first, second] = receiver.join().unwrap();
        for request in [first, second] {
            assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
            let body: serde_json::Value =
                serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            assert_eq!(body["id"], ApprovalId(7).to_string());
            assert_eq!(
                (&body["tool"], &body["effect"], &body["needed"]),
                (&json!(null), &json!("send"), &json!(2))
            );
            assert_eq!(body["show"], format!("cordon approvals show {}", ApprovalId(7)));
        }
    }
}
