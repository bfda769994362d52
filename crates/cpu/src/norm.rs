//! Normalisation between a Linear layer and its activation.

use pulp::Arch;

use super::activation::LeakyRelu;
use super::affine::{Affine, NormTrace, Statistics};
use super::batch_norm::BatchNorm;
use super::layer_norm::LayerNorm;
use super::matrix::Matrix;
use super::trained::Learning;

/// A normalisation layer.
#[derive(Debug)]
pub(super) enum Norm {
    Batch(BatchNorm),
    Layer(LayerNorm),
}

/// The tensors of a normalisation layer. Buffers are named as in PyTorch.
pub(super) struct Tensors<'a> {
    pub(super) affine: &'a mut Affine,
    pub(super) buffers: Vec<(&'static str, &'a mut Matrix)>,
}

impl Norm {
    /// Memory for the trace of up to `rows` rows.
    pub(super) fn trace(&self, rows: usize, features: usize) -> NormTrace {
        match self {
            Self::Batch(_) => NormTrace::of_columns(rows, features),
            Self::Layer(_) => NormTrace::of_rows(rows, features),
        }
    }

    /// Normalises `trace.normalised` in place, and writes the scaled, shifted and activated rows to `out`.
    pub(super) fn forward(
        &mut self,
        arch: Arch,
        statistics: Statistics,
        trace: &mut NormTrace,
        leaky_relu: LeakyRelu,
        out: &mut Matrix,
    ) {
        match self {
            Self::Batch(norm) => norm.forward(arch, statistics, trace, leaky_relu, out),
            Self::Layer(norm) => norm.forward(arch, trace, leaky_relu, out),
        }
    }

    /// Turns the gradient of the layer's output into that of its input, in place, and updates the
    /// layer's own parameters if `learning`.
    pub(super) fn backward(
        &mut self,
        arch: Arch,
        trace: &mut NormTrace,
        gradient: &mut Matrix,
        learning: Option<&mut Learning>,
    ) {
        let Affine { weight, bias } = match self {
            Self::Batch(norm) => {
                norm.backward(arch, trace, gradient);
                &mut norm.affine
            }
            Self::Layer(norm) => {
                norm.backward(arch, trace, gradient);
                &mut norm.affine
            }
        };
        if let Some(learning) = learning {
            weight.learn(arch, &trace.weight_gradient, learning);
            bias.learn(arch, &trace.bias_gradient, learning);
        }
    }

    /// Its parameters.
    pub(super) fn affine_mut(&mut self) -> &mut Affine {
        match self {
            Self::Batch(norm) => &mut norm.affine,
            Self::Layer(norm) => &mut norm.affine,
        }
    }

    /// Everything of the layer that belongs to a lane's state.
    pub(super) fn tensors_mut(&mut self) -> Tensors<'_> {
        match self {
            Self::Layer(LayerNorm { affine }) => Tensors { affine, buffers: Vec::new() },
            Self::Batch(BatchNorm { affine, running_mean, running_var }) => Tensors {
                affine,
                buffers: vec![("running_mean", running_mean), ("running_var", running_var)],
            },
        }
    }
}
