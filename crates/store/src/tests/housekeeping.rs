//! Removal, names, tags and space.

use gansweep_config::RunId;
use gansweep_protocol::{Event, Metric};

use rusqlite::Connection;

use super::support::{EPOCHS, Fixture, LAST_STEP, Script, plan, sweep};
use crate::{Reader, RunFiles, RunFilter, StoreError};

/// The sweep `lr` with four runs, and `wide` with two of them and two of its own, all trained.
fn two_sweeps() -> (Fixture, Vec<RunId>) {
    let mut fixture = Fixture::new();
    let wide = [plan(&[1e-4], &[128], &[1, 2]), plan(&[1e-4], &[256], &[1, 2])].concat();
    fixture.store.register_sweep(&sweep("wide"), &wide).unwrap();
    let own: Vec<RunId> = wide[2..].iter().map(|run| run.id.clone()).collect();
    for run in fixture.runs.iter().chain(&own) {
        let mut script = Script::new(run.clone(), 1);
        script.started(0).points(10, &[(Metric::DLoss, 1.0)]).samples(10, 1).checkpoint(LAST_STEP);
        script.completed(LAST_STEP, 1.0);
        fixture.store.record(&script.take()).unwrap();
    }
    (fixture, own)
}

/// Number of rows of each table, without those that no run has.
fn rows(reader: &Reader) -> Vec<String> {
    ["runs", "points", "summaries", "samples", "checkpoints", "attempts", "configs", "sweep_runs", "tags"]
        .map(|table| {
            format!("{table} {}", reader.query(&format!("SELECT count(*) FROM {table}")).unwrap().rows[0][0])
        })
        .to_vec()
}

#[test]
fn a_sweep_is_removed_with_its_own_runs_and_without_those_of_others() {
    let (mut fixture, own) = two_sweeps();
    let names = ["wide".to_owned()];
    let planned = fixture.store.removal(&names, &[]).unwrap();
    assert_eq!((planned.runs.len(), planned.shared, planned.points, planned.grids), (2, 2, 2, 2));
    assert_eq!(fixture.store.remove(&names, &[]).unwrap(), planned);
    let reader = fixture.reader();
    assert_eq!(
        rows(&reader),
        [
            "runs 4",
            "points 4",
            "summaries 4",
            "samples 4",
            "checkpoints 4",
            "attempts 4",
            "configs 2",
            "sweep_runs 4",
            "tags 0"
        ]
    );
    for run in own {
        assert!(matches!(reader.run(run.as_str()), Err(StoreError::UnknownRun { .. })));
    }
    assert!(matches!(reader.sweep("wide"), Err(StoreError::UnknownSweep { .. })));
    assert_eq!(reader.check().unwrap().iter().filter(|it| !it.what.contains("grid")).count(), 0);
    assert!(matches!(fixture.store.removal(&names, &[]), Err(StoreError::UnknownSweep { .. })));
}

#[test]
fn a_run_is_removed_from_all_sweeps_and_a_later_plan_may_have_it_again() {
    let (mut fixture, _) = two_sweeps();
    let run = fixture.runs[0].clone();
    let removal = fixture.store.remove(&[], std::slice::from_ref(&run)).unwrap();
    assert_eq!((removal.runs.len(), removal.others), (1, vec!["lr".to_owned(), "wide".to_owned()]));
    let left = |sweep: &str| {
        let filter = RunFilter { sweep: Some(sweep.to_owned()), where_sql: None };
        fixture.reader().runs(&filter).unwrap().len()
    };
    assert_eq!((left("lr"), left("wide")), (3, 3));
    fixture.store.register_sweep(&sweep("lr"), &plan(&[1e-4, 2e-4], &[128], &[1, 2])).unwrap();
    let again = fixture.reader().run(run.as_str()).unwrap();
    assert_eq!((again.attempts, again.step, again.epochs), (0, 0, EPOCHS));
}

