//! Databases of sweeps that nobody trained: the same every time, whatever the machine.

use std::io::Cursor;
use std::path::Path;

use gansweep_experiment::{
    Activation, AdamConfig, Assignment, Checkpoint, Combine, Config, ConfigHash, DataConfig, Dataset,
    DiscriminatorConfig, Diverged, Ended, Envelope, Event, Failed, GeneratorConfig, Geometry, Latent,
    LossConfig, Metric, ModelConfig, Noise, OptimizerConfig, Output, Palette, Pixels, PlannedRun, Points,
    Record, RunId, SampleMode, Samples, Started, TrainConfig,
};
use gansweep_store::{RealImages, Store, SweepRecord};
use serde_json::json;

/// 2026-01-01T00:00:00Z.
pub const NEW_YEAR_MS: i64 = 1_767_225_600_000;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// Trains to its last step.
    Completes,
    /// Its losses stop being finite after this share of the run.
    Diverges(f64),
    /// Its only attempt ends in an error after this share of the run.
    Fails(f64),
    /// It is stopped after this share of the run.
    IsInterrupted(f64),
    /// It goes on, and has done this share.
    Runs(f64),
    /// It has not begun.
    Waits,
}

/// What the values of a run depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Learning rate of both networks.
    pub lr: f64,
    /// Width of the hidden layers.
    pub width: u32,
    /// Of the run.
    pub seed: u64,
}

/// A sweep over learning rates, widths and seeds.
pub struct Synthetic {
    /// The sweep's name.
    pub name: &'static str,
    /// Its description.
    pub description: &'static str,
    /// The dataset it asks for.
    pub requested: Dataset,
    /// The dataset it trains on.
    pub dataset: Dataset,
    /// Values of `optimizer.lr`.
    pub rates: Vec<f64>,
    /// Values of `model.hidden`.
    pub widths: Vec<u32>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Epochs of every run.
    pub epochs: u32,
    /// Points of every curve of a whole run.
    pub points: u64,
    /// Rows and columns of a grid.
    pub side: u32,
    /// How the run of that place in the plan ends.
    pub fate: fn(usize) -> Fate,
    /// D loss, G loss, D(x), D(G(z)) before and after, both gradient norms, after that share of a run.
    pub curve: fn(&Spec, f64) -> [f64; 7],
    /// One image of a run's grid, after that share of it.
    pub image: fn(&Spec, u32, f64) -> Vec<u8>,
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
            fate: |place| match place {
                3 => Fate::IsInterrupted(0.5),
                5 => Fate::Fails(0.25),
                6 => Fate::Diverges(0.7),
                _ => Fate::Completes,
            },
            curve: plain_curve,
            image: ring,
        }
    }
}

impl Synthetic {
    /// Writes the sweep into the results folder.
    pub fn record(&self, folder: &Path) {
        let mut store = Store::open_with_clock(folder, || NEW_YEAR_MS).unwrap();
        let plan = self.plan();
        store.register_sweep(&self.sweep_record(), &plan.iter().map(|(_, run)| run.clone()).collect::<Vec<_>>()).unwrap();
        store.put_real_images(&self.real_images()).unwrap();
        for (place, (spec, run)) in plan.iter().enumerate() {
            let fate = (self.fate)(place);
            if fate == Fate::Waits {
                continue;
            }
            let attempt = store.begin_attempt(&run.id, "cpu").unwrap();
            store.record(&self.events(spec, run, attempt, fate)).unwrap();
        }
    }

    /// The runs in the order of the plan.
    pub fn plan(&self) -> Vec<(Spec, PlannedRun)> {
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
        let config = config(&spec, self.dataset, self.epochs);
        let config_hash = ConfigHash::of(&config);
        let mut assignments = Vec::new();
        let mut label = String::new();
        if self.rates.len() > 1 {
            assignments.push(Assignment { key: "optimizer.lr".to_owned(), value: json!(spec.lr) });
            label += &format!("lr={:e} ", spec.lr);
        }
        if self.widths.len() > 1 {
            assignments.push(Assignment { key: "model.hidden".to_owned(), value: json!(spec.width) });
            label += &format!("hidden={} ", spec.width);
        }
        let data_fingerprint = format!("{}-images", self.dataset.name());
        PlannedRun {
            id: RunId::of(&config_hash, spec.seed, &data_fingerprint),
            config_hash,
            config,
            seed: spec.seed,
            data_fingerprint,
            assignments,
            label: format!("{label}seed={}", spec.seed),
        }
    }

