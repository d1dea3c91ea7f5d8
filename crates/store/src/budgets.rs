//! What budgets have used, by scope and period. Numbers only go up within a period: saving an old number after a
//! newer one changes nothing, so a retry or a late writer does no harm.

use crate::db::{Store, from_sql, to_sql};
use cordon_identity::StoreError;
use cordon_pipeline::meter::{BudgetStore, BudgetStoreError, Spent};
use rusqlite::params;

/// Scope (`agent:support-bot`), period (`d:2026-11-23` or `m:2026-11`), tokens, cost in millionths of the currency.
pub type BudgetRow = (String, String, u64, u64);

impl BudgetStore for Store {
    fn load(&self) -> Result<Vec<Spent>, BudgetStoreError> {
        let spent =
            |(scope, period, tokens, cost_micros): BudgetRow| Spent { scope, period, tokens, cost_micros };
        match self.budget_load() {
            Ok(rows) => Ok(rows.into_iter().map(spent).collect()),
            Err(e) => Err(BudgetStoreError(e.to_string())),
        }
    }

    fn raise(&self, rows: &[Spent]) -> Result<(), BudgetStoreError> {
        let rows: Vec<_> =
            rows.iter().map(|s| (s.scope.as_str(), s.period.as_str(), s.tokens, s.cost_micros)).collect();
        self.budget_raise(&rows).map_err(|e| BudgetStoreError(e.to_string()))
    }
}

impl Store {
    /// All that is kept, sorted by scope, then period.
    pub fn budget_load(&self) -> Result<Vec<BudgetRow>, StoreError> {
        self.run_tx("load budgets", |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT scope, period, tokens, cost_micros FROM budgets ORDER BY scope, period",
            )?;
            let mut rows = statement.query([])?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                let tokens = from_sql(row.get(2)?, "a budget's tokens")?;
                out.push((row.get(0)?, row.get(1)?, tokens, from_sql(row.get(3)?, "a budget's cost")?));
            }
            Ok(out)
        })
    }

    /// Raises what is kept to these numbers, all of them or none; a number that is higher already stays.
    pub fn budget_raise<S: AsRef<str>, P: AsRef<str>>(
        &self,
        rows: &[(S, P, u64, u64)],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run_tx("save budgets", |tx| {
            let mut statement = tx.prepare_cached(
                "INSERT INTO budgets (scope, period, tokens, cost_micros) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (scope, period) DO UPDATE SET
                    tokens = max(tokens, excluded.tokens),
                    cost_micros = max(cost_micros, excluded.cost_micros)",
            )?;
            for (scope, period, tokens, cost) in rows {
                statement.execute(params![
                    scope.as_ref(),
                    period.as_ref(),
                    to_sql(*tokens),
                    to_sql(*cost)
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets the days before `day` (`2026-11-23`) and the months before its month. Returns how many rows went.
    pub fn budget_prune(&self, day: &str) -> Result<usize, StoreError> {
        self.run_tx("forget old budgets", |tx| {
            let gone = tx
                .prepare_cached(
                    "DELETE FROM budgets
                     WHERE (period >= 'd:' AND period < 'd:' || ?1)
                        OR (period >= 'm:' AND period < 'm:' || substr(?1, 1, 7))",
                )?
                .execute(params![day])?;
            Ok(gone)
        })
    }
}
