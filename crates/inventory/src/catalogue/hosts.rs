//! Hosts of AI services, and which service a host is.
//!
//! ```text
//! api.eu.example.com -> exact? suffix? wildcard? -> eu.example.com -> example.com -> com
//! ```
//! What always holds: the longest name that matches wins, an exact row before a wildcard before a suffix. A row of
//! low precision keeps its low confidence.

use super::rows;
use rustc_hash::FxHashMap;

/// How a row matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The host itself.
    Exact,
    /// The host and all below it.
    Suffix,
    /// Label by label; `*` stands for any run of characters within a label.
    Wildcard,
    /// The host with a path that begins so; only where a log shows paths.
    HostPath,
}

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceKind {
    /// A model's API.
    Api,
    /// An application for people to talk to a model.
    Chat,
    /// A coding assistant.
    Coding,
    /// A platform for agents.
    Agent,
    /// Images, sound, video.
    Image,
    /// A remote tool server.
    Mcp,
    /// An application with AI in it.
    Productivity,
    /// The makers of a server for models on one's own machine.
    Local,
}

impl ServiceKind {
    /// Its name in lists and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ServiceKind::Api => "api",
            ServiceKind::Chat => "chat",
            ServiceKind::Coding => "coding",
            ServiceKind::Agent => "agent",
            ServiceKind::Image => "image",
            ServiceKind::Mcp => "mcp",
            ServiceKind::Productivity => "productivity",
            ServiceKind::Local => "local",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use ServiceKind as K;
        [K::Api, K::Chat, K::Coding, K::Agent, K::Image, K::Mcp, K::Productivity, K::Local]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

/// How far a row may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// The host is the service's own.
    Normal,
    /// The host serves other things too.
    Low,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host, suffix, pattern or host and path.
    pub domain: &'static str,
    /// How it matches.
    pub matches: Match,
    /// Whose it is.
    pub vendor: &'static str,
    /// What it is.
    pub kind: ServiceKind,
    /// How far to believe it.
    pub precision: Precision,
    /// Where the row comes from, with its licence.
    pub sources: &'static str,
}

/// A host that the catalogue knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which row; stable within one build.
    pub row: u32,
    /// How sure, in thousandths.
    pub confidence: u16,
}

/// A label `mcp` in a name that no row has: perhaps a tool server.
const MCP_LABEL: u16 = 300;
/// How sure a row of normal, and one of low precision makes.
const NORMAL: u16 = 900;
const LOW: u16 = 400;
/// A path besides the host says more than the row's precision.
const WITH_PATH: u16 = 800;
/// Longest host that is looked up; RFC 1035, 2.3.4.
const MAX_HOST: usize = 253;

#[derive(Debug, Default)]
struct Slot {
    exact: Option<u32>,
    suffix: Option<u32>,
    wildcards: Vec<u32>,
    paths: Vec<u32>,
}

/// The endpoints, indexed.
#[derive(Debug)]
pub struct Hosts {
    rows: Vec<Endpoint>,
    slots: FxHashMap<&'static str, Slot>,
    /// The row that stands for names with a label `mcp`.
    guess: u32,
}

impl Hosts {
    pub(super) fn new(list: &'static str) -> Self {
        let mut all: Vec<Endpoint> = rows(list).filter_map(|r| endpoint(&r)).collect();
        let guess = u32::try_from(all.len()).unwrap_or(u32::MAX);
        all.push(Endpoint {
            domain: "*mcp*",
            matches: Match::Wildcard,
            vendor: "",
            kind: ServiceKind::Mcp,
            precision: Precision::Low,
            sources: "a name's label",
        });
        let mut slots: FxHashMap<&'static str, Slot> = FxHashMap::default();
        for (n, row) in (0_u32..guess).zip(&all) {
            let slot = slots.entry(indexed_by(row)).or_default();
            match row.matches {
                Match::Exact => slot.exact = Some(n),
                Match::Suffix => slot.suffix = Some(n),
                Match::Wildcard => slot.wildcards.push(n),
                Match::HostPath => slot.paths.push(n),
            }
        }
        Self { rows: all, slots, guess }
    }

    /// The row of a hit.
    #[must_use]
    pub fn row(&self, hit: Hit) -> Option<&Endpoint> {
        self.rows.get(hit.row as usize)
    }