    fn events(&self, spec: &Spec, run: &PlannedRun, attempt: u32, fate: Fate) -> Vec<Envelope> {
        let total = run.config.total_steps();
        let share = match fate {
            Fate::Completes => 1.0,
            Fate::Diverges(share) | Fate::Fails(share) | Fate::IsInterrupted(share) | Fate::Runs(share) => share,
            Fate::Waits => 0.0,
        };
        let end = (share * total as f64) as u64;
        let mut script = Script { run: run.id.clone(), attempt, events: Vec::new() };
        script.say(Event::Started(Started {
            device: "cpu".to_owned(),
            backend: "native x86-64-v4".to_owned(),
            lane: 0,
            lanes: 1,
            pid: 4711,
            host: "bench".to_owned(),
            from_step: 0,
        }));
        self.training(spec, run, end, &mut script);
        let seconds = end as f64 / 100.0;
        match fate {
            Fate::Completes => script.say(Event::Completed(Ended { step: end, seconds })),
            Fate::Diverges(_) => self.divergence(end, &mut script),
            Fate::Fails(_) => script.say(Event::Failed(Failed {
                step: end,
                cause: "the worker was killed by signal 9 (out of memory?)".to_owned(),
            })),
            Fate::IsInterrupted(_) => script.say(Event::Interrupted(Ended { step: end, seconds })),
            Fate::Runs(_) | Fate::Waits => {}
        }
        script.events
    }

    fn training(&self, spec: &Spec, run: &PlannedRun, end: u64, script: &mut Script) {
        let total = run.config.total_steps();
        let per_epoch = u64::from(run.config.steps_per_epoch());
        script.say(self.samples(spec, 0, 0, 0.0));
        let every = total / self.points;
        for step in 1..=end {
            let share = step as f64 / total as f64;
            let epoch_ends = step.is_multiple_of(per_epoch);
            if step.is_multiple_of(every) || epoch_ends {
                script.say(Event::Points(self.points(spec, run, step, epoch_ends)));
            }
            if epoch_ends {
                script.say(self.samples(spec, step, (step / per_epoch) as u32, share));
                script.say(Event::Checkpoint(Checkpoint {
                    step,
                    path: format!("checkpoints/{}/step-{step:08}.safetensors", run.id),
                    bytes: 1000,
                    sha256: "00".repeat(32),
                }));
            }
        }
    }

    fn points(&self, spec: &Spec, run: &PlannedRun, step: u64, epoch_ends: bool) -> Points {
        let share = step as f64 / run.config.total_steps() as f64;
        let curve = (self.curve)(spec, share);
        let metrics = [
            Metric::DLoss,
            Metric::GLoss,
            Metric::DReal,
            Metric::DFakeBefore,
            Metric::DFakeAfter,
            Metric::GradNormD,
            Metric::GradNormG,
        ];
        let means = [
            Metric::EpochDLoss,
            Metric::EpochGLoss,
            Metric::EpochDReal,
            Metric::EpochDFakeBefore,
            Metric::EpochDFakeAfter,
        ];
        let mut values: Vec<(Metric, f64)> = metrics.into_iter().zip(curve).collect();
        if epoch_ends {
            values.extend(means.into_iter().zip(curve));
        }
        let images = step * u64::from(run.config.train.batch_size);
        values.extend([
            (Metric::Epoch, step as f64 / f64::from(run.config.steps_per_epoch())),
            (Metric::ImagesSeen, images as f64),
            (Metric::Seconds, step as f64 / 100.0),
            (Metric::ImagesPerSecond, 100.0 * f64::from(run.config.train.batch_size)),
        ]);
        Points { step, values }
    }

    fn divergence(&self, end: u64, script: &mut Script) {
        let values = vec![(Metric::DLoss, f64::NAN), (Metric::GLoss, f64::INFINITY)];
        script.say(Event::Points(Points { step: end + 1, values }));
        script.say(Event::Diverged(Diverged {
            step: end + 1,
            cause: "the discriminator's loss became NaN".to_owned(),
            seconds: end as f64 / 100.0,
        }));
    }

    fn samples(&self, spec: &Spec, step: u64, epoch: u32, share: f64) -> Event {
        let images = (0..self.side * self.side).map(|cell| (self.image)(spec, cell, share)).collect();
        Event::Samples(Samples { step, epoch, geometry: self.geometry(), png: png(&tiles(images, self.side), self.side) })
    }

