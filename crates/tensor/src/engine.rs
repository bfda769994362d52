//! Steps on the device: issued operation by operation, or recorded once as a graph and replayed.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::{Graph, Tensor, capture};

use super::inputs::Block;
use super::rows::Rows;
use super::step::{DevicePlan, FusedLanes};
use crate::device::OpenDevice;

/// Steps that [`capture`] takes at most while it records one: those that warm up, and the one that is recorded.
const RECORDING_STEPS: usize = 4;

/// All tensors on the device, and the recorded graphs of its steps.
pub(super) struct Engine {
    device: OpenDevice,
    tensors: Rc<RefCell<Tensors>>,
    graphs: Vec<StepGraph>,
    /// Bytes of each tensor that is held while a recording warms up, so that the device holds more memory than these steps
    /// need.
    room: Vec<u64>,
    /// Index of the step shape of the current block, and the rows that are left in it.
    current: (usize, usize),
}

/// The tensors, shared with the recordings that write into them.
pub(super) struct Tensors {
    /// Both networks of all lanes.
    pub(super) lanes: FusedLanes,
    /// One for each step shape.
    inputs: Vec<(DevicePlan, Rows)>,
}

/// The recorded graph of the steps of one shape.
struct StepGraph {
    recording: Option<Recording>,
    /// Whether recording has not been tried yet.
    may_record: bool,
}

/// A graph that yields the metrics of a step, `[lanes, metrics]`. Each replay overwrites them.
type Recording = Graph<Tensor<2>, Box<dyn FnMut() -> Tensor<2>>>;

/// A step could not be recorded. A recording takes no memory that the device does not hold already, and whether a step
/// finds room in it depends on the timing of the device's threads.
#[derive(Debug)]
pub(super) struct Unrecorded;

impl Engine {
    /// An engine without rows and recordings. `room` is the bytes of tensors that a recorded step may need besides those of
    /// the steps before it.
    pub(super) fn new(device: OpenDevice, lanes: FusedLanes, room: Vec<u64>) -> Self {
        let tensors = Rc::new(RefCell::new(Tensors { lanes, inputs: Vec::new() }));
        Self { device, tensors, graphs: Vec::new(), room, current: (0, 0) }
    }

    /// Gives access to the lanes between steps.
    pub(super) fn with<T>(&self, work: impl FnOnce(&FusedLanes) -> T) -> T {
        work(&self.tensors.borrow().lanes)
    }

    /// Frees the rows and the recordings. The lanes stay.
    pub(super) fn clear(&mut self) {
        self.graphs.clear();
        self.tensors.borrow_mut().inputs.clear();
        self.current = (0, 0);
    }

    /// Rows left in the current block.
    pub(super) fn left(&self) -> usize {
        self.current.1
    }

    /// Uploads a block of rows. `plan` is called for the first block of each step shape.
    pub(super) fn fill(&mut self, block: &Block, plan: impl FnOnce() -> DevicePlan) {
        let mut tensors = self.tensors.borrow_mut();
        let known = tensors.inputs.iter().position(|(plan, _)| plan.shape == block.shape);
        let shape = known.unwrap_or_else(|| {
            let plan = plan();
            let rows = self.device.lasting(|| Rows::new(&plan.layout, &self.device.device));
            tensors.inputs.push((plan, rows));
            self.graphs.push(StepGraph { recording: None, may_record: self.device.replays });
            tensors.inputs.len() - 1
        });
        tensors.inputs[shape].1.fill(block);
        self.current = (shape, block.steps);
    }

    /// Whether [`Self::advance`] with these arguments records a step.
    pub(super) fn will_record(&self, most: usize, point: bool) -> bool {
        let (shape, left) = self.current;
        !point && self.graphs[shape].may_record && most.min(left) >= RECORDING_STEPS
    }

    /// Takes at least one step and at most `most`, no more than [`Self::left`]. Appends the metrics of each to
    /// `measured`, `[lanes, metrics]`, with those of a point after those of a step if `point`. Returns the
    /// number of steps, and of discriminator updates in each.
    ///
    /// # Errors
    ///
    /// If it was to record a step and the device could not. The tensors hold nothing of use then.
    pub(super) fn advance(
        &mut self,
        most: usize,
        point: bool,
        measured: &mut Vec<Tensor<2>>,
    ) -> Result<(usize, usize), Unrecorded> {
        let (shape, left) = self.current;
        let before = measured.len();
        if point {
            measured.push(self.tensors.borrow_mut().step(shape, true));
        } else if let Some(recording) = &mut self.graphs[shape].recording {
            measured.push(replay(recording));
        } else if self.will_record(most, point) {
            self.record(shape, measured)?;
        } else {
            measured.push(self.tensors.borrow_mut().step(shape, false));
        }
        let taken = measured.len() - before;
        self.current.1 -= taken.min(left);
        Ok((taken, self.tensors.borrow().inputs[shape].0.shape.batches.len()))
    }

    /// Records a step. Some backends execute it a few times for that, and those steps count.
    fn record(&mut self, shape: usize, measured: &mut Vec<Tensor<2>>) -> Result<(), Unrecorded> {
        let taken = |tensors: &Tensors| tensors.inputs[shape].1.taken();
        let log = Rc::new(RefCell::new(Vec::new()));
        let (tensors, entries) = (Rc::clone(&self.tensors), Rc::clone(&log));
        #[cfg(test)]
        let mut fault = self.device.fault.clone();
        let mut room = self.make_room();
        // Waits for the device, which has made the room then.
        let before = taken(&self.tensors.borrow());
        let mut runs = 0;
        let step: Box<dyn FnMut() -> Tensor<2>> = Box::new(move || {
            runs += 1;
            if runs == RECORDING_STEPS {
                room.clear();
            }
            let values = tensors.borrow_mut().step(shape, false);
            #[cfg(test)]
            let values = fault.in_last(values);
            entries.borrow_mut().push(values.clone());
            values
        });
        let recording = capture(&self.device.device, step);
        // How often the backend has executed the step differs; the device's row counter has the number.
        let after = taken(&self.tensors.borrow());
        let steps = after.zip(before).map(|(after, before)| after - before).ok_or(Unrecorded)?;
        measured.extend(log.take().into_iter().take(steps));
        let graph = &mut self.graphs[shape];
        graph.may_record = false;
        graph.recording = recording.is_hardware().then_some(recording);
        Ok(())
    }

    /// Tensors that take up the room for a recorded step.
    fn make_room(&self) -> Vec<Tensor<1>> {
        let numbers = self.room.iter().map(|bytes| usize::try_from(bytes / 4).unwrap_or(usize::MAX));
        numbers.map(|numbers| Tensor::zeros([numbers], &self.device.device)).collect()
    }
}

impl Tensors {
    fn step(&mut self, shape: usize, point: bool) -> Tensor<2> {
        let (plan, rows) = &mut self.inputs[shape];
        self.lanes.step(plan, rows, point)
    }
}

/// Replays a recorded step; returns a copy of its metrics.
fn replay(recording: &mut Recording) -> Tensor<2> {
    // SAFETY: every tensor that a step reads or writes is owned by the `Tensors` that the recorded
    // closure owns a share of, and is only ever changed in place; all work on it is issued by this
    // thread, on the stream that the recording was made on.
    let values = unsafe { recording.replay() };
    // A copy, since the next replay overwrites them; `clone` alone shares memory.
    values.clone() * 1.0
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("device", &self.device)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
