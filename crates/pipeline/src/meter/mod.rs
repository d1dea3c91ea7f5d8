//! Rates and budgets: requests and tokens a minute, requests at once, tokens and cost a day, cost a month; for a
//! key, an agent and a model at the same time.
//!
//! What always holds: an exchange is admitted under all its limits or under none; what was spent is never forgotten
//! over a restart. Spending is written ahead in blocks: the store holds a ceiling that is always at least what was
//! spent, so a crash can make Cordon count up to a block (1% of the limit) too much, never too little.
//! Cost: a lock and a few integer operations for each limited scope; the store is written once a block.

mod account;

use account::Account;
use cordon_policy::Budgets;
use cordon_types::{AgentId, KeyId, Millis, ModelName};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What was spent in one period of one scope, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// `agent:x`, `key:x`, `model:x`.
    pub scope: String,
    /// `d:2026-11-23` or `m:2026-11`, in UTC.
    pub period: String,
    /// Tokens.
    pub tokens: u64,
    /// Millionths of the price table's currency.
    pub cost_micros: u64,
}

/// Where spending outlives the process. Both are durable when they return.
pub trait BudgetStore: Send + Sync {
    /// Everything on record.
    fn load(&self) -> Result<Vec<Spent>, BudgetStoreError>;
    /// Raises the figures to at least these.
    fn raise(&self, rows: &[Spent]) -> Result<(), BudgetStoreError>;
}

/// The store could not read or write; the text is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("budgets could not be stored: {0}")]
pub struct BudgetStoreError(pub String);

/// What a limit is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScopeName {
    /// An agent, over all its keys.
    Agent(AgentId),
    /// One key.
    Key(KeyId),
    /// A model, over all agents.
    Model(ModelName),
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScopeName::Agent(id) => write!(f, "agent:{id}"),
            ScopeName::Key(id) => write!(f, "key:{id}"),
            ScopeName::Model(id) => write!(f, "model:{id}"),
        }
    }
}

impl ScopeName {
    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("agent", id) => AgentId::new(id).ok().map(Self::Agent),
            ("key", id) => KeyId::new(id).ok().map(Self::Key),
            ("model", id) => ModelName::new(id).ok().map(Self::Model),
            _ => None,
        }
    }
}

/// One scope that an exchange falls under, with its limits.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Whose limits.
    pub name: ScopeName,
    /// Its limits.
    pub budgets: Budgets,
}

/// A limit that is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The scope's name.
    pub scope: String,
    /// Which limit, in words.
    pub limit: &'static str,
    /// The limit itself.
    pub allowed: u64,
    /// Seconds until a retry may go through.
    pub retry_after: u32,
}

impl Exceeded {
    /// What the caller reads.
    #[must_use]
    pub fn public(&self) -> String {
        format!(
            "{} of {} used up (limit {}); retry in {} s",
            self.limit, self.scope, self.allowed, self.retry_after
        )
    }
}

/// Why an exchange was not admitted.
#[derive(Debug)]
pub enum NotAdmitted {
    /// A limit.
    Exceeded(Exceeded),
    /// The store failed earlier: closed until a restart.
    Store,
}

/// All accounts of this process.
pub struct Meter {
    /// Scopes come from manifests and the config, so a hash without a secret will do.
    accounts: Mutex<FxHashMap<ScopeName, Account>>,
    store: Arc<dyn BudgetStore>,
    store_may_fail: bool,
}

/// An exchange under way. Give it back with `Meter::settle`; dropping it frees the concurrency it took, and counts
/// no tokens.
#[must_use]
pub struct Ticket {
    meter: Arc<Meter>,
    scopes: Vec<Scope>,
    open: bool,
}

impl Meter {
    /// Loads what was spent. Errors when the store cannot be read: Cordon does not start then.
    /// `store_may_fail`: the operator's word that exchanges go on when spending cannot be stored.
    pub fn open(store: Arc<dyn BudgetStore>, store_may_fail: bool) -> Result<Self, BudgetStoreError> {
        let mut accounts: FxHashMap<ScopeName, Account> = FxHashMap::default();
        for spent in store.load()? {
            // A row of a scope that no id can name any more limits nobody.
            if let Some(name) = ScopeName::parse(&spent.scope) {
                accounts.entry(name).or_default().restore(&spent);
            }
        }
        Ok(Self { accounts: Mutex::new(accounts), store, store_may_fail })
    }

    /// Admits an exchange under all scopes, or under none.
    pub fn admit(self: &Arc<Self>, scopes: Vec<Scope>, now: Millis) -> Result<Ticket, NotAdmitted> {
        if scopes.is_empty() {
            return Ok(Ticket { meter: self.clone(), scopes, open: false });
        }
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for scope in &scopes {
            let account = accounts.entry(scope.name.clone()).or_default();
            if account.broken && !self.store_may_fail {
                return Err(NotAdmitted::Store);
            }
            if let Some((limit, allowed, retry_after)) = account.refusal(&scope.budgets, now) {
                let scope = scope.name.to_string();
                return Err(NotAdmitted::Exceeded(Exceeded { scope, limit, allowed, retry_after }));
            }
        }
        for scope in &scopes {
            accounts.entry(scope.name.clone()).or_default().take(&scope.budgets, now);
        }
        Ok(Ticket { meter: self.clone(), scopes, open: true })
    }

    /// Whether exchanges go on when spending cannot be stored.
    #[must_use]
    pub const fn may_fail(&self) -> bool {
        self.store_may_fail
    }

    fn leave(&self, scopes: &[Scope]) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for scope in scopes {
            if let Some(account) = accounts.get_mut(&scope.name) {
                account.concurrent = account.concurrent.saturating_sub(1);
            }
        }
    }

    fn spend(
        &self,
        scopes: &[Scope],
        tokens: u64,
        cost_micros: u64,
        now: Millis,
    ) -> Result<(), BudgetStoreError> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::new();
        for scope in scopes {
            let account = accounts.entry(scope.name.clone()).or_default();
            rows.extend(account.spend(&scope.name, &scope.budgets, tokens, cost_micros, now));
        }
        if rows.is_empty() {
            return Ok(());
        }
        // The lock is held over the write on purpose: nobody is admitted on a figure that is not on disk yet.
        self.store.raise(&rows).inspect_err(|_| {
            for scope in scopes {
                if let Some(account) = accounts.get_mut(&scope.name) {
                    account.broken = true;
                }
            }
        })
    }
}

impl Ticket {
    /// Counts what the exchange used. Durable on return, in the sense of the module. Errors when the store fails:
    /// later exchanges of these scopes are then refused.
    pub fn settle(mut self, tokens: u64, cost_micros: u64, now: Millis) -> Result<(), BudgetStoreError> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        self.meter.leave(&self.scopes);
        self.meter.spend(&self.scopes, tokens, cost_micros, now)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.meter.leave(&self.scopes);
        }
    }
}

#[cfg(test)]
mod tests;
