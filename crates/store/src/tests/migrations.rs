//! Databases of every version, stored as SQL, open as if this version had written them.
//!
//! `UPDATE_FIXTURES=1` stores the present version's database anew; those of older versions are
//! never touched again.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use gansweep_experiment::{Dataset, Diverged, Event, Metric, RunState};
use rusqlite::{Connection, types::ValueRef};

use super::support::{Fixture, GEOMETRY, Script};
use crate::{
    RealImages, Store, StoreError,
    schema::{APPLICATION_ID, MIGRATIONS, migrate},
};

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
        script.samples(100, 1).checkpoint(100);
        match run {
            0 => script.completed(100, 12.5),
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
    fixture
}

fn stored(version: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/tests/fixtures/version-{version}.sql"))
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
            let cells: Vec<String> = (0..columns).map(|column| literal(row.get_ref(column).unwrap())).collect();
            writeln!(sql, "INSERT INTO {table} VALUES ({});", cells.join(", ")).unwrap();
        }
    }
    sql
}

/// Type, name and definition of everything that has one.
fn schema(connection: &Connection) -> Vec<(String, String, String)> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
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
            format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

#[test]
fn the_present_versions_database_is_stored_for_the_versions_to_come() {
    let fixture = full();
    let connection = Connection::open(fixture.path().join("results.sqlite")).unwrap();
    let (path, dump) = (stored(MIGRATIONS.len()), dump(&connection));
    if env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, &dump).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == dump, "{} is out of date; run the test with UPDATE_FIXTURES=1", path.display());
}

#[test]
fn a_database_of_every_version_opens_with_all_that_was_in_it() {
    let present = full();
    for version in 1..=MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("results.sqlite")).unwrap();
        connection.execute_batch(&fs::read_to_string(stored(version)).unwrap()).unwrap();
        drop(connection);
        let store = Store::open(folder.path()).unwrap();
        let opened = Fixture { folder, store, runs: present.runs.clone() };
        let check = |pragma: &str| opened.reader().query(&format!("PRAGMA {pragma}")).unwrap().rows;
        assert_eq!(check("integrity_check")[0][0].to_string(), "ok");
        assert_eq!(check("foreign_key_check"), Vec::<Vec<_>>::new());
        assert_eq!(opened.content(), present.content(), "version {version}");
        let connect = |fixture: &Fixture| Connection::open(fixture.path().join("results.sqlite")).unwrap();
        assert_eq!(schema(&connect(&opened)), schema(&connect(&present)), "version {version}");
    }
}

#[test]
fn a_migrated_database_is_gone_on_with() {
    let mut fixture = full();
    let run = fixture.runs[3].clone();
    assert_eq!(fixture.store.reclaim_stale().unwrap(), [(run.clone(), 1)]);
    assert_eq!(fixture.store.begin_attempt(&run, "cpu").unwrap(), 2);
    let mut script = Script::new(run.clone(), 2);
    fixture.store.record(&script.started(100).completed(100, 12.5).take()).unwrap();
    assert_eq!(fixture.reader().run(run.as_str()).unwrap().state, RunState::Completed);
}

#[test]
fn migrations_run_once_each_and_one_that_fails_leaves_the_version_before_it() {
    let mut connection = Connection::open_in_memory().unwrap();
    let path = PathBuf::from("results.sqlite");
    let version = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let (first, second) = ("CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1)");
    migrate(&mut connection, &path, &[first]).unwrap();
    migrate(&mut connection, &path, &[first, second]).unwrap();
    migrate(&mut connection, &path, &[first, second]).unwrap();
    assert_eq!(version(&connection), 2);
    let rows: i64 = connection.query_row("SELECT count(*) FROM b", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    let broken = "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1)";
    migrate(&mut connection, &path, &[first, second, broken]).unwrap_err();
    assert_eq!(version(&connection), 2);
    assert_eq!(schema(&connection).len(), 2, "nothing of the broken migration stays");
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    assert_eq!(id, APPLICATION_ID);
    let refused = migrate(&mut connection, &path, &[first]).unwrap_err().at(&path);
    assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
}
