//! A Linear layer with what follows it up to the next: parameters, forward and backward pass.

use pulp::{Arch, NullaryFnOnce};

use super::activation::{Activate, AddBias, Keep, Leaky};
use super::affine::{NormTrace, Statistics};
use super::engine::{Engine, Phase};
use super::input::Input;
use super::mask;
use super::matrix::{LINE, Line, Matrix};
use super::norm::Norm;
use super::product::{Below, product};
use super::squash::Squash;
use super::trained::{Learning, Trained};
use super::transpose::{Derivative, transpose, transpose_through};
use gansweep_nn::rng::{Key, Pass};

/// A Linear layer and what follows it.
#[derive(Debug)]
pub(super) struct Stage {
    /// The Linear layer's place in `nn.Sequential`.
    pub(super) index: usize,
    /// `[inputs, outputs]`.
    pub(super) weight: Trained,
    /// `[1, outputs]`.
    pub(super) bias: Trained,
    pub(super) norm: Option<Norm>,
    pub(super) then: Then,
}

/// What comes after the Linear layer and its normalisation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// In a hidden layer.
    Leaky { slope: f32, dropout: Option<Dropout> },
    /// At the generator's end.
    Squash(Squash),
    /// At the discriminator's end.
    Nothing,
}

/// A Dropout layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    pub(super) rate: f64,
    /// The layer's place in `nn.Sequential`.
    pub(super) index: usize,
}

/// What a hidden stage's forward pass leaves for its backward pass.
#[derive(Debug)]
pub(super) struct StageTrace {
    /// `[rows, outputs]`.
    pub(super) output: Matrix,
    /// `[rows, outputs]`: the derivative of the output with respect to what entered the activation,
    /// where it does not follow from the output.
    derivative: Option<Matrix>,
    norm: Option<NormTrace>,
}

/// How a forward pass treats the layers that differ between training and sampling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub(super) statistics: Statistics,
    /// `None` leaves Dropout out.
    pub(super) draws: Option<Draws>,
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
    /// `[inputs, rows]`: with respect to a Linear layer's input.
    input_transposed: Matrix,
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

    /// Carries the gradient of an activation's output back to that of its input.
    pub(super) fn through(&mut self, engine: &mut Engine, derivative: Derivative, kept: &Matrix) {
        transpose_through(engine.arch, derivative, &self.input_transposed, kept, &mut self.output);
        engine.lap(Phase::Transpositions);
    }
}

impl Stage {
    pub(super) fn inputs(&self) -> usize {
        self.weight.value.rows()
    }

    pub(super) fn outputs(&self) -> usize {
        self.weight.value.cols()
    }

    /// Room for the trace of up to `rows` rows.
    pub(super) fn trace(&self, rows: usize) -> StageTrace {
        let matrix = || Matrix::new(rows, self.outputs());
        let Then::Leaky { slope, dropout } = self.then else { unreachable!("a hidden stage") };
        StageTrace {
            output: matrix(),
            // Below a negative slope the output does not tell on which side of zero it came from.
            derivative: (dropout.is_some() || slope < 0.0).then(matrix),
            norm: self.norm.as_ref().map(|norm| norm.trace(rows, self.outputs())),
        }
    }

