//! Virtual keys, as digests.

use crate::{
    db::{Store, from_sql, to_sql},
    error::Fault,
};
use cordon_identity::{KeyKind, KeyRecord, KeyStore, StoreError};
use cordon_types::{AgentId, Digest, KeyId};
use rusqlite::{Row, params};

/// A revocation is never taken back, and a known id never gets another secret, kind or agent.
const PUT: &str = "
    INSERT INTO keys (id, kind, agent, digest, created, expires, revoked, replaces, label)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (id) DO UPDATE SET
        expires = excluded.expires,
        revoked = coalesce(keys.revoked, excluded.revoked),
        label = excluded.label
    WHERE keys.digest = excluded.digest AND keys.kind = excluded.kind AND keys.agent IS excluded.agent";

impl KeyStore for Store {
    fn load_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.run_tx("load keys", |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, kind, agent, digest, created, expires, revoked, replaces, label
                 FROM keys ORDER BY created, id",
            )?;
            let mut rows = statement.query([])?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                out.push(record(row)?);
            }
            Ok(out)
        })
    }

    fn put_keys(&self, records: &[KeyRecord]) -> Result<(), StoreError> {
        self.run_tx("save keys", |tx| {
            let mut statement = tx.prepare_cached(PUT)?;
            for r in records {
                let changed = statement.execute(params![
                    r.id.as_str(),
                    r.kind.name(),
                    r.agent.as_ref().map(AgentId::as_str),
                    r.digest.0.as_slice(),
                    to_sql(r.created),
                    r.expires.map(to_sql),
                    r.revoked.map(to_sql),
                    r.replaces.as_ref().map(KeyId::as_str),
                    r.label,
                ])?;
                if changed != 1 {
                    return Err(Fault::Data(format!("another key has the id {}", r.id)));
                }
            }
            Ok(())
        })
    }
}

fn record(row: &Row<'_>) -> Result<KeyRecord, Fault> {
    let bad = |what: &str| Fault::Data(format!("a key has {what}"));
    let key_id = |s: String| KeyId::new(&s).map_err(|_| bad("an id that is none"));
    let time = |v: i64| from_sql(v, "a key's time");
    Ok(KeyRecord {
        id: key_id(row.get(0)?)?,
        kind: KeyKind::from_name(&row.get::<_, String>(1)?).ok_or_else(|| bad("a kind that is none"))?,
        agent: row
            .get::<_, Option<String>>(2)?
            .map(|a| AgentId::new(&a).map_err(|_| bad("an agent that is none")))
            .transpose()?,
        digest: Digest(row.get(3)?),
        created: time(row.get(4)?)?,
        expires: row.get::<_, Option<i64>>(5)?.map(time).transpose()?,
        revoked: row.get::<_, Option<i64>>(6)?.map(time).transpose()?,
        replaces: row.get::<_, Option<String>>(7)?.map(key_id).transpose()?,
        label: row.get(8)?,
    })
}
