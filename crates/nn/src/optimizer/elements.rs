//! The operations that updates are made of, and their form in a processor's vectors.

use pulp::Simd;

#[cfg(target_arch = "x86_64")]
use super::avx512;

/// Numbers that an update computes with, element by element: a SIMD vector, a tensor of a device, or one
/// `f64` in a test.
///
/// The operations are those that PyTorch's own optimisers are written in. Each backend rounds them in
/// the way that is fastest there. The result of an operation may take the memory of `self`.
pub trait Elements: Clone {
    /// `self + other`.
    #[must_use]
    fn plus(self, other: &Self) -> Self;

    /// `self * factor`.
    #[must_use]
    fn times(self, factor: &Self) -> Self;

    /// `self * factor + addend`.
    #[must_use]
    fn times_plus(self, factor: &Self, addend: &Self) -> Self;

    /// `self / divisor`.
    #[must_use]
    fn over(self, divisor: Self) -> Self;

    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;

    /// `self - factor * other`.
    #[must_use]
    fn minus_product(self, other: Self, factor: &Self) -> Self;

    /// `self - factor * dividend / divisor`: `addcdiv`.
    #[must_use]
    fn minus_quotient(self, dividend: Self, divisor: Self, factor: &Self) -> Self;

    /// `keep * self + other`; zero where that is subnormal.
    #[must_use]
    fn sum_with(self, other: Self, keep: &Self) -> Self;

    /// `keep * self + take * other` where `keep + take` is one; zero where that is subnormal: `lerp`.
    #[must_use]
    fn mean_with(self, other: Self, keep: &Self, take: &Self) -> Self;

    /// `keep * self + take * other * other`; zero where that is subnormal: `addcmul`.
    #[must_use]
    fn mean_with_square(self, other: &Self, keep: &Self, take: &Self) -> Self;
}

/// A SIMD vector of the processor.
#[derive(Debug, Clone, Copy)]
pub struct Vector<S: Simd> {
    simd: S,
    /// Its elements.
    pub value: S::f32s,
}

impl<S: Simd> Vector<S> {
    /// A vector with these elements.
    #[inline(always)]
    pub fn new(simd: S, value: S::f32s) -> Self {
        Self { simd, value }
    }

    /// Flushes subnormal numbers to zero, since many processors are a hundred times slower on them. The
    /// buffers of a parameter whose gradient has become zero (behind a dead ReLU) decay, and would
    /// otherwise stay subnormal for good. The difference is too small to change any sum.
    #[inline(always)]
    fn normal_or_zero(self) -> Self {
        let Self { simd, value } = self;
        #[cfg(target_arch = "x86_64")]
        if let Some(value) = avx512::normal_or_zero(simd, value) {
            return Self { simd, value };
        }
        let magnitude = simd.and_f32s(value, simd.splat_f32s(f32::from_bits(0x7fff_ffff)));
        let subnormal = simd.less_than_f32s(magnitude, simd.splat_f32s(f32::MIN_POSITIVE));
        Self { simd, value: simd.select_f32s(subnormal, simd.splat_f32s(0.0), value) }
    }
}

/// A vector for each coefficient, with the coefficient in every element.
#[inline(always)]
pub fn splat<S: Simd, const COEFFICIENTS: usize>(
    simd: S,
    coefficients: &[f32; COEFFICIENTS],
) -> [Vector<S>; COEFFICIENTS] {
    // A loop, since a closure may be compiled as a function of its own, without SIMD instructions.
    let mut vectors = [Vector::new(simd, simd.splat_f32s(0.0)); COEFFICIENTS];
    for index in 0..COEFFICIENTS {
        vectors[index].value = simd.splat_f32s(coefficients[index]);
    }
    vectors
}

/// The square roots, each rounded to the nearest float.
#[inline(always)]
fn sqrt<S: Simd>(simd: S, squares: S::f32s) -> S::f32s {
    #[cfg(target_arch = "x86_64")]
    if let Some(roots) = avx512::sqrt(simd, squares) {
        return roots;
    }
    simd.sqrt_f32s(squares)
}

impl<S: Simd> Elements for Vector<S> {
    #[inline(always)]
    fn plus(self, other: &Self) -> Self {
        Self { value: self.simd.add_f32s(self.value, other.value), ..self }
    }

    #[inline(always)]
    fn times(self, factor: &Self) -> Self {
        Self { value: self.simd.mul_f32s(self.value, factor.value), ..self }
    }

    #[inline(always)]
    fn times_plus(self, factor: &Self, addend: &Self) -> Self {
        Self { value: self.simd.mul_add_e_f32s(self.value, factor.value, addend.value), ..self }
    }

    #[inline(always)]
    fn over(self, divisor: Self) -> Self {
        Self { value: self.simd.div_f32s(self.value, divisor.value), ..self }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self { value: sqrt(self.simd, self.value), ..self }
    }

    #[inline(always)]
    fn minus_product(self, other: Self, factor: &Self) -> Self {
        let product = self.simd.mul_f32s(other.value, factor.value);
        Self { value: self.simd.sub_f32s(self.value, product), ..self }
    }

    #[inline(always)]
    fn minus_quotient(self, dividend: Self, divisor: Self, factor: &Self) -> Self {
        let dividend = self.simd.mul_f32s(dividend.value, factor.value);
        Self { value: self.simd.sub_f32s(self.value, self.simd.div_f32s(dividend, divisor.value)), ..self }
    }

