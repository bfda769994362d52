//! Transposition for the products that carry gradients back, and the derivatives of the activations between them.

use pulp::{Arch, NullaryFnOnce, Scalar, Simd, WithSimd};

use super::matrix::{LINE, Line, Matrix};

/// How to compute the derivative of an activation from a tensor that the forward pass saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Derivative {
    /// The saved tensor is the derivative.
    Saved,
    /// From the output of a leaky ReLU with a slope that is not negative.
    LeakyRelu(f32),
    /// From the output of tanh.
    Tanh,
    /// From the output of the sigmoid.
    Sigmoid,
}

impl Derivative {
    /// `gradient` times the derivative.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(self, simd: S, gradient: S::f32s, saved: S::f32s) -> S::f32s {
        match self {
            Self::Saved => Saved.apply(simd, gradient, saved),
            Self::LeakyRelu(slope) => LeakyRelu(slope).apply(simd, gradient, saved),
            Self::Tanh => Tanh.apply(simd, gradient, saved),
            Self::Sigmoid => Sigmoid.apply(simd, gradient, saved),
        }
    }
}

/// `to` becomes `from` transposed; columns of padding become zero.
pub(super) fn transpose(arch: Arch, from: &Matrix, to: &mut Matrix) {
    run(arch, Identity, from, from, to);
}

/// `to` becomes `from` transposed, times the derivative of an activation, computed from `saved`.
pub(super) fn transpose_with_gradient(
    arch: Arch,
    derivative: Derivative,
    from: &Matrix,
    saved: &Matrix,
    to: &mut Matrix,
) {
    assert_eq!((saved.rows(), saved.cols()), (from.cols(), from.rows()), "the shape of what was saved");
    match derivative {
        Derivative::Saved => run(arch, Saved, from, saved, to),
        Derivative::LeakyRelu(slope) => run(arch, LeakyRelu(slope), from, saved, to),
        Derivative::Tanh => run(arch, Tanh, from, saved, to),
        Derivative::Sigmoid => run(arch, Sigmoid, from, saved, to),
    }
}

/// Multiplies `gradient` by the derivative of an activation, which follows from what was saved.
pub(super) fn times_derivative(arch: Arch, derivative: Derivative, saved: &Matrix, gradient: &mut Matrix) {
    arch.dispatch(InPlace { derivative, saved: saved.lines(), gradient: gradient.lines_mut() });
}

struct InPlace<'a> {
    derivative: Derivative,
    saved: &'a [Line],
    gradient: &'a mut [Line],
}

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (gradient, saved) in self.gradient.iter_mut().zip(self.saved) {
            let saved = S::as_simd_f32s(&saved.0).0;
            for (gradient, &saved) in S::as_mut_simd_f32s(&mut gradient.0).0.iter_mut().zip(saved) {
                *gradient = self.derivative.apply(simd, *gradient, saved);
            }
        }
    }
}

/// Whether the processor has vectors that transpose tiles.
pub(super) fn transposes_tiles(arch: Arch) -> bool {
    #[cfg(target_arch = "x86_64")]
    return matches!(arch, Arch::V3(_) | Arch::V4(_));
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = arch;
        false
    }
}

fn run<T: ActivationGradient>(arch: Arch, gradient_rule: T, from: &Matrix, saved: &Matrix, to: &mut Matrix) {
    to.reshape(from.cols(), from.rows());
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => simd.vectorize(TiledTranspose { simd, gradient_rule, from, saved, to }),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => simd.vectorize(TiledTranspose { simd, gradient_rule, from, saved, to }),
        _ => TiledTranspose { simd: Scalar, gradient_rule, from, saved, to }.call(),
    }
}

/// Back-propagation through an activation.
pub(super) trait ActivationGradient: Copy {
    /// Whether the derivative depends on the saved tensor.
    const READS_SAVED: bool = true;

