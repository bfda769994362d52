//! A results folder with a small sweep in it, and the events of runs that never trained.

use std::path::Path;

use gansweep_config::{Assignment, Config, ConfigHash, Dataset, DatasetSpec, PlannedRun, RunId};
use gansweep_fixtures::config::{self, like_mnist};
use gansweep_protocol::{
    BestCheckpoint, Checkpoint, Ended, Envelope, Event, Geometry, Metric, Points, SampleSource, Samples,
    Started,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{Call, Reader, Store, SweepRecord, TrialRow, TrialSource};

/// 2026-01-01T00:00:00Z.
pub(super) const NEW_YEAR_MS: i64 = 1_767_225_600_000;

pub(super) const GEOMETRY: Geometry = Geometry { rows: 2, cols: 4, height: 28, width: 28 };

/// Steps in an epoch of every run.
pub(super) const STEPS_PER_EPOCH: u64 = 938;
/// The budget of every run, unless a test asks for another.
pub(super) const EPOCHS: u32 = 3;
/// The step at which that budget ends.
pub(super) const LAST_STEP: u64 = STEPS_PER_EPOCH * EPOCHS as u64;

/// A results folder that vanishes with the test, its writer, and the ids of its runs.
pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) store: Store,
    pub(super) runs: Vec<RunId>,
}

impl Fixture {
    /// With the sweep `lr`: two learning rates, two seeds.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open_with_clock(folder.path(), || NEW_YEAR_MS).unwrap();
        let plan = plan(&[1e-4, 2e-4], &[128], &[1, 2]);
        store.register_sweep(&sweep("lr"), &plan).unwrap();
        let runs = plan.into_iter().map(|run| run.id).collect();
        Self { folder, store, runs }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::open(self.path()).unwrap()
    }

    /// The first run after its first attempt began on `cpu`.
    pub(super) fn begun() -> (Self, Script) {
        let mut fixture = Self::new();
        let run = fixture.runs[0].clone();
        assert_eq!(fixture.store.begin_attempt(&run, "cpu").unwrap(), 1);
        (fixture, Script::new(run, 1))
    }

    /// One run's whole content, for comparisons: everything but what merely counts bookkeeping.
    pub(super) fn content(&self) -> Vec<String> {
        let reader = self.reader();
        ["points_named", "summaries_named", "samples_named", "checkpoints", "runs", "attempts_named"]
            .map(|table| reader.query(&format!("SELECT * FROM {table}")).unwrap().to_string())
            .to_vec()
    }
}

/// A trial with the config of one of the fixture's runs, proposed while all earlier trials were open.
pub(super) fn trial(fixture: &Fixture, trial: u32, run: usize) -> TrialRow {
    let planned = &plan(&[1e-4, 2e-4], &[128], &[1, 2])[run];
    assert!(fixture.runs.contains(&planned.id));
    TrialRow {
        trial,
        source: if trial == 0 { TrialSource::Drawn } else { TrialSource::Model },
        metric: "fd".to_owned(),
        assignments: planned.assignments.clone(),
        config_hash: planned.config_hash.as_str().to_owned(),
        open: (0..trial).collect(),
    }
}

pub(super) fn sweep(name: &str) -> SweepRecord {
    SweepRecord {
        name: name.to_owned(),
        file: format!("experiments/{name}.toml"),
        call: Call {
            sets: vec!["sweep.seeds=2".to_owned()],
            results: "results".to_owned(),
            ..Call::default()
        },
        source_toml: format!("name = \"{name}\"\n"),
        description: "Learning rate and width".to_owned(),
        recipe: "fast".to_owned(),
        axes_json: r#"[{"key":"optimizer.lr","values":[1e-4,2e-4]}]"#.to_owned(),
        dataset_requested: Dataset::Mnist,
        dataset: Dataset::Strokes,
        record: config::record(&[
            "every_steps=50",
            &format!("grid_rows={}", GEOMETRY.rows),
            &format!("grid_cols={}", GEOMETRY.cols),
            "latent_seed=7",
            "palette=gray-r",
            "checkpoint_seconds=20",
        ]),
        program_version: "0.1.0".to_owned(),
        machine: "bench, 2 cores".to_owned(),
    }
}

/// Every combination, in the order of a plan.
pub(super) fn plan(rates: &[f64], widths: &[u32], seeds: &[u64]) -> Vec<PlannedRun> {
    let mut runs = Vec::new();
    for &lr in rates {
        for &width in widths {
            for &seed in seeds {
                runs.push(planned(lr, width, seed));
            }
        }
    }
    runs
}

fn planned(lr: f64, width: u32, seed: u64) -> PlannedRun {
    let config = config(lr, width);
    let config_hash = ConfigHash::of(&config);
    let assignments = vec![
        Assignment { key: "optimizer.lr".to_owned(), value: json!(lr) },
        Assignment { key: "model.hidden".to_owned(), value: json!([width, 2 * width]) },
    ];
    PlannedRun {
        id: RunId::of(&config_hash, seed, "strokes-1"),
        config_hash,
        config,
        epochs: EPOCHS,
        seed,
        spec: strokes(),
        assignments,
        label: format!("lr={lr:e} hidden={width} seed={seed}"),
    }
}

