//! Best checkpoints.

use super::*;

/// The checkpoints of a run in order, each with the step and the value of the best one so far.
fn best_at_checkpoints(events: &[Envelope], run: &RunId) -> Vec<(u64, Option<(u64, f64)>)> {
    let of_run = events.iter().filter(|envelope| envelope.run == *run);
    of_run
        .filter_map(|envelope| match &envelope.event {
            Event::Checkpoint(saved) => {
                Some((saved.step, saved.best.as_ref().map(|best| (best.step, best.value))))
            }
            _ => None,
        })
        .collect()
}

/// A job of twelve epochs whose images are evaluated after each.
fn evaluated_job(folder: &Path, sets: &[&str]) -> Job {
    let mut job = job(folder, &[1, 2]);
    job.record = config::record(
        &[&["evaluate_epochs=1", "evaluate_images=10", "final_images=30", "every_steps=100"], sets].concat(),
    );
    job.lanes.iter_mut().for_each(|lane| lane.epochs = 12);
    job
}

#[test]
fn better_images_are_saved_at_once_and_no_others_before_it_is_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut counts = Vec::new();
    for (key, metric) in [("best=fd", Metric::Fd), ("best=recall", Metric::Recall)] {
        let job = evaluated_job(folder.path(), &["checkpoint_seconds=3600", key]);
        let (events, _) = train(&job, usize::MAX, None);
        for lane in &job.lanes {
            let mut best: Option<(u64, f64)> = None;
            let mut expected = Vec::new();
            for envelope in events.iter().filter(|envelope| envelope.run == lane.run) {
                let Event::Evaluated(evaluated) = &envelope.event else { continue };
                assert_eq!(evaluated.images, if evaluated.is_curve { 10 } else { 30 });
                assert!(evaluated.is_curve || evaluated.step == 84, "{evaluated:?}");
                if !evaluated.is_curve {
                    continue;
                }
                let (step, figures) = (evaluated.step, &evaluated.figures);
                let value = figures.iter().find(|(figure, _)| *figure == metric).unwrap().1;
                let is_better = best.is_none_or(|(_, best)| metric.is_better(value, best));
                best = if is_better { Some((step, value)) } else { best };
                if is_better || step == 84 {
                    expected.push((step, best));
                }
            }
            counts.push(expected.len());
            assert_eq!(best_at_checkpoints(&events, &lane.run), expected, "{key}");
        }
    }
    assert!(counts.iter().any(|count| (3..12).contains(count)), "{counts:?}");
}

#[test]
fn the_best_checkpoint_of_an_interrupted_or_extended_run_is_that_of_one_trained_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let job = evaluated_job(folder.path(), &["checkpoint_seconds=3600"]);
    let best_of = |events: &[Envelope]| {
        job.lanes.iter().map(|lane| best_at_checkpoints(events, &lane.run).pop().unwrap()).collect::<Vec<_>>()
    };
    let whole = best_of(&train(&job, usize::MAX, None).0);
    assert!(whole.iter().any(|(step, best)| best.unwrap().0 < *step), "{whole:?}");
    for stop_after in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let mut rest = Job { results_dir: folder.path().to_owned(), ..job.clone() };
        let mut events = Vec::new();
        for epochs in [5, 12] {
            rest.lanes.iter_mut().for_each(|lane| lane.epochs = epochs);
            for _ in 0..100 {
                let (more, outcome) = train(&rest, stop_after, None);
                events.extend(more);
                rest = resumes(&rest, &events);
                if outcome == Outcome::Finished {
                    break;
                }
            }
        }
        assert_eq!(best_of(&events), whole, "stopped after {stop_after} looks each time");
        for lane in &rest.lanes {
            let best = lane.resume.as_ref().unwrap().checkpoint.best.as_ref().unwrap();
            let content = std::fs::read(folder.path().join(&best.path)).unwrap();
            checkpoint::check(&content, &lane.run, best.step, &lane.config, &lane.spec).unwrap();
        }
    }
}