    /// The rows that ship.
    #[must_use]
    pub fn rows(&self) -> &[Endpoint] {
        self.rows.get(..self.guess as usize).unwrap_or(&[])
    }

    /// Which service `host` is; `path` where the record shows one.
    #[must_use]
    pub fn find(&self, host: &str, path: Option<&str>) -> Option<Hit> {
        let host = host.trim_end_matches('.');
        if host.is_empty() || host.len() > MAX_HOST {
            return None;
        }
        if host.bytes().any(|b| b.is_ascii_uppercase()) {
            return self.find_lower(&host.to_ascii_lowercase(), path);
        }
        self.find_lower(host, path)
    }

    fn find_lower(&self, host: &str, path: Option<&str>) -> Option<Hit> {
        let mut at = 0;
        loop {
            let name = host.get(at..)?;
            if let Some(slot) = self.slots.get(name)
                && let Some(hit) = self.in_slot(slot, host, at == 0, path)
            {
                return Some(hit);
            }
            match memchr::memchr(b'.', name.as_bytes()) {
                Some(dot) => at += dot + 1,
                None => break,
            }
        }
        // Only `mcp` alone between dots; inside a label it says too little.
        let labelled = host.split('.').rev().skip(1).any(|l| l == "mcp");
        labelled.then_some(Hit { row: self.guess, confidence: MCP_LABEL })
    }

    fn in_slot(&self, slot: &Slot, host: &str, whole: bool, path: Option<&str>) -> Option<Hit> {
        if whole && let Some(path) = path {
            for n in &slot.paths {
                let prefix = self.rows.get(*n as usize)?.domain.find('/').unwrap_or(0);
                let wanted = self.rows.get(*n as usize)?.domain.get(prefix..)?;
                let rest = path.strip_prefix(wanted);
                if rest.is_some_and(|r| r.is_empty() || r.starts_with(['/', '?'])) {
                    return Some(Hit { row: *n, confidence: WITH_PATH });
                }
            }
        }
        if whole && let Some(n) = slot.exact {
            return Some(self.hit(n));
        }
        if let Some(n) = slot
            .wildcards
            .iter()
            .find(|n| self.rows.get(**n as usize).is_some_and(|r| matches_labels(r.domain, host)))
        {
            return Some(self.hit(*n));
        }
        slot.suffix.map(|n| self.hit(n))
    }

    fn hit(&self, row: u32) -> Hit {
        let low = self.rows.get(row as usize).is_some_and(|r| r.precision == Precision::Low);
        Hit { row, confidence: if low { LOW } else { NORMAL } }
    }
}

fn endpoint(fields: &[&'static str]) -> Option<Endpoint> {
    let [domain, matches, vendor, kind, precision, sources] = *fields else { return None };
    let matches = match matches {
        "exact" => Match::Exact,
        "suffix" => Match::Suffix,
        "wildcard" => Match::Wildcard,
        "hostpath" => Match::HostPath,
        _ => return None,
    };
    let precision = match precision {
        "normal" => Precision::Normal,
        "low" => Precision::Low,
        _ => return None,
    };
    Some(Endpoint { domain, matches, vendor, kind: ServiceKind::from_name(kind)?, precision, sources })
}

/// The name under which a row is looked up: for a pattern the labels behind its last star.
fn indexed_by(row: &Endpoint) -> &'static str {
    match row.matches {
        Match::Exact | Match::Suffix => row.domain,
        Match::HostPath => row.domain.split('/').next().unwrap_or(row.domain),
        Match::Wildcard => {
            let star = row.domain.rfind('*').unwrap_or(0);
            let rest = row.domain.get(star..).unwrap_or("");
            rest.split_once('.').map_or(row.domain, |(_, tail)| tail)
        }
    }
}

fn matches_labels(pattern: &str, host: &str) -> bool {
    let mut labels = host.split('.');
    let mut wanted = pattern.split('.');
    loop {
        match (wanted.next(), labels.next()) {
            (None, None) => return true,
            (Some(w), Some(l)) if glob(w, l) => {}
            _ => return false,
        }
    }
}

/// `*` stands for one or more characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    text.len() > head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
}
