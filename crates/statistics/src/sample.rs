//! A sample of values: mean, standard deviation, t-interval.

use serde::Serialize;

use crate::distribution::student_quantile;

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies in it, its ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half of its length: what stands behind ±.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The finite values of a sample, and the number of those that are not finite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Sorted, so that sums do not depend on the order of the input.
    values: Vec<f64>,
    excluded: usize,
}

impl Sample {
    /// Number of finite values.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Number of values that are NaN or infinite.
    pub fn excluded(&self) -> usize {
        self.excluded
    }

    /// The finite values, sorted.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Mean of the finite values; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        let n = self.values.len() as f64;
        let sum: f64 = self.values.iter().sum();
        // A sum may overflow where the mean does not.
        let mean = if sum.is_finite() { sum / n } else { self.values.iter().map(|value| value / n).sum() };
        (n > 0.0).then_some(mean)
    }

    /// Standard deviation with `n - 1` in the denominator; `None` for fewer than two values.
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.values.len() > 1)?;
        // Scaled by the largest distance, since squares of large values overflow and those of small ones vanish.
        let scale = self.values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
        if scale == 0.0 {
            return Some(0.0);
        }
        let squares: f64 = self.values.iter().map(|value| ((value - mean) / scale).powi(2)).sum();
        Some(scale * (squares / (self.values.len() - 1) as f64).sqrt())
    }

    /// Student's t-interval of the mean; `None` for fewer than two values. It assumes independent values of a
    /// normal distribution.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let (mean, deviation) = (self.mean()?, self.deviation()?);
        let n = self.values.len() as f64;
        let half = student_quantile(f64::midpoint(1.0, confidence), n - 1.0) * deviation / n.sqrt();
        Some(Interval { low: mean - half, high: mean + half })
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let (mut finite, others): (Vec<f64>, Vec<f64>) =
            values.into_iter().partition(|value| value.is_finite());
        finite.sort_by(f64::total_cmp);
        Self { values: finite, excluded: others.len() }
    }
}

/// Welch's t-interval of the difference of two means, `a - b`, whose deviations may differ (Welch 1947);
/// `None` if either sample has fewer than two values.
pub(crate) fn welch(a: &Sample, b: &Sample, confidence: f64) -> Option<Interval> {
    let difference = a.mean()? - b.mean()?;
    let part = |sample: &Sample| Some(sample.deviation()?.powi(2) / sample.count() as f64);
    let (of_a, of_b) = (part(a)?, part(b)?);
    let error = (of_a + of_b).sqrt();
    if error == 0.0 {
        return Some(Interval { low: difference, high: difference });
    }
    let weight = |part: f64, sample: &Sample| (part / (of_a + of_b)).powi(2) / (sample.count() - 1) as f64;
    let freedom = 1.0 / (weight(of_a, a) + weight(of_b, b));
    let half = student_quantile(f64::midpoint(1.0, confidence), freedom) * error;
    Some(Interval { low: difference - half, high: difference + half })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(values: &[f64]) -> Sample {
        values.iter().copied().collect()
    }

    #[test]
    fn values_that_are_no_numbers_are_counted_and_never_averaged() {
        let sample = sample(&[1.0, f64::NAN, 3.0, f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!((sample.count(), sample.excluded(), sample.mean()), (2, 3, Some(2.0)));
    }

    #[test]
    fn few_values_have_no_interval_instead_of_a_wrong_one() {
        assert_eq!(sample(&[]).mean(), None);
        assert_eq!(sample(&[f64::NAN]).mean(), None);
        let one = sample(&[4.0]);
        assert_eq!((one.mean(), one.deviation(), one.interval(0.95)), (Some(4.0), None, None));
        assert_eq!(welch(&one, &sample(&[1.0, 2.0]), 0.95), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let equal = sample(&[0.1, 0.1, 0.1]);
        let interval = equal.interval(0.95).unwrap();
        assert!(interval.high - interval.low < 1e-15 && interval.contains(0.1), "{interval:?}");
        let other = sample(&[0.25, 0.25]);
        let apart = welch(&other, &sample(&[0.125, 0.125]), 0.95);
        assert_eq!(apart, Some(Interval { low: 0.125, high: 0.125 }));
    }

    #[test]
    fn values_at_the_ends_of_the_range_do_not_overflow() {
        let large = sample(&[1.7e308, 1.6e308, 1.5e308]);
        assert!((large.mean().unwrap() / 1.6e308 - 1.0).abs() < 1e-12);
        assert!((large.deviation().unwrap() / 1e307 - 1.0).abs() < 1e-9);
        assert!(sample(&[1e-300, 3e-300]).deviation().unwrap() > 1e-300);
    }

    proptest! {
        #[test]
        fn the_order_of_values_changes_no_bit(mut values in proptest::collection::vec(-1e6..1e6, 2..20), at in 0..20_usize) {
            let before = sample(&values);
            let length = values.len();
            values.rotate_left(at % length);
            prop_assert_eq!(&before, &sample(&values));
        }

        #[test]
        fn an_interval_moves_and_stretches_with_its_values(
            values in proptest::collection::vec(-1e3..1e3, 2..12), scale in 0.01..100.0_f64, shift in -100.0..100.0_f64,
        ) {
            let interval = sample(&values).interval(0.95).unwrap();
            let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            let moved = sample(&moved).interval(0.95).unwrap();
            let expected = [interval.low * scale + shift, interval.high * scale + shift];
            let size = scale * 1e3 * 1e3 + 1e3;
            prop_assert!((moved.low - expected[0]).abs() < 1e-9 * size, "{moved:?} {expected:?}");
            prop_assert!((moved.high - expected[1]).abs() < 1e-9 * size, "{moved:?} {expected:?}");
        }
    }
}
