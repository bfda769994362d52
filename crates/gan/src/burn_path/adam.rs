//! Adam for all lanes of a network at once.

use std::ops::Range;

use burn::tensor::Tensor;
use gansweep_experiment::AdamConfig;

use crate::device::{DeviceKind, OpenDevice};

/// Numbers of all lanes that a processor updates at a time. A dozen operations pass over each
/// number; a part that stays in the caches meanwhile travels from memory and back once.
const CACHED_NUMBERS: usize = 128 << 10;

/// The numbers of Adam that stay the same from step to step, each `[lanes, 1]`.
#[derive(Debug, Clone)]
pub(super) struct Adam {
    beta1: Tensor<2>,
    rest1: Tensor<2>,
    beta2: Tensor<2>,
    rest2: Tensor<2>,
    eps: Tensor<2>,
    /// Numbers of a lane that are updated at a time; on a GPU all.
    part: usize,
}

/// The numbers of Adam that depend on how many updates there have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Correction {
    /// `lr / (1 - beta1^t)`.
    pub(super) step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub(super) root: f32,
}

impl Correction {
    /// Of update `t`, counted from 1.
    pub(super) fn new(config: &AdamConfig, t: u64) -> Self {
        let power = |beta: f64| beta.powf(t as f64);
        Self {
            step_size: (config.lr / (1.0 - power(config.beta1))) as f32,
            root: (1.0 / (1.0 - power(config.beta2)).sqrt()) as f32,
        }
    }
}

/// Parameters and moments of a network, each `[lanes, numbers]`.
///
/// Each tensor keeps its place in the device's memory through every update, which a recorded step
/// relies on: it is taken out, changed as its only owner, and put back.
#[derive(Debug)]
pub(super) struct Trained {
    /// The parameters.
    pub(super) values: Tensor<2>,
    /// Decayed mean of the gradients.
    pub(super) first: Tensor<2>,
    /// Decayed mean of their squares.
    pub(super) second: Tensor<2>,
}

impl Adam {
    /// Of every lane.
    pub(super) fn new<'a>(configs: impl Iterator<Item = &'a AdamConfig>, device: &OpenDevice) -> Self {
        let configs: Vec<_> = configs.collect();
        let column = |value: &dyn Fn(&AdamConfig) -> f64| {
            let values: Vec<f32> = configs.iter().map(|config| value(config) as f32).collect();
            Tensor::<1>::from_data(values.as_slice(), &device.device).reshape([configs.len(), 1])
        };
        Self {
            beta1: column(&|config| config.beta1),
            rest1: column(&|config| 1.0 - config.beta1),
            beta2: column(&|config| config.beta2),
            rest2: column(&|config| 1.0 - config.beta2),
            eps: column(&|config| config.eps),
            part: match device.kind {
                DeviceKind::Cpu => (CACHED_NUMBERS / configs.len()).max(1),
                _ => usize::MAX,
            },
        }
    }

    /// One update as `torch.optim.Adam` computes it (Kingma and Ba 2015, algorithm 1):
    /// `gradient` is `[lanes, numbers]`, `step_size` and `root` are a [`Correction`]'s, `[lanes, 1]`.
    pub(super) fn update(
        &self,
        trained: &mut Trained,
        gradient: Tensor<2>,
        step_size: Tensor<2>,
        root: Tensor<2>,
    ) {
        let [lanes, count] = gradient.dims();
        for start in (0..count).step_by(self.part) {
            let part = [0..lanes, start..count.min(start.saturating_add(self.part))];
            self.update_part(trained, &part, cut(&gradient, &part), &step_size, &root);
        }
    }

    /// The same of some of each lane's numbers, `part`.
    fn update_part(
        &self,
        trained: &mut Trained,
        part: &[Range<usize>; 2],
        gradient: Tensor<2>,
        step_size: &Tensor<2>,
        root: &Tensor<2>,
    ) {
        let square = gradient.clone().square() * self.rest2.clone();
        change(&mut trained.first, part, |first| first * self.beta1.clone() + gradient * self.rest1.clone());
        change(&mut trained.second, part, |second| second * self.beta2.clone() + square);
        let [first, second] = [&trained.first, &trained.second].map(|it| cut(it, part));
        let scale = second.sqrt() * root.clone() + self.eps.clone();
        let step = first / scale * step_size.clone();
        change(&mut trained.values, part, |values| values - step);
    }
}

/// A part of a tensor; of all of it no copy is made.
fn cut(tensor: &Tensor<2>, part: &[Range<usize>; 2]) -> Tensor<2> {
    if is_whole(tensor, part) { tensor.clone() } else { tensor.clone().slice(part.clone()) }
}

fn is_whole(tensor: &Tensor<2>, part: &[Range<usize>; 2]) -> bool {
    tensor.dims() == part.each_ref().map(Range::len)
}

/// Changes a part of a tensor where it is.
fn change(tensor: &mut Tensor<2>, part: &[Range<usize>; 2], how: impl FnOnce(Tensor<2>) -> Tensor<2>) {
    let whole = is_whole(tensor, part);
    tensor.inplace(|all| match whole {
        true => how(all),
        false => {
            let changed = how(all.clone().slice(part.clone()));
            all.slice_assign(part.clone(), changed)
        }
    });
}
