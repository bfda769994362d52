//! Fuzz target of the expressions that filter runs.

#[path = "../../../tests/fuzz/engine.rs"]
mod engine;

use gansweep_store::{Reader, RunFilter, Store, StoreError};

#[test]
fn filters() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("results.sqlite");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch(include_str!("../src/tests/fixtures/version-5.sql")).unwrap();
    drop(connection);
    drop(Store::open(folder.path()).unwrap());
    // A second sweep, which has no runs: a filter that finds some in it has left its place.
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection
        .execute_batch(
            "CREATE TEMP TABLE copy AS SELECT * FROM sweeps;
             UPDATE copy SET sweep_id = 99, name = 'empty';
             INSERT INTO sweeps SELECT * FROM copy;",
        )
        .unwrap();
    drop(connection);
    let reader = Reader::open(folder.path()).unwrap();
    let runs = |sweep: &str, expression: &str| {
        let filter = RunFilter { sweep: Some(sweep.to_owned()), where_sql: Some(expression.to_owned()) };
        reader.runs(&filter)
    };
    assert!(!runs("lr", "1").unwrap().is_empty(), "there is something to find");
    engine::fuzz("filters", |input| {
        let expression = String::from_utf8_lossy(input);
        match runs("empty", &expression) {
            Ok(found) => assert!(found.is_empty(), "{expression} finds runs of another sweep"),
            Err(StoreError::Filter { detail, .. }) => assert!(!detail.is_empty()),
            Err(error) => panic!("{expression}: {error}"),
        }
    });
}
