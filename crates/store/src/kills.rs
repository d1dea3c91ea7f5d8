//! Kills in force.

use crate::{
    db::{Store, from_sql, to_sql},
    error::Fault,
};
use cordon_identity::{Kill, KillScope, KillStore, StoreError};
use rusqlite::params;

impl KillStore for Store {
    fn load_kills(&self) -> Result<Vec<Kill>, StoreError> {
        self.run_tx("load kills", |tx| {
            let mut statement = tx.prepare_cached("SELECT scope, since FROM kills ORDER BY scope")?;
            let mut rows = statement.query([])?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                // SECURITY: a kill that cannot be read is an error, never a kill that is left out.
                let scope = row.get::<_, String>(0)?.parse::<KillScope>();
                let scope = scope.map_err(|_| Fault::Data("a kill has a scope that is none".to_owned()))?;
                out.push(Kill { scope, since: from_sql(row.get(1)?, "a kill's time")? });
            }
            Ok(out)
        })
    }

    fn put_kill(&self, kill: &Kill) -> Result<(), StoreError> {
        self.run_tx("save a kill", |tx| {
            tx.prepare_cached("INSERT INTO kills (scope, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute(params![kill.scope.to_string(), to_sql(kill.since)])?;
            Ok(())
        })
    }

    fn remove_kill(&self, scope: &KillScope) -> Result<bool, StoreError> {
        self.run_tx("remove a kill", |tx| {
            let removed = tx
                .prepare_cached("DELETE FROM kills WHERE scope = ?1")?
                .execute(params![scope.to_string()])?;
            Ok(removed > 0)
        })
    }
}
