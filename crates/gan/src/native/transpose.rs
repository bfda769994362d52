//! Transposition between what one product leaves and the next one reads.

use std::array;

use pulp::{Arch, NullaryFnOnce};

use super::matrix::{LINE, Line, Matrix};

/// A square of sixteen lines.
type Square = [Line; LINE];

/// `to` becomes `from` transposed; columns of padding become zero.
pub(super) fn transpose(arch: Arch, from: &Matrix, to: &mut Matrix) {
    run(arch, from, None, to);
}

/// `to` becomes `from` transposed, times `factor` element by element.
pub(super) fn transpose_times(arch: Arch, from: &Matrix, factor: &Matrix, to: &mut Matrix) {
    run(arch, from, Some(factor), to);
}

fn run(arch: Arch, from: &Matrix, factor: Option<&Matrix>, to: &mut Matrix) {
    to.reshape(from.cols(), from.rows());
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => simd.vectorize(Squares { flip: *simd, from, factor, to }),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => simd.vectorize(Squares { flip: simd, from, factor, to }),
        _ => Squares { flip: Portable, from, factor, to }.call(),
    }
}

/// How a processor transposes a square.
trait Flip: Copy {
    fn flip(self, square: &Square) -> Square;

    /// `line` times `factor`, element by element.
    fn times(self, line: &Line, factor: &Line) -> Line;
}

#[derive(Clone, Copy)]
struct Portable;

impl Flip for Portable {
    #[inline(always)]
    fn flip(self, square: &Square) -> Square {
        array::from_fn(|i| Line(array::from_fn(|j| square[j].0[i])))
    }

    #[inline(always)]
    fn times(self, line: &Line, factor: &Line) -> Line {
        Line(array::from_fn(|i| line.0[i] * factor.0[i]))
    }
}

/// A transposition, square by square.
struct Squares<'a, F> {
    flip: F,
    from: &'a Matrix,
    factor: Option<&'a Matrix>,
    to: &'a mut Matrix,
}

impl<F: Flip> NullaryFnOnce for Squares<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { flip, from, factor, to } = self;
        for panel in 0..to.panels() {
            let rows = panel * LINE..(panel * LINE + LINE).min(from.rows());
            for from_panel in 0..from.panels() {
                let lines = &from.panel(from_panel)[rows.clone()];
                let flipped = if let Ok(square) = lines.try_into() {
                    flip.flip(square)
                } else {
                    let mut padded = [Line::ZERO; LINE];
                    padded[..lines.len()].copy_from_slice(lines);
                    flip.flip(&padded)
                };
                let first = from_panel * LINE;
                let outs = first..(first + LINE).min(from.cols());
                let out = to.part_mut(panel, outs.clone());
                match factor {
                    Some(factor) => {
                        let factors = &factor.panel(panel)[outs];
                        for ((out, line), factor) in out.iter_mut().zip(&flipped).zip(factors) {
                            *out = flip.times(line, factor);
                        }
                    }
                    None => out.copy_from_slice(&flipped[..out.len()]),
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::__m256;

    use pulp::x86::V3;
    use pulp::{Simd, bytemuck};

    use super::{Flip, LINE, Line, Square};

    /// Floats in a vector.
    const WIDTH: usize = 8;

    impl Flip for V3 {
        #[inline(always)]
        fn flip(self, square: &Square) -> Square {
            quarters_flipped(self, square)
        }

        #[inline(always)]
        fn times(self, line: &Line, factor: &Line) -> Line {
            let mut product = *line;
            let values = Self::as_mut_simd_f32s(&mut product.0).0;
            for (value, &factor) in values.iter_mut().zip(Self::as_simd_f32s(&factor.0).0) {
                *value = self.mul_f32s(*value, factor);
            }
            product
        }
    }

    #[inline(always)]
    fn quarters_flipped(simd: V3, square: &Square) -> Square {
        let mut flipped = [Line::ZERO; LINE];
        for row in [0, WIDTH] {
            for half in [0, 1] {
                let mut quarter = [simd.avx._mm256_setzero_ps(); WIDTH];
                for i in 0..WIDTH {
                    quarter[i] = bytemuck::cast(V3::as_simd_f32s(&square[row + i].0).0[half]);
                }
                let quarter = quarter_flipped(simd, quarter);
                for i in 0..WIDTH {
                    let line = &mut flipped[half * WIDTH + i].0;
                    V3::as_mut_simd_f32s(line).0[row / WIDTH] = bytemuck::cast(quarter[i]);
                }
            }
        }
        flipped
    }

    /// Eight rows of eight transposed: pairs of elements, pairs of pairs, then halves of vectors
    /// change places.
    #[inline(always)]
    fn quarter_flipped(simd: V3, rows: [__m256; WIDTH]) -> [__m256; WIDTH] {
        let avx = simd.avx;
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
        flipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_transposed_and_padded_with_zeros_on_any_processor() {
        for (rows, cols) in [(1, 1), (3, 40), (16, 16), (33, 31), (48, 5), (100, 784)] {
            let value = |row: usize, col: usize| (row * 1000 + col) as f32 + 0.5;
            let from = Matrix::from_fn(rows, cols, value);
            let factor = Matrix::from_fn(cols, rows, |row, col| (row + col) as f32);
            for arch in [Arch::new(), Arch::Scalar] {
                let mut to = Matrix::from_fn(cols, rows.next_multiple_of(LINE), |_, _| f32::NAN);
                transpose(arch, &from, &mut to);
                assert_eq!((to.rows(), to.cols()), (cols, rows));
                for col in 0..rows.next_multiple_of(LINE) {
                    for row in 0..cols {
                        let expected = if col < rows { value(col, row) } else { 0.0 };
                        assert_eq!(to.panel(col / LINE)[row].0[col % LINE], expected);
                    }
                }
                transpose_times(arch, &from, &factor, &mut to);
                assert!((0..cols).all(|row| {
                    (0..rows).all(|col| to.get(row, col) == value(col, row) * (row + col) as f32)
                }));
            }
        }
    }
}
