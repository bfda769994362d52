//! A stage of a network of convolutions: a product over feature maps, with the normalisation, activation and
//! dropout that follow it.

use std::ops::Range;

use pulp::Arch;

use super::epilogue::{MapActivate, TimesDerivative};
use super::gradient::{add_images, add_tap_gradient, sum_images, tap_gradient, transpose_taps};
use super::links::Links;
use super::product::map_product;
use crate::activation::LeakyRelu;
use crate::added_pairs::Added;
use crate::affine::{BatchRows, NormTrace};
use crate::engine::{Engine, Phase};
use crate::mask;
use crate::matrix::Matrix;
use crate::norm::Norm;
use crate::product::AddedPair;
use crate::spectral_norm::Arrangement;
use crate::stage::{Dropout, MaskStreams, Mode, StageActivation};
use crate::trained::{Learning, Trained};
use crate::transpose::Derivative;
use gansweep_nn::rng::Key;

/// A product over feature maps and the layers up to the next product.
#[derive(Debug)]
pub(crate) struct MapStage {
    /// The index of the product's layer in `nn.Sequential`.
    pub(crate) index: usize,
    pub(super) links: Links,
    /// `[taps * inputs, outputs]`, in channels.
    pub(crate) weight: Trained,
    /// `[1, outputs]`, or a row for each output pixel.
    pub(crate) bias: Trained,
    /// How many of the last outputs are those of the classes of a projection, which have no bias.
    pub(crate) projected: usize,
    /// The layer's index in `nn.Sequential`, and the layer.
    pub(crate) norm: Option<(usize, Norm)>,
    pub(super) activation: StageActivation,
    /// How PyTorch lays out the weight.
    pub(crate) weight_layout: WeightLayout,
}

/// The layer in PyTorch that a product over feature maps computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WeightLayout {
    /// `Linear` without feature maps, or `Conv2d` on patches: `[outputs, inputs]`.
    OutputsFirst,
    /// `ConvTranspose2d` to patches: `[inputs, outputs]`.
    InputsFirst,
    /// `Conv2d`: `[outputs, inputs, taps]`.
    Conv,
    /// `ConvTranspose2d`: `[inputs, outputs, taps]`.
    ConvTranspose,
    /// `Linear` before `Unflatten`: `[outputs * taps, inputs]`.
    ToMap,
    /// `Linear` after `Flatten`: `[outputs, inputs * taps]`.
    FromMap,
}

impl WeightLayout {
    /// How the matrix of the weight of a layer lies in that of its product. `pixels` are those that the product writes,
    /// `taps` those of the layer's kernel.
    pub(super) const fn arrangement(self, pixels: usize, taps: usize) -> Arrangement {
        match self {
            Self::ToMap => Arrangement::Blocks(pixels),
            Self::InputsFirst => Arrangement::Taps(taps),
            Self::OutputsFirst | Self::Conv | Self::ConvTranspose | Self::FromMap => Arrangement::Blocks(1),
        }
    }
}

/// Tensors that a hidden stage's forward pass saves for its backward pass.
#[derive(Debug)]
pub(super) struct MapTrace {
    /// `[pixels * images, channels]`.
    pub(super) output: Matrix,
    /// The derivative of activation and dropout, where it does not follow from the output.
    derivative: Option<Matrix>,
    pub(super) norm: Option<NormTrace>,
}

impl MapTrace {
    /// Keeps the classes of the images that go through the stage next, if it needs them.
    pub(super) fn keep_classes(&mut self, classes: &[u16]) {
        if let Some(norm) = &mut self.norm {
            norm.keep_classes(classes);
        }
    }

    /// Copies what the derivative of the activation follows from, of these images of another trace of the stage, which
    /// has `count` images.
    pub(super) fn copy_images(&mut self, from: &Self, count: usize, images: &[Range<usize>]) {
        match (&mut self.derivative, &from.derivative) {
            (Some(own), Some(from)) => own.copy_images(from, count, images),
            _ => self.output.copy_images(&from.output, count, images),
        }
    }

    /// Copies all of these images, for second derivatives.
    pub(super) fn copy_activations(&mut self, from: &Self, count: usize, images: &[Range<usize>]) {
        self.output.copy_images(&from.output, count, images);
        if let (Some(own), Some(from)) = (&mut self.derivative, &from.derivative) {
            own.copy_images(from, count, images);
        }
        if let (Some(own), Some(from)) = (&mut self.norm, &from.norm) {
            own.copy_images(from, images);
        }
    }
}

