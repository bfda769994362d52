//! Quality figures: which are points, and which compare.

use std::collections::HashMap;

use gansweep_protocol::{ClassFigures, Evaluated, Event, Metric, SampleSource};

use super::support::{Fixture, LAST_STEP, STEPS_PER_EPOCH, Script};
use crate::{EvaluationRow, Point, StoreError};

/// Figures of a run's curve.
pub(super) fn evaluation(step: u64, fd: f64) -> EvaluationRow {
    EvaluationRow {
        step,
        source: SampleSource::Raw,
        images: 2_000,
        evaluator: "one".to_owned(),
        is_curve: true,
        figures: vec![(Metric::Fd, fd), (Metric::Nearest, f64::NAN)],
        classes: Some(vec![1_999, 1]),
        by_class: None,
    }
}

/// A fixture whose first run is trained for two epochs.
fn trained() -> Fixture {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).points(STEPS_PER_EPOCH, &[(Metric::DLoss, 1.0)]).checkpoint(STEPS_PER_EPOCH);
    script.points(2 * STEPS_PER_EPOCH, &[(Metric::DLoss, 1.0)]);
    let events = script.take();
    fixture.store.record(&events).unwrap();
    fixture
}

fn points(fixture: &Fixture, metric: Metric) -> Vec<(u64, f64)> {
    let points = fixture.reader().points(&fixture.runs[0], metric, u64::MAX, usize::MAX).unwrap();
    points.into_iter().map(|Point { step, value }| (step, value)).collect()
}

/// Whether nothing is damaged but the grids, which are no PNG files here.
fn assert_sound(fixture: &Fixture) {
    let damage = fixture.reader().check().unwrap();
    assert!(damage.iter().all(|it| it.what.starts_with("the grid")), "{damage:?}");
}

#[test]
fn figures_of_the_curve_are_points_and_come_back_as_they_were() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    let rows = [evaluation(938, 20.0), evaluation(1_876, 10.0)];
    assert_eq!(fixture.store.record_evaluations(&run, &rows).unwrap(), 0);
    assert_eq!(points(&fixture, Metric::Fd), [(938, 20.0), (1_876, 10.0)]);
    assert!(points(&fixture, Metric::Nearest).iter().all(|point| point.1.is_nan()));
    let summaries = fixture.reader().summaries(&run, u64::MAX).unwrap();
    let fd = summaries.iter().find(|summary| summary.metric == Metric::Fd).unwrap();
    assert_eq!((fd.count, fd.last, fd.best, fd.best_step), (2, 10.0, Some(10.0), Some(1_876)));
    let read = fixture.reader().evaluations(&run, 1_000).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", [&rows[0]]));
    assert_sound(&fixture);
    let missing = crate::status::parse_run("0000000000000000").unwrap();
    let error = fixture.store.record_evaluations(&missing, &rows).unwrap_err();
    assert!(matches!(error, StoreError::UnknownRun { .. }), "{error}");
}

#[test]
fn figures_of_classes_come_back_and_stand_in_the_view_beside_the_others() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    let by_class = [(3.0, 0.5), (f64::NAN, 1.0)].map(|(fd, accuracy)| ClassFigures { fd, accuracy });
    let row = EvaluationRow { by_class: Some(by_class.to_vec()), ..evaluation(938, 20.0) };
    fixture.store.record_evaluations(&run, std::slice::from_ref(&row)).unwrap();
    let read = fixture.reader().evaluations(&run, 1_000).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", [row]));
    let named = "SELECT metric, value FROM evaluations_named WHERE metric LIKE 'class%' ORDER BY metric";
    let rows = fixture.reader().query(named).unwrap().rows;
    let names: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[0].contains("class_accuracy.0") && names[3].contains("class_fd.1"), "{names:?}");
    assert_sound(&fixture);
}

