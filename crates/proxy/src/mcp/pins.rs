//! Which of the servers' tools may be used: those that somebody approved, as they were approved.
//!
//! ```text
//! listing --learn--> what the server declares --saw()--> compared with its pin --> a view: tool by tool, by digest
//! list, call --barred()--> none | why                     operator --review()--> the difference --pin()--> in force
//! ```
//! What always holds: a definition that is not, byte for byte of its canonical form, the approved one is neither shown
//! nor called; of a server that ever changed or added a tool since, no tool is, until somebody approves, unless the
//! operator's file says `on_change = "tool"`.
//! What it does not do: pin resources and prompts, which servers make up as they go; those are judged and inspected.
//!
//! Cost: a list or a call looks two names up; a listing is compared with its pin when it is another than the last.

use crate::mcp::hub::lock;
use crate::mcp::server::{Defined, Server};
use arc_swap::ArcSwap;
use cordon_tools::pins::{Change, LookAlike, Sign, Tool, ToolSet, diff, look_alikes, suspicious};
use cordon_types::{Digest, Millis, ServerId};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

/// Why a tool is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Barred {
    /// Nobody has approved this server's tools.
    Unapproved,
    /// It was not there when they were approved.
    New,
    /// It is another than the approved one.
    Changed,
    /// Another tool of its server is new or changed.
    ServerChanged,
    /// Its words try to steer their reader, and the approval does not name it.
    Steers,
    /// The schema of its arguments cannot be used.
    Schema,
}

impl Barred {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unapproved => "unapproved",
            Self::New => "new",
            Self::Changed => "changed",
            Self::ServerChanged => "server_changed",
            Self::Steers => "steers",
            Self::Schema => "schema",
        }
    }
}

/// What somebody approved of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Its tools, as they were.
    pub set: ToolSet,
    /// Those that try to steer their reader and may be used all the same.
    pub accepted: BTreeSet<String>,
    /// When.
    pub at: Millis,
    /// Nobody looked: it was the first listing.
    pub first_use: bool,
}

/// What became of a server's tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinChange {
    /// The first listing was approved by itself.
    FirstUse,
    /// They are not as approved any more.
    Changed,
    /// What was approved by itself has to be looked at: another server's tools could be taken for these.
    Withdrawn,
}

/// What happened, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinEvent {
    /// Whose tools.
    pub server: ServerId,
    /// The digest of the set.
    pub digest: Digest,
    /// How many tools are new or changed; else how many there are.
    pub count: u64,
    /// What it is.
    pub change: PinChange,
    /// When.
    pub at: Millis,
}

/// Who keeps pins, and hears of changes. Not on the path of a call.
pub trait PinKeeper: Send + Sync {
    /// Makes a pin durable. `false`: it could not be, and is not in force.
    fn keep(&self, server: &ServerId, pin: &Pin) -> bool;
    /// Something happened.
    fn noted(&self, event: PinEvent);
}

/// What an approver must see, and the digest of all of it.
#[derive(Clone, Debug)]
pub struct Review {
    /// Over everything here: an approval names it, so that nobody approves what they were not shown.
    pub digest: Digest,
    /// What the server declares.
    pub set: ToolSet,
    /// When something of it was last approved.
    pub approved: Option<Millis>,
    /// What is different from what was approved; all of it, where nothing was.
    pub changes: Vec<Change>,
    /// What it declared meanwhile that was not as approved, where it does not any more.
    pub meanwhile: Vec<Change>,
    /// What hides in definitions, by tool.
    pub signs: Vec<(String, Sign)>,
    /// Tools of other servers that could be taken for one of these, or are spoken of.
    pub look_alikes: Vec<LookAlike>,
    /// Tools whose words try to steer their reader.
    pub steering: BTreeSet<String>,
    /// Tools whose schema cannot be used, and why.
    pub schemas: Vec<(String, String)>,
    /// Each tool that may not be used now, and why.
    pub barred: Vec<(String, Barred)>,
}

/// Why an approval does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPinned {
    /// No such server, or nothing is known of it yet.
    Unseen,
    /// It is not what was shown.
    Moved,
    /// It could not be made durable.
    NotKept,
}

/// What a call needs to know of a server.
#[derive(Debug, Default)]
struct View {
    pinned: BTreeMap<String, Digest>,
    accepted: BTreeSet<String>,
    changed: bool,
}

