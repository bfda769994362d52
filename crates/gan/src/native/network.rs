//! One network of a lane: its layers, their forward and their backward pass.

use gansweep_experiment::{Activation, Config};
use pulp::{Arch, NullaryFnOnce};

use super::activation::{Activate, AddBias, Keep};
use super::adam::{Trained, Update};
use super::engine::{Engine, Phase};
use super::mask;
use super::matrix::{LINE, Line, Matrix};
use super::norm::{BatchNorm, NormTrace, Statistics};
use super::product::{product, product_transposed};
use super::squash::Squash;
use super::transpose::{transpose, transpose_times};
use crate::architecture::{Layer, Network, Role};
use crate::streams::{Key, Pass};

/// A network with its parameters and their moments.
#[derive(Debug)]
pub(super) struct Perceptron {
    pub(super) stages: Vec<Stage>,
}

/// A Linear layer and what follows it up to the next.
#[derive(Debug)]
pub(super) struct Stage {
    /// The Linear layer's place in `nn.Sequential`.
    pub(super) index: usize,
    /// `[inputs, outputs]`.
    pub(super) weight: Trained,
    /// `[1, outputs]`.
    pub(super) bias: Trained,
    pub(super) norm: Option<BatchNorm>,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Leaky { slope: f32, dropout: Option<Dropout> },
    Squash(Squash),
    Nothing,
}

#[derive(Debug, Clone, Copy)]
struct Dropout {
    rate: f64,
    /// The layer's place in `nn.Sequential`.
    index: usize,
}

/// What a forward pass leaves for the backward pass.
#[derive(Debug)]
pub(super) struct Trace {
    stages: Vec<StageTrace>,
    /// `[rows, outputs]`: the derivative of the last activation.
    pub(super) last_factor: Matrix,
}

#[derive(Debug)]
struct StageTrace {
    output: Matrix,
    factor: Matrix,
    norm: Option<NormTrace>,
}

/// Whose random numbers a forward pass draws.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) update: u32,
    /// Each has as many of the rows, in order.
    pub(super) passes: &'static [Pass],
}

/// How a forward pass treats the layers that differ between training and sampling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub(super) statistics: Statistics,
    /// `None` leaves Dropout out.
    pub(super) draws: Option<Draws>,
}

/// Where the last layer's output goes: rows of a matrix from `first_row`.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) matrix: &'a mut Matrix,
    pub(super) first_row: usize,
}

/// Gradients on their way back, in the two layouts that products take them in.
#[derive(Debug)]
pub(super) struct Gradients {
    /// `[rows, outputs]`: of the loss with respect to a Linear layer's output.
    pub(super) output: Matrix,
    /// `[outputs, rows]`: the same, transposed.
    output_transposed: Matrix,
    /// `[inputs, rows]`: with respect to a layer's input.
    pub(super) input_transposed: Matrix,
    /// `[1, outputs]`: with respect to a bias.
    bias: Matrix,
}

impl Gradients {
    /// Room for `rows` rows of up to `width` features.
    pub(super) fn new(rows: usize, width: usize) -> Self {
        Self {
            output: Matrix::new(rows, width),
            output_transposed: Matrix::new(width, rows),
            input_transposed: Matrix::new(width, rows),
            bias: Matrix::new(1, width),
        }
    }
}

