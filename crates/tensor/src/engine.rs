//! Steps on the device, issued one by one or recorded once and replayed.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::{Graph, Tensor, capture};

use super::feed::Block;
use super::rows::Rows;
use super::step::{Lanes, StepKit};
use crate::device::OpenDevice;

/// Steps that [`capture`] takes at most while it records one.
const RECORDING_STEPS: usize = 4;

/// Everything on the device, and the recordings of its steps.
pub(super) struct Engine {
    device: OpenDevice,
    tensors: Rc<RefCell<Tensors>>,
    tracks: Vec<Track>,
    /// The track of the block in use, and how many of its rows are left.
    current: (usize, usize),
}

/// The tensors, shared with the recordings that write into them.
pub(super) struct Tensors {
    /// Both networks of all lanes.
    pub(super) lanes: Lanes,
    /// One for each shape of step.
    inputs: Vec<(StepKit, Rows)>,
}

/// How steps of one shape are taken.
struct Track {
    recording: Option<Recording>,
    /// Whether a recording may yet be tried.
    may_record: bool,
}

/// A step's measurements `[lanes, 5]`, written anew by each replay.
type Recording = Graph<Tensor<2>, Box<dyn FnMut() -> Tensor<2>>>;

impl Engine {
    /// Nothing recorded, no rows to take steps from.
    pub(super) fn new(device: OpenDevice, lanes: Lanes) -> Self {
        let tensors = Rc::new(RefCell::new(Tensors { lanes, inputs: Vec::new() }));
        Self { device, tensors, tracks: Vec::new(), current: (0, 0) }
    }

    /// Reads from, or writes to, the lanes between steps.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Lanes) -> T) -> T {
        work(&self.tensors.borrow().lanes)
    }

    /// Rows left to take steps from.
    pub(super) fn left(&self) -> usize {
        self.current.1
    }

    /// Uploads the rows of the next steps. `kit` makes what steps of a new shape need.
    pub(super) fn fill(&mut self, block: &Block, kit: impl FnOnce() -> StepKit) {
        let mut tensors = self.tensors.borrow_mut();
        let known = tensors.inputs.iter().position(|(kit, _)| kit.shape == block.shape);
        let track = known.unwrap_or_else(|| {
            let kit = kit();
            let rows = self.device.lasting(|| Rows::new(&kit.layout, &self.device.device));
            tensors.inputs.push((kit, rows));
            self.tracks.push(Track { recording: None, may_record: self.device.replays });
            tensors.inputs.len() - 1
        });
        tensors.inputs[track].1.fill(block);
        self.current = (track, block.steps);
    }

    /// Takes at least one step and at most `most`, no more than [`Self::left`]; what each measured
    /// is appended to `measured`, as `[lanes, metrics]`, with those of a point after those of a step if `point`. Returns the number
    /// of steps, and of discriminator updates in each.
    pub(super) fn advance(
        &mut self,
        most: usize,
        point: bool,
        measured: &mut Vec<Tensor<2>>,
    ) -> (usize, usize) {
        let (track, left) = self.current;
        let before = measured.len();
        if point {
            measured.push(self.tensors.borrow_mut().step(track, true));
        } else if let Some(recording) = &mut self.tracks[track].recording {
            measured.push(replay(recording));
        } else if self.tracks[track].may_record && most.min(left) >= RECORDING_STEPS {
            self.record(track, measured);
        } else {
            measured.push(self.tensors.borrow_mut().step(track, false));
        }
        let taken = measured.len() - before;
        self.current.1 -= taken.min(left);
        (taken, self.tensors.borrow().inputs[track].0.shape.batches.len())
    }

    /// Records a step, which takes a few.
    fn record(&mut self, track: usize, measured: &mut Vec<Tensor<2>>) {
        let taken = |tensors: &Tensors| tensors.inputs[track].1.taken();
        let before = taken(&self.tensors.borrow());
        let log = Rc::new(RefCell::new(Vec::new()));
        let (tensors, entries) = (Rc::clone(&self.tensors), Rc::clone(&log));
        let step: Box<dyn FnMut() -> Tensor<2>> = Box::new(move || {
            let values = tensors.borrow_mut().step(track, false);
            entries.borrow_mut().push(values.clone());
            values
        });
        let recording = capture(&self.device.device, step);
        // A step that was recorded has not been taken; what has been the device's own count says.
        let after = taken(&self.tensors.borrow());
        let steps = after.zip(before).map_or(0, |(after, before)| after - before);
        measured.extend(log.take().into_iter().take(steps));
        let track = &mut self.tracks[track];
        track.may_record = false;
        track.recording = recording.is_hardware().then_some(recording);
    }
}

impl Tensors {
    fn step(&mut self, track: usize, point: bool) -> Tensor<2> {
        let (kit, rows) = &mut self.inputs[track];
        self.lanes.step(kit, rows, point)
    }
}

/// Replays a recorded step; returns what it measured in memory of its own.
fn replay(recording: &mut Recording) -> Tensor<2> {
    // SAFETY: every tensor that a step reads or writes is owned by the `Tensors` that the recorded
    // closure owns a share of, and is only ever changed in place; all work on it is issued by this
    // thread, on the stream that the recording was made on.
    let values = unsafe { recording.replay() };
    // The next replay overwrites it.
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
