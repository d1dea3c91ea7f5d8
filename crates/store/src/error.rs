//! From what SQLite and the system say to what an operator can do about it.

use cordon_identity::{StoreError, StoreErrorKind as Kind};
use rusqlite::{Error, ErrorCode};
use std::io::ErrorKind;

/// Why a transaction failed, before it is given its name.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(Error),
    Data(String),
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self::Sql(e)
    }
}

impl Fault {
    pub(crate) fn during(self, operation: &'static str) -> StoreError {
        match self {
            Self::Sql(e) => sql(operation, &e),
            Self::Data(detail) => StoreError { operation, kind: Kind::Data, detail },
        }
    }
}

/// SECURITY: SQLite's messages name tables and columns; values are bound as parameters and never in them.
pub(crate) fn sql(operation: &'static str, e: &Error) -> StoreError {
    let kind = match e {
        Error::SqliteFailure(f, _) => match f.code {
            ErrorCode::DiskFull => Kind::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen => Kind::Permission,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Kind::Busy,
            ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => Kind::Data,
            _ => Kind::Io,
        },
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => Kind::Data,
        _ => Kind::Io,
    };
    StoreError { operation, kind, detail: e.to_string() }
}

pub(crate) fn io(operation: &'static str, e: &std::io::Error) -> StoreError {
    let kind = match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound => Kind::Permission,
        _ => Kind::Io,
    };
    StoreError { operation, kind, detail: e.to_string() }
}