/// Memory of the backward pass, which one stage after the other uses.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The weights of every tap, transposed.
    transposed: Matrix,
    /// The gradient of the weights of one tap.
    tap: Matrix,
    /// The gradient of a bias.
    pub(super) bias: Matrix,
}

impl Scratch {
    /// Memory for any of the stages; none of them if there is no backward pass.
    pub(super) fn new<'s>(stages: &(impl Iterator<Item = &'s MapStage> + Clone)) -> Self {
        let most = |lines: &dyn Fn(&MapStage) -> usize| {
            Matrix::of_lines(stages.clone().map(lines).max().unwrap_or(0))
        };
        Self {
            transposed: most(&|stage| Matrix::lines_of(stage.links.taps * stage.outputs(), stage.inputs())),
            tap: most(&|stage| Matrix::lines_of(stage.inputs(), stage.outputs())),
            bias: most(&|stage| stage.bias.value.lines().len()),
        }
    }
}

impl MapStage {
    /// Channels of the input.
    pub(super) fn inputs(&self) -> usize {
        self.weight.value.rows() / self.links.taps
    }

    /// Channels of the output.
    pub(super) fn outputs(&self) -> usize {
        self.weight.value.cols()
    }

    /// The taps of the product.
    pub(crate) fn taps(&self) -> usize {
        self.links.taps
    }

    /// Whether an activation follows the product.
    pub(super) fn is_activated(&self) -> bool {
        !matches!(self.activation, StageActivation::Identity)
    }

    fn leaky_relu(&self) -> (f32, Option<Dropout>) {
        match self.activation {
            StageActivation::LeakyRelu { slope, dropout } => (slope, dropout),
            // The identity: no hidden stage has another activation.
            _ => (1.0, None),
        }
    }

    /// Memory for the trace of up to `images` images.
    pub(super) fn trace(&self, images: usize) -> MapTrace {
        let (_, dropout) = self.leaky_relu();
        let (pixels, channels) = (self.links.outputs, self.outputs());
        let matrix = || Matrix::new(pixels * images, channels);
        MapTrace {
            output: matrix(),
            // Without dropout it follows from the sign of the output.
            derivative: dropout.map(|_| matrix()),
            norm: self.norm.as_ref().map(|(_, norm)| norm.trace(images, pixels, channels)),
        }
    }

