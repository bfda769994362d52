//! The discriminator's gradient with respect to its input, as a formula of the weights on the tape.
//!
//! A tape is differentiated once. So that a penalty can be differentiated with respect to the weights, back-propagation to
//! the input is written here in numbers of the tape. The activations are numbers of it too: behind a layer normalisation, the
//! gradient depends on them.

use std::collections::BTreeMap;

use super::super::tape::{Batch, Tape, Var, Vars};
use super::attention::{attended, through_attention};
use super::curves::curve;
use super::layers::{
    Map, Normalised, convolution, embedding, image_norm, linear, pooled, sums, transposed_convolution,
    upsampled,
};
use gansweep_nn::network::{
    Conv2d, ConvTranspose2d, Entry, Layer, Network, Pool, PoolKind, Residual, Shortcut, Upsample,
};

/// What back-propagation through a layer depends on.
enum Saved {
    /// Products are linear.
    Nothing,
    /// The factors of an activation or a dropout.
    Factors(Batch),
    /// The input of an attention and its weights.
    Attended(Batch, Vec<Batch>),
    /// Normalised numbers, and one over the standard deviation that each was divided by.
    Normalised(Batch, Batch),
}

/// The gradients at the points, row by row; `masks` are those of the dropout layers, `classes` those of the points.
pub(super) fn input_gradients(
    tape: &mut Tape,
    vars: &Vars,
    network: &Network,
    slope: &dyn Fn(usize) -> f64,
    masks: &BTreeMap<usize, Vec<f32>>,
    points: &[Vec<f64>],
    classes: &[u16],
) -> Batch {
    let name = |index: usize, suffix: &str| format!("{}.{index}.{suffix}", network.role.name());
    let mut rows: Batch = points.iter().map(|point| tape.leaves(point)).collect();
    let own = with_classes(vars, network, classes, &mut rows);
    let all_saved = forward(tape, vars, network, (slope, masks), rows);
    let mut signals: Batch = points.iter().map(|_| vec![tape.leaf(1.0)]).collect();
    let last = network.nodes.len() - 1;
    // Of the input of a layer, from later layers that take it too.
    let mut around_blocks: BTreeMap<usize, Vec<Batch>> = BTreeMap::new();
    for ((index, node), saved) in network.nodes.iter().enumerate().zip(&all_saved).rev() {
        let weight = || &vars[&name(index, "weight")];
        signals = match (node.layer, saved) {
            (Layer::Linear(_), _) => {
                let mut before = through_linear(tape, weight(), node.inputs(), &signals);
                for (row, own) in before.iter_mut().zip(&own) {
                    if let (true, Some((Entry::Projection, own))) = (index == last, own) {
                        row.iter_mut().zip(own).for_each(|(signal, &own)| *signal = tape.add(*signal, own));
                    }
                }
                before
            }
            (Layer::Conv2d(Conv2d { window, .. }), _) => {
                // The transpose of a convolution has its weight, and no bias.
                let map = Map { input: &node.output, output: &node.input, window };
                transposed_convolution(tape, weight(), None, &map, &signals)
            }
            (Layer::ConvTranspose2d(ConvTranspose2d { window, .. }), _) => {
                let map = Map { input: &node.output, output: &node.input, window };
                convolution(tape, weight(), None, &map, &signals)
            }
            (Layer::Upsample(Upsample { factor }), _) => {
                through_upsample(tape, &node.input, factor, &signals)
            }
            (Layer::Pool(Pool { factor, kind }), _) => {
                through_pool(tape, [&node.input, &node.output], (factor, kind), &signals)
            }
            (Layer::Residual(Residual { around }), _) => {
                around_blocks.entry(index - around).or_default().push(signals.clone());
                signals
            }
            (Layer::Shortcut(Shortcut { around }), _) => {
                let before = points.iter().map(|_| (0..node.inputs()).map(|_| tape.leaf(0.0)).collect());
                let before = before.collect();
                around_blocks.entry(index - around).or_default().push(signals);
                before
            }
            (Layer::Attention(layer), Saved::Attended(rows, weights)) => {
                through_attention(tape, layer, &node.input, (rows, weights), &signals)
            }
            (_, Saved::Factors(factors)) => multiplied(tape, &signals, factors),
            (_, Saved::Normalised(normalised, inverse)) => {
                let how = Normalised::of(node.layer, &node.input);
                through_image_norm(tape, how, weight(), [&signals, normalised, inverse])
            }
            _ => signals,
        };
        for around in around_blocks.remove(&index).into_iter().flatten() {
            signals = sums(tape, &signals, &around);
        }
    }
    // The class is no part of the image.
    signals.iter_mut().zip(points).for_each(|(signal, point)| signal.truncate(point.len()));
    signals
}

