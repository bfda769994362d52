//! The time that a run may train.

use super::*;

/// The job of a run that stands at the end of its first epoch and has trained for that many seconds.
fn aged(job: &Job, lane: usize, seconds: f64) -> LaneJob {
    let first = Job { lanes: vec![LaneJob { epochs: 1, ..job.lanes[lane].clone() }], ..job.clone() };
    let (events, _) = train(&first, usize::MAX, None);
    let resumed = resumes(&first, &events).lanes.remove(0);
    let recorded = &resumed.resume.as_ref().unwrap().checkpoint;
    let LaneJob { run, config, spec, .. } = &resumed;
    let expected = Expected { run: Some(run), config, spec };
    let Snapshot { run, state, tally } = checkpoint::read(&job.results_dir, recorded, &expected).unwrap();
    let mut stored = serde_json::to_value(&tally).unwrap();
    stored["seconds"] = seconds.into();
    let snapshot = Snapshot { run, state, tally: serde_json::from_value(stored).unwrap() };
    let Written { path, bytes, sha256 } =
        checkpoint::write(&job.results_dir, &snapshot, &mut || Ok(())).unwrap();
    let resume = Resume::from(Checkpoint { step: recorded.step, path, bytes, sha256, best: None });
    LaneJob { epochs: job.lanes[lane].epochs, resume: Some(resume), ..resumed }
}

#[test]
fn a_run_that_has_trained_for_as_long_as_it_may_takes_no_step_and_the_others_train_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = Job { run_seconds: Some(3600.0), ..job(folder.path(), &[1, 2, 3]) };
    job.lanes[1] = aged(&job, 1, 7200.0);
    let (events, outcome) = train(&job, usize::MAX, None);
    assert_eq!(outcome, Outcome::Finished);
    let of_lane = |lane: usize| {
        let run = &job.lanes[lane].run;
        events
            .iter()
            .filter(|envelope| envelope.run == *run)
            .map(|envelope| &envelope.event)
            .collect::<Vec<_>>()
    };
    let [Event::Started(_), Event::TimedOut(end)] = of_lane(1)[..] else { panic!("{:?}", of_lane(1)) };
    assert_eq!((end.step, end.seconds), (7, 7200.0));
    let cause = "out of time: it has trained for 2 h 00 min, and execution.run_hours allows 1 h; raise it to train on";
    assert_eq!(end.cause, cause);
    for lane in [0, 2] {
        assert!(matches!(of_lane(lane)[..], [.., Event::Completed(end)] if end.step == 21));
    }
}

#[test]
fn runs_that_are_out_of_time_are_saved_and_record_the_same_bits_once_they_may_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let limited = Job { run_seconds: Some(1e-9), ..job(folder.path(), &[1, 2]) };
    let (events, outcome) = train(&limited, usize::MAX, None);
    assert_eq!(outcome, Outcome::Finished);
    let saved = |it: &&Envelope| matches!(&it.event, Event::Checkpoint(saved) if saved.step == 1);
    assert_eq!(events.iter().filter(saved).count(), 2, "each after its first step");
    let rest = Job { run_seconds: None, ..resumes(&limited, &events) };
    let mut pieces = rows(&events);
    pieces.extend(rows(&train(&rest, usize::MAX, None).0));
    let other = tempfile::tempdir().unwrap();
    assert_eq!(pieces, rows(&train(&job(other.path(), &[1, 2]), usize::MAX, None).0));
}
