//! A block of the classifier where nothing is kept for training: convolution, pooling and ReLU in one pass, without a
//! matrix of patches.
//!
//! Each sum is one chain of fused multiply-adds in the order of taps and channels. So are those of `passes`, whose products
//! are the `gemm` crate's, for an inner dimension of up to 512. So a feature has the same bits from either, and training
//! needs no second version of the evaluator.

use std::array;
use std::hint::black_box;

use pulp::{Arch, Simd, WithSimd};

use crate::layout::Block;

/// Output channels that lie together: one cache line, and whole vectors of any width.
const LINE: usize = 16;
/// Pixels of a window that is pooled.
const POOLED: usize = 4;
/// Rows and columns of zeros around an image.
const PADDING: usize = 1;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A block with its weights as the products read them.
pub(crate) struct Convolution {
    inputs: usize,
    /// Length of a row of a padded image.
    row: usize,
    /// For each line of output channels, the weights of each tap and input channel.
    weight: Vec<Line>,
    bias: Vec<Line>,
    windows: Vec<Window>,
    /// Length of the output.
    output: usize,
}

/// Four pixels that are pooled.
#[derive(Clone, Copy)]
struct Window {
    /// Where the first of them begins to read the image.
    start: usize,
    /// Where the pooled pixel lies in the output.
    target: usize,
}

impl Convolution {
    /// `is_padded`: whether the output has zeros around it, for the next block.
    pub(crate) fn new(block: &Block, parameters: &[f32], is_padded: bool) -> Self {
        let Block { width, inputs, outputs, .. } = *block;
        let row = (width + 2 * PADDING) * inputs;
        let padding = if is_padded { PADDING } else { 0 };
        let (rows, columns) = (block.height / 2, width / 2);
        let window = |place: usize| {
            let (y, x) = (place / columns, place % columns);
            Window {
                start: 2 * y * row + 2 * x * inputs,
                target: ((y + padding) * (columns + 2 * padding) + x + padding) * outputs,
            }
        };
        let lines = |rows: &[f32]| -> Vec<Line> {
            let line = |first: usize, row: &[f32]| {
                let mut line = [0.0; LINE];
                line.copy_from_slice(&row[first..first + LINE]);
                Line(line)
            };
            (0..outputs)
                .step_by(LINE)
                .flat_map(|first| rows.chunks_exact(outputs).map(move |row| line(first, row)))
                .collect()
        };
        Self {
            inputs,
            row,
            weight: lines(&parameters[block.weight.clone()]),
            bias: lines(&parameters[block.bias.clone()]),
            windows: (0..rows * columns).map(window).collect(),
            output: (rows + 2 * padding) * (columns + 2 * padding) * outputs,
        }
    }

    /// Length of the output, which must be zero around the pixels where it is padded.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// Computes the pooled pixels `[height, width, channels]` of a padded image of the same layout.
    pub(crate) fn apply(&self, arch: Arch, image: &[f32], output: &mut [f32]) {
        arch.dispatch(Pass { convolution: self, image, output });
    }
}

/// Copies an image `[channels, height, width]` of bytes into a padded one `[height, width, channels]` of numbers from 0 to 1.
pub(crate) fn pad(block: &Block, bytes: &[u8], padded: &mut [f32]) {
    let Block { height, width, inputs, .. } = *block;
    for (channel, plane) in bytes.chunks_exact(height * width).enumerate() {
        for (y, row) in plane.chunks_exact(width).enumerate() {
            let first = ((y + PADDING) * (width + 2 * PADDING) + PADDING) * inputs + channel;
            let pixels = padded[first..].iter_mut().step_by(inputs);
            for (value, byte) in pixels.zip(row) {
                *value = f32::from(*byte) / 255.0;
            }
        }
    }
}

/// Length of a padded image.
pub(crate) fn padded_size(block: &Block) -> usize {
    (block.height + 2 * PADDING) * (block.width + 2 * PADDING) * block.inputs
}

