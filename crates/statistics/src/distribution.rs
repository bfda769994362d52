//! Cumulative distribution functions, all by the incomplete beta function.

/// Quantile of Student's t distribution; `freedom` may be any positive number.
pub fn student_quantile(probability: f64, freedom: f64) -> f64 {
    // The distribution is symmetric, and the tail is computed without the loss of 1 - p.
    let tail = probability.min(1.0 - probability);
    let upper = bisect(|t| student_tail(t, freedom) <= tail);
    if probability < 0.5 { -upper } else { upper }
}

/// Probability of a value above `t`, for `t` >= 0.
fn student_tail(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)) / 2.0
}

/// The smallest number from 0 up for which a condition holds, which holds for all larger ones.
pub(crate) fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let mut high = 1.0;
    while !holds(high) {
        high *= 2.0;
        if high > 1e300 {
            return f64::INFINITY;
        }
    }
    let mut low = 0.0;
    // Each step gains a bit; 200 steps are enough for any double.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

/// Probability that a noncentral F variable is at most `f`.
///
/// The numerator is a Poisson mixture of central chi-squares (Johnson, Kotz and Balakrishnan 1995, equation 30.10):
/// `sum over j of Poisson(j; noncentrality / 2) * I_x(numerator / 2 + j, denominator / 2)`, with
/// `x = numerator f / (numerator f + denominator)`.
pub(crate) fn noncentral_f(f: f64, numerator: f64, denominator: f64, noncentrality: f64) -> f64 {
    if f <= 0.0 {
        return 0.0;
    }
    let (mean, b) = (noncentrality / 2.0, denominator / 2.0);
    let scaled = numerator * f;
    let (x, rest) = (scaled / (scaled + denominator), denominator / (scaled + denominator));
    if mean == 0.0 {
        return incomplete_beta(numerator / 2.0, b, x);
    }
    // Beyond ten standard deviations a Poisson variable has less than the rounding of a double.
    let width = 10.0 * mean.sqrt() + 20.0;
    let (first, last) = ((mean - width).max(0.0).floor(), (mean + width).ceil());
    // From the last term down, since I_x(a, b) = I_x(a + 1, b) + x^a (1 - x)^b / (a B(a, b)) only adds.
    let mut a = numerator / 2.0 + last;
    let mut beta = incomplete_beta(a, b, x);
    let mut weight = poisson(last, mean);
    let mut step = (a * x.ln() + b * rest.ln() - ln_beta(a, b)).exp() / a;
    let mut sum = 0.0;
    let mut j = last;
    loop {
        sum += weight * beta;
        if j <= first {
            return sum.clamp(0.0, 1.0);
        }
        weight *= j / mean;
        j -= 1.0;
        // The step from a to a - 1.
        step *= a / (x * (a + b - 1.0));
        a -= 1.0;
        beta += step;
    }
}

/// Probability of that count, for a positive mean.
fn poisson(count: f64, mean: f64) -> f64 {
    (count * mean.ln() - mean - libm::lgamma(count + 1.0)).exp()
}

/// The regularised incomplete beta function `I_x(a, b)`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b)).exp();
    // The continued fraction converges fast only below the mean.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8) by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    // Stands for a zero, which Lentz's method cannot divide by.
    const TINY: f64 = 1e-300;
    // It needs about the square root of the larger of `a` and `b`.
    const MOST_TERMS: u32 = 100_000;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / nonzero(1.0 + coefficient * d);
            c = nonzero(1.0 + coefficient / c);
            change *= c * d;
        }
        fraction *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student_are_those_with_a_closed_form() {
        // One degree of freedom is the Cauchy distribution, two have an algebraic quantile.
        for p in [0.6, 0.9, 0.975, 0.999] {
            let cauchy = (std::f64::consts::PI * (p - 0.5)).tan();
            assert!((student_quantile(p, 1.0) / cauchy - 1.0).abs() < 1e-12, "{p}");
            let u: f64 = 2.0 * p - 1.0;
            let two = u * (2.0 / (1.0 - u * u)).sqrt();
            assert!((student_quantile(p, 2.0) / two - 1.0).abs() < 1e-12, "{p}");
            assert_eq!(
                student_quantile(1.0 - p, 2.0).to_bits(),
                (-student_quantile(1.0 - (1.0 - p), 2.0)).to_bits()
            );
        }
        assert!((student_quantile(0.975, 1e7) - 1.959_964).abs() < 1e-5);
    }

    #[test]
    fn the_incomplete_beta_function_has_its_two_symmetries() {
        for (a, b) in [(0.5, 0.5), (1.0, 3.0), (20.0, 0.5), (300.0, 400.0), (2e5, 3.0)] {
            for x in [1e-6, 0.2, 0.5, 0.9, 0.999] {
                let [direct, mirrored] = [incomplete_beta(a, b, x), 1.0 - incomplete_beta(b, a, 1.0 - x)];
                assert!((direct - mirrored).abs() < 1e-10, "{a} {b} {x}: {direct} {mirrored}");
            }
        }
        // I_x(1, b) = 1 - (1 - x)^b
        assert!((incomplete_beta(1.0, 7.0, 0.1) - (1.0 - 0.9_f64.powi(7))).abs() < 1e-14);
    }

    #[test]
    fn a_noncentral_f_without_noncentrality_is_central() {
        // F with two and two degrees of freedom: f / (1 + f).
        for f in [0.1, 1.0, 9.0] {
            assert!((noncentral_f(f, 2.0, 2.0, 0.0) - f / (1.0 + f)).abs() < 1e-14, "{f}");
        }
        assert_eq!(noncentral_f(0.0, 2.0, 2.0, 3.0), 0.0);
    }
}
