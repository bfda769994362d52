//! The trainer of a group of lanes on a device of Burn's.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData, Transaction};
use gansweep_config::SampleMode;

use super::condition::{Classes, Input};
use super::engine::Engine;
use super::forward::Statistics;
use super::images::DeviceImages;
use super::inputs::{Position, StepInputs};
use super::loss::Loss;
use super::masks::integers;
use super::network::FusedNetwork;
use super::penalty::Penalty;
use super::step::{DevicePlan, FusedLanes, NOT_MEASURED};
use super::step_plan::{StepShape, dropout_layers};
use crate::device::OpenDevice;
use crate::memory::memory_bytes;
use crate::support::supports;
use gansweep_nn::network::{Role, rate};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::{DeviceKind, TrainError};
use gansweep_train::{Lane, LaneChunk, Latents, StepRows, Trainer, TrainingImages, refuse_beyond_memory};

/// A group of lanes on a device of Burn's.
#[derive(Debug)]
pub struct TensorTrainer {
    device: OpenDevice,
    images: DeviceImages,
    /// The class of each training image.
    labels: Arc<Vec<u16>>,
    lanes: Vec<Lane>,
    active: Vec<bool>,
    work: Work,
}

/// The lanes that are in the tensors: the active ones, and retired ones that have not been removed yet.
#[derive(Debug)]
struct Work {
    /// The lane of each row of the tensors.
    rows: Vec<usize>,
    lanes: Vec<Lane>,
    positions: Vec<Position>,
    engine: Engine,
    inputs: StepInputs,
}

/// Images that are drawn by one forward pass.
#[derive(Debug, Clone)]
struct SamplePass {
    /// Rows of the tensors.
    rows: Range<usize>,
    /// Of those that are asked for.
    images: Range<usize>,
}

impl TensorTrainer {
    /// A group that goes on from `states`, one for each lane.
    ///
    /// # Errors
    ///
    /// If the lanes do not form a group, a state does not fit its config, or the images are fewer
    /// than a config asks for.
    pub fn new(
        device: &OpenDevice,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        images: &TrainingImages,
    ) -> Result<Self, TrainError> {
        for lane in &lanes {
            supports(&lane.config, &lane.spec)?;
        }
        check(&lanes, &states, images)?;
        // The planner compares with a GPU's memory.
        if matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu) {
            let needed = lanes.first().map(|lane| memory_bytes(&lane.config, &lane.spec, lanes.len()));
            refuse_beyond_memory(&device.name.to_string(), needed.transpose()?.unwrap_or(0))?;
        }
        let labels = Arc::clone(&images.labels);
        let images = device.lasting(|| DeviceImages::new(images, &device.device));
        let work = Work::new(device, &images, &labels, (0..lanes.len()).collect(), lanes.clone(), states)?;
        let active = vec![true; lanes.len()];
        Ok(Self { device: device.clone(), images, labels, lanes, active, work })
    }

    fn failed(&self, cause: &(impl ToString + ?Sized)) -> TrainError {
        TrainError::Device { device: self.device.name.to_string(), cause: brief(&cause.to_string()) }
    }

    /// The passes that draw `count` images of each lane. None has more images than a step of training has, so that drawing
    /// takes no more memory; but a batch whose own statistics normalise it stays whole.
    fn passes(&self, count: usize, mode: SampleMode) -> Vec<SamplePass> {
        let rows = self.work.rows.len();
        let most = rows * self.lanes.first().map_or(1, |lane| lane.config.train.batch_size as usize);
        let images = match mode {
            SampleMode::Eval => count.min(most).max(1),
            SampleMode::BatchStatistics => count.max(1),
        };
        let lanes = (most / images).clamp(1, rows);
        let starts =
            (0..rows).step_by(lanes).flat_map(|row| (0..count).step_by(images).map(move |it| (row, it)));
        let pass = |(row, image): (usize, usize)| SamplePass {
            rows: row..rows.min(row + lanes),
            images: image..count.min(image + images),
        };
        starts.map(pass).collect()
    }

    /// The pixels of a pass, from its latents and the classes of its images.
    fn draw(
        &self,
        pass: &SamplePass,
        (latents, classes): (&[f32], &[u16]),
        mode: SampleMode,
        source: SampleSource,
    ) -> Result<Vec<f32>, TrainError> {
        let statistics = match mode {
            SampleMode::Eval => Statistics::Running,
            SampleMode::BatchStatistics => Statistics::Batches(1),
        };
        let (rows, images) = (pass.rows.len(), pass.images.len());
        let input = Tensor::<1>::from_data(latents, &self.device.device);
        let input = input.reshape([rows, images, latents.len() / (rows * images)]);
        let classes: Vec<i32> = classes.repeat(rows).into_iter().map(i32::from).collect();
        let drawn = |lanes: &FusedLanes| {
            let one_hot = |known: &Classes| known.one_hot(integers(&classes, &self.device.device), rows);
            let input = Input { rows: input, classes: lanes.classes.as_ref().map(one_hot) };
            lanes.generator.sample(pass.rows.clone(), source, statistics, &input)
        };
        let output = self.work.engine.with(drawn).ok_or_else(|| {
            TrainError::Group(format!("lane {} keeps no average of its weights", self.work.rows[0]))
        })?;
        output.try_into_vec_as().map_err(|error| self.failed(&error))
    }

    /// Removes the retired lanes from the tensors once they are half of them: removing rebuilds everything.
    fn compact(&mut self) -> Result<(), TrainError> {
        let rows: Vec<_> = self.work.rows.iter().copied().filter(|&lane| self.active[lane]).collect();
        if rows.is_empty() || rows.len() * 2 > self.work.rows.len() {
            return Ok(());
        }
        let states = rows.iter().map(|&lane| self.state(lane)).collect::<Result<Vec<_>, _>>()?;
        let lanes = rows.iter().map(|&lane| self.lanes[lane].clone()).collect();
        self.work = Work::new(&self.device, &self.images, &self.labels, rows, lanes, states)?;
        Ok(())
    }
}

