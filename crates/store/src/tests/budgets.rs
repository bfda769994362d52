//! Views of a run up to a budget, and runs that grow.

use std::collections::BTreeMap;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Diverged, Event, Metric};
use rusqlite::Connection;
use serde_json::json;

use super::support::{EPOCHS, Fixture, LAST_STEP, STEPS_PER_EPOCH, Script, plan, sweep};
use crate::{Call, Cell, RunFilter, RunRow, RunStatus, StoreError, export::Entity, export::csv};

const D: Metric = Metric::EpochDLoss;

/// The plan of the fixture with another budget.
fn asked(epochs: u32) -> Vec<PlannedRun> {
    let mut runs = plan(&[1e-4, 2e-4], &[128], &[1, 2]);
    for run in &mut runs {
        run.epochs = epochs;
    }
    runs
}

/// The events of epochs `from` + 1 to `until` and of their end.
fn epochs(script: &mut Script, from: u32, until: u32) -> &mut Script {
    let step = |epoch: u32| u64::from(epoch) * STEPS_PER_EPOCH;
    script.started(step(from));
    for epoch in from + 1..=until {
        let values =
            [(D, 1.0 / f64::from(epoch)), (Metric::Seconds, f64::from(epoch)), (Metric::ImagesSeen, 100.0)];
        script.points(step(epoch), &values).samples(step(epoch), epoch).checkpoint(step(epoch));
    }
    script.completed(step(until), f64::from(until))
}

/// The first run trained to its budget of three epochs.
fn trained() -> (Fixture, RunId) {
    let (mut fixture, mut script) = Fixture::begun();
    fixture.store.record(&epochs(&mut script, 0, EPOCHS).take()).unwrap();
    let run = fixture.runs[0].clone();
    (fixture, run)
}

/// The first run's rows, by sweep and budget.
fn views(fixture: &Fixture) -> BTreeMap<(String, u32), RunRow> {
    let runs = fixture.reader().runs(&RunFilter::default()).unwrap().into_iter();
    let own = runs.filter(|run| run.id == fixture.runs[0]);
    own.map(|run| ((run.sweep.clone().unwrap_or_default(), run.epochs), run)).collect()
}

#[test]
fn a_run_that_is_asked_for_more_goes_on_and_is_then_completed_for_both() {
    let (mut fixture, run) = trained();
    fixture.store.register_sweep(&sweep("long"), &asked(5)).unwrap();
    let before = views(&fixture);
    let (short, long) = (&before[&("lr".to_owned(), 3)], &before[&("long".to_owned(), 5)]);
    assert_eq!((short.state, short.step, short.total_steps), (RunState::Completed, LAST_STEP, LAST_STEP));
    assert_eq!((long.state, long.step, long.total_steps), (RunState::Interrupted, LAST_STEP, 4_690));
    assert_eq!((&short.cause, long.cause.as_deref()), (&None, Some("trained for 3 of 5 epochs so far")));
    assert_eq!(fixture.store.begin_attempt(&run, "cpu").unwrap(), 2);
    let states = |fixture: &Fixture| views(fixture).into_values().map(|run| run.state).collect::<Vec<_>>();
    assert_eq!(
        states(&fixture),
        [RunState::Pending, RunState::Completed],
        "trained for the one, not for the other"
    );
    fixture.store.record(&epochs(&mut Script::new(run.clone(), 2), 3, 5).take()).unwrap();
    assert_eq!(states(&fixture), [RunState::Completed; 2]);
    let after = views(&fixture);
    let (short, long) = (&after[&("lr".to_owned(), 3)], &after[&("long".to_owned(), 5)]);
    assert_eq!((short.step, short.seconds, short.images_per_second), (LAST_STEP, 3.0, Some(100.0 / 3.0)));
    assert_eq!((long.step, long.seconds, long.images_per_second), (4_690, 5.0, Some(20.0)));
    let refused = fixture.store.begin_attempt(&run, "cpu").unwrap_err();
    assert!(matches!(refused, StoreError::Finished { .. }), "{refused}");
}

#[test]
fn a_completed_run_that_waits_to_be_trained_on_can_be_pruned_and_stays_completed_for_its_budget() {
    let (mut fixture, run) = trained();
    fixture.store.set_state(&run, RunState::Pruned, "no sweep asks for more").unwrap();
    let states = |fixture: &Fixture| views(fixture).into_values().map(|run| run.state).collect::<Vec<_>>();
    assert_eq!(states(&fixture), [RunState::Completed]);
    assert_eq!(fixture.store.statuses(std::slice::from_ref(&run)).unwrap()[&run].state, RunState::Completed);
    fixture.store.register_sweep(&sweep("long"), &asked(5)).unwrap();
    fixture.store.set_state(&run, RunState::Pruned, "rank 5 of 9").unwrap();
    assert_eq!(states(&fixture), [RunState::Pruned, RunState::Completed]);
}