/// What back-propagation depends on, of each layer in turn.
fn forward(
    tape: &mut Tape,
    vars: &Vars,
    network: &Network,
    (slope, masks): (&dyn Fn(usize) -> f64, &BTreeMap<usize, Vec<f32>>),
    mut rows: Batch,
) -> Vec<Saved> {
    let name = |index: usize, suffix: &str| format!("{}.{index}.{suffix}", network.role.name());
    let bias_of = |index: usize| vars.get(&name(index, "bias")).map(Vec::as_slice);
    let (mut all_saved, mut inputs): (Vec<Saved>, Vec<Batch>) = (Vec::new(), Vec::new());
    for (index, node) in network.nodes.iter().enumerate() {
        inputs.push(rows.clone());
        let (output, saved) = match node.layer {
            Layer::Linear(_) => {
                let (weight, bias) = (&vars[&name(index, "weight")], bias_of(index));
                (linear(tape, weight, bias, node.inputs(), &rows), Saved::Nothing)
            }
            Layer::Conv2d(Conv2d { window, .. }) => {
                let (weight, bias) = (&vars[&name(index, "weight")], bias_of(index));
                let map = Map { input: &node.input, output: &node.output, window };
                (convolution(tape, weight, bias, &map, &rows), Saved::Nothing)
            }
            Layer::ConvTranspose2d(ConvTranspose2d { window, .. }) => {
                let (weight, bias) = (&vars[&name(index, "weight")], bias_of(index));
                let map = Map { input: &node.input, output: &node.output, window };
                (transposed_convolution(tape, weight, bias, &map, &rows), Saved::Nothing)
            }
            Layer::Flatten | Layer::Unflatten(_) => (rows, Saved::Nothing),
            Layer::Upsample(Upsample { factor }) => (upsampled(&node.input, factor, &rows), Saved::Nothing),
            Layer::Pool(Pool { factor, kind }) => {
                (pooled(tape, [&node.input, &node.output], (factor, kind), &rows), Saved::Nothing)
            }
            Layer::Residual(Residual { around }) => {
                (sums(tape, &rows, &inputs[index - around]), Saved::Nothing)
            }
            Layer::Shortcut(Shortcut { around }) => (inputs[index - around].clone(), Saved::Nothing),
            Layer::Attention(layer) => {
                let (output, weights) = attended(tape, layer, &node.input, &rows);
                (output, Saved::Attended(rows, weights))
            }
            Layer::Scale => {
                let factor = vars[&name(index, "weight")][0];
                let factors: Batch = rows.iter().map(|row| vec![factor; row.len()]).collect();
                (multiplied(tape, &rows, &factors), Saved::Factors(factors))
            }
            Layer::LayerNorm | Layer::InstanceNorm => {
                let affine = [&*vars[&name(index, "weight")], &*vars[&name(index, "bias")]];
                let how = Normalised::of(node.layer, &node.input);
                let [output, normalised, inverse] = image_norm(tape, how, affine, &rows);
                (output, Saved::Normalised(normalised, inverse))
            }
            Layer::LeakyRelu => {
                let factor = |var: &Var| if var.value > 0.0 { 1.0 } else { slope(index) };
                scaled(tape, &rows, |row, _| rows[row].iter().map(factor).collect())
            }
            Layer::Dropout => scaled(tape, &rows, |row, width| {
                masks[&index][row * width..][..width].iter().map(|&factor| factor.into()).collect()
            }),
            Layer::Smooth(_) | Layer::Tanh | Layer::Sigmoid => curved(tape, &rows, node.layer),
            Layer::BatchNorm(_) => unreachable!("batch normalisation in a critic with a penalty"),
        };
        rows = output;
        all_saved.push(saved);
    }
    all_saved
}

/// Each row's embedding of its class, if the network has one, which is behind the row now if it is part of the input.
fn with_classes(
    vars: &Vars,
    network: &Network,
    classes: &[u16],
    rows: &mut Batch,
) -> Vec<Option<(Entry, Vec<Var>)>> {
    let of_row = |(index, row): (usize, &mut Vec<Var>)| {
        let condition = network.condition?;
        let own = embedding(vars, network.role, &condition, classes[index]);
        if condition.entry == Entry::Concat {
            row.extend(&own);
        }
        Some((condition.entry, own))
    };
    rows.iter_mut().enumerate().map(of_row).collect()
}