    /// Evaluates a hidden stage on `input`, row by row.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut StageTrace,
    ) {
        let Then::Leaky { slope, dropout } = self.then else { unreachable!("a hidden stage") };
        let (arch, rows, outputs) = (engine.arch, input.rows(), self.outputs());
        let StageTrace { output: out, derivative, norm: norm_trace } = trace;
        out.reshape(rows, outputs);
        let mut leaky = Leaky { slope, derivative: derivative.as_mut(), masked: false };
        if let Some(derivative) = &mut leaky.derivative {
            derivative.reshape(rows, outputs);
            if let (Some(dropout), Some(draws)) = (dropout, mode.draws) {
                dropout.fill(arch, draws, derivative);
                leaky.masked = true;
                engine.lap(Phase::Masks);
            }
        }
        let (weight, bias) = (&self.weight.value, &self.bias.value);
        if let (Some(norm), Some(norm_trace)) = (&mut self.norm, norm_trace) {
            norm_trace.normalised.reshape(rows, outputs);
            product(arch, input, weight, AddBias { bias, out: &mut norm_trace.normalised });
            engine.lap(Phase::Forward);
            norm.forward(arch, mode.statistics, norm_trace, leaky, out);
            engine.lap(Phase::Norms);
        } else {
            product(arch, input, weight, Activate { add_bias: AddBias { bias, out }, leaky });
            engine.lap(Phase::Forward);
        }
    }

    /// Evaluates a last stage on `input`, row by row.
    pub(super) fn forward_last(&self, engine: &mut Engine, input: Input<'_>, last: Rows<'_>) {
        let Rows { matrix: out, first_row } = last;
        let weight = &self.weight.value;
        let add_bias = AddBias { bias: &self.bias.value, out };
        match self.then {
            Then::Squash(squash) => squash.product(engine.arch, input, weight, add_bias, first_row),
            Then::Nothing | Then::Leaky { .. } => {
                product(engine.arch, input, weight, Below { finish: add_bias, first_row });
            }
        }
        engine.lap(Phase::Forward);
    }

    /// Carries `gradients.input_transposed`, here the gradient of this stage's output, back through
    /// the activation and the normalisation to `gradients.output`, that of the Linear layer's output. The
    /// parameters of the normalisation learn on the way.
    pub(super) fn backward_activation(
        &mut self,
        engine: &mut Engine,
        trace: &mut StageTrace,
        gradients: &mut Gradients,
        learning: Option<&mut Learning>,
    ) {
        let Then::Leaky { slope, .. } = self.then else { unreachable!("a hidden stage") };
        let (derivative, kept) = match &trace.derivative {
            Some(kept) => (Derivative::Kept, kept),
            None => (Derivative::Leaky(slope), &trace.output),
        };
        gradients.through(engine, derivative, kept);
        if let (Some(norm), Some(trace)) = (&mut self.norm, &mut trace.norm) {
            norm.backward(engine.arch, trace, &mut gradients.output, learning);
            engine.lap(Phase::Norms);
        }
    }

    /// From the gradient of the Linear layer's output to that of its input.
    pub(super) fn backward(&self, engine: &mut Engine, gradients: &mut Gradients) {
        transpose(engine.arch, &gradients.output, &mut gradients.output_transposed);
        engine.lap(Phase::Transpositions);
        gradients.input_transposed.reshape(self.inputs(), gradients.output.rows());
        let keep = Keep(&mut gradients.input_transposed);
        product(engine.arch, &self.weight.value, &gradients.output_transposed, keep);
        engine.lap(Phase::Backward);
    }

    /// Updates the Linear layer from its input and the gradient of its output.
    pub(super) fn learn(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        gradients: &mut Gradients,
        learning: &mut Learning,
    ) {
        let arch = engine.arch;
        gradients.bias.reshape(1, self.outputs());
        arch.dispatch(SumRows { matrix: &gradients.output, sums: &mut gradients.bias });
        self.bias.learn(arch, &gradients.bias, learning);
        self.weight.learn_product(arch, input, &gradients.output, learning);
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

/// Sums of a column that grow in turns, which waits less and rounds less than one.
const SUMS: usize = 4;

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
            let (fours, rest) = self.matrix.panel(panel).as_chunks::<SUMS>();
            let mut sums = [Line::ZERO; SUMS];
            for lines in fours {
                for (sum, line) in sums.iter_mut().zip(lines) {
                    add(sum, line);
                }
            }
            for (sum, line) in sums.iter_mut().zip(rest) {
                add(sum, line);
            }
            let [mut first, second, mut third, fourth] = sums;
            add(&mut first, &second);
            add(&mut third, &fourth);
            add(&mut first, &third);
            self.sums.lines_mut()[panel] = first;
        }
    }
}

#[inline(always)]
fn add(sum: &mut Line, line: &Line) {
    for i in 0..LINE {
        sum.0[i] += line.0[i];
    }
}