impl Work {
    fn new(
        device: &OpenDevice,
        images: &DeviceImages,
        labels: &Arc<Vec<u16>>,
        rows: Vec<usize>,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
    ) -> Result<Self, TrainError> {
        let configs: Vec<_> = lanes.iter().map(|lane| &lane.config).collect();
        let side = |role| {
            let side = device.lasting(|| FusedNetwork::new(role, &lanes, &states, &device.device));
            side.map_err(TrainError::Group)
        };
        let tensors = FusedLanes {
            generator: side(Role::Generator)?,
            discriminator: side(Role::Discriminator)?,
            loss: Loss::new(&configs, &device.device),
            penalty: Penalty::new(&configs, &device.device),
            images: images.clone(),
            classes: classes_of(&lanes, device),
        };
        let positions: Vec<_> = states.iter().map(Position::of).collect();
        // They have been uploaded, and are large.
        drop(states);
        let sizes = StepShape {
            lanes: lanes.len(),
            batches: Vec::new(),
            latent_dim: configs.first().map_or(0, |config| config.model.latent_dim as usize),
            generator_dropout: dropout_layers(&tensors.generator.network),
            discriminator_dropout: dropout_layers(&tensors.discriminator.network),
            compares_with_real: tensors.loss.compares(),
            flips: configs.iter().any(|config| config.loss.label_flip > 0.0),
            noise: configs.iter().any(|config| config.train.instance_noise > 0.0),
            classes: tensors.classes.is_some(),
            image: lanes.first().map_or(0, |lane| lane.spec.image.size()),
            penalty: tensors.penalty.as_ref().map(|penalty| penalty.points),
            penalised: Vec::new(),
            generator_coefficients: tensors.generator.varying_coefficients(),
            discriminator_coefficients: tensors.discriminator.varying_coefficients(),
            averaged: tensors.generator.is_averaged(),
        };
        let inputs = StepInputs::start(lanes.clone(), positions.clone(), Arc::clone(labels), &sizes);
        Ok(Self { rows, lanes, positions, engine: Engine::new(device.clone(), tensors), inputs })
    }

