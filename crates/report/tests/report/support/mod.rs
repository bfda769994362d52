//! Databases of synthetic sweeps, the same on every machine.

pub(crate) mod browser;
pub(crate) mod checked;
mod config;
mod history;
mod picture;

use std::collections::BTreeSet;
use std::path::Path;

use gansweep_config::{
    Assignment, ClassNames, ConfigHash, Dataset, DatasetSpec, EvaluateEpochs, ImageShape, Palette,
    PlannedRun, Record, RunId, SampleMode,
};
use gansweep_protocol::{Geometry, Metric};
use gansweep_store::{Call, RungDecision, RungRow, Store, SweepRecord, TrialRow, TrialSource};
use serde_json::json;

use self::config::config;
use self::history::plain_curve;
use self::picture::ring;

/// 2026-01-01T00:00:00Z.
pub(crate) const NEW_YEAR_MS: i64 = 1_767_225_600_000;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// Trains to its last step.
    Completes,
    /// Its losses stop being finite after this share of the run.
    Diverges(f64),
    /// Its only attempt ends in an error after this share of the run.
    Fails(f64),
    /// It is stopped after this share of the run.
    IsInterrupted(f64),
    /// It is running and has completed this share.
    Runs(f64),
    /// It has not started.
    Waits,
}

/// What the values of a run depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spec {
    /// Learning rate of both networks.
    pub(crate) lr: f64,
    /// Width of the hidden layers.
    pub(crate) width: u32,
    /// Of the run.
    pub(crate) seed: u64,
}

/// A sweep over learning rates, widths and seeds.
pub(crate) struct Synthetic {
    /// The sweep's name.
    pub(crate) name: &'static str,
    /// Its description.
    pub(crate) description: &'static str,
    /// The dataset it asks for.
    pub(crate) requested: Dataset,
    /// The dataset it trains on.
    pub(crate) dataset: Dataset,
    /// Values of `optimizer.lr`.
    pub(crate) rates: Vec<f64>,
    /// Values of `model.hidden`.
    pub(crate) widths: Vec<u32>,
    /// The seeds.
    pub(crate) seeds: Vec<u64>,
    /// Epochs of every run.
    pub(crate) epochs: u32,
    /// Points of every curve of a whole run.
    pub(crate) points: u64,
    /// Rows and columns of a grid.
    pub(crate) side: u32,
    /// Whether the runs of the first learning rate average their generators.
    pub(crate) averaged: bool,
    /// Whether runs of even seeds train on other images.
    pub(crate) mixed: bool,
    /// Shape of the images of a run.
    pub(crate) shape: fn(&Spec) -> ImageShape,
    /// The epoch of the best checkpoint of the runs of the first learning rate, if runs keep one.
    pub(crate) best: Option<u32>,
    /// How many configs are a search's random draws; the others are its proposals. `None` for a sweep without a search.
    pub(crate) drawn: Option<u32>,
    /// Whether runs were compared after their first epoch, and every second one went on.
    pub(crate) pruned: bool,
    /// How the run of that place in the plan ends.
    pub(crate) outcome: fn(usize) -> Outcome,
    /// D loss, G loss, D(x), D(G(z)) before and after, both gradient norms, after that share of a run.
    pub(crate) curve: fn(&Spec, f64) -> [f64; 7],
    /// Images per second, the one metric with a better side that every run records.
    pub(crate) speed: fn(&Spec) -> f64,
    /// A quality figure at the end of a run, if runs are evaluated.
    pub(crate) figure: Option<fn(&Spec, Metric) -> f64>,
    /// Number of further swept keys, with three values each.
    pub(crate) further_keys: u64,
    /// `loss.combine` of the runs with that seed.
    pub(crate) combine: fn(u64) -> &'static str,
    /// One image of a run's grid, after that share of it: 28 x 28 pixels, which are repeated in larger images.
    pub(crate) image: fn(&Spec, u32, f64) -> Vec<u8>,
}

