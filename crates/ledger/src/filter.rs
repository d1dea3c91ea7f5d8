//! Which records are wanted.
//!
//! What always holds: a filter that says nothing wants everything, also what is no record of a known version; any
//! other filter wants only records that it can read.

use crate::{
    name::{Known, Linkable, Name},
    record::{ControlKind, Decision, Judged, Reason, Record},
};
use cordon_types::{FindingKind, Millis, RequestId};

/// What kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// Before an exchange.
    Intent,
    /// After it.
    Outcome,
    /// Beside exchanges; of one kind, where given.
    Control(Option<ControlKind>),
}

impl RecordType {
    /// `intent`, `outcome`, `control`, or a control's own kind (`kill`, `start`, ...).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "intent" => Some(Self::Intent),
            "outcome" => Some(Self::Outcome),
            "control" => Some(Self::Control(None)),
            other => ControlKind::from_name(other).map(|kind| Self::Control(Some(kind))),
        }
    }

    fn is(self, record: &Record) -> bool {
        match (self, record) {
            (Self::Intent, Record::Intent(_))
            | (Self::Outcome, Record::Outcome(_))
            | (Self::Control(None), Record::Control(_)) => true,
            (Self::Control(Some(kind)), Record::Control(r)) => r.kind == kind,
            _ => false,
        }
    }
}

/// A name to look for: as the operator's files spell it, or by its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// As it stands in records, where it is the operator's own.
    pub text: Option<String>,
    /// Digests that stand for it.
    pub digests: Vec<Linkable>,
}

impl Sought {
    fn is_known(&self, known: &Known) -> bool {
        self.text.as_deref() == Some(known.as_str())
    }

    fn is(&self, name: &Name) -> bool {
        match name {
            Name::Known(known) => self.is_known(known),
            Name::Hidden(digest) => self.digests.contains(digest),
        }
    }
}

/// Which records are wanted. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before.
    pub from: Option<Millis>,
    /// Before.
    pub to: Option<Millis>,
    /// Of this agent.
    pub agent: Option<String>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// On behalf of one of these users, or done by one of these operators.
    pub users: Option<Vec<Linkable>>,
    /// With a call of this tool, or a control record about it.
    pub tool: Option<Sought>,
    /// Asking for this model.
    pub model: Option<Sought>,
    /// For this reason, of the whole or of a call.
    pub reason: Option<Reason>,
    /// With a finding of this kind.
    pub finding: Option<FindingKind>,
    /// Of this type.
    pub record: Option<RecordType>,
    /// Of this exchange.
    pub request: Option<RequestId>,
}

impl Filter {
    pub(crate) fn wants(&self, record: &Record) -> bool {
        let at = record.at();
        self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
            && self.agent.as_deref().is_none_or(|a| record.agent().is_some_and(|id| id.as_str() == a))
            && self.decision.is_none_or(|d| record.decision() == Some(d))
            && self.record.is_none_or(|t| t.is(record))
            && self.request.is_none_or(|r| record.request() == Some(r))
            && self.reason.is_none_or(|r| reasons(record).any(|found| found == r))
            && self
                .finding
                .is_none_or(|k| judged(record).is_some_and(|j| j.findings.iter().any(|f| f.kind == k)))
            && self.users.as_ref().is_none_or(|u| user(record).is_some_and(|found| u.contains(&found)))
            && self.model.as_ref().is_none_or(|m| asks_for(record, m))
            && self.tool.as_ref().is_none_or(|t| calls(record, t))
    }

    /// Whether it says nothing.
    pub(crate) const fn any(&self) -> bool {
        self.from.is_none()
            && self.to.is_none()
            && self.agent.is_none()
            && self.decision.is_none()
            && self.users.is_none()
            && self.tool.is_none()
            && self.model.is_none()
            && self.reason.is_none()
            && self.finding.is_none()
            && self.record.is_none()
            && self.request.is_none()
    }
}

const fn judged(record: &Record) -> Option<&Judged> {
    match record {
        Record::Intent(r) => Some(&r.judged),
        Record::Outcome(r) => Some(&r.judged),
        Record::Control(_) => None,
    }
}

fn reasons(record: &Record) -> impl Iterator<Item = Reason> {
    let own = match record {
        Record::Control(r) => r.reason,
        other => judged(other).and_then(|j| j.reason),
    };
    let calls = match record {
        Record::Outcome(r) => r.calls.as_slice(),
        _ => &[],
    };
    own.into_iter().chain(calls.iter().filter_map(|c| c.reason))
}

const fn user(record: &Record) -> Option<Linkable> {
    match record {
        Record::Intent(r) => r.user,
        Record::Outcome(_) => None,
        Record::Control(r) => r.by,
    }
}

fn asks_for(record: &Record, model: &Sought) -> bool {
    match record {
        Record::Intent(r) => r.model.as_ref().is_some_and(|name| model.is(name)),
        Record::Outcome(_) => false,
        Record::Control(r) => r.target.as_ref().is_some_and(|name| scoped(name, "model:", model)),
    }
}

fn calls(record: &Record, tool: &Sought) -> bool {
    match record {
        Record::Intent(r) => r.call.as_ref().is_some_and(|c| tool.is(&c.tool)),
        Record::Outcome(r) => r.calls.iter().any(|call| tool.is(&call.tool)),
        Record::Control(r) => r.target.as_ref().is_some_and(|name| scoped(name, "tool:", tool)),
    }
}

/// Whether a kill's scope is that of a name.
fn scoped(target: &Name, kind: &str, sought: &Sought) -> bool {
    match target {
        Name::Known(known) => {
            known.as_str().strip_prefix(kind).is_some_and(|n| sought.text.as_deref() == Some(n))
        }
        Name::Hidden(digest) => sought.digests.contains(digest),
    }
}

impl Record {
    /// The exchange that it belongs to.
    #[must_use]
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Intent(r) => Some(r.request),
            Self::Outcome(r) => Some(r.request),
            Self::Control(r) => r.request,
        }
    }
}
