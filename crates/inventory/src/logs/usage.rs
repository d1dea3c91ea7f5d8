//! Who used which service: one row for each pair of a client and a catalogue row.
//!
//! What always holds: [`MAX_CLIENTS`], [`MAX_PAIRS`] and [`MAX_FLOWS`] bound the memory; what is beyond is counted
//! under one client named [`OTHERS`], never dropped silently. Bytes of requests and bytes of flows are kept apart:
//! a log of both would count them twice.

use super::event::{Event, Seen};
use super::when;
use crate::asset::clipped;
use crate::catalogue::{Hit, catalogue};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Most clients and users told apart.
pub const MAX_CLIENTS: usize = 200_000;
/// Most pairs of a client and a service.
pub const MAX_PAIRS: usize = 500_000;
/// Most open flows whose bytes are waited for.
pub const MAX_FLOWS: usize = 1_000_000;
/// The client that stands for all beyond the caps.
pub const OTHERS: &str = "(others)";
/// Longest name of a client.
const MAX_CLIENT: usize = 128;

/// What one client did with one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The client.
    pub who: Arc<str>,
    /// The user, or empty.
    pub user: Arc<str>,
    /// The service.
    pub hit: Hit,
    /// The first host by which it was reached.
    pub host: Arc<str>,
    /// Names looked up.
    pub lookups: u64,
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
    request_up: u64,
    request_down: u64,
    flow_up: u64,
    flow_down: u64,
    /// First and last time, in milliseconds since 1970.
    pub first: Option<i64>,
    /// As `first`.
    pub last: Option<i64>,
    /// Where it was first seen.
    pub place: Arc<str>,
    /// The line there.
    pub line: u64,
}

impl Pair {
    /// Bytes from the client, as far as the logs tell.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.request_up.max(self.flow_up)
    }

    /// Bytes to the client.
    #[must_use]
    pub fn down(&self) -> u64 {
        self.request_down.max(self.flow_down)
    }
}

/// All pairs.
#[derive(Debug)]
pub struct Usage {
    max_clients: usize,
    ids: FxHashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    index: FxHashMap<(u32, u32, u32), u32>,
    pairs: Vec<Pair>,
    flows: FxHashMap<u64, u32>,
    /// Records that went to [`OTHERS`].
    pub beyond: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self::of(MAX_CLIENTS)
    }
}

impl Usage {
    /// With another cap on clients.
    pub(super) fn of(max_clients: usize) -> Self {
        Self {
            max_clients,
            ids: FxHashMap::default(),
            names: Vec::new(),
            index: FxHashMap::default(),
            pairs: Vec::new(),
            flows: FxHashMap::default(),
            beyond: 0,
        }
    }

    /// The pairs, by client, user and service.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Takes one event; says whether the catalogue knows its host.
    pub fn take(&mut self, event: &Event<'_>, place: &Arc<str>, line: u64, year: i16) -> bool {
        if event.seen == Seen::Flow {
            return self.flow(event);
        }
        let Some(hit) = catalogue().hosts.find(event.host, event.path) else { return false };
        let at = when::millis(event.at, year);
        let n = self.pair(event, hit, place, line);
        let Some(pair) = self.pairs.get_mut(n as usize) else { return true };
        match event.seen {
            Seen::Lookup => pair.lookups += 1,
            Seen::Connection => pair.connections += 1,
            Seen::Request | Seen::Flow => pair.requests += 1,
        }
        pair.request_up = pair.request_up.saturating_add(event.up);
        pair.request_down = pair.request_down.saturating_add(event.down);
        if let Some(at) = at {
            pair.first = Some(pair.first.map_or(at, |f| f.min(at)));
            pair.last = Some(pair.last.map_or(at, |l| l.max(at)));
        }
        if !event.flow.is_empty() && self.flows.len() < MAX_FLOWS {
            self.flows.insert(flow_key(event), n);
        }
        true
    }

    /// The bytes of a flow that an earlier record named; each flow once.
    fn flow(&mut self, event: &Event<'_>) -> bool {
        let Some(n) = self.flows.remove(&flow_key(event)) else { return false };
        if let Some(pair) = self.pairs.get_mut(n as usize) {
            pair.flow_up = pair.flow_up.saturating_add(event.up);
            pair.flow_down = pair.flow_down.saturating_add(event.down);
        }
        true
    }

    fn pair(&mut self, event: &Event<'_>, hit: Hit, place: &Arc<str>, line: u64) -> u32 {
        let mut key = (self.id(event.who), self.id(event.user), hit.row);
        if self.pairs.len() >= MAX_PAIRS && !self.index.contains_key(&key) {
            key = (self.others(), self.id(""), hit.row);
        }
        if key.0 == self.others() {
            self.beyond += 1;
        }
        if let Some(n) = self.index.get(&key) {
            return *n;
        }
        let n = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
        let name = |id: u32| self.names.get(id as usize).cloned().unwrap_or_else(|| "".into());
        self.pairs.push(Pair {
            who: name(key.0),
            user: name(key.1),
            hit,
            host: clipped(event.host.trim_end_matches('.').to_ascii_lowercase()).into(),
            lookups: 0,
            connections: 0,
            requests: 0,
            request_up: 0,
            request_down: 0,
            flow_up: 0,
            flow_down: 0,
            first: None,
            last: None,
            place: place.clone(),
            line,
        });
        self.index.insert(key, n);
        n
    }

    /// The number of [`OTHERS`].
    fn others(&mut self) -> u32 {
        if self.names.is_empty() {
            self.names.push(OTHERS.into());
        }
        0
    }

    fn id(&mut self, name: &str) -> u32 {
        let others = self.others();
        let end = (0..=name.len().min(MAX_CLIENT)).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
        let name = name.get(..end).unwrap_or("");
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        if self.ids.len() >= self.max_clients {
            return others;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(0);
        self.names.push(clipped(name.to_owned()).into());
        self.ids.insert(name.into(), id);
        id
    }
}

fn flow_key(event: &Event<'_>) -> u64 {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = rustc_hash::FxHasher::default();
    event.flow.hash(&mut hasher);
    hasher.finish()
}
