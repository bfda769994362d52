//! Errors of the database; each message names the file and the way out.

use std::{
    io,
    path::{Path, PathBuf},
};

use gansweep_base::spelling::did_you_mean;
use gansweep_base::text::shell_word;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet.
    #[error("no database at {}; run `gansweep sweep FILE` first, or name its folder with --results DIR", path.display())]
    NoDatabase {
        /// The expected file.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error("{} is not an SQLite database; move it away, or choose another folder with --results DIR", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite database, but not of this program.
    #[error(
        "{} is a database of another program (application id {application_id:#010x}); move it away, or choose another folder with --results DIR",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// `PRAGMA application_id`; 0 if the program set none.
        application_id: i64,
    },
    /// A newer version of the program wrote the file.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {known}; use the newer gansweep that wrote it, or choose another folder with --results DIR",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file has a schema version that no version of the program writes.
    #[error(
        "{} has schema version {found}, which no version of gansweep writes: it is damaged, or something has changed it. \
         Restore a copy, or choose another folder with --results DIR",
        path.display()
    )]
    BadVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file is empty except for its header: all that was recorded was in a write-ahead log that is gone.
    #[error(
        "{0} has no tables: all that was recorded was in {0}-wal beside it, which is missing. If it was copied or moved, \
         copy both files; if both are lost, delete {0} to begin anew",
        path.display(),
    )]
    LostLog {
        /// The file.
        path: PathBuf,
    },
    /// An older version of the program wrote the file. A reader cannot migrate it.
    #[error(
        "{} has schema version {found}, and this program reads version {known}; `gansweep gc --results {}` brings it up to date, as any sweep there does",
        path.display(),
        folder_of(path).display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this program reads.
        known: i64,
    },
    /// The file's content is damaged.
    #[error(
        "{} is damaged ({detail}); restore a copy, or move it away and save what can be read with `sqlite3 FILE .recover`",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        detail: String,
    },
    /// The folder or the file cannot be written.
    #[error("{} cannot be written ({detail}); make it writable, or choose another folder with --results DIR", path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// The system's or SQLite's message.
        detail: String,
    },
    /// A file is where the results folder should be.
    #[error("{} is a file, and results need a folder; name another with --results DIR", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The file or folder cannot be read.
    #[error("{} cannot be read ({detail}); check its permissions", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's or SQLite's message.
        detail: String,
    },
    /// The folder is read-only, and the write-ahead log was never merged into the database.
    #[error(
        "{} cannot be opened in a read-only folder, because its last changes still lie in a -wal file beside it; copy both files to a writable folder and name that with --results DIR",
        path.display()
    )]
    UnmergedLog {
        /// The file.
        path: PathBuf,
    },
    /// No space is left.
    #[error(
        "no space is left for {}; free some and run the same command again: everything recorded so far stays",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another program has locked the database for longer than the busy timeout.
    #[error("{} is held by another program; close it there and run the same command again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The database or its folder was moved while it was open.
    #[error(
        "{} was moved or replaced while it was written; the work is in {}: run the same command with --results {}",
        path.display(), now.display(), now.parent().unwrap_or(now).display()
    )]
    Moved {
        /// Where it was.
        path: PathBuf,
        /// Where the file is now.
        now: PathBuf,
    },
    /// The database or its folder was deleted while it was open.
    #[error("{} was deleted or replaced while it was written; {}", path.display(), rescue_note(rescued.as_deref()))]
    Deleted {
        /// Where it was.
        path: PathBuf,
        /// A copy of what was recorded, if one could be written.
        rescued: Option<PathBuf>,
    },
    /// The lock file cannot be locked.
    #[error("the lock {} cannot be taken ({source}); use a folder on a local disk with --results DIR", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file of an export cannot be written.
    #[error("{} cannot be written: {source}; name another folder with --out", path.display())]
    OutputFile {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// No run has such an id.
    #[error("no run's id begins with `{id}`; `gansweep runs` lists them")]
    UnknownRun {
        /// The id or id prefix.
        id: String,
    },
    /// A sweep's name where a run is expected.
    #[error(
        "`{name}` is a sweep, and a run is expected; `gansweep runs --sweep {}` lists its runs",
        shell_word(name)
    )]
    SweepForRun {
        /// The name.
        name: String,
    },
    /// Several runs' ids have the prefix.
    #[error("the ids of several runs begin with `{prefix}` ({}); give more of it", matches.join(", "))]
    AmbiguousRun {
        /// The prefix.
        prefix: String,
        /// The ids, ten at most.
        matches: Vec<String>,
    },
    /// No sweep has that name.
    #[error("no sweep is named `{name}`; {}{}", known_sweeps(known), did_you_mean(name, known.iter().map(String::as_str)))]
    UnknownSweep {
        /// The name.
        name: String,
        /// The existing names.
        known: Vec<String>,
    },
    /// Another sweep has that name.
    #[error(
        "there is a sweep named `{name}` already; choose another name, or remove that one with `gansweep rm`"
    )]
    SweepExists {
        /// The name.
        name: String,
    },
    /// An attempt at a run that has diverged, or that is trained as far as any plan asks.
    #[error("run {id} is {state}: there is nothing more to train")]
    Finished {
        /// The run.
        id: String,
        /// Its state.
        state: &'static str,
    },
    /// An event before this one is missing.
    #[error(
        "event {found} of attempt {attempt} at run {run} cannot be recorded, because event {expected} is missing; \
         record the events from there on first"
    )]
    MissingEvents {
        /// The run.
        run: String,
        /// The attempt.
        attempt: u32,
        /// `seq` of the first missing event.
        expected: u64,
        /// `seq` of the event that came.
        found: u64,
    },
    /// The caller ended the work.
    #[error("it was stopped; nothing of it is recorded")]
    Cancelled,
    /// A segment file cannot be read.
    #[error(transparent)]
    Segment(#[from] gansweep_protocol::SegmentError),
    /// An SQL statement is wrong.
    #[error("the SQL statement fails: {detail}{suggestion}")]
    Query {
        /// SQLite's message.
        detail: String,
        /// The name that a misspelt one may stand for, as the end of the message.
        suggestion: String,
    },
    /// The result of an SQL statement is too large to be held in memory.
    #[error(
        "the result is larger than {limit_mib} MiB; use --format csv or json, which write row by row, or add a LIMIT"
    )]
    LargeResult {
        /// The limit.
        limit_mib: usize,
    },
    /// An SQL statement would write.
    #[error("the SQL statement would change the database, which is open for reading only; use a SELECT")]
    WouldWrite,
    /// A filter is wrong.
    #[error(
        "the filter `{fragment}` fails: {detail}; the columns are {}{}",
        columns.join(", "), near_name(detail, columns)
    )]
    Filter {
        /// The filter.
        fragment: String,
        /// SQLite's message.
        detail: String,
        /// The columns of `run_overview`.
        columns: Vec<String>,
    },
    /// A stored value is none that this program writes.
    #[error("{what} cannot be understood: {detail}; was it written by another version of the program?")]
    Content {
        /// The value.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A number does not fit into SQLite's signed 64 bits.
    #[error("{what} {value} is too large to be recorded")]
    TooLarge {
        /// Its name.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Writing the output of an export fails.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// Any other error of SQLite.
    #[error("{} cannot be used: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        source: rusqlite::Error,
    },
}

