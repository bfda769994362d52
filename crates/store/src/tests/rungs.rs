//! What pruners decide.

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Event, Halted, Metric};

use super::support::{Fixture, STEPS_PER_EPOCH, Script};
use crate::{RungDecision, RungRow, StoreError};

fn row(run: &RunId, value: Option<f64>, decision: RungDecision, reason: &str) -> RungRow {
    RungRow { run: run.clone(), epochs: 1, bracket: 0, value, decision, reason: reason.to_owned() }
}

/// A run that is paused after its first epoch.
fn paused() -> (Fixture, RunId) {
    let mut fixture = Fixture::new();
    let run = fixture.runs[0].clone();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut script = Script::new(run.clone(), 1);
    let halted = Halted { step: STEPS_PER_EPOCH, cause: "waits".to_owned(), seconds: 1.0 };
    script.started(0).points(STEPS_PER_EPOCH, &[(Metric::Fd, 30.0)]).checkpoint(STEPS_PER_EPOCH);
    script.event(Event::Paused(halted));
    fixture.store.record(&script.take()).unwrap();
    (fixture, run)
}

fn cause(fixture: &Fixture, run: &RunId) -> String {
    let sql = format!("SELECT state || ': ' || cause FROM runs WHERE id = '{run}'");
    fixture.reader().query(&sql).unwrap().rows[0][0].to_string()
}

#[test]
fn decisions_come_back_with_every_kind_of_value() {
    let mut fixture = Fixture::new();
    let values = [Some(12.5), None, Some(f64::NAN), Some(f64::INFINITY)];
    let runs = fixture.runs.clone();
    let rows: Vec<RungRow> = runs
        .iter()
        .zip(values)
        .zip(RungDecision::ALL)
        .map(|((run, value), decision)| row(run, value, decision, "why"))
        .collect();
    fixture.store.record_rungs("lr", &rows).unwrap();
    let mut expected = rows;
    expected.sort_by(|a, b| a.run.as_str().cmp(b.run.as_str()));
    let found = fixture.store.rungs("lr").unwrap();
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(&expected).all(|(found, expected)| found.says(expected)), "{found:?}");
    assert_eq!(fixture.store.rungs("none").unwrap(), []);
}

#[test]
fn a_later_decision_replaces_the_earlier_and_a_run_that_stays_has_its_reason() {
    let (mut fixture, run) = paused();
    fixture.store.record_rungs("lr", &[row(&run, Some(30.0), RungDecision::Waits, "")]).unwrap();
    assert_eq!(cause(&fixture, &run), "paused: waits");
    let stays = row(&run, Some(30.0), RungDecision::Stays, "5th of 9, 3 go on");
    fixture.store.record_rungs("lr", std::slice::from_ref(&stays)).unwrap();
    assert_eq!(fixture.store.rungs("lr").unwrap(), [stays]);
    assert_eq!(cause(&fixture, &run), "paused: 5th of 9, 3 go on");
}

#[test]
fn a_decision_about_a_run_that_trains_leaves_its_state() {
    let (mut fixture, run) = paused();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let stays = row(&run, Some(30.0), RungDecision::Stays, "5th of 9, 3 go on");
    fixture.store.record_rungs("lr", &[stays]).unwrap();
    let run_state = fixture.store.statuses(std::slice::from_ref(&run)).unwrap()[&run].state;
    assert_eq!(run_state, RunState::Pending);
}

#[test]
fn recorded_values_of_a_metric_are_told_by_step() {
    let (fixture, run) = paused();
    let values = fixture.store.values(&fixture.runs, Metric::Fd).unwrap();
    assert_eq!(values.len(), 1);
    assert_eq!(values[&run], [(STEPS_PER_EPOCH, 30.0)]);
}

#[test]
fn decisions_go_with_their_sweep_and_with_their_run() {
    let (mut fixture, run) = paused();
    fixture.store.record_rungs("lr", &[row(&run, None, RungDecision::Waits, "")]).unwrap();
    fixture.store.remove(&[], std::slice::from_ref(&run)).unwrap();
    assert_eq!(fixture.store.rungs("lr").unwrap(), []);
    let other = fixture.runs[1].clone();
    fixture.store.record_rungs("lr", &[row(&other, None, RungDecision::Waits, "")]).unwrap();
    fixture.store.remove(&["lr".to_owned()], &[]).unwrap();
    assert_eq!(fixture.reader().query("SELECT count(*) FROM rungs").unwrap().rows[0][0].to_string(), "0");
}

#[test]
fn decisions_about_an_unknown_sweep_are_refused() {
    let mut fixture = Fixture::new();
    let error = fixture.store.record_rungs("none", &[]).unwrap_err();
    assert!(matches!(error, StoreError::UnknownSweep { .. }), "{error}");
}