#[test]
fn figures_that_a_worker_sends_are_recorded_once_and_taken_back_with_its_points() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    let attempt = fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut script = Script::new(run.clone(), attempt);
    script.started(STEPS_PER_EPOCH);
    // What is confirmed is not evaluated again; what comes after it is.
    for (step, fd) in [(STEPS_PER_EPOCH, 50.0), (1_876, 10.0)] {
        let EvaluationRow { source, images, evaluator, is_curve, figures, classes, by_class, .. } =
            evaluation(step, fd);
        let values = figures.clone();
        script.event(Event::Evaluated(Evaluated {
            step,
            source,
            images,
            evaluator,
            is_curve,
            figures,
            classes,
            by_class,
        }));
        script.points(step, &values);
    }
    let events = script.take();
    fixture.store.record(&events).unwrap();
    fixture.store.record(&events).unwrap();
    assert_eq!(points(&fixture, Metric::Fd), [(1_876, 10.0)]);
    let summaries = fixture.reader().summaries(&run, u64::MAX).unwrap();
    assert_eq!(summaries.iter().find(|summary| summary.metric == Metric::Fd).unwrap().count, 1);
    assert_sound(&fixture);
    let attempt = fixture.store.begin_attempt(&run, "cpu").unwrap();
    let events = Script::new(run.clone(), attempt).started(STEPS_PER_EPOCH).take();
    fixture.store.record(&events).unwrap();
    assert_eq!(points(&fixture, Metric::Fd), []);
    assert_eq!(fixture.reader().evaluations(&run, u64::MAX).unwrap(), []);
}

#[test]
fn other_numbers_of_images_and_other_weights_are_no_points() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    let more = EvaluationRow { images: 10_000, is_curve: false, ..evaluation(938, 12.0) };
    let averaged = EvaluationRow { source: SampleSource::Ema, is_curve: false, ..evaluation(938, 11.0) };
    fixture.store.record_evaluations(&run, &[evaluation(938, 20.0), more, averaged]).unwrap();
    assert_eq!(points(&fixture, Metric::Fd), [(938, 20.0)]);
    assert_eq!(fixture.reader().evaluations(&run, u64::MAX).unwrap().len(), 3);
}

#[test]
fn a_curve_of_another_evaluator_takes_the_place_of_the_old_one() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    fixture.store.record_evaluations(&run, &[evaluation(938, 20.0), evaluation(1_876, 10.0)]).unwrap();
    let newer = EvaluationRow { evaluator: "two".to_owned(), ..evaluation(1_876, 77.0) };
    assert_eq!(fixture.store.record_evaluations(&run, &[newer]).unwrap(), 2);
    assert_eq!(points(&fixture, Metric::Fd), [(1_876, 77.0)]);
    assert_eq!(points(&fixture, Metric::DLoss).len(), 2);
    let all = fixture.reader().evaluations(&run, u64::MAX).unwrap();
    let curve: Vec<bool> = all.iter().map(|row| row.is_curve).collect();
    assert_eq!(curve, [false, false, true]);
    assert_sound(&fixture);
}

#[test]
fn figures_compare_within_the_largest_set_of_runs_with_one_evaluator_and_one_number_of_images() {
    let mut fixture = trained();
    let runs = fixture.runs.clone();
    let other = EvaluationRow { evaluator: "two".to_owned(), ..evaluation(938, 1.0) };
    let fewer = EvaluationRow { images: 500, ..evaluation(938, 1.0) };
    for (run, row) in runs.iter().zip([&evaluation(938, 1.0), &other, &evaluation(938, 3.0), &fewer]) {
        fixture.store.record_evaluations(run, std::slice::from_ref(row)).unwrap();
    }
    let comparable = |runs: &[_]| fixture.reader().with_comparable_figures(runs).unwrap();
    assert_eq!(comparable(&runs), HashMap::from([(runs[0].clone(), 2_000), (runs[2].clone(), 2_000)]));
    assert_eq!(comparable(&runs[1..2]), HashMap::from([(runs[1].clone(), 2_000)]));
    assert_eq!(comparable(&[]), HashMap::new());
}

#[test]
fn an_attempt_that_starts_earlier_takes_figures_back_and_a_removed_run_has_none() {
    let mut fixture = trained();
    let run = fixture.runs[0].clone();
    fixture.store.record_evaluations(&run, &[evaluation(938, 20.0), evaluation(1_876, 10.0)]).unwrap();
    let attempt = fixture.store.begin_attempt(&run, "cpu").unwrap();
    let events = Script::new(run.clone(), attempt).started(STEPS_PER_EPOCH).take();
    fixture.store.record(&events).unwrap();
    assert_eq!(points(&fixture, Metric::Fd), [(938, 20.0)]);
    assert_eq!(fixture.reader().evaluations(&run, LAST_STEP).unwrap().len(), 1);
    assert_sound(&fixture);
    fixture.store.remove(&[], std::slice::from_ref(&run)).unwrap();
    let left = fixture.reader().query("SELECT count(*) FROM evaluations").unwrap();
    assert_eq!(left.rows[0][0].to_string(), "0");
}
