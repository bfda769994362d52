//! A stage: a Linear layer with the normalisation, activation and dropout that follow it.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};

use super::activation::{Activate, AddBias, LeakyRelu, StoreProduct};
use super::affine::{BatchRows, NormTrace, Statistics};
use super::condition::Embedded;
use super::engine::{Engine, Phase};
use super::mask;
use super::matrix::{Line, Matrix};
use super::norm::Norm;
use super::output_activation::OutputActivation;
use super::product::{AddedPair, MIN_COLS, OffsetRows, product, product_with_transposed};
use super::sparse::Input;
use super::spectral_norm::Arrangement;
use super::trained::{Learning, Trained};
use super::transpose::{Derivative, times_derivative, transpose, transpose_with_gradient, transposes_tiles};
use gansweep_nn::rng::{Key, Pass};

/// A Linear layer and the layers up to the next Linear layer.
#[derive(Debug)]
pub(super) struct Stage {
    /// The Linear layer's index in `nn.Sequential`.
    pub(super) index: usize,
    /// `[inputs, outputs]`.
    pub(super) weight: Trained,
    /// `[1, outputs]`.
    pub(super) bias: Trained,
    /// Columns that have a bias: all, but for the embedding's of a projection.
    pub(super) biased: usize,
    /// The class, where it is part of the input.
    pub(super) embedded: Option<Embedded>,
    pub(super) norm: Option<Norm>,
    pub(super) activation: StageActivation,
}

/// The activation after the Linear layer and its normalisation.
#[derive(Debug, Clone, Copy)]
pub(super) enum StageActivation {
    /// In a hidden layer.
    LeakyRelu { slope: f32, dropout: Option<Dropout> },
    /// At the generator's end.
    Output(OutputActivation),
    /// At the discriminator's end.
    Identity,
}

/// A Dropout layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    pub(super) rate: f64,
    /// The layer's index in `nn.Sequential`.
    pub(super) index: usize,
}

/// Tensors that a hidden stage's forward pass saves for its backward pass.
#[derive(Debug)]
pub(super) struct StageTrace {
    /// `[rows, outputs]`.
    pub(super) output: Matrix,
    /// `[rows, outputs]`: the derivative of activation and dropout, where it does not follow from the
    /// output.
    derivative: Option<Matrix>,
    norm: Option<NormTrace>,
}

impl StageTrace {
    /// Keeps the classes of the rows that go through the stage next, if it needs them.
    pub(super) fn keep_classes(&mut self, classes: &[u16]) {
        if let Some(norm) = &mut self.norm {
            norm.keep_classes(classes);
        }
    }

    /// Copies what the derivative of the activation follows from, of these rows of another trace of the stage.
    pub(super) fn copy_rows(&mut self, from: &Self, rows: &[Range<usize>]) {
        let count = rows.iter().map(Range::len).sum();
        match (&mut self.derivative, &from.derivative) {
            (Some(own), Some(from)) => own.copy_rows(from, rows, count),
            _ => self.output.copy_rows(&from.output, rows, count),
        }
    }
}

/// How a forward pass treats the layers that differ between training and sampling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub(super) statistics: Statistics,
    /// `None` turns Dropout off.
    pub(super) streams: Option<MaskStreams>,
}

impl Mode {
    /// How a batch of that many images lies. In training, each pass is normalised by itself.
    pub(super) fn batch(self, images: usize) -> BatchRows {
        BatchRows { images, parts: self.streams.map_or(1, |streams| streams.passes.len()) }
    }
}

/// The random streams of the dropout masks of a forward pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaskStreams {
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) update: u32,
    /// The rows are divided equally between these passes, in order.
    pub(super) passes: &'static [Pass],
}

/// The destination of the last layer's output: the rows of a matrix from `first_row` on.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) matrix: &'a mut Matrix,
    pub(super) first_row: usize,
}

/// Gradients during back-propagation, in the layouts that the products need.
#[derive(Debug)]
pub(super) struct Gradients {
    /// `[rows, outputs]`: of the loss with respect to a Linear layer's output.
    pub(super) output: Matrix,
    /// `[outputs, rows]`: the same, transposed.
    pub(super) output_transposed: Matrix,
    /// With respect to a Linear layer's input: `[rows, inputs]`, or `[inputs, rows]` if it is transposed.
    input: Matrix,
    input_is_transposed: bool,
    /// `[1, outputs]`: with respect to a bias.
    bias: Matrix,
}

impl Gradients {
    /// Memory for `rows` rows of up to `width` features, and for `output` lines of the gradient of an output.
    pub(super) fn new(rows: usize, width: usize, output: usize) -> Self {
        let input = Matrix::lines_of(rows, width).max(Matrix::lines_of(width, rows));
        Self {
            // The two change places.
            output: Matrix::of_lines(output.max(input)),
            output_transposed: Matrix::new(width, rows),
            input: Matrix::of_lines(input),
            input_is_transposed: false,
            bias: Matrix::new(1, width),
        }
    }

