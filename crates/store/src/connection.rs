//! Opening the database file, for writing or for reading.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gansweep_base::host;
use gansweep_protocol::CHECKPOINTS;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, config::DbConfig, limits::Limit};
use tracing::{debug, info};

use crate::{
    StoreError,
    fault::Fault,
    migrations::MIGRATIONS,
    schema::{self, SchemaState},
};

/// File name of the database in a results folder.
pub(crate) const FILE_NAME: &str = "results.sqlite";

/// How long a connection waits for another program's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The write-ahead log is truncated to this size after a checkpoint; by default it would keep its largest
/// size for ever.
const LOG_LIMIT_BYTES: i64 = 64 << 20;

/// The longest text or image that a reader takes.
const LONGEST_VALUE_BYTES: i32 = 512 << 20;
/// The most memory that SQLite may use in a process that reads: its cache takes 2 MB, sorting some more.
const HEAP_LIMIT_BYTES: i64 = 2 << 30;

/// Creates the results folder if it is missing.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(folder).map_err(|error| match folder.ancestors().find(|path| path.is_file()) {
        // The system's "File exists" would not say what is wrong with that.
        Some(file) => StoreError::NotAFolder { path: file.to_owned() },
        None => folder_error(folder, &error),
    })
}

/// Maps an I/O error on a folder or file that is to be written.
pub(crate) fn folder_error(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full { path: path.to_owned() }
        }
        _ => StoreError::ReadOnly { path: path.to_owned(), detail: error.to_string() },
    }
}

/// Opens the folder's database for writing, creating and migrating it as needed.
pub(crate) fn open_writer(folder: &Path) -> Result<(Connection, PathBuf), StoreError> {
    create_folder(folder)?;
    let path = folder.join(FILE_NAME);
    if path.is_dir() {
        return Err(StoreError::NotADatabase { path });
    }
    if !path.exists() {
        create(&path)?;
    }
    match prepare_writer(&path) {
        Ok(connection) => Ok((connection, path)),
        Err(fault) => Err(of_writer(fault.at(&path))),
    }
}

/// Creates the database under another name, and gives it its own once it is complete: a process that is killed meanwhile
/// leaves no half of one.
fn create(path: &Path) -> Result<(), StoreError> {
    static CREATED: AtomicU32 = AtomicU32::new(0);
    let (process, number) = (std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{process}-{number}-{}.new", host::unix_ms()));
    let draft = PathBuf::from(draft);
    let close = |connection: Connection| connection.close().map_err(|(_, error)| Fault::from(error));
    let created = match prepare_writer(&draft).and_then(close) {
        // Another process may have been faster, with the same content.
        Ok(()) => match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&draft, path),
            _ => Ok(()),
        }
        .map_err(|error| folder_error(path, &error)),
        Err(fault) => Err(of_writer(fault.at(path))),
    };
    // After a rename it is gone.
    drop(fs::remove_file(&draft));
    created
}

/// A file that cannot be opened for writing may well be readable.
fn of_writer(error: StoreError) -> StoreError {
    match error {
        StoreError::Unreadable { path, detail } => StoreError::ReadOnly { path, detail },
        error => error,
    }
}

fn prepare_writer(path: &Path) -> Result<Connection, Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Before anything is written: another program's file must not be changed.
    let version = schema::last_version(MIGRATIONS);
    let found = schema::read_state(&connection, path, version)?;
    // A writer that was killed before its first transaction has written no checkpoint.
    if found == SchemaState::Empty && has_pages(path) && path.with_file_name(CHECKPOINTS).is_dir() {
        return Err(StoreError::LostLog { path: path.to_owned() }.into());
    }
    if connection.is_readonly(MAIN_DB)? {
        let detail = "the file or its folder is read-only".to_owned();
        return Err(StoreError::ReadOnly { path: path.to_owned(), detail }.into());
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT_BYTES)?;
    connection.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut connection, path, MIGRATIONS)?;
    schema::write_declarations(&mut connection)?;
    if found == SchemaState::Empty {
        // Without this, a copy of the file alone, without its log, would be an empty database.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    info!(path = %path.display(), ?found, version, "database opened");
    Ok(connection)
}

/// Opens a database for reading: a results folder's, or the file itself.
pub(crate) fn open_reader(folder_or_file: &Path) -> Result<(Connection, PathBuf), StoreError> {
    let path =
        if folder_or_file.is_dir() { folder_or_file.join(FILE_NAME) } else { folder_or_file.to_owned() };
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(StoreError::NotADatabase { path }),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(StoreError::NoDatabase { path });
        }
        Err(error) => return Err(StoreError::Unreadable { path, detail: error.to_string() }),
    }
    let connection = match prepare_reader(&path, false) {
        Err(Fault::Sqlite(error)) if needs_a_writable_folder(&error) => {
            if log_bytes(&path) > 0 {
                return Err(StoreError::UnmergedLog { path });
            }
            // Without a log the file is the whole database, and in a read-only folder nothing writes to it.
            prepare_reader(&path, true)
        }
        other => other,
    };
    connection.map(|connection| (connection, path.clone())).map_err(|fault| fault.at(&path))
}

fn prepare_reader(path: &Path, immutable: bool) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if immutable {
        Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    // A misspelt "column" in a filter must be an error; by default SQLite reads it as a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES)?;
    // For all connections of this process; statements of the user may ask for any amount.
    connection.query_row(&format!("PRAGMA hard_heap_limit = {HEAP_LIMIT_BYTES}"), [], |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    let known = schema::last_version(MIGRATIONS);
    let path = path.to_owned();
    match schema::read_state(&connection, &path, known)? {
        SchemaState::Empty if has_pages(&path) => Err(StoreError::LostLog { path }.into()),
        SchemaState::Empty => Err(StoreError::NoDatabase { path }.into()),
        SchemaState::Version(found) if found < known => Err(StoreError::Older { path, found, known }.into()),
        SchemaState::Version(version) => {
            debug!(path = %path.display(), version, immutable, "database opened for reading");
            Ok(connection)
        }
    }
}

/// In write-ahead mode even a reader needs a writable folder, for the shared-memory file.
fn needs_a_writable_folder(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn log_bytes(path: &Path) -> u64 {
    fs::metadata(log_path(path)).map_or(0, |metadata| metadata.len())
}

/// Whether the file has any content; an empty one may have been created by a writer that was killed at once.
fn has_pages(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

/// The write-ahead log of a database.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The path as an SQLite URI; all other characters are percent-encoded.
fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(byte as char);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str("?immutable=1");
    uri
}
