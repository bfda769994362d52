//! The trainer: lanes, where they stand, and the blocks that feed them.

use burn::tensor::{Tensor, Transaction};
use gansweep_experiment::{Config, IMAGE_PIXELS, SampleMode};

use super::feed::{Block, Feed, Position};
use super::forward::Statistics;
use super::images::DeviceImages;
use super::loss::DiscriminatorLoss;
use super::masks::integers;
use super::row::{StepShape, dropout_layers};
use super::side::Side;
use super::step::{Lanes, Measured, Rows, StepKit};
use crate::GanError;
use crate::architecture::Role;
use crate::device::OpenDevice;
use crate::state::LaneState;
use crate::trainer::{GradientNorms, Lane, LaneChunk, StepValues, Trainer, TrainingImages};

/// Numbers that every step measures.
const VALUES: usize = 5;

/// A group of lanes on a device of Burn's.
#[derive(Debug)]
pub struct BurnTrainer {
    device: OpenDevice,
    lanes: Vec<Lane>,
    active: Vec<bool>,
    positions: Vec<Position>,
    tensors: Lanes,
    kits: Vec<StepKit>,
    feed: Feed,
    current: Option<Current>,
}

/// The block that steps are taken from.
#[derive(Debug)]
struct Current {
    rows: Rows,
    /// Which of the kits.
    kit: usize,
    left: usize,
}

impl BurnTrainer {
    /// A group that goes on from `states`, one for each of `lanes`.
    ///
    /// # Errors
    ///
    /// If the lanes do not form a group, or a state does not fit its config.
    pub fn new(
        device: &OpenDevice,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        images: &TrainingImages,
    ) -> Result<Self, GanError> {
        check(&lanes, &states)?;
        let configs: Vec<_> = lanes.iter().map(|lane| &lane.config).collect();
        let side = |role| Side::new(role, &configs, &states, &device.device).map_err(GanError::Group);
        let tensors = Lanes {
            generator: side(Role::Generator)?,
            discriminator: side(Role::Discriminator)?,
            loss: DiscriminatorLoss::new(&configs, &device.device),
            images: DeviceImages::new(images, &device.device),
        };
        let positions: Vec<_> = states.iter().map(Position::of).collect();
        let sizes = StepShape {
            lanes: lanes.len(),
            batches: Vec::new(),
            latent_dim: tensors.generator.network.inputs,
            generator_dropout: dropout_layers(&tensors.generator.network),
            discriminator_dropout: dropout_layers(&tensors.discriminator.network),
        };
        let feed = Feed::start(lanes.clone(), positions.clone(), &sizes);
        let active = vec![true; lanes.len()];
        let device = device.clone();
        Ok(Self { device, lanes, active, positions, tensors, kits: Vec::new(), feed, current: None })
    }

    fn failed(&self, cause: impl ToString) -> GanError {
        GanError::Device { device: self.device.name.to_string(), cause: cause.to_string() }
    }

    /// Makes sure that there is a row for the next step.
    fn refill(&mut self) -> Result<(), GanError> {
        if self.current.as_ref().is_some_and(|current| current.left > 0) {
            return Ok(());
        }
        let block = self.feed.next().ok_or_else(|| self.failed("the thread that prepares its steps has ended"))?;
        let kit = self.kit(&block.shape);
        self.current = Some(Current { kit, left: block.steps, rows: self.upload(&block) });
        Ok(())
    }

    fn upload(&self, block: &Block) -> Rows {
        let device = &self.device.device;
        let (floats, ints) = (block.floats.len() / block.steps, block.integers.len() / block.steps);
        Rows {
            floats: Tensor::<1>::from_data(block.floats.as_slice(), device).reshape([block.steps, floats]),
            integers: integers(&block.integers, device).reshape([block.steps, ints]),
            next: integers(&[0], device),
        }
    }

    /// The index of the kit for that shape.
    fn kit(&mut self, shape: &StepShape) -> usize {
        if let Some(index) = self.kits.iter().position(|kit| kit.shape == *shape) {
            return index;
        }
        let rates = |pick: fn(&Config) -> f64| self.lanes.iter().map(|lane| pick(&lane.config)).collect::<Vec<_>>();
        let generator = rates(|config| config.model.generator.dropout);
        let discriminator = rates(|config| config.model.discriminator.dropout);
        self.kits.push(StepKit::new(shape.clone(), &generator, &discriminator, &self.device.device));
        self.kits.len() - 1
    }

    fn step(&mut self, norms: bool) -> Result<Measured, GanError> {
        self.refill()?;
        let Some(current) = &mut self.current else { return Err(self.failed("it has no step to take")) };
        let kit = &self.kits[current.kit];
        let measured = self.tensors.step(kit, &mut current.rows, norms);
        current.left -= 1;
        let updates = kit.shape.batches.len() as u64;
        for position in &mut self.positions {
            *position = position.after(1, updates);
        }
        Ok(measured)
    }
}

impl Trainer for BurnTrainer {
    fn backend(&self) -> String {
        self.device.description.clone()
    }