struct Pass<'a> {
    convolution: &'a Convolution,
    image: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Vectors of a line, lines and pixels of a tile: as many sums as hide the latency of a multiply-add and fit the
        // registers.
        match S::F32_LANES {
            16 => self.run::<S, 1, 2, 12>(simd),
            8 => self.run::<S, 2, 1, 4>(simd),
            4 => self.run::<S, 4, 1, 4>(simd),
            _ => self.run::<S, LINE, 1, 4>(simd),
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const R: usize>(mut self, simd: S) {
        let convolution = self.convolution;
        let windows = &convolution.windows[..];
        // The weights of the lines of a tile stay in the first-level cache while all windows go by.
        for line in (0..convolution.bias.len()).step_by(P) {
            let mut first = 0;
            while first + R / POOLED <= windows.len() {
                self.tile::<S, V, P, R>(simd, &windows[first..first + R / POOLED], line);
                first += R / POOLED;
            }
            for window in &windows[first..] {
                self.tile::<S, V, P, POOLED>(simd, &[*window], line);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        windows: &[Window],
        line: usize,
    ) {
        let sums = self.sums::<S, V, P, R>(simd, windows, line);
        // The epilogue indexes the sums, so the compiler would place them in memory from the start.
        let sums = black_box(sums);
        for (window, pixels) in windows.iter().zip(sums.as_chunks::<POOLED>().0) {
            for p in 0..P {
                let target = window.target + (line + p) * LINE;
                let targets = S::as_mut_simd_f32s(&mut self.output[target..target + LINE]).0;
                let biases = load::<S, V>(&self.convolution.bias[line + p]);
                for v in 0..V {
                    let mut largest = pixels[0][p][v];
                    for pixel in &pixels[1..] {
                        largest = simd.max_f32s(largest, pixel[p][v]);
                    }
                    // Rounding keeps the order, so that the bias may be added after pooling.
                    targets[v] = simd.max_f32s(simd.add_f32s(largest, biases[v]), simd.splat_f32s(0.0));
                }
            }
        }
    }

    /// The convolution at the pixels of the windows.
    #[inline(always)]
    fn sums<S: Simd, const V: usize, const P: usize, const R: usize>(
        &self,
        simd: S,
        windows: &[Window],
        line: usize,
    ) -> [[[S::f32s; V]; P]; R] {
        let Convolution { inputs, row, weight, .. } = self.convolution;
        let mut starts = [0; R];
        for (window, starts) in windows.iter().zip(starts.as_chunks_mut::<POOLED>().0) {
            let start = window.start;
            *starts = [start, start + inputs, start + row, start + row + inputs];
        }
        // The pixels of a row of taps are contiguous.
        let span = 3 * inputs;
        let mut sums = [[[simd.splat_f32s(0.0); V]; P]; R];
        for tap_row in 0..3 {
            let mut pixels: [&[f32]; R] = [&[]; R];
            for r in 0..R {
                pixels[r] = &self.image[starts[r] + tap_row * row..][..span];
            }
            let mut weights: [&[Line]; P] = [&[]; P];
            for p in 0..P {
                weights[p] = &weight[((line + p) * 3 + tap_row) * span..][..span];
            }
            for k in 0..span {
                let mut right = [[simd.splat_f32s(0.0); V]; P];
                for p in 0..P {
                    right[p] = load::<S, V>(&weights[p][k]);
                }
                for r in 0..R {
                    let left = simd.splat_f32s(pixels[r][k]);
                    for p in 0..P {
                        for v in 0..V {
                            sums[r][p][v] = simd.mul_add_e_f32s(left, right[p][v], sums[r][p][v]);
                        }
                    }
                }
            }
        }
        sums
    }
}

/// The vectors of a line. A function of its own, since a closure may be compiled without the processor's vectors.
#[inline(always)]
fn load<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    let vectors = S::as_simd_f32s(&line.0).0;
    array::from_fn(|v| vectors[v])
}