    /// Evaluates a hidden stage on `input`, `[pixels * images, channels]`.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: &Matrix,
        images: usize,
        trace: &mut MapTrace,
    ) {
        let ((slope, dropout), arch, batch) = (self.leaky_relu(), engine.arch, mode.batch(images));
        let (rows, channels) = (self.links.outputs * images, self.outputs());
        let MapTrace { output: out, derivative, norm: norm_trace } = trace;
        out.reshape(rows, channels);
        let mut leaky_relu = LeakyRelu { slope, derivative: derivative.as_mut(), masked: false };
        if let Some(derivative) = &mut leaky_relu.derivative {
            derivative.reshape(rows, channels);
            if let (Some(dropout), Some(streams)) = (dropout, mode.streams) {
                fill_mask(arch, dropout, streams, batch, derivative);
                leaky_relu.masked = true;
                engine.lap(Phase::Masks);
            }
        }
        let (weight, bias) = (self.weight.factor(), Some(&self.bias.value));
        if let (Some((_, norm)), Some(norm_trace)) = (&mut self.norm, norm_trace) {
            norm_trace.normalised.reshape(rows, channels);
            let out_of_product = &mut norm_trace.normalised;
            let epilogue = MapActivate { bias, images, leaky_relu: None, out: out_of_product };
            map_product(arch, input, images, &self.links.forward, weight, epilogue);
            engine.lap(Phase::Forward);
            norm.forward(arch, mode.statistics, batch, norm_trace, leaky_relu, out);
            engine.lap(Phase::Norms);
        } else {
            let epilogue = MapActivate { bias, images, leaky_relu: Some(leaky_relu), out };
            map_product(arch, input, images, &self.links.forward, weight, epilogue);
            engine.lap(Phase::Forward);
        }
    }

    /// Writes the product of the last stage, with its bias if `biased`, to `out`.
    pub(super) fn forward_last(
        &self,
        engine: &mut Engine,
        input: &Matrix,
        images: usize,
        biased: bool,
        out: &mut Matrix,
    ) {
        out.reshape(self.links.outputs * images, self.outputs());
        let bias = biased.then_some(&self.bias.value);
        let epilogue = MapActivate { bias, images, leaky_relu: None, out };
        map_product(engine.arch, input, images, &self.links.forward, self.weight.factor(), epilogue);
        engine.lap(Phase::Forward);
    }

    /// From the gradient of this stage's product to that of its input, times the derivative of the activation
    /// `before`, whose output the input is.
    pub(super) fn backward(
        &self,
        engine: &mut Engine,
        gradient: &Matrix,
        images: usize,
        before: Option<(Derivative, &Matrix)>,
        scratch: &mut Scratch,
        out: &mut Matrix,
    ) {
        transpose_taps(engine.arch, self.weight.factor(), self.links.taps, &mut scratch.transposed);
        engine.lap(Phase::Transpositions);
        out.reshape(self.links.inputs * images, self.inputs());
        let (groups, weight) = (&self.links.backward, &scratch.transposed);
        if let Some((derivative, saved)) = before {
            let epilogue = TimesDerivative { derivative, saved, out };
            map_product(engine.arch, gradient, images, groups, weight, epilogue);
        } else {
            let epilogue = MapActivate { bias: None, images, leaky_relu: None, out };
            map_product(engine.arch, gradient, images, groups, weight, epilogue);
        }
        engine.lap(Phase::Backward);
    }

    /// Computes the gradient of the bias, if there is one, from that of the product.
    pub(super) fn sum_bias(&self, arch: Arch, gradient: &Matrix, images: usize, scratch: &mut Scratch) {
        if !self.bias.is_parameter {
            return;
        }
        scratch.bias.reshape(self.bias.value.rows(), self.bias.value.cols());
        sum_images(arch, gradient, images, &mut scratch.bias);
        for of_class in 1..=self.projected {
            scratch.bias.set(0, self.outputs() - of_class, 0.0);
        }
    }

    /// Updates the bias from its gradient, in `scratch`, and the weight from the input and the gradient of the
    /// product; what is added joins both gradients.
    #[expect(clippy::too_many_arguments, reason = "what a gradient is of, and what updates by it")]
    pub(super) fn learn(
        &mut self,
        engine: &mut Engine,
        input: &Matrix,
        gradient: &Matrix,
        images: usize,
        added: Added<'_>,
        scratch: &mut Scratch,
        learning: &mut Learning,
    ) {
        let arch = engine.arch;
        if self.bias.is_parameter {
            if let Some(AddedPair { right, .. }) = added.activations {
                add_images(arch, right, right.rows() / self.links.outputs, &mut scratch.bias);
            }
            self.bias.learn(arch, &scratch.bias, learning);
        }
        let inputs = self.inputs();
        for (tap, pairs) in self.links.pairs.iter().enumerate() {
            tap_gradient(arch, input, gradient, images, pairs, &mut scratch.tap);
            for AddedPair { left, right } in added.pairs() {
                let images = right.rows() / self.links.outputs;
                add_tap_gradient(arch, left, right, images, pairs, &mut scratch.tap);
            }
            self.weight.learn_rows(arch, tap * inputs, &scratch.tap, learning);
        }
        engine.lap(Phase::Updates);
    }

    /// From the gradient of the activation's input to that of the product, in place. Updates the parameters
    /// of the normalisation, if `learning`, by their gradients and what is added to these.
    pub(super) fn backward_norm(
        &mut self,
        engine: &mut Engine,
        batch: BatchRows,
        trace: &mut MapTrace,
        gradient: &mut Matrix,
        learning: Option<&mut Learning>,
        added: Option<&[Matrix; 2]>,
    ) {
        if let (Some((_, norm)), Some(trace)) = (&mut self.norm, &mut trace.norm) {
            norm.backward(engine.arch, batch, trace, gradient, learning, added);
            engine.lap(Phase::Norms);
        }
    }

    /// How the derivative of the activation follows from what its forward pass saved.
    pub(super) fn derivative<'t>(&self, trace: &'t MapTrace) -> (Derivative, &'t Matrix) {
        match &trace.derivative {
            Some(kept) => (Derivative::Saved, kept),
            None => (Derivative::LeakyRelu(self.leaky_relu().0), &trace.output),
        }
    }
}

pub(super) fn fill_mask(
    arch: Arch,
    dropout: Dropout,
    streams: MaskStreams,
    batch: BatchRows,
    mask: &mut Matrix,
) {
    for (part, &pass) in streams.passes.iter().enumerate() {
        let key = Key::mask(streams.seed, streams.step, streams.update, pass, dropout.index);
        mask::fill_map(arch, key, dropout.rate, mask, batch.images, batch.part(part));
    }
}
