//! Files that are no database of ours, damage, full disks, folders that cannot be written.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
};

use gansweep_protocol::Metric;

use super::{
    killed::{child_folder, child_of},
    support::{Fixture, NEW_YEAR_MS, Script},
};
use crate::{Reader, ResultsLock, Store, StoreError};

fn database(folder: &Path) -> PathBuf {
    folder.join("results.sqlite")
}

/// Both ways of opening refuse the file, in the same words, and leave it as it was.
fn refused(folder: &Path) -> String {
    let before = fs::read(database(folder)).unwrap();
    let writer = Store::open(folder).unwrap_err().to_string();
    let reader = Reader::open(folder).unwrap_err().to_string();
    assert_eq!(writer, reader);
    assert_eq!(fs::read(database(folder)).unwrap(), before);
    assert!(writer.contains(&database(folder).display().to_string()), "{writer}");
    writer
}

#[test]
fn without_a_database_a_reader_says_what_to_run_first_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("nowhere"), folder.path().join("x.sqlite")] {
        let error = Reader::open(&path).unwrap_err().to_string();
        assert!(error.starts_with("no database at "), "{error}");
        assert!(error.contains("run `gansweep sweep FILE` first"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // What a writer leaves that is killed before its first transaction.
    fs::write(database(folder.path()), "").unwrap();
    assert!(matches!(Reader::open(folder.path()).unwrap_err(), StoreError::NoDatabase { .. }));
    assert!(Store::open(folder.path()).is_ok());
    assert!(Reader::open(&database(folder.path())).is_ok(), "the file itself may be named");
}

#[test]
fn a_database_that_has_a_name_is_complete_however_many_create_it_at_once() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| Store::open(path).unwrap());
            }
            scope.spawn(|| {
                // Before its name is there, there is no database; after that, no command finds half of one.
                while !database(path).exists() {
                    std::thread::yield_now();
                }
                assert_eq!(Reader::open(path).unwrap().sweeps().unwrap(), []);
            });
        });
        let names =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let drafts: Vec<String> = names.filter(|name| name.contains(".new")).collect();
        assert!(drafts.is_empty(), "{drafts:?}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(database(folder.path()), "name = \"lr\"\n".repeat(500)).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("is not an SQLite database; move it away"), "{error}");
}

#[test]
fn a_folder_in_the_databases_place_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(database(folder.path())).unwrap();
    assert!(matches!(Store::open(folder.path()).unwrap_err(), StoreError::NotADatabase { .. }));
    assert!(matches!(Reader::open(folder.path()).unwrap_err(), StoreError::NotADatabase { .. }));
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    for sql in ["CREATE TABLE notes (text)", "PRAGMA application_id = 0x12345678; CREATE TABLE notes (text)"]
    {
        let folder = tempfile::tempdir().unwrap();
        rusqlite::Connection::open(database(folder.path())).unwrap().execute_batch(sql).unwrap();
        let error = refused(folder.path());
        assert!(error.contains("is a database of another program (application id 0x"), "{error}");
    }
}

#[test]
fn a_newer_versions_database_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    let Fixture { folder, store, .. } = fixture;
    drop(store);
    let connection = rusqlite::Connection::open(database(folder.path())).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = refused(folder.path());
    assert!(error.contains("has schema version 99, and this program knows versions up to"), "{error}");
}

#[test]
fn a_version_that_nobody_writes_is_refused_with_the_way_out_and_left_alone() {
    for version in [0, -1, -5, i32::MIN] {
        let Fixture { folder, store, .. } = Fixture::new();
        drop(store);
        let connection = rusqlite::Connection::open(database(folder.path())).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
        drop(connection);
        let error = refused(folder.path());
        assert!(
            error.contains("which no version of gansweep writes") && error.contains("Restore a copy"),
            "{error}"
        );
    }
}

#[test]
fn a_young_database_without_its_log_has_its_tables_and_an_older_ones_loss_is_named() {
    let fixture = Fixture::new();
    let place = tempfile::tempdir().unwrap();
    fs::copy(database(fixture.path()), database(place.path())).unwrap();
    assert_eq!(
        Reader::open(place.path()).unwrap().sweeps().unwrap(),
        [],
        "a copy without the log is a database"
    );
    // What versions before left: nothing but a header in the file.
    let place = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(database(place.path())).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(connection);
    let error = Reader::open(place.path()).unwrap_err();
    assert!(matches!(error, StoreError::LostLog { .. }), "{error}");
    fs::create_dir(place.path().join("checkpoints")).unwrap();
    let error = Store::open(place.path()).unwrap_err().to_string();
    assert!(error.contains("results.sqlite-wal beside it, which is missing"), "{error}");
    fs::remove_dir(place.path().join("checkpoints")).unwrap();
    assert!(Store::open(place.path()).is_ok(), "nothing was trained");
}

#[test]
fn endless_and_huge_results_end_in_bounded_memory_with_an_answer() {
    let fixture = Fixture::new();
    let reader = fixture.reader();
    for sql in [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT 1 FROM c) SELECT hex(zeroblob(1000000)) FROM c",
    ] {
        let error = reader.query(sql).unwrap_err();
        assert!(matches!(error, StoreError::LargeResult { .. }), "{error}");
        assert!(error.to_string().contains("--format csv"), "{error}");
    }
    let error = reader.query("SELECT zeroblob(900000000)").unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
    assert_eq!(reader.query("SELECT 1").unwrap().rows.len(), 1, "the reader is as good as before");
}