/// Rows multiplied by constant factors, which `of` has for a row and its width.
fn scaled(tape: &mut Tape, rows: &Batch, of: impl Fn(usize, usize) -> Vec<f64>) -> (Batch, Saved) {
    let factors: Batch = rows.iter().enumerate().map(|(i, row)| tape.leaves(&of(i, row.len()))).collect();
    (multiplied(tape, rows, &factors), Saved::Factors(factors))
}

/// Rows of an activation that bends, and its derivatives at them.
fn curved(tape: &mut Tape, rows: &Batch, layer: Layer) -> (Batch, Saved) {
    let mut each = |order: usize| -> Batch {
        let mut var = |var: &Var| {
            let derivatives = curve(layer, var.value);
            tape.var(derivatives[order], [(*var, derivatives[order + 1])])
        };
        rows.iter().map(|row| row.iter().map(&mut var).collect()).collect()
    };
    let (output, factors) = (each(0), each(1));
    (output, Saved::Factors(factors))
}

fn multiplied(tape: &mut Tape, rows: &Batch, factors: &Batch) -> Batch {
    let mut row = |(row, factors): (&Vec<Var>, &Vec<Var>)| {
        row.iter().zip(factors).map(|(&x, &factor)| tape.mul(x, factor)).collect()
    };
    rows.iter().zip(factors).map(&mut row).collect()
}

/// The sum of the signals of each pixel's copies.
fn through_upsample(tape: &mut Tape, input: &[usize], factor: usize, signals: &Batch) -> Batch {
    let one = tape.leaf(1.0);
    let [channels, height, width] = [input[0], input[1], input[2]];
    let mut row = |signal: &Vec<Var>| {
        let mut copies = vec![Vec::new(); channels * height * width];
        for (at, &own) in signal.iter().enumerate() {
            let (line, x) = (at / (width * factor), at % (width * factor));
            copies[line / factor * width + x / factor].push(own);
        }
        copies.iter().map(|copies| tape.dot(copies, &vec![one; copies.len()])).collect()
    };
    signals.iter().map(&mut row).collect()
}

/// An equal part of each square's signal for each of its pixels, and none for the others.
fn through_pool(
    tape: &mut Tape,
    [input, output]: [&[usize]; 2],
    (factor, kind): (usize, PoolKind),
    signals: &Batch,
) -> Batch {
    let share = if kind == PoolKind::Sum { 1.0 } else { 1.0 / (factor * factor) as f64 };
    let ([channels, height, width], [rows, columns]) =
        ([input[0], input[1], input[2]], [output[1], output[2]]);
    let mut row = |signal: &Vec<Var>| {
        let mut pixels = Vec::new();
        for (channel, y, x) in
            (0..channels).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))))
        {
            let (square_y, square_x) = (y / factor, x / factor);
            pixels.push(match square_y < rows && square_x < columns {
                true => {
                    let of_square = signal[(channel * rows + square_y) * columns + square_x];
                    tape.scale(of_square, share)
                }
                false => tape.leaf(0.0),
            });
        }
        pixels
    };
    signals.iter().map(&mut row).collect()
}

fn through_linear(tape: &mut Tape, weight: &[Var], inputs: usize, signals: &Batch) -> Batch {
    let columns: Vec<Vec<Var>> =
        (0..inputs).map(|col| weight.iter().copied().skip(col).step_by(inputs).collect()).collect();
    let mut row = |signal: &Vec<Var>| columns.iter().map(|column| tape.dot(column, signal)).collect();
    signals.iter().map(&mut row).collect()
}

/// `inverse * (a - mean(a) - x * mean(a * x))`, where `a` are the signals times the weights.
fn through_image_norm(
    tape: &mut Tape,
    how: Normalised,
    weight: &[Var],
    [signals, normalised, inverse]: [&Batch; 3],
) -> Batch {
    let mut out = Batch::new();
    for ((signal, x), inverse) in signals.iter().zip(normalised).zip(inverse) {
        let a: Vec<Var> =
            signal.iter().enumerate().map(|(i, &signal)| tape.mul(signal, weight[how.place(i)])).collect();
        let mut row = Vec::new();
        for ((a, x), inverse) in how.groups(&a).zip(how.groups(x)).zip(how.groups(inverse)) {
            let mean = tape.mean(a);
            let dot = tape.dot(a, x);
            let along = tape.scale(dot, 1.0 / a.len() as f64);
            for ((&a, &x), &inverse) in a.iter().zip(x).zip(inverse) {
                let (centred, common) = (tape.sub(a, mean), tape.mul(x, along));
                let difference = tape.sub(centred, common);
                row.push(tape.mul(difference, inverse));
            }
        }
        out.push(row);
    }
    out
}
