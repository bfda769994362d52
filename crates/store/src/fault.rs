//! Conversion of SQLite's result codes to errors that name the file and the way out.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::StoreError;

/// An error inside a transaction, before the file name is added.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An error of SQLite.
    Sqlite(rusqlite::Error),
    /// A complete error.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Adds the database file's path.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => from_sqlite(path, error),
        }
    }
}

/// Maps SQLite's error to the error for that file.
pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let detail = message(&source);
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt { path, detail },
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, detail },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Unreadable { path, detail },
        _ if is_short_of_space(&source) => StoreError::Full { path },
        _ => StoreError::Sqlite { path, source },
    }
}

/// SQLite reports a full disk as `SQLITE_FULL` when it writes pages, but as this I/O error when it enlarges
/// the shared memory of the write-ahead log.
fn is_short_of_space(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// SQLite's message without the statement.
pub(crate) fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::MultipleStatement => "it holds more than one statement".to_owned(),
        other => other.to_string(),
    }
}