#[test]
fn a_damaged_database_is_named_with_the_way_to_save_what_is_left() {
    let (fixture, mut script) = Fixture::begun();
    let Fixture { folder, mut store, runs } = fixture;
    for step in 1..=2_000 {
        script.points(step, &[(Metric::DLoss, step as f64)]);
    }
    store.record(&script.take()).unwrap();
    drop(store);
    let path = database(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let mut scratched = whole.clone();
    for page in scratched.chunks_mut(4_096).skip(2) {
        page[..64].fill(0xa5);
    }
    for bytes in [torn, scratched] {
        fs::write(&path, bytes).unwrap();
        let read = Reader::open(folder.path())
            .and_then(|reader| reader.points(&runs[0], Metric::DLoss, u64::MAX, 10).map(|_| ()))
            .unwrap_err();
        assert!(matches!(read, StoreError::Corrupt { .. }), "{read}");
        assert!(read.to_string().contains(".recover"), "{read}");
        let written = Store::open(folder.path()).and_then(|mut store| {
            store.record(&Script::new(runs[0].clone(), 1).points(3_000, &[(Metric::DLoss, 1.0)]).take())
        });
        assert!(matches!(written, Err(StoreError::Corrupt { .. })), "{written:?}");
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_recorded_and_recording_goes_on_afterwards() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&script.started(0).points(1, &[(Metric::DLoss, 1.0)]).take()).unwrap();
    let before = fixture.content();
    // SQLite takes a limit on the file's pages for a full disk.
    fixture.store.limit_pages(Some(0));
    for step in 2..=200 {
        script.points(step, &[(Metric::DLoss, step as f64), (Metric::GLoss, 1.0)]).samples(step, 0);
    }
    let batch = script.take();
    for _ in 0..2 {
        let error = fixture.store.record(&batch).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains("run the same command again"), "{error}");
        assert_eq!(fixture.content(), before);
    }
    fixture.store.limit_pages(None);
    fixture.store.record(&batch).unwrap();
    assert_eq!(fixture.reader().samples_index(&fixture.runs[0], u64::MAX).unwrap().len(), 199);
    assert_eq!(fixture.reader().summaries(&fixture.runs[0], u64::MAX).unwrap()[0].count, 200);
}

#[test]
fn a_database_held_by_another_program_is_said_to_be() {
    let mut fixture = Fixture::new();
    fixture.store.set_short_busy_timeout();
    let other = rusqlite::Connection::open(database(fixture.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    assert_eq!(fixture.reader().query("SELECT * FROM runs").unwrap().rows.len(), 4, "readers go on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap(), 1);
}

/// A user that permissions apply to, unlike root.
const NOBODY: u32 = 65_534;

/// Makes a folder and what is in it readable to everybody and writable to nobody.
fn freeze(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
}

/// Runs an ignored test on a frozen folder as somebody who cannot thaw it.
fn as_nobody(test: &str, results: &Path) {
    let is_root = fs::write(results.join("probe"), "").is_ok();
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The target folder may be closed to others.
    let program = place.path().join("test");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut command = child_of(&program, test, results);
    if is_root {
        fs::remove_file(results.join("probe")).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn a_read_only_folder_can_be_read_and_not_written() {
    // Signs that a URI must escape.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let results = place.path().join("results 100% #1?");
    let mut store = Store::open_with_clock(&results, || NEW_YEAR_MS).unwrap();
    let runs = super::support::plan(&[1e-4], &[128], &[1]);
    store.register_sweep(&super::support::sweep("lr"), &runs).unwrap();
    drop(store);
    freeze(&results);
    as_nobody("faults::a_child_in_a_read_only_folder", &results);
    // A reader leaves an empty log and its shared memory behind.
    fs::set_permissions(&results, fs::Permissions::from_mode(0o755)).unwrap();
    Reader::open(&results).unwrap();
    assert!(fs::exists(results.join("results.sqlite-shm")).unwrap());
    freeze(&results);
    as_nobody("faults::a_child_in_a_read_only_folder", &results);
}

#[test]
#[ignore = "runs as a child in a read-only folder"]
fn a_child_in_a_read_only_folder() {
    let Some(folder) = child_folder() else { return };
    let reader = Reader::open(&folder).unwrap();
    assert_eq!(reader.sweep("lr").unwrap().runs, 1);
    for error in [
        Store::open(&folder).unwrap_err(),
        Store::open(&folder.join("below")).unwrap_err(),
        ResultsLock::acquire(&folder, &mut |_| {}, &|| false).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("choose another folder with --results DIR"), "{error}");
    }
}

#[test]
fn a_log_left_in_a_read_only_folder_is_never_passed_over() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&script.started(0).take()).unwrap();
    let place = tempfile::tempdir().unwrap();
    // As after `kill -9`: the database and its log, copied without the writer's shared memory.
    for name in ["results.sqlite", "results.sqlite-wal"] {
        fs::copy(fixture.path().join(name), place.path().join(name)).unwrap();
    }
    freeze(place.path());
    as_nobody("faults::a_child_beside_an_unmerged_log", place.path());
}

#[test]
#[ignore = "runs as a child in a read-only folder"]
fn a_child_beside_an_unmerged_log() {
    let Some(folder) = child_folder() else { return };
    let error = Reader::open(&folder).unwrap_err();
    assert!(matches!(error, StoreError::UnmergedLog { .. }), "{error}");
    assert!(error.to_string().contains("copy both files to a writable folder"), "{error}");
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results");
    fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("below")] {
        let error = Store::open(&folder).unwrap_err().to_string();
        assert!(error.contains("results is a file, and results need a folder"), "{error}");
    }
    let error = Reader::open(&file.join("below")).unwrap_err();
    assert!(matches!(error, StoreError::NoDatabase { .. }), "{error}");
}