#[derive(Default)]
struct State {
    /// The servers of the operator's file; pins of others are kept and not compared.
    servers: BTreeSet<ServerId>,
    pins: BTreeMap<ServerId, Pin>,
    /// What each server declared last.
    seen: BTreeMap<ServerId, Seen>,
    /// What a server declared that was not as approved. SECURITY: it stays until somebody approves, whatever the server
    /// declares meanwhile: else one that changes for one agent only, or for an hour, would never be held to it.
    suspects: BTreeMap<ServerId, ToolSet>,
    /// Sets that were noted, so that a server cannot fill the record.
    noted: BTreeMap<ServerId, BTreeSet<Digest>>,
}

/// Most changes of a server that are noted until somebody approves one.
const MAX_NOTED: usize = 64;

struct Seen {
    set: ToolSet,
    steering: BTreeSet<String>,
    schemas: Vec<(String, String)>,
}

/// See the module.
#[derive(Default)]
pub struct Pins {
    keeper: OnceLock<Arc<dyn PinKeeper>>,
    state: Mutex<State>,
    views: ArcSwap<BTreeMap<ServerId, Arc<View>>>,
}

impl Pins {
    /// Puts kept pins in force. Once, before anything is served.
    pub fn open(&self, keeper: Arc<dyn PinKeeper>, pins: BTreeMap<ServerId, Pin>) {
        let _ = self.keeper.set(keeper);
        let mut state = lock(&self.state);
        state.pins = pins;
        self.look(&state);
    }

    /// Why a tool may not be used, if so.
    pub(crate) fn barred(&self, server: &Server, name: &str, defined: &Defined) -> Option<Barred> {
        let views = self.views.load();
        let Some(view) = views.get(server.id()) else { return Some(Barred::Unapproved) };
        view.barred(name, &defined.digest, defined.poisoned, server.settings.whole).or_else(|| {
            // SECURITY: arguments that nobody can check are not passed on.
            defined.schema.is_err().then_some(Barred::Schema)
        })
    }

    /// A server declares this now. Compared with its pin; the first, where the operator's file says so, becomes it.
    pub(crate) fn saw(
        &self,
        server: &Server,
        set: ToolSet,
        tools: &BTreeMap<String, Arc<Defined>>,
        now: Millis,
    ) {
        let id = server.id();
        let steering = tools.iter().filter(|(_, d)| d.poisoned).map(|(n, _)| n.clone()).collect();
        let schemas = tools
            .iter()
            .filter_map(|(n, d)| Some((n.clone(), d.schema.as_ref().err()?.to_string())))
            .collect();
        let mut state = lock(&self.state);
        if state.seen.get(id).is_some_and(|s| s.set == set && s.steering == steering) {
            return;
        }
        state.seen.insert(id.clone(), Seen { set, steering, schemas });
        let Some(keeper) = self.keeper.get() else { return };
        if !state.pins.contains_key(id) {
            for first in state.first(server, now) {
                let kept = keeper.keep(&first.server, &first.pin);
                // What is taken back is out of force even where that cannot be kept.
                if kept || first.pin.set.is_empty() {
                    state.pins.insert(first.server, first.pin);
                    first.event.into_iter().for_each(|event| keeper.noted(event));
                }
            }
        } else if let Some(event) = state.suspect(id, now) {
            tracing::warn!(server = %id, tools = event.count, "a tool server changed what it declares; see `cordon mcp review`");
            keeper.noted(event);
        }
        self.look(&state);
    }

    /// What an approver must see of a server.
    #[must_use]
    pub fn review(&self, server: &Server) -> Option<Review> {
        lock(&self.state).review(server)
    }

    /// Approves what was shown, if it still is so; what is in force from now on.
    pub fn pin(
        &self,
        server: &Server,
        shown: Digest,
        accepted: &BTreeSet<String>,
        now: Millis,
    ) -> Result<Pin, NotPinned> {
        let mut state = lock(&self.state);
        let review = state.review(server).ok_or(NotPinned::Unseen)?;
        if review.digest != shown {
            return Err(NotPinned::Moved);
        }
        let accepted = review.steering.intersection(accepted).cloned().collect();
        let pin = Pin { set: review.set, accepted, at: now, first_use: false };
        let kept = self.keeper.get().is_some_and(|k| k.keep(server.id(), &pin));
        if !kept {
            return Err(NotPinned::NotKept);
        }
        state.pins.insert(server.id().clone(), pin.clone());
        state.suspects.remove(server.id());
        state.noted.remove(server.id());
        self.look(&state);
        Ok(pin)
    }