impl Default for Synthetic {
    /// Two learning rates, two widths, two seeds; one run diverges, one fails, one is interrupted.
    fn default() -> Self {
        Self {
            name: "lr",
            description: "Learning rate against width.",
            requested: Dataset::Mnist,
            dataset: Dataset::Mnist,
            rates: vec![2e-4, 1e-3],
            widths: vec![128, 256],
            seeds: vec![1, 2],
            epochs: 3,
            points: 12,
            side: 2,
            averaged: false,
            mixed: false,
            shape: |_| ImageShape { channels: 1, height: 28, width: 28 },
            best: None,
            drawn: None,
            pruned: false,
            outcome: |place| match place {
                3 => Outcome::IsInterrupted(0.5),
                5 => Outcome::Fails(0.25),
                6 => Outcome::Diverges(0.7),
                _ => Outcome::Completes,
            },
            curve: plain_curve,
            speed: |_| 10_000.0,
            figure: None,
            further_keys: 0,
            combine: |_| "sum",
            image: ring,
        }
    }
}

impl Synthetic {
    /// A sweep in which the learning rate decides, with six seeds.
    pub(crate) fn ranked() -> Self {
        let speed = |spec: &Spec| {
            let by_rate = if spec.lr > 5e-4 { 500.0 } else { 0.0 };
            1000.0 + by_rate + if spec.width > 128 { 0.0 } else { 1.0 } + (spec.seed * 7 % 5) as f64 / 4.0
        };
        let outcome = |_| Outcome::Completes;
        Self { seeds: (1..=6).collect(), outcome, speed, ..Self::default() }
    }

    /// Writes the sweep into the results folder.
    pub(crate) fn record(&self, folder: &Path) {
        let mut store = Store::open_with_clock(folder, || NEW_YEAR_MS).unwrap();
        let plan = self.plan();
        store
            .register_sweep(
                &self.sweep_record(),
                &plan.iter().map(|(_, run)| run.clone()).collect::<Vec<_>>(),
            )
            .unwrap();
        let mut known = BTreeSet::new();
        for (spec, run) in &plan {
            if known.insert(&run.spec.fingerprint) {
                store.put_real_images(&self.real_images(spec)).unwrap();
            }
        }
        if let Some(drawn) = self.drawn {
            store.replace_trials(self.name, &trials(&plan, drawn)).unwrap();
        }
        if self.pruned {
            store.record_rungs(self.name, &rungs(&plan)).unwrap();
        }
        for (place, (spec, run)) in plan.iter().enumerate() {
            let outcome = (self.outcome)(place);
            if outcome == Outcome::Waits {
                continue;
            }
            let attempt = store.begin_attempt(&run.id, "cpu").unwrap();
            store.record(&self.events(spec, run, attempt, outcome)).unwrap();
        }
    }

    /// The runs in the order of the plan.
    pub(crate) fn plan(&self) -> Vec<(Spec, PlannedRun)> {
        let mut runs = Vec::new();
        for &lr in &self.rates {
            for &width in &self.widths {
                for &seed in &self.seeds {
                    let spec = Spec { lr, width, seed };
                    runs.push((spec, self.planned(spec)));
                }
            }
        }
        runs
    }

    fn planned(&self, spec: Spec) -> PlannedRun {
        let mut config = config(&spec, self.dataset, (self.combine)(spec.seed));
        if self.averaged && self.rates.first() == Some(&spec.lr) {
            config.train.ema = 0.999;
        }
        let config_hash = ConfigHash::of(&config);
        let mut assignments = Vec::new();
        let mut words = Vec::new();
        if self.rates.len() > 1 {
            assignments.push(Assignment { key: "optimizer.lr".to_owned(), value: json!(spec.lr) });
            words.push(format!("lr={:e}", spec.lr));
        }
        if self.widths.len() > 1 {
            assignments.push(Assignment { key: "model.hidden".to_owned(), value: json!(spec.width) });
            words.push(format!("hidden={}", spec.width));
        }
        for key in 0..self.further_keys {
            let value = (spec.seed * (key + 7) + u64::from(spec.width) * key / 64) % 3;
            assignments.push(Assignment { key: format!("further.key_{key}"), value: json!(value) });
        }
        words.push(format!("seed={}", spec.seed));
        PlannedRun {
            id: RunId::of(&config_hash, spec.seed, &self.data(&spec).fingerprint),
            config_hash,
            config,
            epochs: self.epochs,
            seed: spec.seed,
            spec: self.data(&spec),
            assignments,
            label: words.join(" "),
        }
    }

