//! Work on lines in vectors.

use pulp::{Simd, WithSimd};

use super::matrix::Line;

/// Work on lines in vectors of any width, of which `V` are in a line. What the compiler makes of loops over the sixteen
/// numbers of a line, it may gather from several lines; these it does not.
pub(super) trait OnLines: Sized {
    type Output;

    fn run<S: Simd, const V: usize>(self, simd: S) -> Self::Output;
}

/// [`OnLines`] for the vectors of the processor.
pub(super) struct InVectors<W>(pub(super) W);

impl<W: OnLines> WithSimd for InVectors<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        match S::F32_LANES {
            16 => self.0.run::<S, 1>(simd),
            8 => self.0.run::<S, 2>(simd),
            4 => self.0.run::<S, 4>(simd),
            1 => self.0.run::<S, 16>(simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    }
}

/// The vectors of a line.
#[inline(always)]
pub(super) fn vectors<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    std::array::from_fn(|v| S::as_simd_f32s(&line.0).0[v])
}

/// Makes vectors a line.
#[inline(always)]
pub(super) fn write<S: Simd, const V: usize>(line: &mut Line, vectors: [S::f32s; V]) {
    S::as_mut_simd_f32s(&mut line.0).0[..V].copy_from_slice(&vectors);
}

/// `a + b`.
#[inline(always)]
pub(super) fn add<S: Simd, const V: usize>(simd: S, a: [S::f32s; V], b: [S::f32s; V]) -> [S::f32s; V] {
    std::array::from_fn(|v| simd.add_f32s(a[v], b[v]))
}

/// `a - b`.
#[inline(always)]
pub(super) fn sub<S: Simd, const V: usize>(simd: S, a: [S::f32s; V], b: [S::f32s; V]) -> [S::f32s; V] {
    std::array::from_fn(|v| simd.sub_f32s(a[v], b[v]))
}

/// `a * b`.
#[inline(always)]
pub(super) fn mul<S: Simd, const V: usize>(simd: S, a: [S::f32s; V], b: [S::f32s; V]) -> [S::f32s; V] {
    std::array::from_fn(|v| simd.mul_f32s(a[v], b[v]))
}

/// Vectors with zeros from number `width` of their line on.
#[inline(always)]
pub(super) fn within<S: Simd, const V: usize>(vectors: [S::f32s; V], width: usize) -> [S::f32s; V] {
    let mut line = Line::ZERO;
    if width >= line.0.len() {
        return vectors;
    }
    write::<S, V>(&mut line, vectors);
    line.0[width..].fill(0.0);
    self::vectors::<S, V>(&line)
}
