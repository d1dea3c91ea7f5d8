//! Approved tool sets.

use crate::{
    db::{Store, from_sql, to_sql},
    error::Fault,
};
use cordon_approvals::{KeptPin, PinStore};
use cordon_identity::StoreError;
use cordon_types::ServerId;
use rusqlite::params;

impl PinStore for Store {
    fn load_pins(&self) -> Result<Vec<KeptPin>, StoreError> {
        self.run_tx("load approved tools", |tx| {
            let mut statement =
                tx.prepare_cached("SELECT server, tools, accepted, at, first_use FROM pins ORDER BY server")?;
            let mut rows = statement.query([])?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                // SECURITY: a pin that cannot be read is an error, never one that is guessed at.
                let server = ServerId::new(&row.get::<_, String>(0)?)
                    .map_err(|_| Fault::Data("approved tools are of a server that is none".to_owned()))?;
                // No name of a tool has a line break.
                let accepted = row.get::<_, String>(2)?.lines().map(str::to_owned).collect();
                let at = from_sql(row.get(3)?, "an approval's time")?;
                out.push(KeptPin { server, set: row.get(1)?, accepted, at, first_use: row.get(4)? });
            }
            Ok(out)
        })
    }

    fn put_pin(&self, pin: &KeptPin) -> Result<(), StoreError> {
        self.run_tx("save approved tools", |tx| {
            tx.prepare_cached(
                "INSERT INTO pins (server, tools, accepted, at, first_use) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (server) DO UPDATE SET tools = ?2, accepted = ?3, at = ?4, first_use = ?5",
            )?
            .execute(params![
                pin.server.as_str(),
                pin.set,
                pin.accepted.join("\n"),
                to_sql(pin.at),
                pin.first_use
            ])?;
            Ok(())
        })
    }
}
