//! Databases that are moved or deleted while they are open.

use std::fs;

use gansweep_protocol::Metric;

use super::support::Fixture;
use crate::{Reader, Store, StoreError};

#[test]
fn an_open_database_at_its_path_is_in_place() {
    let mut fixture = Fixture::new();
    fixture.store.check_place().unwrap();
    // What readers and merges of the log do to the files beside it is no change.
    drop(fixture.reader());
    fixture.store.begin_attempt(&fixture.runs[0].clone(), "cpu").unwrap();
    fixture.store.check_place().unwrap();
}

#[test]
fn a_database_whose_folder_is_moved_is_said_to_be_where_it_is_and_loses_nothing() {
    let (mut fixture, mut script) = Fixture::begun();
    let place = tempfile::tempdir().unwrap();
    let moved = place.path().join("moved");
    // The test's folder is on the same file system, or this is no rename.
    let results = fixture.path().to_owned();
    if fs::rename(&results, &moved).is_err() {
        return;
    }
    // Somebody starts anew at the old path.
    let mut other = Store::open(&results).unwrap();
    let error = fixture.store.check_place().unwrap_err();
    assert!(
        matches!(&error, StoreError::Moved { now, .. } if *now == moved.join("results.sqlite")),
        "{error}"
    );
    assert!(error.to_string().contains(&format!("--results {}", moved.display())), "{error}");
    fixture.store.record(&script.started(0).points(1, &[(Metric::DLoss, 1.0)]).take()).unwrap();
    drop(fixture.store);
    assert!(fs::exists(results.join("results.sqlite-wal")).unwrap(), "the log of the other database");
    other.check_place().unwrap();
    assert_eq!(Reader::open(&moved).unwrap().query("SELECT * FROM points").unwrap().rows.len(), 1);
}

#[test]
fn of_a_database_that_is_deleted_a_copy_is_saved_if_its_folder_still_exists() {
    for files in [&["results.sqlite"][..], &["results.sqlite-wal"], &["results.sqlite", "results.sqlite-wal"]]
    {
        let (mut fixture, mut script) = Fixture::begun();
        fixture.store.record(&script.started(0).points(1, &[(Metric::DLoss, 1.0)]).take()).unwrap();
        for file in files {
            fs::remove_file(fixture.path().join(file)).unwrap();
        }
        let error = fixture.store.check_place().unwrap_err();
        let StoreError::Deleted { rescued: Some(rescued), .. } = &error else { panic!("{error}") };
        assert!(error.to_string().contains("rename that file to results.sqlite"), "{error}");
        let reader = Reader::open(rescued).unwrap();
        assert_eq!(reader.query("SELECT * FROM points").unwrap().rows.len(), 1);
    }
    let mut fixture = Fixture::new();
    fs::remove_dir_all(fixture.path()).unwrap();
    let error = fixture.store.check_place().unwrap_err();
    assert!(matches!(error, StoreError::Deleted { rescued: None, .. }), "{error}");
}
