//! Held calls and what became of them. No argument, no value: digests, times, counts.
//!
//! INVARIANT: a use is counted by one statement that looks and changes at once, so that of two that come for the last
//! use one gets it, in whatever process.

use crate::{
    db::{Store, from_sql, to_sql},
    error::Fault,
};
use cordon_approvals::{Allowance, ApprovalStore, Kept, Standing};
use cordon_identity::StoreError;
use cordon_types::{AgentId, ApprovalId, Digest, Effect, KeyId, Millis};
use rusqlite::{Row, params};

/// The columns, in the order in which [`kept`] reads them.
const SELECT: &str =
    "SELECT id, agent, key, tool, effect, asked, expires, standing, bound, exact, uses, until FROM approvals";

impl ApprovalStore for Store {
    fn load_grants(&self, now: Millis) -> Result<Vec<Kept>, StoreError> {
        self.run_tx("load approvals", |tx| {
            let sql = format!("{SELECT} WHERE standing = 'allowed' AND uses > 0 AND until > ?1 ORDER BY id");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query(params![to_sql(now)])?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                out.push(kept(row)?);
            }
            Ok(out)
        })
    }

    fn find_approval(&self, id: ApprovalId) -> Result<Option<Kept>, StoreError> {
        self.run_tx("look up an approval", |tx| {
            let mut statement = tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
            let mut rows = statement.query(params![id.to_string()])?;
            rows.next()?.map(kept).transpose()
        })
    }

    fn put_asked(&self, kept: &Kept) -> Result<(), StoreError> {
        self.run_tx("save a held call", |tx| {
            tx.prepare_cached(
                "INSERT INTO approvals (id, agent, key, tool, effect, asked, expires, standing)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'asked')",
            )?
            .execute(params![
                kept.id.to_string(),
                kept.agent.as_str(),
                kept.key.as_str(),
                &*kept.tool,
                kept.effect.name(),
                to_sql(kept.asked),
                to_sql(kept.expires),
            ])?;
            Ok(())
        })
    }

    fn put_decided(&self, id: ApprovalId, standing: &Standing) -> Result<(), StoreError> {
        self.run_tx("save a decision", |tx| {
            let (word, a) = match standing {
                Standing::Asked => return Err(Fault::Data("asked is no decision".to_owned())),
                Standing::Denied => ("denied", None),
                Standing::Allowed(a) => ("allowed", Some(a)),
            };
            let changed = tx
                .prepare_cached(
                    "UPDATE approvals SET standing = ?2, bound = ?3, exact = ?4, uses = ?5, until = ?6
                     WHERE id = ?1 AND (standing = 'asked' OR (standing = 'allowed' AND ?2 = 'denied'))",
                )?
                .execute(params![
                    id.to_string(),
                    word,
                    a.map(|a| a.bound.0.as_slice()),
                    a.map(|a| a.exact),
                    a.map(|a| a.left),
                    a.map(|a| to_sql(a.until)),
                ])?;
            if changed == 1 { Ok(()) } else { Err(Fault::Data(format!("{id} does not wait for a decision"))) }
        })
    }

    fn use_grant(&self, id: ApprovalId) -> Result<bool, StoreError> {
        self.run_tx("use a grant", |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE approvals SET uses = uses - 1 WHERE id = ?1 AND standing = 'allowed' AND uses > 0",
                )?
                .execute(params![id.to_string()])?;
            Ok(changed == 1)
        })
    }

    fn prune_approvals(&self, before: Millis, now: Millis) -> Result<usize, StoreError> {
        self.run_tx("forget old approvals", |tx| {
            let gone = tx
                .prepare_cached(
                    "DELETE FROM approvals
                     WHERE asked < ?1 AND expires <= ?2
                       AND (standing <> 'allowed' OR uses = 0 OR until <= ?2)",
                )?
                .execute(params![to_sql(before), to_sql(now)])?;
            Ok(gone)
        })
    }
}

// SECURITY: a grant that cannot be read is an error, never one that is guessed at.
fn kept(row: &Row<'_>) -> Result<Kept, Fault> {
    let bad = |what: &str| Fault::Data(format!("an approval has {what}"));
    let time = |v: i64| from_sql(v, "an approval's time");
    let word: String = row.get(7)?;
    let standing = match word.as_str() {
        "asked" => Standing::Asked,
        "denied" => Standing::Denied,
        "allowed" => Standing::Allowed(Allowance {
            bound: Digest(row.get(8)?),
            exact: row.get(9)?,
            left: row.get(10)?,
            until: time(row.get(11)?)?,
        }),
        _ => return Err(bad("a standing that is none")),
    };
    let effect: String = row.get(4)?;
    Ok(Kept {
        id: ApprovalId::parse(&row.get::<_, String>(0)?).ok_or_else(|| bad("an id that is none"))?,
        agent: AgentId::new(&row.get::<_, String>(1)?).map_err(|_| bad("an agent that is none"))?,
        key: KeyId::new(&row.get::<_, String>(2)?).map_err(|_| bad("a key that is none"))?,
        tool: row.get::<_, String>(3)?.into(),
        effect: Effect::from_name(&effect).ok_or_else(|| bad("an effect that is none"))?,
        asked: time(row.get(5)?)?,
        expires: time(row.get(6)?)?,
        standing,
    })
}