    fn data(&self, spec: &Spec) -> DatasetSpec {
        let images = if self.mixed && spec.seed.is_multiple_of(2) { "other images" } else { "images" };
        let image = (self.shape)(spec);
        let shape = match image {
            ImageShape { channels: 1, height: 28, width: 28 } => String::new(),
            ImageShape { channels, height, width } => format!("-{channels}x{height}x{width}"),
        };
        DatasetSpec {
            image,
            classes: 10,
            train_images: 60_000,
            test_images: 10_000,
            fingerprint: format!("{}-{images}{shape}", self.dataset.name()),
            class_names: ClassNames::default(),
        }
    }

    fn geometry(&self, spec: &Spec) -> Geometry {
        let ImageShape { height, width, .. } = (self.shape)(spec);
        Geometry { rows: self.side, cols: self.side, height, width }
    }

    fn sweep_record(&self) -> SweepRecord {
        SweepRecord {
            name: self.name.to_owned(),
            file: format!("experiments/{}.toml", self.name),
            call: Call { sets: vec!["sweep.seeds=2".to_owned()], ..Call::default() },
            source_toml: format!("name   = \"{}\"\nrecipe = \"fast\"\n", self.name),
            description: self.description.to_owned(),
            recipe: "fast".to_owned(),
            axes_json: "[]".to_owned(),
            dataset_requested: self.requested,
            dataset: self.dataset,
            record: Record {
                every_steps: 50,
                every_epochs: 1,
                grid_rows: self.side,
                grid_cols: self.side,
                sample_mode: SampleMode::Eval,
                latent_seed: 0,
                palette: Palette::Gray,
                checkpoint_seconds: 20.0,
                evaluate_epochs: EvaluateEpochs::Every(0),
                evaluate_images: 10,
                final_images: 0,
                best: "none".to_owned(),
            },
            program_version: "0.1.0".to_owned(),
            machine: "bench, 2 cores".to_owned(),
        }
    }
}

fn rungs(plan: &[(Spec, PlannedRun)]) -> Vec<RungRow> {
    let rung = |(place, (_, run)): (usize, &(Spec, PlannedRun))| RungRow {
        run: run.id.clone(),
        epochs: 1,
        bracket: 0,
        value: Some(place as f64),
        decision: if place.is_multiple_of(2) { RungDecision::Promoted } else { RungDecision::Stays },
        reason: "rank 3 of 4, and 2 go on".to_owned(),
    };
    plan.iter().enumerate().map(rung).collect()
}

/// A trial for each config of the plan.
fn trials(plan: &[(Spec, PlannedRun)], drawn: u32) -> Vec<TrialRow> {
    let mut trials: Vec<TrialRow> = Vec::new();
    for (_, run) in plan {
        let config_hash = run.config_hash.to_string();
        if trials.last().is_some_and(|trial| trial.config_hash == config_hash) {
            continue;
        }
        let trial = trials.len() as u32;
        trials.push(TrialRow {
            trial,
            source: if trial < drawn { TrialSource::Drawn } else { TrialSource::Model },
            metric: Metric::ImagesPerSecond.name().to_owned(),
            assignments: run.assignments.clone(),
            config_hash,
            open: Vec::new(),
        });
    }
    trials
}
