//! Normalisation between a product and its activation.

use gansweep_nn::network::Layer;
use pulp::Arch;

use super::activation::LeakyRelu;
use super::affine::{Affine, BatchRows, NormTrace, Statistics};
use super::batch_norm::BatchNorm;
use super::image_norm::ImageNorm;
use super::matrix::{Matrix, panels};
use super::together::Together;
use super::trained::{self, Learning};

/// A normalisation layer.
#[derive(Debug)]
pub(super) enum Norm {
    Batch(BatchNorm),
    Image(ImageNorm),
}

/// Rows of weight and bias of a layer that normalises over the batch.
const fn affine_rows(layer: Layer) -> usize {
    match layer {
        Layer::BatchNorm(norm) => norm.rows(),
        _ => 1,
    }
}

/// The tensors of a normalisation layer. Buffers are named as in PyTorch.
pub(super) struct Tensors<'a> {
    pub(super) affine: &'a mut Affine,
    pub(super) buffers: Vec<(&'static str, &'a mut Matrix)>,
    /// The averages of the buffers, if they are kept.
    pub(super) averages: Vec<(&'static str, &'a mut Matrix)>,
}

impl Norm {
    /// The normalisation `layer` of maps of that shape, `[pixels, features]`, all zero; a row of numbers is one pixel. It has
    /// `buffers` buffers of the optimiser for each parameter.
    pub(super) fn new(layer: Layer, shape: [usize; 2], buffers: usize) -> Self {
        match Together::of(layer) {
            Some(together) => Self::Image(ImageNorm::new(together, shape, buffers)),
            None => Self::Batch(BatchNorm::new([affine_rows(layer), shape[1]], buffers)),
        }
    }

    /// Lines of the parameters of `layer` with `copies` of each, of their gradients, and of the statistics of that many images,
    /// each `[pixels, features]`.
    pub(super) fn lines(layer: Layer, shape: [usize; 2], copies: usize, images: usize) -> usize {
        let [_, features] = shape;
        match Together::of(layer) {
            Some(together) => together.lines(shape, copies, images),
            None => (2 * copies + 2) * Matrix::lines_of(affine_rows(layer), features) + 4 * panels(features),
        }
    }

    /// Memory for the trace of up to `images` images of that many pixels; a row of numbers is one pixel.
    pub(super) fn trace(&self, images: usize, pixels: usize, features: usize) -> NormTrace {
        match self {
            Self::Batch(norm) => NormTrace::of_columns(images, pixels, [norm.affine.rows(), features]),
            Self::Image(norm) => NormTrace::of_images(norm.together, images, [pixels, features]),
        }
    }

    /// Normalises `trace.normalised` in place, and writes the scaled, shifted and activated rows to `out`.
    pub(super) fn forward(
        &mut self,
        arch: Arch,
        statistics: Statistics,
        batch: BatchRows,
        trace: &mut NormTrace,
        leaky_relu: LeakyRelu,
        out: &mut Matrix,
    ) {
        match self {
            Self::Batch(norm) => norm.forward(arch, statistics, batch, trace, leaky_relu, out),
            Self::Image(norm) => norm.forward(arch, batch, trace, leaky_relu, out),
        }
    }

    /// Turns the gradient of the layer's output into that of its input, in place. If `learning`, also updates scale and bias, by
    /// their gradients plus the penalty's share.
    pub(super) fn backward(
        &mut self,
        arch: Arch,
        batch: BatchRows,
        trace: &mut NormTrace,
        gradient: &mut Matrix,
        learning: Option<&mut Learning>,
        added: Option<&[Matrix; 2]>,
    ) {
        let Affine { weight, bias } = match self {
            Self::Batch(norm) => {
                norm.backward(arch, batch, trace, gradient);
                &mut norm.affine
            }
            Self::Image(norm) => {
                norm.backward(arch, trace, gradient);
                &mut norm.affine
            }
        };
        if let Some([of_weight, of_bias]) = added {
            trace.weight_gradient.add(arch, of_weight);
            trace.bias_gradient.add(arch, of_bias);
        }
        if let Some(learning) = learning {
            weight.learn(arch, &trace.weight_gradient, learning);
            bias.learn(arch, &trace.bias_gradient, learning);
        }
    }

    /// Updates the running statistics, if there are any, by the last batch once more.
    pub(super) fn track_again(&mut self) {
        if let Self::Batch(norm) = self {
            norm.track_again();
        }
    }

    /// Keeps averages of the buffers, which are all zero.
    pub(super) fn keep_averages(&mut self) {
        if let Self::Batch(norm) = self {
            norm.averages = Some([norm.running_mean.clone(), norm.running_var.clone()]);
        }
    }

    /// Exchanges the buffers with their averages.
    pub(super) fn swap_averages(&mut self) {
        let Tensors { buffers, averages, .. } = self.tensors_mut();
        for ((_, buffer), (_, average)) in buffers.into_iter().zip(averages) {
            std::mem::swap(buffer, average);
        }
    }

    /// Moves the averages of the buffers towards them by `share` of the way.
    pub(super) fn average_buffers(&mut self, arch: Arch, share: f32) {
        let Tensors { buffers, averages, .. } = self.tensors_mut();
        for ((_, buffer), (_, average)) in buffers.into_iter().zip(averages) {
            trained::average(arch, average.lines_mut(), buffer.lines(), share);
        }
    }

    /// Matrices of zeros in the shapes of weight and bias.
    pub(super) fn zeros(&self) -> [Matrix; 2] {
        let Affine { weight, bias } = match self {
            Self::Batch(norm) => &norm.affine,
            Self::Image(norm) => &norm.affine,
        };
        [weight, bias].map(|parameter| Matrix::new(parameter.value.rows(), parameter.value.cols()))
    }

    /// Whether each class has a row of weight and bias.
    pub(super) fn is_of_classes(&self) -> bool {
        matches!(self, Self::Batch(norm) if norm.affine.rows() > 1)
    }

    /// Its parameters.
    pub(super) fn affine_mut(&mut self) -> &mut Affine {
        match self {
            Self::Batch(norm) => &mut norm.affine,
            Self::Image(norm) => &mut norm.affine,
        }
    }

    /// Everything of the layer that belongs to a lane's state.
    pub(super) fn tensors_mut(&mut self) -> Tensors<'_> {
        match self {
            Self::Image(ImageNorm { affine, .. }) => {
                Tensors { affine, buffers: Vec::new(), averages: Vec::new() }
            }
            Self::Batch(BatchNorm { affine, running_mean, running_var, averages, .. }) => Tensors {
                affine,
                buffers: vec![("running_mean", running_mean), ("running_var", running_var)],
                averages: ["running_mean", "running_var"]
                    .into_iter()
                    .zip(averages.iter_mut().flatten())
                    .collect(),
            },
        }
    }
}
