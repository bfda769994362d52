//! The lanes of a group that are in the device's memory, and their steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData, Transaction};
use gansweep_nn::network::{Role, rate};
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, TrainError};

use super::augment::Augment;
use super::condition::Classes;
use super::engine::{Engine, Unrecorded};
use super::images::DeviceImages;
use super::inputs::{Position, StepInputs};
use super::loss::Loss;
use super::memory::largest_temporary_bytes;
use super::network::FusedNetwork;
use super::penalty::Penalty;
use super::step::{DevicePlan, FusedLanes};
use super::step_plan::{StepShape, dropout_layers};
use crate::device::OpenDevice;

/// How often a group tries to record its steps. A device that has not enough room even then issues each of them.
const MOST_RECORDINGS: usize = 3;

/// Tensors of the largest size that each further attempt to record has more room for.
const MORE_ROOM: usize = 2;

/// The lanes that are in the tensors: the active ones, and retired ones that have not been removed yet.
#[derive(Debug)]
pub(super) struct Work {
    /// The lane of each row of the tensors.
    pub(super) rows: Vec<usize>,
    lanes: Vec<Lane>,
    positions: Vec<Position>,
    pub(super) engine: Engine,
    inputs: StepInputs,
    /// How often its steps could not be recorded.
    pub(super) unrecorded: usize,
}

/// What all lanes of a group are trained with.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) device: OpenDevice,
    pub(super) images: DeviceImages,
    /// The class of each training image.
    pub(super) labels: Arc<Vec<u16>>,
}

impl Work {
    /// The lanes, in the tensors' rows of the same order, go on from `states`.
    pub(super) fn new(
        shared: &Shared,
        rows: Vec<usize>,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
    ) -> Result<Self, TrainError> {
        Self::after_failures(shared, rows, lanes, states, 0)
    }

    /// The same after that many recordings have failed.
    fn after_failures(
        shared: &Shared,
        rows: Vec<usize>,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        unrecorded: usize,
    ) -> Result<Self, TrainError> {
        let Shared { device, images, labels } = shared;
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
            augment: lanes
                .first()
                .and_then(|lane| device.lasting(|| Augment::new(&configs, lane.spec.image, &device.device))),
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
            augmented: tensors.augment.is_some(),
            noise: configs.iter().any(|config| config.train.instance_noise > 0.0),
            classes: tensors.classes.is_some(),
            image: lanes.first().map_or(0, |lane| lane.spec.image.size()),
            penalty: tensors.penalty.as_ref().map(|penalty| penalty.points),
            penalised: Vec::new(),
            generator_coefficients: tensors.generator.varying_coefficients(),
            discriminator_coefficients: tensors.discriminator.varying_coefficients(),
            averaged: tensors.generator.is_averaged(),
        };
        let largest = configs.first().zip(lanes.first()).and_then(|(config, lane)| {
            // A group whose networks do not fit its images has no tensors.
            largest_temporary_bytes(config, &lane.spec, lanes.len()).ok()
        });
        let room = vec![largest.unwrap_or(0); MORE_ROOM * unrecorded];
        let inputs = StepInputs::start(lanes.clone(), positions.clone(), Arc::clone(labels), &sizes);
        Ok(Self {
            rows,
            lanes,
            positions,
            engine: Engine::new(device.clone(), tensors, room),
            inputs,
            unrecorded,
        })
    }

    /// Takes `steps` steps, and measures what points need in the last one if `point`. Returns the metrics of
    /// each step.
    pub(super) fn advance(
        &mut self,
        steps: usize,
        point: bool,
        shared: &Shared,
    ) -> Result<Vec<Tensor<2>>, TrainError> {
        let mut measured = Vec::with_capacity(steps);
        while measured.len() < steps {
            if self.engine.left() == 0 {
                let ended = || shared.device.failed("the thread that prepares its steps has ended");
                let block = self.inputs.next().ok_or_else(ended)?;
                self.engine.fill(&block, || device_plan(&block.shape, &self.lanes, &shared.device));
            }
            let left = steps - measured.len();
            let (most, point) = if point && left > 1 { (left - 1, false) } else { (left, point) };
            // A step that cannot be recorded leaves nothing behind to go on from.
            let kept =
                if self.engine.will_record(most, point) { Some(self.states(&shared.device)?) } else { None };
            match (self.engine.advance(most, point, &mut measured), kept) {
                (Ok((taken, updates)), _) => {
                    for position in &mut self.positions {
                        *position = position.after(taken as u64, updates as u64);
                    }
                }
                (Err(Unrecorded), Some(states)) => self.begin_again(states, shared)?,
                (Err(Unrecorded), None) => return Err(shared.device.failed("it could not record a step")),
            }
        }
        Ok(measured)
    }

    /// Makes all tensors anew, after a step could not be recorded. The states are those before it, and a group goes on from
    /// its states bit by bit.
    fn begin_again(&mut self, states: Vec<LaneState>, shared: &Shared) -> Result<(), TrainError> {
        self.engine.clear();
        let unrecorded = self.unrecorded + 1;
        let mut device = shared.device.clone();
        if unrecorded == MOST_RECORDINGS {
            device = device.without_replay();
        }
        let shared = Shared { device, images: shared.images.clone(), labels: Arc::clone(&shared.labels) };
        let (rows, lanes) = (self.rows.clone(), self.lanes.clone());
        *self = Self::after_failures(&shared, rows, lanes, states, unrecorded)?;
        Ok(())
    }

    /// The state of each row.
    fn states(&self, device: &OpenDevice) -> Result<Vec<LaneState>, TrainError> {
        (0..self.rows.len()).map(|row| self.state(row, device)).collect()
    }

    /// The state of the lane in that row.
    pub(super) fn state(&self, row: usize, device: &OpenDevice) -> Result<LaneState, TrainError> {
        let Position { step, generator_updates, discriminator_updates } = self.positions[row];
        let mut state = LaneState { step, generator_updates, discriminator_updates, arrays: BTreeMap::new() };
        let asked = self.engine.with(|lanes| {
            let asked = lanes.generator.request(row, Transaction::default());
            lanes.discriminator.request(row, asked)
        });
        let data = asked.try_execute().map_err(|error| device.failed(&error))?;
        let numbers = data.into_iter().map(TensorData::try_into_vec::<f32>).collect::<Result<Vec<_>, _>>();
        let mut numbers = numbers.map_err(|error| device.failed(&error))?.into_iter();
        let received = self.engine.with(|lanes| {
            lanes.generator.receive(&mut numbers, &mut state)?;
            lanes.discriminator.receive(&mut numbers, &mut state)
        });
        received.map(|()| state).ok_or_else(|| device.failed("it gave back less than a lane's state"))
    }

    /// A lane's row in the tensors.
    pub(super) fn row(&self, lane: usize) -> Option<usize> {
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

impl Position {
    fn of(state: &LaneState) -> Self {
        let LaneState { step, generator_updates, discriminator_updates, .. } = *state;
        Self { step, generator_updates, discriminator_updates }
    }
}