impl Perceptron {
    /// With parameters of zero.
    pub(super) fn new(network: &Network, config: &Config) -> Self {
        let (activation, slope, rate) = match network.role {
            Role::Generator => {
                let g = &config.model.generator;
                (g.activation, g.slope, g.dropout)
            }
            Role::Discriminator => {
                let d = &config.model.discriminator;
                (d.activation, d.slope, d.dropout)
            }
        };
        let slope = match activation {
            Activation::Relu => 0.0,
            Activation::LeakyRelu => slope as f32,
        };
        let mut stages: Vec<Stage> = Vec::new();
        for (index, layer) in network.layers.iter().enumerate() {
            if let Layer::Linear { inputs, outputs } = *layer {
                stages.push(Stage {
                    index,
                    weight: Trained::new(inputs, outputs),
                    bias: Trained::new(1, outputs),
                    norm: None,
                    then: Then::Nothing,
                });
            }
            let Some(stage) = stages.last_mut() else { continue };
            match *layer {
                Layer::Linear { .. } => {}
                Layer::BatchNorm { features } => stage.norm = Some(BatchNorm::new(features)),
                Layer::LeakyRelu => stage.then = Then::Leaky { slope, dropout: None },
                Layer::Dropout => stage.then = Then::Leaky { slope, dropout: Some(Dropout { rate, index }) },
                Layer::Tanh => stage.then = Then::Squash(Squash::Tanh),
                Layer::Sigmoid => stage.then = Then::Squash(Squash::Sigmoid),
            }
        }
        Self { stages }
    }

    /// Room for the traces of up to `rows` rows.
    pub(super) fn trace(&self, rows: usize) -> Trace {
        let stages = self.hidden().map(|stage| StageTrace {
            output: Matrix::new(rows, stage.outputs()),
            factor: Matrix::new(rows, stage.outputs()),
            norm: stage.norm.as_ref().map(|_| NormTrace::new(rows, stage.outputs())),
        });
        let outputs = self.stages.last().map_or(0, Stage::outputs);
        Trace { stages: stages.collect(), last_factor: Matrix::new(rows, outputs) }
    }

    /// The widest row before or after any Linear layer.
    pub(super) fn width(&self) -> usize {
        self.stages.iter().map(|stage| stage.outputs().max(stage.weight.value.rows())).max().unwrap_or(0)
    }

    fn hidden(&self) -> impl Iterator<Item = &Stage> {
        let count = self.stages.len().saturating_sub(1);
        self.stages[..count].iter()
    }

    /// Evaluates the network on `input`, row by row.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: &Matrix,
        trace: &mut Trace,
        last: Rows<'_>,
    ) {
        let Some((last_stage, hidden)) = self.stages.split_last_mut() else { return };
        for (i, stage) in hidden.iter_mut().enumerate() {
            let (before, rest) = trace.stages.split_at_mut(i);
            let input = before.last().map_or(input, |stage| &stage.output);
            stage.forward(engine, mode, input, &mut rest[0]);
        }
        let input = trace.stages.last().map_or(input, |stage| &stage.output);
        last_stage.forward_last(engine, input, last, &mut trace.last_factor);
    }

    /// Carries `gradients.output`, the gradient of the loss with respect to the last Linear
    /// layer's output, back to the first layer, and updates each layer on the way if `update`.
    /// The gradient with respect to the input is left in `gradients.input_transposed` if `input_wanted`.
    pub(super) fn backward(
        &mut self,
        engine: &mut Engine,
        input: &Matrix,
        trace: &mut Trace,
        gradients: &mut Gradients,
        update: Option<&Update>,
        mut squares: Option<&mut f64>,
        input_wanted: bool,
    ) {
        for (i, stage) in self.stages.iter_mut().enumerate().rev() {
            let own = trace.stages.get_mut(i).and_then(|stage| stage.norm.as_mut());
            if let (Some(norm), Some(norm_trace)) = (&mut stage.norm, own) {
                norm.backward(engine.arch, norm_trace, &mut gradients.output, update, squares.as_deref_mut());
                engine.lap(Phase::Activations);
            }
            if i > 0 || input_wanted {
                stage.backward(engine, gradients);
            }
            let before = i.checked_sub(1).map(|before| &mut trace.stages[before]);
            if let Some(update) = update {
                let input = before.as_ref().map_or(input, |stage| &stage.output);
                stage.update(engine, input, gradients, update, squares.as_deref_mut());
            }
            if let Some(before) = before {
                transpose_times(engine.arch, &gradients.input_transposed, &before.factor, &mut gradients.output);
                engine.lap(Phase::Transpositions);
            }
        }
    }
}

impl Stage {
    fn outputs(&self) -> usize {
        self.weight.value.cols()
    }

