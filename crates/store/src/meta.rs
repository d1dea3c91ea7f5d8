//! Notes of the data directory: when it was made, and the like. Short text under short names; no content.

use crate::db::Store;
use cordon_identity::StoreError;
use rusqlite::{OptionalExtension as _, params};

impl Store {
    /// The note of that name.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.run_tx("read a note", |tx| {
            let mut statement = tx.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
            Ok(statement.query_row(params![key], |r| r.get(0)).optional()?)
        })
    }

    /// Writes a note, over an older one.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.run_tx("write a note", |tx| {
            tx.prepare_cached(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![key, value])?;
            Ok(())
        })
    }
}
