//! The operations that losses are made of, and numbers that carry a derivative along.

use std::ops::{Add, Mul, Neg, Sub};

/// Outputs of the discriminator, one or many, and numbers computed from them.
pub trait Outputs:
    Clone
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
{
    /// The square.
    #[must_use]
    fn square(self) -> Self;

    /// `max(0, x)`, with a derivative of 0 at 0 as in PyTorch.
    #[must_use]
    fn relu(self) -> Self;

    /// `log(1 + exp(x))`, which does not overflow.
    #[must_use]
    fn softplus(self) -> Self;

    /// `-(t log s(x) + (1 - t) log(1 - s(x)))` with the sigmoid `s` and the target `t`, computed without
    /// overflow or cancellation. No derivative flows to the target.
    #[must_use]
    fn cross_entropy(self, target: Self) -> Self;
}

/// A number with its derivative with respect to the output that it was computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual {
    /// The number.
    pub value: f64,
    /// Its derivative.
    pub derivative: f64,
}

impl Dual {
    /// An output.
    #[inline]
    pub fn output(value: f64) -> Self {
        Self { value, derivative: 1.0 }
    }

    /// A number that does not depend on the output.
    #[inline]
    pub fn constant(value: f64) -> Self {
        Self { value, derivative: 0.0 }
    }
}

impl Neg for Dual {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Self { value: -self.value, derivative: -self.derivative }
    }
}

impl Add<f64> for Dual {
    type Output = Self;

    #[inline]
    fn add(self, other: f64) -> Self {
        Self { value: self.value + other, ..self }
    }
}

impl Mul<f64> for Dual {
    type Output = Self;

    #[inline]
    fn mul(self, factor: f64) -> Self {
        Self { value: self.value * factor, derivative: self.derivative * factor }
    }
}

impl Sub for Dual {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, derivative: self.derivative - other.derivative }
    }
}

impl Mul for Dual {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        let derivative = self.derivative * other.value + self.value * other.derivative;
        Self { value: self.value * other.value, derivative }
    }
}

/// The sigmoid and softplus of one number, from one exponential.
struct Logistic {
    sigmoid: f64,
    /// One minus the sigmoid, without cancellation where the sigmoid is near one.
    complement: f64,
    /// `log(1 + exp(-|x|))`: the softplus is `max(0, x)` more.
    log_term: f64,
}

impl Logistic {
    #[inline]
    fn of(x: f64) -> Self {
        let small = libm::exp(-x.abs());
        let (larger, smaller) = (1.0 / (1.0 + small), small / (1.0 + small));
        let (sigmoid, complement) = if x >= 0.0 { (larger, smaller) } else { (smaller, larger) };
        Self { sigmoid, complement, log_term: libm::log1p(small) }
    }
}

/// The sigmoid of `x`.
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    let small = libm::exp(-x.abs());
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

impl Outputs for Dual {
    #[inline]
    fn square(self) -> Self {
        Self { value: self.value * self.value, derivative: 2.0 * self.value * self.derivative }
    }

    #[inline]
    fn relu(self) -> Self {
        // In this form NaN stays NaN.
        if self.value <= 0.0 { Self::constant(0.0) } else { self }
    }

    #[inline]
    fn softplus(self) -> Self {
        let Logistic { sigmoid, log_term, .. } = Logistic::of(self.value);
        Self { value: self.value.max(0.0) + log_term, derivative: sigmoid * self.derivative }
    }

    #[inline]
    fn cross_entropy(self, target: Self) -> Self {
        let (x, target) = (self.value, target.value);
        let Logistic { complement, log_term, .. } = Logistic::of(x);
        // `sigmoid - target`, written so that it does not cancel for real images that D is sure of.
        let derivative = (1.0 - target) - complement;
        Self { value: x.max(0.0) - target * x + log_term, derivative: derivative * self.derivative }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails unless the derivative of `function` is its finite difference at `x`.
    fn check(what: &str, function: impl Fn(Dual) -> Dual, x: f64) {
        let h = 1e-5;
        let difference = function(Dual::output(x + h)).value - function(Dual::output(x - h)).value;
        let found = function(Dual::output(x)).derivative;
        assert!((difference / (2.0 * h) - found).abs() < 1e-8, "{what} at {x}: {found}, not {difference}");
    }

    #[test]
    fn derivatives_are_finite_differences() {
        for x in [-3.0, -0.7, 0.3, 1.9] {
            check("-x", |x| -x, x);
            check("3 - 2 x", |x| x * -2.0 + 3.0, x);
            check("x - 2", |x| x - Dual::constant(2.0), x);
            check("x (x - 4)", |x| x * (x - Dual::constant(4.0)), x);
            check("square", |x| (x * 3.0).square(), x);
            check("max(0, x)", Dual::relu, x);
            check("softplus", |x| (x * 2.0).softplus(), x);
            for target in [0.0, 0.4, 1.0] {
                check("cross-entropy", |x| (-x).cross_entropy(Dual::constant(target)), x);
            }
        }
    }

    #[test]
    fn softplus_and_cross_entropy_follow_their_definitions_by_logarithms() {
        for x in [-8.0f64, -1.5, 0.0, 0.3, 9.0] {
            let p = 1.0 / (1.0 + (-x).exp());
            assert!((sigmoid(x) - p).abs() < 1e-15);
            assert!((Dual::output(x).softplus().value + (1.0 - p).ln()).abs() < 1e-12);
            for t in [0.0, 0.9, 1.0] {
                let found = Dual::output(x).cross_entropy(Dual::constant(t));
                assert!((found.value + t * p.ln() + (1.0 - t) * (1.0 - p).ln()).abs() < 1e-12);
                assert!((found.derivative - (p - t)).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn large_numbers_neither_overflow_nor_cancel() {
        assert_eq!(Dual::output(1e30).cross_entropy(Dual::constant(1.0)), Dual::constant(0.0));
        assert_eq!(Dual::output(-1e30).softplus(), Dual::constant(0.0));
        assert_eq!(Dual::output(1e30).softplus(), Dual::output(1e30));
        let Dual { value, derivative } = Dual::output(30.0).cross_entropy(Dual::constant(1.0));
        assert!((value / 9.357_622_968_8e-14 - 1.0).abs() < 1e-9);
        assert!((derivative / -9.357_622_968_8e-14 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        let nan = Dual::output(f64::NAN);
        assert!(nan.relu().value.is_nan() && nan.softplus().value.is_nan());
        assert!(nan.cross_entropy(Dual::constant(0.0)).value.is_nan() && nan.square().value.is_nan());
    }
}
