//! Whether the log is complete, not only intact: one pass over all leaves, in order.
//!
//! ```text
//! intent (goes upstream) --> open --> outcome with the same request and `of` --> closed, counted
//!                              |--> start without a stop: what was open had been cut off by a crash
//!                              '--> the log's end: in flight
//! ```
//! What always holds: memory holds open intents, the requests closed last, counts a model and day, and a bounded list
//! of what is wrong; what goes beyond the list is still counted. What it cannot see: exchanges that never reached
//! this gateway; the comparison with a provider's own usage shows those.

mod count;
mod report;
#[cfg(test)]
mod tests;
mod usage;

pub use count::{Counted, Key, Tokens};
pub use report::{Compared, Difference, Report, compare};
pub use usage::{Aliases, CsvColumns, Usage, UsageError, read_csv, read_usage};

use cordon_ledger::{Control, ControlKind, Decision, Finish, Intent, Outcome, Record};
use cordon_types::{Millis, RequestId};
use count::Counts;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How many things of one kind are listed one by one.
pub const MOST_LISTED: usize = 1_000;
/// How many closed exchanges are remembered, to tell a second outcome from one without an intent.
const REMEMBERED: usize = 65_536;

/// What is taken for a step of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// A leaf may be so much older than the newest before it: leaves are in the order of their durability, not of
    /// their time.
    pub back: Millis,
    /// A silence that is worth a note.
    pub jump: Millis,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { back: 5_000, jump: 24 * 3_600_000 }
    }
}

/// Something noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An intent whose outcome never came: the process ended under it.
    Crashed,
    /// An intent that was still open when the gateway said that it stopped in order.
    OpenAtStop,
    /// An outcome that points to no intent of its request.
    Unmatched,
    /// A second outcome of one intent.
    Duplicate,
    /// A start before which no stop was recorded.
    NoStop,
    /// The time went back.
    ClockBack,
    /// A start cut off a torn tail of the journal.
    TornTail,
    /// A leaf that is no record of a known version.
    Unreadable,
    /// Note: an intent without an outcome at the log's end.
    InFlight,
    /// Note: between a stop and the next start.
    Down,
    /// Note: a long silence without a stop.
    ClockJump,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Crashed,
        Self::OpenAtStop,
        Self::Unmatched,
        Self::Duplicate,
        Self::NoStop,
        Self::ClockBack,
        Self::TornTail,
        Self::Unreadable,
        Self::InFlight,
        Self::Down,
        Self::ClockJump,
    ];

    /// The name that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashed => "intent_without_outcome",
            Self::OpenAtStop => "open_at_stop",
            Self::Unmatched => "outcome_without_intent",
            Self::Duplicate => "duplicate_outcome",
            Self::NoStop => "start_without_stop",
            Self::ClockBack => "clock_back",
            Self::TornTail => "torn_tail",
            Self::Unreadable => "unreadable_leaf",
            Self::InFlight => "in_flight",
            Self::Down => "down",
            Self::ClockJump => "silence",
        }
    }

    /// Whether it says that something is wrong, rather than what happened.
    #[must_use]
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::InFlight | Self::Down | Self::ClockJump)
    }
}

/// One thing noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// What.
    pub kind: Kind,
    /// At which leaf.
    pub index: u64,
    /// When, as that leaf says; 0 where it cannot be read.
    pub at: Millis,
    /// Of which exchange.
    pub request: Option<RequestId>,
    /// How much: milliseconds for clocks and gaps, bytes for a torn tail, the `of` of an outcome.
    pub amount: Option<u64>,
}

struct Open {
    request: RequestId,
    at: Millis,
    key: Key,
    /// Cordon was only asked: whether the call was made, and how it ended, is told by whoever asked, or not.
    advisory: bool,
}

/// The pass.
pub struct Walk {
    tolerance: Tolerance,
    lowest: u64,
    open: BTreeMap<u64, Open>,
    closed: HashMap<u64, RequestId>,
    closed_order: VecDeque<u64>,
    /// The newest time so far.
    newest: Option<Millis>,
    /// When the last stop was, where nothing but a start came after it.
    stopped: Option<Millis>,
    started: bool,
    first: bool,
    counts: Counts,
    report: Report,
}

impl Default for Walk {
    fn default() -> Self {
        Self::new(Tolerance::default(), 0)
    }
}

impl Walk {
    /// Before the first leaf, which is `lowest`: those before it were given up, and with them a start and intents.
    #[must_use]
    pub fn new(tolerance: Tolerance, lowest: u64) -> Self {
        Self {
            tolerance,
            lowest,
            open: BTreeMap::new(),
            closed: HashMap::new(),
            closed_order: VecDeque::new(),
            newest: None,
            stopped: None,
            started: false,
            first: lowest == 0,
            counts: Counts::default(),
            report: Report::default(),
        }
    }

