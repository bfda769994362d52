//! The training loop against a trainer whose numbers can be told in advance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gansweep_config::{ClassNames, Config, ConfigHash, DatasetSpec, ImageShape, Pixels, RunId, SampleMode};
use gansweep_fixtures::config;
use gansweep_nn::state::{Array, LaneState};
use gansweep_protocol::{
    Checkpoint, Command, Envelope, Event, Frame, Job, LaneJob, Metric, Resume, SampleSource,
};
use gansweep_train::TrainError;
use gansweep_train::checkpoint::{Expected, Snapshot, Written};
use gansweep_train::{Drawn, Evaluation, ImageFigures, Outcome, Tally, TrainingLoop, checkpoint};
use gansweep_train::{Lane, LaneChunk, Latents, StepRows, Trainer, TrainingImages};

/// Computes losses from the step alone, and moves one weight, so that a wrong resume shows.
struct Scripted {
    lanes: Vec<Lane>,
    states: Vec<Option<LaneState>>,
    diverge_at: Option<(u64, u64)>,
}

impl Trainer for Scripted {
    fn backend(&self) -> String {
        "scripted".into()
    }

    fn advance(&mut self, steps: u32, point: bool) -> Result<Vec<Option<LaneChunk>>, TrainError> {
        let diverge_at = self.diverge_at;
        let chunks = self.lanes.iter().zip(&mut self.states).map(|(lane, state)| {
            let state = state.as_mut()?;
            let mut rows = StepRows::with_capacity(steps as usize);
            for _ in 0..steps {
                state.step += 1;
                state.generator_updates += 1;
                state.discriminator_updates += 1;
                let weight = &mut state.arrays.get_mut("generator.0.weight").unwrap().values[0];
                *weight = (*weight * 1.01 + lane.seed as f32 * 0.001).fract();
                let loss = if diverge_at == Some((lane.seed, state.step)) { f32::NAN } else { *weight };
                let value = |metric: Metric| match metric {
                    Metric::DLoss => loss,
                    Metric::GLoss => 1.0,
                    _ => 0.5,
                };
                let goes_on = rows.push(&Metric::of_steps().map(value).collect::<Vec<_>>());
                if !goes_on {
                    break;
                }
            }
            let value = |metric: Metric| if metric == Metric::GradNormD { state.step as f32 } else { 2.0 };
            Some(LaneChunk { steps: rows, point: point.then(|| Metric::of_points().map(value).collect()) })
        });
        Ok(chunks.collect())
    }

