//! Databases of every version, stored as SQL, open as if this version had written them.
//!
//! A stored database never changes: it is what a version that people have used left behind.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use gansweep_config::{
    ClassNames, DataIdentity, DataRequest, Dataset, DatasetSpec, Experiment, LoadOptions, Plan, RunState,
};
use gansweep_protocol::{Diverged, Event, Metric};
use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;

use super::evaluations::evaluation;
use super::support::{Fixture, GEOMETRY, LAST_STEP, Script, strokes};
use crate::{
    Cell, DatasetRow, Reader, RealImages, RunFilter, Store, StoreError,
    migrations::{MIGRATIONS, Migration},
    schema::{APPLICATION_ID, migrate},
};

/// The version that first told grids of averages from those of raw weights.
const SOURCES_SINCE: usize = 8;

/// A database with something in every table.
fn full() -> Fixture {
    let mut fixture = Fixture::new();
    let images = RealImages {
        dataset: Dataset::Strokes,
        data_fingerprint: "strokes-1".to_owned(),
        geometry: GEOMETRY,
        png: b"PNG of real images".to_vec(),
    };
    fixture.store.put_real_images(&images).unwrap();
    for (run, id) in fixture.runs.clone().into_iter().enumerate() {
        fixture.store.begin_attempt(&id, "cpu").unwrap();
        let mut script = Script::new(id, 1);
        script.started(0).samples(0, 0);
        for step in [50, 100] {
            let loss = 1.0 + run as f64 / step as f64;
            script.points(step, &[(Metric::DLoss, loss), (Metric::Seconds, step as f64 / 8.0)]);
        }
        script.samples(100, 1).averaged_samples(100, 1).checkpoint_beside(100, 100);
        match run {
            0 => script.checkpoint(LAST_STEP).completed(LAST_STEP, 12.5),
            1 => script.points(120, &[(Metric::GLoss, f64::NAN)]).event(Event::Diverged(Diverged {
                step: 120,
                cause: "the G loss was NaN".to_owned(),
                seconds: 15.0,
            })),
            2 => script.interrupted(100, 12.5),
            _ => &mut script,
        };
        let events = script.take();
        fixture.store.record(&events).unwrap();
    }
    fixture.store.record_evaluations(&fixture.runs[2], &[evaluation(100, 20.0)]).unwrap();
    fixture
}

/// The database as SQL, or what is read from it.
fn stored(version: usize, extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("src/tests/fixtures/version-{version}.{extension}"))
}

/// The whole database as SQL, in the order in which it can be read back.
fn dump(connection: &Connection) -> String {
    let mut sql = String::new();
    for pragma in ["application_id", "user_version"] {
        let value: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        writeln!(sql, "PRAGMA {pragma} = {value};").unwrap();
    }
    let schema = schema(connection);
    for (_, _, definition) in &schema {
        writeln!(sql, "{definition};").unwrap();
    }
    for (_, table, _) in schema.iter().filter(|(kind, ..)| kind == "table") {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> =
                (0..columns).map(|column| literal(row.get_ref(column).unwrap())).collect();
            writeln!(sql, "INSERT INTO {table} VALUES ({});", cells.join(", ")).unwrap();
        }
    }
    sql
}

/// Type, name and definition of everything that has one.
fn schema(connection: &Connection) -> Vec<(String, String, String)> {
    let mut statement = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(text) => format!("'{}'", std::str::from_utf8(text).unwrap().replace('\'', "''")),
        ValueRef::Blob(bytes) => {
            format!("x'{}'", Cell::Blob(bytes.to_vec()))
        }
    }
}