    fn forward(&mut self, engine: &mut Engine, mode: Mode, input: &Matrix, trace: &mut StageTrace) {
        let (rows, outputs) = (input.rows(), self.outputs());
        trace.output.reshape(rows, outputs);
        trace.factor.reshape(rows, outputs);
        let Then::Leaky { slope, dropout } = self.then else { unreachable!("a hidden layer") };
        let arch = engine.arch;
        let masked = match (dropout, mode.draws) {
            (Some(dropout), Some(draws)) => {
                dropout.fill(arch, draws, &mut trace.factor);
                engine.lap(Phase::Masks);
                true
            }
            _ => false,
        };
        let (weight, bias) = (&self.weight.value, &self.bias.value);
        match (&mut self.norm, &mut trace.norm) {
            (Some(norm), Some(norm_trace)) => {
                norm_trace.normalised.reshape(rows, outputs);
                product(arch, input, weight, AddBias { bias, out: &mut norm_trace.normalised, first_row: 0 });
                engine.lap(Phase::Forward);
                let (out, factor) = (&mut trace.output, &mut trace.factor);
                norm.forward(arch, mode.statistics, norm_trace, (slope, masked), out, factor);
                engine.lap(Phase::Activations);
            }
            _ => {
                let (out, factor) = (&mut trace.output, &mut trace.factor);
                product(arch, input, weight, Activate { bias, slope, masked, out, factor });
                engine.lap(Phase::Forward);
            }
        }
    }

    fn forward_last(&self, engine: &mut Engine, input: &Matrix, last: Rows<'_>, factor: &mut Matrix) {
        let Rows { matrix, first_row } = last;
        let arch = engine.arch;
        factor.reshape(input.rows(), self.outputs());
        product(
            arch,
            input,
            &self.weight.value,
            AddBias { bias: &self.bias.value, out: &mut *matrix, first_row },
        );
        engine.lap(Phase::Forward);
        if let Then::Squash(squash) = self.then {
            squash.apply(arch, matrix, first_row, factor);
        }
        engine.lap(Phase::Activations);
    }

    /// From the gradient of this Linear layer's output to that of its input.
    fn backward(&self, engine: &mut Engine, gradients: &mut Gradients) {
        transpose(engine.arch, &gradients.output, &mut gradients.output_transposed);
        engine.lap(Phase::Transpositions);
        gradients.input_transposed.reshape(self.weight.value.rows(), gradients.output.rows());
        let keep = Keep(&mut gradients.input_transposed);
        product(engine.arch, &self.weight.value, &gradients.output_transposed, keep);
        engine.lap(Phase::Backward);
    }

    fn update(
        &mut self,
        engine: &mut Engine,
        input: &Matrix,
        gradients: &mut Gradients,
        update: &Update,
        mut squares: Option<&mut f64>,
    ) {
        let arch = engine.arch;
        gradients.bias.reshape(1, self.outputs());
        arch.dispatch(SumRows { matrix: &gradients.output, sums: &mut gradients.bias });
        self.bias.descend_along(arch, &gradients.bias, update, squares.as_deref_mut());
        let descend = self.weight.descend(update, squares);
        product_transposed(arch, input, &gradients.output, descend);
        engine.lap(Phase::Updates);
    }
}

impl Dropout {
    fn fill(self, arch: Arch, draws: Draws, mask: &mut Matrix) {
        let count = mask.rows() / draws.passes.len();
        for (i, &pass) in draws.passes.iter().enumerate() {
            let key = Key::mask(draws.seed, draws.step, draws.update, pass, self.index);
            mask::fill(arch, key, self.rate, mask, i * count..(i + 1) * count);
        }
    }
}

/// The sums of each column, into a single row.
struct SumRows<'a> {
    matrix: &'a Matrix,
    sums: &'a mut Matrix,
}

impl NullaryFnOnce for SumRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for panel in 0..self.matrix.panels() {
            let mut sum = Line::ZERO;
            for line in self.matrix.panel(panel) {
                for i in 0..LINE {
                    sum.0[i] += line.0[i];
                }
            }
            self.sums.lines_mut()[panel] = sum;
        }
    }
}