    /// Takes `steps` steps, and measures what points need in the last one if `point`. Returns the metrics of
    /// each step, or `None` if the thread that prepares inputs has panicked.
    fn advance(&mut self, steps: usize, point: bool, device: &OpenDevice) -> Option<Vec<Tensor<2>>> {
        let mut measured = Vec::with_capacity(steps);
        while measured.len() < steps {
            if self.engine.left() == 0 {
                let block = self.inputs.next()?;
                self.engine.fill(&block, || device_plan(&block.shape, &self.lanes, device));
            }
            let left = steps - measured.len();
            let (most, point) = if point && left > 1 { (left - 1, false) } else { (left, point) };
            let (taken, updates) = self.engine.advance(most, point, &mut measured);
            for position in &mut self.positions {
                *position = position.after(taken as u64, updates as u64);
            }
        }
        Some(measured)
    }

    /// A lane's row in the tensors.
    fn row(&self, lane: usize) -> Option<usize> {
        self.rows.iter().position(|&it| it == lane)
    }
}

/// The numbers of the classes, if the networks know classes: all lanes of a group do, or none.
fn classes_of(lanes: &[Lane], device: &OpenDevice) -> Option<Classes> {
    let first = lanes.first().filter(|lane| lane.config.model.conditional)?;
    Some(device.lasting(|| Classes::new(first.spec.classes as usize, &device.device)))
}

/// The plan of steps of that shape.
fn device_plan(shape: &StepShape, lanes: &[Lane], device: &OpenDevice) -> DevicePlan {
    let rates = |role, layer| lanes.iter().map(|lane| rate(role, &lane.config, layer)).collect();
    DevicePlan::new(shape.clone(), rates, &device.device)
}

/// An error message of cubecl without places in its code and without the list of operations that it skipped.
fn brief(cause: &str) -> String {
    let noise = ["skipped `", "(", "Backtrace", "No backtrace", "Asked at"];
    let lines = cause.lines().map(str::trim);
    lines.filter(|line| !noise.iter().any(|noise| line.starts_with(noise))).collect::<Vec<_>>().join("\n")
}

impl Trainer for TensorTrainer {
    fn backend(&self) -> String {
        self.device.description.clone()
    }

    fn advance(&mut self, steps: u32, point: bool) -> Result<Vec<Option<LaneChunk>>, TrainError> {
        self.compact()?;
        let measured = self.work.advance(steps as usize, point, &self.device);
        let measured = measured.ok_or_else(|| self.failed("the thread that prepares its steps has ended"))?;
        let mut chunks: Vec<_> = self
            .active
            .iter()
            .map(|&active| active.then(|| LaneChunk { steps: StepRows::default(), point: None }))
            .collect();
        if measured.is_empty() {
            return Ok(chunks);
        }
        // One tensor, so that there is one wait for the device.
        let values: Vec<f32> =
            Tensor::cat(measured, 1).try_into_vec_as().map_err(|error| self.failed(&error))?;
        for (&lane, row) in self.work.rows.iter().zip(values.chunks(values.len() / self.work.rows.len())) {
            chunks[lane] = self.active[lane].then(|| read_chunk(row, point));
        }
        Ok(chunks)
    }