    /// Computes the gradient of an activation's input (`output`) from that of its output (the last Linear layer's input).
    pub(super) fn apply_derivative(&mut self, engine: &mut Engine, derivative: Derivative, kept: &Matrix) {
        if self.input_is_transposed {
            transpose_with_gradient(engine.arch, derivative, &self.input, kept, &mut self.output);
        } else {
            std::mem::swap(&mut self.input, &mut self.output);
            times_derivative(engine.arch, derivative, kept, &mut self.output);
        }
        engine.lap(Phase::Transpositions);
    }

    /// Writes the gradient with respect to the last Linear layer's input, `[rows, inputs]`.
    pub(super) fn copy_input(&self, engine: &mut Engine, to: &mut Matrix) {
        if self.input_is_transposed {
            transpose(engine.arch, &self.input, to);
        } else {
            to.copy_from(&self.input);
        }
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

    /// Whether to transpose the weights for the product that carries back the gradients of `rows` rows, rather than the
    /// gradients before and after it. Both have the same bits. The product with transposed weights computes no padding
    /// if the number of rows is no multiple of sixteen, but a large weight takes longer to transpose than a short batch:
    /// without the limit, steps of the recipe `realpython` take 5 % longer.
    fn transposes_weights(&self, arch: Arch, rows: usize) -> bool {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        transposes_tiles(arch) && inputs * outputs <= 2 * rows * (inputs + outputs)
    }

    /// Whether zeros in this hidden stage's output are worth leaving out of the products of the `next` stage.
    pub(super) fn is_sparse_for(&self, next: &Self) -> bool {
        let is_relu = matches!(self.activation, StageActivation::LeakyRelu { slope, .. } if slope == 0.0);
        is_relu && next.outputs() >= MIN_COLS
    }

    /// A stage of zeros with that many more outputs, which have no bias.
    pub(super) fn with_outputs(self, more: usize, buffers: usize) -> Self {
        let (inputs, outputs) = (self.inputs(), self.outputs() + more);
        let mut weight = Trained::new(inputs, outputs, buffers);
        let bias = Trained::bias(1, outputs, buffers, self.bias.is_parameter);
        if self.weight.spectral_norm.is_some() {
            weight.divide_by_spectral_norm(Arrangement::Projected(self.outputs()));
        }
        Self { weight, bias, ..self }
    }

    /// Memory for the trace of up to `rows` rows.
    pub(super) fn trace(&self, rows: usize) -> StageTrace {
        let matrix = || Matrix::new(rows, self.outputs());
        let StageActivation::LeakyRelu { dropout, .. } = self.activation else {
            unreachable!("a hidden stage")
        };
        StageTrace {
            output: matrix(),
            // Without dropout it follows from the sign of the output.
            derivative: dropout.map(|_| matrix()),
            norm: self.norm.as_ref().map(|norm| norm.trace(rows, 1, self.outputs())),
        }
    }

    /// Evaluates a hidden stage on `input`.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut StageTrace,
    ) {
        let StageActivation::LeakyRelu { slope, dropout } = self.activation else {
            unreachable!("a hidden stage")
        };
        let (arch, rows, outputs) = (engine.arch, input.rows(), self.outputs());
        let StageTrace { output: out, derivative, norm: norm_trace } = trace;
        out.reshape(rows, outputs);
        let mut leaky_relu = LeakyRelu { slope, derivative: derivative.as_mut(), masked: false };
        if let Some(derivative) = &mut leaky_relu.derivative {
            derivative.reshape(rows, outputs);
            if let (Some(dropout), Some(streams)) = (dropout, mode.streams) {
                dropout.fill(arch, streams, derivative);
                leaky_relu.masked = true;
                engine.lap(Phase::Masks);
            }
        }
        if let Some(embedded) = &mut self.embedded {
            embedded.prepare(arch, &self.bias.value);
        }
        let (weight, bias, classes) = match &self.embedded {
            Some(embedded) => (self.weight.factor(), &embedded.offsets, Some(input.classes)),
            None => (self.weight.factor(), &self.bias.value, None),
        };
        if let (Some(norm), Some(norm_trace)) = (&mut self.norm, norm_trace) {
            norm_trace.normalised.reshape(rows, outputs);
            product(arch, input, weight, AddBias { bias, classes, out: &mut norm_trace.normalised });
            engine.lap(Phase::Forward);
            norm.forward(arch, mode.statistics, mode.batch(rows), norm_trace, leaky_relu, out);
            engine.lap(Phase::Norms);
        } else {
            let add_bias = AddBias { bias, classes, out };
            product(arch, input, weight, Activate { add_bias, leaky_relu });
            engine.lap(Phase::Forward);
        }
    }

