//! Legal holds: what must not be erased or pruned while they are in force.
//!
//! ```text
//! holds/<n>   a statement signed by the ledger's key: scope, when it was set, when it was lifted
//! ```
//! What always holds: a hold is in force from the moment its file is durable; setting and lifting each leave a
//! control record; a number is never used twice; a hold whose record is in the log and whose file is not there is
//! tampering, and nothing is erased or pruned then.

use super::{error::CustodyError, statement};
use crate::{
    error::LedgerError,
    note::{Signer, Unsigned, VerifierKey},
    record::{Control, ControlKind, Record},
    verify::{Class, Tamper},
    volume::Volume,
};
use cordon_types::{AgentId, Millis, RequestId};

const DIR: &str = "holds";
const HEADER: &str = "cordon-hold/v1";

/// What a hold covers: records for which everything that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Records not before this time.
    pub from: Option<Millis>,
    /// Records before this time.
    pub to: Option<Millis>,
    /// Records of this agent.
    pub agent: Option<AgentId>,
    /// Records of this request.
    pub request: Option<RequestId>,
}

impl Scope {
    /// Whether it covers the record.
    #[must_use]
    pub fn covers(&self, record: &Record) -> bool {
        self.overlaps(record.at(), record.at().saturating_add(1))
            && self.agent.as_ref().is_none_or(|a| record.agent() == Some(a))
            && self.request.is_none_or(|r| request(record) == Some(r))
    }

    /// Whether it could cover a record from `begun` on and before `ended`.
    #[must_use]
    pub fn overlaps(&self, begun: Millis, ended: Millis) -> bool {
        self.from.is_none_or(|from| from < ended) && self.to.is_none_or(|to| to > begun)
    }

    fn check(&self) -> Result<(), CustodyError> {
        let bad = |problem| Err(CustodyError::BadScope { problem });
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => bad("it ends before it begins"),
            (None, None) if self.agent.is_none() && self.request.is_none() => bad(
                "give at least one of a time, an agent and a request; `--from 1970-01-01` holds everything",
            ),
            _ => Ok(()),
        }
    }
}

const fn request(record: &Record) -> Option<RequestId> {
    match record {
        Record::Intent(r) => Some(r.request),
        Record::Outcome(r) => Some(r.request),
        Record::Control(r) => r.request,
    }
}

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number, from 1.
    pub number: u64,
    /// What it covers.
    pub scope: Scope,
    /// When it was set.
    pub set: Millis,
    /// When it was lifted; `None` while it is in force.
    pub lifted: Option<Millis>,
}

impl Hold {
    /// The signed statement.
    #[must_use]
    pub fn to_text(&self, signer: &Signer) -> String {
        let mut fields = vec![("hold", self.number.to_string()), ("set", self.set.to_string())];
        let s = &self.scope;
        fields.extend(s.from.map(|n| ("from", n.to_string())));
        fields.extend(s.to.map(|n| ("to", n.to_string())));
        fields.extend(s.agent.as_ref().map(|a| ("agent", a.to_string())));
        fields.extend(s.request.map(|r| ("request", format!("{:032x}", r.0))));
        fields.extend(self.lifted.map(|n| ("lifted", n.to_string())));
        statement::sign(HEADER, &fields, signer)
    }

    /// Reads a statement that this key signed.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Unsigned> {
        let fields = statement::Fields::new(statement::open(HEADER, note, key)?);
        Self::read(fields).ok_or(Unsigned::Malformed)
    }

    fn read(mut f: statement::Fields<'_>) -> Option<Self> {
        let (number, set) = (f.number("hold")?, f.number("set")?);
        let (from, to) = (f.opt_number("from")?, f.opt_number("to")?);
        let agent = match f.opt("agent") {
            None => None,
            Some(name) => Some(AgentId::new(name).ok()?),
        };
        let request = match f.opt("request") {
            None => None,
            Some(digits) => Some(
                u128::from_str_radix(digits, 16)
                    .ok()
                    .filter(|n| format!("{n:032x}") == digits)
                    .map(RequestId)?,
            ),
        };
        let lifted = f.opt_number("lifted")?;
        f.done()?;
        Some(Self { number, scope: Scope { from, to, agent, request }, set, lifted })
    }

    /// The control record of its setting or lifting.
    pub(super) fn record(&self, kind: ControlKind, at: Millis) -> Control {
        Control {
            of: Some(self.number),
            from: self.scope.from,
            to: self.scope.to,
            agent: self.scope.agent.clone(),
            request: self.scope.request,
            ..Control::new(kind, at)
        }
    }
}

/// Every hold, in force or lifted, by number.
pub fn read(vault: &dyn Volume, key: &VerifierKey) -> Result<Vec<Hold>, LedgerError> {
    let mut holds = Vec::new();
    for name in vault.list(DIR)? {
        let path = format!("{DIR}/{name}");
        let changed = |detail| Tamper::new(Class::HoldChanged, &path, None, detail);
        let text = String::from_utf8(vault.read(&path)?.unwrap_or_default()).unwrap_or_default();
        let hold =
            Hold::open(&text, key).map_err(|_| changed("it is no hold that this ledger's key signed"))?;
        if hold.number.to_string() != name {
            return Err(changed("it is another hold's").into());
        }
        holds.push(hold);
    }
    holds.sort_by_key(|h| h.number);
    Ok(holds)
}

/// Makes a hold durable: from here on it is in force.
pub(super) fn add(
    vault: &dyn Volume,
    signer: &Signer,
    scope: Scope,
    number: u64,
    now: Millis,
) -> Result<Hold, CustodyError> {
    scope.check()?;
    let hold = Hold { number, scope, set: now, lifted: None };
    write(vault, signer, &hold)?;
    Ok(hold)
}

pub(super) fn write(vault: &dyn Volume, signer: &Signer, hold: &Hold) -> Result<(), CustodyError> {
    Ok(vault.write_atomic(&format!("{DIR}/{}", hold.number), hold.to_text(signer).as_bytes())?)
}

/// A hold that the log tells of must have its file.
pub(super) fn backed(holds: &[Hold], record: &Control) -> Result<(), Tamper> {
    let of = record.of.unwrap_or_default();
    if record.kind != ControlKind::HoldSet || holds.iter().any(|h| h.number == of) {
        return Ok(());
    }
    let path = format!("{DIR}/{of}");
    Err(Tamper::new(
        Class::HoldMissing,
        &path,
        None,
        "the log says that this hold was set, and its file is not there",
    ))
}