    fn advance(&mut self, steps: u32, norms: bool) -> Result<Vec<Option<LaneChunk>>, GanError> {
        let mut columns = Vec::with_capacity(steps as usize * VALUES + 2);
        for step in 1..=steps {
            columns.extend(self.step(norms && step == steps)?.columns);
        }
        if columns.is_empty() {
            return Ok(self.active.iter().map(|&active| active.then(LaneChunk::empty)).collect());
        }
        // One tensor, so that the device is waited for once.
        let width = columns.len();
        let measured: Vec<f32> =
            Tensor::cat(columns, 1).try_into_vec_as().map_err(|error| self.failed(error))?;
        let chunk = |lane: usize| LaneChunk::read(&measured[lane * width..(lane + 1) * width], norms);
        Ok(self.active.iter().enumerate().map(|(lane, &active)| active.then(|| chunk(lane))).collect())
    }

    fn sample(&mut self, latents: &[Vec<f32>], count: usize, mode: SampleMode) -> Result<Vec<Option<Vec<f32>>>, GanError> {
        let dim = self.tensors.generator.network.inputs;
        let mut all = Vec::with_capacity(self.lanes.len() * count * dim);
        for lane in 0..self.lanes.len() {
            let own = latents.get(lane).filter(|own| own.len() == count * dim);
            match own {
                Some(own) => all.extend_from_slice(own),
                None if !self.active[lane] => all.resize(all.len() + count * dim, 0.0),
                None => return Err(GanError::Group(format!("lane {lane} has no {count} latents of length {dim}"))),
            }
        }
        let statistics = match mode {
            SampleMode::Eval => Statistics::Running,
            SampleMode::BatchStatistics => Statistics::Batch,
        };
        let input = Tensor::<1>::from_data(all.as_slice(), &self.device.device).reshape([self.lanes.len(), count, dim]);
        let output = self.tensors.generator.sample(statistics, input);
        let pixels: Vec<f32> = output.try_into_vec_as().map_err(|error| self.failed(error))?;
        let images = pixels.chunks(count * IMAGE_PIXELS).zip(&self.active);
        Ok(images.map(|(images, &active)| active.then(|| images.to_vec())).collect())
    }

    fn state(&mut self, lane: usize) -> Result<LaneState, GanError> {
        let Position { step, generator_updates, discriminator_updates } = self.positions[lane];
        let mut state = LaneState { step, generator_updates, discriminator_updates, arrays: Default::default() };
        let sides = [&self.tensors.generator, &self.tensors.discriminator];
        let asked = sides.iter().fold(Transaction::default(), |asked, side| side.request(lane, asked));
        let data = asked.try_execute().map_err(|error| self.failed(error))?;
        let rows: Result<Vec<Vec<f32>>, _> = data.into_iter().map(|data| data.into_vec()).collect();
        let mut rows = rows.map_err(|error| self.failed(format!("{error:?}")))?.into_iter();
        let received: Option<()> = sides.iter().try_for_each(|side| side.receive(&mut rows, &mut state));
        received.map(|()| state).ok_or_else(|| self.failed("it gave back less than a lane's state"))
    }

    fn retire(&mut self, lane: usize) {
        self.active[lane] = false;
    }
}

impl Position {
    fn of(state: &LaneState) -> Self {
        let LaneState { step, generator_updates, discriminator_updates, .. } = *state;
        Self { step, generator_updates, discriminator_updates }
    }
}

impl LaneChunk {
    fn empty() -> Self {
        Self { steps: Vec::new(), gradient_norms: None }
    }

    /// From a lane's row: five numbers a step, then the norms.
    fn read(row: &[f32], norms: bool) -> Self {
        let (values, rest) = if norms { row.split_at(row.len() - 2) } else { row.split_at(row.len()) };
        let mut steps = Vec::with_capacity(values.len() / VALUES);
        for &[d_loss, g_loss, d_real, d_fake_before, d_fake_after] in values.as_chunks::<VALUES>().0 {
            let step = StepValues { d_loss, g_loss, d_real, d_fake_before, d_fake_after };
            steps.push(step);
            if !step.is_finite() {
                return Self { steps, gradient_norms: None };
            }
        }
        let gradient_norms = match *rest {
            [generator, discriminator] => Some(GradientNorms { generator, discriminator }),
            _ => None,
        };
        Self { steps, gradient_norms }
    }
}

/// Whether the lanes form a group and each state fits its lane.
fn check(lanes: &[Lane], states: &[LaneState]) -> Result<(), GanError> {
    use gansweep_experiment::GroupKey;

    let Some(first) = lanes.first() else { return Err(GanError::Group("it has no lanes".to_owned())) };
    if lanes.len() != states.len() {
        return Err(GanError::Group(format!("{} lanes have {} states", lanes.len(), states.len())));
    }
    let per_epoch = u64::from(first.config.steps_per_epoch());
    for (index, (lane, state)) in lanes.iter().zip(states).enumerate() {
        if GroupKey::of(&lane.config, "") != GroupKey::of(&first.config, "") {
            return Err(GanError::Group(format!("lane {index} differs from lane 0 in its shapes")));
        }
        if state.step % per_epoch != states[0].step % per_epoch {
            return Err(GanError::Group(format!("lane {index} stands elsewhere in its epoch than lane 0")));
        }
        state.check(&lane.config).map_err(GanError::Group)?;
    }
    Ok(())
}
