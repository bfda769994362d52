//! Transposition between what one product leaves and the next one reads, through the derivative of
//! an activation where there is one in between.

use pulp::{Arch, NullaryFnOnce, Scalar, Simd};

use super::matrix::{LINE, Line, Matrix};

/// How the derivative of an activation follows from what its forward pass kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Derivative {
    /// It is what was kept.
    Kept,
    /// From the output of a leaky ReLU with a slope that is not negative.
    Leaky(f32),
    /// From the output of tanh.
    Tanh,
    /// From the output of the sigmoid.
    Sigmoid,
}

/// `to` becomes `from` transposed; columns of padding become zero.
pub(super) fn transpose(arch: Arch, from: &Matrix, to: &mut Matrix) {
    run(arch, One, from, from, to);
}

/// `to` becomes `from` transposed, times the derivative of an activation that kept `kept`.
pub(super) fn transpose_through(
    arch: Arch,
    derivative: Derivative,
    from: &Matrix,
    kept: &Matrix,
    to: &mut Matrix,
) {
    assert_eq!((kept.rows(), kept.cols()), (from.cols(), from.rows()), "the shape of what was kept");
    match derivative {
        Derivative::Kept => run(arch, Kept, from, kept, to),
        Derivative::Leaky(slope) => run(arch, Leaky(slope), from, kept, to),
        Derivative::Tanh => run(arch, Tanh, from, kept, to),
        Derivative::Sigmoid => run(arch, Sigmoid, from, kept, to),
    }
}

fn run<T: Through>(arch: Arch, through: T, from: &Matrix, kept: &Matrix, to: &mut Matrix) {
    to.reshape(from.cols(), from.rows());
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => simd.vectorize(Squares { simd: *simd, through, from, kept, to }),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => simd.vectorize(Squares { simd, through, from, kept, to }),
        _ => Squares { simd: Scalar, through, from, kept, to }.call(),
    }
}

/// The way of a gradient back through an activation.
trait Through: Copy {
    /// Whether anything but the gradient decides.
    const READS_KEPT: bool = true;

    /// `gradient` times the derivative.
    fn times<S: Simd>(self, simd: S, gradient: S::f32s, kept: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct One;

impl Through for One {
    const READS_KEPT: bool = false;

    #[inline(always)]
    fn times<S: Simd>(self, _: S, gradient: S::f32s, _: S::f32s) -> S::f32s {
        gradient
    }
}

#[derive(Clone, Copy)]
struct Kept;

impl Through for Kept {
    #[inline(always)]
    fn times<S: Simd>(self, simd: S, gradient: S::f32s, kept: S::f32s) -> S::f32s {
        simd.mul_f32s(gradient, kept)
    }
}

#[derive(Clone, Copy)]
struct Leaky(f32);

impl Through for Leaky {
    #[inline(always)]
    fn times<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let below = simd.mul_f32s(gradient, simd.splat_f32s(self.0));
        simd.select_f32s(simd.greater_than_f32s(output, simd.splat_f32s(0.0)), gradient, below)
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Through for Tanh {
    #[inline(always)]
    fn times<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let derivative = simd.sub_f32s(simd.splat_f32s(1.0), simd.mul_f32s(output, output));
        simd.mul_f32s(gradient, derivative)
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Through for Sigmoid {
    #[inline(always)]
    fn times<S: Simd>(self, simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
        let derivative = simd.mul_f32s(output, simd.sub_f32s(simd.splat_f32s(1.0), output));
        simd.mul_f32s(gradient, derivative)
    }
}

/// A transposition, square by square.
struct Squares<'a, S, T> {
    simd: S,
    through: T,
    from: &'a Matrix,
    kept: &'a Matrix,
    to: &'a mut Matrix,
}

impl<S: Flip, T: Through> NullaryFnOnce for Squares<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, through, from, kept, to } = self;
        let mut padded = [Line::ZERO; LINE];
        for panel in 0..to.panels() {
            let rows = panel * LINE..(panel * LINE + LINE).min(from.rows());
            for from_panel in 0..from.panels() {
                let lines = &from.panel(from_panel)[rows.clone()];
                let square = if let Ok(square) = lines.try_into() {
                    square
                } else {
                    padded[..lines.len()].copy_from_slice(lines);
                    &padded
                };
                let outs = from_panel * LINE..(from_panel * LINE + LINE).min(from.cols());
                let kept = if T::READS_KEPT { &kept.panel(panel)[outs.clone()] } else { &[] };
                simd.flip(through, square, kept, to.part_mut(panel, outs));
            }
        }
    }
}

