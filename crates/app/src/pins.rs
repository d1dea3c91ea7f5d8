//! Approved tools of servers in a running gateway: kept, shown, approved, recorded.
//!
//! ```text
//! server declares --Pins::saw--> event --> queue --(admin thread wakes)--> the record
//! operator --review--> difference, digest --approve--> saved --> in force --> the record --> clients hear of it
//! ```
//! What always holds: an approval is saved before it is in force; it names the digest of what was shown; every text of
//! a server is escaped before it leaves here.

use crate::error::AppError;
use crate::runtime::append_leaf;
use cordon_api::{Operator, PinOrder, Refused};
use cordon_approvals::{KeptPin, PinStore};
use cordon_ledger::{Catalogue, Control, ControlKind, Digester};
use cordon_proxy::Shared;
use cordon_proxy::mcp::{NotPinned, Pin, PinChange, PinEvent, PinKeeper, Review, Server, Transport};
use cordon_tools::pins::{Change, ChangeKind, Likeness, LookAlike, Part, SignKind, ToolSet};
use cordon_tools::show::visible;
use cordon_types::{Millis, ServerId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Longest that an operator waits for a look at the servers; each has its own limit too.
const LOOK: Duration = Duration::from_secs(120);

/// Keeps pins, and what happened to them until it is recorded.
pub(crate) struct Keeper {
    store: Arc<dyn PinStore>,
    events: Mutex<VecDeque<PinEvent>>,
    wake: Notify,
    /// Held by whoever writes, so that the order of the queue is the order of the record.
    writing: Mutex<()>,
}

impl PinKeeper for Keeper {
    fn keep(&self, server: &ServerId, pin: &Pin) -> bool {
        let kept = KeptPin {
            server: server.clone(),
            set: pin.set.canonical(),
            accepted: pin.accepted.iter().cloned().collect(),
            at: pin.at,
            first_use: pin.first_use,
        };
        let saved = self.store.put_pin(&kept);
        if let Err(error) = &saved {
            tracing::error!(%server, %error, "approved tools could not be saved; they stay quarantined");
        }
        saved.is_ok()
    }

    fn noted(&self, event: PinEvent) {
        lock(&self.events).push_back(event);
        self.wake.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// Puts what is kept in force.
    pub(crate) fn open(store: Arc<dyn PinStore>, shared: &Shared) -> Result<Arc<Self>, AppError> {
        let mut pins = BTreeMap::new();
        for kept in store.load_pins()? {
            let set = ToolSet::read(&[kept.set.as_bytes()])
                .map_err(|p| AppError::Problems(cordon_types::Problems(vec![p.within("state.db, pins")])))?;
            let accepted = kept.accepted.into_iter().collect();
            pins.insert(kept.server, Pin { set, accepted, at: kept.at, first_use: kept.first_use });
        }
        let keeper = Arc::new(Self {
            store,
            events: Mutex::default(),
            wake: Notify::new(),
            writing: Mutex::default(),
        });
        shared.hub.pins.open(keeper.clone(), pins);
        Ok(keeper)
    }

    /// Resolves when something happened.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Records all that happened. What could not be recorded stays queued. Not for a thread that serves.
    pub(crate) fn record(&self, shared: &Shared) -> Result<(), String> {
        let _order = lock(&self.writing);
        loop {
            let Some(event) = lock(&self.events).front().cloned() else { return Ok(()) };
            let kind = match event.change {
                PinChange::FirstUse => ControlKind::ToolsPinned,
                PinChange::Changed => ControlKind::ToolsChanged,
                PinChange::Withdrawn => ControlKind::ToolsUnpinned,
            };
            let record = Control {
                snapshot: Some(event.digest),
                count: Some(event.count),
                ..about(kind, &event.server, shared, event.at)
            };
            append_leaf(shared, record.encode())?;
            lock(&self.events).pop_front();
        }
    }

    /// Does what an operator asks. Not for a thread that serves.
    pub(crate) fn order(&self, shared: &Shared, by: &Operator, order: &PinOrder) -> Result<Value, Refused> {
        match order {
            PinOrder::List => Ok(list(shared)),
            PinOrder::Look => {
                look(shared)?;
                Ok(list(shared))
            }
            PinOrder::Review(id) => {
                let server = server(shared, id)?;
                if shared.hub.pins.review(&server).is_none() {
                    look(shared)?;
                }
                let review = shared.hub.pins.review(&server).ok_or_else(|| unseen(&server))?;
                Ok(shown(id, &review))
            }
            PinOrder::Approve { server: id, digest, accept, name } => {
                let server = server(shared, id)?;
                let now = shared.clock.now();
                let accepted = accept.iter().cloned().collect();
                let pin = shared
                    .hub
                    .pins
                    .pin(&server, *digest, &accepted, now)
                    .map_err(|e| not_pinned(e, &server))?;
                let count = pin.set.tools().len() as u64;
                let record = Control {
                    snapshot: Some(pin.set.digest()),
                    count: Some(count),
                    ..decided(ControlKind::ToolsPinned, (id, by, name), shared, now)
                };
                append_leaf(shared, record.encode()).map_err(not_recorded)?;
                shared.hub.tools_changed();
                Ok(json!({"server": id.as_str(), "approved": count, "digest": pin.set.digest().to_string()}))
            }
            PinOrder::Unpin { server: id, name } => {
                let now = shared.clock.now();
                let was = shared.hub.pins.unpin(id, now).map_err(|_| {
                    let message = "in force until a restart, but not saved".to_owned();
                    Refused { status: 500, code: "not_saved", message }
                })?;
                if !was {
                    let message = "this server's tools are not approved".to_owned();
                    return Err(Refused { status: 404, code: "not_approved", message });
                }
                let record = decided(ControlKind::ToolsUnpinned, (id, by, name), shared, now);
                append_leaf(shared, record.encode()).map_err(not_recorded)?;
                shared.hub.tools_changed();
                Ok(json!({"server": id.as_str(), "approved": 0}))
            }
        }
    }
}

fn about(kind: ControlKind, server: &ServerId, shared: &Shared, at: Millis) -> Control {
    let digester = shared.recorder.digester();
    let names: &Catalogue = &shared.gate.load().catalogue;
    Control {
        target: Some(names.name(server.as_str(), "server", &digester)),
        epoch: digester.epoch(),
        ..Control::new(kind, at)
    }
}

fn decided(
    kind: ControlKind,
    (server, by, name): (&ServerId, &Operator, &str),
    shared: &Shared,
    at: Millis,
) -> Control {
    let digester: Arc<Digester> = shared.recorder.digester();
    let key = match by {
        Operator::Key(key) => Some(key.clone()),
        Operator::Owner => None,
    };
    let person = digester.linkable("approver", name.trim().to_lowercase().as_bytes());
    Control { by: Some(person), key, ..about(kind, server, shared, at) }
}

fn not_recorded(error: String) -> Refused {
    tracing::error!(%error, "a change is in force but could not be recorded");
    let message = "the change is in force, but its record could not be written".to_owned();
    Refused { status: 503, code: "record_unavailable", message }
}

fn not_pinned(e: NotPinned, server: &Server) -> Refused {
    let (status, code, message) = match e {
        NotPinned::Unseen => return unseen(server),
        NotPinned::Moved => {
            (409, "moved", "what the server declares is not what was shown; look at it again".to_owned())
        }
        NotPinned::NotKept => {
            (500, "not_saved", "the approval could not be saved, and is not in force".to_owned())
        }
    };
    Refused { status, code, message }
}

fn unseen(server: &Server) -> Refused {
    let why = match server.health().as_ref() {
        Some(health) => health.state.as_ref().err().map_or("it has no tools", String::as_str).to_owned(),
        None => "it was not asked yet".to_owned(),
    };
    let message = format!("nothing is known of its tools: {}", visible(&why));
    Refused { status: 409, code: "unseen", message }
}

fn server(shared: &Shared, id: &ServerId) -> Result<Arc<Server>, Refused> {
    shared.hub.servers().get(id).cloned().ok_or_else(|| Refused {
        status: 404,
        code: "no_server",
        message: "the operator's file has no server of that name".to_owned(),
    })
}

/// Has all servers asked, and waits.
fn look(shared: &Shared) -> Result<(), Refused> {
    let failed = |message: &str| Refused { status: 504, code: "no_look", message: message.to_owned() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|_| failed("no look could be begun"))?;
    let done = shared.hub.look();
    // A runtime of its own: this is called from the admin's blocking threads, where none is entered.
    match runtime.block_on(async { tokio::time::timeout(LOOK, done).await }) {
        Ok(Ok(())) => Ok(()),
        _ => Err(failed("the servers could not all be asked in time; see `cordon mcp servers`")),
    }
}

fn list(shared: &Shared) -> Value {
    let servers = shared.hub.servers();
    let all: Vec<Value> = servers.iter().map(|(id, server)| one(shared, id, server)).collect();
    json!({"servers": all})
}

fn one(shared: &Shared, id: &ServerId, server: &Server) -> Value {
    let review = shared.hub.pins.review(server);
    let health = server.health();
    let state = health.as_ref().as_ref().map(|h| match &h.state {
        Ok(revision) => json!({"at": h.at, "usable": true, "revision": revision}),
        Err(why) => json!({"at": h.at, "usable": false, "why": visible(why)}),
    });
    let transport = match server.settings.transport {
        Transport::Http => "http",
        Transport::Sse => "sse",
        Transport::Stdio(_) => "stdio",
        Transport::OpenApi(_) => "openapi",
    };
    let barred = review.as_ref().map_or(0, |r| r.barred.len());
    let tools = review.as_ref().map_or(0, |r| r.set.tools().len());
    json!({
        "id": id.as_str(),
        "transport": transport,
        "health": state,
        "approved_at": shared.hub.pins.approved(id),
        "tools": tools,
        "quarantined": barred,
    })
}

fn shown(id: &ServerId, review: &Review) -> Value {
    let signs: Vec<Value> = review
        .signs
        .iter()
        .map(|(tool, s)| json!({"tool": visible(tool), "kind": sign(s.kind), "path": s.path, "count": s.count}))
        .collect();
    let schemas: Vec<Value> =
        review.schemas.iter().map(|(t, p)| json!({"tool": visible(t), "problem": visible(p)})).collect();
    let barred: Vec<Value> =
        review.barred.iter().map(|(t, b)| json!({"tool": visible(t), "why": b.name()})).collect();
    json!({
        "server": id.as_str(),
        "digest": review.digest.to_string(),
        "tools_digest": review.set.digest().to_string(),
        "approved_at": review.approved,
        "tools": review.set.tools().map(|t| visible(t.name())).collect::<Vec<_>>(),
        "changes": review.changes.iter().map(change).collect::<Vec<_>>(),
        "meanwhile": review.meanwhile.iter().map(change).collect::<Vec<_>>(),
        "signs": signs,
        "look_alikes": review.look_alikes.iter().map(alike).collect::<Vec<_>>(),
        "steering": review.steering.iter().map(|t| visible(t)).collect::<Vec<_>>(),
        "schemas": schemas,
        "quarantined": barred,
    })
}

fn change(c: &Change) -> Value {
    let kind = match c.kind {
        ChangeKind::New => "new",
        ChangeKind::Gone => "gone",
        ChangeKind::Changed => "changed",
    };
    let part = match c.part {
        Part::Tool => "tool",
        Part::Title => "title",
        Part::Description => "description",
        Part::InputSchema => "input_schema",
        Part::OutputSchema => "output_schema",
        Part::Annotations => "annotations",
        Part::Other => "other",
        Part::Prompt => "prompt",
        Part::Resource => "resource",
        Part::Template => "template",
    };
    json!({"kind": kind, "part": part, "name": c.name, "path": c.path, "old": c.old, "new": c.new})
}

fn alike(l: &LookAlike) -> Value {
    let likeness = match l.likeness {
        Likeness::Same => "same_name",
        Likeness::Confusable => "looks_the_same",
        Likeness::Near => "one_letter_apart",
        Likeness::Mentions => "speaks_of",
    };
    let of = |(server, tool): &(ServerId, String)| json!({"server": server.as_str(), "tool": visible(tool)});
    json!({"likeness": likeness, "one": of(&l.one), "other": of(&l.other), "path": l.path})
}

const fn sign(kind: SignKind) -> &'static str {
    match kind {
        SignKind::Control => "control",
        SignKind::Bidi => "bidi",
        SignKind::Invisible => "invisible",
        SignKind::Tag => "tag",
        SignKind::Odd => "odd",
        SignKind::Long => "long",
        SignKind::Deep => "deep",
    }
}
