//! The step of a multilayer perceptron GAN written out by hand for the CPU.
//!
//! A lane is trained by one thread, from a workspace of its own that is laid out once; the lanes of
//! a group advance independently of each other. So a lane's bits depend on nothing but its config,
//! seed, data and state. They are even the same on every processor with fused multiply-adds: sums
//! have one order whatever the width of the vectors, and no function of the platform is called.
//!
//! A step is a dozen matrix products ([`product`]) on matrices in one layout that suits all of them
//! ([`matrix`]). What follows a product happens while its sums are in registers: bias and
//! activation, or, where it is a weight's gradient, the optimiser's update, so that such a gradient is
//! never in memory. Vectors are chosen when the program runs, by what the processor has.
//!
//! Real images are mostly background. Where they are, the discriminator takes them as that and some
//! ink on it ([`sparse`]), which leaves most of their multiplications out.
//!
//! Subnormal numbers, on which many processors are a hundred times slower, are kept out where they
//! would come up: in optimisers' buffers and in the loss's gradient. The processor's own way of flushing
//! them to zero is left off, since Rust does not allow its floating-point mode to be changed.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "the elements of several lines go in lockstep, which becomes vector instructions"
)]
#![cfg_attr(test, expect(clippy::float_cmp, reason = "tests compare bits"))]

mod activation;
mod affine;
mod batch;
mod batch_norm;
mod engine;
mod input;
mod lane;
mod layer_norm;
mod loss;
mod mask;
mod matrix;
mod network;
mod norm;
mod product;
mod sparse;
mod squash;
mod stage;
#[cfg(test)]
mod tests;
mod trained;
mod transpose;
mod weights;
mod workspace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gansweep_config::SampleMode;

pub use engine::Phase;
pub use gansweep_nn::Vectors;
use gansweep_nn::state::LaneState;
use gansweep_train::TrainError;
use gansweep_train::{Lane, LaneChunk, Trainer, TrainingImages};
use lane::LaneTrainer;
use sparse::Drawings;

/// Trains a group on the CPU, each lane on one thread at a time.
#[derive(Debug)]
pub struct CpuTrainer {
    vectors: Vectors,
    /// `None` where a lane is retired.
    lanes: Vec<Option<LaneTrainer>>,
    images: TrainingImages,
    threads: usize,
}

impl CpuTrainer {
    /// Lanes in the given states, on up to `threads` threads.
    ///
    /// # Errors
    /// [`TrainError::Group`] if there are not as many states as lanes, a state does not fit its
    /// lane's config, or the images are fewer than a config asks for or of another shape.
    pub fn new(
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        images: TrainingImages,
        threads: usize,
    ) -> Result<Self, TrainError> {
        Self::with_vectors(Vectors::widest(), lanes, states, images, threads)
    }

    /// The same, with vectors that need not be the widest: to measure and test all of them.
    ///
    /// # Errors
    /// As [`CpuTrainer::new`].
    pub fn with_vectors(
        vectors: Vectors,
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        images: TrainingImages,
        threads: usize,
    ) -> Result<Self, TrainError> {
        if lanes.len() != states.len() {
            let (lanes, states) = (lanes.len(), states.len());
            return Err(TrainError::Group(format!("{lanes} lanes with {states} states")));
        }
        let count = images.count.min(images.bytes.len() / images.shape.size());
        let images = TrainingImages { count, ..images };
        let mut drawings = BTreeMap::new();
        let lanes = lanes.into_iter().zip(states).enumerate().map(|(index, (lane, state))| {
            images.check(&lane).map_err(|cause| TrainError::Group(format!("lane {index} {cause}")))?;
            let wanted = lane.config.images(&lane.spec) as usize;
            // Its own images decide, whatever its neighbours train on.
            let background = Drawings::background(&TrainingImages { count: wanted, ..images.clone() });
            let drawings = background.map(|byte| {
                Arc::clone(drawings.entry(byte).or_insert_with(|| Arc::new(Drawings::new(&images, byte))))
            });
            LaneTrainer::new(vectors.arch(), lane, &state, drawings).map(Some)
        });
        Ok(Self { vectors, lanes: lanes.collect::<Result<_, _>>()?, images, threads: threads.max(1) })
    }

    /// Measures from now on where the time goes, at the cost of reading the clock between phases.
    pub fn start_clock(&mut self) {
        self.lanes.iter_mut().flatten().for_each(LaneTrainer::start_clock);
    }

    /// Time that all active lanes together spent in each phase since the clock was started.
    pub fn spent(&self) -> [Duration; Phase::ALL.len()] {
        let mut sums = [Duration::ZERO; Phase::ALL.len()];
        for lane in self.lanes.iter().flatten() {
            sums.iter_mut().zip(lane.spent()).for_each(|(sum, spent)| *sum += spent);
        }
        sums
    }

    /// Does `work` for every active lane, on as many threads as there are lanes and may be used.
    fn each<T: Send>(&mut self, work: impl Fn(usize, &mut LaneTrainer) -> T + Sync) -> Vec<Option<T>> {
        let active = self.lanes.iter().flatten().count();
        let mut results: Vec<Option<T>> = self.lanes.iter().map(|_| None).collect();
        let queue = Mutex::new(self.lanes.iter_mut().zip(&mut results).enumerate());
        let drain = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, (lane, result))) = next else { return };
                *result = lane.as_mut().map(|lane| work(index, lane));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(active) {
                scope.spawn(drain);
            }
            drain();
        });
        results
    }

    fn lane(&mut self, lane: usize) -> Result<&mut LaneTrainer, TrainError> {
        let count = self.lanes.len();
        let active = self.lanes.get_mut(lane).and_then(Option::as_mut);
        active.ok_or_else(|| TrainError::Group(format!("lane {lane} of {count} is not active")))
    }
}

impl Trainer for CpuTrainer {
    fn backend(&self) -> String {
        format!("native ({})", self.vectors)
    }

    fn advance(&mut self, steps: u32, point: bool) -> Result<Vec<Option<LaneChunk>>, TrainError> {
        let images = self.images.clone();
        Ok(self.each(|_, lane| lane.advance(&images, steps, point)))
    }

    fn sample(
        &mut self,
        latents: &[Vec<f32>],
        count: usize,
        mode: SampleMode,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError> {
        if latents.len() != self.lanes.len() {
            let (lanes, given) = (self.lanes.len(), latents.len());
            return Err(TrainError::Group(format!("{lanes} lanes with the latents of {given}")));
        }
        Ok(self.each(|index, lane| lane.sample(&latents[index], count, mode)))
    }

    fn state(&mut self, lane: usize) -> Result<LaneState, TrainError> {
        self.lane(lane).map(LaneTrainer::state)
    }

    fn retire(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            *lane = None;
        }
    }
}