    fn sample(
        &mut self,
        latents: &Latents,
        _: SampleMode,
        source: SampleSource,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError> {
        assert_eq!(latents.lanes.len(), self.lanes.len());
        let count = latents.classes.len();
        let weight = match source {
            SampleSource::Raw => "generator.0.weight",
            SampleSource::Ema => "ema.generator.0.weight",
        };
        let image = |state: &LaneState| vec![state.arrays[weight].values[0]; count * spec().image.size()];
        Ok(self.states.iter().map(|state| state.as_ref().map(image)).collect())
    }

    fn state(&mut self, lane: usize) -> Result<LaneState, TrainError> {
        Ok(self.states[lane].clone().expect("an active lane"))
    }

    fn retire(&mut self, lane: usize) {
        self.states[lane] = None;
    }
}

fn config() -> Config {
    config::config(
        "fast",
        &[
            "data.dataset=strokes",
            "data.images=70",
            "model.latent_dim=3",
            "model.generator.hidden=[4]",
            "model.discriminator.hidden=[4]",
            "train.batch_size=10",
        ],
    )
}

fn spec() -> DatasetSpec {
    DatasetSpec {
        image: ImageShape { channels: 3, height: 4, width: 5 },
        classes: 1,
        train_images: 90,
        test_images: 0,
        fingerprint: "data".into(),
        class_names: ClassNames::default(),
    }
}

fn images() -> TrainingImages {
    let (shape, count) = (spec().image, 70);
    let (bytes, labels) = (vec![0; count * shape.size()].into(), vec![0; count].into());
    TrainingImages { shape, bytes, labels, count, pixels: Pixels::Signed }
}

fn job(folder: &Path, seeds: &[u64]) -> Job {
    let lanes = seeds.iter().map(|&seed| {
        let config = config();
        let run = RunId::of(&ConfigHash::of(&config), seed, "data");
        LaneJob {
            run,
            attempt: 1,
            config,
            spec: spec(),
            epochs: 3,
            milestones: Vec::new(),
            pause_at: None,
            seed,
            resume: None,
        }
    });
    Job {
        device: "scripted".into(),
        threads: 1,
        data_dir: None,
        idx_dir: None,
        results_dir: folder.to_owned(),
        record: config::record(&["every_steps=3", "grid_rows=2", "grid_cols=2", "checkpoint_seconds=0"]),
        run_seconds: None,
        lanes: lanes.collect(),
    }
}

/// Trains, and asks to stop after a number of checks of the stop signal. Returns everything that was emitted, and
/// how it ended.
fn train(job: &Job, stop_after: usize, diverge_at: Option<(u64, u64)>) -> (Vec<Envelope>, Outcome) {
    train_with(job, vec![(stop_after, Command::StopAll)], diverge_at)
}

/// Trains; each command comes at that look for commands, counted from 0.
fn train_with(
    job: &Job,
    commands: Vec<(usize, Command)>,
    diverge_at: Option<(u64, u64)>,
) -> (Vec<Envelope>, Outcome) {
    let images = images();
    let open = |lanes, states: Vec<LaneState>, _| {
        Ok(Box::new(Scripted { lanes, states: states.into_iter().map(Some).collect(), diverge_at })
            as Box<dyn Trainer>)
    };
    let mut events = Vec::new();
    let mut emit = |frame| {
        if let Frame::Event(envelope) = frame {
            events.push(envelope);
        }
        Ok(())
    };
    let mut waiting = commands.into_iter().peekable();
    let mut looks = 0;
    let mut commands = || {
        let due = waiting.next_if(|(at, _)| *at <= looks);
        looks += usize::from(due.is_none());
        due.map(|(_, command)| command)
    };
    // The scripted generator draws images of one shade. A number that goes up and down with it stands for their distance
    // to real ones.
    let size = spec().image.size();
    let figures = |drawn: &Drawn<'_>| {
        let distance = f64::from(drawn.pixels[0].wrapping_mul(89));
        let of_images = |images: usize, is_curve: bool| ImageFigures {
            images: images as u32,
            is_curve,
            evaluator: "shade".to_owned(),
            figures: vec![(Metric::Fd, distance), (Metric::Recall, distance / 255.0)],
            classes: None,
            by_class: None,
        };
        let all = drawn.ends_budget.then(|| of_images(drawn.pixels.len() / size, false));
        [of_images(10, true)].into_iter().chain(all).collect()
    };
    let evaluation = Some(Evaluation { figures: &figures });
    let training = TrainingLoop::open(job, &images, &open, &mut emit).unwrap().with_evaluation(evaluation);
    let outcome = training.run(&mut commands).unwrap();
    (events, outcome)
}

/// What is recorded for good: deterministic points by run and step, and grids.
type Rows = BTreeMap<(RunId, u64, String), Vec<u8>>;

fn rows(events: &[Envelope]) -> Rows {
    let mut rows = Rows::new();
    for envelope in events {
        match &envelope.event {
            Event::Points(points) => {
                for (metric, value) in
                    points.values.iter().filter(|(metric, _)| metric.declaration().deterministic)
                {
                    let key = (envelope.run.clone(), points.step, metric.name().to_owned());
                    rows.insert(key, value.to_bits().to_le_bytes().to_vec());
                }
            }
            Event::Samples(samples) => {
                let key = (envelope.run.clone(), samples.step, samples.source.name().to_owned());
                rows.insert(key, samples.png.clone());
            }
            _ => {}
        }
    }
    rows
}

fn resumes(job: &Job, events: &[Envelope]) -> Job {
    let mut next = job.clone();
    for lane in &mut next.lanes {
        let saved = events.iter().rev().find_map(|envelope| match &envelope.event {
            Event::Checkpoint(checkpoint) if envelope.run == lane.run => Some(checkpoint),
            _ => None,
        });
        lane.attempt += 1;
        lane.resume = saved.cloned().map(Resume::from);
    }
    next
}

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