#[test]
fn both_sweeps_together_leave_an_empty_database() {
    let (mut fixture, _) = two_sweeps();
    fixture.store.tag(&fixture.runs[0].clone(), "good", true).unwrap();
    fixture.store.remove(&["lr".to_owned(), "wide".to_owned()], &[]).unwrap();
    let reader = fixture.reader();
    assert!(rows(&reader).iter().all(|line| line.ends_with(" 0")), "{:?}", rows(&reader));
    assert_eq!(reader.query("SELECT count(*) FROM datasets").unwrap().rows[0][0].to_string(), "0");
    assert_eq!(reader.check().unwrap(), []);
    drop(reader);
    // What is only in the log yet is no part of the file's length.
    let connection = Connection::open(fixture.store.path()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let length = |fixture: &Fixture| std::fs::metadata(fixture.store.path()).unwrap().len();
    let (before, announced) = (length(&fixture), fixture.reader().unused_bytes().unwrap());
    let freed = fixture.store.compact().unwrap();
    assert!(0 < announced && announced <= freed, "{announced} announced, {freed} freed");
    assert_eq!(length(&fixture), before - freed);
    assert_eq!(fixture.reader().unused_bytes().unwrap(), 0);
    assert_eq!(fixture.store.compact().unwrap(), 0, "there is nothing more to free");
}

#[test]
fn a_sweep_is_renamed_unless_the_name_is_taken() {
    let (mut fixture, _) = two_sweeps();
    let taken = fixture.store.rename_sweep("lr", "wide").unwrap_err();
    assert!(taken.to_string().contains("a sweep named `wide` already"), "{taken}");
    fixture.store.rename_sweep("lr", "rates").unwrap();
    fixture.store.rename_sweep("rates", "rates").unwrap();
    assert_eq!(fixture.reader().sweep("rates").unwrap().runs, 4);
    assert!(matches!(fixture.store.rename_sweep("lr", "x"), Err(StoreError::UnknownSweep { .. })));
}

#[test]
fn tags_are_put_on_once_shown_and_taken_off() {
    let mut fixture = Fixture::new();
    let run = fixture.runs[0].clone();
    assert!(fixture.store.tag(&run, "good", true).unwrap());
    assert!(!fixture.store.tag(&run, "good", true).unwrap());
    assert!(fixture.store.tag(&run, "a b", true).unwrap());
    assert_eq!(fixture.reader().tags(&run).unwrap(), ["a b", "good"]);
    let filter = RunFilter { sweep: None, where_sql: Some("tags LIKE '%good%'".to_owned()) };
    assert_eq!(fixture.reader().runs(&filter).unwrap().len(), 1);
    assert!(fixture.store.tag(&run, "good", false).unwrap());
    assert!(!fixture.store.tag(&run, "good", false).unwrap());
    assert_eq!(fixture.reader().tags(&run).unwrap(), ["a b"]);
}

#[test]
fn sizes_count_what_sweeps_share_for_each() {
    let (mut fixture, own) = two_sweeps();
    let sizes = fixture.reader().sweep_sizes().unwrap();
    let of = |name: &str| sizes.iter().find(|size| size.name == name).unwrap();
    assert_eq!((of("lr").runs, of("lr").points, of("wide").runs, of("wide").points), (4, 4, 4, 4));
    assert_eq!(of("wide").checkpoint_bytes, 4 * (1_000 + LAST_STEP));
    let is_own = |files: &RunFiles| own.contains(&files.run);
    let files = fixture.reader().run_files().unwrap();
    fixture.store.forget_checkpoints(&files.into_iter().filter(is_own).collect::<Vec<_>>()).unwrap();
    let files = fixture.reader().run_files().unwrap();
    assert_eq!((files.len(), files.iter().filter(|run| run.checkpoint.is_some()).count()), (6, 4));
}

#[test]
fn runs_that_only_an_earlier_plan_had_are_counted_apart() {
    let (mut fixture, _) = two_sweeps();
    fixture.store.register_sweep(&sweep("wide"), &plan(&[1e-4, 3e-4], &[128], &[1])).unwrap();
    let sizes = fixture.reader().sweep_sizes().unwrap();
    let wide = sizes.iter().find(|size| size.name == "wide").unwrap();
    assert_eq!((wide.runs, wide.earlier_runs, wide.points), (2, 3, 4));
}

#[test]
fn each_checkpoint_of_a_run_is_counted_removed_and_forgotten_for_itself() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&script.started(0).checkpoint_beside(20, 10).take()).unwrap();
    let run = fixture.runs[0].clone();
    let size = |fixture: &Fixture| fixture.reader().sweep_sizes().unwrap()[0].checkpoint_bytes;
    assert_eq!(size(&fixture), 1_020 + 1_010);
    let removal = fixture.store.removal(&[], std::slice::from_ref(&run)).unwrap();
    assert_eq!(removal.runs[0].paths().count(), 2);
    let of_run = |fixture: &Fixture| {
        fixture.reader().run_files().unwrap().into_iter().find(|files| files.run == run).unwrap()
    };
    let files = of_run(&fixture);
    fixture.store.forget_checkpoints(&[RunFiles { best: None, ..files.clone() }]).unwrap();
    assert_eq!(of_run(&fixture), RunFiles { checkpoint: None, ..files });
    let best = fixture.reader().best_checkpoint(&run).unwrap().unwrap();
    assert_eq!((best.step, best.metric, best.value), (10, Metric::Fd, 0.1));
    fixture.store.record(&script.checkpoint_beside(30, 30).take()).unwrap();
    assert_eq!((size(&fixture), of_run(&fixture).paths().count()), (1_030, 1), "it is one file");
}

#[test]
fn a_registration_that_is_cancelled_records_nothing() {
    let mut fixture = Fixture::new();
    let before = rows(&fixture.reader());
    let asked = std::cell::Cell::new(0);
    let cancelled = || asked.replace(asked.get() + 1) == 2;
    let runs = plan(&[3e-4, 4e-4], &[128], &[1, 2]);
    let ended = fixture.store.register_sweep_unless(&sweep("more"), &runs, &cancelled);
    assert!(matches!(ended, Err(StoreError::Cancelled)), "{ended:?}");
    assert_eq!(rows(&fixture.reader()), before);
    assert_eq!(fixture.reader().check().unwrap(), []);
    fixture.store.register_sweep(&sweep("more"), &runs).unwrap();
    assert_eq!(fixture.reader().sweep("more").unwrap().runs, 4);
}

#[test]
fn events_of_a_removed_run_are_refused_and_change_nothing() {
    let mut fixture = Fixture::new();
    let run = fixture.runs[0].clone();
    fixture.store.remove(&[], std::slice::from_ref(&run)).unwrap();
    let mut script = Script::new(run, 1);
    let events =
        script.started(0).event(Event::Completed(gansweep_protocol::Ended { step: 1, seconds: 1.0 })).take();
    assert!(matches!(fixture.store.record(&events), Err(StoreError::UnknownRun { .. })));
}