fn rescue_note(rescued: Option<&Path>) -> String {
    match rescued {
        Some(path) => format!(
            "what was recorded so far is saved in {}: rename that file to results.sqlite and run the same command to go on",
            path.display()
        ),
        None => "what was recorded there cannot be saved; the same command begins anew".to_owned(),
    }
}

/// The similar name, if SQLite's message is about a name that does not exist.
pub(crate) fn near_name(detail: &str, names: &[String]) -> String {
    let wrong = unknown(detail, "no such column: ").or_else(|| unknown(detail, "no such table: "));
    wrong.map_or_else(String::new, |wrong| did_you_mean(wrong, names.iter().map(String::as_str)))
}

/// The name that SQLite's message says does not exist, if the message begins so.
fn unknown<'d>(detail: &'d str, start: &str) -> Option<&'d str> {
    // It may have the table before it, and a hint behind it.
    let name = detail.strip_prefix(start)?.split(' ').next()?.rsplit('.').next()?;
    Some(name.trim_matches('"'))
}

/// What an unknown table or column in a statement may stand for, given the columns of the database, each behind its table or
/// view: the end of a message. Empty if there is nothing to suggest.
pub(crate) fn near_in_query(detail: &str, sql: &str, columns: &[(String, String)]) -> String {
    if let Some(wrong) = unknown(detail, "no such table: ") {
        return did_you_mean(wrong, columns.iter().map(|(table, _)| table.as_str()));
    }
    let Some(wrong) = unknown(detail, "no such column: ") else { return String::new() };
    // The name exists, in a table that the statement does not read.
    let with_it = columns.iter().filter(|(_, column)| column.eq_ignore_ascii_case(wrong));
    let with_it: Vec<&str> = with_it.map(|(table, _)| table.as_str()).collect();
    if !with_it.is_empty() {
        return elsewhere(wrong, &with_it);
    }
    let is_read = |table: &str| words(sql).any(|word| word.eq_ignore_ascii_case(table));
    let of_query = columns.iter().filter(|(table, _)| is_read(table)).map(|(_, column)| column.as_str());
    match did_you_mean(wrong, of_query) {
        none if none.is_empty() => did_you_mean(wrong, columns.iter().map(|(_, column)| column.as_str())),
        found => found,
    }
}

/// The most tables that a message names.
const MOST_TABLES: usize = 4;

fn elsewhere(column: &str, tables: &[&str]) -> String {
    let named: Vec<String> = tables.iter().take(MOST_TABLES).map(|table| format!("`{table}`")).collect();
    let more = match tables.len().saturating_sub(MOST_TABLES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = if tables.len() == 1 { "has" } else { "have" };
    format!("; {}{more} {verb} a column `{column}`", named.join(", "))
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|character: char| !character.is_alphanumeric() && character != '_')
}

fn known_sweeps(known: &[String]) -> String {
    if known.is_empty() { "there is none yet".to_owned() } else { format!("there are {}", known.join(", ")) }
}

/// The folder of a file, as `--results` takes it.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