    /// `gradient` times the derivative.
    fn apply<S: Simd>(self, simd: S, gradient: S::f32s, saved: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct Identity;

impl ActivationGradient for Identity {
    const READS_SAVED: bool = false;

    #[inline(always)]
    fn apply<S: Simd>(self, _: S, gradient: S::f32s, _: S::f32s) -> S::f32s {
        gradient
    }
}

#[derive(Clone, Copy)]
struct Saved;

impl ActivationGradient for Saved {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, gradient: S::f32s, saved: S::f32s) -> S::f32s {
        simd.mul_f32s(gradient, saved)
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu(f32);

impl ActivationGradient for LeakyRelu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let below = simd.mul_f32s(gradient, simd.splat_f32s(self.0));
        simd.select_f32s(simd.greater_than_f32s(output, simd.splat_f32s(0.0)), gradient, below)
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl ActivationGradient for Tanh {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let derivative = simd.sub_f32s(simd.splat_f32s(1.0), simd.mul_f32s(output, output));
        simd.mul_f32s(gradient, derivative)
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl ActivationGradient for Sigmoid {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let derivative = simd.mul_f32s(output, simd.sub_f32s(simd.splat_f32s(1.0), output));
        simd.mul_f32s(gradient, derivative)
    }
}

/// A transposition, tile by tile.
struct TiledTranspose<'a, S, T> {
    simd: S,
    gradient_rule: T,
    from: &'a Matrix,
    saved: &'a Matrix,
    to: &'a mut Matrix,
}

impl<S: TransposeTile, T: ActivationGradient> NullaryFnOnce for TiledTranspose<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, gradient_rule, from, saved, to } = self;
        let mut padded = [Line::ZERO; LINE];
        for panel in 0..to.panels() {
            let rows = panel * LINE..(panel * LINE + LINE).min(from.rows());
            for from_panel in 0..from.panels() {
                let tile = tile_of(&from.panel(from_panel)[rows.clone()], &mut padded);
                let outs = from_panel * LINE..(from_panel * LINE + LINE).min(from.cols());
                let saved = if T::READS_SAVED { &saved.panel(panel)[outs.clone()] } else { &[] };
                simd.transpose_tile(gradient_rule, tile, saved, to.part_mut(panel, outs));
            }
        }
    }
}

/// Sixteen lines, as a tile.
pub(super) type Tile = [Line; LINE];

/// Up to sixteen lines as a tile: fewer are copied to `padded`, whose other lines are zero.
#[inline(always)]
pub(super) fn tile_of<'a>(lines: &'a [Line], padded: &'a mut Tile) -> &'a Tile {
    if let Ok(tile) = lines.try_into() {
        return tile;
    }
    padded[..lines.len()].copy_from_slice(lines);
    padded
}

/// Transposition of a tile, for each instruction set.
pub(super) trait TransposeTile: Simd {
    /// As many columns of `tile` as `out` has lines become these lines.
    #[inline(always)]
    fn transpose(self, tile: &Tile, out: &mut [Line]) {
        self.transpose_tile(Identity, tile, &[], out);
    }

    /// As many columns of `tile` as `out` has lines become these lines, times the derivative.
    fn transpose_tile<T: ActivationGradient>(
        self,
        gradient_rule: T,
        tile: &Tile,
        saved: &[Line],
        out: &mut [Line],
    );
}

