//! The trainer of a group of lanes on a device of Burn's.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;
use gansweep_config::SampleMode;
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::{DeviceKind, TrainError};
use gansweep_train::{Lane, LaneChunk, Latents, StepRows, Trainer, TrainingImages, refuse_beyond_memory};

use super::condition::{Classes, Input};
use super::forward::Statistics;
use super::images::DeviceImages;
use super::masks::integers;
use super::step::{FusedLanes, NOT_MEASURED};
use super::work::{Shared, Work};
use crate::device::OpenDevice;
use crate::memory::memory_bytes;
use crate::support::supports;

/// A group of lanes on a device of Burn's.
#[derive(Debug)]
pub struct TensorTrainer {
    shared: Shared,
    lanes: Vec<Lane>,
    active: Vec<bool>,
    pub(super) work: Work,
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
        let shared = Shared { device: device.clone(), images, labels };
        let work = Work::new(&shared, (0..lanes.len()).collect(), lanes.clone(), states)?;
        let active = vec![true; lanes.len()];
        Ok(Self { shared, lanes, active, work })
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
        let input = Tensor::<1>::from_data(latents, &self.shared.device.device);
        let input = input.reshape([rows, images, latents.len() / (rows * images)]);
        let classes: Vec<i32> = classes.repeat(rows).into_iter().map(i32::from).collect();
        let drawn = |lanes: &FusedLanes| {
            let one_hot =
                |known: &Classes| known.one_hot(integers(&classes, &self.shared.device.device), rows);
            let input = Input { rows: input, classes: lanes.classes.as_ref().map(one_hot) };
            lanes.generator.sample(pass.rows.clone(), source, statistics, &input)
        };
        let output = self.work.engine.with(drawn).ok_or_else(|| {
            TrainError::Group(format!("lane {} keeps no average of its weights", self.work.rows[0]))
        })?;
        output.try_into_vec_as().map_err(|error| self.shared.device.failed(&error))
    }

    /// Removes the retired lanes from the tensors once they are half of them: removing rebuilds everything.
    fn compact(&mut self) -> Result<(), TrainError> {
        let rows: Vec<_> = self.work.rows.iter().copied().filter(|&lane| self.active[lane]).collect();
        if rows.is_empty() || rows.len() * 2 > self.work.rows.len() {
            return Ok(());
        }
        let states = rows.iter().map(|&lane| self.state(lane)).collect::<Result<Vec<_>, _>>()?;
        let lanes = rows.iter().map(|&lane| self.lanes[lane].clone()).collect();
        self.work = Work::new(&self.shared, rows, lanes, states)?;
        Ok(())
    }
}

impl Trainer for TensorTrainer {
    fn backend(&self) -> String {
        self.shared.device.description.clone()
    }

    fn advance(&mut self, steps: u32, point: bool) -> Result<Vec<Option<LaneChunk>>, TrainError> {
        self.compact()?;
        let measured = self.work.advance(steps as usize, point, &self.shared)?;
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
            Tensor::cat(measured, 1).try_into_vec_as().map_err(|error| self.shared.device.failed(&error))?;
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
        self.work.state(row, &self.shared.device)
    }

    fn retire(&mut self, lane: usize) {
        if let Some(active) = self.active.get_mut(lane) {
            *active = false;
        }
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