#[test]
fn a_stop_before_the_first_step_is_answered_at_once_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let other = tempfile::tempdir().unwrap();
    let whole =
        rows(&train(&Job { results_dir: other.path().to_owned(), ..job.clone() }, usize::MAX, None).0);
    let (events, outcome) = train(&job, 0, None);
    assert_eq!(outcome, Outcome::Interrupted);
    for lane in &job.lanes {
        let own = events.iter().filter(|envelope| envelope.run == lane.run).map(|envelope| &envelope.event);
        let own: Vec<_> = own.collect();
        assert!(
            matches!(own[..], [Event::Started(_), Event::Interrupted(ended)] if ended.step == 0),
            "{own:?}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "there is nothing to save");
    let (events, outcome) = train(&resumes(&job, &events), usize::MAX, None);
    assert_eq!((outcome, rows(&events)), (Outcome::Finished, whole));
}

#[test]
fn a_run_that_is_paused_before_its_first_step_leaves_the_others_their_first_grids() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let pause = Command::Pause { run: job.lanes[0].run.clone(), cause: "rung 0".to_owned() };
    let (events, _) = train_with(&job, vec![(0, pause)], None);
    let grids = |lane: usize| {
        let of_lane = |envelope: &&Envelope| envelope.run == job.lanes[lane].run;
        events.iter().filter(of_lane).filter(|it| matches!(it.event, Event::Samples(_))).count()
    };
    assert_eq!((grids(0), grids(1)), (0, 4));
}

#[test]
fn progress_is_reported_while_a_large_checkpoint_is_written_and_may_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1]);
    let mut state = LaneState::initial(&job.lanes[0].config, &spec(), 1).unwrap();
    let large = vec![1.0; 10 << 20];
    state.arrays.insert("large".to_owned(), Array { shape: vec![large.len()], values: large });
    let snapshot = Snapshot { run: job.lanes[0].run.clone(), state, tally: Tally::default() };
    let mut calls = 0;
    let mut count = || {
        calls += 1;
        Ok(())
    };
    let written = checkpoint::write(folder.path(), &snapshot, &mut count).unwrap();
    assert!(calls > written.bytes / (8 << 20), "{calls} calls for {} bytes", written.bytes);
    let other = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let mut fail = || {
        calls += 1;
        match calls {
            3 => Err(TrainError::Events(std::io::ErrorKind::BrokenPipe.into())),
            _ => Ok(()),
        }
    };
    checkpoint::write(other.path(), &snapshot, &mut fail).unwrap_err();
    let left = std::fs::read_dir(other.path().join(written.path).parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "no half file is left behind");
}

/// The same job with other budgets.
fn budget(job: &Job, epochs: u32, milestones: &[u32]) -> Job {
    let mut job = job.clone();
    for lane in &mut job.lanes {
        (lane.epochs, lane.milestones) = (epochs, milestones.to_vec());
    }
    job
}

/// The checkpoint of each lane's end: weights, moments, counts, and the sums behind the next point.
fn last_checkpoints(job: &Job, events: &[Envelope]) -> Vec<(LaneState, Tally)> {
    let resumes = resumes(job, events).lanes.into_iter().map(|lane| lane.resume.unwrap());
    let read = |resume: Resume| decode(&job.results_dir.join(&resume.checkpoint.path));
    resumes.map(read).map(|snapshot| (snapshot.state, snapshot.tally)).collect()
}

fn decode(path: &Path) -> Snapshot {
    checkpoint::decode(&std::fs::read(path).unwrap()).unwrap()
}

/// Removes the clock's readings, which are never the same twice.
fn without_clock(checkpoints: Vec<(LaneState, Tally)>) -> Vec<(LaneState, serde_json::Value)> {
    let sums = |tally: Tally| {
        let mut sums = serde_json::to_value(tally).unwrap();
        for clock in ["seconds", "seconds_at_point"] {
            assert!(sums.as_object_mut().unwrap().remove(clock).is_some());
        }
        sums
    };
    checkpoints.into_iter().map(|(state, tally)| (state, sums(tally))).collect()
}

#[test]
fn a_run_that_goes_on_to_a_larger_budget_has_the_bits_of_one_trained_at_once() {
    // 7 steps an epoch: an epoch's end falls on a point of its own, on a recorded epoch, on both
    // or on neither.
    for (every_steps, every_epochs) in [(3, 1), (3, 3), (7, 3), (100, 3), (5, 2), (100, 100)] {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [at_once, in_parts] = folders.each_ref().map(|folder| {
            let mut job = budget(&job(folder.path(), &[1, 2]), 5, &[]);
            (job.record.every_steps, job.record.every_epochs) = (every_steps, every_epochs);
            job
        });
        let (expected_events, _) = train(&at_once, usize::MAX, None);
        let mut part = budget(&in_parts, 2, &[]);
        let mut recorded = Rows::new();
        for epochs in [2, 4, 5] {
            part = budget(&part, epochs, &[]);
            let (events, outcome) = train(&part, usize::MAX, None);
            assert_eq!(outcome, Outcome::Finished);
            recorded.extend(rows(&events));
            if epochs == 5 {
                assert_eq!(
                    without_clock(last_checkpoints(&part, &events)),
                    without_clock(last_checkpoints(&at_once, &expected_events))
                );
            }
            part = resumes(&part, &events);
        }
        let expected = rows(&expected_events);
        let of_expected = |rows: &Rows| {
            rows.iter()
                .filter(|(key, _)| expected.contains_key(key))
                .map(|(key, bits)| (key.clone(), bits.clone()))
                .collect::<Rows>()
        };
        assert_eq!(of_expected(&recorded), expected, "{every_steps} steps, {every_epochs} epochs");
        let more = recorded.keys().filter(|key| !expected.contains_key(key));
        let steps: BTreeSet<u64> = more.map(|(_, step, _)| *step).collect();
        assert!(steps.is_subset(&BTreeSet::from([14, 28])), "only where a budget ended: {steps:?}");
    }
}

