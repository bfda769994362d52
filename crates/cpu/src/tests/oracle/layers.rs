//! Layers as formulas of scalars on a tape.

use super::super::tape::{Batch, Tape, Var, Vars};
use gansweep_nn::network::{Condition, Layer, PoolKind, Role, Window};

/// The embedding of a class.
pub(super) fn embedding(vars: &Vars, role: Role, condition: &Condition, class: u16) -> Vec<Var> {
    let rows = &vars[&format!("{}.{}", role.name(), Condition::EMBEDDING)];
    rows[usize::from(class) * condition.width..][..condition.width].to_vec()
}

pub(super) fn linear(
    tape: &mut Tape,
    weight: &[Var],
    bias: Option<&[Var]>,
    inputs: usize,
    rows: &Batch,
) -> Batch {
    rows.iter()
        .map(|row| {
            let outputs = weight.chunks(inputs).enumerate();
            outputs
                .map(|(output, weight)| {
                    let product = tape.dot(weight, row);
                    with_bias(tape, product, bias, output)
                })
                .collect()
        })
        .collect()
}

/// A product with the bias of that output, if the layer has one.
fn with_bias(tape: &mut Tape, product: Var, bias: Option<&[Var]>, output: usize) -> Var {
    match bias {
        Some(bias) => tape.add(product, bias[output]),
        None => product,
    }
}

/// The shapes of a convolution.
pub(super) struct Map<'a> {
    pub(super) input: &'a [usize],
    pub(super) output: &'a [usize],
    pub(super) window: Window,
}

/// Places of a feature map, `[channels, height, width]`, in the order of memory.
fn places(map: &[usize]) -> impl Iterator<Item = [usize; 3]> {
    let [channels, height, width] = [map[0], map[1], map[2]];
    (0..channels * height * width).map(move |i| [i / (height * width), i / width % height, i % width])
}

/// The pixel that a tap of the window is over at a place, in a map of that height and width; `None` in the padding.
fn tapped(window: Window, place: [usize; 2], tap: [usize; 2], side: [usize; 2]) -> Option<[usize; 2]> {
    let along =
        |i: usize| (place[i] * window.stride + tap[i]).checked_sub(window.padding).filter(|&at| at < side[i]);
    Some([along(0)?, along(1)?])
}

/// `out[o, y, x]` is the sum of `weight[o, i, u, v] * in[i, y stride + u - padding, x stride + v - padding]`.
pub(super) fn convolution(
    tape: &mut Tape,
    weight: &[Var],
    bias: Option<&[Var]>,
    map: &Map<'_>,
    rows: &Batch,
) -> Batch {
    let kernel = map.window.kernel;
    let [inputs, height, width] = [map.input[0], map.input[1], map.input[2]];
    let mut out = Batch::new();
    for row in rows {
        let mut pixels = Vec::new();
        for [o, y, x] in places(map.output) {
            let (mut own, mut read) = (Vec::new(), Vec::new());
            for [i, u, v] in places(&[inputs, kernel, kernel]) {
                if let Some([y, x]) = tapped(map.window, [y, x], [u, v], [height, width]) {
                    own.push(weight[((o * inputs + i) * kernel + u) * kernel + v]);
                    read.push(row[(i * height + y) * width + x]);
                }
            }
            let product = tape.dot(&own, &read);
            pixels.push(with_bias(tape, product, bias, o));
        }
        out.push(pixels);
    }
    out
}

/// Adds `weight[i, o, u, v] * in[i, y, x]` to `out[o, y stride + u - padding, x stride + v - padding]`.
pub(super) fn transposed_convolution(
    tape: &mut Tape,
    weight: &[Var],
    bias: Option<&[Var]>,
    map: &Map<'_>,
    rows: &Batch,
) -> Batch {
    let kernel = map.window.kernel;
    let [outputs, height, width] = [map.output[0], map.output[1], map.output[2]];
    let mut out = Batch::new();
    for row in rows {
        let mut sums = vec![(Vec::new(), Vec::new()); outputs * height * width];
        for ([i, y, x], &pixel) in places(map.input).zip(row) {
            for [o, u, v] in places(&[outputs, kernel, kernel]) {
                if let Some([y, x]) = tapped(map.window, [y, x], [u, v], [height, width]) {
                    let (own, read) = &mut sums[(o * height + y) * width + x];
                    own.push(weight[((i * outputs + o) * kernel + u) * kernel + v]);
                    read.push(pixel);
                }
            }
        }
        let pixels = sums.iter().enumerate().map(|(at, (own, read))| {
            let product = tape.dot(own, read);
            with_bias(tape, product, bias, at / (height * width))
        });
        out.push(pixels.collect());
    }
    out
}