    #[inline(always)]
    fn sum_with(self, other: Self, keep: &Self) -> Self {
        self.times_plus(keep, &other).normal_or_zero()
    }

    #[inline(always)]
    fn mean_with(self, other: Self, _: &Self, take: &Self) -> Self {
        let difference = self.simd.sub_f32s(other.value, self.value);
        Self { value: self.simd.mul_add_e_f32s(difference, take.value, self.value), ..self }.normal_or_zero()
    }

    #[inline(always)]
    fn mean_with_square(self, other: &Self, keep: &Self, take: &Self) -> Self {
        let square = self.simd.mul_f32s(self.simd.mul_f32s(other.value, take.value), other.value);
        Self { value: self.simd.mul_add_e_f32s(self.value, keep.value, square), ..self }.normal_or_zero()
    }
}

/// Scalars in double precision, for reference computations in tests.
impl Elements for f64 {
    fn plus(self, other: &Self) -> Self {
        self + other
    }

    fn times(self, factor: &Self) -> Self {
        self * factor
    }

    fn times_plus(self, factor: &Self, addend: &Self) -> Self {
        self * factor + addend
    }

    fn over(self, divisor: Self) -> Self {
        self / divisor
    }

    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }

    fn minus_product(self, other: Self, factor: &Self) -> Self {
        self - other * factor
    }

    fn minus_quotient(self, dividend: Self, divisor: Self, factor: &Self) -> Self {
        self - factor * dividend / divisor
    }

    fn sum_with(self, other: Self, keep: &Self) -> Self {
        keep * self + other
    }

    fn mean_with(self, other: Self, keep: &Self, take: &Self) -> Self {
        keep * self + take * other
    }

    fn mean_with_square(self, other: &Self, keep: &Self, take: &Self) -> Self {
        keep * self + take * other * other
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::Vectors;

    struct EachVector<'a, F>(F, &'a [f32], &'a mut [f32]);

    trait Function {
        fn of<S: Simd>(&self, vector: Vector<S>) -> Vector<S>;
    }

    impl<F: Function> WithSimd for EachVector<'_, F> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(function, from, to) = self;
            for (to, &from) in S::as_mut_simd_f32s(to).0.iter_mut().zip(S::as_simd_f32s(from).0) {
                *to = function.of(Vector::new(simd, from)).value;
            }
        }
    }

    /// Compares a function of sixteen numbers at a time, with all vectors of the processor, with that of each.
    fn check<F: Function + Copy>(
        function: F,
        exact: impl Fn(f32) -> f32,
        numbers: impl IntoIterator<Item = [f32; 16]>,
    ) {
        let all = Vectors::all();
        let mut found = [0.0; 16];
        for numbers in numbers {
            for vectors in &all {
                vectors.arch().dispatch(EachVector(function, &numbers, &mut found));
                for (found, number) in found.iter().zip(numbers) {
                    let exact = exact(number);
                    let is_same = found.to_bits() == exact.to_bits() || found.is_nan() && exact.is_nan();
                    assert!(is_same, "{found:e} of {number:e} with {vectors}, not {exact:e}");
                }
            }
        }
    }

    /// Sixteen numbers, from the one with these bits on.
    fn from_bits(bits: u32) -> [f32; 16] {
        std::array::from_fn(|i| f32::from_bits(bits + i as u32))
    }

    /// Numbers with every exponent, and those around the subnormal and infinite ones.
    fn of_every_size() -> impl Iterator<Item = [f32; 16]> {
        let infinity = f32::INFINITY.to_bits();
        let edges = (0..255u32).map(|exponent| from_bits((exponent << 23).saturating_sub(8)));
        let mut mixed = [2.0; 16];
        (mixed[3], mixed[7], mixed[8]) = (0.0, 1e-40, f32::INFINITY);
        (0..infinity).step_by(99_991).map(from_bits).chain(edges).chain([
            mixed,
            from_bits(infinity - 15),
            [f32::NAN; 16],
        ])
    }

    #[derive(Clone, Copy)]
    struct Sqrt;

    impl Function for Sqrt {
        #[inline(always)]
        fn of<S: Simd>(&self, vector: Vector<S>) -> Vector<S> {
            vector.sqrt()
        }
    }

    #[test]
    fn the_root_of_every_significand_is_exact() {
        // Between one and four, since the exponent may be even or odd.
        check(Sqrt, f32::sqrt, (1.0f32.to_bits()..4.0f32.to_bits()).step_by(16).map(from_bits));
    }

    #[test]
    fn roots_of_numbers_of_every_size_are_exact() {
        check(Sqrt, f32::sqrt, of_every_size());
    }

    #[derive(Clone, Copy)]
    struct NormalOrZero;

    impl Function for NormalOrZero {
        #[inline(always)]
        fn of<S: Simd>(&self, vector: Vector<S>) -> Vector<S> {
            vector.normal_or_zero()
        }
    }

    #[test]
    fn subnormal_numbers_become_zero_and_no_others() {
        let exact = |number: f32| if number.is_subnormal() || number == 0.0 { 0.0 } else { number };
        check(NormalOrZero, exact, of_every_size().flat_map(|numbers| [numbers, numbers.map(|it| -it)]));
    }
}
