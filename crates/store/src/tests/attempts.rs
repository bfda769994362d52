//! Sweeps registered again, attempts begun, lost and reclaimed.

use gansweep_config::RunState;
use gansweep_protocol::Metric;

use super::support::{EPOCHS, Fixture, LAST_STEP, NEW_YEAR_MS, Script, plan, sweep};
use crate::{Reader, RunFilter, Store, StoreError};

#[test]
fn a_registered_sweep_reads_back() {
    let fixture = Fixture::new();
    let row = fixture.reader().sweep("lr").unwrap();
    let record = sweep("lr");
    assert_eq!((row.runs, row.file, row.recipe), (4, record.file, record.recipe));
    assert_eq!((row.dataset_requested, row.dataset), (record.dataset_requested, record.dataset));
    assert_eq!(row.record, record.record);
    assert_eq!(row.call, Some(record.call));
    assert_eq!(row.axes[0]["key"], "optimizer.lr");
    assert_eq!(row.states[0], (RunState::Queued, 4));
    assert_eq!(row.states.len(), RunState::ALL.len());
    let runs = fixture.reader().runs(&RunFilter { sweep: Some("lr".into()), where_sql: None }).unwrap();
    let expected = plan(&[1e-4, 2e-4], &[128], &[1, 2]);
    assert_eq!(runs.len(), expected.len());
    for (position, (run, planned)) in (0..).zip(runs.iter().zip(&expected)) {
        assert_eq!((run.position, &run.id, &run.label), (Some(position), &planned.id, &planned.label));
        assert_eq!((run.seed, &run.assignments), (planned.seed, &planned.assignments));
        assert_eq!(
            (&run.config_hash, run.typed_config().unwrap()),
            (&planned.config_hash, planned.config.clone())
        );
        assert_eq!((run.epochs, run.total_steps), (EPOCHS, planned.total_steps()));
    }
}

#[test]
fn registering_again_changes_nothing_and_enlarging_adds() {
    let mut fixture = Fixture::new();
    let listing = |fixture: &Fixture| fixture.reader().query("SELECT * FROM run_overview").unwrap();
    let before = listing(&fixture);
    let id = fixture.store.register_sweep(&sweep("lr"), &plan(&[1e-4, 2e-4], &[128], &[1, 2])).unwrap();
    assert_eq!(listing(&fixture), before);
    let larger = plan(&[1e-4, 2e-4], &[128, 256], &[1, 2]);
    assert_eq!(fixture.store.register_sweep(&sweep("lr"), &larger).unwrap(), id);
    let runs = fixture.reader().runs(&RunFilter { sweep: Some("lr".into()), where_sql: None }).unwrap();
    let ids: Vec<_> = runs.iter().map(|run| &run.id).collect();
    assert_eq!(ids, larger.iter().map(|run| &run.id).collect::<Vec<_>>(), "in the order of the new plan");
}

#[test]
fn a_run_that_leaves_the_plan_stays_in_the_database_and_may_come_back() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&script.started(0).points(10, &[(Metric::DLoss, 1.0)]).take()).unwrap();
    let gone = fixture.runs[0].clone();
    fixture.store.register_sweep(&sweep("lr"), &plan(&[2e-4], &[128], &[1, 2])).unwrap();
    let of_sweep = RunFilter { sweep: Some("lr".into()), where_sql: None };
    assert_eq!(fixture.reader().runs(&of_sweep).unwrap().len(), 2);
    let run = fixture.reader().run(gone.as_str()).unwrap();
    assert_eq!((run.sweep, run.position, run.label.as_str()), (None, None, "lr=1e-4 hidden=128 seed=1"));
    assert_eq!(fixture.reader().points(&gone, Metric::DLoss, u64::MAX, 10).unwrap().len(), 1);
    fixture.store.register_sweep(&sweep("lr"), &plan(&[1e-4, 2e-4], &[128], &[1, 2])).unwrap();
    assert_eq!(fixture.reader().runs(&of_sweep).unwrap()[0].id, gone);
}