    /// Takes an approval back: the server's tools are quarantined from now on, even where it cannot be made durable.
    /// SECURITY: what is left is a pin of nothing, so that no listing is a first one again.
    pub fn unpin(&self, server: &ServerId, now: Millis) -> Result<bool, NotPinned> {
        let mut state = lock(&self.state);
        let nothing = Pin::nothing(now);
        let was = state.pins.insert(server.clone(), nothing.clone()).is_some_and(|p| !p.set.is_empty());
        state.suspects.remove(server);
        self.look(&state);
        let kept = self.keeper.get().is_some_and(|k| k.keep(server, &nothing));
        if kept { Ok(was) } else { Err(NotPinned::NotKept) }
    }

    /// When something of a server was last approved, where that is in force.
    #[must_use]
    pub fn approved(&self, server: &ServerId) -> Option<Millis> {
        lock(&self.state).pins.get(server).filter(|p| !p.set.is_empty()).map(|p| p.at)
    }

    /// Forgets what servers declared that are not among these any more; their pins stay.
    pub(crate) fn only(&self, servers: &BTreeMap<ServerId, Arc<Server>>) {
        let mut state = lock(&self.state);
        state.servers = servers.keys().cloned().collect();
        state.seen.retain(|id, _| servers.contains_key(id));
        state.noted.retain(|id, _| servers.contains_key(id));
        self.look(&state);
    }

    fn look(&self, state: &State) {
        let view = |(id, pin): (&ServerId, &Pin)| {
            let pinned = pin.set.tools().map(|t| (t.name().to_owned(), t.digest())).collect();
            let changed = state.suspects.contains_key(id);
            (id.clone(), Arc::new(View { pinned, accepted: pin.accepted.clone(), changed }))
        };
        self.views.store(Arc::new(state.pins.iter().map(view).collect()));
    }
}

/// What a first listing makes of a pin, the server's own or another's.
struct First {
    server: ServerId,
    pin: Pin,
    event: Option<PinEvent>,
}

impl First {
    fn new(server: &ServerId, pin: Pin, about: Option<(&ToolSet, PinChange)>) -> Self {
        let event = about.map(|(set, change)| PinEvent {
            server: server.clone(),
            digest: set.digest(),
            count: set.tools().len() as u64,
            change,
            at: pin.at,
        });
        Self { server: server.clone(), pin, event }
    }
}

impl Pin {
    /// What is left of one that was taken back.
    fn nothing(at: Millis) -> Self {
        Self { set: ToolSet::default(), accepted: BTreeSet::new(), at, first_use: false }
    }
}

impl View {
    fn barred(&self, name: &str, digest: &Digest, steers: bool, whole: bool) -> Option<Barred> {
        match self.pinned.get(name) {
            None if self.pinned.is_empty() => Some(Barred::Unapproved),
            None => Some(Barred::New),
            Some(pinned) if pinned != digest => Some(Barred::Changed),
            Some(_) if self.changed && whole => Some(Barred::ServerChanged),
            Some(_) if steers && !self.accepted.contains(name) => Some(Barred::Steers),
            Some(_) => None,
        }
    }
}

impl State {
    /// Looks whether a server declares what is not as approved. One that is gone is no danger.
    fn suspect(&mut self, id: &ServerId, now: Millis) -> Option<PinEvent> {
        // Where nothing is approved, nothing changes that was.
        let pin = self.pins.get(id).filter(|p| !p.set.is_empty())?;
        let seen = self.seen.get(id)?;
        let same = |t: &&Tool| pin.set.tool(t.name()).is_some_and(|p| p.digest() == t.digest());
        let count = seen.set.tools().filter(|t| !same(t)).count() as u64;
        if count == 0 {
            return None;
        }
        self.suspects.insert(id.clone(), seen.set.clone());
        let digest = seen.set.digest();
        let noted = self.noted.entry(id.clone()).or_default();
        let new = noted.len() < MAX_NOTED && noted.insert(digest);
        new.then(|| PinEvent { server: id.clone(), digest, count, change: PinChange::Changed, at: now })
    }