    /// The next leaf.
    pub fn take(&mut self, index: u64, record: Option<&Record>) {
        self.report.leaves += 1;
        let Some(record) = record else {
            self.notice(Kind::Unreadable, index, 0, None, None);
            return;
        };
        self.clock(index, record);
        match record {
            Record::Intent(r) => self.intent(index, r),
            Record::Outcome(r) => self.outcome(index, r),
            Record::Control(r) => self.control(index, r),
        }
        self.first = false;
    }

    /// Behind the last leaf.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let kind = if self.stopped.is_some() { Kind::OpenAtStop } else { Kind::InFlight };
        self.drop_open(kind);
        self.report.counts = self.counts.into_rows();
        self.report
    }

    fn notice(
        &mut self,
        kind: Kind,
        index: u64,
        at: Millis,
        request: Option<RequestId>,
        amount: Option<u64>,
    ) {
        self.report.notice(Noticed { kind, index, at, request, amount });
    }

    fn clock(&mut self, index: u64, record: &Record) {
        let at = record.at();
        let Some(newest) = self.newest else {
            self.newest = Some(at);
            return;
        };
        if at.saturating_add(self.tolerance.back) < newest {
            self.notice(Kind::ClockBack, index, at, record.request(), Some(newest - at));
            // Told once: what follows is measured from here.
            self.newest = Some(at);
            return;
        }
        let starts = matches!(record, Record::Control(c) if c.kind == ControlKind::Start);
        if at.saturating_sub(newest) > self.tolerance.jump && !(starts && self.stopped.is_some()) {
            self.notice(Kind::ClockJump, index, at, record.request(), Some(at - newest));
        }
        self.newest = Some(newest.max(at));
    }

    fn intent(&mut self, index: u64, r: &Intent) {
        self.report.intents += 1;
        // What was refused, and what needs no upstream, has this one leaf.
        let allowed = matches!(r.judged.decision, Decision::Allowed | Decision::Observed);
        let advisory = r.call.as_ref().is_some_and(|c| c.advisory);
        if !allowed || (r.upstream.is_none() && !advisory) {
            return;
        }
        let key = Key::of(r);
        if !advisory {
            self.counts.opened(&key);
        }
        self.open.insert(index, Open { request: r.request, at: r.at, key, advisory });
    }

    fn outcome(&mut self, index: u64, r: &Outcome) {
        self.report.outcomes += 1;
        let open = self.open.get(&r.intent).filter(|open| open.request == r.request);
        if open.is_none() && r.intent < self.lowest {
            return;
        }
        if open.is_none() {
            let again = self.closed.get(&r.intent) == Some(&r.request);
            let kind = if again { Kind::Duplicate } else { Kind::Unmatched };
            self.notice(kind, index, r.at, Some(r.request), Some(r.intent));
            return;
        }
        let Some(open) = self.open.remove(&r.intent) else { return };
        let answered = !matches!(r.finish, Finish::UpstreamBroke | Finish::Failed) || r.tokens_in.is_some();
        if !open.advisory {
            self.counts.closed(&open.key, r, answered);
        }
        self.remember(r.intent, r.request);
    }

    fn remember(&mut self, intent: u64, request: RequestId) {
        if self.closed_order.len() >= REMEMBERED
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        self.closed.insert(intent, request);
        self.closed_order.push_back(intent);
    }

    fn control(&mut self, index: u64, r: &Control) {
        match r.kind {
            ControlKind::Start => self.start(index, r),
            ControlKind::Stop => {
                self.drop_open(Kind::OpenAtStop);
                self.stopped = Some(r.at);
                self.started = false;
            }
            ControlKind::TornTail => self.notice(Kind::TornTail, index, r.at, None, r.count),
            _ => {}
        }
    }

    fn start(&mut self, index: u64, r: &Control) {
        self.report.starts += 1;
        match self.stopped.take() {
            Some(stopped) => {
                let gap = r.at.saturating_sub(stopped);
                self.notice(Kind::Down, index, r.at, None, Some(gap));
            }
            // The log begins with a start; keys may have been made before the first one.
            None if self.started || !self.open.is_empty() => {
                self.notice(Kind::NoStop, index, r.at, None, None);
            }
            None => {}
        }
        self.drop_open(Kind::Crashed);
        self.started = true;
    }

    fn drop_open(&mut self, kind: Kind) {
        for (index, open) in std::mem::take(&mut self.open).into_iter().filter(|(_, open)| !open.advisory) {
            self.counts.left_open(&open.key);
            self.notice(kind, index, open.at, Some(open.request), None);
        }
    }
}