    fn real_images(&self) -> RealImages {
        let spec = Spec { lr: 0.0, width: 0, seed: 0 };
        let images = (0..self.side * self.side).map(|cell| (self.image)(&spec, cell, 1.0)).collect();
        RealImages {
            dataset: self.dataset,
            data_fingerprint: format!("{}-images", self.dataset.name()),
            geometry: self.geometry(),
            png: png(&tiles(images, self.side), self.side),
        }
    }

    fn geometry(&self) -> Geometry {
        Geometry { rows: self.side, cols: self.side, height: 28, width: 28 }
    }

    fn sweep_record(&self) -> SweepRecord {
        SweepRecord {
            name: self.name.to_owned(),
            file: format!("experiments/{}.toml", self.name),
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
            },
            program_version: "0.1.0".to_owned(),
            machine: "bench, 2 cores".to_owned(),
        }
    }
}

/// Collects one attempt's events.
struct Script {
    run: RunId,
    attempt: u32,
    events: Vec<Envelope>,
}

impl Script {
    fn say(&mut self, event: Event) {
        let seq = self.events.len() as u64;
        let at_unix_ms = NEW_YEAR_MS + 1000 * seq as i64;
        self.events.push(Envelope { run: self.run.clone(), attempt: self.attempt, seq, at_unix_ms, event });
    }
}

fn config(spec: &Spec, dataset: Dataset, epochs: u32) -> Config {
    let adam = AdamConfig { lr: spec.lr, beta1: 0.5, beta2: 0.999, eps: 1e-8 };
    Config {
        data: DataConfig { dataset, images: 0, pixels: Pixels::Signed },
        model: ModelConfig {
            latent_dim: 64,
            latent: Latent::Normal,
            output: Output::Tanh,
            generator: GeneratorConfig {
                hidden: vec![spec.width, 2 * spec.width],
                activation: Activation::Relu,
                slope: 0.0,
                batch_norm: true,
                dropout: 0.0,
            },
            discriminator: DiscriminatorConfig {
                hidden: vec![2 * spec.width, spec.width],
                activation: Activation::LeakyRelu,
                slope: 0.2,
                dropout: 0.3,
            },
        },
        loss: LossConfig { combine: Combine::Sum, label_smoothing: 0.0 },
        optimizer: OptimizerConfig { generator: adam.clone(), discriminator: adam },
        train: TrainConfig {
            epochs,
            batch_size: 100,
            d_steps: 1,
            noise: Noise::Fresh,
            shuffle: true,
            drop_last: false,
        },
    }
}

/// Exact arithmetic alone, so that every machine writes the same digits.
fn plain_curve(spec: &Spec, share: f64) -> [f64; 7] {
    let ease = share * (2.0 - share);
    let offset = spec.seed as f64 / 64.0;
    [0.5 + ease, 2.0 - ease + offset, 0.75 - ease / 4.0, 0.25 + ease / 8.0, 0.25 + ease / 4.0, 1.0 + offset, 2.0 - offset]
}

/// A ring that closes as training goes on.
fn ring(spec: &Spec, cell: u32, share: f64) -> Vec<u8> {
    let radius = 5 + i64::from(cell % 4) + (spec.seed % 3) as i64;
    let noise = |place: i64| ((place * 7919 + i64::from(cell) * 104_729) % 251) as f64 * (1.0 - share);
    let pixel = |place: i64| {
        let (x, y) = (place % 28 - 14, place / 28 - 14);
        let off = (x * x + y * y - radius * radius).abs();
        if off < 14 { (255.0 * share) as u8 } else { noise(place) as u8 }
    };
    (0..784).map(pixel).collect()
}

fn tiles(images: Vec<Vec<u8>>, side: u32) -> Vec<u8> {
    let side = side as usize;
    let mut grid = vec![0; side * side * 784];
    for (cell, image) in images.iter().enumerate() {
        for row in 0..28 {
            let at = (cell / side * 28 + row) * side * 28 + cell % side * 28;
            grid[at..at + 28].copy_from_slice(&image[row * 28..(row + 1) * 28]);
        }
    }
    grid
}

fn png(pixels: &[u8], side: u32) -> Vec<u8> {
    let image = image::GrayImage::from_raw(side * 28, side * 28, pixels.to_vec()).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