#[test]
fn everything_that_is_read_of_a_run_ends_where_its_view_does() {
    let (mut fixture, run) = trained();
    let alone = fixture.reader();
    let values = "SELECT epoch_d_loss, seconds, step FROM run_overview WHERE sweep = 'lr' AND position = 0";
    let read = |reader: &crate::Reader| {
        (
            reader.query(values).unwrap(),
            reader.points(&run, D, LAST_STEP, usize::MAX).unwrap(),
            reader.summaries(&run, LAST_STEP).unwrap(),
            reader.samples_index(&run, LAST_STEP).unwrap(),
            [Entity::Points, Entity::Summaries].map(|entity| {
                let mut bytes = Vec::new();
                csv(reader, &entity.sql(Some("lr")), &mut bytes).unwrap();
                String::from_utf8(bytes).unwrap()
            }),
        )
    };
    let before = read(&alone);
    fixture.store.register_sweep(&sweep("long"), &asked(5)).unwrap();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    fixture.store.record(&epochs(&mut Script::new(run.clone(), 2), 3, 5).take()).unwrap();
    assert_eq!(read(&fixture.reader()), before);
    let whole = fixture.reader().summaries(&run, u64::MAX).unwrap();
    let d = whole.iter().find(|summary| summary.metric == D).unwrap();
    assert_eq!((d.count, d.last), (5, 0.2));
    for until in [0, LAST_STEP, u64::MAX] {
        let all = fixture.reader().summaries(&run, until).unwrap();
        let alone = |metric| fixture.reader().summary(&run, metric, until).unwrap();
        assert_eq!(Metric::ALL.into_iter().filter_map(alone).collect::<Vec<_>>(), all);
    }
    assert_eq!(fixture.reader().samples_index(&run, u64::MAX).unwrap().len(), 5);
    assert_eq!(fixture.reader().run(run.as_str()).unwrap().epochs, 5, "of several views the longest");
}

#[test]
fn a_plan_may_ask_for_several_budgets_of_a_run() {
    let (mut fixture, _) = trained();
    let several = [asked(2), asked(5), asked(3)].concat();
    fixture.store.register_sweep(&sweep("lr"), &several).unwrap();
    let listed = fixture.reader().runs(&RunFilter { sweep: Some("lr".into()), where_sql: None }).unwrap();
    let positions: Vec<u32> = listed.iter().filter_map(|run| run.position).collect();
    assert_eq!(positions, (0..12).collect::<Vec<_>>());
    let of_first: Vec<(u32, RunState)> =
        listed.iter().filter(|run| run.id == fixture.runs[0]).map(|run| (run.epochs, run.state)).collect();
    let (done, more) = (RunState::Completed, RunState::Interrupted);
    assert_eq!(of_first, [(2, done), (5, more), (3, done)]);
    let counts = fixture.reader().sweep("lr").unwrap();
    let of = |state| counts.states.iter().find(|(known, _)| *known == state).unwrap().1;
    assert_eq!((counts.runs, of(done), of(more), of(RunState::Queued)), (12, 2, 1, 9));
    let overview = fixture.reader().query("SELECT runs, completed FROM sweep_overview").unwrap();
    assert_eq!(overview.rows, [[Cell::Integer(12), Cell::Integer(2)]]);
}

#[test]
fn a_smaller_budget_shows_less_and_an_earlier_one_is_remembered() {
    let (mut fixture, run) = trained();
    fixture.store.register_sweep(&sweep("lr"), &asked(2)).unwrap();
    let view = fixture.reader().run(run.as_str()).unwrap();
    assert_eq!((view.epochs, view.step, view.state), (2, 2 * STEPS_PER_EPOCH, RunState::Completed));
    let kept =
        fixture.reader().query("SELECT epochs, current FROM sweep_runs WHERE run_id = 1 ORDER BY epochs");
    assert_eq!(
        kept.unwrap().to_string(),
        "epochs  current\n------  -------\n     2        1\n     3        0\n"
    );
    fixture.store.register_sweep(&sweep("lr"), &[]).unwrap();
    let view = fixture.reader().run(run.as_str()).unwrap();
    assert_eq!((view.sweep, view.epochs, view.step), (None, 3, LAST_STEP), "as far as it was ever asked for");
}