pub(super) fn strokes() -> DatasetSpec {
    DatasetSpec { fingerprint: "strokes-1".to_owned(), ..like_mnist() }
}

pub(super) fn config(lr: f64, width: u32) -> Config {
    config::config(
        "fast",
        &[
            "data.dataset=strokes",
            &format!("model.generator.hidden=[{width}, {}]", 2 * width),
            &format!("model.discriminator.hidden=[{}, {width}]", 2 * width),
            "model.generator.slope=0",
            "loss.label_smoothing=0.1",
            &format!("optimizer.lr={lr}"),
        ],
    )
}

/// The events of one attempt, numbered as a worker numbers them.
pub(super) struct Script {
    run: RunId,
    attempt: u32,
    seq: u64,
    pub(super) at_unix_ms: i64,
    events: Vec<Envelope>,
}

impl Script {
    pub(super) fn new(run: RunId, attempt: u32) -> Self {
        Self { run, attempt, seq: 0, at_unix_ms: NEW_YEAR_MS, events: Vec::new() }
    }

    /// The events since the last call.
    pub(super) fn take(&mut self) -> Vec<Envelope> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn event(&mut self, event: Event) -> &mut Self {
        let (run, attempt, seq, at_unix_ms) = (self.run.clone(), self.attempt, self.seq, self.at_unix_ms);
        self.events.push(Envelope { run, attempt, seq, at_unix_ms, event });
        self.seq += 1;
        self.at_unix_ms += 1_000;
        self
    }

    pub(super) fn started(&mut self, from_step: u64) -> &mut Self {
        self.started_on("cpu", "native (AVX-512)", from_step)
    }

    pub(super) fn started_on(&mut self, device: &str, backend: &str, from_step: u64) -> &mut Self {
        let checkpoint = (from_step > 0).then(|| self.checkpoint_at(from_step));
        self.event(Event::Started(Started { checkpoint, ..started(device, backend) }))
    }

    fn checkpoint_at(&self, step: u64) -> Checkpoint {
        let path = format!("checkpoints/{}/step-{step:08}.safetensors", self.run);
        Checkpoint { step, path, bytes: 1_000 + step, sha256: "ab".repeat(32), best: None }
    }

    pub(super) fn points(&mut self, step: u64, values: &[(Metric, f64)]) -> &mut Self {
        self.event(Event::Points(Points { step, values: values.to_vec() }))
    }

    pub(super) fn samples(&mut self, step: u64, epoch: u32) -> &mut Self {
        let png = format!("PNG of {} at {step}", self.run).into_bytes();
        let source = SampleSource::Raw;
        self.event(Event::Samples(Samples { step, epoch, source, geometry: GEOMETRY, png }))
    }

    pub(super) fn averaged_samples(&mut self, step: u64, epoch: u32) -> &mut Self {
        let png = format!("averaged PNG of {} at {step}", self.run).into_bytes();
        let source = SampleSource::Ema;
        self.event(Event::Samples(Samples { step, epoch, source, geometry: GEOMETRY, png }))
    }

    pub(super) fn checkpoint(&mut self, step: u64) -> &mut Self {
        self.event(Event::Checkpoint(self.checkpoint_at(step)))
    }

    /// A checkpoint, and the step of the best one so far.
    pub(super) fn checkpoint_beside(&mut self, step: u64, best: u64) -> &mut Self {
        self.event(Event::Checkpoint(self.checkpoint_with(step, best)))
    }

    pub(super) fn started_beside(&mut self, step: u64, best: u64) -> &mut Self {
        let checkpoint = Some(self.checkpoint_with(step, best));
        self.event(Event::Started(Started { checkpoint, ..started("cpu", "native (AVX-512)") }))
    }

    fn checkpoint_with(&self, step: u64, best: u64) -> Checkpoint {
        let Checkpoint { path, bytes, sha256, .. } = self.checkpoint_at(best);
        let (metric, value) = (Metric::Fd, 1.0 / best as f64);
        let (images, evaluator) = (2_000, "one".to_owned());
        let best = BestCheckpoint { step: best, path, bytes, sha256, metric, value, images, evaluator };
        Checkpoint { best: Some(Box::new(best)), ..self.checkpoint_at(step) }
    }

    pub(super) fn completed(&mut self, step: u64, seconds: f64) -> &mut Self {
        self.event(Event::Completed(Ended { step, seconds }))
    }

    pub(super) fn interrupted(&mut self, step: u64, seconds: f64) -> &mut Self {
        self.event(Event::Interrupted(Ended { step, seconds }))
    }
}

fn started(device: &str, backend: &str) -> Started {
    Started {
        device: device.to_owned(),
        backend: backend.to_owned(),
        lane: 0,
        lanes: 4,
        pid: 4711,
        host: "bench".to_owned(),
        checkpoint: None,
    }
}
