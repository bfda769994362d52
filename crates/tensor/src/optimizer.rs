//! The optimiser of a network, for all lanes at once.

use burn::tensor::{Device, Tensor};
use gansweep_config::NetworkOptimizer;
use gansweep_nn::optimizer::{
    self, Algorithm, CLIP_EPS, Declaration, Elements, Update, Visitor, step_slices,
};
use rayon::prelude::*;

use crate::device::in_host_memory;

/// The optimiser of a network, with coefficients of its own for each lane.
#[derive(Debug, Clone)]
pub(super) struct Optimizer {
    algorithm: Algorithm,
    /// The first update of each lane, for the coefficients that never change.
    first: Vec<Update>,
    /// The coefficients that never change, each `[lanes, 1]`.
    constant: Vec<Tensor<2>>,
    /// The norms that gradients are clipped to, `[lanes, 1]`.
    clip_norms: Option<Tensor<2>>,
}

/// Parameters of a network and the buffers of its optimiser, each `[lanes, numbers]`.
///
/// Recorded steps rely on each tensor to keep its address, so an update changes it in place: it takes the
/// tensor out, changes it as its only owner, and puts it back.
#[derive(Debug)]
pub(super) struct Trained {
    /// The parameters.
    pub(super) values: Tensor<2>,
    /// In the order of [`Optimizer::buffers`].
    pub(super) buffers: Vec<Tensor<2>>,
}

impl Optimizer {
    /// For lanes that all have the same algorithm.
    pub(super) fn new(configs: &[&NetworkOptimizer], device: &Device) -> Self {
        let first: Vec<_> = configs.iter().map(|config| Update::new(config, 1)).collect();
        let algorithm = first.first().map_or(Algorithm::Adam, |update| update.algorithm);
        let column = |index: usize| {
            let values: Vec<f32> = first.iter().map(|update| update.coefficient(index)).collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([first.len(), 1])
        };
        let Declaration { coefficients, varying, .. } = algorithm.declaration();
        let constant = (varying..coefficients).map(column).collect();
        let clip_norms: Option<Vec<f32>> =
            first.iter().map(|update| update.clip_norm.map(|norm| norm as f32)).collect();
        let clip_norms = clip_norms
            .map(|norms| Tensor::<1>::from_data(norms.as_slice(), device).reshape([norms.len(), 1]));
        Self { algorithm, first, constant, clip_norms }
    }

    /// The gradient with a norm of at most that of its lane.
    fn clip(&self, gradient: Tensor<2>) -> Tensor<2> {
        match &self.clip_norms {
            Some(norms) => {
                let scale = (norms.clone() / (norm(&gradient) + CLIP_EPS)).clamp_max(1.0);
                gradient * scale
            }
            None => gradient,
        }
    }

    /// Names of the buffers beside each parameter.
    pub(super) fn buffers(&self) -> &'static [&'static str] {
        self.algorithm.declaration().buffers
    }

    /// How many coefficients change from update to update.
    pub(super) fn varying(&self) -> usize {
        self.algorithm.declaration().varying
    }

    /// One update. `gradient` is `[lanes, numbers]`; `varying` are the coefficients that change from update to
    /// update, each `[lanes, 1]`.
    pub(super) fn update(&self, trained: &mut Trained, gradient: Tensor<2>, varying: Vec<Tensor<2>>) {
        let gradient = self.clip(gradient);
        self.algorithm.visit(Step { optimizer: self, trained, gradient, varying });
    }
}

/// An update of all parameters of a network, compiled for each optimiser.
struct Step<'a> {
    optimizer: &'a Optimizer,
    trained: &'a mut Trained,
    gradient: Tensor<2>,
    varying: Vec<Tensor<2>>,
}

impl Visitor for Step<'_> {
    type Output = ();

    fn visit<O: optimizer::Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
        mut self,
    ) {
        if self.in_one_pass::<O, STATE, COEFFICIENTS>() {
            return;
        }
        let coefficients: Vec<_> =
            self.varying.into_iter().chain(self.optimizer.constant.iter().cloned()).map(LaneValues).collect();
        let Ok(coefficients) = <[LaneValues; COEFFICIENTS]>::try_from(coefficients) else {
            unreachable!("an update has as many coefficients as its optimiser")
        };
        let buffers: Vec<_> = std::mem::take(&mut self.trained.buffers).into_iter().map(LaneValues).collect();
        let Ok(buffers) = <[LaneValues; STATE]>::try_from(buffers) else {
            unreachable!("parameters have the buffers of their optimiser")
        };
        let Trained { values, buffers: kept } = self.trained;
        values.inplace(|values| {
            let (values, buffers) =
                O::step(&coefficients, LaneValues(self.gradient), LaneValues(values), buffers);
            kept.extend(buffers.map(|buffer| buffer.0));
            values.0
        });
    }
}