/// Sixteen lines, as a square.
type Square = [Line; LINE];

/// How a processor transposes a square.
trait Flip: Simd {
    /// As many columns of `square` as `out` has lines become these lines, times the derivative.
    fn flip<T: Through>(self, through: T, square: &Square, kept: &[Line], out: &mut [Line]);
}

impl Flip for Scalar {
    fn flip<T: Through>(self, through: T, square: &Square, kept: &[Line], out: &mut [Line]) {
        for (col, line) in out.iter_mut().enumerate() {
            for (row, value) in line.0.iter_mut().enumerate() {
                let kept = if T::READS_KEPT { kept[col].0[row] } else { 0.0 };
                *value = through.times(self, square[row].0[col], kept);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::__m256;

    use pulp::bytemuck::cast;
    use pulp::x86::V3;
    use pulp::{Simd, f32x8};

    use super::{Flip, Line, Square, Through};

    /// Floats in a vector.
    const WIDTH: usize = 8;

    impl Flip for V3 {
        #[inline(always)]
        fn flip<T: Through>(self, through: T, square: &Square, kept: &[Line], out: &mut [Line]) {
            for half in [0, 1] {
                for side in [0, 1] {
                    let mut quarter = [self.splat_f32s(0.0); WIDTH];
                    for i in 0..WIDTH {
                        quarter[i] = halves(&square[half * WIDTH + i])[side];
                    }
                    let quarter = quarter_flipped(self, quarter);
                    for (i, line) in out.iter_mut().skip(side * WIDTH).take(WIDTH).enumerate() {
                        let kept =
                            if T::READS_KEPT { halves(&kept[side * WIDTH + i])[half] } else { quarter[i] };
                        Self::as_mut_simd_f32s(&mut line.0).0[half] = through.times(self, quarter[i], kept);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn halves(line: &Line) -> &[f32x8] {
        V3::as_simd_f32s(&line.0).0
    }

    /// Eight rows of eight transposed: pairs of elements, pairs of pairs, then halves of vectors
    /// change places.
    #[inline(always)]
    fn quarter_flipped(simd: V3, rows: [f32x8; WIDTH]) -> [f32x8; WIDTH] {
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
        let mut flipped = fours;
        for i in 0..4 {
            flipped[i] = avx._mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
            flipped[i + 4] = avx._mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
        }
        cast(flipped)
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
            (Derivative::Kept, |kept| kept),
            (Derivative::Leaky(0.2), |y| if y > 0.0 { 1.0 } else { 0.2 }),
            (Derivative::Tanh, |y| 1.0 - y * y),
            (Derivative::Sigmoid, |y| y * (1.0 - y)),
        ];
        for (rows, cols) in [(1, 1), (37, 50), (16, 100)] {
            let from = Matrix::from_fn(rows, cols, |row, col| output(row + 3, col));
            let kept = Matrix::from_fn(cols, rows, output);
            let on_any = |case| Vectors::all().into_iter().map(move |vectors| (case, vectors.arch()));
            for ((derivative, exact), arch) in cases.into_iter().flat_map(on_any) {
                let mut to = Matrix::new(cols, rows);
                transpose_through(arch, derivative, &from, &kept, &mut to);
                for (row, col) in (0..cols).flat_map(|row| (0..rows).map(move |col| (row, col))) {
                    let expected = output(col + 3, row) * exact(output(row, col));
                    assert!((to.get(row, col) - expected).abs() < 1e-6, "{derivative:?} at [{row}, {col}]");
                }
            }
        }
    }
}