/// What every version must go on giving, column by column.
const CONTENT: [&str; 9] = [
    "SELECT run, metric, step, value, kind, attempt FROM points_named ORDER BY run, metric, step",
    "SELECT run, metric, count, finite, last_step, last_value, last_kind, min, max, best, best_step
     FROM summaries_named ORDER BY run, metric",
    "SELECT id, s.step, epoch, rows, cols, height, width, png FROM samples s JOIN runs USING (run_id)
     ORDER BY id, s.step, s.source DESC",
    "SELECT run, attempt, state, cause, device, backend, lane, lanes, pid, host, from_step, step, began, started,
     ended FROM attempts_named ORDER BY run, attempt",
    "SELECT sweep, position, id, label, state, cause, seed, epochs, total_steps, step, seconds, swept, config,
     config_hash, data_fingerprint, created, started, ended FROM run_overview ORDER BY sweep, position",
    "SELECT run, key, type, value FROM config_values_named ORDER BY run, key",
    "SELECT id, path, bytes, sha256, attempt, at_ms FROM checkpoints JOIN runs USING (run_id) ORDER BY id",
    "SELECT data_fingerprint, dataset, rows, cols, png FROM real_images",
    "SELECT name, file, source, recipe, axes, record, latent_seed, palette, machine FROM sweeps",
];

fn content(fixture: &Fixture) -> String {
    let reader = fixture.reader();
    CONTENT.map(|sql| reader.query(sql).unwrap().to_string()).join("\n")
}

/// A new folder with the stored database of a version, as that version left it.
fn restored(version: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("results.sqlite")).unwrap();
    connection.execute_batch(&fs::read_to_string(stored(version, "sql")).unwrap()).unwrap();
    folder
}

fn connect(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("results.sqlite")).unwrap()
}

#[test]
#[ignore = "stores the present version's database; to be run once per migration, and without effect again"]
fn store_the_present_versions_database() {
    let version = MIGRATIONS.len();
    if stored(version, "sql").exists() {
        return;
    }
    let fixture = full();
    fs::write(stored(version, "sql"), dump(&connect(&fixture.folder))).unwrap();
    fs::write(stored(version, "txt"), content(&fixture)).unwrap();
}

#[test]
fn the_present_schema_is_the_one_that_is_stored_for_the_versions_to_come() {
    let present = schema(&connect(&Fixture::new().folder));
    let stored = schema(&connect(&restored(MIGRATIONS.len())));
    assert_eq!(
        present, stored,
        "a change of the schema is a new migration with a stored database of its own"
    );
}

#[test]
fn a_database_of_every_version_opens_with_all_that_was_in_it() {
    let present = schema(&connect(&Fixture::new().folder));
    for version in 1..=MIGRATIONS.len() {
        let folder = restored(version);
        let store = Store::open(folder.path()).unwrap();
        let opened = Fixture { folder, store, runs: Vec::new() };
        let check = |pragma: &str| opened.reader().query(&format!("PRAGMA {pragma}")).unwrap().rows;
        assert_eq!(check("integrity_check")[0][0].to_string(), "ok");
        assert_eq!(check("foreign_key_check"), Vec::<Vec<_>>::new());
        assert_eq!(
            content(&opened),
            fs::read_to_string(stored(version, "txt")).unwrap(),
            "version {version}"
        );
        assert_eq!(schema(&connect(&opened.folder)), present, "version {version}");
        let averaged = opened.reader().query("SELECT count(*) FROM samples WHERE source = 'ema'").unwrap();
        let expected = if version < SOURCES_SINCE { 0 } else { 4 };
        assert_eq!(averaged.rows[0][0], Cell::Integer(expected), "version {version}");
        for run in opened.reader().runs(&RunFilter::default()).unwrap() {
            assert!(!opened.reader().summaries(&run.id, u64::MAX).unwrap().is_empty());
            run.typed_config().unwrap();
        }
    }
}

#[test]
fn rows_that_were_changed_before_a_migration_are_still_found_after_it() {
    for version in 7..MIGRATIONS.len() {
        for is_changed in [false, true] {
            let folder = restored(version);
            if is_changed {
                connect(&folder).execute("UPDATE sweeps SET description = 'another'", []).unwrap();
            }
            drop(Store::open(folder.path()).unwrap());
            let found = Reader::open(folder.path()).unwrap().check().unwrap();
            let tables: Vec<_> = found.iter().map(|damage| damage.what.as_str()).collect();
            let is_named = |what: &&str| what.starts_with("rows of table sweeps");
            assert_eq!(
                tables.iter().filter(|what| is_named(what)).count(),
                usize::from(is_changed),
                "{version}"
            );
            assert!(!tables.iter().any(|what| what.starts_with("rows of") && !is_named(what)), "{tables:?}");
        }
    }
}