    /// Evaluates the last stage on `input`.
    pub(super) fn forward_last(&self, engine: &mut Engine, input: Input<'_>, last: Rows<'_>) {
        let Rows { matrix: out, first_row } = last;
        let weight = self.weight.factor();
        let add_bias = AddBias { bias: &self.bias.value, classes: None, out };
        match self.activation {
            StageActivation::Output(activation) => {
                activation.product(engine.arch, input, weight, add_bias, first_row);
            }
            StageActivation::Identity | StageActivation::LeakyRelu { .. } => {
                product(engine.arch, input, weight, OffsetRows { epilogue: add_bias, first_row });
            }
        }
        engine.lap(Phase::Forward);
    }

    /// From the gradient of this stage's output, in `gradients.input`, to that of its Linear
    /// layer's output, in `gradients.output`. Updates the parameters of the normalisation, if `learning`.
    pub(super) fn backward_activation(
        &mut self,
        engine: &mut Engine,
        batch: BatchRows,
        trace: &mut StageTrace,
        gradients: &mut Gradients,
        learning: Option<&mut Learning>,
    ) {
        let (derivative, kept) = self.derivative(trace);
        gradients.apply_derivative(engine, derivative, kept);
        if let (Some(norm), Some(trace)) = (&mut self.norm, &mut trace.norm) {
            norm.backward(engine.arch, batch, trace, &mut gradients.output, learning, None);
            engine.lap(Phase::Norms);
        }
    }

    /// How the derivative of the activation and the dropout of a hidden stage follows from which saved tensor.
    pub(super) fn derivative<'t>(&self, trace: &'t StageTrace) -> (Derivative, &'t Matrix) {
        let StageActivation::LeakyRelu { slope, .. } = self.activation else {
            unreachable!("a hidden stage")
        };
        match &trace.derivative {
            Some(saved) => (Derivative::Saved, saved),
            None => (Derivative::LeakyRelu(slope), &trace.output),
        }
    }

    /// From the gradient of the Linear layer's output (`gradients.output`) to that of its input (`gradients.input`).
    pub(super) fn backward(&self, engine: &mut Engine, gradients: &mut Gradients) {
        let (rows, inputs) = (gradients.output.rows(), self.inputs());
        gradients.input_is_transposed = !self.transposes_weights(engine.arch, rows);
        if !gradients.input_is_transposed {
            gradients.input.reshape(rows, inputs);
            let keep = StoreProduct(&mut gradients.input);
            product_with_transposed(engine.arch, &gradients.output, self.weight.factor(), keep);
            return engine.lap(Phase::Backward);
        }
        transpose(engine.arch, &gradients.output, &mut gradients.output_transposed);
        engine.lap(Phase::Transpositions);
        gradients.input.reshape(inputs, rows);
        let keep = StoreProduct(&mut gradients.input);
        product(engine.arch, self.weight.factor(), &gradients.output_transposed, keep);
        engine.lap(Phase::Backward);
    }

    /// Updates the Linear layer from its input and the gradient of its output; the product of an added pair joins the
    /// gradient of the weight.
    pub(super) fn learn(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        gradients: &mut Gradients,
        added: Option<AddedPair<'_>>,
        learning: &mut Learning,
    ) {
        let arch = engine.arch;
        if self.bias.is_parameter {
            gradients.bias.reshape(1, self.outputs());
            arch.dispatch(SumRows { matrix: &gradients.output, sums: &mut gradients.bias });
            for col in self.biased..self.outputs() {
                gradients.bias.set(0, col, 0.0);
            }
            self.bias.learn(arch, &gradients.bias, learning);
        }
        if let Some(embedded) = &mut self.embedded {
            embedded.learn(arch, input.classes, &gradients.output, learning);
        }
        self.weight.learn_product(arch, input, &gradients.output, added, learning);
        engine.lap(Phase::Updates);
    }
}

impl Dropout {
    fn fill(self, arch: Arch, streams: MaskStreams, mask: &mut Matrix) {
        let count = mask.rows() / streams.passes.len();
        for (i, &pass) in streams.passes.iter().enumerate() {
            let key = Key::mask(streams.seed, streams.step, streams.update, pass, self.index);
            mask::fill(arch, key, self.rate, mask, i * count..(i + 1) * count);
        }
    }
}

/// Independent sums of each column. Four hide the latency of an addition, and round less than one.
const SUMS: usize = 4;

/// Writes the sum of each column to a single row.
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
                    sum.add(line);
                }
            }
            for (sum, line) in sums.iter_mut().zip(rest) {
                sum.add(line);
            }
            let [mut first, second, mut third, fourth] = sums;
            first.add(&second);
            third.add(&fourth);
            first.add(&third);
            self.sums.lines_mut()[panel] = first;
        }
    }
}