impl Step<'_> {
    /// Updates in one pass over memory, if the tensors are in this process's memory; returns whether they
    /// are. A dozen tensor operations would be a dozen passes over more than a processor's caches hold.
    fn in_one_pass<
        O: optimizer::Optimizer<STATE, COEFFICIENTS>,
        const STATE: usize,
        const COEFFICIENTS: usize,
    >(
        &mut self,
    ) -> bool {
        let Trained { values, buffers } = &mut *self.trained;
        let written: Vec<_> = std::iter::once(values).chain(buffers).collect();
        let read: Vec<_> = std::iter::once(&self.gradient).chain(&self.varying).collect();
        let first = &self.optimizer.first;
        in_host_memory(written, read, |mut written, read| {
            let (Some((values, buffers)), Some((gradient, varying))) =
                (written.split_first_mut(), read.split_first())
            else {
                return;
            };
            let count = gradient.len() / first.len();
            let mut lanes: Vec<_> = buffers.iter_mut().map(|buffer| buffer.chunks_mut(count)).collect();
            let lanes: Vec<[&mut [f32]; STATE]> = first
                .iter()
                .map(|_| std::array::from_fn(|buffer| lanes[buffer].next().unwrap_or_default()))
                .collect();
            let parameters = gradient.par_chunks(count).zip(values.par_chunks_mut(count));
            parameters.zip(lanes).zip(first).enumerate().for_each(
                |(lane, (((gradient, value), buffers), first))| {
                    let mut coefficients = first.coefficients::<COEFFICIENTS>();
                    coefficients.iter_mut().zip(varying).for_each(|(own, varying)| *own = varying[lane]);
                    step_slices::<O, STATE, COEFFICIENTS>(&coefficients, gradient, value, buffers);
                },
            );
        })
    }
}

/// Squares are summed in blocks of this size first: a backend that adds millions of 32-bit floats one after
/// the other loses the fifth digit.
const BLOCK: usize = 1024;

/// The L2 norm of each lane's gradient, `[lanes, 1]`.
pub(super) fn norm(gradient: &Tensor<2>) -> Tensor<2> {
    let [lanes, count] = gradient.dims();
    let squares = gradient.clone().square();
    let (blocks, rest) = (count / BLOCK, count % BLOCK);
    if blocks == 0 {
        return squares.sum_dim(1).sqrt();
    }
    let in_blocks = squares.clone().narrow(1, 0, blocks * BLOCK).reshape([lanes, blocks, BLOCK]);
    let sum = in_blocks.sum_dim(2).reshape([lanes, blocks]).sum_dim(1);
    if rest == 0 { sum.sqrt() } else { (sum + squares.narrow(1, blocks * BLOCK, rest).sum_dim(1)).sqrt() }
}

/// Values of all lanes, `[lanes, numbers]`, or coefficients, `[lanes, 1]`.
#[derive(Debug, Clone)]
struct LaneValues(Tensor<2>);

/// Parameters and buffers are always the left operand, whose memory an operation reuses.
impl Elements for LaneValues {
    fn plus(self, other: &Self) -> Self {
        Self(self.0 + other.0.clone())
    }

    fn times(self, factor: &Self) -> Self {
        Self(self.0 * factor.0.clone())
    }

    fn times_plus(self, factor: &Self, addend: &Self) -> Self {
        Self(self.0 * factor.0.clone() + addend.0.clone())
    }

    fn over(self, divisor: Self) -> Self {
        Self(self.0 / divisor.0)
    }

    fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }

    fn minus_product(self, other: Self, factor: &Self) -> Self {
        Self(self.0 - other.0 * factor.0.clone())
    }

    fn minus_quotient(self, dividend: Self, divisor: Self, factor: &Self) -> Self {
        let change = dividend.0 / divisor.0 * factor.0.clone();
        Self(self.0 - change)
    }

    fn sum_with(self, other: Self, keep: &Self) -> Self {
        Self(self.0 * keep.0.clone() + other.0)
    }

    fn mean_with(self, other: Self, keep: &Self, take: &Self) -> Self {
        Self(self.0 * keep.0.clone() + other.0 * take.0.clone())
    }

    fn mean_with_square(self, other: &Self, keep: &Self, take: &Self) -> Self {
        let square = other.0.clone().square() * take.0.clone();
        Self(self.0 * keep.0.clone() + square)
    }
}