#[test]
fn what_version_one_trained_on_was_like_mnist() {
    let folder = restored(1);
    Store::open(folder.path()).unwrap();
    let found = Reader::open(folder.path()).unwrap().dataset("strokes-1").unwrap();
    let class_names = ClassNames::new((0..10).map(|digit| digit.to_string()));
    let spec = DatasetSpec { class_names, ..strokes() };
    assert_eq!(found, DatasetRow { dataset: Dataset::Strokes, spec });
}

#[test]
fn a_database_of_every_version_is_gone_on_with() {
    for version in 1..=MIGRATIONS.len() {
        let folder = restored(version);
        let mut store = Store::open(folder.path()).unwrap();
        let stale = store.reclaim_stale().unwrap();
        let [(run, attempt)] = stale.as_slice() else { panic!("{stale:?}") };
        assert_eq!(store.begin_attempt(run, "cpu").unwrap(), attempt + 1);
        let mut script = Script::new(run.clone(), attempt + 1);
        store.record(&script.started(100).completed(100, 12.5).take()).unwrap();
        assert_eq!(store.statuses(std::slice::from_ref(run)).unwrap()[run].state, RunState::Completed);
    }
}

/// A folder with a database that the program wrote before ids stopped depending on `train.epochs`; what it
/// holds, `tests/e2e/migration.rs` says.
fn before_budgets() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/version-1/results.sqlite");
    fs::copy(stored, folder.path().join("results.sqlite")).unwrap();
    folder
}