#[test]
fn smaller_budgets_are_recorded_where_they_end_and_change_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut alone = budget(&job(folder.path(), &[1]), 5, &[]);
    (alone.record.every_steps, alone.record.every_epochs) = (10, 3);
    let expected = rows(&train(&alone, usize::MAX, None).0);
    let with_others = rows(&train(&budget(&alone, 5, &[1, 3, 4]), usize::MAX, None).0);
    assert!(expected.iter().all(|(key, bits)| with_others.get(key) == Some(bits)));
    let more: BTreeSet<(u64, &str)> = with_others
        .keys()
        .filter(|key| !expected.contains_key(key))
        .map(|(_, step, name)| (*step, name.as_str()))
        .filter(|(_, name)| ["raw", "epoch_d_loss", "d_loss"].contains(name))
        .collect();
    let at = |step| [(step, "d_loss"), (step, "epoch_d_loss"), (step, "raw")];
    assert_eq!(more, at(7).into_iter().chain(at(28)).collect(), "epoch 3 is recorded anyway");
}

#[test]
fn a_checkpoint_from_before_ids_changed_is_taken_under_the_id_that_it_was_written_for() {
    let folder = tempfile::tempdir().unwrap();
    let first = job(folder.path(), &[1]);
    let whole = rows(&train(&first, usize::MAX, None).0);
    let (events, _) = train(&first, 3, None);
    let before = rows(&events);
    let mut renamed = resumes(&first, &events);
    let old = std::mem::replace(&mut renamed.lanes[0].run, RunId::parse("0123456789abcdef").unwrap());
    let open = |job: &Job| {
        let open = |_, _, _| unreachable!("the checkpoint is read before a trainer is built");
        TrainingLoop::open(job, &images(), &open, &mut |_| Ok(())).err().unwrap().to_string()
    };
    assert!(open(&renamed).contains(&format!("it is of run {old}, not of 0123456789abcdef")));
    renamed.lanes[0].resume.as_mut().unwrap().written_for = Some(old.clone());
    let (events, outcome) = train(&renamed, usize::MAX, None);
    assert_eq!(outcome, Outcome::Finished);
    let mut all = before;
    all.extend(rows(&events).into_iter().map(|((_, step, name), bits)| ((old.clone(), step, name), bits)));
    assert_eq!(all, whole);
    let Some(saved) = resumes(&renamed, &events).lanes.remove(0).resume else { panic!("no checkpoint") };
    assert!(saved.checkpoint.path.starts_with("checkpoints/0123456789abcdef/"), "{}", saved.checkpoint.path);
    let next = decode(&folder.path().join(saved.checkpoint.path));
    assert_eq!(next.run.as_str(), "0123456789abcdef", "the next file has the new id");
}

#[test]
fn a_paused_lane_ends_alone_at_its_checkpoint_and_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let whole = rows(&train(&job, usize::MAX, None).0);
    for look in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut job = Job { results_dir: folder.path().to_owned(), ..job.clone() };
        let [first, second] = [job.lanes[0].run.clone(), job.lanes[1].run.clone()];
        let pause = Command::Pause { run: first.clone(), cause: "rung 1".to_owned() };
        let (events, outcome) = train_with(&job, vec![(look, pause)], None);
        assert_eq!(outcome, Outcome::Finished);
        let of_first: Vec<_> = events.iter().filter(|envelope| envelope.run == first).collect();
        let [.., saved, paused] = of_first.as_slice() else { panic!("{of_first:?}") };
        let Event::Paused(halted) = &paused.event else { panic!("{paused:?}") };
        assert_eq!(halted.cause, "rung 1");
        assert!(matches!(&saved.event, Event::Checkpoint(saved) if saved.step == halted.step));
        let last = events.iter().rfind(|envelope| envelope.run == second).unwrap();
        assert!(matches!(last.event, Event::Completed(_)), "its neighbour trains on");
        let seqs: Vec<u64> = of_first.iter().map(|envelope| envelope.seq).collect();
        assert_eq!(seqs, (0..of_first.len() as u64).collect::<Vec<_>>(), "events are numbered without gaps");

        let mut pieces = rows(&events);
        job.lanes.truncate(1);
        let (events, _) = train(&resumes(&job, &events), usize::MAX, None);
        pieces.extend(rows(&events));
        assert_eq!(pieces, whole, "paused at look {look}");
    }
}