    fn sample(
        &mut self,
        latents: &Latents,
        mode: SampleMode,
        source: SampleSource,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError> {
        let Latents { lanes: latents, classes } = latents;
        let (rows, count) = (self.work.rows.len(), classes.len());
        let dim = self.lanes.first().map_or(0, |lane| lane.config.model.latent_dim as usize);
        let mut all = Vec::with_capacity(rows * count * dim);
        for &lane in &self.work.rows {
            match latents.get(lane) {
                Some(own) if own.len() == count * dim => all.extend_from_slice(own),
                _ if !self.active[lane] => all.resize(all.len() + count * dim, 0.0),
                _ => {
                    return Err(TrainError::Group(format!(
                        "lane {lane} has no {count} latents of length {dim}"
                    )));
                }
            }
        }
        let mut images = vec![None; self.lanes.len()];
        for &lane in &self.work.rows {
            images[lane] = self.active[lane].then(Vec::new);
        }
        for pass in self.passes(count, mode) {
            let latents = pass.rows.clone().flat_map(|row| {
                let first = (row * count + pass.images.start) * dim;
                &all[first..first + pass.images.len() * dim]
            });
            let latents: Vec<f32> = latents.copied().collect();
            let classes = &classes[pass.images.clone()];
            let pixels = self.draw(&pass, (&latents, classes), mode, source)?;
            let size = pixels.len() / pass.rows.len();
            for (&lane, pixels) in self.work.rows[pass.rows].iter().zip(pixels.chunks(size)) {
                if let Some(images) = &mut images[lane] {
                    images.extend_from_slice(pixels);
                }
            }
        }
        Ok(images)
    }

    fn state(&mut self, lane: usize) -> Result<LaneState, TrainError> {
        let row =
            self.work.row(lane).ok_or_else(|| TrainError::Group(format!("lane {lane} is not active")))?;
        let Position { step, generator_updates, discriminator_updates } = self.work.positions[row];
        let mut state = LaneState { step, generator_updates, discriminator_updates, arrays: BTreeMap::new() };
        let asked = self.work.engine.with(|lanes| {
            let asked = lanes.generator.request(row, Transaction::default());
            lanes.discriminator.request(row, asked)
        });
        let data = asked.try_execute().map_err(|error| self.failed(&error))?;
        let numbers = data.into_iter().map(TensorData::try_into_vec::<f32>).collect::<Result<Vec<_>, _>>();
        let mut numbers = numbers.map_err(|error| self.failed(&error))?.into_iter();
        let received = self.work.engine.with(|lanes| {
            lanes.generator.receive(&mut numbers, &mut state)?;
            lanes.discriminator.receive(&mut numbers, &mut state)
        });
        received.map(|()| state).ok_or_else(|| self.failed("it gave back less than a lane's state"))
    }

    fn retire(&mut self, lane: usize) {
        if let Some(active) = self.active.get_mut(lane) {
            *active = false;
        }
    }
}

impl Position {
    fn of(state: &LaneState) -> Self {
        let LaneState { step, generator_updates, discriminator_updates, .. } = *state;
        Self { step, generator_updates, discriminator_updates }
    }
}

/// A lane's chunk from its row: the metrics of each step, then those of the point.
fn read_chunk(row: &[f32], point: bool) -> LaneChunk {
    let (width, at_point) = (Metric::of_steps().count(), Metric::of_points().count());
    let (values, rest) = row.split_at(row.len() - if point { at_point } else { 0 });
    let mut steps = StepRows::with_capacity(values.len() / width);
    for row in values.chunks_exact(width) {
        let measured = Metric::of_steps().zip(row).map(|(metric, &value)| {
            let is_missing = metric.is_optional() && value <= NOT_MEASURED;
            if is_missing { f32::NAN } else { value }
        });
        if !steps.push(&measured.collect::<Vec<_>>()) {
            return LaneChunk { steps, point: None };
        }
    }
    LaneChunk { steps, point: point.then(|| rest.to_vec()) }
}

/// Checks that the lanes form a group and that each state fits its lane.
fn check(lanes: &[Lane], states: &[LaneState], images: &TrainingImages) -> Result<(), TrainError> {
    use gansweep_config::GroupKey;

    let Some(first) = lanes.first() else { return Err(TrainError::Group("it has no lanes".to_owned())) };
    if lanes.len() != states.len() {
        return Err(TrainError::Group(format!("{} lanes have {} states", lanes.len(), states.len())));
    }
    for (index, (lane, state)) in lanes.iter().zip(states).enumerate() {
        if GroupKey::of(&lane.config, &lane.spec) != GroupKey::of(&first.config, &first.spec) {
            return Err(TrainError::Group(format!("lane {index} differs from lane 0 in its shapes")));
        }
        images.check(lane).map_err(|cause| TrainError::Group(format!("lane {index} {cause}")))?;
        if lane.config.phase(&lane.spec, state.step) != first.config.phase(&first.spec, states[0].step) {
            return Err(TrainError::Group(format!("lane {index} stands elsewhere in its epoch than lane 0")));
        }
        state.check(&lane.config, &lane.spec).map_err(TrainError::Group)?;
    }
    Ok(())
}