#[test]
fn runs_added_while_a_sweep_goes_on_stand_behind_those_it_has() {
    let mut fixture = Fixture::new();
    let more = plan(&[5e-4, 1e-4], &[128], &[1]);
    fixture.store.add_runs("lr", &more).unwrap();
    fixture.store.add_runs("lr", &more).unwrap();
    let of_sweep = RunFilter { sweep: Some("lr".into()), where_sql: None };
    let runs = fixture.reader().runs(&of_sweep).unwrap();
    let ids: Vec<_> = runs.iter().map(|run| &run.id).collect();
    let expected: Vec<_> = fixture.runs.iter().chain([&more[0].id]).collect();
    assert_eq!(ids, expected, "a run that is there keeps its place");
    let error = fixture.store.add_runs("nowhere", &more).unwrap_err();
    assert_eq!(error.to_string(), fixture.reader().sweep("nowhere").unwrap_err().to_string());
    assert!(matches!(error, StoreError::UnknownSweep { known, .. } if known == ["lr"]));
}

#[test]
fn a_run_that_no_worker_has_can_be_given_another_state() {
    let (mut fixture, mut script) = Fixture::begun();
    let [first, second] = [fixture.runs[0].clone(), fixture.runs[1].clone()];
    fixture.store.set_state(&second, RunState::Pruned, "rung 1: rank 5 of 9").unwrap();
    let run = fixture.reader().run(second.as_str()).unwrap();
    assert_eq!((run.state, run.cause.as_deref()), (RunState::Pruned, Some("rung 1: rank 5 of 9")));
    fixture.store.set_state(&first, RunState::Pruned, "").unwrap();
    assert_eq!(fixture.reader().run(first.as_str()).unwrap().state, RunState::Pending);
    fixture.store.record(&script.started(0).completed(LAST_STEP, 1.0).take()).unwrap();
    fixture.store.set_state(&first, RunState::Pruned, "").unwrap();
    assert_eq!(fixture.reader().run(first.as_str()).unwrap().state, RunState::Completed);
}

#[test]
fn a_run_that_two_sweeps_share_is_trained_once_and_listed_in_both() {
    let mut fixture = Fixture::new();
    fixture.store.register_sweep(&sweep("narrow"), &plan(&[2e-4], &[128], &[1])).unwrap();
    assert_eq!(fixture.reader().query("SELECT * FROM runs").unwrap().rows.len(), 4);
    let shared = fixture.reader().runs(&RunFilter { sweep: Some("narrow".into()), where_sql: None }).unwrap();
    assert_eq!(shared[0].id, fixture.runs[2]);
    assert_eq!(fixture.reader().runs(&RunFilter::default()).unwrap().len(), 5);
}

#[test]
fn attempts_that_nobody_ended_are_reclaimed_as_interrupted() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture
        .store
        .record(&script.started(0).points(10, &[(Metric::DLoss, 1.0)]).checkpoint(10).take())
        .unwrap();
    let run = fixture.runs[0].clone();
    assert_eq!(fixture.store.reclaim_stale().unwrap(), [(run.clone(), 1)]);
    assert_eq!(fixture.store.reclaim_stale().unwrap(), []);
    let attempt = &fixture.reader().attempts(&run).unwrap()[0];
    assert_eq!(attempt.state, RunState::Interrupted);
    assert_eq!(attempt.cause.as_deref(), Some("the program ended without notice"));
    assert_eq!((attempt.step, attempt.from_step), (Some(10), Some(0)));
    let status = &fixture.store.statuses(std::slice::from_ref(&run)).unwrap()[&run];
    assert_eq!((status.state, status.attempts), (RunState::Interrupted, 1));
    assert_eq!(status.resume.as_ref().map(|resume| resume.checkpoint.step), Some(10));
}

#[test]
fn a_program_that_died_long_ago_trained_until_its_last_record_and_not_until_now() {
    let (mut fixture, mut script) = Fixture::begun();
    // A second passes between two events of a script.
    let events = script.started(0).points(10, &[(Metric::DLoss, 1.0)]).samples(10, 1).checkpoint(10).take();
    let last = events.last().unwrap().at_unix_ms;
    fixture.store.record(&events).unwrap();
    let (folder, runs) = (fixture.folder, fixture.runs);
    drop(fixture.store);
    let mut store = Store::open_with_clock(folder.path(), || NEW_YEAR_MS + 3 * 86_400_000).unwrap();
    let of_run = || {
        let reader = Reader::open(folder.path()).unwrap();
        let attempt = reader.attempts(&runs[0]).unwrap().pop().unwrap();
        (attempt.ended_unix_ms, reader.run(runs[0].as_str()).unwrap().ended_unix_ms)
    };
    assert!(Reader::open(folder.path()).unwrap().has_active_runs().unwrap());
    store.reclaim_stale().unwrap();
    assert_eq!(of_run(), (Some(last), Some(last)));
    assert!(!Reader::open(folder.path()).unwrap().has_active_runs().unwrap());
    let attempt = store.begin_attempt(&runs[0], "cpu").unwrap();
    let begun = NEW_YEAR_MS + 3 * 86_400_000;
    store.end_past_attempt(&runs[0], attempt, RunState::Failed, "a node was lost").unwrap();
    assert_eq!(of_run(), (Some(begun), Some(begun)));
}

