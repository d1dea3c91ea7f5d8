//! The database file: opening, checking, migrating, and transactions that carry a name.
//!
//! ```text
//! open: file with mode 0600 -> is it ours? -> not newer? -> WAL, full sync -> quick check -> missing steps
//! ```

use crate::{
    error::{self, Fault},
    schema::{APPLICATION_ID, STEPS},
};
use cordon_identity::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long one waits for another process (a backup, say) to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite behind the traits of those who need it. One connection: writes are few and small, and are grouped by
/// their callers where they are many.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the store at `path`, or makes it. Its directory must be there.
    ///
    /// Errors when the file is damaged, is not a store of Cordon's, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path).map_err(|e| error::io("create its file", &e))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |e: rusqlite::Error| error::sql("open its file", &e);
        let mut connection = Connection::open_with_flags(path, flags).map_err(open)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(open)?;
        let done = check_owner(&connection)?;
        settings(&connection).map_err(open)?;
        quick_check(&connection)?;
        migrate(&mut connection, done)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The version of the schema.
    pub fn schema_version(&self) -> Result<u32, StoreError> {
        self.run_tx("read its version", |tx| {
            let version: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
            u32::try_from(version).map_err(|_| Fault::Data("a version below zero".to_owned()))
        })
    }

    /// Runs `work` as one transaction: all of it is on the disk when this returns `Ok`, nothing of it is otherwise.
    /// `name` completes the sentence "the store could not ...".
    pub(crate) fn run_tx<T>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        // A panic in `work` rolled its transaction back when it was dropped: the connection is sound.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        in_tx(&mut connection, work).map_err(|fault| fault.during(name))
    }
}

fn in_tx<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    // Immediate: a transaction that begins by reading could otherwise fail when it comes to write.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}

/// SECURITY: the mode is right from the file's first moment; SQLite gives its journal files the same one.
fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 { fs::set_permissions(path, Permissions::from_mode(0o600)) } else { Ok(()) }
        }
        Err(e) => Err(e),
    }
}

/// Looks whose file it is before anything is written to it. Returns how many steps it has behind it.
fn check_owner(connection: &Connection) -> Result<usize, StoreError> {
    let operation = "open its file";
    let number = |sql: &str| {
        connection.query_row(sql, [], |r| r.get::<_, i64>(0)).map_err(|e| error::sql(operation, &e))
    };
    let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if id != APPLICATION_ID && (id != 0 || version != 0 || tables != 0) {
        let detail = "the file is an SQLite database, but not one of Cordon's".to_owned();
        return Err(StoreError { operation, kind: StoreErrorKind::Corrupt, detail });
    }
    match usize::try_from(version) {
        Ok(done) if done <= STEPS.len() => Ok(done),
        _ => {
            let detail =
                format!("its schema has version {version}; this program knows up to {}", STEPS.len());
            Err(StoreError { operation, kind: StoreErrorKind::Newer, detail })
        }
    }
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let operation = "check its file";
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |r| r.get(0))
        .map_err(|e| error::sql(operation, &e))?;
    if said == "ok" {
        return Ok(());
    }
    Err(StoreError { operation, kind: StoreErrorKind::Corrupt, detail: said })
}

fn migrate(connection: &mut Connection, done: usize) -> Result<(), StoreError> {
    for (step, version) in STEPS.iter().zip(1i64..).skip(done) {
        in_tx(connection, |tx| {
            tx.execute_batch(step)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", version)?;
            Ok(())
        })
        .map_err(|fault| fault.during("bring its tables up to date"))?;
    }
    Ok(())
}

/// For a column: SQLite's integers have a sign. What is above 2^63 - 1 (no time or cost is) stops there.
pub(crate) fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// From a column that is never below zero.
pub(crate) fn from_sql(value: i64, what: &str) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|_| Fault::Data(format!("{what} is below zero")))
}
