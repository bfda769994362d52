//! The step of a GAN written out by hand for the CPU: of multilayer perceptrons, and of networks of
//! convolutions ([`conv`]).
//!
//! One thread trains a lane, in a workspace that is allocated once; the lanes of a group advance
//! independently. So a lane's bits depend on its config, seed, data and state alone. They are the same on
//! every processor with fused multiply-adds, but for batches whose nonzero elements AVX-512 adds in another order
//! ([`nonzeros`]): all other sums have one order for vectors of any width, and no function of the platform's mathematics
//! library is called.
//!
//! A step is a dozen matrix products ([`product`]) on matrices in one layout ([`matrix`]). The epilogue of a
//! product works on the sums of one tile at a time: it adds the bias and applies the activation, or,
//! if the product is the gradient of a weight, it applies the optimiser's update. Such a gradient is
//! a matrix in memory only if its norm is clipped, if the weight has a spectral norm, or, for one tap at a time, in networks of
//! convolutions and in lists of layers. The SIMD instruction set is chosen at run time.
//!
//! Where real images are mostly background, the discriminator's first layer multiplies their foreground
//! pixels alone ([`sparse`]).
//!
//! Many processors are a hundred times slower on subnormal numbers. The code flushes them to zero where
//! they would arise: in optimisers' buffers and in the loss's gradient. It does not use the processor's
//! flush-to-zero mode, since Rust does not allow the floating-point mode to be changed.

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
mod added_pairs;
mod affine;
mod augment;
mod batch;
mod batch_norm;
mod condition;
mod conv;
mod engine;
mod exponential;
mod image_norm;
mod image_norm_tangents;
mod lane;
mod lines;
mod loss;
mod mask;
mod matrix;
mod memory;
mod net;
mod network;
mod nonzeros;
mod norm;
mod output_activation;
mod parameters;
mod penalty;
mod product;
mod smooth;
mod sparse;
mod spectral_norm;
mod stage;
mod support;
mod tangents;
#[cfg(test)]
mod tests;
mod together;
mod trained;
mod transpose;
mod weights;
mod workspace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gansweep_config::{NetworkKind, SampleMode};

pub use engine::Phase;
pub use gansweep_nn::Vectors;
use gansweep_nn::network::{Network, Role};
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;
use gansweep_train::TrainError;
use gansweep_train::{Lane, LaneChunk, Latents, Trainer, TrainingImages, refuse_beyond_memory};
use lane::LaneTrainer;
pub use memory::lane_bytes;
use net::Form;
use sparse::SparseImages;
pub use support::supports;

/// Trains a group on the CPU. Each lane is on one thread at a time.
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
    /// [`TrainError::OutOfMemory`] if the machine has less memory than the lanes take by estimate.
    pub fn new(
        lanes: Vec<Lane>,
        states: Vec<LaneState>,
        images: TrainingImages,
        threads: usize,
    ) -> Result<Self, TrainError> {
        Self::with_vectors(Vectors::widest(), lanes, states, images, threads)
    }

    /// The same with any instruction set of the processor, for tests and measurements.
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
        let mut bytes = 0u64;
        for lane in &lanes {
            supports(&lane.config, &lane.spec)?;
            bytes = bytes.saturating_add(lane_bytes(&lane.config, &lane.spec)?);
        }
        refuse_beyond_memory("cpu", bytes)?;
        let count = images.count.min(images.bytes.len() / images.shape.size());
        let images = TrainingImages { count, ..images };
        let mut sparse_images = BTreeMap::new();
        let lanes = lanes.into_iter().zip(states).enumerate().map(|(index, (lane, state))| {
            images.check(&lane).map_err(|cause| TrainError::Group(format!("lane {index} {cause}")))?;
            let wanted = lane.config.images(&lane.spec) as usize;
            // Decided by the lane's own images, so that its bits do not depend on the group.
            // Other networks take dense images.
            let discriminator = Network::of(Role::Discriminator, &lane.config, &lane.spec)?;
            let is_perceptron = lane.config.model.discriminator.kind == NetworkKind::Mlp
                && Form::of(&discriminator, &lane.config) == Form::Perceptron;
            let background = is_perceptron
                .then(|| SparseImages::background(&TrainingImages { count: wanted, ..images.clone() }))
                .flatten()
                // Changes leave no background of one value.
                .filter(|_| !lane.config.changes_inputs());
            let sparse_images = background.map(|byte| {
                Arc::clone(
                    sparse_images.entry(byte).or_insert_with(|| Arc::new(SparseImages::new(&images, byte))),
                )
            });
            LaneTrainer::new(vectors.arch(), lane, &state, sparse_images).map(Some)
        });
        Ok(Self { vectors, lanes: lanes.collect::<Result<_, _>>()?, images, threads: threads.max(1) })
    }

    /// Starts profiling, which costs reading the clock between phases.
    pub fn start_clock(&mut self) {
        self.lanes.iter_mut().flatten().for_each(LaneTrainer::start_clock);
    }

    /// Time that all active lanes together spent in each phase since profiling started.
    pub fn spent(&self) -> [Duration; Phase::ALL.len()] {
        let mut sums = [Duration::ZERO; Phase::ALL.len()];
        for lane in self.lanes.iter().flatten() {
            sums.iter_mut().zip(lane.spent()).for_each(|(sum, spent)| *sum += spent);
        }
        sums
    }

    /// Runs `work` for every active lane, on up to `threads` threads. Entry `i` of the result is lane `i`'s.
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
        latents: &Latents,
        mode: SampleMode,
        source: SampleSource,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError> {
        if latents.lanes.len() != self.lanes.len() {
            let (lanes, given) = (self.lanes.len(), latents.lanes.len());
            return Err(TrainError::Group(format!("{lanes} lanes with the latents of {given}")));
        }
        let images =
            self.each(|index, lane| lane.sample(&latents.lanes[index], &latents.classes, mode, source));
        match images.iter().position(|images| matches!(images, Some(None))) {
            Some(lane) => Err(TrainError::Group(format!("lane {lane} keeps no average of its weights"))),
            None => Ok(images.into_iter().map(Option::flatten).collect()),
        }
    }

    fn logits(&mut self, lane: usize, images: &[f32], classes: &[u16]) -> Result<Vec<f32>, TrainError> {
        Ok(self.lane(lane)?.logits(images, classes))
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