/// The plan of one of the stored experiments.
fn planned(name: &str, fingerprint: &str) -> Plan {
    let file = format!("{}/../../tests/e2e/version-1/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let experiment = Experiment::load(Path::new(&file), &LoadOptions::default()).unwrap();
    let spec = DatasetSpec { fingerprint: fingerprint.to_owned(), ..strokes() };
    let data = |asked: DataRequest| DataIdentity { dataset: asked.dataset, spec: spec.clone() };
    Plan::new(&experiment, &data).unwrap()
}

/// Points and grids of a run by its number in the database, which no migration changes.
fn records(connection: &Connection, run_id: i64) -> Vec<String> {
    let sql = "SELECT 'point', metric_id, step, hex(value), kind FROM points WHERE run_id = ?1
               UNION ALL SELECT 'grid', epoch, step, hex(png), rows FROM samples WHERE run_id = ?1 ORDER BY 1, 2, 3";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([run_id], |row| {
        let number = |column| row.get::<_, i64>(column).unwrap();
        Ok(format!(
            "{} {} {} {} {}",
            row.get::<_, String>(0)?,
            number(1),
            number(2),
            row.get::<_, String>(3)?,
            number(4)
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn runs_that_differed_in_their_epochs_only_become_one_and_all_have_the_ids_of_todays_plans() {
    let folder = before_budgets();
    let connection = connect(&folder);
    let by_old_id = |connection: &Connection| -> BTreeMap<String, i64> {
        let mut statement = connection.prepare("SELECT id, run_id FROM runs").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let old = by_old_id(&connection);
    assert_eq!(old.len(), 11);
    let before: BTreeMap<i64, Vec<String>> =
        old.values().map(|&run_id| (run_id, records(&connection, run_id))).collect();
    drop(connection);

    let store = Store::open(folder.path()).unwrap();
    let opened = Fixture { folder, store, runs: Vec::new() };
    let connection = connect(&opened.folder);
    let new = by_old_id(&connection);
    assert_eq!(new.len(), 9);
    assert!(new.keys().all(|id| !old.contains_key(id)));
    for &run_id in new.values() {
        assert_eq!(records(&connection, run_id), before[&run_id], "of the runs that stay no record changes");
    }
    let dropped: Vec<&str> = old
        .iter()
        .filter(|(_, run_id)| !new.values().any(|kept| kept == *run_id))
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(dropped, ["9b43213dd25e0379", "deace390ea940baf"], "of 2, 4 and 6 epochs the longest stays");
    let named: Vec<(String, i64)> = connection
        .prepare("SELECT written_for, run_id FROM checkpoints ORDER BY written_for")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(named.len(), 8, "all but the diverged run have one");
    assert!(named.iter().all(|(id, run_id)| old[id] == *run_id), "the files name the ids from before");

    let reader = opened.reader();
    for (sweep, count) in [("first", 8), ("second", 3), ("third", 1)] {
        let runs = reader.runs(&RunFilter { sweep: Some(sweep.to_owned()), where_sql: None }).unwrap();
        let plan = planned(sweep, &runs[0].data_fingerprint);
        assert_eq!((runs.len(), plan.runs.len()), (count, count), "{sweep}");
        for (run, planned) in runs.iter().zip(&plan.runs) {
            assert_eq!(
                (&run.id, &run.config_hash, run.epochs),
                (&planned.id, &planned.config_hash, planned.epochs)
            );
            assert_eq!((&run.label, run.typed_config().unwrap()), (&planned.label, planned.config.clone()));
            let over = if sweep == "third" { RunState::Interrupted } else { RunState::Completed };
            let diverged = run.label.starts_with("lr=1000 hidden=2x") && run.seed == 1;
            assert_eq!(run.state, if diverged { RunState::Diverged } else { over }, "{}", run.label);
        }
    }
    let configs =
        reader.query("SELECT count(*), sum(json -> '$.train.epochs' IS NOT NULL) FROM configs").unwrap();
    assert_eq!(configs.rows[0], [Cell::Integer(5), Cell::Integer(0)]);
    let stray = reader.query("SELECT count(*) FROM config_values WHERE key = 'train.epochs'").unwrap();
    assert_eq!(stray.rows[0], [Cell::Integer(0)]);
}

#[test]
fn a_config_that_this_version_cannot_read_keeps_its_hash_and_its_runs_their_ids() {
    let folder = before_budgets();
    let foreign = "7eb704551d1df9c5";
    let connection = connect(&folder);
    let config_id = "(SELECT config_id FROM runs WHERE id = '7eb704551d1df9c5')";
    for sql in [
        format!(
            "UPDATE config_values SET value = 'imagenet' WHERE key = 'data.dataset' AND config_id = {config_id}"
        ),
        format!(
            "UPDATE configs SET json = json_set(json, '$.data.dataset', 'imagenet') WHERE config_id = {config_id}"
        ),
    ] {
        assert_eq!(connection.execute(&sql, []).unwrap(), 1);
    }
    let hash: String = connection
        .query_row(&format!("SELECT hash FROM configs WHERE config_id = {config_id}"), [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let store = Store::open(folder.path()).unwrap();
    let opened = Fixture { folder, store, runs: Vec::new() };
    let run = opened.reader().run(foreign).unwrap();
    assert_eq!((run.id.as_str(), run.config_hash.as_str(), run.epochs), (foreign, hash.as_str(), 6));
    assert_eq!(opened.reader().checkpoint(&run.id).unwrap().unwrap().written_for, None);
    assert_eq!(opened.reader().query("SELECT id FROM runs").unwrap().rows.len(), 10, "the other two are one");
}

#[test]
fn migrations_run_once_each_and_one_that_fails_leaves_the_version_before_it() {
    let mut connection = Connection::open_in_memory().unwrap();
    let path = PathBuf::from("results.sqlite");
    let version = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let first = Migration::sql("CREATE TABLE a (x)");
    let second = Migration::sql("CREATE TABLE b (x); INSERT INTO b VALUES (1)");
    migrate(&mut connection, &path, &[first]).unwrap();
    migrate(&mut connection, &path, &[first, second]).unwrap();
    migrate(&mut connection, &path, &[first, second]).unwrap();
    assert_eq!(version(&connection), 2);
    let rows: i64 = connection.query_row("SELECT count(*) FROM b", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    let broken = Migration::sql("CREATE TABLE c (x); INSERT INTO nowhere VALUES (1)");
    migrate(&mut connection, &path, &[first, second, broken]).unwrap_err();
    assert_eq!(version(&connection), 2);
    assert_eq!(schema(&connection).len(), 2, "nothing of the broken migration stays");
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    assert_eq!(id, APPLICATION_ID);
    let refused = migrate(&mut connection, &path, &[first]).unwrap_err().at(&path);
    assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
}