/// Each pixel of the maps, `factor` times along both sides.
pub(super) fn upsampled(input: &[usize], factor: usize, rows: &Batch) -> Batch {
    let [channels, height, width] = [input[0], input[1], input[2]];
    let of_row = |row: &Vec<Var>| {
        let mut large = Vec::new();
        for channel in 0..channels {
            for y in 0..height * factor {
                for x in 0..width * factor {
                    large.push(row[(channel * height + y / factor) * width + x / factor]);
                }
            }
        }
        large
    };
    rows.iter().map(of_row).collect()
}

/// The mean of each square of `factor` pixels along both sides of the maps.
pub(super) fn pooled(
    tape: &mut Tape,
    [input, output]: [&[usize]; 2],
    (factor, kind): (usize, PoolKind),
    rows: &Batch,
) -> Batch {
    let [height, width] = [input[1], input[2]];
    let mut out = Batch::new();
    for row in rows {
        let means = places(output).map(|[channel, y, x]| {
            let square = [1, factor, factor];
            let of_square = places(&square)
                .map(|[_, u, v]| row[(channel * height + y * factor + u) * width + x * factor + v]);
            let mean = tape.mean(&of_square.collect::<Vec<_>>());
            if kind == PoolKind::Sum { tape.scale(mean, (factor * factor) as f64) } else { mean }
        });
        out.push(means.collect());
    }
    out
}

/// The sums of two batches.
pub(super) fn sums(tape: &mut Tape, rows: &Batch, others: &Batch) -> Batch {
    let mut row =
        |(row, other): (&Vec<Var>, &Vec<Var>)| row.iter().zip(other).map(|(&x, &y)| tape.add(x, y)).collect();
    rows.iter().zip(others).map(&mut row).collect()
}

/// How the numbers of a row are normalised.
#[derive(Debug, Clone, Copy)]
pub(super) enum Normalised {
    /// All together, with a weight for each.
    Together,
    /// Those of each channel, with that many pixels and one weight.
    Channels(usize),
}

impl Normalised {
    /// That of a layer with inputs of that shape.
    pub(super) fn of(layer: Layer, input: &[usize]) -> Self {
        match layer {
            Layer::InstanceNorm => Self::Channels(input[1] * input[2]),
            _ => Self::Together,
        }
    }

    /// The numbers that are normalised together.
    pub(super) fn groups(self, row: &[Var]) -> std::slice::Chunks<'_, Var> {
        match self {
            Self::Together => row.chunks(row.len()),
            Self::Channels(pixels) => row.chunks(pixels),
        }
    }

    /// The weight of a number.
    pub(super) fn place(self, number: usize) -> usize {
        match self {
            Self::Together => number,
            Self::Channels(pixels) => number / pixels,
        }
    }
}

/// The output of a normalisation of each row by itself, the normalised numbers, and one over the standard deviation of each
/// number.
pub(super) fn image_norm(
    tape: &mut Tape,
    how: Normalised,
    [weight, bias]: [&[Var]; 2],
    rows: &Batch,
) -> [Batch; 3] {
    let (mut out, mut all, mut inverses) = (Batch::new(), Batch::new(), Batch::new());
    for row in rows {
        let (mut normalised, mut inverse_of_each) = (Vec::new(), Vec::new());
        for group in how.groups(row) {
            let mean = tape.mean(group);
            let differences: Vec<Var> = group.iter().map(|&x| tape.sub(x, mean)).collect();
            let squares: Vec<Var> = differences.iter().map(|&d| tape.mul(d, d)).collect();
            let var = tape.mean(&squares);
            let std = (var.value + 1e-5).sqrt();
            let inverse = tape.var(1.0 / std, [(var, -0.5 / std.powi(3))]);
            normalised.extend(differences.iter().map(|&d| tape.mul(d, inverse)));
            inverse_of_each.extend(group.iter().map(|_| inverse));
        }
        let scaled = normalised.iter().enumerate().map(|(number, &x)| {
            let scaled = tape.mul(x, weight[how.place(number)]);
            tape.add(scaled, bias[how.place(number)])
        });
        out.push(scaled.collect());
        all.push(normalised);
        inverses.push(inverse_of_each);
    }
    [out, all, inverses]
}
