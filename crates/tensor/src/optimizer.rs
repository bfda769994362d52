//! The optimiser of a network, for all lanes at once.

use burn::tensor::{Device, Tensor};
use gansweep_config::NetworkOptimizer;
use gansweep_nn::optimizer::{self, Algorithm, Declaration, Elements, Update, Visitor, step_slices};
use rayon::prelude::*;

use crate::device::in_host_memory;

/// The optimiser of a network, with numbers of its own for each lane.
#[derive(Debug, Clone)]
pub(super) struct Optimizer {
    algorithm: Algorithm,
    /// The first update of each lane; of later ones only the numbers that vary are others.
    first: Vec<Update>,
    /// The numbers that never vary, each `[lanes, 1]`.
    constant: Vec<Tensor<2>>,
}

/// Parameters of a network and the buffers of its optimiser, each `[lanes, numbers]`.
///
/// Each tensor keeps its place in the device's memory through every update, which a recorded step
/// relies on: it is taken out, changed as its only owner, and put back.
#[derive(Debug)]
pub(super) struct Trained {
    /// The parameters.
    pub(super) values: Tensor<2>,
    /// In the order of [`Optimizer::buffers`].
    pub(super) buffers: Vec<Tensor<2>>,
}

impl Optimizer {
    /// Of every lane; all lanes have the same algorithm.
    pub(super) fn new(configs: &[&NetworkOptimizer], device: &Device) -> Self {
        let first: Vec<_> = configs.iter().map(|config| Update::new(config, 1)).collect();
        let algorithm = first.first().map_or(Algorithm::Adam, |update| update.algorithm);
        let column = |index: usize| {
            let values: Vec<f32> = first.iter().map(|update| update.number(index)).collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([first.len(), 1])
        };
        let Declaration { numbers, varying, .. } = algorithm.declaration();
        let constant = (varying..numbers).map(column).collect();
        Self { algorithm, first, constant }
    }

    /// Names of the buffers beside each parameter.
    pub(super) fn buffers(&self) -> &'static [&'static str] {
        self.algorithm.declaration().buffers
    }

    /// How many numbers of an update depend on which update it is.
    pub(super) fn varying(&self) -> usize {
        self.algorithm.declaration().varying
    }

    /// One update: `gradient` is `[lanes, numbers]`, `varying` the numbers of this update that depend on
    /// its number, each `[lanes, 1]`.
    pub(super) fn update(&self, trained: &mut Trained, gradient: Tensor<2>, varying: Vec<Tensor<2>>) {
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

    fn visit<O: optimizer::Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(mut self) {
        if self.in_one_pass::<O, STATE, NUMBERS>() {
            return;
        }
        let numbers: Vec<_> =
            self.varying.into_iter().chain(self.optimizer.constant.iter().cloned()).map(Numbers).collect();
        let Ok(numbers) = <[Numbers; NUMBERS]>::try_from(numbers) else {
            unreachable!("an update has as many numbers as its optimiser")
        };
        let buffers: Vec<_> = std::mem::take(&mut self.trained.buffers).into_iter().map(Numbers).collect();
        let Ok(buffers) = <[Numbers; STATE]>::try_from(buffers) else {
            unreachable!("parameters have the buffers of their optimiser")
        };
        let Trained { values, buffers: kept } = self.trained;
        values.inplace(|values| {
            let (values, buffers) = O::step(&numbers, Numbers(self.gradient), Numbers(values), buffers);
            kept.extend(buffers.map(|buffer| buffer.0));
            values.0
        });
    }
}

impl Step<'_> {
    /// The update in one pass over every number, where they lie in this process's memory; whether it was
    /// done. A dozen operations of a processor are a dozen passes over more than its caches hold.
    fn in_one_pass<O: optimizer::Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(
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
                    let mut numbers = first.numbers::<NUMBERS>();
                    numbers.iter_mut().zip(varying).for_each(|(number, varying)| *number = varying[lane]);
                    step_slices::<O, STATE, NUMBERS>(&numbers, gradient, value, buffers);
                },
            );
        })
    }
}

/// Numbers of all lanes, `[lanes, numbers]`, or one for each, `[lanes, 1]`.
#[derive(Debug, Clone)]
struct Numbers(Tensor<2>);

/// Whatever changes a buffer or the parameters has them on its left, so that they keep their place.
impl Elements for Numbers {
    fn plus(self, other: &Self) -> Self {
        Self(self.0 + other.0.clone())
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
