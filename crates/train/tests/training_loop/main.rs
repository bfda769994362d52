//! The training loop against a trainer whose numbers can be told in advance.

mod best;
mod budgets;
mod commands;
mod groups;
mod recording;
mod time_limit;

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