#[test]
fn a_run_that_diverged_after_a_views_end_is_completed_in_that_view() {
    let (mut fixture, run) = trained();
    fixture.store.register_sweep(&sweep("long"), &asked(5)).unwrap();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut script = Script::new(run.clone(), 2);
    let diverged = Diverged { step: 3_000, cause: "the D loss was NaN".to_owned(), seconds: 4.0 };
    script.started(LAST_STEP).points(3_000, &[(D, f64::NAN)]).event(Event::Diverged(diverged));
    fixture.store.record(&script.take()).unwrap();
    fixture.store.register_sweep(&sweep("longer"), &asked(9)).unwrap();
    let views = views(&fixture);
    let (short, long) = (&views[&("lr".to_owned(), 3)], &views[&("long".to_owned(), 5)]);
    assert_eq!((short.state, short.step, &short.cause), (RunState::Completed, LAST_STEP, &None));
    assert_eq!((long.state, long.step), (RunState::Diverged, 3_000));
    assert_eq!(views[&("longer".to_owned(), 9)].state, RunState::Diverged, "and stays so for more epochs");
    let refused = fixture.store.begin_attempt(&run, "cpu").unwrap_err();
    assert!(matches!(refused, StoreError::Finished { .. }), "{refused}");
}

/// Sets what no events lead to in so few lines.
fn set(fixture: &Fixture, state: RunState, confirmed_step: u64) {
    let connection = Connection::open(fixture.path().join("results.sqlite")).unwrap();
    let sql = "UPDATE runs SET state = ?1, confirmed_step = ?2 WHERE run_id = 1";
    connection.execute(sql, (state.name(), confirmed_step.cast_signed())).unwrap();
}

#[test]
fn the_program_and_the_database_say_the_same_of_every_state() {
    let (fixture, run) = trained();
    for state in RunState::ALL {
        for confirmed_step in [0, LAST_STEP - 1, LAST_STEP, LAST_STEP + 1] {
            set(&fixture, state, confirmed_step);
            let reader = fixture.reader();
            let status = &reader.statuses(std::slice::from_ref(&run)).unwrap()[&run];
            let shown = reader.run(run.as_str()).unwrap().state;
            assert_eq!(status.state_after(LAST_STEP), shown, "{state:?} at {confirmed_step}");
        }
    }
    let status = |state| RunStatus { state, attempts: 1, resume: None, step: 10, confirmed_step: 10 };
    assert_eq!(status(RunState::Diverged).state_after(10), RunState::Completed);
    assert_eq!(status(RunState::Diverged).state_after(11), RunState::Diverged);
}

#[test]
fn what_other_versions_stored_is_read_key_by_key() {
    let fixture = Fixture::new();
    let connection = Connection::open(fixture.path().join("results.sqlite")).unwrap();
    let change = |sql: &str| assert!(connection.execute(sql, []).unwrap() > 0);
    change(
        "UPDATE configs SET json = json_set(json_remove(json, '$.loss.combine'), '$.later.key', 1, '$.loss.sharpness', 'x')",
    );
    change(
        "UPDATE sweeps SET record = json_set(json_remove(record, '$.palette'), '$.thumbnails', json('[1]'))",
    );
    change("UPDATE sweeps SET call = '{\"profile\":\"p\",\"launcher\":{\"kind\":\"slurm\"}}'");
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!(run.typed_config().unwrap(), plan(&[1e-4], &[128], &[1])[0].config);
    assert_eq!(run.config["later"]["key"], json!(1), "what is not known is shown as it is");
    let row = fixture.reader().sweep("lr").unwrap();
    assert_eq!(
        row.record,
        gansweep_config::Record { palette: gansweep_config::Palette::Gray, ..sweep("lr").record }
    );
    assert_eq!(row.call, Some(Call { profile: Some("p".to_owned()), ..Call::default() }));
    change("UPDATE sweeps SET call = NULL");
    assert_eq!(fixture.reader().sweep("lr").unwrap().call, None);
    // The folder is not the one that the command takes without `--results`.
    let folder = gansweep_base::text::shell_word(&fixture.path().display().to_string());
    let command = format!("gansweep sweep experiments/lr.toml --results {folder}");
    assert_eq!(fixture.reader().sweep_command("lr").unwrap(), command);
    change("UPDATE configs SET json = json_set(json, '$.train.batch_size', 0)");
    let error = fixture.reader().run(fixture.runs[0].as_str()).unwrap().typed_config().unwrap_err();
    assert!(error.to_string().contains("train.batch_size is `0`"), "{error}");
}