#[test]
fn a_worker_that_died_without_a_word_ends_its_attempt_with_the_cause() {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&script.started(0).take()).unwrap();
    let run = fixture.runs[0].clone();
    fixture.store.end_attempt(&run, 1, RunState::Failed, "killed by SIGKILL").unwrap();
    assert_eq!(fixture.store.begin_attempt(&run, "cpu").unwrap(), 2);
    let mut second = Script::new(run.clone(), 2);
    fixture.store.record(&second.started(0).interrupted(4, 1.0).take()).unwrap();
    fixture.store.end_attempt(&run, 2, RunState::Failed, "exit code 1").unwrap();
    let attempts = fixture.reader().attempts(&run).unwrap();
    assert_eq!(attempts[0].cause.as_deref(), Some("killed by SIGKILL"));
    assert_eq!(attempts[1].state, RunState::Interrupted, "what the worker itself said stands");
}

#[test]
fn a_completion_that_arrives_after_the_worker_was_given_up_still_counts() {
    let (mut fixture, mut script) = Fixture::begun();
    let run = fixture.runs[0].clone();
    fixture.store.end_attempt(&run, 1, RunState::Failed, "no event for 60 s").unwrap();
    fixture.store.record(&script.started(0).checkpoint(LAST_STEP).completed(LAST_STEP, 1.0).take()).unwrap();
    assert_eq!(fixture.reader().run(run.as_str()).unwrap().state, RunState::Completed);
    assert_eq!(fixture.reader().attempts(&run).unwrap()[0].state, RunState::Completed);
}

#[test]
fn unknown_runs_have_no_status_and_take_no_attempt() {
    let mut fixture = Fixture::new();
    let stranger = gansweep_config::RunId::parse("00000000deadbeef").unwrap();
    assert!(fixture.store.statuses(std::slice::from_ref(&stranger)).unwrap().is_empty());
    let error = fixture.store.begin_attempt(&stranger, "cpu").unwrap_err();
    assert!(matches!(error, StoreError::UnknownRun { .. }), "{error}");
}

#[test]
fn a_seed_of_64_bits_comes_back_whole() {
    let mut fixture = Fixture::new();
    let runs = plan(&[1e-4], &[128], &[u64::MAX]);
    fixture.store.register_sweep(&sweep("seeds"), &runs).unwrap();
    assert_eq!(fixture.reader().run(runs[0].id.as_str()).unwrap().seed, u64::MAX);
}

#[test]
fn workers_of_one_device_at_the_same_time_count_once_as_its_time() {
    let (mut fixture, _script) = Fixture::begun();
    let runs = fixture.runs.clone();
    for run in &runs[1..] {
        fixture.store.begin_attempt(run, "cpu").unwrap();
    }
    let path = fixture.path().join("results.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    // Of the machine `a`: 0 to 10 s and 4 to 12 s, then 20 to 21 s; of the machine `b`: 0 to 5 s. All have waited for ten seconds
    // in a queue.
    let set = |run: usize, host: &str, started: Option<i64>, ended: i64| {
        let sql = "UPDATE attempts SET host = ?1, began_ms = -10000, started_ms = ?2, ended_ms = ?3
                   WHERE run_id = (SELECT run_id FROM runs WHERE id = ?4)";
        assert_eq!(connection.execute(sql, (host, started, ended, runs[run].as_str())).unwrap(), 1);
    };
    for (run, host, started, ended) in
        [(0, "a", 0, 10_000), (1, "a", 4000, 12_000), (2, "a", 20_000, 21_000), (3, "b", 0, 5000)]
    {
        set(run, host, Some(started), ended);
    }
    let seconds = || fixture.reader().device_seconds("lr").unwrap();
    assert!((seconds() - 18.0).abs() < 1e-9);
    // It ended before its worker had begun.
    set(3, "b", None, 5000);
    assert!((seconds() - 13.0).abs() < 1e-9);
}
