//! What a run records, and that an interruption changes none of it.

use super::*;

#[test]
fn points_come_every_n_steps_and_at_each_epochs_end_with_its_means() {
    let folder = tempfile::tempdir().unwrap();
    let (events, outcome) = train(&job(folder.path(), &[1]), usize::MAX, None);
    assert_eq!(outcome, Outcome::Finished);
    let steps: Vec<u64> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Points(points) => Some(points.step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [3, 6, 7, 9, 12, 14, 15, 18, 21]);
    let with_epoch_means: Vec<u64> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Points(p) if p.values.iter().any(|(metric, _)| *metric == Metric::EpochDLoss) => {
                Some(p.step)
            }
            _ => None,
        })
        .collect();
    assert_eq!(with_epoch_means, [7, 14, 21]);
}

#[test]
fn a_window_holds_the_mean_since_the_last_point_and_an_epoch_the_mean_of_all_its_steps() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[5]);
    let (events, _) = train(&job, usize::MAX, None);
    let mut weight =
        LaneState::initial(&job.lanes[0].config, &spec(), 5).unwrap().arrays["generator.0.weight"].values[0];
    let losses: Vec<f64> = (0..7)
        .map(|_| {
            weight = (weight * 1.01 + 0.005).fract();
            f64::from(weight)
        })
        .collect();
    let value = |step, metric| {
        events.iter().find_map(|envelope| match &envelope.event {
            Event::Points(p) if p.step == step => {
                p.values.iter().find(|(m, _)| *m == metric).map(|(_, v)| *v)
            }
            _ => None,
        })
    };
    assert_eq!(value(3, Metric::DLoss), Some(losses[..3].iter().sum::<f64>() / 3.0));
    assert_eq!(value(7, Metric::DLoss), Some(losses[6]));
    assert_eq!(value(7, Metric::EpochDLoss), Some(losses.iter().sum::<f64>() / 7.0));
    assert_eq!(value(6, Metric::GradNormD), Some(6.0));
    assert_eq!(value(7, Metric::ImagesSeen), Some(70.0));
    assert_eq!(value(7, Metric::Epoch), Some(1.0));
}

#[test]
fn grids_are_drawn_before_training_and_after_every_epoch_and_the_last_checkpoint_is_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (events, _) = train(&job(folder.path(), &[1]), usize::MAX, None);
    let grids: Vec<(u64, u32)> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Samples(samples) => Some((samples.step, samples.epoch)),
            _ => None,
        })
        .collect();
    assert_eq!(grids, [(0, 0), (7, 1), (14, 2), (21, 3)]);
    let end: Vec<_> = events.iter().rev().take(2).map(|envelope| &envelope.event).collect();
    assert!(matches!(end[0], Event::Completed(ended) if ended.step == 21));
    assert!(matches!(end[1], Event::Checkpoint(saved) if saved.step == 21));
}

#[test]
fn an_averaged_run_has_two_grids_at_each_step_and_the_checkpoint_follows_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = job(folder.path(), &[1, 2]);
    job.lanes.iter_mut().for_each(|lane| lane.config.train.ema = 0.9);
    let (events, _) = train(&job, usize::MAX, None);
    for lane in &job.lanes {
        let own = events.iter().filter(|envelope| envelope.run == lane.run);
        let order: Vec<_> = own
            .filter_map(|envelope| match &envelope.event {
                Event::Samples(samples) => Some((samples.step, samples.source.name())),
                Event::Checkpoint(saved) => Some((saved.step, "saved")),
                _ => None,
            })
            .collect();
        let saved = [7, 14, 21].map(|step| [(step, "raw"), (step, "ema"), (step, "saved")]);
        assert_eq!(order, [&[(0, "raw"), (0, "ema")][..], saved.as_flattened()].concat());
    }
    let drawn = |step: u64, source: SampleSource| {
        let png = events.iter().find_map(|envelope| match &envelope.event {
            Event::Samples(it) if it.step == step && it.source == source => Some(it.png.clone()),
            _ => None,
        });
        png.unwrap()
    };
    assert_eq!(drawn(0, SampleSource::Raw), drawn(0, SampleSource::Ema), "it begins as a copy");
    // The scripted trainer updates the weights alone.
    assert_ne!(drawn(21, SampleSource::Raw), drawn(21, SampleSource::Ema));
    assert_eq!(drawn(21, SampleSource::Ema), drawn(0, SampleSource::Ema));
}

#[test]
fn a_run_interrupted_anywhere_and_resumed_records_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let whole = rows(&train(&job, usize::MAX, None).0);
    for stop_after in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut job = Job { results_dir: folder.path().to_owned(), ..job.clone() };
        let mut pieces = Rows::new();
        for _ in 0..40 {
            let (events, outcome) = train(&job, stop_after.max(1), None);
            pieces.extend(rows(&events));
            if outcome == Outcome::Finished {
                break;
            }
            job = resumes(&job, &events);
        }
        assert_eq!(pieces, whole, "stopped after {stop_after} looks each time");
    }
}

#[test]
fn an_attempt_says_which_checkpoint_it_goes_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let first = job(folder.path(), &[1]);
    let (events, _) = train(&first, 3, None);
    let next = resumes(&first, &events);
    let (events, _) = train(&next, usize::MAX, None);
    let Event::Started(started) = &events[0].event else { panic!("{:?}", events[0]) };
    assert!(started.checkpoint.is_some());
    assert_eq!(started.checkpoint, next.lanes[0].resume.clone().map(|resume| resume.checkpoint));
}