#[test]
fn a_pruned_lane_ends_for_good_and_commands_to_what_is_over_or_unknown_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let run = job.lanes[0].run.clone();
    let stranger = RunId::parse("00000000deadbeef").unwrap();
    let stop = |run: &RunId| Command::Stop { run: run.clone(), cause: "median".to_owned() };
    let commands = vec![(2, stop(&run)), (2, stop(&stranger)), (3, stop(&run))];
    let (events, outcome) = train_with(&job, commands, None);
    assert_eq!(outcome, Outcome::Finished);
    let pruned = events.iter().filter(|envelope| matches!(envelope.event, Event::Pruned(_)));
    assert_eq!(pruned.map(|envelope| &envelope.run).collect::<Vec<_>>(), [&run]);
    let completed = events.iter().filter(|envelope| matches!(envelope.event, Event::Completed(_)));
    assert_eq!(completed.count(), 1);
}

#[test]
fn when_every_lane_is_paused_the_group_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let pause = |lane: usize| Command::Pause { run: job.lanes[lane].run.clone(), cause: String::new() };
    let (events, outcome) = train_with(&job, vec![(1, pause(0)), (1, pause(1))], None);
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(events.iter().filter(|envelope| matches!(envelope.event, Event::Paused(_))).count(), 2);
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

#[test]
fn a_diverged_lane_ends_with_its_step_and_its_neighbour_trains_on_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let undisturbed = rows(&train(&job, usize::MAX, None).0);
    let (events, outcome) = train(&job, usize::MAX, Some((1, 5)));
    assert_eq!(outcome, Outcome::Finished);
    let diverged: Vec<_> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Diverged(diverged) => Some((envelope.run.clone(), diverged.step, diverged.cause.clone())),
            _ => None,
        })
        .collect();
    let [first, second] = [&job.lanes[0].run, &job.lanes[1].run];
    assert_eq!(diverged, [(first.clone(), 5, "the discriminator's loss became NaN".to_owned())]);
    let of_second = |rows: Rows| rows.into_iter().filter(|((run, ..), _)| run == second).collect::<Rows>();
    assert_eq!(of_second(rows(&events)), of_second(undisturbed));
    let last_of_first = events.iter().rev().find(|envelope| envelope.run == *first).unwrap();
    assert!(matches!(last_of_first.event, Event::Diverged(_)));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = job(folder.path(), &[1]);
    let (events, _) = train(&first, 3, None);
    let next = resumes(&first, &events);
    let path = folder.path().join(&next.lanes[0].resume.as_ref().unwrap().checkpoint.path);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let images = images();
    let open = |_, _, _| unreachable!("the checkpoint is read before a trainer is built");
    let mut emit = |_| Ok(());
    let Err(error) = TrainingLoop::open(&next, &images, &open, &mut emit) else {
        panic!("a damaged file was taken")
    };
    let message = error.to_string();
    assert!(
        message.contains(&path.display().to_string()) && message.contains("not what was written"),
        "{message}"
    );
}

#[test]
fn lanes_whose_next_batches_differ_in_size_are_no_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = job(folder.path(), &[1, 2]);
    for lane in &mut first.lanes {
        lane.config.train.batch_size = 16;
        lane.config.train.drop_last = false;
    }
    let alone = Job { lanes: vec![first.lanes[0].clone()], ..first.clone() };
    let (events, _) = train(&alone, 2, None);
    let next = resumes(&first, &events);
    let images = images();
    let open = |_, _, _| unreachable!("alignment is checked before a trainer is built");
    let mut emit = |_| Ok(());
    let result = TrainingLoop::open(&next, &images, &open, &mut emit);
    assert!(matches!(result, Err(TrainError::Group(_))));
}

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