impl TransposeTile for Scalar {
    fn transpose_tile<T: ActivationGradient>(
        self,
        gradient_rule: T,
        tile: &Tile,
        saved: &[Line],
        out: &mut [Line],
    ) {
        for (col, line) in out.iter_mut().enumerate() {
            for (row, value) in line.0.iter_mut().enumerate() {
                let saved = if T::READS_SAVED { saved[col].0[row] } else { 0.0 };
                *value = gradient_rule.apply(self, tile[row].0[col], saved);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::{__m256, __m512};

    use pulp::bytemuck::cast;
    use pulp::x86::{V3, V4};
    use pulp::{Simd, f32x8, f32x16};

    use super::{ActivationGradient, LINE, Line, Tile, TransposeTile};

    /// Floats in a vector.
    const WIDTH: usize = 8;

    impl TransposeTile for V3 {
        #[inline(always)]
        fn transpose_tile<T: ActivationGradient>(
            self,
            gradient_rule: T,
            tile: &Tile,
            saved: &[Line],
            out: &mut [Line],
        ) {
            for half in [0, 1] {
                for side in [0, 1] {
                    let mut quarter = [self.splat_f32s(0.0); WIDTH];
                    for i in 0..WIDTH {
                        quarter[i] = halves(&tile[half * WIDTH + i])[side];
                    }
                    let quarter = quarter_transposed(self, quarter);
                    for (i, line) in out.iter_mut().skip(side * WIDTH).take(WIDTH).enumerate() {
                        let saved =
                            if T::READS_SAVED { halves(&saved[side * WIDTH + i])[half] } else { quarter[i] };
                        Self::as_mut_simd_f32s(&mut line.0).0[half] =
                            gradient_rule.apply(self, quarter[i], saved);
                    }
                }
            }
        }
    }

    impl TransposeTile for V4 {
        #[inline(always)]
        fn transpose_tile<T: ActivationGradient>(
            self,
            gradient_rule: T,
            tile: &Tile,
            saved: &[Line],
            out: &mut [Line],
        ) {
            let mut rows = [self.splat_f32s(0.0); LINE];
            for i in 0..LINE {
                rows[i] = Self::as_simd_f32s(&tile[i].0).0[0];
            }
            let columns = transposed(self, rows);
            if let Ok(out) = <&mut Tile>::try_from(&mut *out) {
                // With a constant length the columns stay in registers.
                write(self, gradient_rule, &columns, saved, out);
            } else {
                write(self, gradient_rule, &columns, saved, out);
            }
        }
    }

    #[inline(always)]
    fn write<T: ActivationGradient>(
        simd: V4,
        gradient_rule: T,
        columns: &[f32x16; LINE],
        saved: &[Line],
        out: &mut [Line],
    ) {
        for (i, line) in out.iter_mut().enumerate() {
            let saved = if T::READS_SAVED { V4::as_simd_f32s(&saved[i].0).0[0] } else { columns[i] };
            V4::as_mut_simd_f32s(&mut line.0).0[0] = gradient_rule.apply(simd, columns[i], saved);
        }
    }

    /// Sixteen rows transposed: within quarters of vectors first, then the quarters change places.
    #[inline(always)]
    fn transposed(simd: V4, rows: [f32x16; LINE]) -> [f32x16; LINE] {
        let avx = simd.avx512f;
        let rows: [__m512; LINE] = cast(rows);
        let mut pairs = rows;
        for i in [0, 2, 4, 6, 8, 10, 12, 14] {
            pairs[i] = avx._mm512_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = avx._mm512_unpackhi_ps(rows[i], rows[i + 1]);
        }
        let mut fours = pairs;
        for i in [0, 4, 8, 12] {
            fours[i] = avx._mm512_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
            fours[i + 1] = avx._mm512_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
            fours[i + 2] = avx._mm512_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = avx._mm512_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
        }
        let mut columns = fours;
        for i in 0..4 {
            // Even quarters of the first and the second eight rows, then odd ones.
            let even = avx._mm512_shuffle_f32x4::<0x88>(fours[i], fours[i + 4]);
            let even_below = avx._mm512_shuffle_f32x4::<0x88>(fours[i + 8], fours[i + 12]);
            let odd = avx._mm512_shuffle_f32x4::<0xdd>(fours[i], fours[i + 4]);
            let odd_below = avx._mm512_shuffle_f32x4::<0xdd>(fours[i + 8], fours[i + 12]);
            columns[i] = avx._mm512_shuffle_f32x4::<0x88>(even, even_below);
            columns[i + 4] = avx._mm512_shuffle_f32x4::<0x88>(odd, odd_below);
            columns[i + 8] = avx._mm512_shuffle_f32x4::<0xdd>(even, even_below);
            columns[i + 12] = avx._mm512_shuffle_f32x4::<0xdd>(odd, odd_below);
        }
        cast(columns)
    }

    #[inline(always)]
    fn halves(line: &Line) -> &[f32x8] {
        V3::as_simd_f32s(&line.0).0
    }

    /// Eight rows of eight transposed: pairs of elements, pairs of pairs, then halves of vectors
    /// change places.
    #[inline(always)]
    fn quarter_transposed(simd: V3, rows: [f32x8; WIDTH]) -> [f32x8; WIDTH] {
        let avx = simd.avx;
        let rows: [__m256; WIDTH] = cast(rows);
        let mut pairs = rows;
        for i in [0, 2, 4, 6] {
            pairs[i] = avx._mm256_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = avx._mm256_unpackhi_ps(rows[i], rows[i + 1]);
        }
        let mut fours = pairs;
        for i in [0, 4] {
            fours[i] = avx._mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
            fours[i + 1] = avx._mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
            fours[i + 2] = avx._mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = avx._mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
        }
        let mut transposed = fours;
        for i in 0..4 {
            transposed[i] = avx._mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
            transposed[i + 4] = avx._mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
        }
        cast(transposed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gansweep_nn::Vectors;

    /// On `(-1, 1)`, as outputs of tanh are.
    fn output(row: usize, col: usize) -> f32 {
        ((row * 31 + col * 17) % 199) as f32 / 100.0 - 0.99
    }

    #[test]
    fn every_shape_is_transposed_and_padded_with_zeros_on_any_processor() {
        for (rows, cols) in [(1, 1), (3, 40), (16, 16), (33, 31), (48, 5), (100, 784)] {
            let value = |row: usize, col: usize| (row * 1000 + col) as f32 + 0.5;
            let from = Matrix::from_fn(rows, cols, value);
            for arch in Vectors::all().into_iter().map(Vectors::arch) {
                let mut to = Matrix::from_fn(cols, rows.next_multiple_of(LINE), |_, _| f32::NAN);
                transpose(arch, &from, &mut to);
                assert_eq!((to.rows(), to.cols()), (cols, rows));
                for (panel, row) in (0..to.panels()).flat_map(|panel| (0..cols).map(move |row| (panel, row)))
                {
                    let expected = std::array::from_fn(|i| {
                        let col = panel * LINE + i;
                        if col < rows { value(col, row) } else { 0.0 }
                    });
                    assert_eq!(to.panel(panel)[row], Line(expected));
                }
            }
        }
    }

    #[test]
    fn gradients_take_the_derivative_on_their_way_on_any_processor() {
        type Case = (Derivative, fn(f32) -> f32);
        let cases: [Case; 4] = [
            (Derivative::Saved, |saved| saved),
            (Derivative::LeakyRelu(0.2), |y| if y > 0.0 { 1.0 } else { 0.2 }),
            (Derivative::Tanh, |y| 1.0 - y * y),
            (Derivative::Sigmoid, |y| y * (1.0 - y)),
        ];
        for (rows, cols) in [(1, 1), (37, 50), (16, 100)] {
            let from = Matrix::from_fn(rows, cols, |row, col| output(row + 3, col));
            let saved = Matrix::from_fn(cols, rows, output);
            let on_any = |case| Vectors::all().into_iter().map(move |vectors| (case, vectors.arch()));
            for ((derivative, exact), arch) in cases.into_iter().flat_map(on_any) {
                let mut to = Matrix::new(cols, rows);
                transpose_with_gradient(arch, derivative, &from, &saved, &mut to);
                for (row, col) in (0..cols).flat_map(|row| (0..rows).map(move |col| (row, col))) {
                    let expected = output(col + 3, row) * exact(output(row, col));
                    assert!((to.get(row, col) - expected).abs() < 1e-6, "{derivative:?} at [{row}, {col}]");
                }
            }
        }
    }
}