    /// Pairs of a server's tools and others', as they are declared now; as approved, where a server was not asked yet.
    fn look_alikes(&self, id: &ServerId) -> Vec<LookAlike> {
        let set = |id: &ServerId| {
            let seen = self.seen.get(id).map(|s| &s.set);
            Some((id.clone(), seen.or_else(|| self.pins.get(id).map(|p| &p.set))?))
        };
        let sets: Vec<(ServerId, &ToolSet)> = self.servers.iter().filter_map(set).collect();
        look_alikes(&sets).into_iter().filter(|l| l.one.0 == *id || l.other.0 == *id).collect()
    }

    /// What the first set of a server changes: it is the server's pin where its file says so and nothing in it needs a
    /// person. Where something does, a person it is, from now on. SECURITY: which of two servers is asked first is
    /// chance, or a stranger's haste; so one that was approved by itself and is like this one waits with it.
    fn first(&self, server: &Server, now: Millis) -> Vec<First> {
        let Some(review) = self.review(server) else { return Vec::new() };
        let id = server.id();
        let by_itself = |id: &&ServerId| self.pins.get(*id).is_some_and(|p| p.first_use);
        let others = review.look_alikes.iter().map(|l| if l.one.0 == *id { &l.other.0 } else { &l.one.0 });
        let others: BTreeSet<&ServerId> = others.filter(by_itself).collect();
        let taken_back = |other: &ServerId| {
            tracing::warn!(server = %other, like = %id, "tools that nobody looked at are like another server's, and wait for approval; see `cordon mcp review`");
            First::new(other, Pin::nothing(now), self.pins.get(other).map(|p| (&p.set, PinChange::Withdrawn)))
        };
        let mut all: Vec<First> = others.into_iter().map(taken_back).collect();
        if server.settings.first_use && !review.set.is_empty() {
            let quiet =
                review.steering.is_empty() && review.look_alikes.is_empty() && review.signs.is_empty();
            let own = Pin { set: review.set.clone(), first_use: true, ..Pin::nothing(now) };
            all.push(if quiet {
                First::new(id, own, Some((&review.set, PinChange::FirstUse)))
            } else {
                tracing::warn!(server = %id, "its tools wait for approval for all that `pins` says; see `cordon mcp review`");
                First::new(id, Pin::nothing(now), None)
            });
        }
        all
    }

    fn review(&self, server: &Server) -> Option<Review> {
        let id = server.id();
        let seen = self.seen.get(id)?;
        let pin = self.pins.get(id);
        let empty = ToolSet::default();
        let approved = pin.map_or(&empty, |p| &p.set);
        let changes = diff(approved, &seen.set);
        let meanwhile = self.suspects.get(id).filter(|s| **s != seen.set);
        let meanwhile = meanwhile.map(|s| diff(approved, s)).unwrap_or_default();
        let signs = seen
            .set
            .tools()
            .flat_map(|t| suspicious(t).into_iter().map(|s| (t.name().to_owned(), s)))
            .collect();
        let look_alikes = self.look_alikes(id);
        let view = pin.map(|p| View {
            pinned: p.set.tools().map(|t| (t.name().to_owned(), t.digest())).collect(),
            accepted: p.accepted.clone(),
            changed: self.suspects.contains_key(id),
        });
        let barred = seen
            .set
            .tools()
            .filter_map(|t| {
                let steers = seen.steering.contains(t.name());
                let why = match &view {
                    None => Some(Barred::Unapproved),
                    Some(v) => v.barred(t.name(), &t.digest(), steers, server.settings.whole),
                };
                let broken = seen.schemas.iter().any(|(n, _)| n == t.name());
                Some((t.name().to_owned(), why.or(broken.then_some(Barred::Schema))?))
            })
            .collect();
        let mut review = Review {
            digest: Digest::default(),
            set: seen.set.clone(),
            approved: pin.filter(|p| !p.set.is_empty()).map(|p| p.at),
            changes,
            meanwhile,
            signs,
            look_alikes,
            steering: seen.steering.clone(),
            schemas: seen.schemas.clone(),
            barred,
        };
        review.digest = review.digest();
        Some(review)
    }
}

impl Review {
    fn digest(&self) -> Digest {
        let mut shown = String::new();
        let Self { set, approved, meanwhile, signs, look_alikes, steering, schemas, .. } = self;
        let about = (approved, meanwhile, signs, look_alikes, steering, schemas);
        let _ = write!(shown, "{}\0{about:?}", set.canonical());
        Digest(Sha256::digest(shown.as_bytes()).into())
    }
}
